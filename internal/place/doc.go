// Package place lets clients stand at a place of an emulated network.
//
// One port speaks SOCKS5 (RFC 1928, RFC 1929) and HTTP CONNECT (RFC 9110,
// section 9.3.6), and the proxy's user name is the place: internet,
// internet:ADDRESS, or the name or id of a machine, a subnet (VNET/SUBNET), a
// network interface, an app, or a site on premises. Names resolve as they do
// there, and a connection is made where the topology certainly allows it. A
// DNS server for each place answers over UDP and TCP what the proxy goes by.
//
// It guarantees that nothing leaves the machine: whatever a client names, the
// only things dialled are what Config.Dial opens and loopback addresses of
// services that were put into the network. What is denied, and what cannot be
// told, is refused with the hop that decides. Connections, headers and the
// time for negotiation are bounded.
//
// It does not guarantee who asks: any program of this machine may stand
// anywhere, which is the purpose. Listen on loopback alone. A change of the
// network ends connections that it forbids, where Azure lets those go on that
// its stateful filters know.
package place
