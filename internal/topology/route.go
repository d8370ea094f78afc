package topology

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// hop is where a route sends a packet.
type hop uint8

const (
	hopUnknown   hop = iota
	hopLocal         // within the network
	hopPeer          // to a peered network
	hopEndpoint      // a private endpoint's own route
	hopAppliance     // to a virtual appliance
	hopGateway       // to a virtual network gateway
	hopInternet
	hopService // a service endpoint
	hopNone    // dropped
)

// table is a compiled route table.
type table struct {
	of     *estate.RouteTable
	routes []route // longest prefix first
	set    Set     // what they cover
	dim    []*estate.Route
	quiet  tri  // whether routes learnt from gateways stay out
	steers bool // some route leads to an appliance or a gateway
}

type route struct {
	of     *estate.Route
	prefix netip.Prefix
	hop    hop
	next   netip.Addr
}

// table compiles a route table.
//
// https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview
func (c *compiler) table(r *estate.RouteTable) *table {
	if t := c.tables[r]; t != nil {
		return t
	}
	t := &table{of: r}
	c.tables[r] = t
	if quiet, ok := r.NoGatewayRoutes.Or(false); !ok || r.Doubt != 0 {
		t.quiet = maybe
	} else {
		t.quiet = triOf(quiet)
	}
	for _, x := range r.Routes {
		c.route(t, x)
	}
	slices.SortStableFunc(t.routes, func(a, b route) int { return b.prefix.Bits() - a.prefix.Bits() })
	if r.Doubt != 0 || r.Stub || c.t.e.Veiled(r.ID) {
		t.dim = append(t.dim, &estate.Route{Part: r.Part})
	}
	t.steers = t.steers || len(t.dim) > 0
	return t
}

func (c *compiler) route(t *table, x *estate.Route) {
	p, err := netip.ParsePrefix(x.Prefix.V)
	if x.Prefix.State == estate.Known && err != nil && x.Doubt == 0 {
		// A service tag: public addresses, which the routes to private ones do
		// not see, and for the internet the hop is unknown.
		t.dim = append(t.dim, x)
		return
	}
	if x.Prefix.State != estate.Known || x.Doubt != 0 {
		t.dim = append(t.dim, x)
		return
	}
	r := route{of: x, prefix: p.Masked()}
	r.hop, r.next = nextHop(x)
	t.routes = append(t.routes, r)
	t.set = t.set.Union(SetOf(PrefixRange(p)))
	if r.hop == hopAppliance || r.hop == hopGateway || r.hop == hopUnknown || r.hop == hopLocal {
		t.steers = true
	}
}

func nextHop(x *estate.Route) (hop, netip.Addr) {
	if x.NextHop.State != estate.Known {
		return hopUnknown, netip.Addr{}
	}
	switch strings.ToLower(x.NextHop.V) {
	case "virtualappliance":
		a, ok := address(x.NextAddress)
		if !ok {
			return hopUnknown, a
		}
		return hopAppliance, a
	case "vnetlocal":
		return hopLocal, netip.Addr{}
	case "internet":
		return hopInternet, netip.Addr{}
	case "virtualnetworkgateway":
		return hopGateway, netip.Addr{}
	case "none":
		return hopNone, netip.Addr{}
	}
	return hopUnknown, netip.Addr{}
}

// routed is the tag VirtualNetwork in a subnet with routes of its own.
func (c *compiler) routed(n *network, t *table) *tagSet {
	perhaps := n.tag.maybe
	for _, x := range t.dim {
		if x.Prefix.State != estate.Known || x.Doubt != 0 {
			perhaps = everything()
		}
	}
	if t.set.Empty() && len(t.dim) == 0 {
		return n.tag
	}
	return c.tagSet(n.tag.yes.Union(t.set), perhaps)
}

// path is the route that a packet takes out of a subnet.
type path struct {
	hop  hop
	own  *estate.Route // the user-defined route, if one decides
	edge *edge         // for hopPeer, and for an endpoint in a peered network
	mesh *mesh
	next netip.Addr
	via  serve // for hopGateway
	to   *network
	bits int  // length of the prefix
	dim  bool // another route may hold instead
	// longer is set where the route may be more specific than bits says.
	longer bool
}

// lookup finds the route from a subnet to a destination.
//
// https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview,
// section How Azure selects a route: the longest prefix; among equal ones
// user-defined before BGP before system; system routes of the network, its
// peerings and service endpoints before BGP even where that is more specific.
func (t *Topology) lookup(s *subnet, d dest) path {
	a := d.representative()
	own, bits := s.table.longest(a)
	if d.host != nil && d.host.endpoint != nil {
		if p, ok := t.toEndpoint(s, a, d.host, own, bits); ok {
			return p
		}
	}
	sys := t.system(s, a, d.network())
	p := own.over(sys, bits)
	p.dim = p.dim || s.shaky(a)
	if sys.unsure() {
		alt := own.over(t.learnt(s, a), bits)
		alt.dim = alt.dim || s.net.dim && d.sub == nil
		p.dim = p.dim || !p.stands(alt)
	}
	return p
}

// stands says whether the path answers for alt too, which holds where the
// peering that p goes over is not there: it is the same route, or none.
func (p path) stands(alt path) bool {
	if p.own != nil {
		return alt.own == p.own && !alt.dim
	}
	return alt.own == nil && alt.hop == hopNone && !alt.dim
}

// over is the choice between a user-defined route and another.
func (r *route) over(sys path, bits int) path {
	if r == nil || bits < sys.bits {
		return sys
	}
	return path{hop: r.hop, own: r.of, next: r.next, to: sys.to, edge: sys.edge, mesh: sys.mesh, via: sys.via, bits: bits, dim: sys.longer}
}

// unsure says whether the path is over something that may not be there.
func (p path) unsure() bool {
	return p.mesh != nil || p.edge != nil && p.edge.up == maybe
}

// shaky says whether an unknown route of the subnet's table may hold for a.
func (s *subnet) shaky(a netip.Addr) bool {
	if s.tableState == estate.Unknown {
		return true
	}
	if s.table == nil {
		return false
	}
	for _, x := range s.table.dim {
		if x.Prefix.State != estate.Known || x.Doubt != 0 || !a.IsValid() || isPublic(a) {
			return true
		}
	}
	return false
}

// longest is the most specific user-defined route to a.
func (t *table) longest(a netip.Addr) (*route, int) {
	if t == nil {
		return nil, -1
	}
	for i := range t.routes {
		r := &t.routes[i]
		if !a.IsValid() {
			if r.prefix.Bits() == 0 && r.prefix.Addr().Is4() {
				return r, 0
			}
			continue
		}
		if r.prefix.Contains(a) {
			return r, r.prefix.Bits()
		}
	}
	return nil, -1
}

// toEndpoint finds the route to a private endpoint: its own /32 route, unless
// a user-defined one beats it. ok is false where neither holds and ordinary
// routing decides.
//
// https://learn.microsoft.com/azure/private-link/private-endpoint-overview: the
// route stands in the endpoint's network and its peers.
// https://learn.microsoft.com/azure/private-link/disable-private-endpoint-network-policy:
// where the endpoint's subnet lets routes bind, a user-defined route at least
// as specific as the space of the endpoint's network takes its place; 0.0.0.0/0
// never does.
func (t *Topology) toEndpoint(s *subnet, a netip.Addr, to *host, own *route, bits int) (path, bool) {
	p := path{hop: hopEndpoint, to: to.sub.net, bits: a.BitLen(), dim: s.shaky(a)}
	if to.sub.net != s.net {
		p.edge, p.mesh = t.joined(s.net, to.sub.net)
		if p.edge == nil && p.mesh == nil || p.edge != nil && p.edge.up == no {
			return path{}, false
		}
	}
	if own == nil {
		p.dim = p.dim || p.unsure() && !p.stands(t.learnt(s, a))
		return p, true
	}
	if bits == a.BitLen() {
		p.hop, p.own, p.next = own.hop, own.of, own.next
		return p, true
	}
	least, known := to.sub.net.spaceBits(a)
	if to.sub.bindRoutes == yes && known && bits >= least {
		return path{}, false // ordinary routing decides; the own route takes part
	}
	p.dim = p.dim || p.unsure()
	if to.sub.bindRoutes == no || known && bits < least {
		return p, true
	}
	p.dim = true
	return p, true
}

// spaceBits is the length of the prefix of the network's space that holds a.
func (n *network) spaceBits(a netip.Addr) (bits int, known bool) {
	bits = -1
	for _, v := range n.of.Space.Items {
		p, err := netip.ParsePrefix(v.V)
		if v.State == estate.Known && err == nil && p.Contains(a) {
			bits = max(bits, p.Bits())
		}
	}
	return bits, bits >= 0 && !n.dim
}

// system finds the route that Azure makes by itself, or learns.
func (t *Topology) system(s *subnet, a netip.Addr, to *network) path {
	n := s.net
	if !a.IsValid() {
		return path{hop: hopInternet}
	}
	if bits, _ := n.spaceBits(a); bits >= 0 {
		return path{hop: hopLocal, to: n, bits: bits, longer: n.dim}
	}
	if n == to { // an address outside the space as far as that is known
		return path{hop: hopLocal, to: n, dim: true, longer: true}
	}
	best := path{bits: -1}
	for _, e := range n.near {
		if e.up == no {
			continue
		}
		m, r := e.other(n), e.routes[n]
		if bits := r.bits(a); bits > best.bits {
			best = path{hop: hopPeer, edge: e, to: m, bits: bits, longer: r.dim}
		} else if bits < 0 && r.dim && best.bits < 0 && (m == to || to == nil && !isPublic(a)) {
			best = path{hop: hopPeer, edge: e, to: m, dim: true, longer: true}
		}
	}
	if best.bits >= 0 {
		return best
	}
	if mesh, o := t.grouped(n, a, to); mesh != nil {
		bits, known := o.spaceBits(a)
		return path{hop: hopPeer, mesh: mesh, to: o, bits: max(bits, 0), longer: !known}
	}
	p := t.learnt(s, a)
	if p.hop != hopGateway && to != nil {
		for _, g := range to.gateways {
			for _, site := range g.sites {
				if site.far == n { // the other side of its tunnel was not read
					return path{hop: hopGateway, dim: true}
				}
			}
		}
	}
	// A network that was not read whole may hold the address.
	p.dim, p.longer = p.dim || n.dim, p.longer || n.dim
	return p
}

// learnt is the route that a gateway teaches, or else the system's own for
// what is in no network: to the internet, and nowhere for private addresses.
func (t *Topology) learnt(s *subnet, a netip.Addr) path {
	out := path{hop: hopInternet}
	if !isPublic(a) {
		out.hop = hopNone
	}
	quiet := no
	if s.table != nil {
		quiet = s.table.quiet
	}
	if quiet == yes {
		return out
	}
	for _, g := range s.net.serving() {
		for _, site := range g.gateway.sites {
			bits, dim := site.bits(a), quiet != no || g.up != yes
			if bits >= 0 && (out.hop != hopGateway || bits > out.bits || bits == out.bits && out.dim && !dim) {
				out = path{hop: hopGateway, via: g, bits: bits, dim: dim, longer: out.longer}
			}
			if site.dim { // BGP may teach a route of any length
				out.longer, out.dim = true, out.dim || out.hop != hopGateway
			}
		}
	}
	return out
}

// joined is the peering or the connected group between two networks.
func (t *Topology) joined(a, b *network) (*edge, *mesh) {
	e := a.edges[b]
	if e != nil && e.up != no {
		return e, nil
	}
	if m := t.meshed(a, b); m != nil {
		return nil, m
	}
	return e, nil
}

// grouped is a connected group that may lead from a network to an address: to
// a network that is given, or else to one whose space holds the address.
func (t *Topology) grouped(n *network, a netip.Addr, to *network) (*mesh, *network) {
	if to != nil {
		if to == n {
			return nil, nil
		}
		return t.meshed(n, to), to
	}
	for _, m := range n.mesh {
		for _, o := range m.members {
			if bits, _ := o.spaceBits(a); bits >= 0 {
				return m, o
			}
		}
	}
	return nil, nil
}

// meshed is a connected group that may hold both networks, or nil.
func (t *Topology) meshed(a, b *network) *mesh {
	for _, m := range t.meshes {
		if m.holds(a) && m.holds(b) {
			return m
		}
	}
	return nil
}

func (m *mesh) holds(n *network) bool { return m.open || slices.Contains(m.members, n) }
