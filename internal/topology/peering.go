package topology

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// edge is a peering of two networks, both sides of it.
type edge struct {
	a, b   *network
	pa, pb *estate.Peering // of a and of b; nil where there is none
	up     tri
	twice  bool                // one side has two peerings with the other, which Azure refuses
	shut   bool                // one side has virtual network access turned off
	routes map[*network]routed // what each side routes to the other
}

// routed is what a peering routes.
type routed struct {
	set      Set
	prefixes []netip.Prefix
	dim      bool // and perhaps more
}

// bits is the length of the most specific prefix that holds a, or -1.
func (r routed) bits(a netip.Addr) int {
	best := -1
	for _, p := range r.prefixes {
		if p.Contains(a) {
			best = max(best, p.Bits())
		}
	}
	return best
}

func (e *edge) other(n *network) *network {
	if e.a == n {
		return e.b
	}
	return e.a
}

// of is n's own side.
func (e *edge) of(n *network) *estate.Peering {
	if e.a == n {
		return e.pa
	}
	return e.pb
}

// mesh is a connected group of Virtual Network Manager.
type mesh struct {
	of      *estate.ConnectivityConfiguration
	members []*network
	open    bool // there may be more members
}

// peerings joins both sides of each peering.
func (c *compiler) peerings() {
	for _, n := range c.t.networks {
		for _, p := range n.of.Peerings {
			m := c.t.byVNet[p.Remote.To]
			if m == nil || m == n {
				n.unseen = append(n.unseen, p)
				continue
			}
			e := n.edges[m]
			if e == nil {
				e = &edge{a: n, b: m, routes: map[*network]routed{}}
				n.edges[m], m.edges[n] = e, e
				n.near, m.near = append(n.near, e), append(m.near, e)
			}
			mine := &e.pb
			if e.a == n {
				mine = &e.pa
			}
			e.twice = e.twice || *mine != nil
			*mine = p
		}
	}
	for _, n := range c.t.networks {
		for _, e := range n.near {
			if e.a == n {
				c.join(e)
			}
		}
	}
}

// join works out an edge. A peering carries traffic only while both sides are
// Connected.
//
// https://learn.microsoft.com/azure/virtual-network/virtual-network-manage-peering
func (c *compiler) join(e *edge) {
	e.up = c.connected(e.pa).and(c.connected(e.pb))
	if e.a.veiled || e.b.veiled || e.twice {
		e.up = e.up.and(maybe)
	}
	for _, p := range [...]*estate.Peering{e.pa, e.pb} {
		if p == nil {
			continue
		}
		if whole, ok := p.Complete.Or(true); !ok || !whole {
			e.up = e.up.and(maybe) // a peering of some subnets is not modelled
		}
		if access, ok := p.AllowAccess.Or(true); !ok || !access {
			e.shut = true
		}
	}
	e.routes[e.a] = remoteSpace(e.pa, e.b)
	e.routes[e.b] = remoteSpace(e.pb, e.a)
}

// connected says whether one side of a peering is. A side that is missing, or
// does not say, may be connected all the same: it may not have been read. A
// plan states no state; what it makes will be connected.
func (c *compiler) connected(p *estate.Peering) tri {
	switch {
	case p == nil || p.Doubt != 0 || p.State.State == estate.Unknown:
		return maybe
	case p.State.State == estate.Absent && c.t.e.Planned:
		return yes
	case p.State.State == estate.Absent:
		return maybe
	}
	return triOf(strings.EqualFold(p.State.V, "Connected"))
}

// remoteSpace is what a peering routes to the other side: the space as last
// synced, where the peering says, else the other network's own.
func remoteSpace(p *estate.Peering, to *network) routed {
	space, dim := to.of.Space, to.dim
	if p != nil && p.SyncedSpace.State != estate.Absent {
		space, dim = p.SyncedSpace, false
	}
	set, unclear := prefixes(space)
	r := routed{set: set, dim: dim || unclear}
	for _, v := range space.Items {
		if p, err := netip.ParsePrefix(v.V); v.State == estate.Known && err == nil {
			r.prefixes = append(r.prefixes, p)
		}
	}
	return r
}

// tag works out what VirtualNetwork means in a network, its subnets' own
// routes apart.
func (c *compiler) tag(n *network) {
	sure := slices.Clone(n.space)
	sure = append(sure, One(hostAddress())...)
	var perhaps []Range
	for _, e := range n.near {
		m := e.other(n)
		space := append(slices.Clone(m.space), e.routes[n].set...)
		switch e.up.and(accessible(e.of(n))) {
		case yes:
			sure = append(sure, space...)
		case maybe:
			perhaps = append(perhaps, space...)
		}
		if e.up != no && (m.dim || e.routes[n].dim) {
			perhaps = append(perhaps, everything()...)
		}
	}
	for _, p := range n.unseen {
		space, dim := prefixes(p.RemoteSpace)
		switch c.connected(p).and(accessible(p)) {
		case yes:
			sure = append(sure, space...)
		case maybe:
			perhaps = append(perhaps, space...)
		default:
			continue
		}
		if dim || p.RemoteSpace.State != estate.Known {
			perhaps = append(perhaps, everything()...)
		}
	}
	for _, g := range n.serving() {
		for _, s := range g.gateway.sites {
			if g.up == yes {
				sure = append(sure, s.set...)
			} else {
				perhaps = append(perhaps, s.set...)
			}
			if s.dim {
				perhaps = append(perhaps, everything()...)
			}
		}
	}
	if n.dim || len(n.mesh) > 0 {
		perhaps = append(perhaps, everything()...)
	}
	n.tag = c.tagSet(SetOf(sure...), SetOf(perhaps...))
}

// accessible says whether a side lets the tag VirtualNetwork span the peer.
//
// https://learn.microsoft.com/azure/virtual-network/virtual-network-manage-peering:
// turning access off takes the peer out of the tag; on is the default.
func accessible(p *estate.Peering) tri {
	if p == nil {
		return maybe
	}
	access, ok := p.AllowAccess.Or(true)
	if !ok {
		return maybe
	}
	return triOf(access)
}

func (c *compiler) tagSet(sure, perhaps Set) *tagSet {
	t := &tagSet{yes: sure, maybe: perhaps.Minus(sure)}
	t.public = coverage(sure, c.public)
	if t.public != yes && t.maybe.Meets(c.public) {
		t.public = maybe
	}
	return t
}
