package topology

import "github.com/ostiary/ostiary/internal/estate"

// checkpoint is what filters traffic at one end of a flow: the security admin
// rules of the network and up to two security groups.
type checkpoint struct {
	sub    *subnet
	admin  []rule
	groups [2]*filter // in the order in which they run; nil for none
	// ghosts are interfaces of the subnet whose addresses are not known: each
	// may be the one at hand, so that its group may bind.
	ghosts  []*host
	inbound bool
	// soften is set where it is unknown whether the groups bind at all: what
	// they deny is then unknown.
	soften bool
	note   Note      // said instead of the groups where they do not bind
	at     estate.At // where that was read
}

// leaving is what filters traffic out of a subnet: the network interface's
// group, then the subnet's.
//
// https://learn.microsoft.com/azure/virtual-network/network-security-group-how-it-works
func leaving(s *subnet, h *host) checkpoint {
	c := checkpoint{sub: s, groups: [2]*filter{nil, &s.filter}}
	if h == nil {
		c.ghosts = s.ghosts
	} else if h.endpoint == nil {
		c.groups[0] = &h.filter
	}
	if !s.exempt {
		c.admin = s.net.admin.out
	}
	return c
}

// entering is what filters traffic into a subnet: the subnet's group, then the
// network interface's. A private endpoint has no group of its own, the
// subnet's binds it only where privateEndpointNetworkPolicies says so, and
// admin rules do not apply to it.
//
// https://learn.microsoft.com/azure/private-link/disable-private-endpoint-network-policy,
// https://learn.microsoft.com/azure/virtual-network-manager/concept-security-admins
func entering(s *subnet, h *host) checkpoint {
	c := checkpoint{sub: s, inbound: true, groups: [2]*filter{&s.filter, nil}}
	if h == nil || h.endpoint == nil {
		if h != nil {
			c.groups[1] = &h.filter
		} else {
			c.ghosts = s.ghosts
		}
		if !s.exempt {
			c.admin = s.net.admin.in
		}
		return c
	}
	switch s.bindGroups {
	case no:
		c.groups[0], c.note, c.at = nil, NoteGroupNotBinding, s.of.EndpointPolicies.At
	case maybe:
		c.soften = true
	}
	return c
}

// pass runs a packet through the checkpoint.
func (c *checkpoint) pass(tr *trail, p *packet) {
	if len(c.admin) == 0 {
		c.passGroups(tr, p)
		return
	}
	o := evaluate(c.admin, p, &c.sub.scope)
	switch o.acts {
	case denies:
		tr.add(c.adminHop(o, Denied))
	case overrides:
		tr.add(c.adminHop(o, Allowed))
	case allows:
		c.passGroups(tr, p)
	default:
		groups := newTrail()
		c.passGroups(&groups, p)
		if c.mixed(o, groups.verdict) != groups.verdict {
			tr.add(c.adminHop(o, Unknown))
			return
		}
		for _, h := range groups.hops {
			tr.add(h)
		}
	}
}

// mixed is the verdict where admin rules leave several courses open.
func (c *checkpoint) mixed(o outcome, groups Verdict) Verdict {
	v, any := Unknown, false
	take := func(w Verdict) {
		if any {
			w = v.either(w)
		}
		v, any = w, true
	}
	if o.acts&denies != 0 {
		take(Denied)
	}
	if o.acts&overrides != 0 {
		take(Allowed)
	}
	if o.acts&allows != 0 {
		take(groups)
	}
	return v
}

func (c *checkpoint) adminHop(o outcome, v Verdict) Hop {
	h := Hop{Step: StepAdmin, Verdict: v, Inbound: c.inbound, ID: o.by.id, Rule: o.by.name, At: o.by.at}
	switch v {
	case Allowed:
		h.Note = NoteAdminOverrides
	case Unknown:
		h.Note = NoteRuleUnclear
	}
	return h
}

func (c *checkpoint) passGroups(tr *trail, p *packet) {
	if h, only := c.unfiltered(); only {
		tr.add(h)
		return
	}
	for _, f := range c.groups {
		if f == nil || f.state == estate.Absent {
			continue
		}
		o := outcome{}
		if f.state == estate.Known {
			o = evaluate(f.group.rules(c.inbound), p, &c.sub.scope)
		}
		h := c.groupHop(f, o)
		tr.add(h)
		if h.Verdict == Denied {
			return
		}
	}
	for _, g := range c.ghosts {
		o := outcome{}
		if g.filter.state == estate.Known {
			o = evaluate(g.filter.group.rules(c.inbound), p, &c.sub.scope)
		}
		if h, doubtful := c.ghostHop(g, o); doubtful {
			tr.add(h)
		}
	}
}

// ghostHop is what the group of an interface that may be the one at hand
// makes of a packet. What it lets pass needs no word.
func (c *checkpoint) ghostHop(g *host, o outcome) (Hop, bool) {
	h := c.groupHop(&g.filter, o)
	if h.Verdict == Allowed {
		return Hop{}, false
	}
	h.Verdict, h.Note = Unknown, NoteGhost
	return h, true
}

// unfiltered is the hop of a checkpoint without any group.
func (c *checkpoint) unfiltered() (Hop, bool) {
	for _, f := range c.groups {
		if f != nil && f.state != estate.Absent {
			return Hop{}, false
		}
	}
	if len(c.ghosts) > 0 {
		return Hop{}, false
	}
	h := Hop{Step: StepGroup, Verdict: Allowed, Note: NoteNoGroup, Inbound: c.inbound, ID: c.sub.of.ID, At: c.sub.of.Group.At}
	if c.note != 0 {
		h.Note, h.At = c.note, c.at
	}
	return h, true
}

func (c *checkpoint) groupHop(f *filter, o outcome) Hop {
	h := Hop{Step: StepGroup, Verdict: o.verdict(), Inbound: c.inbound}
	switch {
	case f.state != estate.Known:
		h.Verdict, h.Note, h.ID, h.At = Unknown, NoteGroupUnknown, f.ref.ID, f.ref.At
	case o.by == nil: // a platform address that no rule binds
		h.Note, h.ID, h.At = NotePlatform, f.group.of.ID, f.group.of.At
	default:
		h.ID, h.Rule, h.At = o.by.id, o.by.name, o.by.at
		if h.ID == "" { // one of Azure's own rules
			h.ID, h.At = f.group.of.ID, f.group.of.At
		}
		if h.Verdict == Unknown {
			h.Note = NoteRuleUnclear
		}
	}
	if c.soften && h.Verdict == Denied {
		h.Verdict, h.Note = Unknown, NoteGroupPerhapsBinding
	}
	return h
}

func (g *group) rules(inbound bool) []rule {
	if inbound {
		return g.in
	}
	return g.out
}
