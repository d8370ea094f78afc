package posture

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// client is somebody who is meant to reach the model: a network, part of one,
// a site, or a range of addresses wherever it is.
type client struct {
	id      string // as findings name it
	at      estate.At
	name    string
	vnet    *estate.VirtualNetwork // nil for a site and for bare addresses
	whole   bool                   // all of vnet, or of the site
	sites   []string               // ids under which a site is known: its gateways and connections
	machine bool                   // an interface, which may have DNS servers of its own
	set     topology.Set           // its addresses, unless whole
	places  []topology.Place       // where it stands; none where that is not known
	asks    []topology.Place       // where it asks for names, if where it stands is not known
}

// covers is the part of a group of sources that is this client.
func (c *client) covers(g topology.Group) topology.Set {
	here := func(id string) bool { return sameID(id, g.SiteID) }
	switch {
	case g.From == topology.FromUnseen && g.Peering != nil && sameID(c.id, g.Peering.Remote.ID):
		return g.Set // a network that was not read, named by its id
	case c.vnet != nil && c.vnet != g.Network, len(c.sites) > 0 && !slices.ContainsFunc(c.sites, here):
		return nil
	case c.whole:
		return g.Set
	}
	return g.Set.Intersect(c.set)
}

// findClients turns what the options name into clients. What names nothing in
// the estate is kept without a place, so that it is not forgotten.
func (s *scene) findClients() {
	for _, given := range s.o.Clients {
		found := s.clientsNamed(given)
		if len(found) == 0 {
			found = []*client{s.unread(given)}
		}
		s.clients = append(s.clients, found...)
	}
}

// unread is a client that is not in the estate. Where it is a subnet of a
// network that is, it asks for names as the network does.
func (s *scene) unread(given string) *client {
	c := &client{id: given, name: lastOf(given)}
	network, _, _ := strings.Cut(strings.ToLower(given), "/subnets/")
	if v, ok := s.Find(network).(*estate.VirtualNetwork); ok && !v.Stub {
		c.vnet, c.asks = v, []topology.Place{s.placeOfAny(v)}
	}
	return c
}

func (s *scene) clientsNamed(given string) []*client {
	if set, ok := addressSet(given); ok {
		return []*client{s.addressClient(given, set)}
	}
	if t := s.Find(given); t != nil {
		return s.clientOf(t)
	}
	var found []*client
	try := func(t estate.Thing) {
		if strings.EqualFold(t.Base().Name, given) {
			found = append(found, s.clientOf(t)...)
		}
	}
	tryAll(try, s.VirtualNetworks)
	tryAll(try, s.Subnets)
	tryAll(try, s.VirtualMachines)
	tryAll(try, s.Interfaces)
	tryAll(try, s.AppEnvironments)
	tryAll(try, s.ContainerApps)
	tryAll(try, s.WebApps)
	tryAll(try, s.LocalGateways)
	tryAll(try, s.Gateways)
	tryAll(try, s.Connections)
	return found
}

func tryAll[T estate.Thing](try func(estate.Thing), all []T) {
	for _, t := range all {
		try(t)
	}
}

// clientOf makes a client of a resource; none of one that sends no traffic.
func (s *scene) clientOf(t estate.Thing) []*client {
	c := &client{id: idOf(t), name: t.Base().Name, at: t.Base().At}
	switch x := t.(type) {
	case *estate.VirtualNetwork:
		c.vnet, c.whole = x, true
		for _, n := range x.Subnets {
			if Ordinary(n) {
				c.stand(s, idOf(n))
			}
		}
	case *estate.Subnet:
		c.inSubnet(s, x)
	case *estate.AppEnvironment:
		c.inSubnet(s, x.Subnet.To)
	case *estate.ContainerApp:
		if x.Environment.To != nil {
			c.inSubnet(s, x.Environment.To.Subnet.To)
		}
	case *estate.WebApp:
		c.inSubnet(s, x.Subnet.To)
	case *estate.Interface:
		c.onInterface(s, x)
	case *estate.VirtualMachine:
		for _, r := range x.Interfaces.Items {
			if r.To != nil {
				c.onInterface(s, r.To)
			}
		}
	case *estate.LocalGateway, *estate.Gateway, *estate.Connection:
		c.sites, c.whole = append(s.connected(t), idOf(t)), true
		c.stand(s, idOf(t))
	default:
		return nil
	}
	return []*client{c}
}

// connected are the ids of the connections of a gateway, or to a site.
func (s *scene) connected(t estate.Thing) []string {
	var ids []string
	for _, c := range s.Connections {
		if estate.Thing(c.Local.To) == t || estate.Thing(c.Gateway.To) == t {
			ids = append(ids, idOf(c))
		}
	}
	return ids
}

// Ordinary reports whether a subnet holds machines that ask for themselves.
func Ordinary(n *estate.Subnet) bool {
	switch strings.ToLower(n.Name) {
	case "gatewaysubnet", "azurefirewallsubnet", "azurefirewallmanagementsubnet", "azurebastionsubnet", "routeserversubnet":
		return false
	}
	return true
}

func (c *client) stand(s *scene, id string) {
	if p, ok := s.t.PlaceOf(id); ok {
		c.places = append(c.places, p)
	}
}

func (c *client) inSubnet(s *scene, n *estate.Subnet) {
	if n == nil {
		return
	}
	c.vnet = n.VNet
	c.set = setOf(n.Prefixes)
	c.stand(s, idOf(n))
}

func (c *client) onInterface(s *scene, x *estate.Interface) {
	c.machine = true
	for _, ip := range x.IPs {
		if ip.Subnet.To == nil {
			continue
		}
		c.vnet = ip.Subnet.To.VNet
		if set, ok := addressSet(ip.Address.V); ok {
			c.set = c.set.Union(set)
		}
	}
	c.stand(s, idOf(x))
}

// addressClient is a range of addresses. It stands in every network and on
// every site whose space holds its first address.
func (s *scene) addressClient(given string, set topology.Set) *client {
	c := &client{id: given, name: given, set: set}
	for _, v := range s.VirtualNetworks {
		if setOf(v.Space).Has(set[0].From) {
			if p, ok := s.t.AddressIn(idOf(v), set[0].From); ok {
				c.places = append(c.places, p)
			}
		}
	}
	for _, l := range s.LocalGateways {
		if setOf(l.Space).Has(set[0].From) {
			if p, ok := s.t.AddressAt(idOf(l), set[0].From); ok {
				c.places = append(c.places, p)
			}
		}
	}
	return c
}

// setOf is the known prefixes of a list.
func setOf(l estate.List[string]) topology.Set {
	var set topology.Set
	for _, v := range l.Items {
		if v.State == estate.Known {
			if some, ok := addressSet(v.V); ok {
				set = set.Union(some)
			}
		}
	}
	return set
}

// addressSet reads a prefix or an address.
func addressSet(text string) (topology.Set, bool) {
	if p, err := netip.ParsePrefix(strings.TrimSpace(text)); err == nil {
		return topology.SetOf(topology.PrefixRange(p)), true
	}
	if a, err := netip.ParseAddr(strings.TrimSpace(text)); err == nil && a.Zone() == "" {
		return topology.One(a.Unmap()), true
	}
	return nil, false
}

// intended is the part of a group of sources that is meant to reach the
// model. Where nobody named the clients, that is what an explicit rule lets in
// from addresses that it names: not a default rule, not a tag, not everyone.
func (s *scene) intended(g topology.Group) topology.Set {
	if len(s.o.Clients) > 0 {
		var set topology.Set
		for _, c := range s.clients {
			set = set.Union(c.covers(g))
		}
		return set
	}
	r := s.admittedBy(g)
	if r == nil {
		return nil
	}
	if len(r.SourceGroups.Items) > 0 {
		return g.Set
	}
	return g.Set.Intersect(byAddress(r.Sources))
}

// admittedBy is the explicit rule of the endpoint's own group that admits a
// group of sources; nil where it is one of Azure's own, or none.
func (s *scene) admittedBy(g topology.Group) *estate.Rule {
	for i := len(g.Hops) - 1; i >= 0; i-- {
		h := &g.Hops[i]
		if h.Step == topology.StepGroup && h.Inbound {
			return s.named(h)
		}
	}
	return nil
}

// named is the explicit rule that a hop allows by, or would if it matches.
func (s *scene) named(h *topology.Hop) *estate.Rule {
	r := s.rule(h)
	sure := h.Verdict == topology.Allowed && h.Note == topology.NoteRule
	perhaps := h.Verdict == topology.Unknown && h.Note == topology.NoteRuleUnclear
	if r == nil || !sure && !perhaps || !is(r.Access, "Allow") {
		return nil
	}
	return r
}

// byAddress is what a rule's sources name by address, except everyone.
func byAddress(l estate.List[string]) topology.Set {
	var set topology.Set
	for _, v := range l.Items {
		p, err := netip.ParsePrefix(v.V)
		if v.State != estate.Known || err == nil && p.Bits() == 0 {
			continue
		}
		if some, ok := addressSet(v.V); ok {
			set = set.Union(some)
		}
	}
	return set
}
