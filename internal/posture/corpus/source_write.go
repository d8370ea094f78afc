package corpus

// closedAccount is an account of a kind and subdomain of which its maker said
// nothing but that public access is off.
func (d *Document) closedAccount(name, subdomain string) Part {
	o := resource(d.id(cognitive, "accounts", name), d.region, object{
		"customSubDomainName":        subdomain,
		"disableLocalAuth":           false,
		"endpoint":                   "https://" + subdomain + ".openai.azure.com/",
		"privateEndpointConnections": list{},
		"publicNetworkAccess":        "Disabled",
	})
	o["kind"], o["sku"] = "OpenAI", object{"name": "S0"}
	return d.add(o)
}

// articleTerraform is seed 000, https://github.com/thinktecture-labs/azure-openai-virtual-network-integration:
// an app open to the internet in front of an account whose endpoint a group
// guards, if it binds. What differs is the provider's default for the endpoint
// policies and the name of the record.
func articleTerraform(policies, record string) *Document {
	d := newDocument()
	d.region = "francecentral"
	v := d.vnet("vnet-openai-4711", "10.0.0.0/16")
	apps := v.subnet("sn-apps", "10.0.4.0/23").binds(policies)
	d.Clients = []string{apps.ID()}
	backend := v.subnet("sn-backend", "10.0.2.0/24").binds(policies).guarded(d.group("nsg-backend",
		allow("allow-apps-to-openai-https", 150, "10.0.4.0/23", "10.0.2.4/32"),
		deny("prevent-all", 200).Set("properties.protocol", "Tcp").
			Set("properties.destinationPortRange", "443").
			Set("properties.destinationAddressPrefix", "10.0.2.0/24")))

	a := d.closedAccount("azopenai-4711", "azopenai4711")
	d.deployment(a, "gpt-4", "0613")
	e := d.bareEndpoint("pe-azopenai-4711", a, backend, "10.0.2.4")
	e.Append("properties.customDnsConfigs", object{"fqdn": "azopenai4711.openai.azure.com", "ipAddresses": texts("10.0.2.4")})
	zone := d.zone(zoneOpenAI, v)
	d.record(zone, record, "10.0.2.4")

	d.workspace("law-openai").Remove("properties.publicNetworkAccessForIngestion").Remove("properties.publicNetworkAccessForQuery")
	env := d.environment(apps, false)
	d.containerApp(env, "app").Set("identity", object{"type": "UserAssigned"}).
		Set("properties.configuration.secrets", list{object{"name": "azure-open-ai-key"}})
	return d
}

// portalSteps is seed 001: what the portal makes by the steps of the article,
// with every setting left as offered. The subnet's name and the network's
// space are assumed.
func portalSteps() *Document {
	d := newDocument()
	d.region = "japaneast"
	v := d.vnet("vnet-japaneast", "10.3.0.0/16")
	machines := v.subnet("default", "10.3.0.0/24")
	d.Clients = []string{machines.ID()}
	g := d.group("vm-client-nsg", allow("SSH", 300, "*", "*").Set("properties.destinationPortRange", "22"))
	nic := d.machine("vm-client", "10.3.0.4", machines).Set("properties.networkSecurityGroup", ref(g.ID()))
	ip := d.publicIP("vm-client-ip", "198.51.100.30")
	nic.Set("properties.ipConfigurations[0].properties.publicIPAddress", ref(ip.ID()))

	d.region = "eastus"
	a := d.closedAccount("openai-eastus", "openai-eastus")
	a.Set("properties.networkAcls", object{"defaultAction": "Allow", "ipRules": list{}, "virtualNetworkRules": list{}})
	d.deployment(a, "gpt-4", "0314")
	d.region = "japaneast"
	d.endpoint("pe-openai", a, machines, []string{"10.3.0.5"}, d.zone(zoneOpenAI, v))
	return d
}

// twoCompanies is seed 003: one company's network with the model and a
// machine, another's with a client, and no peering between them. What the
// walkthrough does not say (the first company's prefixes, names) is assumed.
func twoCompanies() *Document {
	d := newDocument()
	d.region = "eastus"
	v := d.vnet("ai-corp-vnet", "10.0.0.0/16")
	subnet := v.subnet("ai-corp-subnet", "10.0.0.0/24")
	d.Clients = []string{subnet.ID()}
	a := d.closedAccount("ai-corp-openai", "ai-corp-openai")
	a.Set("properties.networkAcls", object{"defaultAction": "Deny", "ipRules": list{}, "virtualNetworkRules": list{}})
	d.deployment(a, "gpt-4o-mini", "2024-07-18")
	e := d.bareEndpoint("ai-corp-pe", a, subnet, "10.0.0.4")
	e.Append("properties.customDnsConfigs", object{"fqdn": "ai-corp-openai.openai.azure.com", "ipAddresses": texts("10.0.0.4")})
	d.record(d.zone(zoneOpenAI, v), "ai-corp-openai", "10.0.0.4")
	d.shellMachine("ai-corp-vm", "10.0.0.5", "198.51.100.31", subnet)

	h := d.vnet("health-corp-vnet", "192.168.0.0/16")
	d.shellMachine("health-corp-vm", "192.168.0.4", "198.51.100.32", h.subnet("health-corp-subnet", "192.168.0.0/24"))
	return d
}

// shellMachine is what az vm create makes: a public address, and a group on
// the interface that lets SSH in.
func (d *Document) shellMachine(name, address, public string, subnet Part) {
	g := d.group(name+"NSG", allow("default-allow-ssh", 1000, "*", "*").Set("properties.destinationPortRange", "22"))
	ip := d.publicIP(name+"PublicIP", public)
	d.machine(name, address, subnet).
		Set("properties.networkSecurityGroup", ref(g.ID())).
		Set("properties.ipConfigurations[0].properties.publicIPAddress", ref(ip.ID()))
}
