package topology

import (
	"net/netip"
	"slices"

	"github.com/ostiary/ostiary/internal/estate"
)

// Flow says whether a connection from a place to a target's port passes, with
// every hop. It begins with an address: Resolve says which address a name has
// there. Allowed means that nothing modelled stops it on the way there;
// answers come back by themselves, groups being stateful. What the program at
// the target says, and what stands behind a gateway on premises, is not part
// of it.
func (t *Topology) Flow(from Place, to Target, port Port) Flow {
	switch to.kind {
	case targetEndpoint:
		return t.flowToEndpoint(from, to.endpoint, port)
	case targetAccount:
		return t.flowToAccount(from, to.account, port)
	case targetInterface:
		return t.flowToInterface(from, to.nic, port)
	case targetAddress:
		return t.flowToAddress(from, to.addr, port)
	}
	return one(Hop{Step: StepTarget, Note: NoteTargetUnknown, ID: to.id})
}

func one(h Hop) Flow { return Flow{h.Verdict, []Hop{h}} }

// dest is an address that a packet goes to.
type dest struct {
	sub  *subnet
	host *host
	end  end
}

// representative is an address for the choice of a route.
func (d dest) representative() netip.Addr {
	if d.end.addr.IsValid() || len(d.end.in) == 0 {
		return d.end.addr
	}
	return d.end.in[0].From
}

// network is the network that the destination is in, nil for none.
func (d dest) network() *network {
	if d.sub == nil {
		return nil
	}
	return d.sub.net
}

// dests are the addresses of an endpoint. Where they are not all known, one of
// them is any address of its subnet.
func (e *endpoint) dests() []dest {
	if e.sub == nil {
		return nil
	}
	var out []dest
	for _, h := range e.hosts {
		out = append(out, dest{sub: e.sub, host: h, end: end{addr: h.addr}})
	}
	if e.dim && !e.sub.set.Empty() {
		out = append(out, dest{sub: e.sub, host: &host{sub: e.sub, endpoint: e}, end: end{in: e.sub.set}})
	}
	return out
}

// hop is the state of an endpoint's connection.
func (e *endpoint) hop() Hop {
	h := Hop{Step: StepEndpoint, Note: NoteApprovalUnclear, ID: e.of.ID, At: e.of.At}
	for i, l := range e.links {
		if i == 0 || l.open == Allowed {
			h.Verdict, h.At = l.open, l.status.At
		}
	}
	if e.of.Stub || e.of.Doubt != 0 {
		h.Verdict = Unknown
	}
	switch h.Verdict {
	case Allowed:
		h.Note = NoteApproved
	case Denied:
		h.Note = NoteNotApproved
	}
	return h
}

func (t *Topology) flowToEndpoint(from Place, e *endpoint, port Port) Flow {
	gate := e.hop()
	if gate.Verdict == Denied {
		return one(gate)
	}
	best := Flow{Verdict: Denied}
	for _, d := range e.dests() {
		f := t.toDest(from, d, port)
		if best.Hops == nil || f.Verdict == Allowed || f.Verdict == Unknown && best.Verdict == Denied {
			best = f
		}
	}
	if best.Hops == nil {
		return one(Hop{Step: StepTarget, Note: NoteTargetUnknown, ID: e.of.ID, At: e.of.At})
	}
	tr := trail{best.Hops, best.Verdict}
	tr.add(gate)
	return tr.flow()
}

// toDest is the flow to an address that is known to stand in a subnet.
func (t *Topology) toDest(from Place, d dest, port Port) Flow {
	switch from.kind {
	case placeInternet:
		return one(Hop{Step: StepRoute, Verdict: Denied, Note: NoteNotRouted, ID: d.host.label()})
	case placeService:
		return one(Hop{Step: StepPlace, Verdict: Denied, Note: NoteNoNetwork, ID: from.id, At: from.at})
	case placeNetwork:
		if from.addr.IsValid() {
			return t.fromAddress(from, d, port)
		}
		if from.sub != nil {
			return uniform(t.from(from.sub, from.leaving(d.end, port), d, port, nil))
		}
	case placeSite:
		if from.addr.IsValid() {
			return t.fromSite(from.site, from.addr, d, port)
		}
		return uniform(t.fromSiteAll(from.site, d, port, nil))
	}
	return one(Hop{Step: StepPlace, Note: NoteSourceUnclear, ID: from.id, At: from.at})
}

func (h *host) label() string {
	if h == nil {
		return ""
	}
	return h.id
}

// uniform is the flow that holds for every piece, or unknown.
func uniform(pieces []piece) Flow {
	if len(pieces) == 0 {
		return one(Hop{Step: StepPlace, Note: NoteSourceUnclear})
	}
	first := pieces[0].flow()
	for _, p := range pieces[1:] {
		if p.verdict != first.Verdict {
			return Flow{Unknown, append([]Hop{{Step: StepPlace, Note: NoteMixed}}, first.Hops...)}
		}
	}
	return first
}

func (t *Topology) fromAddress(from Place, d dest, port Port) Flow {
	if from.sub == nil {
		return one(from.nobody())
	}
	tr := newTrail()
	p := packet{from: end{addr: from.addr}, to: d.end, port: port}
	out := leaving(from.sub, from.host)
	if out.pass(&tr, &p); tr.verdict == Denied {
		return tr.flow()
	}
	way := t.carry(&tr, from.sub, d)
	t.arrive(&tr, way, d, &p)
	return tr.flow()
}

// nobody is the hop of an address that no subnet holds.
func (p Place) nobody() Hop {
	h := Hop{Step: StepTarget, Verdict: Denied, Note: NoteNobody, ID: p.id, At: p.at}
	if p.net == nil || p.net.dim || slices.ContainsFunc(p.net.subnets, func(s *subnet) bool { return s.dim }) {
		h.Verdict = Unknown
	}
	return h
}

// flowToAddress goes to an address as the place sees it.
func (t *Topology) flowToAddress(from Place, a netip.Addr, port Port) Flow {
	switch {
	case t.adrift[a]:
		return one(Hop{Step: StepTarget, Note: NoteTargetUnknown})
	case from.kind == placeInternet:
		if isPublic(a) {
			return t.flowToPublic(from, a, port)
		}
		return one(Hop{Step: StepRoute, Verdict: Denied, Note: NoteNotRouted})
	case from.kind == placeSite:
		return t.fromSiteTo(from, a, port)
	case from.kind != placeNetwork:
		return t.toDest(from, dest{end: end{addr: a}}, port)
	}
	if d, ok := t.seen(from.net, a); ok {
		if d.host != nil && d.host.endpoint != nil {
			f := t.toDest(from, d, port)
			tr := trail{f.Hops, f.Verdict}
			tr.add(d.host.endpoint.hop())
			return tr.flow()
		}
		f := t.toDest(from, d, port)
		if d.host == nil {
			return t.nobodys(from, d, port, f)
		}
		return f
	}
	return t.leave(from, end{addr: a}, port)
}

// nobodys is the flow to an address of a subnet that nothing known has. It may
// be that of an endpoint, a firewall or a load balancer whose address is not
// known.
func (t *Topology) nobodys(from Place, d dest, port Port, f Flow) Flow {
	doubt := func(id string, at estate.At) Flow {
		return Flow{Unknown, append([]Hop{{Step: StepTarget, Note: NoteTargetUnknown, ID: id, At: at}}, f.Hops...)}
	}
	for _, e := range d.sub.floating {
		if g := t.flowToEndpoint(from, e, port); g.Verdict != f.Verdict {
			return doubt(e.of.ID, e.of.At)
		}
	}
	if f.Verdict == Allowed && len(d.sub.hidden) > 0 {
		return doubt(d.sub.hidden[0].id, d.sub.hidden[0].at)
	}
	return f
}

// seen finds who has an address from a network's point of view: its own hosts
// first, then those of the networks joined to it.
func (t *Topology) seen(n *network, a netip.Addr) (dest, bool) {
	if d, ok := n.dest(a); ok {
		return d, true
	}
	for _, e := range n.near {
		if e.up != no {
			if d, ok := e.other(n).dest(a); ok {
				return d, true
			}
		}
	}
	for _, m := range n.mesh {
		for _, o := range m.members {
			if d, ok := o.dest(a); ok {
				return d, true
			}
		}
	}
	return dest{}, false
}

func (n *network) dest(a netip.Addr) (dest, bool) {
	if h := n.hosts[a]; h != nil {
		return dest{sub: h.sub, host: h, end: end{addr: a}}, true
	}
	if s := n.at(a); s != nil {
		return dest{sub: s, end: end{addr: a}}, true
	}
	return dest{}, false
}
