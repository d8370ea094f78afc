package topology

import (
	"net/netip"

	"github.com/ostiary/ostiary/internal/estate"
)

// Place is where traffic starts. Places are made by Topology's methods and by
// Internet; the zero value is nowhere, from which everything is unknown.
type Place struct {
	kind placeKind
	net  *network
	sub  *subnet
	host *host
	site *site
	addr netip.Addr // not valid: any address there
	nic  *estate.Interface
	id   string
	at   estate.At
}

type placeKind uint8

const (
	placeNowhere  placeKind = iota
	placeInternet           // somewhere on the internet
	placeNetwork            // an address in a network
	placeSite               // behind a gateway
	placeService            // a service of Azure outside all networks
)

// ID is the id of the resource that the place was made of; empty for the
// internet.
func (p Place) ID() string { return p.id }

// Addr is the place's address, not valid where the place has several or it is
// not known.
func (p Place) Addr() netip.Addr { return p.addr }

// Internet is somewhere on the internet. With an invalid address it is anyone
// there.
func Internet(a netip.Addr) Place { return Place{kind: placeInternet, addr: a.Unmap()} }

// PlaceOf is the place of a resource: a subnet, a network interface, a virtual
// machine, a Container App or its environment, an App Service, a local network
// gateway, a connection or a virtual network gateway (its VPN clients). For
// anything with several addresses it is any of them: flows that differ among
// them are unknown. ok is false for other resources and for ids that the
// estate does not hold.
func (t *Topology) PlaceOf(id string) (p Place, ok bool) {
	switch x := t.e.Find(id).(type) {
	case *estate.Subnet:
		p, ok = t.inSubnet(x), true
	case *estate.Interface:
		p, ok = t.onInterface(x), true
	case *estate.VirtualMachine:
		p, ok = Place{}, true
		for _, r := range x.Interfaces.Items {
			if r.To != nil {
				p = t.onInterface(r.To)
				break
			}
		}
	case *estate.ContainerApp:
		p, ok = t.inEnvironment(x.Environment.To), true
	case *estate.AppEnvironment:
		p, ok = t.inEnvironment(x), true
	case *estate.WebApp:
		p, ok = t.outOf(x.Subnet), true
	case *estate.LocalGateway, *estate.Connection, *estate.Gateway:
		if sites := t.sites[x]; len(sites) > 0 {
			p, ok = Place{kind: placeSite, site: sites[0]}, true
		}
	}
	if ok {
		p.id = id
		p.at = t.e.Find(id).Base().At
	}
	return p, ok
}

// AddressIn is an address in a virtual network; ok is false where the estate
// does not hold the network.
func (t *Topology) AddressIn(vnet string, a netip.Addr) (p Place, ok bool) {
	v, ok := t.e.Find(vnet).(*estate.VirtualNetwork)
	if !ok {
		return Place{}, false
	}
	n := t.byVNet[v]
	a = a.Unmap()
	p = Place{kind: placeNetwork, net: n, sub: n.at(a), host: n.hosts[a], addr: a, id: v.ID, at: v.At}
	if p.host != nil {
		p.sub, p.nic = p.host.sub, p.host.nic
	}
	return p, true
}

// AddressAt is an address behind a gateway: on the site of a local network
// gateway, of a connection, or among a gateway's VPN clients.
func (t *Topology) AddressAt(site string, a netip.Addr) (p Place, ok bool) {
	sites := t.sites[t.e.Find(site)]
	if len(sites) == 0 {
		return Place{}, false
	}
	return Place{kind: placeSite, site: sites[0], addr: a.Unmap(), id: site, at: sites[0].at}, true
}

func (t *Topology) inSubnet(s *estate.Subnet) Place {
	sub := t.bySubnet[s]
	if sub == nil {
		return Place{}
	}
	return Place{kind: placeNetwork, net: sub.net, sub: sub}
}

func (t *Topology) onInterface(x *estate.Interface) Place {
	hosts := t.byNIC[x]
	if len(hosts) == 0 {
		return Place{}
	}
	h := hosts[0]
	for _, o := range hosts {
		if o.ip.Primary.Is(true) {
			h = o
		}
	}
	return Place{kind: placeNetwork, net: h.sub.net, sub: h.sub, host: h, addr: h.addr, nic: x}
}

func (t *Topology) inEnvironment(e *estate.AppEnvironment) Place {
	if e == nil {
		return Place{}
	}
	return t.outOf(e.Subnet)
}

// outOf is the place of an app that sends its traffic through a subnet, or
// through none.
func (t *Topology) outOf(r estate.Ref[estate.Subnet]) Place {
	s, state := r.Get()
	switch state {
	case estate.Known:
		return t.inSubnet(s)
	case estate.Absent:
		return Place{kind: placeService}
	}
	return Place{}
}

// Target is where traffic goes. Targets are made by Topology.TargetOf and
// Address; the zero value is nowhere, to which everything is unknown.
type Target struct {
	kind     targetKind
	endpoint *endpoint
	account  *estate.Account
	nic      *estate.Interface
	addr     netip.Addr
	id       string
}

type targetKind uint8

const (
	targetNowhere targetKind = iota
	targetAddress
	targetEndpoint
	targetAccount
	targetInterface
)

// Address is an address as the place sees it.
func Address(a netip.Addr) Target { return Target{kind: targetAddress, addr: a.Unmap()} }

// TargetOf is a private endpoint, the public front of an account, a network
// interface or a virtual machine. ok is false for other resources and for ids
// that the estate does not hold.
func (t *Topology) TargetOf(id string) (to Target, ok bool) {
	switch x := t.e.Find(id).(type) {
	case *estate.PrivateEndpoint:
		return Target{kind: targetEndpoint, endpoint: t.endpoints[x], id: x.ID}, true
	case *estate.Account:
		return Target{kind: targetAccount, account: x, id: x.ID}, true
	case *estate.Interface:
		return Target{kind: targetInterface, nic: x, id: x.ID}, true
	case *estate.VirtualMachine:
		for _, r := range x.Interfaces.Items {
			if r.To != nil {
				return Target{kind: targetInterface, nic: r.To, id: x.ID}, true
			}
		}
		return Target{id: x.ID}, true
	}
	return Target{}, false
}

// ID is the id of the resource that the target was made of; empty for an
// address.
func (t Target) ID() string { return t.id }
