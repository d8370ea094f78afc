package corpus

// Faults of the account's own door, which no virtual network sees.

func doorFaults() []fault {
	const acls = "properties.networkAcls."
	selected := []string{"selected-networks"}
	ip := func(values ...string) func(*Document) {
		return func(d *Document) {
			for _, v := range values {
				d.At("accounts/aoai-main").Append(acls+"ipRules", object{"value": v})
			}
		}
	}
	rule := func(account, subnet string) func(*Document) {
		return func(d *Document) {
			d.At("accounts/"+account).Append(acls+"virtualNetworkRules", object{
				"id": armID(subscriptionA, network, "virtualNetworks", "vnet-main", "subnets", subnet), "state": "Succeeded",
				"ignoreMissingVnetServiceEndpoint": false,
			})
		}
	}
	return []fault{
		{"public-access-on", "the account answers the internet", []string{"lean", "one-vnet", "hub-and-spoke"},
			set("accounts/aoai-main", "properties.publicNetworkAccess", "Enabled"),
			[]Want{fails("public-access-off", "accounts/aoai-main", "")}},
		{"public-access-unsaid", "Azure's default is public access", []string{"lean", "one-vnet", "children-separate"},
			remove("accounts/aoai-main", "properties.publicNetworkAccess"),
			[]Want{fails("public-access-off", "accounts/aoai-main", "")}},
		{"all-networks", "what the portal writes for All networks", []string{"hub-and-spoke", "perimeter", "other-region"},
			func(d *Document) {
				d.At("accounts/aoai-main").Set("properties.publicNetworkAccess", "Enabled").Set(acls+"defaultAction", "Allow")
			},
			[]Want{fails("public-access-off", "accounts/aoai-main", ""), fails("default-deny", "accounts/aoai-main", "")}},
		{"one-of-three-public", "one account of several answers the internet", []string{"several-accounts"},
			set("accounts/aoai-third", "properties.publicNetworkAccess", "Enabled"),
			[]Want{fails("public-access-off", "accounts/aoai-third", "")}},
		{"left-to-a-perimeter", "the door is left to a perimeter that there is not", []string{"lean"},
			set("accounts/aoai-main", "properties.publicNetworkAccess", "SecuredByPerimeter"),
			[]Want{notPass("public-access-off", "accounts/aoai-main")}},
		{"perimeter-wide-open", "the door is left to a perimeter that lets everyone in", []string{"perimeter"},
			func(d *Document) {
				d.At("accounts/aoai-main").Set("properties.publicNetworkAccess", "SecuredByPerimeter")
				everyone := object{"direction": "Inbound", "addressPrefixes": texts("0.0.0.0/0")}
				d.Add(resource(d.At("networkSecurityPerimeters/nsp-ai").ID()+"/profiles/default/accessRules/everyone", "", everyone))
				d.At("networkSecurityPerimeterConfigurations/"+guid("nsp-ai")+".to-aoai-main").
					Append("properties.profile.accessRules", object{"name": "everyone", "properties": copyOf(everyone)})
			},
			[]Want{fails("public-access-off", "accounts/aoai-main", "everyone")}},

		{"default-allow", "selected networks that deny nobody", selected,
			set("accounts/aoai-main", acls+"defaultAction", "Allow"),
			[]Want{fails("public-access-off", "accounts/aoai-main", ""), fails("default-deny", "accounts/aoai-main", "")}},
		{"default-unsaid", "Azure's default action is Allow", selected,
			remove("accounts/aoai-main", acls+"defaultAction"),
			[]Want{fails("public-access-off", "accounts/aoai-main", ""), fails("default-deny", "accounts/aoai-main", "")}},
		{"default-allow-behind-closed-door", "waits for the day that public access is turned on", []string{"one-vnet", "hub-and-spoke"},
			set("accounts/aoai-main", acls+"defaultAction", "Allow"),
			[]Want{fails("default-deny", "accounts/aoai-main", "").advised()}},

		{"address-world", "an address rule for the whole internet", selected, ip("0.0.0.0/0"),
			[]Want{fails("ip-rules-narrow", "accounts/aoai-main", "0.0.0.0/0")}},
		{"address-halves", "the whole internet in two rules", selected, ip("0.0.0.0/1", "128.0.0.0/1"),
			[]Want{fails("ip-rules-narrow", "accounts/aoai-main", "0.0.0.0/1")}},
		{"address-eight", "an address rule for 16 million addresses", selected, ip("203.0.0.0/8"),
			[]Want{fails("ip-rules-narrow", "accounts/aoai-main", "203.0.0.0/8")}},
		{"address-sixteen", "an address rule for 65 thousand addresses", selected, ip("198.51.0.0/16"),
			[]Want{fails("ip-rules-narrow", "accounts/aoai-main", "198.51.0.0/16")}},
		{"address-word", "an address rule that is no address", selected, ip("office"),
			[]Want{notPass("ip-rules-narrow", "accounts/aoai-main")}},

		{"service-endpoint-rule", "a subnet comes in round the endpoint and its group", []string{"one-vnet", "selected-networks", "nat-egress"},
			rule("aoai-main", "snet-build"),
			[]Want{fails("no-service-endpoint-rules", "accounts/aoai-main", "snet-build")}},
		{"service-endpoint-rule-of-second", "left over on one account of several", []string{"several-accounts"},
			rule("aoai-second", "snet-apps"),
			[]Want{fails("no-service-endpoint-rules", "accounts/aoai-second", "snet-apps")}},
		{"service-endpoint-rule-of-no-subnet", "a rule whose subnet is gone, until one of that name is made", []string{"one-vnet"},
			rule("aoai-main", "snet-gone"),
			[]Want{fails("no-service-endpoint-rules", "accounts/aoai-main", "snet-gone")}},

		{"trusted-bypass", "Azure's own services pass the firewall", []string{"one-vnet", "selected-networks", "lean", "perimeter"},
			set("accounts/aoai-main", acls+"bypass", "AzureServices"),
			[]Want{fails("no-trusted-bypass", "accounts/aoai-main", "")}},
		{"trusted-bypass-of-services", "the same on an account of kind AIServices", []string{"ai-services"},
			set("accounts/ais-main", acls+"bypass", "AzureServices"),
			[]Want{fails("no-trusted-bypass", "accounts/ais-main", "")}},
	}
}

// set is a mutation that sets one property.
func set(resource, path string, v any) func(*Document) {
	return func(d *Document) { d.At(resource).Set(path, copyOf(v)) }
}

// remove is a mutation that takes one property away.
func remove(resource, path string) func(*Document) {
	return func(d *Document) { d.At(resource).Remove(path) }
}

// gone is a mutation that takes a resource away, and what lies in it.
func gone(resource string) func(*Document) {
	return func(d *Document) { d.Delete(resource) }
}
