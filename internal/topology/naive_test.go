package topology_test

import (
	"net/netip"
	"sort"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// naive is a second evaluator, written apart from the engine and simply: it
// walks the estate's structs for every packet, one rule after the other, and
// keeps the set of answers that are possible. It shares nothing with the
// engine but the estate's types.
type naive struct {
	e      *estate.Estate
	parsed map[string][2]netip.Addr
}

// might is a set of possible answers.
type might uint8

const (
	mightPass might = 1
	mightFail might = 2
	mightBoth       = mightPass | mightFail
)

// both is what is possible after two checks in a row.
func both(a, b might) might {
	out := (a | b) & mightFail
	return out | a&b&mightPass
}

func (m might) verdict() topology.Verdict {
	switch m {
	case mightPass:
		return topology.Allowed
	case mightFail:
		return topology.Denied
	}
	return topology.Unknown
}

// doubt is a truth value of three.
type doubt int

const (
	falsely doubt = iota
	perhaps
	truly
)

func when(b bool) doubt {
	if b {
		return truly
	}
	return falsely
}

// contains says whether a prefix, address or range holds an address; ok is
// false where the text is none of them.
func (n *naive) contains(text string, a netip.Addr) (in, ok bool) {
	ends, seen := n.parsed[text]
	if !seen {
		ends = parseEnds(text)
		n.parsed[text] = ends
	}
	if !ends[0].IsValid() {
		return false, false
	}
	return ends[0].BitLen() == a.BitLen() && ends[0].Compare(a) <= 0 && a.Compare(ends[1]) <= 0, true
}

func parseEnds(text string) [2]netip.Addr {
	if p, err := netip.ParsePrefix(text); err == nil {
		last := p.Masked().Addr()
		for bit := p.Bits(); bit < last.BitLen(); bit++ {
			b := last.AsSlice()
			b[bit/8] |= 0x80 >> (bit % 8)
			last, _ = netip.AddrFromSlice(b)
		}
		return [2]netip.Addr{p.Masked().Addr(), last}
	}
	if a, err := netip.ParseAddr(text); err == nil {
		return [2]netip.Addr{a, a}
	}
	return [2]netip.Addr{}
}

func isInternet(a netip.Addr) bool {
	return !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsMulticast() && !netip.MustParsePrefix("100.64.0.0/10").Contains(a) && a != addr("168.63.129.16")
}

func (n *naive) inList(l estate.List[string], a netip.Addr) doubt {
	out := falsely
	if l.State == estate.Unknown {
		out = perhaps
	}
	for _, v := range l.Items {
		if v.State != estate.Known {
			out = max(out, perhaps)
			continue
		}
		switch in, ok := n.contains(v.V, a); {
		case in:
			return truly
		case !ok:
			out = max(out, perhaps)
		}
	}
	return out
}

// where finds a network's subnet and interface for an address.
func (n *naive) where(v *estate.VirtualNetwork, a netip.Addr) (*estate.Subnet, *estate.Interface) {
	for _, nic := range n.e.Interfaces {
		for _, ip := range nic.IPs {
			if s := ip.Subnet.To; s != nil && s.VNet == v && ip.Address.Is(a.String()) {
				return s, nic
			}
		}
	}
	for _, pe := range n.e.PrivateEndpoints {
		if s := pe.Subnet.To; s != nil && s.VNet == v && pe.Names[0].Addresses.Has(a.String()) {
			return s, nil
		}
	}
	for _, f := range n.e.Firewalls {
		if s := f.IPs[0].Subnet.To; s != nil && s.VNet == v && f.IPs[0].Address.Is(a.String()) {
			return s, nil
		}
	}
	for _, s := range v.Subnets {
		if n.inList(s.Prefixes, a) == truly {
			return s, nil
		}
	}
	return nil, nil
}

func (n *naive) other(p *estate.Peering) *estate.Peering {
	if p.Remote.To == nil {
		return nil
	}
	for _, q := range p.Remote.To.Peerings {
		if q.Remote.To == p.VNet {
			return q
		}
	}
	return nil
}

func side(p *estate.Peering) doubt {
	if p == nil || p.State.State != estate.Known {
		return perhaps
	}
	return when(strings.EqualFold(p.State.V, "Connected"))
}

// peered says how two networks are joined: whether a peering carries traffic,
// whether access is turned off, and whether there is a peering at all.
func (n *naive) peered(a, b *estate.VirtualNetwork) (up doubt, shut, exists bool) {
	up = truly
	var sides []*estate.Peering
	for _, p := range a.Peerings {
		if p.Remote.To == b {
			sides = append(sides, p, n.other(p))
		}
	}
	if len(sides) == 0 {
		for _, p := range b.Peerings {
			if p.Remote.To == a {
				sides = append(sides, p, nil)
			}
		}
	}
	if len(sides) == 0 {
		return falsely, false, false
	}
	for _, p := range sides {
		up = min(up, side(p))
		if p == nil {
			continue
		}
		if p.Complete.Is(false) || p.Complete.State == estate.Unknown {
			up = min(up, perhaps)
		}
		if p.AllowAccess.Is(false) || p.AllowAccess.State == estate.Unknown {
			shut = true
		}
	}
	return up, shut, true
}

func (n *naive) mine(a, b *estate.VirtualNetwork) *estate.Peering {
	for _, p := range a.Peerings {
		if p.Remote.To == b {
			return p
		}
	}
	return nil
}

// meshed says whether a connected group may join two networks.
func (n *naive) meshed(a, b *estate.VirtualNetwork) bool {
	for _, c := range n.e.ConnectivityConfigurations {
		open := false
		var in [2]bool
		for _, g := range c.AppliesTo.Items {
			for k, v := range []*estate.VirtualNetwork{a, b} {
				in[k] = in[k] || n.member(g.To, v) == truly
			}
			for _, v := range n.e.VirtualNetworks {
				open = open || n.member(g.To, v) == perhaps
			}
		}
		if open || in[0] && in[1] {
			return true
		}
	}
	return false
}

func (n *naive) anyMesh(v *estate.VirtualNetwork) bool { return n.meshed(v, v) }

func (n *naive) member(g *estate.NetworkGroup, v *estate.VirtualNetwork) doubt {
	if g == nil {
		return perhaps
	}
	for _, m := range g.Members {
		if strings.EqualFold(m.Member.ID, v.ID) {
			return truly
		}
	}
	if g.Effective.State != estate.Known {
		return perhaps
	}
	for _, m := range g.Effective.Items {
		if strings.EqualFold(m.ID, v.ID) {
			return truly
		}
	}
	return falsely
}

// tunnel is a gateway that a network may use and a connection of it.
type tunnel struct {
	up   doubt
	conn *estate.Connection
}

func (n *naive) tunnels(v *estate.VirtualNetwork) []tunnel {
	var out []tunnel
	for _, c := range n.e.Connections {
		g := c.Gateway.To
		if g == nil || g.IPs[0].Subnet.To == nil {
			continue
		}
		hub := g.IPs[0].Subnet.To.VNet
		if hub == v {
			out = append(out, tunnel{truly, c})
			continue
		}
		up, _, ok := n.peered(v, hub)
		if !ok {
			continue
		}
		use, give := perhaps, perhaps
		if p := n.mine(v, hub); p != nil {
			use = when(p.UseRemoteGateway.Is(true))
		}
		if p := n.mine(hub, v); p != nil {
			give = when(p.GatewayTransit.Is(true))
		}
		if up = min(up, use, give); up != falsely {
			out = append(out, tunnel{up, c})
		}
	}
	return out
}

// inTag says whether the tag VirtualNetwork means an address in a subnet.
func (n *naive) inTag(s *estate.Subnet, a netip.Addr) doubt {
	v := s.VNet
	out := max(n.inList(v.Space, a), when(a == addr("168.63.129.16")))
	for _, m := range n.e.VirtualNetworks {
		up, _, ok := n.peered(v, m)
		if m == v || !ok {
			continue
		}
		space := n.inList(m.Space, a)
		own := n.mine(v, m)
		access := perhaps
		if own != nil {
			space = max(space, n.inList(own.SyncedSpace, a))
			access = when(!own.AllowAccess.Is(false))
			if own.AllowAccess.State == estate.Unknown {
				access = perhaps
			}
		}
		out = max(out, min(space, up, access))
	}
	for _, p := range v.Peerings {
		if p.Remote.To == nil || p.Remote.To == v {
			access := when(!p.AllowAccess.Is(false))
			out = max(out, min(n.inList(p.RemoteSpace, a), side(p), access))
		}
	}
	for _, t := range n.tunnels(v) {
		out = max(out, min(t.up, n.inList(t.conn.Local.To.Space, a)))
		if t.conn.BGP.Is(true) {
			out = max(out, perhaps)
		}
	}
	if n.anyMesh(v) {
		out = max(out, perhaps)
	}
	if table, state := s.Routes.Get(); state == estate.Unknown {
		out = max(out, perhaps)
	} else if table != nil {
		for _, r := range table.Routes {
			if r.Prefix.State != estate.Known {
				out = max(out, perhaps)
			} else if in, _ := n.contains(r.Prefix.V, a); in {
				out = truly
			}
		}
	}
	return out
}

// means says whether one side of a rule means an address. An invalid address
// is some address of the internet.
func (n *naive) means(s *estate.Subnet, prefixes estate.List[string], groups estate.Refs[estate.AppGroup], a netip.Addr) doubt {
	out := falsely
	if prefixes.State == estate.Unknown || len(prefixes.Items)+len(groups.Items) == 0 {
		out = perhaps
	}
	for _, p := range prefixes.Items {
		if p.State != estate.Known {
			out = max(out, perhaps)
			continue
		}
		out = max(out, n.term(s, p.V, a))
	}
	for _, g := range groups.Items {
		if g.To == nil {
			out = max(out, perhaps)
			continue
		}
		out = max(out, n.inGroup(s, g.To, a))
	}
	return out
}

func (n *naive) term(s *estate.Subnet, term string, a netip.Addr) doubt {
	switch term {
	case "*":
		return truly
	case "VirtualNetwork":
		if !a.IsValid() {
			return n.someInTag(s)
		}
		return n.inTag(s, a)
	case "Internet":
		if !a.IsValid() {
			return truly - n.someInTag(s)
		}
		switch tag := n.inTag(s, a); {
		case tag != falsely:
			return truly - tag
		case isInternet(a):
			return truly
		}
		return perhaps
	case "AzureLoadBalancer":
		return when(a == addr("168.63.129.16"))
	case "AzurePlatformIMDS":
		return when(a == addr("169.254.169.254"))
	case "SomeTag.West", "AzurePlatformDNS":
		return perhaps
	}
	if !a.IsValid() {
		return someIn(term)
	}
	in, ok := n.contains(term, a)
	if !ok {
		return perhaps
	}
	return when(in)
}

// someIn says whether some unknown address of the internet is in a prefix, of
// those that the random estates use.
func someIn(prefix string) doubt {
	switch prefix {
	case "0.0.0.0/0":
		return perhaps // not the addresses of version 6
	case "20.0.0.0/8":
		return perhaps
	}
	return falsely
}

func (n *naive) someInTag(s *estate.Subnet) doubt {
	out := falsely
	for _, t := range n.tunnels(s.VNet) {
		if t.conn.BGP.Is(true) {
			out = perhaps
		}
	}
	if n.anyMesh(s.VNet) {
		out = perhaps
	}
	if table, state := s.Routes.Get(); state == estate.Unknown {
		out = perhaps
	} else if table != nil {
		for _, r := range table.Routes {
			if r.Prefix.State != estate.Known {
				out = perhaps
			} else {
				out = max(out, someIn(r.Prefix.V))
			}
		}
	}
	return out
}

func (n *naive) inGroup(s *estate.Subnet, g *estate.AppGroup, a netip.Addr) doubt {
	out := falsely
	if !a.IsValid() {
		return falsely
	}
	for _, nic := range n.e.Interfaces {
		for _, ip := range nic.IPs {
			for _, r := range ip.Groups.Items {
				if r.To != g {
					continue
				}
				switch {
				case ip.Address.State != estate.Known:
					out = max(out, perhaps)
				case ip.Address.V == a.String() && ip.Subnet.To != nil:
					out = max(out, perhaps)
					if ip.Subnet.To.VNet == s.VNet {
						return truly
					}
				}
			}
		}
	}
	for _, pe := range n.e.PrivateEndpoints {
		for _, r := range pe.Groups.Items {
			if r.To == g && pe.Names[0].Addresses.Has(a.String()) {
				out = max(out, perhaps)
				if pe.Subnet.To.VNet == s.VNet {
					return truly
				}
			}
		}
	}
	return out
}

func hasPort(l estate.List[string], port int) doubt {
	out := falsely
	for _, v := range l.Items {
		from, to, isRange := strings.Cut(v.V, "-")
		switch {
		case v.State != estate.Known:
			out = max(out, perhaps)
		case v.V == "*":
			return truly
		case !isRange && from == strconv.Itoa(port):
			return truly
		case isRange:
			a, _ := strconv.Atoi(from)
			b, _ := strconv.Atoi(to)
			if a <= port && port <= b {
				return truly
			}
		}
	}
	return out
}

// anySource says whether a rule's source ports leave the client a choice.
func anySource(l estate.List[string]) doubt {
	if l.Items[0].Is("*") || l.Items[0].Is("0-65535") {
		return truly
	}
	return perhaps
}

func isPlatform(a netip.Addr) bool {
	return a == addr("168.63.129.16") || a == addr("169.254.169.254")
}

// line is a rule of either kind, as the naive evaluator sees it.
type line struct {
	priority int
	match    doubt
	acts     []string
	sure     bool
}

// run takes the lines in order and collects what may be done.
func run(lines []line) map[string]bool {
	out := map[string]bool{}
	sort.SliceStable(lines, func(i, k int) bool { return lines[i].priority < lines[k].priority })
	for i, l := range lines {
		if l.match == falsely {
			continue
		}
		for _, a := range l.acts {
			out[a] = true
		}
		if l.match == truly && l.sure {
			for _, o := range lines[i+1:] {
				if o.priority == l.priority && o.match != falsely {
					for _, a := range o.acts {
						out[a] = true
					}
				}
			}
			return out
		}
	}
	out["Allow"] = true
	return out
}

func proto(v estate.Value[string]) doubt {
	switch strings.ToLower(v.V) {
	case "*", "any", "tcp":
		return truly
	}
	return falsely
}

func (n *naive) groupLines(g *estate.Group, s *estate.Subnet, inbound bool, from, to netip.Addr, port int) []line {
	var lines []line
	for _, r := range g.Rules {
		want := "Outbound"
		if inbound {
			want = "Inbound"
		}
		if r.Direction.State == estate.Known && r.Direction.V != want {
			continue
		}
		l := line{priority: r.Priority.V, sure: r.Direction.State == estate.Known && r.Priority.State == estate.Known, acts: []string{r.Access.V}}
		if !l.sure {
			l.priority = -1
		}
		if r.Access.State != estate.Known {
			l.acts = []string{"Allow", "Deny"}
		}
		dst := n.means(s, r.Destinations, r.DestinationGroups, to)
		if isPlatform(to) {
			dst = falsely
			if len(r.Destinations.Items)+len(r.DestinationGroups.Items) == 0 {
				dst = perhaps
			}
			for _, g := range r.DestinationGroups.Items {
				if g.State != estate.Known {
					dst = perhaps
				}
			}
			for _, p := range r.Destinations.Items {
				if p.State != estate.Known {
					dst = perhaps
				}
				if p.Is("AzurePlatformDNS") && to == addr("168.63.129.16") || p.Is("AzurePlatformIMDS") && to == addr("169.254.169.254") {
					dst = truly
				}
			}
		}
		l.match = min(proto(r.Protocol), hasPort(r.DestinationPorts, port), anySource(r.SourcePorts), dst, n.means(s, r.Sources, r.SourceGroups, from))
		lines = append(lines, l)
	}
	tag := func(a netip.Addr) doubt { return n.term(s, "VirtualNetwork", a) }
	free := when(!isPlatform(to))
	last := func(priority int, act string, match doubt) line {
		return line{priority: priority, sure: true, acts: []string{act}, match: min(match, free)}
	}
	if inbound {
		return append(lines, last(65000, "Allow", min(tag(from), tag(to))), last(65001, "Allow", n.term(s, "AzureLoadBalancer", from)), last(65500, "Deny", truly))
	}
	return append(lines, last(65000, "Allow", min(tag(from), tag(to))), last(65001, "Allow", n.term(s, "Internet", to)), last(65500, "Deny", truly))
}

func (n *naive) group(r estate.Ref[estate.Group], s *estate.Subnet, inbound bool, from, to netip.Addr, port int) might {
	g, state := r.Get()
	switch state {
	case estate.Absent:
		return mightPass
	case estate.Unknown:
		return mightBoth
	}
	out := might(0)
	for act := range run(n.groupLines(g, s, inbound, from, to, port)) {
		if act == "Allow" {
			out |= mightPass
		} else {
			out |= mightFail
		}
	}
	return out
}

// admin is what security admin rules may do to a packet.
func (n *naive) admin(s *estate.Subnet, inbound bool, from, to netip.Addr, port int) map[string]bool {
	var lines []line
	if strings.HasPrefix(s.Name, "AzureFirewallSubnet") && s.Name == "AzureFirewallSubnet" || s.Name == "GatewaySubnet" {
		return map[string]bool{"Allow": true}
	}
	for _, c := range n.e.AdminConfigurations {
		deployed := perhaps
		if c.Manager.Deployed.State == estate.Known {
			deployed = falsely
			for _, d := range c.Manager.Deployments {
				if d.Region.V == s.VNet.Location.V {
					deployed = truly
					if d.Status.V != "Deployed" {
						deployed = perhaps
					}
				}
			}
		}
		for _, col := range c.Collections {
			applies := min(deployed, n.member(col.AppliesTo.Items[0].To, s.VNet))
			for _, r := range col.Rules {
				if (r.Direction.V == "Inbound") != inbound || applies == falsely {
					continue
				}
				l := line{priority: r.Priority.V, sure: applies == truly, acts: []string{r.Access.V}}
				if r.Access.State != estate.Known {
					l.acts = []string{"Allow", "Deny", "AlwaysAllow"}
				}
				dst := truly
				if len(r.Destinations.Items) > 0 {
					dst = n.means(s, r.Destinations, estate.Refs[estate.AppGroup]{}, to)
				}
				if isPlatform(to) {
					dst = falsely
				}
				l.match = min(proto(r.Protocol), hasPort(r.DestinationPorts, port), anySource(r.SourcePorts), dst, n.means(s, r.Sources, estate.Refs[estate.AppGroup]{}, from))
				lines = append(lines, l)
			}
		}
	}
	return run(lines)
}

// filter is everything that filters at one end.
func (n *naive) filter(s *estate.Subnet, nic *estate.Interface, inbound bool, from, to netip.Addr, port int) might {
	groups := n.group(s.Group, s, inbound, from, to, port)
	here := from
	if inbound {
		here = to
	}
	switch {
	case nic != nil:
		groups = both(groups, n.group(nic.Group, s, inbound, from, to, port))
	case n.at(s.VNet, here) == nil && !n.isFirewall(s.VNet, here):
		for _, x := range n.e.Interfaces { // one whose address is unknown may be here
			for _, ip := range x.IPs {
				if _, err := netip.ParseAddr(ip.Address.V); err != nil && ip.Subnet.To == s && n.group(x.Group, s, inbound, from, to, port) != mightPass {
					groups = both(groups, mightBoth)
				}
			}
		}
	}
	out := might(0)
	for act := range n.admin(s, inbound, from, to, port) {
		switch act {
		case "Deny":
			out |= mightFail
		case "AlwaysAllow":
			out |= mightPass
		default:
			out |= groups
		}
	}
	return out
}

// at is the private endpoint that has an address in a network.
func (n *naive) at(v *estate.VirtualNetwork, a netip.Addr) *estate.PrivateEndpoint {
	for _, pe := range n.e.PrivateEndpoints {
		if pe.Subnet.To != nil && pe.Subnet.To.VNet == v && pe.Names[0].Addresses.Has(a.String()) {
			return pe
		}
	}
	return nil
}

// arrival is what filters at the destination.
func (n *naive) arrival(s *estate.Subnet, pe *estate.PrivateEndpoint, nic *estate.Interface, from, to netip.Addr, port int) might {
	if pe == nil {
		return n.filter(s, nic, true, from, to, port)
	}
	policy, known := s.EndpointPolicies.Or("Disabled")
	switch {
	case !known:
		if m := n.group(s.Group, s, true, from, to, port); m == mightPass {
			return m
		}
		return mightBoth
	case policy == "Enabled" || policy == "NetworkSecurityGroupEnabled":
		return n.group(s.Group, s, true, from, to, port)
	}
	return mightPass
}
