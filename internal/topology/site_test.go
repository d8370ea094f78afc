package topology_test

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// hubAndSpoke is a site behind a hub's gateway, and a spoke with a private
// endpoint. The peering gives the spoke no use of the gateway, so that only an
// appliance can bring the site's traffic there. routes are those of the
// GatewaySubnet; synced is what the hub's peering routes to the spoke.
func hubAndSpoke(routes, synced string) string {
	peering := func(to, synced string) string {
		return fmt.Sprintf(`{"name":"to-%s","properties":{"peeringState":"Connected","remoteVirtualNetwork":{"id":"%s/virtualNetworks/%s"},"remoteAddressSpace":{"addressPrefixes":["%s"]},"allowVirtualNetworkAccess":true,"allowGatewayTransit":false,"useRemoteGateways":false}}`, to, rg, to, synced)
	}
	network := func(name, space, subnet, rest, peering string) string {
		return fmt.Sprintf(`{"id":"%s/virtualNetworks/%s","type":"Microsoft.Network/virtualNetworks","properties":{"addressSpace":{"addressPrefixes":["%s"]},"subnets":[{"name":"%s","properties":{"addressPrefix":"%s"%s}}],"virtualNetworkPeerings":[%s]}},`, rg, name, space, subnet, space, rest, peering)
	}
	return "[" + network("hub", "10.1.0.0/24", "GatewaySubnet", `,"routeTable":{"id":"`+rg+`/routeTables/rt"}`, peering("spoke", synced)) +
		network("spoke", "10.0.0.0/24", "endpoints", `,"privateEndpointNetworkPolicies":"RouteTableEnabled"`, peering("hub", "10.1.0.0/24")) +
		`{"id":"` + rg + `/routeTables/rt","type":"Microsoft.Network/routeTables","properties":{"disableBgpRoutePropagation":false,"routes":[` + routes + `]}},
		{"id":"` + rg + `/virtualNetworkGateways/gw","type":"Microsoft.Network/virtualNetworkGateways","properties":{"gatewayType":"Vpn","ipConfigurations":[{"name":"c","properties":{"subnet":{"id":"` + rg + `/virtualNetworks/hub/subnets/GatewaySubnet"}}}]}},
		{"id":"` + rg + `/localNetworkGateways/site","type":"Microsoft.Network/localNetworkGateways","properties":{"localNetworkAddressSpace":{"addressPrefixes":["172.16.1.0/24"]}}},
		{"id":"` + rg + `/connections/c","type":"Microsoft.Network/connections","properties":{"connectionType":"IPsec","virtualNetworkGateway1":{"id":"` + rg + `/virtualNetworkGateways/gw"},"localNetworkGateway2":{"id":"` + rg + `/localNetworkGateways/site"},"enableBgp":false}},
		{"id":"` + rg + `/privateEndpoints/pe","type":"Microsoft.Network/privateEndpoints","properties":{"subnet":{"id":"` + rg + `/virtualNetworks/spoke/subnets/endpoints"},"customDnsConfigs":[{"fqdn":"a.openai.azure.com","ipAddresses":["10.0.0.4"]}],"privateLinkServiceConnections":[{"name":"c","properties":{"privateLinkServiceId":"/a","groupIds":["account"],"privateLinkServiceConnectionState":{"status":"Approved"}}}]}}]`
}

// Without transit a site reaches a spoke's endpoint only where an appliance may
// carry it there. Engine and naive evaluator are held to the same answers; the
// fourth is one on which they differed once.
func TestASiteReachesASpokeThroughAnApplianceAlone(t *testing.T) {
	for _, c := range []struct {
		what, routes, synced string
		want                 topology.Verdict
	}{
		{"no route", "", "10.0.0.0/24", topology.Denied},
		{"a route to an appliance", userRoute("10.0.0.0/24", "VirtualAppliance"), "10.0.0.0/24", topology.Unknown},
		{"a route to the endpoint alone", userRoute("10.0.0.4/32", "VirtualAppliance"), "10.0.0.0/24", topology.Unknown},
		{"the peering's longer route comes first", userRoute("10.0.0.0/24", "VirtualAppliance"), "10.0.0.0/25", topology.Denied},
		{"a default route takes nothing from an endpoint", userRoute("0.0.0.0/0", "VirtualAppliance"), "10.0.0.0/24", topology.Denied},
		{"a route to nowhere", userRoute("10.0.0.0/24", "None"), "10.0.0.0/24", topology.Denied},
		{"a route whose next hop is not known may lead to an appliance", `{"name":"u","properties":{"addressPrefix":"10.0.0.0/24","nextHopType":7}}`, "10.0.0.0/24", topology.Unknown},
		{"so may one whose prefix is not known", `{"name":"u","properties":{"addressPrefix":7,"nextHopType":"VirtualAppliance","nextHopIpAddress":"10.1.0.9"}}`, "10.0.0.0/24", topology.Unknown},
	} {
		e := read(t, hubAndSpoke(c.routes, c.synced))
		topo := topology.New(e, topology.Config{})
		from, _ := topo.AddressAt(rg+"/localNetworkGateways/site", addr("172.16.1.9"))
		to, _ := topo.TargetOf(rg + "/privateEndpoints/pe")
		if f := topo.Flow(from, to, https); f.Verdict != c.want {
			t.Errorf("%s:\n  engine: %v", c.what, f)
		}
		n := &naive{e: e, parsed: map[string][2]netip.Addr{}}
		if v := n.fromSite(e.Find(rg+"/localNetworkGateways/site").(*estate.LocalGateway), addr("172.16.1.9"), e.PrivateEndpoints[0], 443).verdict(); v != c.want {
			t.Errorf("%s:\n  naive evaluator: %v", c.what, v)
		}
	}
}

// Where the peerings of both networks were not read there may be one that uses
// the gateway.
func TestASiteBehindPeeringsThatWereNotRead(t *testing.T) {
	whole := hubAndSpoke("", "10.0.0.0/24")
	for gaps, want := range map[string]topology.Verdict{"": topology.Denied, "hub": topology.Denied, "hub spoke": topology.Unknown} {
		doc := regexp.MustCompile(`"virtualNetworkPeerings":\[.*?\}\}\]`).ReplaceAllString(whole, `"virtualNetworkPeerings":[]`)
		for _, v := range strings.Fields(gaps) {
			doc = strings.Replace(doc, "[", `[{"id":"`+rg+`/virtualNetworks/`+v+`/virtualNetworkPeerings","error":{"code":"AuthorizationFailed"}},`, 1)
		}
		topo := topology.New(read(t, doc), topology.Config{})
		from, _ := topo.AddressAt(rg+"/localNetworkGateways/site", addr("172.16.1.9"))
		to, _ := topo.TargetOf(rg + "/privateEndpoints/pe")
		if f := topo.Flow(from, to, https); f.Verdict != want {
			t.Errorf("peerings of %q not read: %v", gaps, f)
		}
	}
}
