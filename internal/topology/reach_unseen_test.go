package topology_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/topology"
)

// sentences are the groups of a reach, with their verdicts.
func sentences(r topology.Reach) []string {
	var out []string
	for _, g := range r.Groups {
		out = append(out, g.Verdict.String()+": "+g.String())
	}
	slices.Sort(out)
	return out
}

func TestReachReadsAsSentences(t *testing.T) {
	narrow := scene{public: "Disabled", endpoint: true, peered: true, policies: "Enabled",
		group: nsgRule(100, "Inbound", "Allow", "Tcp", "10.3.0.0/28", "*", "443") + "," + nsgRule(4096, "Inbound", "Deny", "*", "*", "*", "*")}
	whole := narrow
	whole.group = ""
	listed := scene{action: "Deny", ips: `{"value":"203.0.113.0/24"},{"value":"203.0.113.128/25"}`, netRules: `{"id":"` + rg + `/virtualNetworks/a/subnets/clients"}`, services: `{"service":"Microsoft.CognitiveServices"}`}
	stranger := strings.Replace(scene{public: "Disabled"}.doc(), `"privateEndpointConnections":[]`, `"privateEndpointConnections":[{"name":"them","properties":{"privateEndpoint":{"id":"/elsewhere"},"privateLinkServiceConnectionState":{"status":"Approved"}}},{"name":"asks","properties":{"privateLinkServiceConnectionState":{"status":"Pending"}}}]`, 1)
	hub := strings.Replace(whole.doc(), `{"name":"to-a"`, `{"name":"to-gone","properties":{"peeringState":"Connected","remoteVirtualNetwork":{"id":"/subscriptions/x/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/gone"},"allowVirtualNetworkAccess":true,"remoteVirtualNetworkAddressSpace":{"addressPrefixes":["10.9.0.0/16"]}}},{"name":"to-a"`, 1)
	for _, c := range []struct {
		what, doc string
		want      []string
	}{
		{"a rule that admits a part of the peer", narrow.doc(), []string{
			"allowed: VNet a, subnet clients, 10.3.0.0/28, through peering to-b",
			"denied: VNet a, subnet clients, 10.3.0.16–10.3.0.255, through peering to-b",
			"denied: VNet b, any address",
			"denied: the internet, any address"}},
		{"no rule", whole.doc(), []string{
			"allowed: VNet a, any address, through peering to-b",
			"allowed: VNet b, any address",
			"denied: the internet, any address"}},
		{"listed addresses and a subnet", listed.doc(), []string{
			"allowed: VNet a, subnet clients, 10.3.0.0/24, through the subnet's service endpoint",
			"allowed: the internet, 203.0.113.0/24",
			"denied: the internet, *"}},
		{"a stranger's endpoint", stranger, []string{
			"denied: the internet, any address",
			"unknown: a network that was not read"}},
		{"a peer that was not read", hub, []string{
			"allowed: VNet a, any address, through peering to-b",
			"allowed: VNet b, any address",
			"denied: the internet, any address",
			"unknown: a network that was not read, gone, any address, through peering to-gone"}},
	} {
		topo := topology.New(read(t, c.doc), topology.Config{})
		to, _ := topo.TargetOf("/subscriptions/s/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/acct")
		got := sentences(topo.Reach(to, https))
		same := slices.EqualFunc(got, c.want, func(a, b string) bool {
			start, rest, any := strings.Cut(b, "*")
			return a == b || any && rest == "" && strings.HasPrefix(a, start)
		})
		if !same {
			t.Errorf("%s:\n%s\nwant\n%s", c.what, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

// Trusted services of Azure pass unless networkAcls.bypass keeps them out, and
// left out it does not.
func TestTrustedServices(t *testing.T) {
	for _, c := range []struct {
		bypass, public, want string
	}{
		{`"bypass":"None",`, "Enabled", ""},
		{`"bypass":"None",`, "Disabled", ""},
		{`"bypass":"AzureServices",`, "Enabled", "allowed: trusted services of Azure"},
		{`"bypass":"AzureServices",`, "Disabled", "unknown: trusted services of Azure"},
		{"", "Enabled", "allowed: trusted services of Azure"},
		{"", "Disabled", "unknown: trusted services of Azure"},
		{`"bypass":7,`, "Enabled", "unknown: trusted services of Azure"},
	} {
		doc := strings.Replace(scene{action: "Deny", public: c.public}.doc(), `"bypass":"None",`, c.bypass, 1)
		topo := topology.New(read(t, doc), topology.Config{})
		to, _ := topo.TargetOf("/subscriptions/s/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/acct")
		got := slices.DeleteFunc(sentences(topo.Reach(to, https)), func(s string) bool { return !strings.Contains(s, "trusted") })
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%spublic access %s: %q", c.bypass, c.public, got)
		}
	}
}

// What was not read is unknown, whether it is the whole resource, a part below
// it, or the scope around it.
func TestGapsAreUnknown(t *testing.T) {
	s := scene{endpoint: true, policies: "Enabled", group: nsgRule(100, "Inbound", "Deny", "*", "*", "*", "*"), zone: "linked", records: "acct"}
	account := "/subscriptions/s/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/acct"
	for _, c := range []struct {
		gap            string
		flow           topology.Verdict
		front          topology.Verdict
		name           topology.Result
		unknownSources bool
	}{
		{"/elsewhere", topology.Denied, topology.Allowed, topology.Addresses, false},
		{rg + "/networkSecurityGroups/nsg-endpoints/securityRules", topology.Unknown, topology.Allowed, topology.Addresses, false},
		{rg + "/virtualNetworks/a/virtualNetworkPeerings", topology.Denied, topology.Allowed, topology.Addresses, true},
		{account, topology.Denied, topology.Unknown, topology.Addresses, false},
		{rg + "/privateDnsZones/privatelink.openai.azure.com", topology.Denied, topology.Allowed, topology.Addresses, false},
	} {
		doc := strings.Replace(s.doc(), "[", `[{"id":"`+c.gap+`","error":{"code":"AuthorizationFailed"}},`, 1)
		topo := topology.New(read(t, doc), topology.Config{})
		vm, _ := topo.PlaceOf(rg + "/networkInterfaces/vm")
		to, _ := topo.TargetOf(rg + "/privateEndpoints/pe")
		front, _ := topo.TargetOf(account)
		if f := topo.Flow(vm, to, https); f.Verdict != c.flow {
			t.Errorf("%s: %v", c.gap, f)
		}
		if f := topo.Flow(topology.Internet(netip.Addr{}), front, https); f.Verdict != c.front {
			t.Errorf("%s: %v", c.gap, f)
		}
		if a := topo.Resolve(vm, "acct.openai.azure.com"); a.Result != c.name {
			t.Errorf("%s: %v", c.gap, a)
		}
		unseen := slices.ContainsFunc(topo.Reach(to, https).Groups, func(g topology.Group) bool { return g.From == topology.FromUnseen })
		if unseen != c.unknownSources {
			t.Errorf("%s: sources outside the estate: %v", c.gap, unseen)
		}
	}
	// A record that the zone lacks may be in the part that was not read.
	doc := strings.Replace(s.doc(), "[", `[{"id":"`+rg+`/privateDnsZones/privatelink.openai.azure.com/ALL","error":{"code":"x"}},`, 1)
	topo := topology.New(read(t, strings.Replace(doc, "/A/acct", "/A/other", 1)), topology.Config{})
	vm, _ := topo.PlaceOf(rg + "/networkInterfaces/vm")
	if a := topo.Resolve(vm, "acct.openai.azure.com"); a.Result != topology.Unresolved {
		t.Errorf("a zone that was not read whole: %v", a)
	}
}

// An interface whose address is not known has its group all the same, and may
// be at any address of its subnet.
func TestAnInterfaceWithoutAnAddress(t *testing.T) {
	s := scene{endpoint: true, nicGroup: nsgRule(100, "Outbound", "Deny", "*", "*", "*", "*")}
	topo := topology.New(read(t, strings.Replace(s.doc(), `"privateIPAddress":"10.3.0.4"`, `"privateIPAddress":7`, 1)), topology.Config{})
	to, _ := topo.TargetOf(rg + "/privateEndpoints/pe")
	vm, _ := topo.PlaceOf(rg + "/networkInterfaces/vm")
	if f := topo.Flow(vm, to, https); f.Verdict != topology.Denied {
		t.Errorf("from the interface: %v", f)
	}
	other, _ := topo.AddressIn(rg+"/virtualNetworks/a", addr("10.3.0.77"))
	if f := topo.Flow(other, to, https); f.Verdict != topology.Unknown {
		t.Errorf("from an address beside it: %v", f)
	}
	nic, _ := topo.TargetOf(rg + "/networkInterfaces/vm")
	back, _ := topo.AddressIn(rg+"/virtualNetworks/a", addr("10.4.0.77"))
	if f := topo.Flow(back, nic, https); f.Verdict != topology.Allowed {
		t.Errorf("to the interface: %v", f)
	}
}
