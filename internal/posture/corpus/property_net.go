package corpus

func subnetProperties() []Property {
	own := armID(subscriptionA, network, "networkSecurityGroups", "nsg-endpoints")
	const binding = "properties.privateEndpointNetworkPolicies"
	return []Property{
		{Path: binding, Check: "endpoint-subnet-binds",
			At:   in(endSubnet, "one-vnet", "hub-and-spoke", "ai-services", "children-separate", "two-subscriptions"),
			Good: texts("NetworkSecurityGroupEnabled"), Bad: texts("Disabled", "RouteTableEnabled"), Odd: texts("Sometimes", ""),
			Wrong: list{7, true, object{}}, Absent: Fail},
		{Path: binding, Check: "endpoint-subnet-binds", At: in(endSubnet, "lean"),
			Good: texts("Enabled"), Bad: texts("Disabled", "RouteTableEnabled"), Wrong: list{7, true}, Absent: Fail},
		{Path: binding, Check: "reach-only-clients", At: in(endSubnet, "static-address", "nat-egress"), Names: mainEndpoint,
			Good: texts("NetworkSecurityGroupEnabled"), Bad: texts("Disabled", "RouteTableEnabled"), Wrong: list{7, object{}}, Absent: Fail},
		{Path: "properties.networkSecurityGroup.id", Check: "subnet-has-group", At: in(endSubnet, "one-vnet", "hub-and-spoke", "children-separate"),
			Good: texts(own), Wrong: list{7, object{}}, Absent: Fail},
		{Path: "properties.networkSecurityGroup.id", Check: "reach-only-clients", At: in(endSubnet, "lean", "ai-services"), Names: mainEndpoint,
			Good: texts(own), Undecided: texts(armID(subscriptionA, network, "networkSecurityGroups", "nsg-unread")), Wrong: list{7}, Absent: Fail},
	}
}

// ruleProperties are the fields of the two rules that matter. What is unknown
// of the deny leaves open whether it denies; what is unknown of the allow
// leaves open whether the clients come in.
func ruleProperties() []Property {
	deny := func(field string, good any, bad list, wrong ...any) Property {
		return Property{
			Path: "properties." + field, Check: "reach-only-clients", At: in(denyRule, "one-vnet", "hub-and-spoke"), Names: mainEndpoint,
			Good: list{good}, Bad: bad, Wrong: wrong, Absent: NotPass,
		}
	}
	allow := func(field string, good any, bad list, wrong ...any) Property {
		p := Property{
			Path: "properties." + field, Check: "clients-reach", At: in(allowRule, "one-vnet", "other-region"), Names: "subnets/snet-apps",
			Bad: bad, Odd: wrong, Absent: NotPass,
		}
		if good != nil {
			p.Good = list{good}
		}
		return p
	}
	return []Property{
		deny("access", "Deny", texts("Allow"), 7, object{}),
		deny("direction", "Inbound", texts("Outbound"), 7, object{}),
		deny("protocol", "*", texts("Udp", "Icmp", "Esp"), 7, object{}),
		deny("priority", 4096, nil, "4096", true, object{}),
		deny("sourceAddressPrefix", "*", texts("10.0.1.0/24", "Internet", "192.0.2.0/24"), 7, object{}),
		deny("destinationAddressPrefix", "*", texts("10.0.3.0/24", "10.0.2.5/32"), 7, object{}),
		deny("destinationPortRange", "*", texts("80", "444-65535", "0-442"), object{}, true),
		deny("sourcePortRange", "*", nil, "443", object{}, true), // who comes from another port passes; whether one does cannot be told

		allow("access", "Allow", texts("Deny"), 7, object{}),
		allow("direction", "Inbound", texts("Outbound"), 7, object{}),
		allow("protocol", "Tcp", texts("Udp", "Icmp"), 7, object{}),
		allow("priority", 100, list{}, "100", true),
		allow("sourceAddressPrefix", nil, texts("10.99.0.0/24", "Internet"), 7, object{}),
		allow("destinationAddressPrefix", nil, texts("10.99.0.0/24"), 7, object{}),
		allow("destinationPortRange", "443", texts("80", "444-500"), object{}, true),
		allow("sourcePortRange", "*", nil, object{}, true),
	}
}

func peeringProperties() []Property {
	toHub := in("vnet-apps/virtualNetworkPeerings/to-vnet-hub", "hub-and-spoke", "two-subscriptions", "children-separate")
	const clients = "subnets/snet-apps"
	return []Property{
		{Path: "properties.peeringState", Check: "clients-reach", At: toHub, Names: clients,
			Good: texts("Connected"), Bad: texts("Disconnected", "Initiated"), Odd: texts("Perhaps"), Wrong: list{7, object{}}, Absent: NotPass},
		{Path: "properties.remoteVirtualNetwork.id", Check: "clients-reach", At: toHub[:1], Names: clients,
			Good: texts(armID(subscriptionA, network, "virtualNetworks", "vnet-hub")),
			Odd:  texts(armID(subscriptionA, network, "virtualNetworks", "vnet-unread")), Absent: NotPass},
		{Path: "properties.access", Check: "admin-always-allow", At: in("rules/deny-remote", "network-manager"),
			Good: texts("Deny"), Wrong: list{7, object{}}},
	}
}

func nameProperties() []Property {
	link := func(vnet string) string { return "virtualNetworkLinks/link-" + vnet }
	const address = "properties.aRecords[0].ipv4Address"
	const policy = "properties.resolutionPolicy"
	zone := in(mainZone+"/"+link("vnet-main"), "one-vnet", "selected-networks")
	spoke := in(mainZone+"/"+link("vnet-apps"), "hub-and-spoke", "two-subscriptions", "odd-case")
	bad, wrong := texts("NxDomainRedirect"), list{7, object{}}
	return []Property{
		{Path: policy, Check: "no-public-fallback", At: append(zone, spoke...),
			Good: texts("Default"), Bad: bad, Odd: texts("Sometimes"), Wrong: wrong},
		{Path: policy, Check: "no-public-fallback",
			At:   in("privateDnsZones/"+zoneCognitive+"/"+link("vnet-main"), "ai-services", "three-addresses"),
			Good: texts("Default"), Bad: bad, Wrong: wrong},
		{Path: "properties.virtualNetwork.id", Check: "zone-linked", At: in(link("vnet-apps"), "hub-and-spoke"), Names: "virtualNetworks/vnet-apps",
			Good: texts(armID(subscriptionA, network, "virtualNetworks", "vnet-apps")),
			Bad:  texts(armID(subscriptionA, network, "virtualNetworks", "vnet-other")), Odd: list{7, object{}}, Absent: NotPass},
		{Path: address, Check: "zone-complete", At: in(mainRecord, "one-vnet", "hub-and-spoke", "lean"), Names: mainZone,
			Good: texts("10.0.2.4"), Bad: texts("10.0.2.99", "203.0.113.90"), Odd: list{"", "nowhere", 7, object{}}, Absent: NotPass},
		{Path: address, Check: "clients-resolve", At: in(mainRecord, "two-subscriptions", "custom-dns"), Names: "virtualNetworks/vnet-apps",
			Good: texts("10.0.2.4"), Bad: texts("10.0.2.99", "203.0.113.90"), Odd: list{7, object{}}, Absent: NotPass},
		{Path: "properties.ipConfigurations[0].properties.privateIPAddress", Check: "zone-complete", Names: mainEndpoint,
			At: in("networkInterfaces/pep-main.nic."+guid("pep-main"), "one-vnet"), Good: texts("10.0.2.4"), Odd: texts("10.0.2.99")},
		{Path: "properties.privateDnsZoneConfigs[0].properties.privateDnsZoneId", Check: "zone-complete", At: in(zoneGroup, "one-vnet", "lean"), Names: mainEndpoint,
			Good: texts(armID(subscriptionA, network, "privateDnsZones", zoneOpenAI)),
			Odd:  list{armID(subscriptionA, network, "privateDnsZones", "privatelink.unread.example"), 7, object{}}, Absent: NotPass},

		{Path: "properties.dhcpOptions.dnsServers", Check: "dns-servers-forward", At: in("virtualNetworks/vnet-apps", "custom-dns"),
			Good: list{texts("10.0.4.4")}, Bad: list{texts("8.8.8.8"), texts("10.0.4.4", "1.1.1.1")},
			Undecided: list{texts("10.0.3.53")}, Wrong: list{7, list{7}}},
		{Path: "properties.ipConfigurations[0].privateIpAddress", Check: "dns-servers-forward", At: in("inboundEndpoints/in", "custom-dns"),
			Good: texts("10.0.4.4"), Undecided: texts("10.0.4.5"), Wrong: list{7, object{}}, Absent: Unknown, Names: "virtualNetworks/vnet-apps"},
		{Path: "properties.dnsSettings.enableProxy", Check: "dns-servers-forward", At: in("firewallPolicies/fwp-egress", "dns-proxy"),
			Good: list{true}, Bad: list{false}, Wrong: list{"true", 1}, Absent: Fail, Names: "virtualNetworks/vnet-main"},
		{Path: "properties.forwardingRuleState", Check: "clients-resolve", At: in("forwardingRules/openai", "forwarding-ruleset"),
			Good: texts("Enabled"), Bad: texts("Disabled"), Odd: texts("Sometimes"), Wrong: list{7, object{}}, Names: "virtualNetworks/vnet-apps"},
		{Path: "properties.targetDnsServers[0].ipAddress", Check: "clients-resolve", At: in("forwardingRules/openai", "forwarding-ruleset"),
			Good: texts("10.0.4.4"), Bad: texts("8.8.8.8"), Undecided: texts("10.0.3.53"), Wrong: list{7, object{}}, Absent: NotPass, Names: "virtualNetworks/vnet-apps"},
	}
}
