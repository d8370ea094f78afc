package posture

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

func reachOnlyClients() row {
	return row{Check{
		ID:    "reach-only-clients",
		Title: "Nobody but the intended clients reaches the endpoint",
		Level: Must,
		Looks: "computed: every source of the endpoint's port 443, against the named clients or, where none are named, the rules that admit sources by address",
		Why:   "A private endpoint is private to whatever can route to it: the network, its peers, sites on premises. Only a deny that binds, under narrow allows, makes that the clients alone.",
		Equal: Equal{PSRule: []string{"AZR-000137", "AZR-000138", "AZR-000139"}},
	}, (*scene).reachFindings}
}

// source is a group of sources of one door, cut into those who are meant to
// reach it and those who are not.
type source struct {
	topology.Group
	set      topology.Set
	intended bool
	reason   string
	rule     string // id
}

// reach is every source of an account, by the private endpoint that they come
// through, or nil for the public front.
func (s *scene) reach(a *subject) map[*estate.PrivateEndpoint][]source {
	if a.reached != nil {
		return a.reached
	}
	a.reached = map[*estate.PrivateEndpoint][]source{}
	target, ok := s.t.TargetOf(idOf(a))
	if !ok {
		return a.reached
	}
	seen := map[string]bool{}
	for _, g := range s.t.Reach(target, port443()).Groups {
		reason, rule := s.reason(g.Decider())
		// An endpoint with several addresses has the same sources for each, as
		// a rule: they are told once.
		key := fmt.Sprintf("%p %p %s %d %s %s", g.Endpoint, g.Network, g.SiteID, g.Verdict, reason, g.Set)
		if seen[key] {
			continue
		}
		seen[key] = true
		if g = s.elsewhere(g); g.From == topology.FromSite && g.Set.Empty() {
			continue
		}
		meant := s.intended(g)
		for _, part := range []struct {
			set   topology.Set
			meant bool
		}{{meant, true}, {g.Set.Minus(meant), false}} {
			if !part.set.Empty() || len(g.Set) == 0 && !part.meant {
				a.reached[g.Endpoint] = append(a.reached[g.Endpoint], source{g, part.set, part.meant, reason, rule})
			}
		}
	}
	return a.reached
}

// elsewhere takes the addresses that no site can have out of a site whose
// addresses are not known: those of the endpoint's network and of its peers.
// Answers to them would never come back: Azure prefers the routes of networks
// and peerings even to more specific ones that a gateway learns.
// https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview
func (s *scene) elsewhere(g topology.Group) topology.Group {
	unclear := func(h topology.Hop) bool { return h.Note == topology.NoteSourceUnclear }
	if g.From != topology.FromSite || g.Endpoint == nil || !slices.ContainsFunc(g.Hops, unclear) {
		return g
	}
	n := g.Endpoint.Subnet.To
	if n == nil || n.VNet == nil {
		return g
	}
	near := setOf(n.VNet.Space)
	for _, p := range n.VNet.Peerings {
		if p.Remote.To != nil && is(p.State, "Connected") {
			near = near.Union(setOf(p.Remote.To.Space))
		}
	}
	g.Set = g.Set.Minus(near)
	return g
}

// address is an address of the door, for a witness; not valid where none is
// known.
func (d *door) address() netip.Addr {
	addrs, _ := d.addresses("")
	if len(addrs) == 0 {
		return netip.Addr{}
	}
	return addrs[0]
}

func (s *scene) reachFindings() []Finding {
	var all []Finding
	for _, a := range s.accounts {
		for _, d := range a.open() {
			all = append(all, s.reachFinding(a, d)...)
		}
	}
	return all
}

// crowd is sources that one rule lets in, though they are not meant to come.
type crowd struct {
	first source
	set   topology.Set // whose packet is the witness
	who   []string
}

// witness takes a packet from elsewhere than the endpoint's own subnet, where
// there is one: that is what a reader believes.
func (c *crowd) witness(src source, near topology.Set, to netip.Addr) {
	outside := src.set.Minus(near)
	switch {
	case !outside.Empty() && !c.set.Minus(near).Empty():
	case !outside.Empty():
		c.set = outside
	case c.set.Empty() && to.IsValid():
		c.set = src.set.Minus(topology.One(to))
	}
}

// reachFinding says who else reaches a door: one finding for each rule that
// lets them, so that each can be mended by itself.
func (s *scene) reachFinding(a *subject, d *door) []Finding {
	sources := s.reach(a)[d.PrivateEndpoint]
	if len(sources) == 0 {
		return []Finding{s.on(d, sawRef(s, d, d.Subnet)).doubt("who reaches the endpoint %s of %s cannot be told", d.Name, a.Name)}
	}
	crowds, meant := crowdsOf(d, sources)
	var all []Finding
	for _, c := range crowds {
		all = append(all, s.strangers(a, d, c))
	}
	all = append(all, s.hidden(a, d)...)
	if len(all) == 0 {
		who := "nobody reaches it"
		if len(meant) > 0 {
			who = "it is reached by " + strings.Join(first(meant, 3), "; ")
		}
		all = append(all, s.on(d).pass("no stranger reaches the endpoint %s of %s: %s", d.Name, a.Name, who))
	}
	return all
}

// crowdsOf sorts those who reach a door and are not meant to by what lets them
// in, and names those who are meant to.
func crowdsOf(d *door, sources []source) (crowds []*crowd, meant []string) {
	var near topology.Set
	if d.Subnet.To != nil {
		near = setOf(d.Subnet.To.Prefixes)
	}
	index := map[string]*crowd{}
	for _, src := range sources {
		switch {
		case src.Verdict == topology.Denied:
			continue
		case src.intended:
			meant = append(meant, sentence(src.Group, src.set))
			continue
		}
		key := src.Verdict.String() + src.reason
		if index[key] == nil {
			index[key] = &crowd{first: src}
			crowds = append(crowds, index[key])
		}
		index[key].who = append(index[key].who, sentence(src.Group, src.set))
		index[key].witness(src, near, d.address())
	}
	return crowds, meant
}

// hidden are subnets beside the endpoint, or in a network peered with its own,
// whose addresses are not known: who reaches it from there cannot be told.
func (s *scene) hidden(a *subject, d *door) []Finding {
	n := d.Subnet.To
	if n == nil || n.VNet == nil {
		return nil
	}
	networks := []*estate.VirtualNetwork{n.VNet}
	for _, p := range n.VNet.Peerings {
		if p.Remote.To != nil {
			networks = append(networks, p.Remote.To)
		}
	}
	var all []Finding
	for _, v := range networks {
		for _, x := range v.Subnets {
			if x.Prefixes.Complete() && !x.Stub && x.Doubt == 0 && (x.Prefixes.State == estate.Known || x == n) {
				continue
			}
			all = append(all, s.on(d, sawList(s, x, x.Prefixes, "")).
				doubt("whether %s of %s reaches the endpoint %s of %s cannot be told: its addresses are not known", x.Name, v.Name, d.Name, a.Name))
		}
	}
	return all
}

// strangers is the finding about sources that reach a door and should not.
func (s *scene) strangers(a *subject, d *door, c *crowd) Finding {
	f := s.on(d, s.decided(c.first.Decider()))
	to := packet(sample(c.set), d.address(), a.called())
	who := strings.Join(first(c.who, 5), "; ")
	if c.first.Verdict == topology.Unknown {
		f = f.doubt("others may reach the endpoint %s of %s: %s", d.Name, a.Name, who).by("%s undecided: %s", to, c.first.reason)
	} else {
		f = f.fail("others than its clients reach the endpoint %s of %s: %s", d.Name, a.Name, who).by("%s allowed by %s", to, c.first.reason)
	}
	return f.mended(s.denyAll(d))
}

// denyAll is a rule that keeps everyone else out.
func (s *scene) denyAll(d *door) (terraform, az string) {
	rule := []string{
		`security_rule {`, `  name                       = "deny-all"`, `  priority                   = 4096`,
		`  direction                  = "Inbound"`, `  access                     = "Deny"`, `  protocol                   = "*"`,
		`  source_address_prefix      = "*"`, `  source_port_range          = "*"`,
		`  destination_address_prefix = "*"`, `  destination_port_range     = "*"`, `}`,
	}
	n := d.Subnet.To
	if n == nil || n.Group.To == nil {
		return "# a network security group on the subnet of " + labelOf(d) + " with\n" + strings.Join(rule, "\n"), ""
	}
	g := n.Group.To
	if resourceGroupOf(g.ID) != "" {
		az = "az network nsg rule create --resource-group " + shell(resourceGroupOf(g.ID)) + " --nsg-name " + shell(g.Name) +
			" --name deny-all --priority 4096 --direction Inbound --access Deny --protocol '*' --source-address-prefixes '*' --destination-port-ranges '*'"
	}
	return hcl("azurerm_network_security_group", g, rule...), az
}

// decided is the evidence of the hop that decided.
func (s *scene) decided(h *topology.Hop) Evidence {
	if h == nil {
		return Evidence{Value: "unknown"}
	}
	text, id := s.reason(h)
	return Evidence{Resource: id, Pointer: s.pointer(h.At), Value: text}
}

// reaches says whether an app reaches a model: fail where it does, pass where
// it certainly reaches none; which account, and by which packet.
func (s *scene) reaches(t estate.Thing) (answer Status, account, by string) {
	answer = Pass
	from, ok := s.t.PlaceOf(idOf(t))
	if !ok {
		return Unknown, "a model", "a model"
	}
	for _, a := range s.accounts {
		for _, d := range a.open() {
			target, ok := s.t.TargetOf(idOf(d))
			if !ok {
				continue
			}
			switch flow := s.t.Flow(from, target, port443()); {
			case flow.Verdict == topology.Allowed:
				return Fail, a.Name, packet(t.Base().Name, d.address(), a.called())
			case flow.Verdict == topology.Unknown && answer == Pass:
				answer, account, by = Unknown, a.Name, a.called()
			}
		}
	}
	return answer, account, by
}
