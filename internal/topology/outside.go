package topology

import (
	"net/netip"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// flowToInterface goes to a network interface: to its private address from
// inside, to its public one from outside.
func (t *Topology) flowToInterface(from Place, nic *estate.Interface, port Port) Flow {
	hosts := t.byNIC[nic]
	if len(hosts) == 0 {
		return one(Hop{Step: StepTarget, Note: NoteTargetUnknown, ID: nic.ID, At: nic.At})
	}
	best := Flow{Verdict: Denied}
	for _, h := range hosts {
		d := h.dest()
		if len(d.end.in) == 0 && !h.addr.IsValid() {
			return one(Hop{Step: StepTarget, Note: NoteTargetUnknown, ID: nic.ID, At: nic.At})
		}
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

// dest is where a host is: at its address, or somewhere in its subnet.
func (h *host) dest() dest {
	d := dest{sub: h.sub, host: h, end: end{addr: h.addr}}
	if !h.addr.IsValid() {
		d.end.in = h.sub.set
	}
	return d
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
