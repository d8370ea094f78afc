package posture

import (
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// resolve asks for every name of the account at every place of the client and
// keeps the worst answer.
func (p *pair) resolve(s *scene) {
	places := slices.Concat(p.places, p.asks)
	if len(places) == 0 {
		return // unknown: where it stands is not known
	}
	p.resolves = Pass
	if p.to.Subdomain.State != estate.Known || p.to.Subdomain.V == "" {
		p.resolves, p.resolved = Unknown, "its name is not known"
		return
	}
	asked := map[*estate.VirtualNetwork]bool{}
	for _, at := range places {
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
			p.addrs = append(p.addrs, answer.Addrs...)
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
	for _, g := range s.Gaps {
		if typ, single, _ := gapType(g.ID); typ == "microsoft.network/privatednszones" && !single {
			return true // zones, or links of one
		}
	}
	for _, d := range a.open() {
		for _, g := range d.ZoneGroups {
			refs, _ := zonesOf(g)
			for _, ref := range refs {
				if ref.To == nil && strings.HasSuffix(strings.ToLower(ref.ID), "/privatelink."+domain) &&
					(s.unlisted(ref.ID) || !s.subscriptions[subscriptionOf(ref.ID)]) {
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
