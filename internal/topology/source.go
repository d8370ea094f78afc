package topology

import (
	"net/netip"
	"slices"
)

// fromSubnet is the flow from every address of a subnet, in pieces that go
// alike. in is what filters at the destination, worked out for every source,
// or nil.
func (t *Topology) fromSubnet(s *subnet, d dest, port Port, in []piece) []piece {
	return t.from(s, sources(s, d.end, port), d, port, in)
}

// from carries pieces that left a subnet to a destination.
func (t *Topology) from(s *subnet, pieces []piece, d dest, port Port, in []piece) []piece {
	way := newTrail()
	c := t.carry(&way, s, d)
	if in == nil {
		in = t.filters(d, port)
	}
	var out []piece
	for _, p := range pieces {
		if p.verdict == Denied {
			out = append(out, p)
			continue
		}
		out = append(out, t.ending(p.with(p.set, way.hops...), c, d, port, in)...)
	}
	return out
}

// leaving is what leaves a place of several addresses: a subnet, or an
// interface of which only the subnet is known.
func (p Place) leaving(to end, port Port) []piece {
	if p.host == nil {
		return sources(p.sub, to, port)
	}
	c := leaving(p.sub, p.host)
	return c.pieces(p.sub.set, to, port)
}

// fromDim is fromSubnet for the addresses of a subnet that are not known: they
// are some of those that the network has and no other subnet holds.
func (t *Topology) fromDim(s *subnet, d dest, port Port, in []piece) []piece {
	set := s.net.space
	if s.net.dim || set.Empty() {
		set = everything()
	}
	for _, o := range s.net.subnets {
		set = set.Minus(o.set)
	}
	way := newTrail()
	c := t.carry(&way, s, d)
	out := leaving(s, nil)
	unclear := Hop{Step: StepPlace, Note: NoteSourceUnclear, ID: s.of.ID, At: s.of.Prefixes.At}
	var pieces []piece
	for _, p := range out.pieces(set, d.end, port) {
		if p = (piece{trail: trail{verdict: Allowed}}).with(p.set, append([]Hop{unclear}, p.hops...)...); p.verdict == Denied {
			pieces = append(pieces, p)
			continue
		}
		pieces = append(pieces, t.ending(p.with(p.set, way.hops...), c, d, port, in)...)
	}
	return pieces
}

// sources is what leaves a subnet towards an address.
func sources(s *subnet, to end, port Port) []piece {
	rest := s.set
	var out []piece
	for _, h := range s.lone {
		c := leaving(s, h)
		rest = rest.Minus(One(h.addr))
		out = append(out, c.pieces(One(h.addr), to, port)...)
	}
	c := leaving(s, nil)
	return append(out, c.pieces(rest, to, port)...)
}

// filters is what filters at a destination, for every source there may be.
func (t *Topology) filters(d dest, port Port) []piece {
	c := entering(d.sub, d.host)
	return c.pieces(everything(), d.end, port)
}

// ending is arrive for a piece.
func (t *Topology) ending(p piece, c carriage, d dest, port Port, in []piece) []piece {
	switch c.way {
	case wayDirect:
	case wayRelayed:
		guises := c.relay.guises()
		if guises.Empty() || !denied(within(in, guises)) {
			return []piece{p}
		}
		// Denied with the appliance's address; with the source's own too?
		var out []piece
		rest := p.set
		for _, f := range in {
			if f.verdict == Denied {
				if set := p.set.Intersect(f.set); !set.Empty() {
					out = append(out, p.with(set, f.hops...))
					rest = rest.Minus(set)
				}
			}
		}
		if !rest.Empty() {
			out = append(out, p.with(rest))
		}
		return out
	default:
		return []piece{p}
	}
	var out []piece
	for _, f := range in {
		if set := p.set.Intersect(f.set); !set.Empty() {
			out = append(out, p.with(set, f.hops...))
		}
	}
	return out
}

// within is the part of the pieces that lies in a set.
func within(pieces []piece, of Set) []piece {
	var out []piece
	for _, p := range pieces {
		if set := p.set.Intersect(of); !set.Empty() {
			out = append(out, piece{set, p.trail})
		}
	}
	return out
}

// entry is the hop from a site through its gateway to a destination.
//
// https://learn.microsoft.com/azure/vpn-gateway/vpn-gateway-peering-gateway-transit:
// a peer's traffic takes the gateway only where it uses remote gateways and
// the gateway's side allows transit. An appliance to which the gateway's
// subnet sends the traffic may carry it all the same.
func (t *Topology) entry(s *site, d dest) Hop {
	h := Hop{Step: StepGateway, Verdict: Denied, Note: NoteNoTransit, ID: s.gateway.of.ID, At: s.gateway.of.At}
	if d.sub.net.veiled && s.gateway.net.veiled { // both sides of a peering may not have been read
		h.Verdict, h.Note = Unknown, NotePeeringUnclear
	}
	for _, g := range d.sub.net.serving() {
		if g.gateway != s.gateway {
			continue
		}
		switch g.up {
		case yes:
			h.Verdict, h.Note = Allowed, NoteGateway
		case maybe:
			h.Verdict, h.Note = Unknown, NotePeeringUnclear
		}
	}
	if h.Verdict == Denied && t.mayRelay(s.gateway.sub, d) {
		h.Verdict, h.Note = Unknown, NoteGateway
	}
	return h
}

// mayRelay says whether a route of the subnet's own leads to an appliance on
// the way to a destination, or may do so.
func (t *Topology) mayRelay(s *subnet, d dest) bool {
	a := d.representative()
	if s.shaky(a) || s.table.splits(d.end.in) {
		return true
	}
	own, _ := s.table.longest(a)
	if own == nil || own.hop != hopAppliance && own.hop != hopUnknown {
		return false
	}
	p := t.lookup(s, d)
	return p.own == own.of || p.dim
}

// fromSite is the flow from an address behind a gateway. What filters on
// premises is not modelled.
func (t *Topology) fromSite(s *site, a netip.Addr, d dest, port Port) Flow {
	tr := newTrail()
	switch {
	case s.set.Has(a):
	case s.dim:
		tr.add(Hop{Step: StepPlace, Note: NoteSourceUnclear, ID: s.id, At: s.at})
	default:
		return one(Hop{Step: StepPlace, Verdict: Denied, Note: NoteNobody, ID: s.id, At: s.at})
	}
	if tr.add(t.entry(s, d)); tr.verdict == Denied {
		return tr.flow()
	}
	way := t.carry(&tr, s.gateway.sub, d)
	t.arrive(&tr, way, d, &packet{from: end{addr: a}, to: d.end, port: port})
	return tr.flow()
}

// fromSiteAll is fromSite for every address that the site has, or may have.
func (t *Topology) fromSiteAll(s *site, d dest, port Port, in []piece) []piece {
	way := newTrail()
	if way.add(t.entry(s, d)); way.verdict == Denied {
		return []piece{{s.extent(), way}}
	}
	c := t.carry(&way, s.gateway.sub, d)
	if in == nil {
		in = t.filters(d, port)
	}
	var out []piece
	if !s.set.Empty() {
		out = t.ending(piece{s.set, way}, c, d, port, in)
	}
	if s.dim {
		start := piece{set: s.extent().Minus(s.set), trail: trail{verdict: Allowed}}
		hops := append([]Hop{{Step: StepPlace, Note: NoteSourceUnclear, ID: s.id, At: s.at}}, way.hops...)
		out = append(out, t.ending(start.with(start.set, hops...), c, d, port, in)...)
	}
	return out
}

// extent is every address that the site has, or may have.
func (s *site) extent() Set {
	if s.dim {
		return everything()
	}
	return s.set
}

// fromSiteTo is the flow from a site to an address behind the gateway.
func (t *Topology) fromSiteTo(from Place, a netip.Addr, port Port) Flow {
	n := from.site.gateway.net
	d, ok := n.dest(a)
	for i := 0; !ok && i < len(n.near); i++ {
		d, ok = n.near[i].other(n).dest(a)
	}
	if !ok {
		return one(Hop{Step: StepTarget, Note: NoteTargetUnknown, ID: from.id, At: from.at})
	}
	f := t.toDest(from, d, port)
	if d.host != nil && d.host.endpoint != nil {
		tr := trail{slices.Clone(f.Hops), f.Verdict}
		tr.add(d.host.endpoint.hop())
		return tr.flow()
	}
	return f
}
