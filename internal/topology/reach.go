package topology

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// Group is sources that reach a target, or do not, in the same way.
type Group struct {
	Verdict  Verdict
	From     Origin
	Network  *estate.VirtualNetwork // for FromNetwork
	Subnets  []*estate.Subnet       // of Network, those that Set lies in
	Peering  *estate.Peering        // for FromUnseen: the peering that leads there
	Site     string                 // for FromSite: its name
	SiteID   string
	Endpoint *estate.PrivateEndpoint // the private endpoint that they come through; nil for the public front
	Set      Set
	// Whole is set where Set is every address of the network's subnets.
	Whole bool
	Hops  []Hop
}

// Origin is what kind of source a Group is.
type Origin uint8

// The origins.
const (
	FromNetwork  Origin = iota // a virtual network
	FromUnseen                 // a peered network that the estate does not hold
	FromSite                   // a place behind a gateway
	FromInternet               // public addresses
	FromServices               // trusted services of Azure
	FromAnywhere               // the target cannot be told from the data: nobody knows who reaches it
)

// Decider is the hop that decides, see Flow.Decider.
func (g Group) Decider() *Hop { return Flow{g.Verdict, g.Hops}.Decider() }

// Reach is every source of a target: groups whose sets are exact and, within
// one network, site or the internet, do not overlap. What is in no group does
// not reach it.
type Reach struct{ Groups []Group }

// Can are the groups that reach the target for certain; May those of which it
// is unknown.
func (r Reach) Can() []Group { return r.with(Allowed) }

// May are the groups of which it is unknown whether they reach the target.
func (r Reach) May() []Group { return r.with(Unknown) }

func (r Reach) with(v Verdict) []Group {
	var out []Group
	for _, g := range r.Groups {
		if g.Verdict == v {
			out = append(out, g)
		}
	}
	return out
}

// Reach works out every source of a target's port: of a private endpoint or a
// network interface; of an account those of its public front and of all its
// private endpoints. Denied sources of joined
// networks are listed too, with what denies them.
func (t *Topology) Reach(to Target, port Port) Reach {
	var out []Group
	switch to.kind {
	case targetEndpoint:
		out = t.reachEndpoint(to.endpoint, port)
	case targetNowhere:
		out = anywhere(Hop{Step: StepTarget, Note: NoteTargetUnknown, ID: to.id})
	case targetInterface:
		if len(t.byNIC[to.nic]) == 0 {
			out = anywhere(Hop{Step: StepTarget, Note: NoteTargetUnknown, ID: to.nic.ID, At: to.nic.At})
		}
		for _, h := range t.byNIC[to.nic] {
			if !h.addr.IsValid() && h.sub.set.Empty() {
				out = append(out, anywhere(Hop{Step: StepTarget, Note: NoteTargetUnknown, ID: h.id, At: h.at})...)
				continue
			}
			out = append(out, t.reachDest(h.dest(), port)...)
			out = append(out, t.reachPublicly(h, port)...)
		}
	case targetAccount:
		out = t.reachFront(to.account, port)
		for _, p := range t.e.PrivateEndpoints {
			if e := t.endpoints[p]; e.leadsTo(to.account) {
				out = append(out, t.reachEndpoint(e, port)...)
			}
		}
		out = append(out, t.strangers(to.account)...)
	}
	return Reach{out}
}

// strangers are the approved private endpoints that the estate does not hold:
// nobody knows who stands behind them.
func (t *Topology) strangers(a *estate.Account) []Group {
	var out []Group
	for _, c := range a.PrivateConnections {
		if c.Endpoint.To == nil && approved(c.Status) != Denied {
			out = append(out, Group{From: FromUnseen, Hops: []Hop{{Step: StepEndpoint, Note: NoteUnseenEndpoint, ID: c.ID, Rule: c.Name, At: c.At}}})
		}
	}
	return out
}

// anywhere is the answer for a target that is not known well enough.
func anywhere(h Hop) []Group { return []Group{{From: FromAnywhere, Hops: []Hop{h}}} }

func (e *endpoint) leadsTo(a *estate.Account) bool {
	return slices.ContainsFunc(e.links, func(l target) bool { return l.link.Target.To == estate.Thing(a) })
}

// reachEndpoint works out an endpoint's sources. Where it has several
// addresses, each has groups of its own.
func (t *Topology) reachEndpoint(e *endpoint, port Port) []Group {
	gate := e.hop()
	if gate.Verdict == Denied {
		return nil
	}
	dests := e.dests()
	if len(dests) == 0 {
		out := anywhere(Hop{Step: StepTarget, Note: NoteTargetUnknown, ID: e.of.ID, At: e.of.At})
		out[0].Endpoint = e.of
		return out
	}
	var out []Group
	for _, d := range dests {
		for _, g := range t.reachDest(d, port) {
			tr := trail{g.Hops, g.Verdict}
			tr.add(gate)
			g.Hops, g.Verdict, g.Endpoint = tr.hops, tr.verdict, e.of
			out = append(out, g)
		}
	}
	return out
}

// reachDest works out the sources of an address in a subnet.
func (t *Topology) reachDest(d dest, port Port) []Group {
	in := t.filters(d, port)
	var out []Group
	for _, n := range t.candidates(d) {
		var all []piece
		var subs []*subnet
		for _, s := range n.subnets {
			for _, p := range t.fromSubnet(s, d, port, in) {
				all, subs = append(all, p), append(subs, s)
			}
			if s.dim {
				for _, p := range t.fromDim(s, d, port, in) {
					all, subs = append(all, p), append(subs, s)
				}
			}
		}
		out = append(out, n.groups(all, subs)...)
	}
	out = append(out, t.reachUnseen(d, in)...)
	return append(out, t.reachSites(d, port, in)...)
}

// candidates are the networks from which some route may lead to an address:
// its own, those joined to it, and those whose routes lead through an
// appliance or a gateway. From any other no route leads there.
func (t *Topology) candidates(d dest) []*network {
	seen := map[*network]bool{d.sub.net: true}
	out := []*network{d.sub.net}
	add := func(n *network) {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	for _, e := range d.sub.net.near {
		add(e.other(d.sub.net))
	}
	for _, m := range t.meshes {
		if m.holds(d.sub.net) {
			for _, n := range m.members {
				add(n)
			}
		}
	}
	for _, s := range t.steered {
		if seen[s.net] {
			continue
		}
		if p := t.lookup(s, d); p.dim || p.own != nil && p.hop != hopNone && p.hop != hopInternet {
			add(s.net)
		}
	}
	for _, n := range t.wide {
		add(n)
	}
	return out
}

// beyond says whether the network uses its peer's gateway.
func (n *network) beyond() bool {
	for _, e := range n.near {
		if len(e.other(n).gateways) > 0 {
			return true
		}
	}
	return false
}

// groups joins the pieces of a network's subnets that go alike.
func (n *network) groups(pieces []piece, subs []*subnet) []Group {
	var out []Group
	index := map[string]int{}
	var all Set
	for _, s := range n.subnets {
		all = all.Union(s.set)
	}
	for i, p := range pieces {
		k := alike(p)
		at, ok := index[k]
		if !ok {
			at = len(out)
			index[k] = at
			out = append(out, Group{Verdict: p.verdict, From: FromNetwork, Network: n.of, Hops: p.hops})
		}
		g := &out[at]
		g.Set = g.Set.Union(p.set)
		if !slices.Contains(g.Subnets, subs[i].of) {
			g.Subnets = append(g.Subnets, subs[i].of)
		}
	}
	for i := range out {
		out[i].Whole = out[i].Set.Equal(all)
	}
	return out
}

// alike is equal for pieces that a person would put in one sentence: the same
// verdict, for the same reason, along the same way.
func alike(p piece) string {
	var b strings.Builder
	b.WriteByte(byte('0' + p.verdict))
	decider := p.flow().Decider()
	for i := range p.hops {
		h := &p.hops[i]
		if h == decider {
			fmt.Fprintf(&b, "|!%d/%d/%s/%s", h.Step, h.Note, h.ID, h.Rule)
		} else if h.Step == StepPeering || h.Step == StepAppliance || h.Step == StepGateway {
			fmt.Fprintf(&b, "|%d/%s", h.Step, h.ID)
		}
	}
	return b.String()
}

// reachUnseen works out what peered networks outside the estate may do. Their
// owners route and filter there as they like, and forward for others, so that
// nobody reaches the target for certain; what its own filters deny is denied.
func (t *Topology) reachUnseen(d dest, in []piece) []Group {
	n := d.sub.net
	var out []Group
	for _, p := range n.unseen {
		if t.connectedPeering(p) != no {
			hop := Hop{Step: StepPeering, Note: NoteUnseenNetwork, ID: p.ID, Rule: p.Name, At: p.At}
			out = append(out, unseen(p, within(in, behind(p)), hop)...)
		}
	}
	if n.veiled {
		hop := Hop{Step: StepPeering, Note: NoteUnseenNetwork, ID: n.of.ID, At: n.of.At}
		out = append(out, unseen(nil, in, hop)...)
	}
	// What an unseen network sends to an appliance of a joined one.
	for _, e := range n.near {
		hub := e.other(n)
		if e.up == no || len(hub.relays) == 0 {
			continue
		}
		for _, p := range hub.unseen {
			if t.connectedPeering(p) == no {
				continue
			}
			hops := []Hop{{Step: StepPeering, Note: NoteUnseenNetwork, ID: p.ID, Rule: p.Name, At: p.At}, {Step: StepAppliance, Note: NoteAppliance, ID: hub.relays[0].id, At: hub.relays[0].at}}
			pieces := []piece{{set: behind(p), trail: trail{verdict: Allowed}}}
			if hub.disguised(in) {
				pieces = within(in, behind(p))
			}
			out = append(out, unseen(p, pieces, hops...)...)
		}
	}
	return out
}

// disguised says whether the target's filters deny every address that an
// appliance of the network may put in place of a source's.
func (n *network) disguised(in []piece) bool {
	for _, r := range n.relays {
		if guises := r.guises(); guises.Empty() || !denied(within(in, guises)) {
			return false
		}
	}
	return true
}

// behind is every address that a peering may bring: the remote network's
// space, and whatever that network forwards.
func behind(p *estate.Peering) Set {
	set, dim := prefixes(p.RemoteSpace)
	if forwards, ok := p.AllowForwarded.Or(false); forwards || !ok || dim || set.Empty() {
		return everything()
	}
	return set
}

// unseen makes groups of pieces whose sources are outside the estate.
func unseen(p *estate.Peering, pieces []piece, hops ...Hop) []Group {
	var out []Group
	for _, f := range pieces {
		g := piece{trail: trail{verdict: Allowed}}.with(f.set, append(slices.Clone(hops), f.hops...)...)
		out = append(out, Group{Verdict: g.verdict, From: FromUnseen, Peering: p, Set: f.set, Whole: len(pieces) == 1, Hops: g.hops})
	}
	return out
}

func (t *Topology) connectedPeering(p *estate.Peering) tri {
	return (&compiler{t: t}).connected(p)
}

// reachSites works out what comes through gateways: all sites of the network's
// own and of those joined to it, and of others what comes in all the same.
func (t *Topology) reachSites(d dest, port Port, in []piece) []Group {
	var out []Group
	for _, n := range t.wide {
		e := n.edges[d.sub.net]
		near := n == d.sub.net || e != nil && e.up != no
		for _, s := range n.sites() {
			if s.far != nil || !near && t.entry(s, d).Verdict == Denied {
				continue // a network of the estate: among the candidates; or a place far away
			}
			for _, p := range t.fromSiteAll(s, d, port, in) {
				out = append(out, Group{Verdict: p.verdict, From: FromSite, Site: s.name, SiteID: s.id, Set: p.set, Whole: p.set.Equal(s.extent()), Hops: p.hops})
			}
		}
	}
	return out
}

// sites are the sites behind the network's own gateways.
func (n *network) sites() []*site {
	var out []*site
	for _, g := range n.gateways {
		out = append(out, g.sites...)
	}
	return out
}

// reachPublicly works out who comes to an interface's public address.
func (t *Topology) reachPublicly(h *host, port Port) []Group {
	if h.ip == nil || h.ip.PublicIP.State == estate.Absent {
		return nil
	}
	d := h.dest()
	whole := t.inFromInternet(Internet(public()[0].From), d, port)
	if whole.Verdict == Denied && len(whole.Hops) == 1 && whole.Hops[0].Note == NoteNoGroup {
		return []Group{{Verdict: Denied, From: FromInternet, Set: t.public, Whole: true, Hops: whole.Hops}}
	}
	var out []Group
	for _, p := range within(t.filters(d, port), t.public) {
		f := t.inFromInternet(Internet(p.set[0].From), d, port)
		out = append(out, Group{Verdict: f.Verdict, From: FromInternet, Set: p.set, Whole: p.set.Equal(t.public), Hops: f.Hops})
	}
	return out
}
