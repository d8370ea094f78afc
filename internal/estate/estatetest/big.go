// Package estatetest makes estates for tests and measurements. What it makes
// looks like what ARM returns, in shape and in length.
package estatetest

import (
	"bufio"
	"fmt"
	"io"
)

// Size says how much Big makes. The zero value makes nothing.
type Size struct {
	VNets     int // spokes and their hubs, one hub for each hundred
	Rules     int // spread evenly over the spokes' groups
	Endpoints int // with their accounts, spread evenly over the hubs
}

// Full is the size that the bounds are stated for.
var Full = Size{VNets: 10_000, Rules: 100_000, Endpoints: 200} //nolint:gochecknoglobals // a constant in all but name

// Big writes an ARM document of hubs and spokes: each spoke has two subnets,
// a group and a peering to its hub; each hub holds private endpoints in a
// subnet whose group binds them.
func Big(w io.Writer, size Size) error {
	b := &big{Writer: bufio.NewWriterSize(w, 1<<20), size: size}
	b.text("[")
	for v := range size.VNets {
		if v%100 == 0 {
			b.hub(v)
		} else {
			b.spoke(v)
		}
	}
	for p := range size.Endpoints {
		b.endpoint(p)
	}
	b.zone()
	b.text("\n]\n")
	return b.Flush()
}

const (
	sub = "/subscriptions/00000000-0000-0000-0000-%012d/resourceGroups/rg-network-%05d/providers"
	net = sub + "/Microsoft.Network"
)

type big struct {
	*bufio.Writer
	size  Size
	begun bool
}

func (b *big) element(format string, args ...any) {
	if b.begun {
		b.text(",")
	}
	b.begun = true
	b.text(fmt.Sprintf("\n"+format, args...))
}

// text writes; a bufio.Writer keeps its first error for Flush.
func (b *big) text(s string) { _, _ = b.WriteString(s) }

// id is the id of a network resource of the estate's v-th network.
func id(v int, rest string) string { return fmt.Sprintf(net, v/1000, v) + rest }

// VNetID is the id of a network; the ids below go with it.
func VNetID(v int) string { return id(v, fmt.Sprintf("/virtualNetworks/vnet-%05d", v)) }

// SubnetID is the id of a subnet: apps and data in a spoke, endpoints in a hub.
func SubnetID(v int, name string) string { return VNetID(v) + "/subnets/" + name }

// EndpointID is the id of the p-th private endpoint.
func EndpointID(p, hubs int) string {
	return id(p%hubs*100, fmt.Sprintf("/privateEndpoints/pe-%04d", p))
}

// AccountID is the id of the p-th account.
func AccountID(p int) string {
	return fmt.Sprintf(sub+"/Microsoft.CognitiveServices/accounts/openai-%04d", p%7, p, p)
}

// Hubs is the number of hubs that a size gives.
func (s Size) Hubs() int { return (s.VNets + 99) / 100 }

// A hub has 10.(64+h).0.0/20 …; a spoke a /24 inside 10/8 next to it. The
// space of 10,000 networks does not fit without overlap between groups of a
// hub and its spokes, so each such group starts anew.
func space(v int) string { return fmt.Sprintf("10.%d.%d.0", v/100%100, v%100) }

func (b *big) hub(v int) {
	group := id(v, "/networkSecurityGroups/nsg-endpoints")
	b.element(`{"name":"nsg-endpoints","id":%q,"etag":"W/\"5d2f6a5c-1111-2222-3333-%012d\"","type":"Microsoft.Network/networkSecurityGroups","location":"swedencentral","tags":{"costcenter":"4711","owner":"platform"},"properties":{"provisioningState":"Succeeded","resourceGuid":"5d2f6a5c-1111-2222-4444-%012d","securityRules":[%s,%s]}}`,
		group, v, v,
		rule(group, "allow-first-spokes", 100, "Allow", "10."+fmt.Sprint(v/100%100)+".0.0/18", "443"),
		rule(group, "deny-all", 4096, "Deny", "*", "*"))
	peers := ""
	for s := v + 1; s < v+100 && s < b.size.VNets; s++ {
		if peers != "" {
			peers += ","
		}
		peers += peering(v, s)
	}
	b.element(`{"name":"vnet-%05d","id":%q,"etag":"W/\"5d2f6a5c-1111-2222-5555-%012d\"","type":"Microsoft.Network/virtualNetworks","location":"swedencentral","properties":{"provisioningState":"Succeeded","addressSpace":{"addressPrefixes":["%s/24"]},"subnets":[{"name":"endpoints","id":%q,"properties":{"provisioningState":"Succeeded","addressPrefix":"%s/24","networkSecurityGroup":{"id":%q},"delegations":[],"privateEndpointNetworkPolicies":"Enabled","privateLinkServiceNetworkPolicies":"Enabled"},"type":"Microsoft.Network/virtualNetworks/subnets"}],"virtualNetworkPeerings":[%s],"enableDdosProtection":false}}`,
		v, VNetID(v), v, space(v), SubnetID(v, "endpoints"), space(v), group, peers)
}

func peering(from, to int) string {
	return fmt.Sprintf(`{"id":%q,"name":"to-%05d","properties":{"provisioningState":"Succeeded","peeringState":"Connected","peeringSyncLevel":"FullyInSync","remoteVirtualNetwork":{"id":%q},"allowVirtualNetworkAccess":true,"allowForwardedTraffic":true,"allowGatewayTransit":false,"useRemoteGateways":false,"remoteAddressSpace":{"addressPrefixes":["%s/24"]},"remoteVirtualNetworkAddressSpace":{"addressPrefixes":["%s/24"]}}}`,
		VNetID(from)+fmt.Sprintf("/virtualNetworkPeerings/to-%05d", to), to, VNetID(to), space(to), space(to))
}

func rule(group, name string, priority int, access, source, port string) string {
	return fmt.Sprintf(`{"name":%q,"id":%q,"properties":{"provisioningState":"Succeeded","protocol":"Tcp","sourcePortRange":"*","destinationPortRange":%q,"sourceAddressPrefix":%q,"destinationAddressPrefix":"*","access":%q,"priority":%d,"direction":"Inbound"}}`,
		name, group+"/securityRules/"+name, port, source, access, priority)
}

func (b *big) spoke(v int) {
	group := id(v, "/networkSecurityGroups/nsg-apps")
	per := b.size.Rules / max(1, b.size.VNets-b.size.Hubs())
	rules := ""
	for k := range per {
		if k > 0 {
			rules += ","
		}
		rules += rule(group, fmt.Sprintf("allow-service-%03d", k), 100+k, "Allow", fmt.Sprintf("10.%d.%d.0/24", k%100, k), fmt.Sprint(8000+k))
	}
	b.element(`{"name":"nsg-apps","id":%q,"etag":"W/\"5d2f6a5c-1111-2222-3333-%012d\"","type":"Microsoft.Network/networkSecurityGroups","location":"swedencentral","properties":{"provisioningState":"Succeeded","resourceGuid":"5d2f6a5c-1111-2222-4444-%012d","securityRules":[%s]}}`,
		group, v, v, rules)
	hub := v / 100 * 100
	b.element(`{"name":"vnet-%05d","id":%q,"etag":"W/\"5d2f6a5c-1111-2222-5555-%012d\"","type":"Microsoft.Network/virtualNetworks","location":"swedencentral","properties":{"provisioningState":"Succeeded","addressSpace":{"addressPrefixes":["%s/24"]},"subnets":[{"name":"apps","id":%q,"etag":"W/\"x\"","properties":{"provisioningState":"Succeeded","addressPrefix":"%s/25","networkSecurityGroup":{"id":%q},"delegations":[],"privateEndpointNetworkPolicies":"Disabled","privateLinkServiceNetworkPolicies":"Enabled"},"type":"Microsoft.Network/virtualNetworks/subnets"},{"name":"data","id":%q,"etag":"W/\"x\"","properties":{"provisioningState":"Succeeded","addressPrefix":"%s/25","delegations":[],"privateEndpointNetworkPolicies":"Disabled","privateLinkServiceNetworkPolicies":"Enabled"},"type":"Microsoft.Network/virtualNetworks/subnets"}],"virtualNetworkPeerings":[%s],"enableDdosProtection":false}}`,
		v, VNetID(v), v, space(v), SubnetID(v, "apps"), space(v), group, SubnetID(v, "data"), upper(v), peering(v, hub))
}

// upper is the upper half of a spoke's space.
func upper(v int) string { return fmt.Sprintf("10.%d.%d.128", v/100%100, v%100) }

func (b *big) endpoint(p int) {
	hub := p % max(1, b.size.Hubs()) * 100
	ip := fmt.Sprintf("10.%d.%d.%d", hub/100%100, hub%100, 4+p/max(1, b.size.Hubs()))
	pe, account := EndpointID(p, b.size.Hubs()), AccountID(p)
	nic := id(hub, fmt.Sprintf("/networkInterfaces/pe-%04d.nic", p))
	name := fmt.Sprintf("openai%04d", p)
	b.element(`{"name":"openai-%04d","id":%q,"type":"Microsoft.CognitiveServices/accounts","kind":"OpenAI","location":"swedencentral","sku":{"name":"S0"},"identity":{"type":"SystemAssigned"},"properties":{"endpoint":"https://%s.openai.azure.com/","provisioningState":"Succeeded","customSubDomainName":%q,"publicNetworkAccess":"Disabled","disableLocalAuth":true,"networkAcls":{"bypass":"None","defaultAction":"Deny","ipRules":[],"virtualNetworkRules":[]},"privateEndpointConnections":[{"id":"%s/privateEndpointConnections/pe-%04d.1","name":"pe-%04d.1","type":"Microsoft.CognitiveServices/accounts/privateEndpointConnections","properties":{"privateEndpoint":{"id":%q},"groupIds":["account"],"privateLinkServiceConnectionState":{"status":"Approved","description":"","actionsRequired":"None"},"provisioningState":"Succeeded"}}]}}`,
		p, account, name, name, account, p, p, pe)
	b.element(`{"name":"pe-%04d","id":%q,"type":"Microsoft.Network/privateEndpoints","location":"swedencentral","properties":{"provisioningState":"Succeeded","privateLinkServiceConnections":[{"name":"c","id":"%s/privateLinkServiceConnections/c","properties":{"privateLinkServiceId":%q,"groupIds":["account"],"privateLinkServiceConnectionState":{"status":"Approved"}}}],"manualPrivateLinkServiceConnections":[],"subnet":{"id":%q},"networkInterfaces":[{"id":%q}],"ipConfigurations":[],"customDnsConfigs":[{"fqdn":"%s.openai.azure.com","ipAddresses":[%q]}]}}`,
		p, pe, pe, account, SubnetID(hub, "endpoints"), nic, name, ip)
	b.element(`{"name":"pe-%04d.nic","id":%q,"type":"Microsoft.Network/networkInterfaces","location":"swedencentral","properties":{"provisioningState":"Succeeded","ipConfigurations":[{"name":"privateEndpointIpConfig","id":"%s/ipConfigurations/privateEndpointIpConfig","properties":{"privateIPAddress":%q,"privateIPAllocationMethod":"Dynamic","subnet":{"id":%q},"primary":true,"privateIPAddressVersion":"IPv4"}}],"privateEndpoint":{"id":%q},"nicType":"Standard"}}`,
		p, nic, nic, ip, SubnetID(hub, "endpoints"), pe)
}

// zone writes the one private DNS zone, linked to every hub.
func (b *big) zone() {
	z := id(0, "/privateDnsZones/privatelink.openai.azure.com")
	b.element(`{"name":"privatelink.openai.azure.com","id":%q,"type":"Microsoft.Network/privateDnsZones","location":"global","properties":{"numberOfRecordSets":%d}}`, z, b.size.Endpoints+1)
	b.element(`{"name":"@","id":"%s/SOA/@","type":"Microsoft.Network/privateDnsZones/SOA","properties":{"ttl":3600}}`, z)
	for p := range b.size.Endpoints {
		hub := p % max(1, b.size.Hubs()) * 100
		b.element(`{"name":"openai%04d","id":"%s/A/openai%04d","type":"Microsoft.Network/privateDnsZones/A","properties":{"ttl":10,"aRecords":[{"ipv4Address":"10.%d.%d.%d"}]}}`, p, z, p, hub/100%100, hub%100, 4+p/max(1, b.size.Hubs()))
	}
	for h := 0; h < b.size.VNets; h += 100 {
		b.element(`{"name":"link-%05d","id":"%s/virtualNetworkLinks/link-%05d","type":"Microsoft.Network/privateDnsZones/virtualNetworkLinks","location":"global","properties":{"virtualNetwork":{"id":%q},"registrationEnabled":false,"virtualNetworkLinkState":"Completed","resolutionPolicy":"Default"}}`, h, z, h, VNetID(h))
	}
}
