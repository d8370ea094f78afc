package posture

import (
	"net/netip"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// pair is a client and an account: what the client resolves the account's
// names to, and whether it reaches the endpoint there.
type pair struct {
	*client
	to       *subject
	resolves Status
	resolved string // in words, or what came of the name instead
	chain    []topology.Link
	addrs    []netip.Addr // that the names resolve to
	reaches  Status
	flow     topology.Flow
	door     *door      // the one it reaches, or would
	addr     netip.Addr // of the door
}

// pairs works out every client against an account, once. Where nobody named
// the clients, an account's are those that its rules admit.
func (s *scene) pairs(a *subject) []*pair {
	if a.paired {
		return a.pairs
	}
	a.paired = true
	if len(s.o.Clients) == 0 {
		a.pairs = s.inferred(a)
		return a.pairs
	}
	for _, c := range s.clients {
		p := &pair{client: c, to: a, resolves: Unknown, reaches: Unknown}
		p.resolve(s)
		p.reach(s)
		a.pairs = append(a.pairs, p)
	}
	return a.pairs
}

// inferred are the clients that the rules of an account's doors admit on
// purpose.
func (s *scene) inferred(a *subject) []*pair {
	var all []*pair
	seen := map[string]bool{}
	for _, d := range a.open() {
		addrs, _ := d.addresses("")
		for _, src := range s.reach(a)[d.PrivateEndpoint] {
			if !src.intended || src.Verdict == topology.Denied {
				continue
			}
			for _, c := range s.behind(src) {
				if seen[c.id] {
					continue
				}
				seen[c.id] = true
				p := &pair{client: c, to: a, resolves: Unknown, reaches: Unknown}
				if p.resolve(s); len(addrs) == 1 { // as worked out for all sources
					p.came(d, topology.Flow{Verdict: src.Verdict, Hops: src.Hops}, addrs[0])
				} else {
					p.reach(s)
				}
				all = append(all, p)
			}
		}
	}
	return all
}

// behind are the clients that a group of sources is made of: subnets, or a
// site.
func (s *scene) behind(src source) []*client {
	var all []*client
	for _, n := range src.Subnets {
		if part := setOf(n.Prefixes).Intersect(src.set); !part.Empty() && n.VNet != nil {
			all = append(all, &client{id: idOf(n), at: n.At, name: n.VNet.Name + "/" + n.Name, vnet: n.VNet, set: part, places: s.placeIn(n, part)})
		}
	}
	if src.From == topology.FromSite {
		c := &client{id: src.SiteID, name: src.Site, sites: []string{src.SiteID}, set: src.set}
		c.stand(s, src.SiteID)
		all = append(all, c)
	}
	return all
}

// placeIn is a subnet, or an address of the part of it that is meant.
func (s *scene) placeIn(n *estate.Subnet, part topology.Set) []topology.Place {
	if part.Contains(setOf(n.Prefixes)) {
		if p, ok := s.t.PlaceOf(idOf(n)); ok {
			return []topology.Place{p}
		}
	}
	addr, err := netip.ParseAddr(sample(part))
	if p, ok := s.t.AddressIn(idOf(n.VNet), addr); ok && err == nil {
		return []topology.Place{p}
	}
	return nil
}

// reach tries every door of the account from every place of the client. One
// that is allowed is enough: the client is somewhere there.
func (p *pair) reach(s *scene) {
	if len(p.places) == 0 {
		return // unknown: where it stands is not known
	}
	for _, d := range p.doors() {
		for _, at := range p.places {
			flow, addr, ok := s.toDoor(at, d)
			if ok && (p.door == nil || easier(flow, p.flow)) {
				p.came(d, flow, addr)
			}
		}
	}
	if p.door == nil {
		p.reaches = Fail
	}
}

// came notes how the client came to a door.
func (p *pair) came(d *door, flow topology.Flow, addr netip.Addr) {
	p.door, p.flow, p.addr = d, flow, addr
	switch flow.Verdict {
	case topology.Allowed:
		p.reaches = Pass
	case topology.Denied:
		p.reaches = Fail
	default:
		p.reaches = Unknown
	}
}

// doors are those that the client's names lead to; all of the account's where
// they lead to none, or it is not known.
func (p *pair) doors() []*door {
	var led []*door
	for _, d := range p.to.open() {
		if addrs, _ := d.addresses(""); len(shared(addrs, p.addrs)) > 0 {
			led = append(led, d)
		}
	}
	if len(led) == 0 {
		return p.to.open()
	}
	return led
}

// easier reports whether more passes on flow a than on b.
func easier(a, b topology.Flow) bool {
	order := []topology.Verdict{topology.Denied, topology.Unknown, topology.Allowed}
	return rank(a.Verdict, order...) > rank(b.Verdict, order...)
}

// toDoor is the flow from a place to an endpoint. One with several addresses
// has a name for each, and all of them must do: the worst flow counts.
func (s *scene) toDoor(at topology.Place, d *door) (flow topology.Flow, addr netip.Addr, ok bool) {
	target, ok := s.t.TargetOf(idOf(d))
	if !ok {
		return flow, addr, false
	}
	flow, addr = s.t.Flow(at, target, port443()), d.address()
	addrs, _ := d.addresses("")
	if len(addrs) < 2 {
		return flow, addr, true
	}
	for _, a := range addrs {
		if f := s.t.Flow(at, topology.Address(a), port443()); easier(flow, f) {
			flow, addr = f, a
		}
	}
	return flow, addr, true
}
