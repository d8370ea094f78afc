package estate

// associate carries out a resource that joins two others.
func (p *planReader) associate(x *planned) {
	switch x.typ {
	case "azurerm_subnet_network_security_group_association":
		for _, s := range ends(p, x, "subnet_id", p.e.Subnets) {
			p.join(x, "network_security_group_id", func(id string, m Mark) { s.Group = Ref[Group]{ID: id, Mark: m}; p.decoder.refer(&s.Group) })
		}
	case "azurerm_subnet_route_table_association":
		for _, s := range ends(p, x, "subnet_id", p.e.Subnets) {
			p.join(x, "route_table_id", func(id string, m Mark) { s.Routes = Ref[RouteTable]{ID: id, Mark: m}; p.decoder.refer(&s.Routes) })
		}
	case "azurerm_subnet_nat_gateway_association":
		for _, s := range ends(p, x, "subnet_id", p.e.Subnets) {
			p.join(x, "nat_gateway_id", func(id string, m Mark) { s.NAT = Ref[NATGateway]{ID: id, Mark: m}; p.decoder.refer(&s.NAT) })
		}
	case "azurerm_network_interface_security_group_association":
		for _, n := range ends(p, x, "network_interface_id", p.e.Interfaces) {
			p.join(x, "network_security_group_id", func(id string, m Mark) { n.Group = Ref[Group]{ID: id, Mark: m}; p.decoder.refer(&n.Group) })
		}
	case "azurerm_network_interface_application_security_group_association":
		for _, n := range ends(p, x, "network_interface_id", p.e.Interfaces) {
			for _, ip := range n.IPs {
				p.join(x, "application_security_group_id", func(id string, m Mark) { appendRef(p, &ip.Groups, id, m) })
			}
		}
	case "azurerm_private_endpoint_application_security_group_association":
		for _, e := range ends(p, x, "private_endpoint_id", p.e.PrivateEndpoints) {
			p.join(x, "application_security_group_id", func(id string, m Mark) { appendRef(p, &e.Groups, id, m) })
		}
	case "azurerm_nat_gateway_public_ip_association":
		for _, g := range ends(p, x, "nat_gateway_id", p.e.NATGateways) {
			p.join(x, "public_ip_address_id", func(id string, m Mark) { appendRef(p, &g.PublicIPs, id, m) })
		}
	case "azurerm_nat_gateway_public_ip_prefix_association":
		for _, g := range ends(p, x, "nat_gateway_id", p.e.NATGateways) {
			p.join(x, "public_ip_prefix_id", func(id string, m Mark) { appendRef(p, &g.Prefixes, id, m) })
		}
	case "azurerm_virtual_network_dns_servers":
		for _, v := range ends(p, x, "virtual_network_id", p.e.VirtualNetworks) {
			p.dnsServers(x, v)
		}
	case "azurerm_app_service_virtual_network_swift_connection":
		for _, a := range ends(p, x, "app_service_id", p.e.WebApps) {
			p.join(x, "subnet_id", func(id string, m Mark) { a.Subnet = Ref[Subnet]{ID: id, Mark: m}; p.decoder.refer(&a.Subnet) })
		}
	}
}

// ends are the resources that one side of an association names: the one, or
// where that is unknown every one that it may be.
func ends[T any](p *planReader, x *planned, attr string, all []*T) []*T {
	id, m := p.side(x, attr)
	if m.State == Known {
		if t, ok := any(p.e.byID[fold(id)]).(*T); ok {
			return []*T{t}
		}
		return nil // a resource that the plan does not hold
	}
	// The one it means is unknown: any may be joined.
	for _, t := range all {
		p.uncertain(x, any(t))
	}
	return nil
}

// uncertain makes what an association would set on t unknown.
func (p *planReader) uncertain(x *planned, t any) {
	m := Mark{Unknown, x.at}
	switch t := t.(type) {
	case *Subnet:
		switch x.typ {
		case "azurerm_subnet_network_security_group_association":
			t.Group.doubt(m.At)
		case "azurerm_subnet_route_table_association":
			t.Routes.doubt(m.At)
		case "azurerm_subnet_nat_gateway_association":
			t.NAT.doubt(m.At)
		}
	case *Interface:
		if x.typ == "azurerm_network_interface_security_group_association" {
			t.Group.doubt(m.At)
			return
		}
		for _, ip := range t.IPs {
			ip.Groups.doubt(m.At)
		}
	case *PrivateEndpoint:
		t.Groups.doubt(m.At)
	case *NATGateway:
		t.PublicIPs.doubt(m.At)
	case *VirtualNetwork:
		t.DNSServers.doubt(m.At)
	case *WebApp:
		t.Subnet.doubt(m.At)
	}
}

// side is the resource that one side of an association names.
func (p *planReader) side(x *planned, attr string) (string, Mark) {
	if v := x.attrs[attr]; v.State == Known {
		return v.V, v.Mark
	}
	f := p.referred(x, []string{attr})
	if f.opaque || len(f.things) != 1 {
		return "", Mark{Unknown, x.at}
	}
	return f.things[0].thing.(interface{ part() *Part }).part().ID, Mark{Known, f.at}
}

func (p *planReader) join(x *planned, attr string, set func(id string, m Mark)) { set(p.side(x, attr)) }

func appendRef[T any](p *planReader, to *Refs[T], id string, m Mark) {
	to.found(m.At)
	to.Items = append(to.Items, Ref[T]{ID: id, Mark: m})
	p.decoder.refer(to)
}

func (p *planReader) dnsServers(x *planned, v *VirtualNetwork) {
	var own struct {
		Servers List[string] `tf:"dns_servers"`
	}
	p.pos = x.values
	p.into(&own)
	if own.Servers.State == Absent && x.attrs["dns_servers"].State == Unknown {
		own.Servers.Mark = Mark{Unknown, x.at}
	}
	v.DNSServers = own.Servers
}
