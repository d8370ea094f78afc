package topology

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// end is one end of a packet: an address, or one of a set of addresses, and it
// is not known which. Without either it is one of the internet: the front of a
// service, or a client.
type end struct {
	addr netip.Addr
	in   Set
}

// scope is where a group stands, which decides what its tags mean.
type scope struct {
	net    *network
	tag    *tagSet
	public Set // the internet's addresses
}

// tagSet is what the tag VirtualNetwork means in a subnet.
//
// https://learn.microsoft.com/azure/virtual-network/service-tags-overview:
// the network's own space, all connected on-premises spaces, peered networks,
// networks behind its gateway, the host's address, and the prefixes of
// user-defined routes.
type tagSet struct {
	yes, maybe Set
	public     tri // whether the tag covers the internet's addresses
}

func (t *tagSet) has(e end) tri {
	switch {
	case e.in != nil:
		if in := coverage(t.yes, e.in); in != no {
			return in
		}
		return coverage(t.maybe, e.in).and(maybe)
	case !e.addr.IsValid():
		return t.public
	case t.yes.Has(e.addr):
		return yes
	case t.maybe.Has(e.addr):
		return maybe
	}
	return no
}

// matcher is one side of a rule: which addresses it means.
type matcher struct {
	any    bool
	set    Set  // prefixes, and tags whose prefixes are known
	vnet   bool // the tag VirtualNetwork
	inet   bool // the tag Internet
	groups []*appGroup
	dim    bool // some of it is unknown
	blank  bool // because a term itself is, not only a tag's prefixes
	// dns, imds and lkm are the tags that alone bind the platform's addresses.
	dns, imds, lkm bool
	public         tri // whether set covers the internet's addresses
}

// appGroup is the members of an application security group, by network.
type appGroup struct {
	by  map[*network]Set
	all Set  // members, and what may be one
	dim bool // some member's address is unknown
}

// has says whether the side means e, seen from s.
func (m *matcher) has(e end, s *scope) tri {
	if m.any {
		return yes
	}
	t := no
	switch {
	case e.addr.IsValid():
		if m.set.Has(e.addr) {
			return yes
		}
	case e.in != nil:
		t = coverage(m.set, e.in)
	default:
		t = m.public
	}
	if m.vnet {
		t = t.or(s.tag.has(e))
	}
	if m.inet {
		t = t.or(s.internet(e))
	}
	for _, g := range m.groups {
		t = t.or(g.has(e, s))
	}
	if m.dim {
		t = t.or(maybe)
	}
	return t
}

// internet says whether the tag Internet means e: the public addresses outside
// the tag VirtualNetwork. Whether it means a private address that is in no
// network known here is not documented.
func (s *scope) internet(e end) tri {
	switch s.tag.has(e) {
	case yes:
		return no
	case maybe:
		return maybe
	}
	if e.in == nil && (!e.addr.IsValid() || isPublic(e.addr)) {
		return yes
	}
	return maybe
}

// has: an application security group means its members' addresses in the
// network where the rule runs. All its members must be in one network
// (https://learn.microsoft.com/azure/virtual-network/application-security-groups),
// so whether a member elsewhere counts is left open.
func (g *appGroup) has(e end, s *scope) tri {
	switch {
	case e.in != nil:
		if g.dim {
			return maybe
		}
		return coverage(g.all, e.in).and(maybe).or(coverage(g.by[s.net], e.in))
	case !e.addr.IsValid():
		return no
	case g.by[s.net].Has(e.addr):
		return yes
	case g.dim || g.all.Has(e.addr):
		return maybe
	}
	return no
}

// split is has for all addresses of a set at once: those certainly meant and
// those perhaps meant.
func (m *matcher) split(of Set, s *scope) (sure, perhaps Set) {
	if m.any {
		return of, nil
	}
	sure = of.Intersect(m.set)
	if m.vnet {
		sure = sure.Union(of.Intersect(s.tag.yes))
		perhaps = perhaps.Union(of.Intersect(s.tag.maybe))
	}
	if m.inet {
		outside := of.Minus(s.tag.yes)
		known := outside.Minus(s.tag.maybe)
		in := known.Intersect(s.public)
		sure = sure.Union(in)
		perhaps = perhaps.Union(outside.Minus(in))
	}
	for _, g := range m.groups {
		sure = sure.Union(of.Intersect(g.by[s.net]))
		if g.dim {
			perhaps = of
		} else {
			perhaps = perhaps.Union(of.Intersect(g.all))
		}
	}
	if m.dim {
		perhaps = of
	}
	return sure, perhaps.Minus(sure)
}

// terms compiles one side of a rule. A term that is neither a prefix nor a tag
// whose prefixes are known makes the side dim, never empty.
func (c *compiler) terms(prefixes estate.List[string], groups estate.Refs[estate.AppGroup]) matcher {
	var m matcher
	var ranges []Range
	m.blank = prefixes.State == estate.Unknown || groups.State == estate.Unknown
	for _, p := range prefixes.Items {
		if p.State != estate.Known {
			m.blank = true
			continue
		}
		ranges = c.term(&m, ranges, p.V)
	}
	for _, g := range groups.Items {
		to, state := g.Get()
		if state != estate.Known {
			m.dim = true
			continue
		}
		if members := c.t.appGroups[to]; members != nil {
			m.groups = append(m.groups, members)
		}
	}
	if len(prefixes.Items) == 0 && len(groups.Items) == 0 {
		m.blank = true // a rule without a side is not a rule that Azure keeps
	}
	m.dim = m.dim || m.blank
	m.set = SetOf(ranges...)
	if m.any {
		m.set = nil
	}
	m.public = coverage(m.set, c.public)
	return m
}

func (c *compiler) term(m *matcher, ranges []Range, term string) []Range {
	if r, ok := parseTerm(term); ok {
		return append(ranges, r)
	}
	switch strings.ToLower(strings.TrimSpace(term)) {
	case "*", "any":
		m.any = true
		return ranges
	case "virtualnetwork", "virtual_network":
		m.vnet = true
		return ranges
	case "internet":
		m.inet = true
		return ranges
	case "azureplatformdns":
		m.dns = true
	case "azureplatformimds":
		m.imds = true
	case "azureplatformlkm":
		m.lkm = true
	case "azure_loadbalancer":
		term = "AzureLoadBalancer"
	}
	known, ok := c.t.e.Tags.Prefixes(term)
	m.dim = m.dim || !ok
	for _, p := range known {
		if r, ok := parseTerm(p); ok {
			ranges = append(ranges, r)
		} else {
			m.dim = true
		}
	}
	return ranges
}

// coverage says whether s holds all, some or none of the set of.
func coverage(s, of Set) tri {
	switch {
	case !s.Meets(of):
		return no
	case s.Contains(of):
		return yes
	}
	return maybe
}

// ports is a set of port numbers.
type ports struct {
	all    bool
	ranges [][2]uint16
	dim    bool
}

func (p *ports) has(n uint16) tri {
	if p.all {
		return yes
	}
	for _, r := range p.ranges {
		if r[0] <= n && n <= r[1] {
			return yes
		}
	}
	if p.dim {
		return maybe
	}
	return no
}

// some is has for a port that is not known, such as a client's own, which it
// may choose.
func (p *ports) some() tri {
	switch {
	case p.all:
		return yes
	case p.dim || len(p.ranges) > 0:
		return maybe
	}
	return no
}

func portsOf(l estate.List[string]) ports {
	p := ports{dim: l.State == estate.Unknown}
	for _, v := range l.Items {
		if v.State != estate.Known {
			p.dim = true
			continue
		}
		from, to, ok := parsePorts(v.V)
		switch {
		case !ok:
			p.dim = true
		case from <= 1 && to == 65535: // no packet has port 0
			p.all = true
		default:
			p.ranges = append(p.ranges, [2]uint16{from, to})
		}
	}
	if len(l.Items) == 0 {
		p.dim = true
	}
	return p
}

func parsePorts(s string) (from, to uint16, ok bool) {
	if s = strings.TrimSpace(s); s == "*" {
		return 0, 65535, true
	}
	a, b, isRange := strings.Cut(s, "-")
	if !isRange {
		b = a
	}
	x, err1 := strconv.ParseUint(strings.TrimSpace(a), 10, 16)
	y, err2 := strconv.ParseUint(strings.TrimSpace(b), 10, 16)
	return uint16(x), uint16(y), err1 == nil && err2 == nil && x <= y
}
