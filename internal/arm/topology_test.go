package arm_test

import (
	"net/netip"
	"testing"

	"github.com/ostiary/ostiary/internal/topology"
)

// What is written here decides who reaches the account, at once.
func TestWritesMoveTheNetwork(t *testing.T) {
	r := estateRig(t)
	https := topology.Port{Number: 443}
	model := func() *topology.Topology {
		e, err := r.Estate()
		if err != nil {
			t.Fatal(err)
		}
		return topology.New(e, topology.Config{})
	}
	client := func(m *topology.Topology) topology.Place {
		p, ok := m.AddressIn(net+"virtualNetworks/vnet", netip.MustParseAddr("10.1.1.9"))
		if !ok {
			t.Fatal("there is no client's place")
		}
		return p
	}
	flow := func(want topology.Verdict, when string) {
		t.Helper()
		m := model()
		to, ok := m.TargetOf(net + "privateEndpoints/pe")
		if got := m.Flow(client(m), to, https); !ok || got.Verdict != want {
			t.Errorf("%s: %v, want %v", when, got.Verdict, want)
		}
	}
	resolves := func(want string, when string) {
		t.Helper()
		m := model()
		got := ""
		if a := m.Resolve(client(m), "aoai.openai.azure.com"); len(a.Addrs) == 1 {
			got = a.Addrs[0].String()
		}
		if got != want {
			t.Errorf("%s the name resolves to %q, want %q", when, got, want)
		}
	}
	resolves("10.1.2.4", "with zone, link and record")
	flow(topology.Allowed, "without a group at the endpoint")

	guarded := func(policies string) {
		r.put(net+"virtualNetworks/vnet/subnets/endpoints", `{"properties":{"addressPrefix":"10.1.2.0/24","privateEndpointNetworkPolicies":"`+policies+`","networkSecurityGroup":{"id":"`+net+`networkSecurityGroups/nsg"}}}`)
	}
	guarded("Disabled")
	flow(topology.Allowed, "a group that denies, without the subnet's policy")
	guarded("NetworkSecurityGroupEnabled")
	flow(topology.Denied, "a group that denies, with the policy")
	guarded("Disabled")

	connection := at(r.get(cog+"aoai/privateEndpointConnections"), "value.0.id").(string)
	r.put(connection, `{"properties":{"privateLinkServiceConnectionState":{"status":"Rejected"}}}`)
	flow(topology.Denied, "the owner rejects the connection")

	r.ask("DELETE", net+"privateDnsZones/privatelink.openai.azure.com/virtualNetworkLinks/vnet", "")
	resolves("", "without the link")
}
