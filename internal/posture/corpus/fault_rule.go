package corpus

// Faults of the group's rules: who comes in that should not.

const (
	allowRule = endGroup + "/securityRules/allow-clients"
	denyRule  = endGroup + "/securityRules/deny-all"
)

// ruleFaults take the deny away that must stand under the allow, in all the
// ways that look as if it stood there still.
func ruleFaults() []fault {
	openedBy := func(rule string) []Want { return []Want{fails("reach-only-clients", mainEndpoint, rule)} }
	peers := openedBy("AllowVnetInBound")
	deny := func(field string, v any) func(*Document) { return set(denyRule, "properties."+field, v) }
	one, two := []string{"one-vnet"}, []string{"one-vnet", "hub-and-spoke"}
	return []fault{
		{"deny-gone", "Azure's AllowVnetInBound lets neighbours and peers in", []string{
			"one-vnet", "hub-and-spoke", "on-premises", "express-route", "two-subscriptions", "one-subnet", "default-deny-alone", "children-twice", "other-region",
		}, func(d *Document) { d.dropEvery(denyRule) }, peers},
		{"deny-outbound", "a rule of the other direction", two, deny("direction", "Outbound"), peers},
		{"deny-udp", "the deny means UDP alone", one, deny("protocol", "Udp"), peers},
		{"deny-icmp", "the deny means ICMP alone", one, deny("protocol", "Icmp"), peers},
		{"deny-port-80", "the deny means port 80 alone", one, deny("destinationPortRange", "80"), peers},
		{"deny-ports-below", "the deny means ports up to 442", one, deny("destinationPortRange", "0-442"), peers},
		{"deny-source-port", "the deny means one source port, and a client chooses its own", one, deny("sourcePortRange", "443"),
			[]Want{notPass("reach-only-clients", mainEndpoint)}},
		{"deny-elsewhere", "the deny means another subnet", []string{"one-vnet", "several-accounts"}, deny("destinationAddressPrefix", "10.0.3.0/24"), peers},
		{"deny-one-address-off", "the deny means the address beside the endpoint's", []string{"one-vnet", "static-address"}, deny("destinationAddressPrefix", "10.0.2.5/32"), peers},
		{"deny-some-sources", "the deny means the clients alone", one, deny("sourceAddressPrefix", "10.0.1.0/24"), peers},
		{"deny-internet", "the deny means the internet, which never reaches a private address", two, deny("sourceAddressPrefix", "Internet"), peers},
		{"deny-allows", "a rule called deny-all that allows", two, deny("access", "Allow"), openedBy("deny-all")},
		{"deny-plural-elsewhere", "the plural field names another address, the singular one none", []string{"plural-fields"},
			func(d *Document) {
				d.At(denyRule).Remove("properties.destinationAddressPrefix").
					Set("properties.destinationAddressPrefixes", texts("10.0.2.5/32", "10.0.2.6/32"))
			}, peers},
		{"deny-below-allow", "a wider allow comes first", two,
			func(d *Document) { d.adds("nsg-endpoints", allow("allow-vnet", 4000, "VirtualNetwork", "*")) }, openedBy("allow-vnet")},
		{"order-turned", "the late allow comes before the deny", []string{"rule-order"},
			set(endGroup+"/securityRules/allow-everyone", "properties.priority", 2000), openedBy("allow-everyone")},
		{"endpoint-left-its-group", "the rules name an application security group that the endpoint is not in", []string{"application-groups"},
			func(d *Document) {
				d.At(mainEndpoint).Remove("properties.applicationSecurityGroups")
				d.At("networkInterfaces/pep-main.nic." + guid("pep-main")).
					Remove("properties.ipConfigurations[0].properties.applicationSecurityGroups")
			}, peers},
		{"admin-deny-in-its-place", "an admin rule denies; it does not bind private endpoints", []string{"network-manager"},
			func(d *Document) {
				d.Delete(denyRule)
				d.adminRule(d.At("ruleCollections/remote"), "deny-model", "Deny", 20, "VirtualNetwork", "443")
			}, peers},
	}
}

// sourceFaults widen the allow, or add another.
func sourceFaults() []fault {
	opened := func(rule string) []Want { return []Want{fails("reach-only-clients", mainEndpoint, rule)} }
	doubted := func(witness string) []Want { return []Want{unsure("reach-only-clients", mainEndpoint, witness)} }
	byAllow := opened("allow-clients")
	from := func(prefix string) func(*Document) {
		return set(allowRule, "properties.sourceAddressPrefix", prefix)
	}
	extra := func(from string) func(*Document) {
		return func(d *Document) { d.adds("nsg-endpoints", allow("allow-extra", 120, from, "10.0.2.0/24")) }
	}
	one, two := []string{"one-vnet"}, []string{"one-vnet", "hub-and-spoke"}
	return []fault{
		{"allow-any", "the allow means everyone", two, from("*"), byAllow},
		{"allow-zero", "the same as a prefix", one, from("0.0.0.0/0"), byAllow},
		{"allow-vnet", "the allow means the network and its peers", two, from("VirtualNetwork"), byAllow},
		{"allow-network", "the allow means the whole network", []string{"one-vnet", "portal-outlet", "one-subnet"}, from("10.0.0.0/16"), byAllow},
		{"allow-too-short", "two bits too few take the neighbours in", one, from("10.0.0.0/22"), byAllow},
		{"allow-all-spokes", "the allow means every spoke", []string{"hub-and-spoke", "on-premises", "custom-dns"}, from("10.0.0.0/8"), byAllow},
		{"allow-whole-spoke", "the clients' network, bystanders and all", []string{"two-subscriptions"}, from("10.1.0.0/16"), byAllow},
		{"allow-plural-neighbour", "one more prefix in the plural field", []string{"plural-fields"},
			func(d *Document) { d.At(allowRule).Append("properties.sourceAddressPrefixes", "10.0.3.0/24") }, byAllow},
		{"allow-both-fields", "the singular field and the plural one, of which one is read over", one,
			func(d *Document) { d.At(allowRule).Append("properties.sourceAddressPrefixes", "10.0.3.0/24") }, byAllow},
		{"extra-neighbour", "a second allow, for the neighbours", []string{"one-vnet", "ai-services", "container-app"}, extra("10.0.3.0/24"), opened("allow-extra")},
		{"extra-one-machine", "a second allow, for one machine", one, extra("10.0.3.4"), opened("allow-extra")},
		{"extra-spoke", "a second allow, for the spoke that is not meant", []string{"hub-and-spoke", "forwarding-ruleset"}, extra("10.2.1.0/24"), opened("allow-extra")},
		{"extra-site", "a second allow, for the site on premises", []string{"on-premises"}, extra("192.168.0.0/16"), opened("allow-extra")},
		{"extra-any-protocol", "a second allow, for any protocol and port", one,
			func(d *Document) {
				d.adds("nsg-endpoints", rule("allow-extra", 120, "Allow", "Inbound").Set("properties.sourceAddressPrefix", "10.0.3.0/24"))
			}, opened("allow-extra")},
		{"extra-port-range", "a second allow, whose range of ports holds 443", one,
			func(d *Document) {
				extra("10.0.3.0/24")(d)
				d.At("securityRules/allow-extra").Set("properties.destinationPortRange", "400-500")
			}, opened("allow-extra")},
		{"extra-port-list", "a second allow, whose list of ports holds 443", one,
			func(d *Document) {
				extra("10.0.3.0/24")(d)
				d.At("securityRules/allow-extra").Remove("properties.destinationPortRange").
					Set("properties.destinationPortRanges", texts("22", "80", "443"))
			}, opened("allow-extra")},
		{"extra-application-group", "a second allow, for a group that a neighbour is a member of", []string{"application-groups"},
			extraFromGroup("asg-build"), opened("allow-extra")},
		{"extra-group-unread", "a second allow, for a group that is not in the snapshot", []string{"application-groups", "one-vnet"},
			extraFromGroup("asg-unread"), doubted("allow-extra")},
		{"extra-tag-unknown", "a second allow, for a service tag newer than any list of prefixes", two,
			extra("AzureBrandNewService"), doubted("allow-extra")},
		{"half-peering-completed", "a network that a rule names is peered at last", []string{"unconnected"},
			func(d *Document) {
				d.At("virtualNetworks/vnet-main").peered(d.At("virtualNetworks/vnet-half"))
				d.At("vnet-half/virtualNetworkPeerings/to-vnet-main").Set("properties.peeringState", "Connected")
			}, opened("allow-former-a")},
		{"former-network-peered", "a network that a stale rule names is peered again", []string{"unconnected"},
			func(d *Document) { d.peers(d.At("virtualNetworks/vnet-main"), d.At("virtualNetworks/vnet-old")) },
			opened("allow-former-b")},
	}
}

// extraFromGroup adds an allow for an application security group.
func extraFromGroup(name string) func(*Document) {
	return func(d *Document) {
		d.adds("nsg-endpoints", allow("allow-extra", 120, "", "10.0.2.0/24")).
			Remove("properties.sourceAddressPrefix").
			Set("properties.sourceApplicationSecurityGroups", list{ref(d.id(network, "applicationSecurityGroups", name))})
	}
}

// dropEvery removes a resource wherever it is written.
func (d *Document) dropEvery(suffix string) {
	found := d.ending(suffix)
	if len(found) == 0 {
		d.problem("no resource ends in " + suffix)
		return
	}
	gone := Part{d, found[0]}.ID()
	d.drop(func(id string) bool { return within(id, gone) })
}
