package place

import (
	"net/netip"
	"strings"
	"testing"
)

// joined adds to the sample network a site behind a VPN gateway, a container
// app, and a machine with a public address whose group lets port 8443 in.
func joined() string {
	return strings.TrimSuffix(sample(options{public: "Disabled", endpoint: true}), "]") + `,
	{"id":"` + rg + `/virtualNetworks/edge","name":"edge","type":"Microsoft.Network/virtualNetworks","properties":{"addressSpace":{"addressPrefixes":["10.4.0.0/16"]},"subnets":[
		{"id":"` + rg + `/virtualNetworks/edge/subnets/apps","name":"apps","properties":{"addressPrefix":"10.4.0.0/24","networkSecurityGroup":{"id":"` + rg + `/networkSecurityGroups/edge"},"natGateway":null}},
		{"id":"` + rg + `/virtualNetworks/edge/subnets/containers","name":"containers","properties":{"addressPrefix":"10.4.2.0/23","natGateway":{"id":"` + rg + `/natGateways/nat"}}}]}},
	{"id":"` + rg + `/networkSecurityGroups/edge","name":"edge","type":"Microsoft.Network/networkSecurityGroups","properties":{"securityRules":[
		{"name":"in","properties":{"priority":100,"direction":"Inbound","access":"Allow","protocol":"Tcp","sourceAddressPrefix":"192.0.2.7/32","sourcePortRange":"*","destinationAddressPrefix":"*","destinationPortRange":"8443"}}]}},
	{"id":"` + rg + `/publicIPAddresses/relay","name":"relay-ip","type":"Microsoft.Network/publicIPAddresses","sku":{"name":"Standard"},"properties":{"ipAddress":"203.0.113.99"}},
	{"id":"` + rg + `/publicIPAddresses/nat","name":"nat-ip","type":"Microsoft.Network/publicIPAddresses","sku":{"name":"Standard"},"properties":{"ipAddress":"203.0.113.50"}},
	{"id":"` + rg + `/natGateways/nat","name":"nat","type":"Microsoft.Network/natGateways","properties":{"publicIpAddresses":[{"id":"` + rg + `/publicIPAddresses/nat"}]}},
	{"id":"` + rg + `/networkInterfaces/relay-nic","name":"relay-nic","type":"Microsoft.Network/networkInterfaces","properties":{"ipConfigurations":[{"name":"ip","properties":{"primary":true,"privateIPAddress":"10.4.0.4","publicIPAddress":{"id":"` + rg + `/publicIPAddresses/relay"},"subnet":{"id":"` + rg + `/virtualNetworks/edge/subnets/apps"}}}]}},
	{"id":"` + sub + `Microsoft.Compute/virtualMachines/relay","name":"relay","type":"Microsoft.Compute/virtualMachines","properties":{"networkProfile":{"networkInterfaces":[{"id":"` + rg + `/networkInterfaces/relay-nic"}]}}},
	{"id":"` + sub + `Microsoft.App/managedEnvironments/env","name":"env","type":"Microsoft.App/managedEnvironments","properties":{"vnetConfiguration":{"infrastructureSubnetId":"` + rg + `/virtualNetworks/edge/subnets/containers"}}},
	{"id":"` + sub + `Microsoft.App/containerApps/app","name":"app","type":"Microsoft.App/containerApps","properties":{"managedEnvironmentId":"` + sub + `Microsoft.App/managedEnvironments/env"}},
	{"id":"` + rg + `/virtualNetworks/vnet/subnets/GatewaySubnet","name":"GatewaySubnet","type":"Microsoft.Network/virtualNetworks/subnets","properties":{"addressPrefix":"10.3.9.0/24"}},
	{"id":"` + rg + `/virtualNetworkGateways/gw","name":"gw","type":"Microsoft.Network/virtualNetworkGateways","properties":{"gatewayType":"Vpn","ipConfigurations":[{"name":"c","properties":{"subnet":{"id":"` + rg + `/virtualNetworks/vnet/subnets/GatewaySubnet"}}}]}},
	{"id":"` + rg + `/localNetworkGateways/site","name":"site","type":"Microsoft.Network/localNetworkGateways","properties":{"localNetworkAddressSpace":{"addressPrefixes":["172.16.1.0/24"]}}},
	{"id":"` + rg + `/connections/c","type":"Microsoft.Network/connections","properties":{"connectionType":"IPsec","virtualNetworkGateway1":{"id":"` + rg + `/virtualNetworkGateways/gw"},"localNetworkGateway2":{"id":"` + rg + `/localNetworkGateways/site"},"enableBgp":false}}]`
}

func TestPlacesOfOtherKinds(t *testing.T) {
	w := start(t, options{}, false)
	w.load(joined())
	forwarded := netip.MustParseAddr("10.3.0.4")
	for _, c := range []struct {
		place, to string
		dns       netip.Addr // what the site's servers forward to
		want      string
	}{
		{"site", host, netip.Addr{}, "public 198.51.100."},
		{"site", host, forwarded, "private 10.3.1.4 azopenai"},
		{"c", host, forwarded, "private 10.3.1.4 azopenai"},
		{"site", "10.3.1.4:443", netip.Addr{}, "private 10.3.1.4 azopenai"},
		{"app", host, netip.Addr{}, "public 203.0.113.50 azopenai"}, // by its NAT gateway
		{"env", host, netip.Addr{}, "public 203.0.113.50 azopenai"},
		{"app", "10.3.1.4:443", netip.Addr{}, "502 "}, // the networks are not joined
		{"relay", host, netip.Addr{}, "public 203.0.113.99 azopenai"},
	} {
		w.siteDNS.Store(&c.dns)
		if got := w.connect(c.place, c.to); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s → %s (%v): %s, want %s", c.place, c.to, c.dns, got, c.want)
		}
	}
}

func TestAServiceAtAPublicAddress(t *testing.T) {
	w := start(t, options{}, false)
	w.load(joined())
	if _, err := w.server.Offer(Service{"relay", 8443, w.greeter("relay\n")}); err != nil {
		t.Fatal(err)
	}
	for place, want := range map[string]string{
		"internet:192.0.2.7": "relay",
		"internet:192.0.2.8": "502 security group edge, rule DenyAllInBound",
		"app":                "502 ", // its address is not the one that is let in
	} {
		if got := w.connect(place, "203.0.113.99:8443"); !strings.HasPrefix(got, want) {
			t.Errorf("from %s: %s, want %s", place, got, want)
		}
	}
}
