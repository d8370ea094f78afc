package topology

// way is how a packet comes to its destination's network.
type way uint8

const (
	wayDoubt   way = iota // not known how: what filters at the end is no answer
	wayStopped            // it does not
	wayDirect
	wayRelayed // through an appliance, which may put its own address on it
)

// carriage is a way, and the appliance on it.
type carriage struct {
	way   way
	relay *host
}

// carry takes a packet from a subnet to its destination's network.
func (t *Topology) carry(tr *trail, s *subnet, d dest) carriage {
	p := t.lookup(s, d)
	if d.end.in != nil && s.table.splits(d.end.in) {
		p.dim = true
	}
	h := Hop{Step: StepRoute, Verdict: Allowed, Note: NoteLocal, ID: s.of.ID, At: s.of.Routes.At}
	if p.own != nil {
		h.Note, h.ID, h.Rule, h.At = NoteOwnRoute, p.own.ID, p.own.Name, p.own.At
	}
	if p.dim {
		h.Verdict, h.Note = Unknown, NoteRouteUnclear
		tr.add(h)
		return carriage{}
	}
	switch p.hop {
	case hopEndpoint:
		h.Note = NoteEndpointRoute
		fallthrough
	case hopLocal, hopPeer:
		return t.delivered(tr, h, s, p, d)
	case hopAppliance:
		tr.add(h)
		return t.relayed(tr, s, p)
	case hopGateway:
		tr.add(Hop{Step: StepGateway, Note: NoteGateway, ID: p.via.label(h.ID), At: h.At})
		return carriage{}
	case hopInternet:
		h.Verdict, h.Note = Denied, NoteNotRouted
	case hopNone:
		h.Verdict = Denied
		if h.Note = NoteDropped; p.own == nil {
			h.Note = NoteNoRoute
		}
	default:
		h.Verdict, h.Note = Unknown, NoteRouteUnclear
		tr.add(h)
		return carriage{}
	}
	tr.add(h)
	return carriage{way: wayStopped}
}

func (s serve) label(fallback string) string {
	if s.gateway != nil {
		return s.gateway.of.ID
	}
	return fallback
}

// splits says whether some route of the table covers a part of the set alone.
func (t *table) splits(set Set) bool {
	if t == nil {
		return false
	}
	for _, r := range t.routes {
		if coverage(SetOf(PrefixRange(r.prefix)), set) == maybe {
			return true
		}
	}
	return false
}

// delivered ends a route that leads into a network.
func (t *Topology) delivered(tr *trail, h Hop, s *subnet, p path, d dest) carriage {
	to := d.sub.net
	switch {
	case p.own != nil && to != s.net: // what VnetLocal does to another network's addresses is not documented
		h.Verdict, h.Note = Unknown, NoteRouteUnclear
		tr.add(h)
		return carriage{}
	case p.own == nil && p.to != to: // from here the address belongs to another network
		h.Verdict, h.Note = Denied, NoteNoRoute
		tr.add(h)
		return carriage{way: wayStopped}
	}
	if p.edge == nil && p.mesh == nil {
		tr.add(h)
		return carriage{way: wayDirect}
	}
	if p.hop == hopEndpoint {
		tr.add(h)
	}
	tr.add(p.crossing(s.net))
	return carriage{way: wayDirect}
}

// crossing is the hop over a peering or a connected group.
func (p path) crossing(from *network) Hop {
	if p.edge == nil {
		return Hop{Step: StepPeering, Note: NoteConnectedGroup, ID: p.mesh.of.ID, At: p.mesh.of.At}
	}
	h := Hop{Step: StepPeering, Verdict: Allowed, Note: NotePeered}
	side := p.edge.of(from)
	if side == nil {
		side = p.edge.of(p.edge.other(from))
	}
	h.ID, h.Rule, h.At = side.ID, side.Name, side.At
	switch {
	case p.edge.up == no:
		h.Verdict, h.Note = Denied, NotePeeringDown
	case p.edge.up == maybe:
		h.Verdict, h.Note = Unknown, NotePeeringUnclear
	case p.edge.shut:
		h.Verdict, h.Note = Unknown, NotePeeringShut
	}
	return h
}

// relayed ends a route that leads to an appliance. Its rules are not
// modelled, so it may let anything through.
//
// https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview:
// a network interface that is a next hop must have IP forwarding on.
func (t *Topology) relayed(tr *trail, s *subnet, p path) carriage {
	h := Hop{Step: StepAppliance, Note: NoteAppliance, ID: p.own.ID, At: p.own.NextAddress.At}
	relay := s.net.hosts[p.next]
	for i := 0; relay == nil && i < len(s.net.near); i++ {
		if e := s.net.near[i]; e.up == yes { // else it may be another's address
			relay = e.other(s.net).hosts[p.next]
		}
	}
	if relay != nil {
		h.ID, h.At = relay.id, relay.at
		if relay.nic != nil && relay.relay == relayNone && relay.endpoint == nil {
			h.Verdict, h.Note = Denied, NoteApplianceNotForwarding
			tr.add(h)
			return carriage{way: wayStopped}
		}
	}
	tr.add(h)
	return carriage{way: wayRelayed, relay: relay}
}

// guises are the addresses that an appliance may put in place of the source's.
// Unknown appliances give none.
func (h *host) guises() Set {
	switch {
	case h == nil:
		return nil
	case h.relay == relayFirewall:
		return h.sub.set // any instance's address
	case h.nic != nil:
		var ranges []Range
		for _, ip := range h.nic.IPs {
			a, ok := address(ip.Address)
			if !ok {
				return nil
			}
			ranges = append(ranges, Range{a, a})
		}
		return SetOf(ranges...)
	case h.relay == relayBalancer && !h.sub.net.dim:
		return h.sub.net.space // the appliances behind it
	}
	return nil
}

// arrive filters a packet at its destination.
func (t *Topology) arrive(tr *trail, c carriage, d dest, p *packet) {
	in := entering(d.sub, d.host)
	switch c.way {
	case wayDirect:
		if in.pass(tr, p); d.host != nil && (d.host.relay == relayBalancer || d.host.relay == relayFirewall) {
			// Where it goes from there is not modelled.
			tr.add(Hop{Step: StepTarget, Note: NoteTargetUnknown, ID: d.host.id, At: d.host.at})
		}
	case wayRelayed:
		if guises := c.relay.guises(); !guises.Empty() && denied(in.pieces(guises, d.end, p.port)) {
			direct := newTrail()
			if in.pass(&direct, p); direct.verdict == Denied {
				for _, h := range direct.hops {
					tr.add(h)
				}
			}
		}
	}
}

// denied says whether every piece is.
func denied(pieces []piece) bool {
	for _, p := range pieces {
		if p.verdict != Denied {
			return false
		}
	}
	return true
}
