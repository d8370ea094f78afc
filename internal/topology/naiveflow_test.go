package topology_test

import (
	"net/netip"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// trip is how a packet travels: what may happen on the way, and what follows.
type trip struct {
	m      might
	direct bool
	guises []netip.Addr // an appliance's addresses, where it is known
	relay  bool         // an appliance has it, or may have it
}

// steers says whether a route leads to an appliance, as far as it can be read.
func steers(r *estate.Route) bool {
	return r != nil && (r.NextHop.State != estate.Known || r.NextHop.V == "VirtualAppliance")
}

// own is the user-defined route that holds for an address, and whether one
// that cannot be read may hold instead.
func (n *naive) own(s *estate.Subnet, a netip.Addr) (best *estate.Route, bits int, unsure bool) {
	table, state := s.Routes.Get()
	if state == estate.Unknown {
		return nil, -1, true
	}
	bits = -1
	if table == nil {
		return nil, -1, false
	}
	for _, r := range table.Routes {
		p, err := netip.ParsePrefix(r.Prefix.V)
		switch {
		case r.Prefix.State != estate.Known:
			unsure = true
		case err != nil: // a service tag
			unsure = unsure || !a.IsValid() || isInternet(a)
		case !a.IsValid() && p.Bits() == 0 && bits < 0, a.IsValid() && p.Contains(a) && p.Bits() > bits:
			best, bits = r, p.Bits()
		}
	}
	return best, bits, unsure
}

func spaceBits(v *estate.VirtualNetwork, a netip.Addr) int { return listBits(v.Space, a) }

// listBits is the length of the first prefix of a list that holds an address.
func listBits(l estate.List[string], a netip.Addr) int {
	for _, x := range l.Items {
		if p, err := netip.ParsePrefix(x.V); err == nil && p.Contains(a) {
			return p.Bits()
		}
	}
	return -1
}

// routed is the space that one network's peering leads to in another.
func (n *naive) routed(a, b *estate.VirtualNetwork) estate.List[string] {
	if p := n.mine(a, b); p != nil && p.SyncedSpace.State != estate.Absent {
		return p.SyncedSpace
	}
	return b.Space
}

// cross is what a peering or a connected group makes of a packet.
func (n *naive) cross(a, b *estate.VirtualNetwork) (m might, sure, exists bool) {
	up, shut, ok := n.peered(a, b)
	if (!ok || up == falsely) && n.meshed(a, b) {
		return mightBoth, false, true
	}
	switch {
	case !ok || up == falsely:
		return mightFail, true, false
	case up == perhaps:
		return mightBoth, false, true
	case shut:
		return mightBoth, true, true
	}
	return mightPass, true, true
}

// travel finds the way from a subnet to an address in a network.
func (n *naive) travel(s *estate.Subnet, v *estate.VirtualNetwork, pe *estate.PrivateEndpoint, to netip.Addr) trip {
	route, bits, unsure := n.own(s, to)
	unknown := trip{m: mightBoth, relay: unsure || steers(route)}
	m, sure, joined := mightPass, true, true
	if v != s.VNet {
		m, sure, joined = n.cross(s.VNet, v)
	}
	if pe != nil && joined {
		switch {
		case unsure:
			return unknown
		case route == nil && !sure && n.taught(s):
			return unknown
		case route == nil:
			return trip{m: m, direct: true}
		case bits == 32:
			return n.take(s, v, route)
		}
		policy, known := pe.Subnet.To.EndpointPolicies.Or("Disabled")
		switch {
		case known && (policy == "Enabled" || policy == "RouteTableEnabled") && bits >= spaceBits(v, to):
		case !sure:
			return unknown
		case known && policy != "Enabled" && policy != "RouteTableEnabled":
			return trip{m: m, direct: true}
		case bits < spaceBits(v, to):
			return trip{m: m, direct: true}
		case !known:
			return unknown
		}
	}
	system := -1 // the length of Azure's own route
	if s.VNet == v {
		system = spaceBits(v, to)
	} else if joined {
		routed := n.routed(s.VNet, v)
		if up, _, ok := n.peered(s.VNet, v); ok && up != falsely && n.inList(routed, to) == truly {
			system = listBits(routed, to)
		} else if n.meshed(s.VNet, v) {
			system, m, sure = max(spaceBits(v, to), 0), mightBoth, false
		}
	}
	taught := false // where no peering certainly leads there
	if system < 0 || !sure {
		taught = n.taught(s)
	}
	switch {
	case unsure || route != nil && bits < system && !sure || taught:
		return unknown
	case route != nil && bits >= system:
		return n.take(s, v, route)
	case system >= 0:
		return trip{m: m, direct: true}
	}
	return trip{m: mightFail}
}

// taught says whether a gateway may teach routes that nobody can read.
func (n *naive) taught(s *estate.Subnet) bool {
	if table, _ := s.Routes.Get(); table != nil && table.NoGatewayRoutes.Is(true) {
		return false
	}
	for _, t := range n.tunnels(s.VNet) {
		if t.conn.BGP.Is(true) {
			return true
		}
	}
	return false
}

// take follows a user-defined route into a network.
func (n *naive) take(s *estate.Subnet, v *estate.VirtualNetwork, r *estate.Route) trip {
	if r.NextHop.State != estate.Known {
		return trip{m: mightBoth, relay: true}
	}
	switch r.NextHop.V {
	case "None", "Internet":
		return trip{m: mightFail}
	case "VirtualNetworkGateway":
		return trip{m: mightBoth}
	case "VnetLocal":
		if v == s.VNet {
			return trip{m: mightPass, direct: true}
		}
		return trip{m: mightBoth}
	}
	t := n.appliance(s, r)
	t.relay = true
	return t
}

func (n *naive) appliance(s *estate.Subnet, r *estate.Route) trip {
	next, err := netip.ParseAddr(r.NextAddress.V)
	if r.NextAddress.State != estate.Known || err != nil {
		return trip{m: mightBoth}
	}
	for _, v := range n.e.VirtualNetworks {
		if v != s.VNet {
			if up, _, ok := n.peered(s.VNet, v); !ok || up != truly {
				continue
			}
		}
		if at, nic := n.where(v, next); nic != nil && at.VNet == v {
			if !nic.Forwarding.Is(true) {
				return trip{m: mightFail}
			}
			return trip{m: mightBoth, guises: []netip.Addr{next}}
		}
		for _, f := range n.e.Firewalls {
			if at := f.IPs[0].Subnet.To; at != nil && at.VNet == v && f.IPs[0].Address.V == next.String() {
				t := trip{m: mightBoth}
				for a := netip.MustParseAddr("10.0.0.0"); n.inList(at.Prefixes, a) == truly; a = a.Next() {
					t.guises = append(t.guises, a)
				}
				return t
			}
		}
	}
	return trip{m: mightBoth}
}

// arrive is the end of a trip.
func (n *naive) arrive(t trip, s *estate.Subnet, pe *estate.PrivateEndpoint, nic *estate.Interface, from, to netip.Addr, port int) might {
	if t.direct {
		return both(t.m, n.arrival(s, pe, nic, from, to, port))
	}
	if t.m != mightBoth || len(t.guises) == 0 {
		return t.m
	}
	for _, g := range append(t.guises, from) {
		if n.arrival(s, pe, nic, g, to, port) != mightFail {
			return mightBoth
		}
	}
	return mightFail
}

// status is whether an endpoint's connection is approved.
func status(pe *estate.PrivateEndpoint) might {
	s := pe.Links[0].Status
	switch {
	case s.State != estate.Known:
		return mightBoth
	case s.V == "Approved":
		return mightPass
	}
	return mightFail
}

// inside is the flow from an address in a network to one in a network.
func (n *naive) inside(v *estate.VirtualNetwork, from netip.Addr, w *estate.VirtualNetwork, to netip.Addr, port int) might {
	s, nic := n.where(v, from)
	if s == nil {
		return nobody(v)
	}
	d, dnic := n.where(w, to)
	pe := n.at(w, to)
	if pe != nil {
		d, dnic = pe.Subnet.To, nil
	}
	if n.at(v, from) != nil {
		nic = nil
	}
	out := n.filter(s, nic, false, from, to, port)
	if out == mightFail {
		return out
	}
	t := n.travel(s, w, pe, to)
	end := n.arrive(t, d, pe, dnic, from, to, port)
	if n.isFirewall(w, to) || pe == nil && dnic == nil && n.mayHide(d) {
		end = both(end, mightBoth) // where it goes from there is not modelled
	}
	return both(out, end)
}

func (n *naive) isFirewall(v *estate.VirtualNetwork, a netip.Addr) bool {
	for _, f := range n.e.Firewalls {
		if at := f.IPs[0].Subnet.To; at != nil && at.VNet == v && f.IPs[0].Address.V == a.String() {
			return true
		}
	}
	return false
}

// mayHide says whether a firewall may be at any address of a subnet.
func (n *naive) mayHide(s *estate.Subnet) bool {
	for _, f := range n.e.Firewalls {
		if f.IPs[0].Subnet.To == s && f.IPs[0].Address.State != estate.Known {
			return true
		}
	}
	return false
}

// nobody is an address that no subnet holds, for certain or not.
func nobody(v *estate.VirtualNetwork) might {
	for _, s := range v.Subnets {
		if !s.Prefixes.Complete() {
			return mightBoth
		}
	}
	return mightFail
}

// toEndpoint is the flow to a private endpoint.
func (n *naive) toEndpoint(v *estate.VirtualNetwork, from netip.Addr, pe *estate.PrivateEndpoint, port int) might {
	if status(pe) == mightFail {
		return mightFail
	}
	to := netip.MustParseAddr(pe.Names[0].Addresses.Items[0].V)
	return both(n.inside(v, from, pe.Subnet.To.VNet, to, port), status(pe))
}

// fromSite is the flow from an address on premises to a private endpoint.
func (n *naive) fromSite(site *estate.LocalGateway, from netip.Addr, pe *estate.PrivateEndpoint, port int) might {
	if status(pe) == mightFail {
		return mightFail
	}
	var conn *estate.Connection
	for _, c := range n.e.Connections {
		if c.Local.To == site {
			conn = c
			break
		}
	}
	out := mightPass
	if n.inList(site.Space, from) != truly {
		if !conn.BGP.Is(true) {
			return mightFail
		}
		out = mightBoth
	}
	to := netip.MustParseAddr(pe.Names[0].Addresses.Items[0].V)
	enters := mightFail
	for _, t := range n.tunnels(pe.Subnet.To.VNet) {
		if t.conn == conn {
			enters = mightPass
			if t.up != truly {
				enters = mightBoth
			}
		}
	}
	gate := conn.Gateway.To.IPs[0].Subnet.To
	t := n.travel(gate, pe.Subnet.To.VNet, pe, to)
	if enters == mightFail && t.relay {
		enters = mightBoth
	}
	if out = both(out, enters); out == mightFail {
		return out
	}
	return both(both(out, n.arrive(t, pe.Subnet.To, pe, nil, from, to, port)), status(pe))
}

// leaving is the flow from a network to an address that is in none.
func (n *naive) leaving(v *estate.VirtualNetwork, from, to netip.Addr, port int) might {
	s, nic := n.where(v, from)
	if s == nil {
		return nobody(v)
	}
	if n.at(v, from) != nil {
		nic = nil
	}
	out := n.filter(s, nic, false, from, to, port)
	if out == mightFail || isPlatform(to) {
		return out
	}
	m, plainly := n.exit(s, to)
	if out = both(out, m); !plainly || out == mightFail {
		return out
	}
	seen, m := n.egress(s, nic, from)
	if out = both(out, m); out == mightFail {
		return out
	}
	for _, x := range n.e.Interfaces {
		for _, ip := range x.IPs {
			if ip.PublicIP.To != nil && ip.PublicIP.To.Address.Is(to.String()) && ip.Address.State == estate.Known && ip.Subnet.To != nil {
				return both(out, n.fromInternet(x, ip, seen, port))
			}
		}
	}
	return out
}

// egress is the public address that a place is seen with, and whether it gets
// out at all.
func (n *naive) egress(s *estate.Subnet, nic *estate.Interface, from netip.Addr) (netip.Addr, might) {
	if nic != nil {
		for _, ip := range nic.IPs {
			if ip.Address.V == from.String() && ip.PublicIP.To != nil {
				return netip.MustParseAddr(ip.PublicIP.To.Address.V), mightPass
			}
		}
	}
	switch {
	case !s.DefaultOutbound.Is(false):
		return netip.Addr{}, mightPass
	case nic == nil:
		return netip.Addr{}, mightBoth
	}
	return netip.Addr{}, mightFail
}

// fromInternet is the flow from a public address, or from some one, to an
// interface's public address.
func (n *naive) fromInternet(x *estate.Interface, ip *estate.IPConfiguration, from netip.Addr, port int) might {
	s := ip.Subnet.To
	if x.Group.State == estate.Absent && s.Group.State == estate.Absent && ip.PublicIP.To.SKU.V != "Basic" {
		return mightFail
	}
	out := n.filter(s, x, true, from, netip.MustParseAddr(ip.Address.V), port)
	if m, plainly := n.exit(s, netip.Addr{}); m != mightPass || !plainly {
		out = both(out, mightBoth)
		if route, _, unsure := n.own(s, netip.Addr{}); !unsure && route != nil && route.NextHop.Is("Internet") {
			out = n.filter(s, x, true, from, netip.MustParseAddr(ip.Address.V), port)
		}
	}
	return out
}

// exit is the way out of all networks. plainly is set where that is Azure's own
// route to the internet.
func (n *naive) exit(s *estate.Subnet, to netip.Addr) (m might, plainly bool) {
	route, bits, unsure := n.own(s, to)
	internet := !to.IsValid() || isInternet(to)
	if to.IsValid() {
		if m, space, firm := n.empty(s, to); space >= 0 { // in a network, where no subnet holds it
			switch {
			case unsure || !firm && (route != nil && bits < space || n.taught(s)):
				return mightBoth, false
			case route != nil && bits >= space:
				return n.out(s, route, internet), false
			case internet && !firm:
				return mightBoth, false
			}
			return m, false
		}
	}
	learnt, sure := -1, false
	if table, _ := s.Routes.Get(); to.IsValid() && (table == nil || !table.NoGatewayRoutes.Is(true)) {
		for _, t := range n.tunnels(s.VNet) {
			if n.inList(t.conn.Local.To.Space, to) == truly {
				sure = sure || t.up == truly
				learnt = 24
			}
		}
	}
	taught := to.IsValid() && n.taught(s)
	switch {
	case unsure:
		return mightBoth, false
	case route != nil && bits >= learnt:
		if taught {
			return mightBoth, false
		}
		return n.out(s, route, internet), false
	case learnt >= 0:
		if !sure {
			return mightBoth, false
		}
		return mightPass, false
	case taught:
		return mightBoth, false
	case internet:
		return mightPass, true
	}
	return mightFail, false
}

// out follows a user-defined route out of all networks.
func (n *naive) out(s *estate.Subnet, r *estate.Route, internet bool) might {
	if r.NextHop.State != estate.Known {
		return mightBoth
	}
	switch r.NextHop.V {
	case "Internet":
		if internet {
			return mightPass
		}
		return mightFail
	case "None":
		return mightFail
	case "VirtualAppliance":
		return n.appliance(s, r).m
	}
	return mightBoth
}

// customer is who asks at an account's front.
type customer struct {
	addr    netip.Addr // the one public address that it comes from, if that is known
	subnet  *estate.Subnet
	vouched doubt
	vague   bool
}

func (n *naive) account(a *estate.Account, who customer) might {
	for _, p := range n.e.Perimeters {
		for _, x := range p.Associations {
			if !strings.EqualFold(x.Target.ID, a.ID) {
				continue
			}
			match := perhaps
			if profile := x.Profile.To; profile != nil && !profile.Stub {
				match = falsely
				for _, r := range profile.Rules {
					if r.Direction.V == "Inbound" {
						match = max(match, n.ipRule(r.Prefixes, who))
						if len(r.Subscriptions.Items) > 0 {
							match = max(match, perhaps)
						}
					}
				}
			}
			own, out := n.settings(a, who), might(0)
			enforced := x.Mode.State != estate.Known || x.Mode.V == "Enforced"
			learning := x.Mode.State != estate.Known || x.Mode.V != "Enforced"
			if match != falsely {
				out |= mightPass
			}
			if match != truly && enforced {
				out |= mightFail
			}
			if match != truly && learning {
				out |= own
			}
			return out
		}
	}
	return n.settings(a, who)
}

// settings is the account's own word.
func (n *naive) settings(a *estate.Account, who customer) might {
	access, known := a.PublicAccess.Or("Enabled")
	switch {
	case !known:
		return mightBoth
	case access != "Enabled":
		return mightFail
	}
	action, known := a.DefaultAction.Or("Allow")
	if a.DefaultAction.State == estate.Absent && (a.IPRules.State == estate.Unknown || len(a.IPRules.Items)+len(a.NetworkRules) > 0) {
		known = false
	}
	if known && action == "Allow" {
		return mightPass
	}
	admitted := n.ipRule(a.IPRules, who)
	for _, r := range a.NetworkRules {
		if who.vague {
			admitted = max(admitted, perhaps)
		} else if who.subnet != nil && strings.EqualFold(r.Subnet.ID, who.subnet.ID) {
			admitted = max(admitted, who.vouched)
		}
	}
	switch {
	case admitted == truly:
		return mightPass
	case admitted == falsely && known:
		return mightFail
	}
	return mightBoth
}

func (n *naive) ipRule(l estate.List[string], who customer) doubt {
	if who.vouched == truly {
		return falsely
	}
	out := falsely
	if who.addr.IsValid() {
		out = n.inList(l, who.addr)
	} else if len(l.Items) > 0 {
		out = perhaps
	}
	if who.vouched == perhaps {
		out = min(out, perhaps)
	}
	return out
}

// toAccount is the flow from a network to an account's public front.
func (n *naive) toAccount(v *estate.VirtualNetwork, from netip.Addr, a *estate.Account, port int) might {
	s, nic := n.where(v, from)
	if s == nil {
		return both(nobody(v), n.account(a, customer{vague: true}))
	}
	if n.at(v, from) != nil {
		nic = nil
	}
	out := n.filter(s, nic, false, from, netip.Addr{}, port)
	if out == mightFail {
		return out
	}
	who := customer{subnet: s}
	for _, x := range s.ServiceEndpoints.Items {
		switch {
		case x.Is("Microsoft.CognitiveServices"):
			who.vouched = truly
		case x.State != estate.Known:
			who.vouched = max(who.vouched, perhaps)
		}
	}
	switch who.vouched {
	case perhaps:
		out = both(out, mightBoth)
	case falsely:
		m, plainly := n.exit(s, netip.Addr{})
		out = both(out, m)
		if plainly {
			seen, m := n.egress(s, nic, from)
			who.addr, out = seen, both(out, m)
		}
	}
	if out == mightFail {
		return out
	}
	return both(out, n.account(a, who))
}

// empty says whether a network that the subnet routes to claims an address,
// what becomes of it there, and whether the subnet certainly routes there.
func (n *naive) empty(s *estate.Subnet, to netip.Addr) (m might, bits int, firm bool) {
	v, vague := s.VNet, false
	if b := spaceBits(v, to); b >= 0 {
		return nobody(v), b, true
	}
	for _, w := range n.e.VirtualNetworks {
		up, _, ok := n.peered(v, w)
		if w == v || !ok || up == falsely {
			continue
		}
		routed := n.routed(v, w)
		switch n.inList(routed, to) {
		case truly:
			return nobody(w), listBits(routed, to), up == truly
		case perhaps:
			vague = vague || !isInternet(to)
		}
	}
	if vague {
		return mightBoth, 33, false
	}
	for _, w := range n.e.VirtualNetworks {
		if b := spaceBits(w, to); w != v && b >= 0 && n.meshed(v, w) {
			return nobody(w), b, false
		}
	}
	return 0, -1, false
}
