package topology_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// world is a random estate as an ARM document, and what of it a flow may name.
// It is small and crowded, so that rules meet, routes overlap and unknown
// things matter.
type world struct {
	doc                           string
	vnets, endpoints, nics, sites []string
	accounts                      []string
	addrs                         []string // addresses worth asking about
	subnets                       []string
}

type maker struct {
	*rand.Rand
	out   []string
	w     world
	space []string // prefixes that rules and routes may name
	subAt map[[2]int]string
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func (m *maker) add(typ, name, rest string) string {
	id := rg + "/" + typ + "/" + name
	if strings.Contains(typ, ".") {
		id = "/subscriptions/s/resourceGroups/rg/providers/" + typ + "/" + name
		m.out = append(m.out, fmt.Sprintf(`{"id":%q,"type":%q,%s}`, id, typ, rest))
	} else {
		m.out = append(m.out, fmt.Sprintf(`{"id":%q,"type":"Microsoft.Network/%s",%s}`, id, typ, rest))
	}
	return id
}

func ref(id string) string {
	if id == "" {
		return "null"
	}
	return fmt.Sprintf(`{"id":%q}`, id)
}

// odd is a value that nobody can read, now and then.
func (m *maker) odd(text string, every int) string {
	if m.IntN(every) == 0 {
		return "7.5"
	}
	return text
}

func quoted(list []string) string {
	for i := range list {
		list[i] = `"` + list[i] + `"`
	}
	return "[" + strings.Join(list, ",") + "]"
}

func randomWorld(seed uint64) world {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 9)), subAt: map[[2]int]string{}}
	nets := 1 + m.IntN(4)
	m.space = []string{"10.0.0.0/8", "10.0.0.0/14", "0.0.0.0/0", "172.16.1.0/24", "20.0.0.0/8"}
	for v := range nets {
		m.space = append(m.space, fmt.Sprintf("10.%d.0.0/24", v), fmt.Sprintf("10.%d.0.0/26", v), fmt.Sprintf("10.%d.0.64/26", v), fmt.Sprintf("10.%d.0.4", v), fmt.Sprintf("10.%d.0.68/32", v), fmt.Sprintf("10.%d.0.0/16", v))
		for _, host := range []int{4, 5, 6, 68, 69, 70, 130, 200} {
			m.w.addrs = append(m.w.addrs, fmt.Sprintf("10.%d.0.%d", v, host))
		}
	}
	m.w.addrs = append(m.w.addrs, "172.16.1.9", "8.8.8.8", "20.1.2.3", "10.99.0.1", "168.63.129.16", "169.254.169.254")
	asgs := []string{m.add("applicationSecurityGroups", "asg0", `"properties":{}`), m.add("applicationSecurityGroups", "asg1", `"properties":{}`)}
	var groups, tables []string
	for g := range 1 + m.IntN(3) {
		groups = append(groups, m.add("networkSecurityGroups", fmt.Sprint("nsg", g), `"properties":{"securityRules":[`+m.rules(asgs)+`]}`))
	}
	groups = append(groups, "", "")
	if m.IntN(8) == 0 {
		groups = append(groups, rg+"/networkSecurityGroups/nowhere")
	}
	for t := range 1 + m.IntN(2) {
		tables = append(tables, m.add("routeTables", fmt.Sprint("rt", t), m.routes(nets)))
	}
	tables = append(tables, "", "", "")
	if m.IntN(10) == 0 {
		tables = append(tables, rg+"/routeTables/nowhere")
	}
	for v := range nets {
		m.network(v, nets, groups, tables)
	}
	for v := range nets {
		m.interfaces(v, groups, asgs)
	}
	m.gateways(nets)
	m.manager(nets)
	if m.IntN(6) == 0 {
		m.add("azureFirewalls", "fw", fmt.Sprintf(`"properties":{"ipConfigurations":[{"name":"c","properties":{"privateIPAddress":%s,"subnet":%s}}]}`, m.odd(`"10.0.0.6"`, 8), ref(m.sub(0, 6))))
	}
	m.accounts()
	m.w.doc = "[" + strings.Join(m.out, ",\n") + "]"
	return m.w
}

func (m *maker) term() string {
	if m.IntN(4) == 0 {
		return pick(m.Rand, "*", "VirtualNetwork", "Internet", "AzureLoadBalancer", "SomeTag.West", "AzurePlatformDNS", "AzurePlatformIMDS")
	}
	return pick(m.Rand, m.space...)
}

// side is one side of a rule.
func (m *maker) side(name string, asgs []string) string {
	switch m.IntN(8) {
	case 0:
		return fmt.Sprintf(`"%sApplicationSecurityGroups":[%s]`, name, ref(pick(m.Rand, append(asgs, rg+"/applicationSecurityGroups/nowhere")...)))
	case 1:
		return fmt.Sprintf(`"%sAddressPrefixes":%s`, name, quoted([]string{pick(m.Rand, m.space...), pick(m.Rand, m.space...)}))
	case 2:
		return fmt.Sprintf(`"%sAddressPrefix":"*"`, name)
	default:
		return fmt.Sprintf(`"%sAddressPrefix":%s`, name, m.odd(`"`+m.term()+`"`, 40))
	}
}

func (m *maker) ports() string {
	return pick(m.Rand, "*", "443", "443", "80-443", "8080", "0-65535", "22")
}

func (m *maker) rules(asgs []string) string {
	var rules []string
	for k := range m.IntN(5) {
		priority := 100 + 10*k
		if m.IntN(12) == 0 {
			priority = 100
		}
		rules = append(rules, fmt.Sprintf(`{"name":"r%d","properties":{"priority":%s,"direction":%s,"access":%s,"protocol":"%s",%s,"sourcePortRange":"%s",%s,"destinationPortRange":"%s"}}`,
			k, m.odd(fmt.Sprint(priority), 60), m.odd(pick(m.Rand, `"Inbound"`, `"Inbound"`, `"Outbound"`), 80), m.odd(pick(m.Rand, `"Allow"`, `"Deny"`), 60),
			pick(m.Rand, "*", "Tcp", "TCP", "Udp", "Icmp"), m.side("source", asgs), pick(m.Rand, "*", "*", "*", "*", "1024-65535"), m.side("destination", asgs), m.ports()))
	}
	return strings.Join(rules, ",")
}

func (m *maker) routes(nets int) string {
	var routes []string
	for k := range m.IntN(4) {
		next := fmt.Sprintf("10.%d.0.%d", m.IntN(nets), pick(m.Rand, 5, 6, 69, 250))
		routes = append(routes, fmt.Sprintf(`{"name":"u%d","properties":{"addressPrefix":%s,"nextHopType":%s,"nextHopIpAddress":"%s"}}`,
			k, m.odd(`"`+m.prefix()+`"`, 60), m.odd(`"`+pick(m.Rand, "VirtualAppliance", "VirtualAppliance", "None", "VnetLocal", "Internet", "VirtualNetworkGateway")+`"`, 80), next))
	}
	return fmt.Sprintf(`"properties":{"disableBgpRoutePropagation":%v,"routes":[%s]}`, pick(m.Rand, true, false), strings.Join(routes, ","))
}

// prefix is a prefix that a route can have.
func (m *maker) prefix() string {
	p := pick(m.Rand, m.space...)
	if !strings.Contains(p, "/") {
		p += "/32"
	}
	return pick(m.Rand, p, p, p, p, p, p, p, "SomeTag")
}

func (m *maker) network(v, nets int, groups, tables []string) {
	name := fmt.Sprint("v", v)
	id := rg + "/virtualNetworks/" + name
	var subnets, peerings []string
	for k, prefix := range []string{"0/26", "64/26", "128/27", "192/27"}[:1+m.IntN(4)] {
		sub := fmt.Sprint("s", k)
		if k == 3 {
			sub = "GatewaySubnet"
		} else if k == 1 && m.IntN(5) == 0 {
			sub = "AzureFirewallSubnet"
		}
		m.subAt[[2]int{v, k}] = id + "/subnets/" + sub
		m.w.subnets = append(m.w.subnets, id+"/subnets/"+sub)
		subnets = append(subnets, fmt.Sprintf(`{"name":"%s","properties":{"addressPrefix":%s,"networkSecurityGroup":%s,"routeTable":%s,"privateEndpointNetworkPolicies":%s,"serviceEndpoints":[%s],"defaultOutboundAccess":%s}}`,
			sub, m.odd(fmt.Sprintf(`"10.%d.0.%s"`, v, prefix), 100), ref(pick(m.Rand, groups...)), ref(pick(m.Rand, tables...)),
			m.odd(pick(m.Rand, `"Enabled"`, `"Enabled"`, `"Disabled"`, `"NetworkSecurityGroupEnabled"`, `"RouteTableEnabled"`, "null"), 30),
			pick(m.Rand, "", "", `{"service":"Microsoft.CognitiveServices"}`, `{"service":"Microsoft.Storage"}`, `{"service":5}`), pick(m.Rand, "true", "null", "false")))
	}
	for o := range nets + 1 {
		if o == v || m.IntN(3) == 0 {
			continue
		}
		remote := fmt.Sprintf("%s/virtualNetworks/v%d", rg, o)
		peerings = append(peerings, fmt.Sprintf(`{"name":"p%d","properties":{"peeringState":%s,"remoteVirtualNetwork":{"id":"%s"},"allowVirtualNetworkAccess":%s,"allowGatewayTransit":%v,"useRemoteGateways":%v,"peerCompleteVnets":%s,"remoteVirtualNetworkAddressSpace":{"addressPrefixes":["10.%d.0.0/24"]},"remoteAddressSpace":{"addressPrefixes":[%s]}}}`,
			o, m.odd(pick(m.Rand, `"Connected"`, `"Connected"`, `"Connected"`, `"Connected"`, `"Disconnected"`), 20), remote, pick(m.Rand, "true", "true", "true", "null", "false"), m.IntN(2) == 0, m.IntN(2) == 0,
			pick(m.Rand, "true", "true", "true", "true", "true", "false"), o, pick(m.Rand, fmt.Sprintf(`"10.%d.0.0/24"`, o), fmt.Sprintf(`"10.%d.0.0/24"`, o), fmt.Sprintf(`"10.%d.0.0/24"`, o), fmt.Sprintf(`"10.%d.0.0/25"`, o))))
	}
	m.w.vnets = append(m.w.vnets, id)
	m.out = append(m.out, fmt.Sprintf(`{"id":"%s","type":"Microsoft.Network/virtualNetworks","location":"%s","properties":{"addressSpace":{"addressPrefixes":["10.%d.0.0/24"]},"subnets":[%s],"virtualNetworkPeerings":[%s]}}`,
		id, pick(m.Rand, "west", "east"), v, strings.Join(subnets, ","), strings.Join(peerings, ",")))
}

// sub is the id of the subnet that holds a host of a network, if there is one.
func (m *maker) sub(v int, host int) string { return m.subAt[[2]int{v, host / 64}] }

func (m *maker) interfaces(v int, groups, asgs []string) {
	for k, host := range []int{5, 69, 70} {
		sub := m.sub(v, host)
		if sub == "" || m.IntN(3) == 0 {
			continue
		}
		pip, private := "null", fmt.Sprintf(`"10.%d.0.%d"`, v, host)
		if m.IntN(3) != 0 {
			private = m.odd(private, 40)
		} else {
			addr := fmt.Sprintf("20.1.%d.%d", v, k)
			pip = ref(m.add("publicIPAddresses", fmt.Sprintf("pip%d-%d", v, k), fmt.Sprintf(`"sku":{"name":"%s"},"properties":{"ipAddress":"%s"}`, pick(m.Rand, "Standard", "Basic"), addr)))
			m.w.addrs = append(m.w.addrs, addr)
		}
		m.w.nics = append(m.w.nics, m.add("networkInterfaces", fmt.Sprintf("nic%d-%d", v, k), fmt.Sprintf(`"properties":{"networkSecurityGroup":%s,"enableIPForwarding":%v,"ipConfigurations":[{"name":"c","properties":{"privateIPAddress":%s,"subnet":%s,"publicIPAddress":%s,"applicationSecurityGroups":[%s]}}]}`,
			ref(pick(m.Rand, groups...)), m.IntN(2) == 0, private, ref(sub), pip, pick(m.Rand, "", "", ref(asgs[0]), ref(asgs[1])))))
	}
	for _, host := range []int{4, 68} {
		sub := m.sub(v, host)
		if sub == "" || m.IntN(3) == 0 {
			continue
		}
		m.w.endpoints = append(m.w.endpoints, m.add("privateEndpoints", fmt.Sprintf("pe%d-%d", v, host), fmt.Sprintf(`"properties":{"subnet":%s,"customDnsConfigs":[{"fqdn":"a%d.openai.azure.com","ipAddresses":["10.%d.0.%d"]}],"applicationSecurityGroups":[%s],"privateLinkServiceConnections":[{"name":"c","properties":{"privateLinkServiceId":"/subscriptions/s/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/a%d","groupIds":["account"],"privateLinkServiceConnectionState":{"status":%s}}}]}`,
			ref(sub), v%2, v, host, pick(m.Rand, "", "", ref(asgs[1])), v%2, m.odd(pick(m.Rand, `"Approved"`, `"Approved"`, `"Approved"`, `"Approved"`, `"Pending"`), 30))))
	}
}

func (m *maker) gateways(nets int) {
	for v := range nets {
		sub := m.sub(v, 192)
		if sub == "" || m.IntN(3) == 0 {
			continue
		}
		gw := m.add("virtualNetworkGateways", fmt.Sprint("gw", v), fmt.Sprintf(`"properties":{"gatewayType":"Vpn","ipConfigurations":[{"name":"c","properties":{"subnet":%s}}]}`, ref(sub)))
		local := m.add("localNetworkGateways", fmt.Sprint("site", v), `"properties":{"localNetworkAddressSpace":{"addressPrefixes":["172.16.1.0/24"]}}`)
		m.add("connections", fmt.Sprint("c", v), fmt.Sprintf(`"properties":{"connectionType":"IPsec","virtualNetworkGateway1":%s,"localNetworkGateway2":%s,"enableBgp":%v}`, ref(gw), ref(local), m.IntN(4) == 0))
		m.w.sites = append(m.w.sites, local)
	}
}

func (m *maker) manager(nets int) {
	if m.IntN(3) != 0 {
		return
	}
	nm := m.add("networkManagers", "nm", `"properties":{}`)
	group := m.add("networkManagers", "nm/networkGroups/g", `"properties":{}`)
	m.out[len(m.out)-1] = strings.Replace(m.out[len(m.out)-1], `"Microsoft.Network/networkManagers"`, `"Microsoft.Network/networkManagers/networkGroups"`, 1)
	part := func(path, typ, rest string) {
		m.out = append(m.out, fmt.Sprintf(`{"id":"%s/%s","type":"Microsoft.Network/networkManagers/%s",%s}`, nm, path, typ, rest))
	}
	part("networkGroups/g/staticMembers/m", "networkGroups/staticMembers", `"properties":{"resourceId":"`+m.w.vnets[m.IntN(nets)]+`"}`)
	if m.IntN(2) == 0 {
		m.out = append(m.out, fmt.Sprintf(`{"id":"%s/listEffectiveVirtualNetworks","value":[{"id":"%s"}]}`, group, m.w.vnets[m.IntN(nets)]))
	}
	part("securityAdminConfigurations/a", "securityAdminConfigurations", `"properties":{}`)
	part("securityAdminConfigurations/a/ruleCollections/c", "securityAdminConfigurations/ruleCollections", `"properties":{"appliesToGroups":[{"networkGroupId":"`+group+`"}]}`)
	for k := range 1 + m.IntN(3) {
		part(fmt.Sprint("securityAdminConfigurations/a/ruleCollections/c/rules/x", k), "securityAdminConfigurations/ruleCollections/rules",
			fmt.Sprintf(`"properties":{"priority":%d,"direction":"%s","access":%s,"protocol":"%s","sources":[{"addressPrefix":"%s"}],"destinations":[%s],"sourcePortRanges":["0-65535"],"destinationPortRanges":["%s"]}`,
				k+1, pick(m.Rand, "Inbound", "Outbound"), m.odd(`"`+pick(m.Rand, "Allow", "AlwaysAllow", "Deny")+`"`, 30), pick(m.Rand, "Tcp", "Any"), pick(m.Rand, m.space...), pick(m.Rand, "", `{"addressPrefix":"`+pick(m.Rand, m.space...)+`"}`), m.ports()))
	}
	if m.IntN(3) != 0 {
		m.out = append(m.out, fmt.Sprintf(`{"id":"%s/listDeploymentStatus","value":[{"region":"west","deploymentType":"SecurityAdmin","deploymentStatus":"%s","configurationIds":["%s/securityAdminConfigurations/a"]}]}`, nm, pick(m.Rand, "Deployed", "Deployed", "Deploying"), nm))
	}
	if m.IntN(4) == 0 {
		part("connectivityConfigurations/mesh", "connectivityConfigurations", `"properties":{"connectivityTopology":"Mesh","appliesToGroups":[{"networkGroupId":"`+group+`","groupConnectivity":"DirectlyConnected"}]}`)
	}
}

func (m *maker) accounts() {
	for a := range 2 {
		rule := ""
		if len(m.w.subnets) > 0 && m.IntN(2) == 0 {
			rule = fmt.Sprintf(`{"id":%q}`, pick(m.Rand, append(m.w.subnets, rg+"/virtualNetworks/gone/subnets/gone")...))
		}
		m.w.accounts = append(m.w.accounts, m.add("Microsoft.CognitiveServices/accounts", fmt.Sprint("a", a), fmt.Sprintf(`"kind":"OpenAI","properties":{"customSubDomainName":"a%d","publicNetworkAccess":%s,"networkAcls":{"defaultAction":%s,"bypass":%s,"ipRules":[%s],"virtualNetworkRules":[%s]}}`,
			a, m.odd(pick(m.Rand, `"Disabled"`, `"Enabled"`, `"Enabled"`, "null", `"SecuredByPerimeter"`), 20), pick(m.Rand, `"Deny"`, `"Deny"`, `"Allow"`, "null"), pick(m.Rand, `"None"`, `"AzureServices"`, "null"),
			pick(m.Rand, "", `{"value":"20.1.0.0/24"}`, `{"value":"8.8.8.8"},{"value":"20.1.2.0/25"}`, `{"value":5}`, `{"value":"0.0.0.0/0"}`), rule)))
	}
	if m.IntN(4) != 0 {
		return
	}
	nsp := m.add("networkSecurityPerimeters", "nsp", `"properties":{}`)
	m.out = append(m.out,
		fmt.Sprintf(`{"id":"%s/profiles/p","type":"Microsoft.Network/networkSecurityPerimeters/profiles","properties":{}}`, nsp),
		fmt.Sprintf(`{"id":"%s/profiles/p/accessRules/r","type":"Microsoft.Network/networkSecurityPerimeters/profiles/accessRules","properties":{"direction":"%s","addressPrefixes":["20.1.0.0/16"],"subscriptions":[%s]}}`, nsp, pick(m.Rand, "Inbound", "Inbound", "Outbound"), pick(m.Rand, "", "", `{"id":"/subscriptions/s"}`)),
		fmt.Sprintf(`{"id":"%s/resourceAssociations/x","type":"Microsoft.Network/networkSecurityPerimeters/resourceAssociations","properties":{"accessMode":%s,"privateLinkResource":%s,"profile":{"id":"%s/profiles/%s"}}}`, nsp, m.odd(pick(m.Rand, `"Enforced"`, `"Learning"`), 10), ref(m.w.accounts[0]), nsp, pick(m.Rand, "p", "p", "p", "gone")))
}
