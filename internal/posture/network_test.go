package posture

import (
	"strings"
	"testing"
)

// row is an estate made of the small one, and what one check says of it.
type example struct {
	name    string
	oldNew  []string
	more    []string
	clients []string
	check   string
	about   string // resource; empty for the first finding
	status  Status
	says    string // part of what it says or of its witness
	mends   string // part of the line that mends it
}

func (c example) run(t *testing.T) {
	t.Run(c.check+" "+c.name, func(t *testing.T) {
		r := judgeJSON(t, []byte(edited(t, c.more, c.oldNew...)), c.clients)
		f := find(t, r, c.check, c.about)
		if f.Status != c.status {
			t.Fatalf("%s: %s [%s]", f.Status, f.What, f.Witness)
		}
		if !strings.Contains(f.What+" "+f.Witness, c.says) {
			t.Errorf("says %q [%s]", f.What, f.Witness)
		}
		if !strings.Contains(f.Mend.Terraform+" "+f.Mend.Az, c.mends) {
			t.Errorf("mends %+v", f.Mend)
		}
		if len(f.Evidence) == 0 && f.Status == Fail {
			t.Error("fails without evidence")
		}
	})
}

func TestSmallEstateIsPrivate(t *testing.T) {
	for _, clients := range [][]string{nil, {"apps"}, {apps}, {"10.0.1.0/24"}} {
		r := judgeJSON(t, []byte(small()), clients)
		if r.Verdict != Private {
			t.Errorf("%v: %s", clients, r.Verdict)
			for _, f := range r.Findings {
				if f.Status != Pass && f.Level == Must {
					t.Errorf("%s %s: %s [%s]", f.Status, f.ID, f.What, f.Witness)
				}
			}
		}
	}
}

func TestEndpointsAndGroups(t *testing.T) {
	const (
		policies = `"privateEndpointNetworkPolicies":"NetworkSecurityGroupEnabled"`
		group    = `"networkSecurityGroup":{"id":"` + net + `/networkSecurityGroups/nsg"},`
		accounts = `"groupIds":["account"],"privateLinkServiceConnectionState":{"status":"Approved"}}}]}},` + "\n" + `{"id":"` + vnet
	)
	stranger := `{"id":"` + account + `/privateEndpointConnections/s","name":"s","type":"Microsoft.CognitiveServices/accounts/privateEndpointConnections","properties":{"privateEndpoint":{"id":"/subscriptions/00000000-0000-0000-0000-00000000000f/resourceGroups/x/providers/Microsoft.Network/privateEndpoints/theirs"},"groupIds":["account"],"privateLinkServiceConnectionState":{"status":"STATUS"}}}`
	with := func(status string) []string { return []string{strings.Replace(stranger, "STATUS", status, 1)} }
	peer := func(state string) []string {
		return []string{`{"id":"` + net + `/virtualNetworks/spoke","name":"spoke","type":"Microsoft.Network/virtualNetworks","properties":{"addressSpace":{"addressPrefixes":["10.7.0.0/16"]},
			"subnets":[{"id":"` + net + `/virtualNetworks/spoke/subnets/s","name":"s","properties":{"addressPrefix":"10.7.1.0/24"}}],
			"virtualNetworkPeerings":[{"id":"` + net + `/virtualNetworks/spoke/virtualNetworkPeerings/to-vnet","name":"to-vnet","properties":{"peeringState":"` + state + `","remoteVirtualNetwork":{"id":"` + vnet + `"}}}]}}`}
	}
	toSpoke := `"virtualNetworkPeerings":[{"id":"` + vnet + `/virtualNetworkPeerings/to-spoke","name":"to-spoke","properties":{"peeringState":"Connected","remoteVirtualNetwork":{"id":"` + net + `/virtualNetworks/spoke"}}}]`
	const noPeers = `"virtualNetworkPeerings":[]`
	const deny = `"access":"Deny","protocol":"*"`
	for _, c := range []example{
		{name: "approved", check: "endpoint-approved", about: account, status: Pass, says: "1 private endpoint"},
		{name: "pending", oldNew: []string{accounts, strings.Replace(accounts, "Approved", "Pending", 1)}, check: "endpoint-approved", about: account, status: Fail, says: "is pending", mends: "approve --id '" + account},
		{name: "stranger waits", more: with("Pending"), check: "endpoint-approved", about: account, status: Fail, says: "stranger", mends: "reject --id '" + account},
		{name: "stranger approved", more: with("Approved"), check: "endpoint-approved", about: account, status: Fail, says: "privateEndpoints/theirs", mends: "reject"},
		{name: "stranger rejected", more: with("Rejected"), check: "endpoint-approved", about: account, status: Pass},
		{name: "stranger unclear", more: with("Maybe"), check: "endpoint-approved", about: account, status: Unknown},
		{name: "wrong group", oldNew: []string{`"groupIds":["account"]`, `"groupIds":["portal"]`}, check: "endpoint-approved", about: account, status: Fail, says: "portal", mends: "subresource_names"},

		{name: "binds", check: "endpoint-subnet-binds", about: ends, status: Pass},
		{name: "binds all", oldNew: []string{policies, `"privateEndpointNetworkPolicies":"enabled"`}, check: "endpoint-subnet-binds", about: ends, status: Pass},
		{name: "routes alone", oldNew: []string{policies, `"privateEndpointNetworkPolicies":"RouteTableEnabled"`}, check: "endpoint-subnet-binds", about: ends, status: Fail, says: "group nsg unread", mends: "private_endpoint_network_policies"},
		{name: "unsaid", oldNew: []string{"," + policies, ``}, check: "endpoint-subnet-binds", about: ends, status: Fail, mends: "az network vnet subnet update --ids '" + ends},
		{name: "odd", oldNew: []string{policies, `"privateEndpointNetworkPolicies":"Sometimes"`}, check: "endpoint-subnet-binds", about: ends, status: Unknown},
		{name: "subnet unread", oldNew: []string{`"subnet":{"id":"` + ends + `"},"networkInterfaces"`, `"subnet":{"id":"` + ends + `-lost"},"networkInterfaces"`}, check: "endpoint-subnet-binds", about: pep, status: Unknown},

		{name: "group", check: "subnet-has-group", about: ends, status: Pass, says: "nsg"},
		{name: "no group", oldNew: []string{group, ``}, check: "subnet-has-group", about: ends, status: Fail, mends: "--network-security-group"},
		{name: "group unread", oldNew: []string{group, strings.Replace(group, "/nsg", "/lost", 1)}, check: "subnet-has-group", about: ends, status: Unknown},

		{name: "apps alone", check: "reach-only-clients", about: pep, status: Pass, says: "VNet vnet, subnet apps (10.0.1.0/24)"},
		{name: "default rule", oldNew: []string{deny, `"access":"Deny","protocol":"Udp"`}, check: "reach-only-clients", about: pep, status: Fail, says: "→ 10.0.2.4:443/tcp allowed by rule AllowVnetInBound (65000) of nsg", mends: `priority                   = 4096`},
		{name: "own deny allows", oldNew: []string{deny, `"access":"Allow","protocol":"*"`}, check: "reach-only-clients", about: pep, status: Fail, says: "allowed by rule deny-all (4096) of nsg"},
		{name: "tag is nobody", oldNew: []string{`"sourceAddressPrefix":"10.0.1.0/24"`, `"sourceAddressPrefix":"VirtualNetwork"`}, check: "reach-only-clients", about: pep, status: Fail, says: "rule allow-apps (100)"},
		{name: "everyone is nobody", oldNew: []string{`"sourceAddressPrefix":"10.0.1.0/24"`, `"sourceAddressPrefix":"0.0.0.0/0"`}, check: "reach-only-clients", about: pep, status: Fail, says: "rule allow-apps (100)"},
		{name: "wider than named", clients: []string{apps}, oldNew: []string{`"sourceAddressPrefix":"10.0.1.0/24"`, `"sourceAddressPrefix":"10.0.0.0/22"`}, check: "reach-only-clients", about: pep, status: Fail, says: "10.0.2.0/23"},
		{name: "named network", clients: []string{"vnet"}, oldNew: []string{`"sourceAddressPrefix":"10.0.1.0/24"`, `"sourceAddressPrefix":"10.0.0.0/22"`}, check: "reach-only-clients", about: pep, status: Pass},
		{name: "peer", more: peer("Connected"), oldNew: []string{noPeers, toSpoke, deny, `"access":"Deny","protocol":"Udp"`}, check: "reach-only-clients", about: pep, status: Fail, says: "VNet spoke, any address, through peering"},
		{name: "half a peering", more: peer("Initiated"), oldNew: []string{noPeers, toSpoke, deny, `"access":"Deny","protocol":"Udp"`}, clients: []string{"vnet"}, check: "reach-only-clients", about: pep, status: Pass},

		{name: "reach", clients: []string{apps}, check: "clients-reach", about: account, status: Pass, says: "10.0.1.4 → 10.0.2.4:443/tcp allowed by rule allow-apps (100) of nsg"},
		{name: "shut out", clients: []string{"build"}, check: "clients-reach", about: vnet + "/subnets/build", status: Fail, says: "10.0.3.4 → 10.0.2.4:443/tcp denied by rule deny-all (4096) of nsg", mends: "--source-address-prefixes 10.0.3.0/24"},
		{name: "not there", clients: []string{"nowhere"}, check: "clients-reach", about: "nowhere", status: Unknown, says: "nowhere"},
	} {
		c.run(t)
	}
}

func TestAdminRules(t *testing.T) {
	const manager = net + "/networkManagers/nm"
	rule := func(access, protocol, ports string) []string {
		return []string{
			`{"id":"` + manager + `","name":"nm","type":"Microsoft.Network/networkManagers","properties":{}}`,
			`{"id":"` + manager + `/securityAdminConfigurations/c","name":"c","type":"Microsoft.Network/networkManagers/securityAdminConfigurations","properties":{}}`,
			`{"id":"` + manager + `/securityAdminConfigurations/c/ruleCollections/r","name":"r","type":"Microsoft.Network/networkManagers/securityAdminConfigurations/ruleCollections","properties":{"appliesToGroups":[{"networkGroupId":"` + manager + `/networkGroups/g"}]}}`,
			`{"id":"` + manager + `/securityAdminConfigurations/c/ruleCollections/r/rules/x","name":"x","type":"Microsoft.Network/networkManagers/securityAdminConfigurations/ruleCollections/rules","properties":{"access":"` + access + `","direction":"Inbound","protocol":"` + protocol + `","priority":1,"destinationPortRanges":` + ports + `}}`,
			`{"id":"` + manager + `/listDeploymentStatus","value":[{"configurationIds":["` + manager + `/securityAdminConfigurations/c"],"deploymentType":"SecurityAdmin","deploymentStatus":"Deployed"}]}`,
		}
	}
	const about = manager + "/securityAdminConfigurations/c/ruleCollections/r/rules/x"
	for _, c := range []example{
		{name: "overrides", more: rule("AlwaysAllow", "Tcp", `["400-500"]`), about: about, status: Fail, says: "AlwaysAllow", mends: "properties.access=Allow"},
		{name: "every port", more: rule("AlwaysAllow", "Any", `["*"]`), about: about, status: Fail},
		{name: "other ports", more: rule("AlwaysAllow", "Tcp", `["22","80","444"]`), status: Pass},
		{name: "other protocol", more: rule("AlwaysAllow", "Udp", `["443"]`), status: Pass},
		{name: "left to the groups", more: rule("Allow", "Tcp", `["443"]`), status: Pass},
		{name: "ports unread", more: rule("AlwaysAllow", "Tcp", `[7.5]`), about: about, status: Unknown},
		{name: "not deployed", more: rule("AlwaysAllow", "Tcp", `["443"]`)[:4], about: about, status: Unknown},
	} {
		c.check = "admin-always-allow"
		c.run(t)
	}
}

// With an endpoint in each of two networks a client must reach the one that
// its own zone leads to; the other will not do.
func TestClientsReachWhatTheyResolve(t *testing.T) {
	second := func(group string) []string {
		return []string{
			`{"id":"` + vnet + `/subnets/more","name":"more","type":"Microsoft.Network/virtualNetworks/subnets","properties":{"addressPrefix":"10.0.8.0/24","privateEndpointNetworkPolicies":"Enabled"` + group + `}}`,
			`{"id":"` + net + `/privateEndpoints/two","name":"two","type":"Microsoft.Network/privateEndpoints","properties":{"subnet":{"id":"` + vnet + `/subnets/more"},"networkInterfaces":[{"id":"` + net + `/networkInterfaces/two.nic"}],
			  "privateLinkServiceConnections":[{"name":"c","properties":{"privateLinkServiceId":"` + account + `","groupIds":["account"],"privateLinkServiceConnectionState":{"status":"Approved"}}}]}}`,
			`{"id":"` + net + `/networkInterfaces/two.nic","name":"two.nic","type":"Microsoft.Network/networkInterfaces","properties":{"ipConfigurations":[{"name":"ip","properties":{"privateIPAddress":"10.0.8.4","subnet":{"id":"` + vnet + `/subnets/more"}}}]}}`,
			`{"id":"` + account + `/privateEndpointConnections/d","name":"d","type":"Microsoft.CognitiveServices/accounts/privateEndpointConnections","properties":{"privateEndpoint":{"id":"` + net + `/privateEndpoints/two"},"groupIds":["account"],"privateLinkServiceConnectionState":{"status":"Approved"}}}`,
		}
	}
	const record = `"aRecords":[{"ipv4Address":"10.0.2.4"}]`
	shut := `,"networkSecurityGroup":{"id":"` + net + `/networkSecurityGroups/nsg"}` // its allow means the other address
	for _, c := range []example{
		{name: "led to the open one", more: second(shut), clients: []string{apps}, about: account, status: Pass, says: "10.0.2.4:443"},
		{name: "led to the shut one", more: second(shut), oldNew: []string{record, `"aRecords":[{"ipv4Address":"10.0.8.4"}]`}, clients: []string{apps}, about: apps, status: Fail, says: "→ 10.0.8.4:443/tcp denied by rule deny-all"},
	} {
		c.check = "clients-reach"
		c.run(t)
	}
}
