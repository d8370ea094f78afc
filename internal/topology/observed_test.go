package topology_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// The answers below were observed on Azure, or are stated by its
// documentation. They are frozen: engine and naive evaluator alike are held to
// them, so that the two cannot be wrong together without a change here.
const (
	article = "article “Azure OpenAI Service の利用を VNet 経由に限定する方法” (2023), "
	groups  = "learn.microsoft.com/azure/virtual-network/network-security-groups-overview, "
	how     = "learn.microsoft.com/azure/virtual-network/network-security-group-how-it-works, "
	tags    = "learn.microsoft.com/azure/virtual-network/service-tags-overview, "
	policy  = "learn.microsoft.com/azure/private-link/disable-private-endpoint-network-policy, "
	manager = "learn.microsoft.com/azure/virtual-network-manager/concept-security-admins, "
	udr     = "learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview, "
	peering = "learn.microsoft.com/azure/virtual-network/virtual-network-peering-overview, "
)

// scene is an estate of one pattern: a client network, a network with a
// private endpoint, the account behind it, a machine in the client network.
type scene struct {
	public, action, ips, netRules string // the account
	endpoint                      bool
	status                        string
	policies                      string // of the endpoint's subnet
	group, nicGroup, outGroup     string // rules: of the endpoint's subnet, of the machine's interface, of its subnet
	routes                        string // of the machine's subnet
	peered                        bool   // the machine is in another network, peered with the endpoint's
	shut                          bool
	admin                         string // an admin rule of both networks
	dns                           string // the client network's servers
	zone, records, linkPolicy     string // records of the privatelink zone; zone "linked", "other" or none
	services                      string // service endpoints of the machine's subnet
	extra                         string
}

func (s scene) doc() string {
	or := func(v, d string) string {
		if v == "" {
			return d
		}
		return v
	}
	v := func(n string) string { return rg + "/virtualNetworks/" + n }
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	nsg := func(name, rules string) string {
		if rules == "" {
			return "null"
		}
		add(`{"id":"%s/networkSecurityGroups/%s","type":"Microsoft.Network/networkSecurityGroups","properties":{"securityRules":[%s]}}`, rg, name, strings.TrimPrefix(rules, "none"))
		return fmt.Sprintf(`{"id":"%s/networkSecurityGroups/%s"}`, rg, name)
	}
	table := "null"
	if s.routes != "" {
		add(`{"id":"%s/routeTables/rt","type":"Microsoft.Network/routeTables","properties":{"routes":[%s]}}`, rg, s.routes)
		table = fmt.Sprintf(`{"id":"%s/routeTables/rt"}`, rg)
	}
	clients := fmt.Sprintf(`{"name":"clients","properties":{"addressPrefix":"10.3.0.0/24","networkSecurityGroup":%s,"routeTable":%s,"serviceEndpoints":[%s]}}`, nsg("nsg-clients", s.outGroup), table, s.services)
	endpoints := fmt.Sprintf(`{"name":"endpoints","properties":{"addressPrefix":"10.4.0.0/24","networkSecurityGroup":%s,"privateEndpointNetworkPolicies":"%s"}}`, nsg("nsg-endpoints", s.group), or(s.policies, "Disabled"))
	peer := func(to string) string {
		if !s.peered {
			return ""
		}
		return fmt.Sprintf(`{"name":"to-%s","properties":{"peeringState":"Connected","remoteVirtualNetwork":{"id":"%s"},"allowVirtualNetworkAccess":%v}}`, to, v(to), !s.shut)
	}
	home, spaceA, spaceB := "a", `"10.3.0.0/24","10.4.0.0/24"`, ""
	if s.peered {
		home, spaceA, spaceB = "b", `"10.3.0.0/24"`, `"10.4.0.0/24"`
	}
	subnetsA, subnetsB := clients+","+endpoints, ""
	if s.peered {
		subnetsA, subnetsB = clients, endpoints
	}
	add(`{"id":"%s","type":"Microsoft.Network/virtualNetworks","location":"japaneast","properties":{"addressSpace":{"addressPrefixes":[%s]},"dhcpOptions":{"dnsServers":[%s]},"subnets":[%s],"virtualNetworkPeerings":[%s]}}`, v("a"), spaceA, s.dns, subnetsA, peer("b"))
	if s.peered {
		add(`{"id":"%s","type":"Microsoft.Network/virtualNetworks","location":"japaneast","properties":{"addressSpace":{"addressPrefixes":[%s]},"subnets":[%s],"virtualNetworkPeerings":[%s]}}`, v("b"), spaceB, subnetsB, peer("a"))
	}
	add(`{"id":"%s/networkInterfaces/vm","type":"Microsoft.Network/networkInterfaces","properties":{"networkSecurityGroup":%s,"ipConfigurations":[{"name":"c","properties":{"privateIPAddress":"10.3.0.4","subnet":{"id":"%s/subnets/clients"}}}]}}`, rg, nsg("nsg-vm", s.nicGroup), v("a"))
	account := "/subscriptions/s/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/acct"
	connection := ""
	if s.endpoint {
		connection = fmt.Sprintf(`{"id":"%s/privateEndpointConnections/c","properties":{"privateEndpoint":{"id":"%s/privateEndpoints/pe"},"privateLinkServiceConnectionState":{"status":"%s"}}}`, account, rg, or(s.status, "Approved"))
		add(`{"id":"%s/privateEndpoints/pe","type":"Microsoft.Network/privateEndpoints","location":"japaneast","properties":{"subnet":{"id":"%s/subnets/endpoints"},"customDnsConfigs":[{"fqdn":"acct.openai.azure.com","ipAddresses":["10.4.0.5"]}],"privateLinkServiceConnections":[{"name":"c","properties":{"privateLinkServiceId":"%s","groupIds":["account"],"privateLinkServiceConnectionState":{"status":"%s"}}}]}}`, rg, v(home), account, or(s.status, "Approved"))
	}
	add(`{"id":"%s","type":"Microsoft.CognitiveServices/accounts","kind":"OpenAI","location":"eastus","properties":{"customSubDomainName":"acct","publicNetworkAccess":"%s","networkAcls":{"bypass":"None","defaultAction":"%s","ipRules":[%s],"virtualNetworkRules":[%s]},"privateEndpointConnections":[%s]}}`, account, or(s.public, "Enabled"), or(s.action, "Allow"), s.ips, s.netRules, connection)
	if s.zone != "" {
		z := rg + "/privateDnsZones/privatelink.openai.azure.com"
		to := v("a")
		if s.zone == "other" {
			to = v("elsewhere")
		}
		add(`{"id":"%s","type":"Microsoft.Network/privateDnsZones","properties":{}}`, z)
		add(`{"id":"%s/SOA/@","type":"Microsoft.Network/privateDnsZones/SOA","properties":{}}`, z)
		add(`{"id":"%s/virtualNetworkLinks/l","type":"Microsoft.Network/privateDnsZones/virtualNetworkLinks","properties":{"virtualNetwork":{"id":"%s"},"virtualNetworkLinkState":"Completed","resolutionPolicy":"%s"}}`, z, to, or(s.linkPolicy, "Default"))
		if s.records != "" {
			add(`{"id":"%s/A/%s","type":"Microsoft.Network/privateDnsZones/A","properties":{"aRecords":[{"ipv4Address":"10.4.0.5"}]}}`, z, s.records)
		}
	}
	if s.admin != "" {
		nm := rg + "/networkManagers/nm"
		for _, x := range [][2]string{{"", `"properties":{}`}, {"/networkGroups/g", `"properties":{}`}, {"/securityAdminConfigurations/a", `"properties":{}`},
			{"/securityAdminConfigurations/a/ruleCollections/c", `"properties":{"appliesToGroups":[{"networkGroupId":"` + nm + `/networkGroups/g"}]}`},
			{"/securityAdminConfigurations/a/ruleCollections/c/rules/r", `"properties":` + s.admin},
			{"/listDeploymentStatus", `"value":[{"region":"japaneast","deploymentType":"SecurityAdmin","deploymentStatus":"Deployed","configurationIds":["` + nm + `/securityAdminConfigurations/a"]}]`},
			{"/networkGroups/g/listEffectiveVirtualNetworks", `"value":[{"id":"` + v("a") + `"},{"id":"` + v("b") + `"}]`}} {
			add(`{"id":"%s%s",%s}`, nm, x[0], x[1])
		}
	}
	if s.extra != "" {
		out = append(out, s.extra)
	}
	return "[" + strings.Join(out, ",\n") + "]"
}

func nsgRule(priority int, direction, access, protocol, source, destination, port string) string {
	return fmt.Sprintf(`{"name":"%s-%d","properties":{"priority":%d,"direction":"%s","access":"%s","protocol":"%s","sourceAddressPrefix":"%s","sourcePortRange":"*","destinationAddressPrefix":"%s","destinationPortRange":"%s"}}`, strings.ToLower(access), priority, priority, direction, access, protocol, source, destination, port)
}

func userRoute(prefix, hop string) string {
	return fmt.Sprintf(`{"name":"u","properties":{"addressPrefix":"%s","nextHopType":"%s","nextHopIpAddress":"10.3.0.9"}}`, prefix, hop)
}

func adminRule(direction, access, source, destination string) string {
	return fmt.Sprintf(`{"priority":1,"direction":"%s","access":"%s","protocol":"Tcp","sources":[{"addressPrefix":"%s"}],"destinations":[{"addressPrefix":"%s"}],"sourcePortRanges":["0-65535"],"destinationPortRanges":["443"]}`, direction, access, source, destination)
}

// observation is one answer.
type observation struct {
	what, where string
	in          scene
	from, to    string // vm, outside, an address in network a; account, endpoint, an address
	want        topology.Verdict
}

func observedFlows() []observation {
	private := scene{public: "Disabled", endpoint: true}
	peered := scene{public: "Disabled", endpoint: true, peered: true, policies: "Enabled"}
	denyAll := nsgRule(4096, "Inbound", "Deny", "*", "*", "*", "*")
	return []observation{
		{"with all networks allowed, the machine calls over the internet", article + "手順 1, before", scene{}, "vm", "account", topology.Allowed},
		{"with all networks allowed, anyone calls", article + "手順 1, before", scene{}, "outside", "account", topology.Allowed},
		{"disabled: “Public access is disabled. Please configure private endpoint.”", article + "手順 1, after", scene{public: "Disabled"}, "vm", "account", topology.Denied},
		{"through the private endpoint, the script unchanged, the endpoint in another region than the account", article + "手順 3", private, "vm", "endpoint", topology.Allowed},
		{"case 1: a call from outside the network fails", article + "補足 1", private, "outside", "account", topology.Denied},
		{"case 1: nor does the private address lead anywhere from outside", article + "補足 1", private, "outside", "endpoint", topology.Denied},
		{"case 4: selected networks beside the endpoint: an allowed address calls", article + "補足 4", scene{endpoint: true, action: "Deny", ips: `{"value":"203.0.113.0/24"}`}, "outside", "account", topology.Allowed},
		{"case 4: another address does not", article + "補足 4", scene{endpoint: true, action: "Deny", ips: `{"value":"198.51.100.7"}`}, "outside", "account", topology.Denied},
		{"case 4: and the endpoint serves as before", article + "補足 4", scene{endpoint: true, action: "Deny", ips: `{"value":"198.51.100.7"}`}, "vm", "endpoint", topology.Allowed},
		{"case 5: the playground's call from outside fails: AccessDenied", article + "補足 5", private, "outside", "account", topology.Denied},
		{"case 6: listing models from outside fails", article + "補足 6", private, "outside", "account", topology.Denied},

		{"outbound, the interface's group counts", how + "section Outbound traffic", scene{endpoint: true, nicGroup: nsgRule(100, "Outbound", "Deny", "Tcp", "*", "*", "443")}, "vm", "endpoint", topology.Denied},
		{"outbound, the subnet's group counts too", how + "section Outbound traffic", scene{endpoint: true, outGroup: nsgRule(100, "Outbound", "Deny", "Tcp", "*", "10.4.0.0/24", "443")}, "vm", "endpoint", topology.Denied},
		{"traffic inside one subnet passes its group", how + "section Intra-subnet traffic", scene{outGroup: nsgRule(100, "Inbound", "Deny", "*", "10.3.0.0/24", "*", "*")}, "10.3.0.77", "10.3.0.4", topology.Denied},
		{"the lowest priority comes first", groups + "section Security rules", scene{endpoint: true, policies: "Enabled", group: nsgRule(200, "Inbound", "Deny", "*", "*", "*", "*") + "," + nsgRule(100, "Inbound", "Allow", "Tcp", "10.3.0.4", "10.4.0.5", "443")}, "vm", "endpoint", topology.Allowed},
		{"the first match ends it", groups + "section Security rules", scene{endpoint: true, policies: "Enabled", group: nsgRule(100, "Inbound", "Deny", "*", "*", "*", "*") + "," + nsgRule(200, "Inbound", "Allow", "Tcp", "10.3.0.4", "10.4.0.5", "443")}, "vm", "endpoint", topology.Denied},
		{"default rules let the network in", groups + "section Default security rules", scene{endpoint: true, policies: "Enabled", group: "none"}, "vm", "endpoint", topology.Allowed},
		{"default rules let peers in: an explicit deny is needed", tags + "tag VirtualNetwork", scene{endpoint: true, peered: true, policies: "Enabled", group: "none"}, "vm", "endpoint", topology.Allowed},
		{"the explicit deny under an allow", tags + "tag VirtualNetwork", scene{endpoint: true, peered: true, policies: "Enabled", group: nsgRule(100, "Inbound", "Allow", "Tcp", "10.3.0.4", "*", "443") + "," + denyAll}, "10.3.0.77", "endpoint", topology.Denied},
		{"a tag without a snapshot is unknown, never a pass", tags + "tags change weekly", scene{endpoint: true, policies: "Enabled", group: nsgRule(100, "Inbound", "Allow", "Tcp", "AppService.WestEurope", "*", "443") + "," + denyAll}, "vm", "endpoint", topology.Unknown},
		{"platform DNS passes a group that denies everything", groups + "section Azure platform considerations", scene{outGroup: nsgRule(100, "Outbound", "Deny", "*", "*", "*", "*")}, "vm", "168.63.129.16", topology.Allowed},
		{"unless its own tag is used", groups + "section Azure platform considerations", scene{outGroup: nsgRule(100, "Outbound", "Deny", "*", "*", "AzurePlatformDNS", "*")}, "vm", "168.63.129.16", topology.Denied},

		{"a group does not bind an endpoint by default", policy + "first paragraph", scene{endpoint: true, group: denyAll}, "vm", "endpoint", topology.Allowed},
		{"it binds with Enabled", policy + "first paragraph", scene{endpoint: true, policies: "Enabled", group: denyAll}, "vm", "endpoint", topology.Denied},
		{"it binds with NetworkSecurityGroupEnabled", policy + "first paragraph", scene{endpoint: true, policies: "NetworkSecurityGroupEnabled", group: denyAll}, "vm", "endpoint", topology.Denied},
		{"it does not with RouteTableEnabled", policy + "first paragraph", scene{endpoint: true, policies: "RouteTableEnabled", group: denyAll}, "vm", "endpoint", topology.Allowed},
		{"the setting is the endpoints' alone: a machine beside them is bound", policy + "first paragraph", scene{endpoint: true, group: denyAll}, "vm", "10.4.0.77", topology.Denied},

		{"an admin deny stops what groups allow", manager + "section Evaluation", scene{endpoint: true, admin: adminRule("Outbound", "Deny", "10.3.0.0/24", "10.4.0.0/24")}, "vm", "endpoint", topology.Denied},
		{"AlwaysAllow passes groups by", manager + "section Evaluation", scene{admin: adminRule("Outbound", "AlwaysAllow", "10.3.0.0/24", "10.4.0.0/24"), outGroup: nsgRule(100, "Outbound", "Deny", "*", "*", "*", "*"), endpoint: true}, "vm", "endpoint", topology.Allowed},
		{"Allow leaves it to groups", manager + "section Evaluation", scene{admin: adminRule("Outbound", "Allow", "10.3.0.0/24", "10.4.0.0/24"), outGroup: nsgRule(100, "Outbound", "Deny", "*", "*", "*", "*"), endpoint: true}, "vm", "endpoint", topology.Denied},
		{"an inbound admin deny does not protect an endpoint", manager + "note on private endpoints", scene{endpoint: true, policies: "Enabled", admin: adminRule("Inbound", "Deny", "0.0.0.0/0", "10.4.0.0/24")}, "vm", "endpoint", topology.Allowed},
		{"it protects a machine", manager + "section Evaluation", scene{endpoint: true, admin: adminRule("Inbound", "Deny", "0.0.0.0/0", "10.4.0.0/24")}, "vm", "10.4.0.77", topology.Denied},

		{"an endpoint's own route beats 0.0.0.0/0", policy + "second paragraph", scene{endpoint: true, policies: "Enabled", routes: userRoute("0.0.0.0/0", "None")}, "vm", "endpoint", topology.Allowed},
		{"a route as long as the network's space beats it, with routes binding", policy + "second paragraph", scene{endpoint: true, policies: "RouteTableEnabled", routes: userRoute("10.4.0.0/24", "None")}, "vm", "endpoint", topology.Denied},
		{"and not without", policy + "second paragraph", scene{endpoint: true, policies: "NetworkSecurityGroupEnabled", routes: userRoute("10.4.0.0/24", "None")}, "vm", "endpoint", topology.Allowed},
		{"a shorter one never", policy + "second paragraph", scene{endpoint: true, policies: "Enabled", routes: userRoute("10.4.0.0/23", "None")}, "vm", "endpoint", topology.Allowed},
		{"one for the address itself always", udr + "section How Azure selects a route", scene{endpoint: true, routes: userRoute("10.4.0.5/32", "None")}, "vm", "endpoint", topology.Denied},
		{"what an appliance does is unknown", udr + "section User-defined", scene{endpoint: true, routes: userRoute("10.4.0.5/32", "VirtualAppliance")}, "vm", "endpoint", topology.Unknown},
		{"a route of the same length beats Azure's own", udr + "section How Azure selects a route", scene{endpoint: true, routes: userRoute("10.4.0.0/24", "None")}, "vm", "10.4.0.77", topology.Denied},
		{"nothing leaves once 0.0.0.0/0 leads nowhere", udr + "section 0.0.0.0/0 address prefix", scene{routes: userRoute("0.0.0.0/0", "None")}, "vm", "account", topology.Denied},
		{"but through a service endpoint it does", udr + "section 0.0.0.0/0 address prefix", scene{routes: userRoute("0.0.0.0/0", "None"), action: "Deny", netRules: `{"id":"` + rg + `/virtualNetworks/a/subnets/clients"}`, services: `{"service":"Microsoft.CognitiveServices"}`}, "vm", "account", topology.Allowed},

		{"a peer reaches the endpoint", peering + "section Connectivity", peered, "vm", "endpoint", topology.Allowed},
		{"with access turned off nothing is certain", "learn.microsoft.com/azure/virtual-network/virtual-network-manage-peering says that nothing flows; technology.amis.nl/azure/vnet-peering-in-azure saw that it does", scene{endpoint: true, peered: true, shut: true}, "vm", "endpoint", topology.Unknown},
		{"a pending connection carries nothing", "learn.microsoft.com/azure/private-link/private-endpoint-overview, section Access to a private-link resource", scene{endpoint: true, status: "Pending"}, "vm", "endpoint", topology.Denied},
	}
}

// ask puts the observation's question to the engine.
func (c observation) ask(topo *topology.Topology) topology.Flow {
	source := "10.3.0.4"
	if strings.HasPrefix(c.from, "10.") {
		source = c.from
	}
	from, _ := topo.AddressIn(rg+"/virtualNetworks/a", addr(source))
	if c.from == "outside" {
		from = topology.Internet(addr("203.0.113.9"))
	}
	switch c.to {
	case "account":
		to, _ := topo.TargetOf("/subscriptions/s/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/acct")
		return topo.Flow(from, to, https)
	case "endpoint":
		to, _ := topo.TargetOf(rg + "/privateEndpoints/pe")
		return topo.Flow(from, to, https)
	}
	return topo.Flow(from, topology.Address(addr(c.to)), https)
}

// askNaive puts it to the naive evaluator.
func (c observation) askNaive(e *estate.Estate) topology.Verdict {
	n := &naive{e: e, parsed: map[string][2]netip.Addr{}}
	v := e.Find(rg + "/virtualNetworks/a").(*estate.VirtualNetwork)
	source := addr("10.3.0.4")
	if strings.HasPrefix(c.from, "10.") {
		source = addr(c.from)
	}
	switch {
	case c.to == "account" && c.from == "outside":
		return n.account(e.Accounts[0], customer{addr: addr("203.0.113.9")}).verdict()
	case c.to == "account":
		return n.toAccount(v, source, e.Accounts[0], 443).verdict()
	case c.to == "endpoint" && c.from == "outside":
		return topology.Denied
	case c.to == "endpoint":
		return n.toEndpoint(v, source, e.PrivateEndpoints[0], 443).verdict()
	}
	return n.toAddress(v, source, addr(c.to), 443).verdict()
}

func TestObservedFlows(t *testing.T) {
	for _, c := range observedFlows() {
		e := read(t, c.in.doc())
		if f := c.ask(topology.New(e, topology.Config{})); f.Verdict != c.want {
			t.Errorf("%s (%s):\n  engine: %v", c.what, c.where, f)
		}
		if v := c.askNaive(e); v != c.want {
			t.Errorf("%s (%s):\n  naive evaluator: %v", c.what, c.where, v)
		}
	}
}

// Cases 7 and 8 of the article: neither the key nor a role narrows who may
// call what. The network tells no callers apart either: whoever is at the
// address calls, with a key or without.
func TestObservedThatIdentityIsNotTheNetworks(t *testing.T) {
	s := scene{endpoint: true, public: "Disabled"}
	for _, local := range []string{"true", "false"} {
		doc := strings.Replace(s.doc(), `"customSubDomainName"`, `"disableLocalAuth":`+local+`,"customSubDomainName"`, 1)
		topo := topology.New(read(t, doc), topology.Config{})
		from, _ := topo.AddressIn(rg+"/virtualNetworks/a", addr("10.3.0.200"))
		to, _ := topo.TargetOf(rg + "/privateEndpoints/pe")
		if f := topo.Flow(from, to, https); f.Verdict != topology.Allowed {
			t.Errorf("disableLocalAuth %s: %v", local, f)
		}
	}
}

// saying is one answer to a name.
type saying struct {
	what, where string
	in          scene
	cfg         topology.Config
	outside     bool
	name        string
	want        topology.Result
	chain       string // the chain's types, in order
}

// ask puts the name to the engine.
func (c saying) ask(topo *topology.Topology) topology.Answer {
	at, _ := topo.PlaceOf(rg + "/networkInterfaces/vm")
	if c.outside {
		at = topology.Internet(netip.Addr{})
	}
	return topo.Resolve(at, strings.ToUpper(c.name)+".")
}

func observedNames() []saying {
	const name, link = "acct.openai.azure.com", "acct.privatelink.openai.azure.com"
	const private = "learn.microsoft.com/azure/private-link/private-endpoint-dns, "
	const fallback = "learn.microsoft.com/azure/dns/private-dns-fallback, "
	whole := scene{endpoint: true, public: "Disabled", zone: "linked", records: "acct"}
	custom := whole
	custom.dns = `"10.3.0.53"`
	with := func(s scene, change func(*scene)) scene { change(&s); return s }
	inbound := `{"id":"` + rg + `/dnsResolvers/r","type":"Microsoft.Network/dnsResolvers","properties":{"virtualNetwork":{"id":"` + rg + `/virtualNetworks/a"}}},
		{"id":"` + rg + `/dnsResolvers/r/inboundEndpoints/in","type":"Microsoft.Network/dnsResolvers/inboundEndpoints","properties":{"ipConfigurations":[{"privateIpAddress":"10.3.0.53","subnet":{"id":"` + rg + `/virtualNetworks/a/subnets/clients"}}]}},
		{"id":"` + rg + `/dnsResolvers/r/outboundEndpoints/out","type":"Microsoft.Network/dnsResolvers/outboundEndpoints","properties":{"subnet":{"id":"` + rg + `/virtualNetworks/a/subnets/clients"}}}`
	ruleset := func(domain, server string) string {
		return inbound + `,{"id":"` + rg + `/dnsForwardingRulesets/f","type":"Microsoft.Network/dnsForwardingRulesets","properties":{"dnsResolverOutboundEndpoints":[{"id":"` + rg + `/dnsResolvers/r/outboundEndpoints/out"}]}},
		{"id":"` + rg + `/dnsForwardingRulesets/f/forwardingRules/x","type":"Microsoft.Network/dnsForwardingRulesets/forwardingRules","properties":{"domainName":"` + domain + `","targetDnsServers":[{"ipAddress":"` + server + `","port":53}],"forwardingRuleState":"Enabled"}},
		{"id":"` + rg + `/dnsForwardingRulesets/f/virtualNetworkLinks/l","type":"Microsoft.Network/dnsForwardingRulesets/virtualNetworkLinks","properties":{"virtualNetwork":{"id":"` + rg + `/virtualNetworks/a"}}}`
	}
	server := func(domain, to string) topology.Config {
		return topology.Config{Servers: []topology.Server{{Addr: addr("10.3.0.53"), Forward: map[string]netip.Addr{domain: addr(to)}}}}
	}
	return []saying{
		{"without an endpoint the name is public, without a CNAME", private, scene{}, topology.Config{}, false, name, topology.Public, "A"},
		{"inside: a CNAME, then the endpoint's address", article + "手順 2, nslookup", whole, topology.Config{}, false, name, topology.Addresses, "CNAME A"},
		{"case 2: the CNAME itself has the same address", article + "手順 2, nslookup of the canonical name", whole, topology.Config{}, false, link, topology.Addresses, "A"},
		{"outside: the same CNAME, then public addresses", private + "section Azure services DNS zone configuration", whole, topology.Config{}, true, name, topology.Public, "CNAME A"},
		{"a network without the link sees what the internet sees", private, with(whole, func(s *scene) { s.zone = "other" }), topology.Config{}, false, name, topology.Public, "CNAME A"},
		{"a zone without the record answers NXDOMAIN, and nothing falls back", fallback + "introduction", with(whole, func(s *scene) { s.records = "" }), topology.Config{}, false, name, topology.NXDomain, "CNAME NXDOMAIN"},
		{"a record under another name is no record", private, with(whole, func(s *scene) { s.records = "other" }), topology.Config{}, false, name, topology.NXDomain, "CNAME NXDOMAIN"},
		{"with NxDomainRedirect it falls back to the internet", fallback + "resolutionPolicy", with(whole, func(s *scene) { s.records, s.linkPolicy = "", "NxDomainRedirect" }), topology.Config{}, false, name, topology.Public, "CNAME NXDOMAIN A"},
		{"with NxDomainRedirect an existing record still counts", fallback + "resolutionPolicy", with(whole, func(s *scene) { s.linkPolicy = "NxDomainRedirect" }), topology.Config{}, false, name, topology.Addresses, "CNAME A"},
		{"case 3: what a custom server says nobody knows", article + "補足 3", custom, topology.Config{}, false, name, topology.Unresolved, ""},
		{"case 3: a forwarder to Azure DNS makes it work", article + "補足 3", custom, server(".", "168.63.129.16"), false, name, topology.Addresses, "FORWARD CNAME A"},
		{"case 3: a forwarder to a public resolver does not", article + "補足 3", custom, server(".", "8.8.8.8"), false, name, topology.Public, "FORWARD CNAME A"},
		{"case 3: nor one that forwards other names alone", article + "補足 3", custom, server("corp.example", "168.63.129.16"), false, name, topology.Unresolved, ""},
		{"case 3: a resolver's inbound endpoint answers as Azure DNS does", article + "補足 3, Azure DNS Private Resolver", with(custom, func(s *scene) { s.extra = inbound }), topology.Config{}, false, name, topology.Addresses, "FORWARD CNAME A"},
		{"linked zones come before forwarding rules", "learn.microsoft.com/azure/dns/dns-private-resolver-overview, steps 3 and 4", with(whole, func(s *scene) { s.extra = ruleset("privatelink.openai.azure.com.", "8.8.8.8") }), topology.Config{}, false, link, topology.Addresses, "A"},
		{"a forwarding rule for the public name counts where no zone matches it", "learn.microsoft.com/azure/dns/dns-private-resolver-overview, steps 4 to 7", with(whole, func(s *scene) { s.extra = ruleset("openai.azure.com.", "8.8.8.8") }), topology.Config{}, false, name, topology.Public, "FORWARD CNAME A"},
		{"a rule that points at the inbound endpoint of the same network goes round for ever: unknown", "learn.microsoft.com/azure/dns/private-resolver-endpoints-rulesets, note on loops", with(whole, func(s *scene) { s.extra = ruleset("openai.azure.com.", "10.3.0.53") }), topology.Config{}, false, name, topology.Unresolved, "*"},
	}
}

func TestObservedNames(t *testing.T) {
	for _, c := range observedNames() {
		e := read(t, c.in.doc())
		a := c.ask(topology.New(e, c.cfg))
		var types []string
		for _, l := range a.Chain {
			types = append(types, l.Type)
		}
		chain := strings.TrimSpace(strings.Join(types, " "))
		if a.Result != c.want || c.chain != "*" && chain != c.chain {
			t.Errorf("%s (%s): %v", c.what, c.where, a)
		}
		if c.want == topology.Addresses && (len(a.Addrs) != 1 || a.Addrs[0] != addr("10.4.0.5")) {
			t.Errorf("%s: %v", c.what, a.Addrs)
		}
		if c.want == topology.Public && a.Account != e.Accounts[0] {
			t.Errorf("%s: the account is %v", c.what, a.Account)
		}
	}
}
