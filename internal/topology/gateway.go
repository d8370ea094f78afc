package topology

import (
	"net/netip"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// gateway is a virtual network gateway and the sites behind it.
type gateway struct {
	of    *estate.Gateway
	net   *network
	sub   *subnet // the GatewaySubnet
	sites []*site
}

// site is a place beyond a gateway: a network on premises, the clients of a
// point-to-site VPN, or a network behind another gateway.
type site struct {
	gateway  *gateway
	name     string
	id       string
	at       estate.At
	set      Set
	space    estate.List[string]
	prefixes []netip.Prefix
	dim      bool // it may have more addresses: they come by BGP
	far      *network
}

// bits is the length of the site's most specific prefix that holds a, or -1.
func (s *site) bits(a netip.Addr) int {
	best := -1
	for _, p := range s.prefixes {
		if p.Contains(a) {
			best = max(best, p.Bits())
		}
	}
	return best
}

// serve is a gateway that a network uses: its own, or its peer's.
type serve struct {
	gateway *gateway
	up      tri
	edge    *edge // nil where it is the network's own
}

// gateways finds each gateway's network and sites.
//
// https://learn.microsoft.com/azure/vpn-gateway/vpn-gateway-about-vpngateways,
// https://learn.microsoft.com/azure/expressroute/expressroute-about-virtual-network-gateways
func (c *compiler) gateways() {
	of := map[*estate.Gateway]*gateway{}
	for _, g := range c.t.e.Gateways {
		at := c.gateway(g)
		if at == nil {
			continue
		}
		of[g] = at
		at.net.gateways = append(at.net.gateways, at)
		if !g.ClientSpace.Empty() {
			set, dim := prefixes(g.ClientSpace)
			c.site(g, &site{gateway: at, name: "VPN clients of " + g.Name, id: g.ID, at: g.ClientSpace.At, space: g.ClientSpace, set: set, dim: dim})
		}
	}
	for _, x := range c.t.e.Connections {
		at := of[x.Gateway.To]
		if at == nil {
			if x.Gateway.State == estate.Unknown { // any gateway's
				for _, g := range of {
					c.site(x, &site{gateway: g, name: x.Name, id: x.ID, at: x.At, dim: true})
				}
			}
			continue
		}
		bgp, known := x.BGP.Or(false)
		s := &site{gateway: at, name: x.Name, id: x.ID, at: x.At, dim: bgp || !known || x.Doubt != 0}
		switch local, state := x.Local.Get(); {
		case state == estate.Known:
			set, dim := prefixes(local.Space)
			s.name, s.space, s.set, s.dim = local.Name, local.Space, set, s.dim || dim
			c.site(local, s)
		case strings.EqualFold(x.Type.V, "Vnet2Vnet"):
			if far := of[x.Peer.To]; far != nil {
				s.far, s.space, s.set, s.dim = far.net, far.net.of.Space, far.net.space, s.dim || far.net.dim
			} else {
				s.dim = true
			}
		default: // ExpressRoute, or a site that was not read
			s.dim = true
		}
		c.site(x, s)
	}
}

// gateway finds a gateway's network. Where its subnet was not read, the
// subnet's id may still tell; where nothing does, any network may have it.
func (c *compiler) gateway(g *estate.Gateway) *gateway {
	stray := len(g.IPs) == 0
	for _, ip := range g.IPs {
		if s := c.t.bySubnet[ip.Subnet.To]; s != nil {
			return &gateway{of: g, net: s.net, sub: s}
		}
		if v, ok := c.t.e.Find(parentID(ip.Subnet.ID)).(*estate.VirtualNetwork); ok {
			n := c.t.byVNet[v]
			return &gateway{of: g, net: n, sub: &subnet{of: &estate.Subnet{Resource: g.Resource}, net: n, dim: true, tableState: estate.Unknown}}
		}
		stray = stray || ip.Subnet.State == estate.Unknown
	}
	if stray {
		for _, n := range c.t.networks {
			n.dim = true
		}
	}
	return nil
}

// parentID is the id of the resource that a child's id lies in.
func parentID(id string) string {
	for range 2 {
		id = id[:max(0, strings.LastIndexByte(id, '/'))]
	}
	return id
}

// site files a site under what it is called by.
func (c *compiler) site(key estate.Thing, s *site) {
	for _, v := range s.space.Items {
		if p, err := netip.ParsePrefix(v.V); v.State == estate.Known && err == nil {
			s.prefixes = append(s.prefixes, p)
		}
	}
	c.t.sites[key] = append(c.t.sites[key], s)
	for _, has := range s.gateway.sites {
		if has == s {
			return
		}
	}
	s.gateway.sites = append(s.gateway.sites, s)
}

// serving is the gateways that a network's traffic may take.
//
// https://learn.microsoft.com/azure/vpn-gateway/vpn-gateway-peering-gateway-transit:
// the spoke's side uses remote gateways, the hub's side allows transit.
func (n *network) serving() []serve {
	var out []serve
	for _, g := range n.gateways {
		out = append(out, serve{g, yes, nil})
	}
	for _, e := range n.near {
		hub := e.other(n)
		if len(hub.gateways) == 0 {
			continue
		}
		up := e.up.and(flag(e.of(n), func(p *estate.Peering) estate.Value[bool] { return p.UseRemoteGateway })).
			and(flag(e.of(hub), func(p *estate.Peering) estate.Value[bool] { return p.GatewayTransit }))
		if up == no {
			continue
		}
		for _, g := range hub.gateways {
			out = append(out, serve{g, up, e})
		}
	}
	return out
}

// flag reads a peering's setting that is off by default.
func flag(p *estate.Peering, of func(*estate.Peering) estate.Value[bool]) tri {
	if p == nil {
		return maybe
	}
	on, ok := of(p).Or(false)
	if !ok {
		return maybe
	}
	return triOf(on)
}
