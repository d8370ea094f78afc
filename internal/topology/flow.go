package topology

import (
	"net/netip"
	"slices"
	"strings"

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

// dests are the addresses of an endpoint. Where they are not known, that is
// one address of its subnet.
func (e *endpoint) dests() []dest {
	if e.sub == nil {
		return nil
	}
	var out []dest
	for _, h := range e.hosts {
		out = append(out, dest{sub: e.sub, host: h, end: end{addr: h.addr}})
	}
	if e.dim && len(out) == 0 && !e.sub.set.Empty() {
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
			return uniform(t.fromSubnet(from.sub, d, port, nil))
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
		if e := s.net.near[i]; e.up != no {
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
		in.pass(tr, p)
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

// flowToInterface goes to a network interface: to its private address from
// inside, to its public one from outside.
func (t *Topology) flowToInterface(from Place, nic *estate.Interface, port Port) Flow {
	hosts := t.byNIC[nic]
	if len(hosts) == 0 {
		return one(Hop{Step: StepTarget, Note: NoteTargetUnknown, ID: nic.ID, At: nic.At})
	}
	best := Flow{Verdict: Denied}
	for _, h := range hosts {
		d := dest{sub: h.sub, host: h, end: end{addr: h.addr}}
		var f Flow
		if from.kind == placeInternet {
			f = t.inFromInternet(from, d, port)
		} else {
			f = t.toDest(from, d, port)
		}
		if best.Hops == nil || f.Verdict == Allowed || f.Verdict == Unknown && best.Verdict == Denied {
			best = f
		}
	}
	return best
}

// inFromInternet reaches an interface's public address. A standard one is
// closed until a security group opens it, and nothing comes in directly once
// a route of its own leads 0.0.0.0/0 elsewhere.
//
// https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses,
// https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview,
// section 0.0.0.0/0 address prefix.
func (t *Topology) inFromInternet(from Place, d dest, port Port) Flow {
	ip, state := d.host.ip.PublicIP.Get()
	h := Hop{Step: StepTarget, Verdict: Denied, Note: NoteNoPublicAddress, ID: d.host.id, At: d.host.ip.PublicIP.At}
	switch {
	case state == estate.Absent && len(t.e.LoadBalancers) > 0, state == estate.Unknown:
		h.Verdict, h.Note = Unknown, NoteTargetUnknown
		return one(h)
	case state == estate.Absent:
		return one(h)
	}
	tr := newTrail()
	p := packet{from: end{addr: from.addr}, to: d.end, port: port}
	in := entering(d.sub, d.host)
	if _, open := in.unfiltered(); open && !strings.EqualFold(ip.SKU.V, "Basic") {
		tr.add(Hop{Step: StepGroup, Verdict: Denied, Note: NoteNoGroup, Inbound: true, ID: d.sub.of.ID, At: d.sub.of.Group.At})
		if ip.SKU.State == estate.Unknown {
			tr.verdict = Unknown
		}
		return tr.flow()
	}
	in.pass(&tr, &p)
	if way := t.lookup(d.sub, dest{}); way.dim || way.hop != hopInternet {
		tr.add(Hop{Step: StepRoute, Note: NoteRouteUnclear, ID: d.sub.of.ID, At: d.sub.of.Routes.At})
	}
	return tr.flow()
}

// flowToAddress goes to an address as the place sees it.
func (t *Topology) flowToAddress(from Place, a netip.Addr, port Port) Flow {
	switch {
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
		return t.toDest(from, d, port)
	}
	return t.leave(from, end{addr: a}, port)
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

// leave is the flow to an address in no network that the source sees: on
// premises, or on the internet.
func (t *Topology) leave(from Place, to end, port Port) Flow {
	switch {
	case from.sub == nil:
		return one(from.nobody())
	case !from.addr.IsValid():
		return one(Hop{Step: StepPlace, Note: NoteSourceUnclear, ID: from.id, At: from.at})
	}
	tr := newTrail()
	out := leaving(from.sub, from.host)
	out.pass(&tr, &packet{from: end{addr: from.addr}, to: to, port: port})
	if platform(to.addr) != 0 {
		tr.add(Hop{Step: StepRoute, Verdict: Allowed, Note: NotePlatform})
		return tr.flow()
	}
	if tr.verdict == Denied {
		return tr.flow()
	}
	before := len(tr.hops)
	if t.exit(&tr, from.sub, to.addr); !isPublic(to.addr) || tr.hops[before].Note != NoteInternetRoute {
		return tr.flow()
	}
	addrs, anyone := t.outward(&tr, from)
	if nic := t.byPublic[to.addr]; nic != nil && tr.verdict != Denied {
		back := Internet(netip.Addr{})
		if len(addrs) == 1 && !anyone {
			back.addr = addrs[0]
		}
		for _, h := range t.flowToInterface(back, nic, port).Hops {
			tr.add(h)
		}
	}
	return tr.flow()
}

// exit takes a packet out of all networks.
func (t *Topology) exit(tr *trail, s *subnet, a netip.Addr) {
	p := t.lookup(s, dest{end: end{addr: a}})
	h := Hop{Step: StepRoute, Verdict: Allowed, Note: NoteInternetRoute, ID: s.of.ID, At: s.of.Routes.At}
	if p.own != nil {
		h.Note, h.ID, h.Rule, h.At = NoteOwnRoute, p.own.ID, p.own.Name, p.own.At
	}
	switch {
	case p.dim:
		h.Verdict, h.Note = Unknown, NoteRouteUnclear
		tr.add(h)
	case p.hop == hopInternet && a.IsValid() && !isPublic(a):
		h.Verdict, h.Note = Denied, NoteNotRouted
		tr.add(h)
	case p.hop == hopInternet:
		tr.add(h)
	case p.hop == hopGateway && p.own == nil:
		tr.add(Hop{Step: StepGateway, Verdict: Allowed, Note: NoteGateway, ID: p.via.label(""), At: h.At})
	case p.hop == hopAppliance:
		tr.add(h)
		t.relayed(tr, s, p)
	case p.hop == hopNone:
		h.Verdict, h.Note = Denied, NoteNoRoute
		tr.add(h)
	case p.own == nil && p.to != nil: // an address of a network that no subnet of it holds
		tr.add(Place{net: p.to, id: p.to.of.ID, at: p.to.of.At}.nobody())
	default:
		h.Verdict, h.Note = Unknown, NoteRouteUnclear
		tr.add(h)
	}
}
