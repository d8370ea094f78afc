package corpus

// routeTable adds a route table; each route is a name, a prefix and the
// address of the machine that it leads to.
func (d *Document) routeTable(name string, routes ...[3]string) Part {
	id := d.id(network, "routeTables", name)
	own := list{}
	for _, r := range routes {
		own = append(own, part(id+"/routes/"+r[0], object{
			"addressPrefix": r[1], "hasBgpOverride": false,
			"nextHopIpAddress": r[2], "nextHopType": "VirtualAppliance",
		}))
	}
	return d.add(resource(id, d.region, object{"disableBgpRoutePropagation": false, "routes": own}))
}

// firewall adds an Azure Firewall with its policy, in a subnet of its own.
func (d *Document) firewall(v Part, prefix, address string) Part {
	subnet := v.subnet("AzureFirewallSubnet", prefix)
	ip := d.publicIP("pip-firewall", "198.51.100.4")
	policy := d.add(resource(d.id(network, "firewallPolicies", "fwp-egress"), d.region, object{
		"sku":             object{"tier": "Standard"},
		"threatIntelMode": "Deny",
	}))
	id := d.id(network, "azureFirewalls", "fw-egress")
	return d.add(resource(id, d.region, object{
		"firewallPolicy": ref(policy.ID()),
		"ipConfigurations": list{part(id+"/azureFirewallIpConfigurations/config", object{
			"privateIPAddress": address,
			"publicIPAddress":  ref(ip.ID()),
			"subnet":           ref(subnet.ID()),
		})},
		"sku": object{"name": "AZFW_VNet", "tier": "Standard"},
	}))
}

// nat adds a NAT gateway for a subnet, which gets no other way out.
func (d *Document) nat(subnet Part) Part {
	ip := d.publicIP("pip-nat", "198.51.100.8")
	n := d.add(resource(d.id(network, "natGateways", "nat-egress"), d.region, object{
		"idleTimeoutInMinutes": 4, "publicIpAddresses": list{ref(ip.ID())},
	}))
	subnet.Set("properties.natGateway", ref(n.ID())).Set("properties.defaultOutboundAccess", false)
	return n
}

// gateway adds a gateway of a type (Vpn, ExpressRoute) to a virtual network.
func (d *Document) gateway(v Part, kind, prefix string, bgp bool) Part {
	subnet := v.subnet("GatewaySubnet", prefix)
	ip := d.publicIP("pip-gateway", "198.51.100.12")
	id := d.id(network, "virtualNetworkGateways", "vgw-"+v.name())
	return d.add(resource(id, d.region, object{
		"enableBgp":   bgp,
		"gatewayType": kind,
		"ipConfigurations": list{part(id+"/ipConfigurations/default", object{
			"privateIPAllocationMethod": "Dynamic",
			"publicIPAddress":           ref(ip.ID()),
			"subnet":                    ref(subnet.ID()),
		})},
		"sku":     object{"name": "VpnGw1AZ", "tier": "VpnGw1AZ"},
		"vpnType": "RouteBased",
	}))
}

// site adds a site on premises and the tunnel to it.
func (d *Document) site(gateway Part, name string, space ...string) Part {
	local := d.add(resource(d.id(network, "localNetworkGateways", name), d.region, object{
		"gatewayIpAddress":         "192.0.2.44",
		"localNetworkAddressSpace": object{"addressPrefixes": texts(space...)},
	}))
	d.connection(gateway, "cn-"+name, "IPsec").Set("properties.localNetworkGateway2", ref(local.ID()))
	return local
}

// connection adds a gateway's connection of a type (IPsec, ExpressRoute).
func (d *Document) connection(gateway Part, name, kind string) Part {
	return d.add(resource(d.id(network, "connections", name), d.region, object{
		"connectionStatus":       "Connected",
		"connectionType":         kind,
		"enableBgp":              gateway.Get("properties.enableBgp"),
		"virtualNetworkGateway1": ref(gateway.ID()),
	}))
}
