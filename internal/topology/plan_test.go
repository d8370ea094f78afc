package topology_test

import (
	"os"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/topology"
)

// planned is a plan in which the endpoint's address is not known before apply:
// the published example again.
func planned(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("testdata/plan.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Before apply nobody knows the endpoint's address, so that the rule that
// names it may let the apps in. What the other rule denies is certain all the
// same.
func TestAPlanTellsWhatIsCertainAlready(t *testing.T) {
	e := read(t, planned(t))
	topo := topology.New(e, topology.Config{})
	to, ok := topo.TargetOf("azurerm_private_endpoint.endpoint")
	if !ok {
		t.Fatal("the endpoint is not found by its address")
	}
	for from, want := range map[string]topology.Verdict{"10.0.0.7": topology.Unknown, "10.0.2.9": topology.Denied} {
		p, ok := topo.AddressIn("azurerm_virtual_network.vnet", addr(from))
		if f := topo.Flow(p, to, https); !ok || f.Verdict != want {
			t.Errorf("from %s: %v", from, f)
		}
	}
	apps, _ := topo.PlaceOf("azurerm_subnet.apps")
	if a := topo.Resolve(apps, "azopenai.openai.azure.com"); a.Result != topology.Unresolved || len(a.Chain) != 2 || a.Chain[0].Type != "CNAME" || a.Chain[1].By != topology.ByPrivateZone {
		t.Errorf("the name: %v", a)
	}
	open := strings.Replace(planned(t), `"private_endpoint_network_policies":"Enabled"`, `"private_endpoint_network_policies":"Disabled"`, 1)
	topo = topology.New(read(t, open), topology.Config{})
	to, _ = topo.TargetOf("azurerm_private_endpoint.endpoint")
	p, _ := topo.AddressIn("azurerm_virtual_network.vnet", addr("10.0.2.9"))
	if f := topo.Flow(p, to, https); f.Verdict != topology.Allowed {
		t.Errorf("with the policy off: %v", f)
	}
}
