package topology_test

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/topology"
)

// Cases in which an unreadable value once left a certain answer behind. Each is
// asked twice: as read, and with one value replaced.
func TestDoubtThatWasOverlooked(t *testing.T) {
	fw := `{"id":"` + rg + `/azureFirewalls/fw","type":"Microsoft.Network/azureFirewalls","properties":{"ipConfigurations":[{"name":"c","properties":{"privateIPAddress":"10.3.0.9","subnet":{"id":"` + rg + `/virtualNetworks/a/subnets/clients"}}}]}}`
	nic := `{"id":"` + rg + `/networkInterfaces/nva","type":"Microsoft.Network/networkInterfaces","properties":{"enableIPForwarding":false,"ipConfigurations":[{"name":"c","properties":{"privateIPAddress":"10.4.0.9","subnet":{"id":"` + rg + `/virtualNetworks/b/subnets/endpoints"}}}]}}`
	mesh := `{"id":"` + rg + `/networkManagers/nm","type":"Microsoft.Network/networkManagers","properties":{}},
		{"id":"` + rg + `/networkManagers/nm/networkGroups/g","type":"Microsoft.Network/networkManagers/networkGroups","properties":{}},
		{"id":"` + rg + `/networkManagers/nm/networkGroups/g/listEffectiveVirtualNetworks","value":[{"id":"` + rg + `/virtualNetworks/a"},{"id":"` + rg + `/virtualNetworks/b"}]},
		{"id":"` + rg + `/networkManagers/nm/connectivityConfigurations/mesh","type":"Microsoft.Network/networkManagers/connectivityConfigurations","properties":{"connectivityTopology":"Mesh","appliesToGroups":[{"networkGroupId":"` + rg + `/networkManagers/nm/networkGroups/g","groupConnectivity":"DirectlyConnected"}]}}`
	bgp := `{"id":"` + rg + `/virtualNetworkGateways/gw","type":"Microsoft.Network/virtualNetworkGateways","properties":{"gatewayType":"Vpn","ipConfigurations":[{"name":"c","properties":{"subnet":{"id":"` + rg + `/virtualNetworks/a/subnets/clients"}}}]}},
		{"id":"` + rg + `/localNetworkGateways/site","type":"Microsoft.Network/localNetworkGateways","properties":{"localNetworkAddressSpace":{"addressPrefixes":["172.16.1.0/24"]}}},
		{"id":"` + rg + `/connections/c","type":"Microsoft.Network/connections","properties":{"connectionType":"IPsec","virtualNetworkGateway1":{"id":"` + rg + `/virtualNetworkGateways/gw"},"localNetworkGateway2":{"id":"` + rg + `/localNetworkGateways/site"},"enableBgp":true}}`
	denied := scene{endpoint: true, peered: true, policies: "Enabled", group: nsgRule(100, "Inbound", "Deny", "*", "*", "*", "*")}
	taught := denied
	taught.extra = bgp
	grouped := scene{endpoint: true, peered: true, extra: mesh}
	dropped := grouped
	dropped.routes = userRoute("10.4.0.0/24", "None")
	relayed := scene{endpoint: true, peered: true, policies: "Enabled", extra: nic, routes: strings.Replace(userRoute("10.4.0.0/24", "VirtualAppliance"), "10.3.0.9", "10.4.0.9", 1)}
	none := [2]string{}
	apart := [2]string{`"peeringState":"Connected"`, `"peeringState":"Disconnected"`} // the connected group alone joins the networks
	unstated := [2]string{`"name":"to-b","properties":{"peeringState":"Connected"`, `"name":"to-b","properties":{"peeringState":7`}
	vague := [2]string{`"addressPrefix":"10.4.0.0/24","networkSecurityGroup"`, `"addressPrefix":7,"networkSecurityGroup"`}
	for _, c := range []struct {
		what          string
		in            scene
		first, then   [2]string // replacements: for both questions, for the second alone
		from, to      string
		before, after topology.Verdict
	}{
		{"IP rules without a default action", scene{}, none, [2]string{`"defaultAction":"Allow","ipRules":[]`, `"ipRules":7`}, "outside", "account", topology.Allowed, topology.Unknown},
		{"the address of a firewall", scene{extra: fw}, none, [2]string{`"privateIPAddress":"10.3.0.9"`, `"privateIPAddress":7`}, "vm", "10.3.0.77", topology.Allowed, topology.Unknown},
		{"whether a next hop's network is peered", relayed, none, unstated, "vm", "endpoint", topology.Denied, topology.Unknown},
		{"a peering beside which nothing leads there", denied, none, unstated, "vm", "endpoint", topology.Denied, topology.Denied},
		{"a peering beside which a gateway teaches routes", taught, none, unstated, "vm", "endpoint", topology.Denied, topology.Unknown},
		{"the subnets of a network in a connected group", grouped, apart, vague, "vm", "10.4.0.77", topology.Unknown, topology.Unknown},
		{"a route that a connected group's may beat", dropped, apart, [2]string{`"addressPrefix":"10.4.0.0/24","nextHopType"`, `"addressPrefix":"10.0.0.0/8","nextHopType"`}, "vm", "10.4.0.77", topology.Denied, topology.Unknown},
		{"the space that a peering routes", scene{endpoint: true, peered: true}, vague, [2]string{`"name":"to-b","properties":{`, `"name":"to-b","properties":{"remoteAddressSpace":7,`}, "vm", "10.4.0.77", topology.Unknown, topology.Unknown},
	} {
		doc := strings.ReplaceAll(c.in.doc(), c.first[0], c.first[1])
		if !strings.Contains(doc, c.then[0]) {
			t.Fatalf("%s: the estate has no %s", c.what, c.then[0])
		}
		x := observation{from: c.from, to: c.to}
		for i, want := range []topology.Verdict{c.before, c.after} {
			e := read(t, []string{doc, strings.Replace(doc, c.then[0], c.then[1], 1)}[i])
			if f := x.ask(topology.New(e, topology.Config{})); f.Verdict != want {
				t.Errorf("%s, %d: engine: %v", c.what, i, f)
			}
			if v := x.askNaive(e); v != want {
				t.Errorf("%s, %d: naive evaluator: %v", c.what, i, v)
			}
		}
	}
}
