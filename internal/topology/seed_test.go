package topology_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

func read(t testing.TB, doc string) *estate.Estate {
	t.Helper()
	e, err := estate.Read(strings.NewReader(doc), estate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

var https = topology.Port{Number: 443}

const rg = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network"

// The published example of a private Azure OpenAI: an apps subnet, a backend
// subnet with the endpoint, a group on the latter.
func example(policies string) string {
	return `[
	{"id":"` + rg + `/virtualNetworks/vnet","type":"Microsoft.Network/virtualNetworks","properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/16"]},"subnets":[
		{"name":"apps","properties":{"addressPrefix":"10.0.0.0/23"}},
		{"name":"backend","properties":{"addressPrefix":"10.0.2.0/24","privateEndpointNetworkPolicies":"` + policies + `","networkSecurityGroup":{"id":"` + rg + `/networkSecurityGroups/NSG-backend"}}}]}},
	{"id":"` + rg + `/networkSecurityGroups/nsg-backend","type":"Microsoft.Network/networkSecurityGroups","properties":{"securityRules":[
		{"name":"allow-apps-to-openai-https","properties":{"priority":150,"direction":"Inbound","access":"Allow","protocol":"Tcp","sourceAddressPrefix":"10.0.0.0/23","sourcePortRange":"*","destinationAddressPrefix":"10.0.2.4/32","destinationPortRange":"443"}},
		{"name":"prevent-all","properties":{"priority":200,"direction":"Inbound","access":"Deny","protocol":"Tcp","sourceAddressPrefix":"*","sourcePortRange":"*","destinationAddressPrefix":"10.0.2.0/24","destinationPortRange":"443"}}]}},
	{"id":"` + rg + `/privateEndpoints/pe","type":"Microsoft.Network/privateEndpoints","properties":{"subnet":{"id":"` + rg + `/virtualNetworks/vnet/subnets/backend"},
		"customDnsConfigs":[{"fqdn":"azopenai.openai.azure.com","ipAddresses":["10.0.2.4"]}],
		"privateLinkServiceConnections":[{"name":"psc","properties":{"privateLinkServiceId":"/subscriptions/s/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/azopenai","groupIds":["account"],"privateLinkServiceConnectionState":{"status":"Approved"}}}]}},
	{"id":"/subscriptions/s/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/azopenai","type":"Microsoft.CognitiveServices/accounts","kind":"OpenAI","properties":{"customSubDomainName":"azopenai","publicNetworkAccess":"Disabled"}}
	]`
}

func TestTheGroupBindsOnlyWithTheSubnetsPolicy(t *testing.T) {
	for _, c := range []struct {
		policies, from string
		want           topology.Verdict
		rule           string
	}{
		{"Enabled", "10.0.0.7", topology.Allowed, "allow-apps-to-openai-https"},
		{"Enabled", "10.0.2.9", topology.Denied, "prevent-all"},
		{"NetworkSecurityGroupEnabled", "10.0.2.9", topology.Denied, "prevent-all"},
		{"RouteTableEnabled", "10.0.2.9", topology.Allowed, ""},
		{"Disabled", "10.0.2.9", topology.Allowed, ""},
		{"Maybe", "10.0.2.9", topology.Unknown, "prevent-all"},
	} {
		e := read(t, example(c.policies))
		topo := topology.New(e, topology.Config{})
		from, ok := topo.AddressIn(rg+"/virtualNetworks/vnet", addr(c.from))
		to, ok2 := topo.TargetOf(rg + "/privateEndpoints/pe")
		f := topo.Flow(from, to, https)
		if !ok || !ok2 || f.Verdict != c.want || f.Decider() == nil || f.Decider().Rule != c.rule {
			t.Errorf("%s from %s: %v, decided by %+v", c.policies, c.from, f.Verdict, f.Decider())
		}
		if d := f.Decider(); d != nil {
			t.Logf("%s %s: %v %s %s %q at %s", c.policies, c.from, f.Verdict, d.Step, d.Note, d.Rule, e.Pointer(d.At))
		}
	}
}
