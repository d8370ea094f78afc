package corpus

// vnet adds a virtual network that asks Azure's own DNS.
func (d *Document) vnet(name string, space ...string) Part {
	return d.add(resource(d.id(network, "virtualNetworks", name), d.region, object{
		"addressSpace":           object{"addressPrefixes": texts(space...)},
		"enableDdosProtection":   false,
		"resourceGuid":           guid(name),
		"subnets":                list{},
		"virtualNetworkPeerings": list{},
	}))
}

// asks gives a virtual network DNS servers of its own.
func (p Part) asks(servers ...string) Part {
	return p.Set("properties.dhcpOptions", object{"dnsServers": texts(servers...)})
}

// subnet adds a subnet to a virtual network, which embeds it. Its endpoint
// policies are Azure's default, written out as ARM does.
func (p Part) subnet(name, prefix string) Part {
	s := part(p.ID()+"/subnets/"+name, object{
		"addressPrefix":                     prefix,
		"delegations":                       list{},
		"privateEndpointNetworkPolicies":    "Disabled",
		"privateLinkServiceNetworkPolicies": "Enabled",
	})
	p.Append("properties.subnets", s)
	return Part{p.doc, s}
}

// guarded puts a security group on a subnet.
func (p Part) guarded(group Part) Part {
	return p.Set("properties.networkSecurityGroup", ref(group.ID()))
}

// routed puts a route table on a subnet.
func (p Part) routed(table Part) Part {
	return p.Set("properties.routeTable", ref(table.ID()))
}

// binds makes groups bind the subnet's private endpoints.
func (p Part) binds(policies string) Part {
	return p.Set("properties.privateEndpointNetworkPolicies", policies)
}

// delegated hands a subnet to a service.
func (p Part) delegated(service string) Part {
	return p.Append("properties.delegations", object{
		"name": "delegation", "properties": object{"serviceName": service},
	})
}

// workers is a subnet of ordinary machines, with a group that keeps the
// internet out.
func (p Part) workers(name, prefix string) Part {
	id := p.doc.id(network, "networkSecurityGroups", "nsg-"+name)
	for _, r := range p.doc.resources {
		if r["id"] == id {
			return p.subnet(name, prefix).guarded(Part{p.doc, r})
		}
	}
	return p.subnet(name, prefix).guarded(p.doc.group("nsg-"+name,
		deny("deny-internet", 4000).Set("properties.sourceAddressPrefix", "Internet")))
}

// clients is a subnet of workers that are meant to reach the model.
func (p Part) clients(name, prefix string) Part {
	s := p.workers(name, prefix)
	p.doc.Clients = append(p.doc.Clients, s.ID())
	return s
}

// endpoints is the subnet snet-endpoints, whose group lets in what the given
// subnets ask on port 443, and nothing else.
func (p Part) endpoints(prefix string, from ...Part) Part {
	rule := allow("allow-clients", 100, "", prefix)
	if len(from) == 1 {
		rule.Set("properties.sourceAddressPrefix", from[0].text("properties.addressPrefix"))
	} else {
		rule.Remove("properties.sourceAddressPrefix")
		for _, s := range from {
			rule.Append("properties.sourceAddressPrefixes", s.text("properties.addressPrefix"))
		}
	}
	g := p.doc.group("nsg-endpoints", rule, deny("deny-all", 4096))
	return p.subnet("snet-endpoints", prefix).guarded(g).binds("NetworkSecurityGroupEnabled")
}

// peers joins two virtual networks, both ways.
func (d *Document) peers(a, b Part) {
	a.peered(b)
	b.peered(a)
}

// peered is one side of a peering, connected.
func (p Part) peered(remote Part) Part {
	space := func() object {
		return object{"addressPrefixes": copyOf(remote.Get("properties.addressSpace.addressPrefixes"))}
	}
	side := part(p.ID()+"/virtualNetworkPeerings/to-"+remote.name(), object{
		"allowForwardedTraffic":            true,
		"allowGatewayTransit":              false,
		"allowVirtualNetworkAccess":        true,
		"doNotVerifyRemoteGateways":        false,
		"peerCompleteVnets":                true,
		"peeringState":                     "Connected",
		"peeringSyncLevel":                 "FullyInSync",
		"remoteAddressSpace":               space(),
		"remoteVirtualNetwork":             ref(remote.ID()),
		"remoteVirtualNetworkAddressSpace": space(),
		"useRemoteGateways":                false,
	})
	p.Append("properties.virtualNetworkPeerings", side)
	return Part{p.doc, side}
}

// machine adds a virtual machine and its interface nic-<name>.
func (d *Document) machine(name, address string, subnet Part) Part {
	vm := d.id("Microsoft.Compute", "virtualMachines", name)
	nic := d.nic("nic-"+name, subnet, address)
	nic.Set("properties.virtualMachine", ref(vm))
	d.Add(resource(vm, d.region, object{
		"hardwareProfile": object{"vmSize": "Standard_B2s"},
		"networkProfile":  object{"networkInterfaces": list{ref(nic.ID())}},
		"vmId":            guid(name),
	}))
	return nic
}

// nic adds an interface with the given addresses in a subnet.
func (d *Document) nic(name string, subnet Part, addresses ...string) Part {
	id := d.id(network, "networkInterfaces", name)
	configs := list{}
	for i, a := range addresses {
		configs = append(configs, part(id+"/ipConfigurations/ipconfig"+string(rune('1'+i)), object{
			"primary":                   i == 0,
			"privateIPAddress":          a,
			"privateIPAddressVersion":   "IPv4",
			"privateIPAllocationMethod": "Dynamic",
			"subnet":                    ref(subnet.ID()),
		}))
	}
	return d.add(resource(id, d.region, object{
		"dnsSettings":        object{"appliedDnsServers": list{}, "dnsServers": list{}},
		"enableIPForwarding": false,
		"ipConfigurations":   configs,
	}))
}

// publicIP adds a public address.
func (d *Document) publicIP(name, address string) Part {
	o := resource(d.id(network, "publicIPAddresses", name), d.region, object{
		"ipAddress":                address,
		"publicIPAddressVersion":   "IPv4",
		"publicIPAllocationMethod": "Static",
	})
	o["sku"] = object{"name": "Standard", "tier": "Regional"}
	return d.add(o)
}
