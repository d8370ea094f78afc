package corpus

// group adds a security group with rules and Azure's own default rules.
func (d *Document) group(name string, rules ...Part) Part {
	id := d.id(network, "networkSecurityGroups", name)
	own := list{}
	for _, r := range rules {
		r.o["id"] = id + "/securityRules/" + r.text("name")
		own = append(own, r.o)
	}
	return d.add(resource(id, d.region, object{
		"defaultSecurityRules": defaultRules(id),
		"resourceGuid":         guid(id),
		"securityRules":        own,
	}))
}

// rule is a security rule that means TCP from and to anywhere; group gives it
// its id.
func rule(name string, priority int, access, direction string) Part {
	o := part("", object{
		"access":                     access,
		"destinationAddressPrefix":   "*",
		"destinationAddressPrefixes": list{},
		"destinationPortRange":       "*",
		"destinationPortRanges":      list{},
		"direction":                  direction,
		"priority":                   priority,
		"protocol":                   "*",
		"sourceAddressPrefix":        "*",
		"sourceAddressPrefixes":      list{},
		"sourcePortRange":            "*",
		"sourcePortRanges":           list{},
	})
	o["name"], o["type"] = name, network+"/networkSecurityGroups/securityRules"
	return Part{nil, o}
}

// allow lets TCP port 443 in, from one prefix to another.
func allow(name string, priority int, from, to string) Part {
	return rule(name, priority, "Allow", "Inbound").
		Set("properties.protocol", "Tcp").
		Set("properties.sourceAddressPrefix", from).
		Set("properties.destinationAddressPrefix", to).
		Set("properties.destinationPortRange", "443")
}

// deny keeps everything out.
func deny(name string, priority int) Part {
	return rule(name, priority, "Deny", "Inbound")
}

// denyOut keeps everything in.
func denyOut(name string, priority int) Part {
	return rule(name, priority, "Deny", "Outbound")
}

// allowOut lets TCP port 443 out to a prefix.
func allowOut(name string, priority int, to string) Part {
	return rule(name, priority, "Allow", "Outbound").
		Set("properties.protocol", "Tcp").
		Set("properties.destinationAddressPrefix", to).
		Set("properties.destinationPortRange", "443")
}

// defaultRules are the six rules that Azure shows in every group.
func defaultRules(group string) list {
	rules := list{}
	for _, r := range []struct {
		name, access, direction, from, to string
		priority                          int
	}{
		{"AllowVnetInBound", "Allow", "Inbound", "VirtualNetwork", "VirtualNetwork", 65000},
		{"AllowAzureLoadBalancerInBound", "Allow", "Inbound", "AzureLoadBalancer", "*", 65001},
		{"DenyAllInBound", "Deny", "Inbound", "*", "*", 65500},
		{"AllowVnetOutBound", "Allow", "Outbound", "VirtualNetwork", "VirtualNetwork", 65000},
		{"AllowInternetOutBound", "Allow", "Outbound", "*", "Internet", 65001},
		{"DenyAllOutBound", "Deny", "Outbound", "*", "*", 65500},
	} {
		p := rule(r.name, r.priority, r.access, r.direction).
			Set("properties.sourceAddressPrefix", r.from).
			Set("properties.destinationAddressPrefix", r.to)
		p.o["id"] = group + "/defaultSecurityRules/" + r.name
		p.o["type"] = network + "/networkSecurityGroups/defaultSecurityRules"
		rules = append(rules, p.o)
	}
	return rules
}

// appGroup adds an application security group.
func (d *Document) appGroup(name string) Part {
	return d.add(resource(d.id(network, "applicationSecurityGroups", name), d.region, object{"resourceGuid": guid(name)}))
}

// member puts an interface into an application security group.
func (p Part) member(group Part) Part {
	return p.Append("properties.ipConfigurations[0].properties.applicationSecurityGroups", ref(group.ID()))
}
