package topology

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// names is what the estate says of names.
type names struct {
	t         *Topology
	servers   map[netip.Addr]Server
	inbound   map[*network]map[netip.Addr]*estate.InboundEndpoint
	firewalls map[*network]map[netip.Addr]*estate.Firewall
	views     map[*network][]view
	loose     []view // links of which it is not known to which network they lead
	rulesets  map[*network][]*estate.Ruleset
	looseSets []*estate.Ruleset
	kept      map[*estate.PrivateZone][]record
	front     map[string]front
}

// view is a private zone as a network sees it through a link.
type view struct {
	zone *estate.PrivateZone
	link *estate.ZoneLink
	sure bool
}

func newNames(t *Topology, cfg Config) *names {
	d := &names{
		t: t, servers: map[netip.Addr]Server{},
		inbound:   map[*network]map[netip.Addr]*estate.InboundEndpoint{},
		firewalls: map[*network]map[netip.Addr]*estate.Firewall{},
		views:     map[*network][]view{},
		rulesets:  map[*network][]*estate.Ruleset{},
		kept:      map[*estate.PrivateZone][]record{},
		front:     map[string]front{},
	}
	for _, s := range cfg.Servers {
		d.servers[s.Addr.Unmap()] = s
	}
	for _, r := range t.e.Resolvers {
		for _, in := range r.Inbound {
			for _, ip := range in.IPs {
				if a, ok := address(ip.Address); ok {
					place(d.inbound, t.byVNet[r.VNet.To], a, in)
				}
			}
		}
	}
	for _, f := range t.e.Firewalls {
		for _, ip := range f.IPs {
			if a, ok := address(ip.Address); ok && t.bySubnet[ip.Subnet.To] != nil {
				place(d.firewalls, t.bySubnet[ip.Subnet.To].net, a, f)
			}
		}
	}
	d.links()
	d.keep()
	d.fronts()
	return d
}

func place[T any](m map[*network]map[netip.Addr]T, n *network, a netip.Addr, x T) {
	if n == nil {
		return
	}
	if m[n] == nil {
		m[n] = map[netip.Addr]T{}
	}
	m[n][a] = x
}

// links files zones and rulesets under the networks they are linked to.
func (d *names) links() {
	for _, z := range d.t.e.PrivateZones {
		for _, l := range z.Links {
			state, ok := l.State.Or("Completed")
			v := view{z, l, ok && strings.EqualFold(state, "Completed") && l.Doubt == 0 && z.Doubt == 0}
			if n := d.t.byVNet[l.VNet.To]; n != nil {
				d.views[n] = append(d.views[n], v)
			} else if l.VNet.State == estate.Unknown {
				d.loose = append(d.loose, v)
			}
		}
	}
	for _, r := range d.t.e.Rulesets {
		for _, l := range r.Links {
			if n := d.t.byVNet[l.VNet.To]; n != nil {
				d.rulesets[n] = append(d.rulesets[n], r)
			} else if l.VNet.State == estate.Unknown {
				d.looseSets = append(d.looseSets, r)
			}
		}
	}
}

// canonical is a domain in lower case, without its final dot.
func canonical(domain string) string { return strings.ToLower(strings.TrimSuffix(domain, ".")) }

// under says whether a name is in a domain; every name is in "".
func under(name, domain string) bool {
	rest, ok := strings.CutSuffix(name, domain)
	return ok && (domain == "" || rest == "" || rest[len(rest)-1] == '.')
}

// zones are the private zones that answer for a name in a network: those of
// the longest matching name. More than one is a contradiction. sure is false
// where a link may be missing, or may not count.
func (d *names) zones(n *network, name string) (best []view, sure bool) {
	sure = true
	longest := -1
	take := func(v view, certain bool) {
		z := canonical(v.zone.Name)
		switch {
		case !under(name, z) || len(z) < longest:
		case len(z) > longest:
			best, longest, sure = []view{v}, len(z), certain
		default:
			best, sure = append(best, v), sure && certain
		}
	}
	for _, v := range d.views[n] {
		take(v, v.sure)
	}
	for _, v := range d.loose {
		take(v, false)
	}
	return best, sure
}

// rules are the enabled forwarding rules for a name in a network, the longest
// domain's. sure is false where a ruleset or a rule may not count.
func (d *names) rules(n *network, name string) (best []*estate.ForwardingRule, sure bool) {
	var vague []*estate.ForwardingRule // rules whose domain is unknown
	longest := -1
	take := func(r *estate.ForwardingRule, linked bool) {
		state, known := r.State.Or("Enabled")
		domain := canonical(r.Domain.V)
		switch {
		case r.Domain.State != estate.Known:
			vague = append(vague, r)
		case known && !strings.EqualFold(state, "Enabled"), !under(name, domain), len(domain) < longest:
		default:
			if len(domain) > longest {
				best, longest, sure = nil, len(domain), true
			}
			best, sure = append(best, r), sure && linked && known && r.Doubt == 0 && r.Ruleset.Doubt == 0
		}
	}
	for _, set := range d.rulesets[n] {
		for _, r := range set.Rules {
			take(r, true)
		}
	}
	for _, set := range d.looseSets {
		for _, r := range set.Rules {
			take(r, false)
		}
	}
	return append(best, vague...), sure && len(vague) == 0
}

// outbound is the network that a ruleset's questions leave from, nil where it
// is not one that is known.
func (d *names) outbound(r *estate.Ruleset) *network {
	var n *network
	for _, ref := range r.Outbound.Items {
		out, state := ref.Get()
		if state != estate.Known || out.Resolver == nil {
			return nil
		}
		at := d.t.byVNet[out.Resolver.VNet.To]
		if at == nil || n != nil && n != at {
			return nil
		}
		n = at
	}
	return n
}

// record is what a zone holds under a name.
type record struct {
	name   string // relative to the zone, @ for the zone itself
	addrs  estate.List[string]
	cname  estate.Value[string]
	dim    bool
	by     Answerer
	id     string
	at     estate.At
	exists bool // a record of another type: the name exists and has no address
}

// records are what a zone holds: its record sets, and what the zone groups of
// private endpoints keep there where the record sets were not read.
func (d *names) records(z *estate.PrivateZone, name string) []record {
	var out []record
	for _, s := range z.Records {
		if !strings.EqualFold(s.Name, name) {
			continue
		}
		r := record{name: name, dim: s.Doubt != 0, by: ByPrivateZone, id: s.ID, at: s.At}
		switch s.Kind {
		case "A":
			r.addrs = s.IPv4
		case "AAAA":
			if r.addrs = s.IPv6; s.IPv6.State == estate.Absent {
				r.addrs = s.IPv4 // as a plan states it
			}
		case "CNAME":
			r.cname = s.CName
		default:
			r.exists = true
		}
		out = append(out, r)
	}
	if len(out) > 0 {
		return out
	}
	for _, r := range d.kept[z] {
		if strings.EqualFold(r.name, name) {
			out = append(out, r)
		}
	}
	return out
}

// keep collects the records that zone groups keep.
//
// https://learn.microsoft.com/azure/private-link/private-endpoint-dns-integration
func (d *names) keep() {
	for _, p := range d.t.e.PrivateEndpoints {
		for _, g := range p.ZoneGroups {
			for _, c := range g.Configs {
				for _, r := range c.Records {
					if c.Zone.To != nil && r.Record.State == estate.Known && strings.EqualFold(r.Type.V, "A") {
						d.kept[c.Zone.To] = append(d.kept[c.Zone.To], record{name: r.Record.V, addrs: r.Addresses, by: ByZoneGroup, id: g.ID, at: r.At})
					}
				}
			}
			if d.t.e.Planned {
				d.planned(p, g)
			}
		}
	}
}

// planned are the records that a planned zone group will keep: the target's
// name in each zone made for one of its suffixes, at the endpoint's address.
func (d *names) planned(p *estate.PrivateEndpoint, g *estate.ZoneGroup) {
	e := d.t.endpoints[p]
	for _, ref := range g.Zones.Items {
		if ref.To == nil {
			continue
		}
		for _, l := range e.links {
			a, ok := l.link.Target.To.(*estate.Account)
			if !ok {
				continue
			}
			for _, host := range hostsOf(a) {
				label, suffix, _ := strings.Cut(host, ".")
				if canonical(ref.To.Name) != "privatelink."+suffix {
					continue
				}
				r := record{name: label, by: ByZoneGroup, id: g.ID, at: g.At, dim: e.dim}
				for _, addr := range e.addrs {
					r.addrs.Items = append(r.addrs.Items, estate.Value[string]{V: addr.String(), Mark: estate.Mark{State: estate.Known, At: g.At}})
				}
				d.kept[ref.To] = append(d.kept[ref.To], r)
			}
		}
	}
}

// whole says whether all records of a zone were read. Azure's count includes
// the SOA record that every zone has; a zone of which no record at all was
// read was not read.
func (d *names) whole(z *estate.PrivateZone) bool {
	if z.Stub || z.Doubt != 0 || z.Count.State == estate.Unknown && !d.t.e.Planned || d.t.e.Missing(z.ID) != nil || d.t.e.Missing(z.ID+"/all") != nil {
		return false
	}
	if d.t.e.Planned && !z.Partial {
		return true
	}
	if z.Count.State == estate.Known {
		soa := slices.ContainsFunc(z.Records, func(s *estate.RecordSet) bool { return s.Kind == "SOA" })
		need := z.Count.V
		if !soa {
			need--
		}
		return len(z.Records) >= need
	}
	return len(z.Records) > 0
}

// zone answers from a private zone. A name that the zone does not hold is
// NXDOMAIN, and public DNS is not asked, unless the link says NxDomainRedirect.
//
// https://learn.microsoft.com/azure/dns/private-dns-privatednszone,
// https://learn.microsoft.com/azure/dns/private-dns-fallback
func (a *asker) zone(n *network, v view, name string) Answer {
	rel := strings.TrimSuffix(strings.TrimSuffix(name, canonical(v.zone.Name)), ".")
	if rel == "" {
		rel = "@"
	}
	found := a.t.dns.records(v.zone, rel)
	for probe := rel; len(found) == 0 && probe != "@"; {
		_, parent, more := strings.Cut(probe, ".")
		if !more {
			found = a.t.dns.records(v.zone, "*")
			break
		}
		probe = parent
		found = a.t.dns.records(v.zone, "*."+probe)
	}
	l := Link{Name: name, By: ByPrivateZone, ID: v.zone.ID, Via: v.link.ID, At: v.link.At}
	if len(found) > 0 {
		return a.record(n, v, found, l)
	}
	if !a.t.dns.whole(v.zone) {
		return a.done(Unresolved, l)
	}
	policy, ok := v.link.Policy.Or("Default")
	l.Type = "NXDOMAIN"
	switch {
	case !ok:
		return a.done(Unresolved, l)
	case strings.EqualFold(policy, "NxDomainRedirect"):
		l.At = v.link.Policy.At
		a.chain = append(a.chain, l)
		return a.public(name, ByFallback)
	}
	return a.done(NXDomain, l)
}

// record answers from what a zone holds under a name.
func (a *asker) record(n *network, v view, found []record, l Link) Answer {
	var addrs []netip.Addr
	for _, r := range found {
		l.By, l.ID, l.At = r.by, r.id, r.at
		if r.cname.State == estate.Known {
			l.Type, l.Value = "CNAME", canonical(r.cname.V)
			a.chain = append(a.chain, l)
			return a.azure(n, l.Value)
		}
		if r.dim || r.cname.State == estate.Unknown || !r.addrs.Complete() {
			return a.done(Unresolved, l)
		}
		for _, item := range r.addrs.Items {
			ip, ok := address(item)
			if !ok {
				return a.done(Unresolved, l)
			}
			l.Type, l.Value = "A", ip.String()
			if ip.Is6() {
				l.Type = "AAAA"
			}
			a.chain = append(a.chain, l)
			addrs = append(addrs, ip)
		}
	}
	if len(addrs) == 0 {
		l.Type, l.Value = "NODATA", ""
		return a.done(NoData, l)
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return Answer{Result: Addresses, Addrs: addrs, Chain: a.chain}
}
