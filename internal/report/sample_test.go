package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/posture"
)

const (
	sub     = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-ai/providers/"
	account = sub + "Microsoft.CognitiveServices/accounts/contoso-openai"
	pe      = sub + "Microsoft.Network/privateEndpoints/pe-openai"
	hub     = sub + "Microsoft.Network/virtualNetworks/vnet-hub"
)

func vnet(name string) string { return sub + "Microsoft.Network/virtualNetworks/" + name }

func day(d int) time.Time { return time.Date(2027, 1, d, 9, 30, 0, 0, time.UTC) }

// small is three VNets, a site and the internet; one spoke gets in that should
// not, and one thing is unknown.
func small() posture.Report {
	return posture.Report{
		Version: 1, Verdict: posture.Open, Source: "estates/contoso.json", Taken: day(2), Accounts: []string{account},
		Findings: smallFindings(),
		Reached: []posture.Reached{
			{Account: account, Endpoint: pe, Address: "10.0.1.4", Port: 443, Sources: []posture.Sources{
				{Sentence: "VNet vnet-hub, subnet snet-apps, any address, inside the network", Where: hub + "/subnets/snet-apps", Ranges: []string{"10.0.2.0/24"}, Status: posture.Pass, Allowed: true, Rule: "nsg-endpoints/AllowApps", Pointer: "/12/properties/securityRules/0"},
				{Sentence: "VNet vnet-spoke-app, any address, through peering hub-to-app", Where: vnet("vnet-spoke-app"), Ranges: []string{"10.1.0.0/16"}, Status: posture.Pass, Allowed: true, Rule: "nsg-endpoints/AllowApps", Pointer: "/12/properties/securityRules/0"},
				{Sentence: "VNet vnet-spoke-dev, any address, through peering hub-to-dev", Where: vnet("vnet-spoke-dev"), Ranges: []string{"10.2.0.0/16"}, Status: posture.Fail, Allowed: true, Rule: "nsg-endpoints/AllowVnetInBound (65000)", Pointer: "/12"},
				{Sentence: "Site head-office, any address, through gateway vpn-hub", Where: "head-office", Ranges: []string{"192.168.0.0/16"}, Status: posture.Pass, Allowed: false, Rule: "nsg-endpoints/DenyOnPremises", Pointer: "/12/properties/securityRules/1"},
			}},
			{Account: account, Address: "contoso-openai.openai.azure.com", Port: 443, Sources: []posture.Sources{
				{Sentence: "Any address of the internet", Where: "internet", Ranges: []string{"0.0.0.0/0"}, Status: posture.Pass, Allowed: false, Rule: "publicNetworkAccess is Disabled", Pointer: "/0/properties/publicNetworkAccess"},
			}},
		},
		Map: posture.Map{
			Nodes: []posture.Node{
				{ID: "internet", Kind: "internet", Name: "Internet"},
				{ID: "head-office", Kind: "site", Name: "head-office", Detail: "192.168.0.0/16"},
				{ID: hub, Kind: "vnet", Name: "vnet-hub", Detail: "10.0.0.0/16"},
				{ID: hub + "/subnets/snet-endpoints", Parent: hub, Kind: "subnet", Name: "snet-endpoints", Detail: "10.0.1.0/24", Status: posture.Fail},
				{ID: hub + "/subnets/snet-apps", Parent: hub, Kind: "subnet", Name: "snet-apps", Detail: "10.0.2.0/24"},
				{ID: hub + "/subnets/AzureFirewallSubnet", Parent: hub, Kind: "subnet", Name: "AzureFirewallSubnet", Detail: "10.0.3.0/26"},
				{ID: "fw", Parent: hub + "/subnets/AzureFirewallSubnet", Kind: "firewall", Name: "fw-hub", Detail: "10.0.3.4"},
				{ID: pe, Parent: hub + "/subnets/snet-endpoints", Kind: "endpoint", Name: "pe-openai", Detail: "10.0.1.4"},
				{ID: vnet("vnet-spoke-app"), Kind: "vnet", Name: "vnet-spoke-app", Detail: "10.1.0.0/16"},
				{ID: vnet("vnet-spoke-app") + "/subnets/web", Parent: vnet("vnet-spoke-app"), Kind: "subnet", Name: "web", Detail: "10.1.1.0/24"},
				{ID: "chat", Parent: vnet("vnet-spoke-app") + "/subnets/web", Kind: "app", Name: "chat", Detail: "sign-in required"},
				{ID: vnet("vnet-spoke-dev"), Kind: "vnet", Name: "vnet-spoke-dev", Detail: "10.2.0.0/16"},
				{ID: vnet("vnet-spoke-dev") + "/subnets/default", Parent: vnet("vnet-spoke-dev"), Kind: "subnet", Name: "default", Detail: "10.2.0.0/24"},
				{ID: account, Kind: "account", Name: "contoso-openai", Detail: "public access disabled", Status: posture.Fail},
			},
			Edges: []posture.Edge{
				{From: hub, To: vnet("vnet-spoke-app"), Kind: "peering", Allowed: true},
				{From: vnet("vnet-spoke-app"), To: hub, Kind: "peering", Allowed: true},
				{From: hub, To: vnet("vnet-spoke-dev"), Kind: "peering", Allowed: true},
				{From: vnet("vnet-spoke-app"), To: pe, Kind: "reach", Allowed: true, Status: posture.Pass, Rule: "nsg-endpoints/AllowApps"},
				{From: vnet("vnet-spoke-dev"), To: pe, Kind: "reach", Allowed: true, Status: posture.Fail, Rule: "nsg-endpoints/AllowVnetInBound (65000)"},
				{From: hub + "/subnets/snet-apps", To: pe, Kind: "reach", Allowed: true, Status: posture.Pass, Rule: "nsg-endpoints/AllowApps"},
				{From: "head-office", To: pe, Kind: "reach", Allowed: false, Status: posture.Pass, Rule: "nsg-endpoints/DenyOnPremises"},
				{From: "internet", To: account, Kind: "reach", Allowed: false, Status: posture.Pass, Rule: "publicNetworkAccess is Disabled"},
				{From: pe, To: account, Kind: "link", Allowed: true},
			},
		},
		Notes: []string{"Role assignments were not in the snapshot.", "Service tags are those of 2026-12-01."},
	}
}

func smallFindings() []posture.Finding {
	return []posture.Finding{
		{
			ID: "keys-off", Status: posture.Fail, Level: posture.Must, Title: "API keys are off", Resource: account,
			What:     "The account contoso-openai accepts API keys.",
			Evidence: []posture.Evidence{{Resource: account, Pointer: "/0/properties/disableLocalAuth", Value: "absent", Default: "false"}},
			Witness:  "A request with the header api-key and no token is answered.",
			Why:      "Whoever holds a key calls the model as nobody in particular. A key does not end with the person who copied it.",
			Mend:     posture.Mend{Terraform: "resource \"azurerm_cognitive_account\" \"contoso_openai\" {\n  local_auth_enabled = false\n}", Az: "az resource update --ids " + account + " --set properties.disableLocalAuth=true"},
			Equal:    []string{"71ef260a", "CKV_AZURE_236", "AZR-000282"},
		},
		{
			ID: "reach-only-clients", Status: posture.Fail, Level: posture.Must, Title: "Only the named clients reach the endpoint", Resource: pe,
			What:     "VNet vnet-spoke-dev reaches the private endpoint pe-openai and is no named client.",
			Evidence: []posture.Evidence{{Resource: sub + "Microsoft.Network/networkSecurityGroups/nsg-endpoints", Pointer: "/12/properties/securityRules", Value: "2 rules, none denies 10.2.0.0/16"}},
			Witness:  "10.2.0.4 -> 10.0.1.4:443 is allowed by AllowVnetInBound (65000) of nsg-endpoints.",
			Why:      "Peered networks count as VirtualNetwork, so the default rule lets them in. Every machine there can call the model.",
			Mend:     posture.Mend{Az: "az network nsg rule create --nsg-name nsg-endpoints --resource-group rg-ai --name DenyRest --priority 4000 --access Deny --direction Inbound --source-address-prefixes VirtualNetwork"},
		},
		{
			ID: "zone-linked", Status: posture.Unknown, Level: posture.Must, Title: "Every client network is linked to the zone", Resource: vnet("vnet-spoke-app"),
			What:    "Whether vnet-spoke-app resolves contoso-openai to the endpoint could not be told.",
			Witness: "Its DNS server 10.9.0.4 is in no network that was read.",
			Why:     "A client that resolves the public address does not come through the endpoint. It fails, or goes the way round.",
		},
		{
			ID: "diagnostics-on", Status: posture.Fail, Level: posture.Advice, Title: "Logs are on", Resource: account,
			What:     "The account contoso-openai keeps no audit log.",
			Evidence: []posture.Evidence{{Resource: account, Pointer: "/0/diagnosticSettings/0/logs/0/enabled", Value: "false"}},
			Witness:  "The setting to-workspace has the category Audit with enabled false.",
			Why:      "Without a log nobody can say later who called.", Equal: []string{"1b4d1c4e"},
		},
		{
			ID: "customer-managed-key", Status: posture.Fail, Level: posture.Advice, Title: "A key of your own encrypts it", Resource: account,
			What: "The account contoso-openai is encrypted with Microsoft's key.", Why: "A key of your own can be withdrawn.",
			Waiver: &posture.Waiver{Finding: "customer-managed-key", Resource: account, Reason: "Decided in the risk review of 2026.", Expires: day(31)},
		},
		{ID: "public-access-off", Status: posture.Pass, Level: posture.Must, Title: "Public access is off", Resource: account, What: "The account contoso-openai refuses public access.", Evidence: []posture.Evidence{{Resource: account, Pointer: "/0/properties/publicNetworkAccess", Value: "Disabled"}}, Why: "It is the front door."},
		{ID: "endpoint-subnet-binds", Status: posture.Pass, Level: posture.Must, Title: "Groups bind the endpoint", Resource: hub + "/subnets/snet-endpoints", What: "The subnet vnet-hub/snet-endpoints enforces groups on endpoints.", Evidence: []posture.Evidence{{Resource: hub + "/subnets/snet-endpoints", Pointer: "/3/properties/subnets/0/properties/privateEndpointNetworkPolicies", Value: "Enabled"}}, Why: "Otherwise its rules bind nothing."},
	}
}

// big is a hub with an endpoint and n VNets around it.
func big(n int) posture.Report {
	r := small()
	r.Source = "subscriptions/production"
	endpoint := r.Reached[0]
	endpoint.Sources = endpoint.Sources[:1]
	for i := range n {
		name := fmt.Sprintf("vnet-spoke-%03d-weu", i+1)
		id := vnet(name)
		prefix := fmt.Sprintf("10.%d.0.0/16", i+10)
		node := posture.Node{ID: id, Kind: "vnet", Name: name, Detail: prefix}
		s := posture.Sources{Sentence: "VNet " + name + ", any address, through peering hub-" + name, Where: id, Ranges: []string{prefix}, Status: posture.Pass, Rule: "nsg-endpoints/DenyRest (4000)", Pointer: "/12/properties/securityRules/7"}
		switch {
		case i%29 == 7:
			s.Allowed, s.Status, s.Rule = true, posture.Fail, "nsg-endpoints/AllowVnetInBound (65000)"
			node.Status = posture.Fail
		case i == 22:
			s.Status, s.Rule = posture.Fail, "nsg-spoke/DenyOut (300)"
		case i%31 == 9:
			s.Status, s.Rule = posture.Unknown, "AzureFirewall tag without a snapshot"
		case i%5 == 0:
			s.Allowed, s.Rule = true, "nsg-endpoints/AllowClients (200)"
		}
		r.Map.Nodes = append(r.Map.Nodes, node)
		for j, subnet := range []string{"apps", "data", "integration"}[:1+i%3] {
			r.Map.Nodes = append(r.Map.Nodes, posture.Node{ID: id + "/subnets/" + subnet, Parent: id, Kind: "subnet", Name: subnet, Detail: fmt.Sprintf("10.%d.%d.0/24", i+10, j)})
		}
		r.Map.Edges = append(r.Map.Edges,
			posture.Edge{From: hub, To: id, Kind: "peering", Allowed: true},
			posture.Edge{From: id, To: pe, Kind: "reach", Allowed: s.Allowed, Status: s.Status, Rule: s.Rule})
		endpoint.Sources = append(endpoint.Sources, s)
	}
	r.Reached[0] = endpoint
	return r
}

func empty() posture.Report {
	return posture.Report{
		Version: 1, Verdict: posture.Undecided, Source: "empty.json", Taken: day(2),
		Findings: []posture.Finding{{ID: "has-account", Status: posture.Unknown, Level: posture.Must, Title: "There is an account", What: "The estate has no Azure OpenAI account.", Why: "Without one there is nothing to call private."}},
	}
}

// hostile puts into every text what strangers can put into a name.
func hostile() posture.Report {
	const (
		script = `<script>document.title="pwned"</script>`
		quote  = `"'><img src=x onerror=document.title='pwned'>` + "`${1}` {{.}} ]]> --> */"
		turned = "abc\u202egnp.exe \u2066x\u2069 \u0633\u0644\u0627\u0645"
		codes  = "a\x1b[31mred\x1b]0;title\x07 \x00\x7f \xff\xfe \u2028 \r\n next\ttab"
	)
	long := strings.Repeat("very-long-name-", 20)
	r := small()
	r.Source = script + quote + codes
	r.Notes = []string{script, quote, turned, codes, strings.Repeat("very-long-note-", 400)}
	words := []string{script, quote, turned, codes, long, "javascript:alert(1)", "仮想ネットワーク", "", "-- az; rm -rf /"}
	next := 0
	word := func() string { next++; return words[next%len(words)] }
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Title, f.What, f.Witness, f.Why = word(), word(), word(), word()
		f.Mend = posture.Mend{Terraform: word() + "\n" + word(), Az: word()}
		f.Equal = []string{word(), word()}
		f.Evidence = append(f.Evidence, posture.Evidence{Resource: word(), Pointer: word(), Value: word(), Default: word()})
	}
	r.Findings = append(r.Findings, posture.Finding{ID: script, Status: "odd", Level: "odd", Resource: quote})
	for i := range r.Reached {
		r.Reached[i].Address = word()
		for j := range r.Reached[i].Sources {
			s := &r.Reached[i].Sources[j]
			s.Sentence, s.Rule, s.Pointer, s.Ranges = word(), word(), word(), []string{word(), word()}
		}
	}
	for i := range r.Map.Nodes {
		r.Map.Nodes[i].Name, r.Map.Nodes[i].Detail = word(), word()
	}
	for i := range r.Map.Edges {
		r.Map.Edges[i].Rule = word()
	}
	// A tree that is none, and lines that lead nowhere.
	r.Map.Nodes = append(r.Map.Nodes,
		posture.Node{ID: "a", Parent: "b", Kind: "vnet", Name: "a"}, posture.Node{ID: "b", Parent: "a", Kind: "vnet", Name: "b"},
		posture.Node{ID: "c", Parent: "c", Kind: script, Name: script}, posture.Node{ID: "d", Parent: "missing", Kind: "subnet", Name: "d"}, posture.Node{})
	r.Map.Edges = append(r.Map.Edges, posture.Edge{From: "a", To: "a", Kind: "reach"}, posture.Edge{From: "a", To: "nowhere", Kind: "peering"}, posture.Edge{From: "c", To: "d", Kind: script})
	return r
}
