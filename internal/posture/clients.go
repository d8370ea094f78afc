package posture

import (
	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

func clientsResolve() row {
	return row{Check{
		ID:    "clients-resolve",
		Title: "Every intended client resolves the account's names to its private endpoint",
		Level: Must,
		Looks: "computed: the whole chain of names from each client's network",
		Why:   "A client that resolves the public address leaves for the internet: it is refused, or it goes round the endpoint. One that resolves nothing cannot work, and somebody will mend that in a hurry.",
	}, (*scene).resolving}
}

// resolving gives one finding for all clients of a network: they ask as it
// does.
func (s *scene) resolving() []Finding {
	return s.tell(func(p *pair) Status { return p.resolves }, asker, func(p *pair) Finding {
		f := s.client(p)
		f.Resource = asker(p)
		if p.vnet != nil {
			f.Evidence = append(f.Evidence, sawList(s, p.vnet, p.vnet.DNSServers, "Azure's own"))
		}
		f.Evidence = append(f.Evidence, s.chain(p.chain)...)
		switch p.resolves {
		case Pass:
			return f.pass("%s: %s", p.name, p.resolved)
		case Unknown:
			return f.doubt("what %s resolves the names of %s to cannot be told", p.name, p.to.Name).by("%s", chainText(p.chain))
		}
		return f.fail("%s cannot use %s: %s", p.name, p.to.Name, p.resolved).by("%s", chainText(p.chain)).mended(linkMend(p))
	})
}

// asker is who asks for names: the network, unless an interface may have
// servers of its own.
func asker(p *pair) string {
	if p.vnet == nil || p.machine {
		return p.id
	}
	return idOf(p.vnet)
}

// chain is the steps of an answer as evidence.
func (s *scene) chain(links []topology.Link) []Evidence {
	var all []Evidence
	for _, l := range links {
		all = append(all, Evidence{Resource: l.ID, Pointer: s.pointer(l.At), Value: chainText([]topology.Link{l})})
	}
	return all
}

// linkMend links the zone to the client's network.
func linkMend(p *pair) (terraform, az string) {
	if p.vnet == nil {
		return "", ""
	}
	return hcl("azurerm_private_dns_zone_virtual_network_link", p.vnet,
		`virtual_network_id = azurerm_virtual_network.this.id`, `resolution_policy  = "Default"`), ""
}

func clientsReach() row {
	return row{Check{
		ID:    "clients-reach",
		Title: "Every intended client reaches the endpoint",
		Level: Must,
		Looks: "computed: the flow from each client to port 443, with every rule and route on the way",
		Why:   "An endpoint that its own clients cannot reach gets its rules loosened under pressure. It is better found here than there.",
	}, (*scene).reaching}
}

func (s *scene) reaching() []Finding {
	return s.tell(func(p *pair) Status { return p.reaches }, func(p *pair) string { return p.id }, func(p *pair) Finding {
		f := s.client(p)
		if p.door != nil {
			f.Evidence = append(f.Evidence, s.decided(p.flow.Decider()), s.seen(p.door, estate.Mark{State: estate.Known, At: p.door.At}, "endpoint "+p.addr.String(), ""))
		}
		reason, _ := s.reason(p.flow.Decider())
		switch {
		case p.reaches == Pass:
			return f.pass("%s reaches %s", p.name, p.to.Name).by("%s allowed by %s", p.packet(), reason)
		case len(p.places) == 0:
			return f.doubt("where the client %s stands was not read", p.name)
		case p.door == nil:
			return f.fail("%s has no private endpoint that %s could reach", p.to.Name, p.name).mended(endpointHCL(p.to), "")
		case p.reaches == Unknown:
			return f.doubt("whether %s reaches %s cannot be told", p.name, p.to.Name).by("%s undecided: %s", p.packet(), reason)
		}
		return f.fail("%s cannot reach %s", p.name, p.to.Name).by("%s denied by %s", p.packet(), reason).mended(s.admit(p))
	})
}

func (p *pair) packet() string {
	from := p.name
	if !p.set.Empty() {
		from = sample(p.set)
	}
	return packet(from, p.addr, p.to.called())
}

// admit is a rule that lets a client in.
func (s *scene) admit(p *pair) (terraform, az string) {
	n := p.door.Subnet.To
	if n == nil || n.Group.To == nil || p.set.Empty() {
		return "", ""
	}
	g := n.Group.To
	terraform = hcl("azurerm_network_security_group", g, `security_rule {`, `  name                       = "allow-client"`,
		`  priority                   = 100`, `  direction                  = "Inbound"`, `  access                     = "Allow"`,
		`  protocol                   = "Tcp"`, `  source_address_prefix      = "`+ranges(p.set)[0]+`"`, `  source_port_range          = "*"`,
		`  destination_address_prefix = "*"`, `  destination_port_range     = "443"`, `}`)
	if resourceGroupOf(g.ID) != "" {
		az = "az network nsg rule create --resource-group " + shell(resourceGroupOf(g.ID)) + " --nsg-name " + shell(g.Name) +
			" --name allow-client --priority 100 --direction Inbound --access Allow --protocol Tcp --source-address-prefixes " + ranges(p.set)[0] +
			" --destination-port-ranges 443"
	}
	return terraform, az
}

// client starts the finding about a pair: its first evidence is the client.
func (s *scene) client(p *pair) Finding {
	return Finding{Resource: p.id, Evidence: []Evidence{{Resource: p.id, Pointer: s.pointer(p.at), Value: p.name}}}
}

// tell gives one finding for each account of all clients that are well, and
// one for all those of one name that are not. answer says which they are
// without the cost of a finding.
func (s *scene) tell(answer func(*pair) Status, name func(*pair) string, judge func(*pair) Finding) []Finding {
	var all []Finding
	for _, a := range s.accounts {
		groups, others := map[string]int{}, map[int][]string{}
		for _, p := range s.pairs(a) {
			key := string(answer(p))
			if answer(p) != Pass {
				key += name(p)
			}
			i, ok := groups[key]
			if !ok {
				groups[key] = len(all)
				if all = append(all, judge(p)); answer(p) == Pass {
					all[len(all)-1].Resource = idOf(a)
				}
				continue
			}
			others[i] = append(others[i], p.name)
			if kept := &all[i]; len(kept.Evidence) < mostEvidence {
				kept.Evidence = append(kept.Evidence, s.client(p).Evidence[0])
			}
		}
		for i, names := range others {
			all[i].What += "; likewise " + few(names, 5)
		}
	}
	return all
}

// networks are the virtual networks whose clients are meant to use an account,
// in the order of the clients; where there are none, those of its endpoints.
func (s *scene) networks(a *subject) []*estate.VirtualNetwork {
	var all []*estate.VirtualNetwork
	seen := map[*estate.VirtualNetwork]bool{}
	add := func(v *estate.VirtualNetwork) {
		if v != nil && !seen[v] {
			seen[v] = true
			all = append(all, v)
		}
	}
	for _, p := range s.pairs(a) {
		add(p.vnet)
	}
	if len(all) == 0 {
		for _, d := range a.open() {
			if d.Subnet.To != nil {
				add(d.Subnet.To.VNet)
			}
		}
	}
	return all
}
