package corpus

// manager adds a Virtual Network Manager whose admin rules are in force in
// the given virtual networks: ports of remote administration are closed to
// the internet.
func (d *Document) manager(members ...Part) Part {
	m := d.add(resource(d.id(network, "networkManagers", "nm-corp"), d.region, object{
		"networkManagerScopeAccesses": texts("SecurityAdmin"),
		"networkManagerScopes":        object{"managementGroups": list{}, "subscriptions": texts("/subscriptions/" + d.sub)},
	}))
	g := d.add(resource(m.ID()+"/networkGroups/all", "", object{"memberType": "VirtualNetwork"}))
	effective := list{}
	for _, v := range members {
		d.Add(resource(g.ID()+"/staticMembers/"+v.name(), "", object{"region": d.region, "resourceId": v.ID()}))
		effective = append(effective, object{"id": v.ID(), "location": d.region, "membershipType": "Static"})
	}
	c := d.add(resource(m.ID()+"/securityAdminConfigurations/baseline", "", object{"applyOnNetworkIntentPolicyBasedServices": texts("None")}))
	rules := d.add(resource(c.ID()+"/ruleCollections/remote", "", object{"appliesToGroups": list{object{"networkGroupId": g.ID()}}}))
	d.adminRule(rules, "deny-remote", "Deny", 10, "Internet", "22", "3389")
	d.Add(
		// The answers of two POSTs stand under the paths that were asked.
		object{"id": g.ID() + "/listEffectiveVirtualNetworks", "value": effective},
		object{"id": m.ID() + "/listDeploymentStatus", "value": list{object{
			"commitTime": "2026-10-01T08:00:00Z", "configurationIds": texts(c.ID()),
			"deploymentStatus": "Deployed", "deploymentType": "SecurityAdmin",
			"errorMessage": "", "region": d.region,
		}}},
	)
	return rules
}

// adminRule adds an inbound rule to a collection of admin rules.
func (d *Document) adminRule(collection Part, name, access string, priority int, from string, ports ...string) Part {
	kind := "IPPrefix"
	if from == "Internet" || from == "VirtualNetwork" {
		kind = "ServiceTag"
	}
	o := resource(collection.ID()+"/rules/"+name, "", object{
		"access":                access,
		"destinationPortRanges": texts(ports...),
		"destinations":          list{object{"addressPrefix": "*", "addressPrefixType": "IPPrefix"}},
		"direction":             "Inbound",
		"priority":              priority,
		"protocol":              "Tcp",
		"sourcePortRanges":      texts("0-65535"),
		"sources":               list{object{"addressPrefix": from, "addressPrefixType": kind}},
	})
	o["kind"] = "Custom"
	return d.add(o)
}
