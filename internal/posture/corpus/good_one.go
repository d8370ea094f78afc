package corpus

// Good estates of one network.

func oneVNet() *Document {
	p := writePlain()
	p.machine("app-1", "10.0.1.4", p.apps)
	p.machine("build-1", "10.0.3.4", p.build)
	return p.Document
}

func leanest() *Document {
	d := newDocument()
	v := d.vnet("vnet-main", "10.0.0.0/16")
	apps := v.clients("snet-apps", "10.0.1.0/24")
	v.workers("snet-build", "10.0.3.0/24")
	ends := v.endpoints("10.0.2.0/24", apps).binds("Enabled")
	a := d.account("aoai-main", "OpenAI", "aoai-main").
		Set("properties.networkAcls.defaultAction", "Allow").
		Remove("properties.restrictOutboundNetworkAccess").
		Remove("properties.allowedFqdnList").
		Remove("properties.capabilities")
	d.logged(a, d.workspace("log-shared"))
	d.role(a.ID(), openAIUser, "id-apps")
	d.endpoint("pep-main", a, ends, []string{"10.0.2.4"}, d.zone(zoneOpenAI, v))
	d.At("virtualNetworkLinks/link-vnet-main").Remove("properties.resolutionPolicy")
	return d
}

func staticAddress() *Document {
	d := newDocument()
	v := d.vnet("vnet-main", "10.0.0.0/16")
	apps := v.clients("snet-apps", "10.0.1.0/24")
	ends := v.endpoints("10.0.2.0/24", apps)
	v.workers("snet-build", "10.0.3.0/24")
	d.At("securityRules/allow-clients").Set("properties.destinationAddressPrefix", "10.0.2.40/32")
	a := d.account("aoai-prod-01", "OpenAI", "ask-the-model")
	d.keyed(a)
	d.logged(a, d.workspace("log-shared"))
	d.role(a.ID(), openAIUser, "id-apps")
	e := d.endpoint("pep-main", a, ends, []string{"10.0.2.40"}, d.zone(zoneOpenAI, v))
	e.Append("properties.ipConfigurations", object{
		"name": "fixed",
		"properties": object{
			"groupId": "account", "memberName": "default", "privateIPAddress": "10.0.2.40",
		},
	})
	return d
}

func otherRegion() *Document {
	d := newDocument()
	d.region = "japaneast"
	v := d.vnet("vnet-main", "10.3.0.0/16")
	apps := v.clients("snet-apps", "10.3.0.0/24")
	v.workers("snet-build", "10.3.3.0/24")
	ends := v.endpoints("10.3.2.0/24", apps)
	zone := d.zone(zoneOpenAI, v)
	d.region = "eastus"
	a := d.model("aoai-main")
	d.region = "japaneast"
	d.endpoint("pep-main", a, ends, []string{"10.3.2.4"}, zone)
	return d
}

func severalAccounts() *Document {
	p := writePlain()
	second := p.model("aoai-second")
	p.Document.endpoint("pep-second", second, p.ends, []string{"10.0.2.5"}, p.zone)
	p.region = "francecentral"
	third := p.model("aoai-third")
	p.region = "swedencentral"
	p.Document.endpoint("pep-third", third, p.ends, []string{"10.0.2.6"}, p.zone)
	return p.Document
}

// withServices is one network with an account of kind AIServices whose
// endpoint has the given addresses.
func withServices(addresses ...string) *Document {
	d := newDocument()
	v := d.vnet("vnet-main", "10.0.0.0/16")
	apps := v.clients("snet-apps", "10.0.1.0/24")
	v.workers("snet-build", "10.0.3.0/24")
	ends := v.endpoints("10.0.2.0/24", apps)
	a := d.account("ais-main", "AIServices", "ais-main")
	d.keyed(a)
	d.logged(a, d.workspace("log-shared"))
	d.role(a.ID(), openAIUser, "id-apps")
	d.endpoint("pep-main", a, ends, addresses,
		d.zone(zoneCognitive, v), d.zone(zoneOpenAI, v), d.zone(zoneServices, v))
	return d
}

func aiServices() *Document     { return withServices("10.0.2.4") }
func threeAddresses() *Document { return withServices("10.0.2.4", "10.0.2.5", "10.0.2.6") }

func usGovernment() *Document {
	d := newDocument()
	d.region = "usgovvirginia"
	v := d.vnet("vnet-main", "10.0.0.0/16")
	apps := v.clients("snet-apps", "10.0.1.0/24")
	v.workers("snet-build", "10.0.3.0/24")
	ends := v.endpoints("10.0.2.0/24", apps)
	a := d.model("aoai-main").Set("properties.endpoint", "https://aoai-main.openai.azure.us/")
	a.Set("properties.encryption.keyVaultProperties.keyVaultUri", "https://kv-shared.vault.usgovcloudapi.net/")
	d.At("vaults/kv-shared").Set("properties.vaultUri", "https://kv-shared.vault.usgovcloudapi.net/")
	d.endpoint("pep-main", a, ends, []string{"10.0.2.4"}, d.zone(zoneUSGov, v))
	return d
}

func oneSubnet() *Document {
	d := newDocument()
	v := d.vnet("vnet-main", "10.0.0.0/16")
	g := d.group("nsg-endpoints",
		allow("allow-clients", 100, "10.0.2.0/24", "10.0.2.4/32"),
		deny("deny-all", 4096))
	ends := v.subnet("snet-endpoints", "10.0.2.0/24").guarded(g).binds("NetworkSecurityGroupEnabled")
	d.Clients = []string{ends.ID()}
	v.workers("snet-build", "10.0.3.0/24")
	d.endpoint("pep-main", d.model("aoai-main"), ends, []string{"10.0.2.4"}, d.zone(zoneOpenAI, v))
	d.machine("app-1", "10.0.2.10", ends)
	return d
}

// Good estates that differ in their security groups.

func ruleOrder() *Document {
	p := writePlain()
	g := p.At("networkSecurityGroups/nsg-endpoints")
	late := allow("allow-everyone", 4000, "*", "*").o
	late["id"] = g.ID() + "/securityRules/allow-everyone"
	rules, _ := g.Get("properties.securityRules").(list)
	g.Set("properties.securityRules", append(list{late}, rules...))
	p.At("securityRules/deny-all").Set("properties.priority", 3000)
	return p.Document
}

func bothSides() *Document {
	p := writePlain()
	p.adds("nsg-snet-apps", allowOut("allow-model", 100, "10.0.2.0/24"))
	p.adds("nsg-snet-apps", allowOut("allow-entra", 110, "AzureActiveDirectory"))
	p.adds("nsg-snet-apps", denyOut("deny-out", 4000))
	p.adds("nsg-endpoints", denyOut("deny-out", 4000))
	return p.Document
}

// adds puts another rule into a group.
func (d *Document) adds(group string, r Part) Part {
	g := d.At("networkSecurityGroups/" + group)
	r.o["id"] = g.ID() + "/securityRules/" + r.text("name")
	g.Append("properties.securityRules", r.o)
	return Part{d, r.o}
}

func pluralFields() *Document {
	d := newDocument()
	v := d.vnet("vnet-main", "10.0.0.0/16", "10.8.0.0/16")
	apps := v.clients("snet-apps", "10.0.1.0/24")
	jobs := v.clients("snet-jobs", "10.0.4.0/24")
	v.workers("snet-build", "10.0.3.0/24")
	ends := v.endpoints("10.0.2.0/24", apps, jobs)
	jobs.Remove("properties.addressPrefix").Set("properties.addressPrefixes", texts("10.0.4.0/24", "10.8.4.0/24"))
	d.At("securityRules/allow-clients").
		Append("properties.sourceAddressPrefixes", "10.8.4.0/24").
		Remove("properties.destinationAddressPrefix").
		Set("properties.destinationAddressPrefixes", texts("10.0.2.4/32", "10.0.2.5/32")).
		Remove("properties.destinationPortRange").
		Set("properties.destinationPortRanges", texts("443", "8443-8444"))
	d.endpoint("pep-main", d.model("aoai-main"), ends, []string{"10.0.2.4"}, d.zone(zoneOpenAI, v))
	return d
}

func applicationGroups() *Document {
	p := writePlain()
	models, builds := p.appGroup("asg-models"), p.appGroup("asg-build")
	p.endpoint.Append("properties.applicationSecurityGroups", ref(models.ID()))
	p.At("networkInterfaces/pep-main.nic." + guid("pep-main")).member(models)
	p.machine("build-1", "10.0.3.4", p.build).member(builds)
	for _, rule := range []string{"allow-clients", "deny-all"} {
		p.At("networkSecurityGroups/nsg-endpoints/securityRules/"+rule).
			Remove("properties.destinationAddressPrefix").
			Set("properties.destinationApplicationSecurityGroups", list{ref(models.ID())})
	}
	return p.Document
}

func networkManager() *Document {
	p := writePlain()
	p.manager(p.vnet)
	return p.Document
}

func defaultDenyAlone() *Document {
	p := writePlain()
	p.At("securityRules/deny-all").
		Set("properties.priority", 200).
		Set("properties.sourceAddressPrefix", "VirtualNetwork").
		Set("properties.destinationAddressPrefix", "VirtualNetwork")
	return p.Document
}
