package corpus

// Faults that keep the clients out, lead traffic round an inspection, or let
// an admin rule decide.

func reachFaults() []fault {
	stopped := func(rule string) []Want { return []Want{fails("clients-reach", "subnets/snet-apps", rule)} }
	byDeny := stopped("deny-all")
	allow := func(field string, v any) func(*Document) { return set(allowRule, "properties."+field, v) }
	one, two := []string{"one-vnet"}, []string{"one-vnet", "hub-and-spoke"}
	const toHub, fromHub = "vnet-apps/virtualNetworkPeerings/to-vnet-hub", "vnet-hub/virtualNetworkPeerings/to-vnet-apps"
	disconnected := func(d *Document) {
		d.At(toHub).Set("properties.peeringState", "Disconnected")
		d.At(fromHub).Set("properties.peeringState", "Disconnected")
	}
	return []fault{
		{"allow-gone", "no rule lets the clients in", two, gone(allowRule), byDeny},
		{"allow-mistyped", "the allow means 10.0.11.0/24", one, allow("sourceAddressPrefix", "10.0.11.0/24"), byDeny},
		{"allow-other-spoke", "the allow means the other spoke", []string{"hub-and-spoke"}, allow("sourceAddressPrefix", "10.2.0.0/24"), byDeny},
		{"allow-udp", "the allow means UDP", one, allow("protocol", "Udp"), byDeny},
		{"allow-port-80", "the allow means port 80", two, allow("destinationPortRange", "80"), byDeny},
		{"allow-other-address", "the allow means another address than the endpoint's", one, allow("destinationAddressPrefix", "10.0.2.9/32"), byDeny},
		{"allow-outbound", "the allow means the other direction", one, allow("direction", "Outbound"), byDeny},
		{"deny-first", "the deny comes before the allow", two, set(denyRule, "properties.priority", 90), byDeny},
		{"allow-forgets-a-subnet", "one of two client subnets is not in the list", []string{"plural-fields"},
			allow("sourceAddressPrefixes", texts("10.0.1.0/24")),
			[]Want{fails("clients-reach", "subnets/snet-jobs", "deny-all")}},
		{"allow-forgets-an-account", "the allow means the first endpoint alone", []string{"several-accounts"},
			allow("destinationAddressPrefix", "10.0.2.4/32"),
			[]Want{fails("clients-reach", "subnets/snet-apps", "10.0.2.5")}},
		{"allow-forgets-a-name", "the allow means the first of the endpoint's three addresses", []string{"three-addresses"},
			allow("destinationAddressPrefix", "10.0.2.4/32"),
			[]Want{fails("clients-reach", "subnets/snet-apps", "10.0.2.5")}},
		{"clients-denied-out", "the clients' own group lets nothing out to the model", []string{"one-vnet", "hub-and-spoke", "container-app"},
			func(d *Document) {
				d.adds("nsg-snet-apps", denyOut("deny-model", 200).Set("properties.destinationAddressPrefix", "VirtualNetwork"))
			}, stopped("deny-model")},
		{"clients-allow-out-gone", "the deny outbound was there, its exception is not", []string{"both-sides"},
			gone("networkSecurityGroups/nsg-snet-apps/securityRules/allow-model"),
			[]Want{notPass("clients-reach", "subnets/snet-apps")}},
		{"clients-allow-out-turned", "its exception denies as well", []string{"both-sides"},
			set("networkSecurityGroups/nsg-snet-apps/securityRules/allow-model", "properties.access", "Deny"), stopped("allow-model")},
		{"peering-disconnected", "both sides of the peering are dead", []string{"hub-and-spoke", "on-premises"}, disconnected, stopped("")},
		{"peering-to-dns-disconnected", "the same where the DNS server lies beyond it", []string{"custom-dns"}, disconnected,
			append(stopped(""), notPass("clients-resolve", "virtualNetworks/vnet-apps"))},
		{"peering-initiated", "one side of the peering is not there", []string{"hub-and-spoke", "two-subscriptions"},
			func(d *Document) {
				d.At(fromHub).Set("properties.peeringState", "Initiated")
				d.Delete(toHub)
			}, stopped("")},
		{"peering-side-gone", "the snapshot holds one side alone", []string{"hub-and-spoke"}, gone(toHub),
			[]Want{notPass("clients-reach", "subnets/snet-apps")}},
		{"peering-without-access", "the clients' side keeps the hub out of its tag VirtualNetwork", []string{"hub-and-spoke"},
			set(toHub, "properties.allowVirtualNetworkAccess", false),
			[]Want{notPass("clients-reach", "subnets/snet-apps")}},
		{"route-to-nowhere", "a route for the endpoint's address drops the packets", []string{"one-vnet", "several-accounts"},
			route("10.0.2.4/32", "None", ""), stopped("to-model")},
		{"route-to-no-machine", "a route for the endpoint's address leads to a machine that nobody knows", one,
			route("10.0.2.4/32", "VirtualAppliance", "10.0.3.99"),
			[]Want{notPass("clients-reach", "subnets/snet-apps")}},
		{"admin-denies-out", "an admin rule lets nothing out to port 443", []string{"network-manager"},
			func(d *Document) {
				d.adminRule(d.At("ruleCollections/remote"), "deny-model", "Deny", 20, "*", "443").Set("properties.direction", "Outbound")
			}, stopped("deny-model")},
	}
}

// route gives the clients a route table with one route.
func route(prefix, hop, next string) func(*Document) {
	return func(d *Document) {
		t := d.routeTable("rt-model", [3]string{"to-model", prefix, next})
		t.Set("properties.routes[0].properties.nextHopType", hop)
		if next == "" {
			t.Remove("properties.routes[0].properties.nextHopIpAddress")
		}
		d.At("subnets/snet-apps").routed(t)
	}
}

// routeFaults put an inspection in that the endpoint's own /32 route leads
// round: it beats 0.0.0.0/0.
func routeFaults() []fault {
	want := []Want{fails("routes-inspected", "subnets/snet-apps", "10.0.2.4")}
	const everything = "0.0.0.0/0"
	return []fault{
		{"firewall-passed", "all traffic goes to a firewall, but for that to the endpoint", []string{"one-vnet", "several-accounts", "container-app"},
			func(d *Document) {
				d.firewall(d.At("virtualNetworks/vnet-main"), "10.0.10.0/26", "10.0.10.4")
				route(everything, "VirtualAppliance", "10.0.10.4")(d)
			}, want},
		{"hub-firewall-passed", "the same from a spoke", []string{"hub-and-spoke"},
			func(d *Document) {
				d.firewall(d.At("virtualNetworks/vnet-hub"), "10.0.10.0/26", "10.0.10.4")
				route(everything, "VirtualAppliance", "10.0.10.4")(d)
			}, want},
		{"appliance-passed", "the same with a machine that forwards", []string{"one-vnet"},
			func(d *Document) {
				d.machine("nva-1", "10.0.3.10", d.At("subnets/snet-build")).Set("properties.enableIPForwarding", true)
				route(everything, "VirtualAppliance", "10.0.3.10")(d)
			}, want},
	}
}

func managerFaults() []fault {
	always := func(name, from string, ports ...string) fault {
		return fault{name, "an admin rule that no group can undo lets " + from + " in", []string{"network-manager"},
			func(d *Document) {
				d.adminRule(d.At("ruleCollections/remote"), name, "AlwaysAllow", 20, from, ports...)
			},
			[]Want{fails("admin-always-allow", "rules/"+name, name)}}
	}
	return []fault{
		always("always-allow-model", "VirtualNetwork", "443"),
		always("always-allow-everything", "*", "0-65535"),
		always("always-allow-neighbours", "10.0.3.0/24", "80", "443"),
	}
}
