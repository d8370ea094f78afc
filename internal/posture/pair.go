package posture

import (
	"net/netip"
	"slices"
	"strings"

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
	clients := s.clients
	if len(s.o.Clients) == 0 {
		clients = s.inferred(a)
	}
	for _, c := range clients {
		a.pairs = append(a.pairs, s.pair(c, a))
	}
	return a.pairs
}

// inferred are the clients that the rules of an account's doors admit on
// purpose.
func (s *scene) inferred(a *subject) []*client {
	var all []*client
	seen := map[string]bool{}
	keep := func(c *client) {
		if !seen[c.id] {
			seen[c.id] = true
			all = append(all, c)
		}
	}
	for _, d := range a.open() {
		for _, src := range s.reach(a)[d.PrivateEndpoint] {
			switch {
			case !src.intended || src.Verdict == topology.Denied:
			case src.From == topology.FromNetwork:
				for _, n := range src.Subnets {
					if part := setOf(n.Prefixes).Intersect(src.set); !part.Empty() {
						keep(&client{id: idOf(n), at: n.At, name: n.VNet.Name + "/" + n.Name, vnet: n.VNet, set: part, places: s.placeIn(n, part)})
					}
				}
			case src.From == topology.FromSite:
				c := &client{id: src.SiteID, name: src.Site, site: src.SiteID, set: src.set}
				c.stand(s, src.SiteID)
				keep(c)
			}
		}
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

func (s *scene) pair(c *client, a *subject) *pair {
	p := &pair{client: c, to: a, resolves: Unknown, reaches: Unknown}
	if len(c.places)+len(c.asks) > 0 {
		p.resolve(s)
	}
	if len(c.places) > 0 {
		p.reach(s)
	}
	return p
}

// resolve asks for every name of the account at every place of the client and
// keeps the worst answer.
func (p *pair) resolve(s *scene) {
	p.resolves = Pass
	if p.to.Subdomain.State != estate.Known || p.to.Subdomain.V == "" {
		p.resolves, p.resolved = Unknown, "its name is not known"
		return
	}
	asked := map[*estate.VirtualNetwork]bool{}
	for _, at := range slices.Concat(p.places, p.asks) {
		if p.vnet != nil && !p.machine {
			if asked[p.vnet] { // every subnet asks as its network does
				continue
			}
			asked[p.vnet] = true
		}
		for _, domain := range p.to.domains() {
			name := strings.ToLower(p.to.Subdomain.V) + "." + domain
			answer := s.t.Resolve(at, name)
			status, words := p.to.judged(s, name, answer)
			if p.chain == nil || status != p.resolves && worse(status, p.resolves) == status {
				p.resolves, p.resolved, p.chain = status, words, answer.Chain
			}
		}
	}
}

// judged says whether an answer leads to an endpoint of the account.
func (a *subject) judged(s *scene, name string, answer topology.Answer) (Status, string) {
	switch answer.Result {
	case topology.Addresses:
		if s.onlyKept(name, answer.Chain) {
			return Fail, name + " does not resolve: its zone has no record of it, though a zone group says so"
		}
		want, whole := addressesOf(a.open(), name)
		if !whole {
			return Unknown, "the address of the endpoint is not known"
		}
		for _, addr := range answer.Addrs {
			if !contains(want, addr) {
				return Fail, name + " resolves to " + addr.String() + ", which is not its private endpoint"
			}
		}
		return Pass, name + " resolves to " + few(words(answer.Addrs), 3)
	case topology.Public:
		if s.unseenZone(a, name) {
			return Unknown, "the private zone of " + name + " was not read"
		}
		return Fail, name + " resolves to public addresses"
	case topology.NXDomain:
		return Fail, name + " does not resolve: no such name"
	case topology.NoData:
		return Fail, name + " does not resolve: no address"
	}
	last := len(answer.Chain) - 1
	if last >= 0 && s.silent(answer.Chain[last]) {
		return Fail, name + " does not resolve: " + lastOf(answer.Chain[last].ID) + " answers no DNS questions"
	}
	if s.Planned && last >= 0 && a.keptIn(answer.Chain[last]) {
		return Pass, name + " will resolve to the endpoint, whose zone group keeps the record"
	}
	return Unknown, "what " + name + " resolves to cannot be told"
}

// onlyKept reports whether an answer stands on a zone group's word alone,
// while every zone of the name was read wholly and holds no such record.
func (s *scene) onlyKept(name string, chain []topology.Link) bool {
	if s.Planned || len(chain) == 0 || chain[len(chain)-1].By != topology.ByZoneGroup {
		return false
	}
	label, domain, _ := strings.Cut(name, ".")
	zones := s.zones["privatelink."+domain]
	for _, z := range zones {
		holds := slices.ContainsFunc(z.Records, func(r *estate.RecordSet) bool { return strings.EqualFold(r.Name, label) })
		if holds || !s.allRecords(z) {
			return false
		}
	}
	return len(zones) > 0
}

// unseenZone reports whether a zone group of the account keeps the zone of a
// name where the reader could not look, so that its links are not known.
func (s *scene) unseenZone(a *subject, name string) bool {
	_, domain, _ := strings.Cut(name, ".")
	for _, d := range a.open() {
		for _, g := range d.ZoneGroups {
			refs, _ := zonesOf(g)
			for _, ref := range refs {
				if ref.To == nil && strings.HasSuffix(strings.ToLower(ref.ID), "/privatelink."+domain) &&
					(s.Missing(ref.ID) != nil || !s.subscriptions[subscriptionOf(ref.ID)]) {
					return true
				}
			}
		}
	}
	return false
}

// silent reports whether the last one asked is a firewall whose DNS proxy is
// certainly off.
// https://learn.microsoft.com/azure/firewall/dns-settings
func (s *scene) silent(l topology.Link) bool {
	f, ok := s.Find(l.ID).(*estate.Firewall)
	if !ok || l.By != topology.ByFirewall || l.Type != "" {
		return false
	}
	proxy := f.DNSProxy
	policy, state := f.Policy.Get()
	switch state {
	case estate.Known:
		proxy = policy.DNSProxy
	case estate.Unknown:
		return false
	}
	on, known := proxy.Or(false)
	return known && !on
}

// keptIn reports whether an answer comes from a zone group of the account's
// own endpoint, which will hold its address once there is one.
func (a *subject) keptIn(l topology.Link) bool {
	if l.By != topology.ByZoneGroup {
		return false
	}
	return slices.ContainsFunc(a.open(), func(d *door) bool {
		return slices.ContainsFunc(d.ZoneGroups, func(g *estate.ZoneGroup) bool { return g.ID == l.ID && g.At == l.At })
	})
}

// reach tries every door of the account from every place of the client. One
// that is allowed is enough: the client is somewhere there.
func (p *pair) reach(s *scene) {
	for _, d := range p.to.open() {
		for _, at := range p.places {
			flow, addr, ok := s.toDoor(at, d)
			if ok && (p.door == nil || easier(flow, p.flow)) {
				p.door, p.flow, p.addr = d, flow, addr
			}
		}
	}
	switch {
	case p.door == nil:
		p.reaches = Fail
	case p.flow.Verdict == topology.Allowed:
		p.reaches = Pass
	case p.flow.Verdict == topology.Denied:
		p.reaches = Fail
	}
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

// chainText is the way of a question through DNS.
func chainText(chain []topology.Link) string {
	parts := make([]string, 0, len(chain))
	for _, l := range chain {
		part := l.Name
		if l.Type != "" {
			part += " " + l.Type
		}
		if l.Value != "" {
			part += " " + l.Value
		}
		parts = append(parts, part+" ("+l.By.String()+")")
	}
	return strings.Join(parts, " → ")
}
