package topology

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// hosts finds who has which address.
func (c *compiler) hosts() {
	for _, nic := range c.t.e.Interfaces {
		for _, ip := range nic.IPs {
			if a, ok := publicAddress(ip.PublicIP); ok {
				c.t.byPublic[a] = nic
			}
			h := c.place(ip, nic.ID, nic.At)
			if h == nil {
				c.ghost(nic, ip)
				continue
			}
			h.nic = nic
			if h.filter = c.filter(nic.Group); h.twice || c.t.e.Veiled(nic.ID) {
				h.filter.state = estate.Unknown
			}
			if on, ok := nic.Forwarding.Or(false); on || !ok {
				h.relay = relayNIC
			}
			c.t.byNIC[nic] = append(c.t.byNIC[nic], h)
			c.member(ip.Groups, h)
		}
	}
	for _, f := range c.t.e.Firewalls {
		c.relays(f.IPs, f.ID, f.At, relayFirewall)
	}
	for _, b := range c.t.e.LoadBalancers {
		c.relays(b.Frontends, b.ID, b.At, relayBalancer)
	}
	for _, p := range c.t.e.PrivateEndpoints {
		c.endpoint(p)
	}
	for _, n := range c.t.networks {
		for _, h := range n.hosts {
			if h.filter.state != estate.Absent && h.endpoint == nil {
				h.sub.lone = append(h.sub.lone, h)
			}
			if h.relay != relayNone {
				n.relays = append(n.relays, h)
			}
		}
	}
}

// relays places the addresses of a firewall or a load balancer. One whose
// address is not known is hidden in its subnet, or, where that is unknown too,
// in any.
func (c *compiler) relays(ips []*estate.IPConfiguration, id string, at estate.At, what relay) {
	hide := func(subnets ...*subnet) {
		for _, s := range subnets {
			s.hidden = append(s.hidden, &host{sub: s, relay: what, id: id, at: at})
		}
	}
	everywhere := slices.Collect(maps.Values(c.t.bySubnet))
	if c.t.e.Veiled(id) {
		hide(everywhere...)
	}
	for _, ip := range ips {
		s := c.t.bySubnet[ip.Subnet.To]
		if h := c.place(ip, id, at); h != nil {
			h.relay = what
		} else if ip.Address.State == estate.Unknown && s != nil {
			hide(s)
		} else if ip.Address.State == estate.Unknown && ip.Subnet.State == estate.Unknown {
			hide(everywhere...)
		}
	}
}

// ghost files an interface whose address is not known: in its subnet, or, where
// that is unknown too, in any.
func (c *compiler) ghost(nic *estate.Interface, ip *estate.IPConfiguration) {
	h := &host{nic: nic, ip: ip, sub: c.t.bySubnet[ip.Subnet.To], filter: c.filter(nic.Group), id: nic.ID, at: nic.At}
	if c.t.e.Veiled(nic.ID) {
		h.filter.state = estate.Unknown
	}
	if h.sub != nil {
		c.t.byNIC[nic] = append(c.t.byNIC[nic], h)
	}
	switch {
	case h.filter.state == estate.Absent || ip.Address.State == estate.Absent && nic.At != 0 && ip.Subnet.State == estate.Absent:
	case h.sub != nil:
		h.sub.ghosts = append(h.sub.ghosts, h)
	case ip.Subnet.State == estate.Unknown:
		for _, s := range c.t.bySubnet {
			s.ghosts = append(s.ghosts, h)
		}
	}
}

// place makes the host of an ip configuration whose address is known. Hosts
// of one address in one network are one host in doubt.
func (c *compiler) place(ip *estate.IPConfiguration, id string, at estate.At) *host {
	a, ok := address(ip.Address)
	sub := c.t.bySubnet[ip.Subnet.To]
	switch {
	case sub == nil && ok && ip.Subnet.State == estate.Unknown:
		c.t.adrift[a] = true
		c.unplaced(ip.Groups)
		return nil
	case sub == nil:
		c.unplaced(ip.Groups)
		return nil
	case !ok:
		c.unplaced(ip.Groups)
		return nil
	}
	h := &host{addr: a, sub: sub, ip: ip, id: id, at: at}
	h.twice = sub.net.hosts[a] != nil
	sub.net.hosts[a] = h
	return h
}

// unplaced notes group members whose address is unknown.
func (c *compiler) unplaced(groups estate.Refs[estate.AppGroup]) {
	sure, perhaps := c.memberOf(groups)
	for _, m := range append(sure, perhaps...) {
		m.dim = true
	}
}

// memberOf are the application security groups that something is in, and those
// that it may be in: where a group it names cannot be read, any.
func (c *compiler) memberOf(groups estate.Refs[estate.AppGroup]) (sure, perhaps []*appGroup) {
	unclear := groups.State == estate.Unknown
	for _, g := range groups.Items {
		if m := c.t.appGroups[g.To]; m != nil {
			sure = append(sure, m)
		}
		unclear = unclear || g.State == estate.Unknown
	}
	if unclear {
		for _, m := range c.t.appGroups {
			perhaps = append(perhaps, m)
		}
	}
	return sure, perhaps
}

func address(v estate.Value[string]) (netip.Addr, bool) {
	if v.State != estate.Known {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(strings.TrimSpace(v.V))
	return a.Unmap(), err == nil && a.Zone() == ""
}

// member makes a host a member of application security groups.
func (c *compiler) member(groups estate.Refs[estate.AppGroup], h *host) {
	sure, perhaps := c.memberOf(groups)
	for _, m := range sure {
		m.by[h.sub.net] = m.by[h.sub.net].Union(One(h.addr))
		m.all = m.all.Union(One(h.addr))
	}
	for _, m := range perhaps {
		m.all = m.all.Union(One(h.addr))
	}
}

// endpoint finds a private endpoint's addresses: those of its network
// interfaces, else those that its names have inside, else those it asks for.
func (c *compiler) endpoint(p *estate.PrivateEndpoint) {
	e := &endpoint{of: p, sub: c.t.bySubnet[p.Subnet.To]}
	if p.Doubt != 0 {
		e.sub = nil
	}
	c.t.endpoints[p] = e
	e.addrs, e.dim = endpointAddresses(c.t.e, p)
	e.dim = e.dim || len(e.addrs) == 0
	for _, l := range p.Links {
		e.links = append(e.links, c.target(p, l, false))
	}
	for _, l := range p.Manual {
		e.links = append(e.links, c.target(p, l, true))
	}
	if e.sub == nil {
		for _, a := range e.addrs {
			c.t.adrift[a] = true
		}
		c.unplaced(p.Groups)
		return
	}
	for _, a := range e.addrs {
		h := e.sub.net.hosts[a]
		if h == nil || h.endpoint != nil {
			h = &host{addr: a, sub: e.sub, id: p.ID, at: p.At}
			e.sub.net.hosts[a] = h
		}
		h.endpoint, h.relay = e, relayNone
		e.hosts = append(e.hosts, h)
		c.member(p.Groups, h)
	}
	if e.dim {
		e.sub.floating = append(e.sub.floating, e)
		c.unplaced(p.Groups)
	}
}

func endpointAddresses(e *estate.Estate, p *estate.PrivateEndpoint) (addrs []netip.Addr, dim bool) {
	add := func(v estate.Value[string]) {
		a, ok := address(v)
		if !ok {
			dim = dim || v.State != estate.Absent
			return
		}
		for _, has := range addrs {
			if has == a {
				return
			}
		}
		addrs = append(addrs, a)
	}
	for _, r := range p.Interfaces.Items {
		nic, state := r.Get()
		if state != estate.Known {
			continue
		}
		for _, ip := range nic.IPs {
			add(ip.Address)
		}
	}
	if len(addrs) > 0 || dim {
		return addrs, dim
	}
	for _, n := range p.Names {
		for _, v := range n.Addresses.Items {
			add(v)
		}
	}
	for _, l := range p.Links {
		add(l.Address)
	}
	if len(addrs) > 0 {
		return addrs, lacksNames(p)
	}
	dim = false
	for _, ip := range p.IPs {
		add(ip.Address)
	}
	return addrs, dim
}

// lacksNames says whether an endpoint's names, some of which are known, are
// fewer than its accounts have: a zone group without all their zones shows no
// more, and each name may have an address of its own.
func lacksNames(p *estate.PrivateEndpoint) bool {
	for _, l := range p.Links {
		a, ok := l.Target.To.(*estate.Account)
		if !ok || len(p.Names) == 0 {
			continue
		}
		for _, host := range hostsOf(a) {
			if !slices.ContainsFunc(p.Names, func(n *estate.EndpointName) bool { return strings.EqualFold(n.FQDN.V, host) }) {
				return true
			}
		}
	}
	return false
}

// target says whether a connection carries traffic: only an approved one does.
//
// https://learn.microsoft.com/azure/private-link/private-endpoint-overview,
// section Access to a private-link resource using approval workflow.
func (c *compiler) target(p *estate.PrivateEndpoint, l *estate.PrivateLink, manual bool) target {
	out := target{link: l, status: l.Status, open: approved(l.Status)}
	account, ok := l.Target.To.(*estate.Account)
	if ok {
		for _, x := range account.PrivateConnections {
			if x.Endpoint.To == p || strings.EqualFold(x.Endpoint.ID, p.ID) {
				// The owner's side decides.
				if x.Status.State != estate.Absent {
					out.status, out.open = x.Status, approved(x.Status)
				}
				if l.Status.State == estate.Known && x.Status.State == estate.Known && !strings.EqualFold(l.Status.V, x.Status.V) {
					out.open = Unknown
				}
				return out
			}
		}
	}
	if l.Status.State == estate.Absent && c.t.e.Planned {
		// A plan shows no status. Azure approves by itself unless the owner's
		// approval is asked for.
		asks, known := l.Manual.Or(manual)
		switch {
		case !known:
		case asks:
			out.open = Denied
		default:
			out.open = Allowed
		}
	}
	return out
}

func approved(v estate.Value[string]) Verdict {
	switch {
	case v.State != estate.Known:
		return Unknown
	case strings.EqualFold(v.V, "Approved"):
		return Allowed
	default:
		return Denied
	}
}

// filter compiles what a reference to a security group binds.
func (c *compiler) filter(r estate.Ref[estate.Group]) filter {
	to, state := r.Get()
	f := filter{state: state, ref: r}
	if state != estate.Known {
		return f
	}
	if to.Stub || to.Doubt != 0 || c.t.e.Veiled(to.ID) {
		f.state = estate.Unknown
		return f
	}
	if f.group = c.groups[to]; f.group == nil {
		f.group = c.group(to)
		c.groups[to] = f.group
	}
	return f
}

// bind works out what binds traffic in a subnet.
func (c *compiler) bind(s *subnet) {
	s.filter = c.filter(s.of.Group)
	if s.of.Stub || s.of.Doubt != 0 || c.t.e.Veiled(s.of.ID) {
		s.filter = filter{state: estate.Unknown, ref: s.of.Group}
	}
	s.bindGroups, s.bindRoutes = policies(s.of.EndpointPolicies)
	s.exempt = exempt(s.of.Name)
	routes, state := s.of.Routes.Get()
	s.tableState = state
	tag := s.net.tag
	if state == estate.Known {
		s.table = c.table(routes)
		tag = c.routed(s.net, s.table)
		if s.table.steers {
			c.t.steered = append(c.t.steered, s)
		}
	} else if state == estate.Unknown || s.of.Stub || s.of.Doubt != 0 {
		s.tableState = estate.Unknown
		c.t.steered = append(c.t.steered, s)
		tag = c.tagSet(tag.yes, everything())
	}
	s.scope = scope{net: s.net, tag: tag, public: c.public}
}

// policies says whether groups and routes bind the private endpoints of a
// subnet. Azure's default is Disabled.
//
// https://learn.microsoft.com/azure/private-link/disable-private-endpoint-network-policy
func policies(v estate.Value[string]) (groups, routes tri) {
	value, ok := v.Or("Disabled")
	if !ok {
		return maybe, maybe
	}
	switch strings.ToLower(value) {
	case "enabled":
		return yes, yes
	case "networksecuritygroupenabled":
		return yes, no
	case "routetableenabled":
		return no, yes
	case "disabled":
		return no, no
	}
	return maybe, maybe
}

// exempt tells the subnets of services that admin rules leave alone.
//
// https://learn.microsoft.com/azure/virtual-network-manager/concept-security-admins,
// section Nonapplication of security admin rules at subnet level.
func exempt(name string) bool {
	switch strings.ToLower(name) {
	case "azurefirewallsubnet", "azurefirewallmanagementsubnet", "gatewaysubnet", "azurebastionsubnet", "routeserversubnet":
		return true
	}
	return false
}
