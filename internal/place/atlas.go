package place

import (
	"crypto/sha256"
	"net/netip"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/topology"
)

// internet is the place outside.
const internet = "internet"

// atlas is the network as it is at one time, with its places by name.
type atlas struct {
	*topology.Topology
	cloud  Cloud
	things []estate.Thing
	taken  map[netip.Addr]bool // addresses that something has
}

// stand is a place that a client named.
type stand struct {
	name     string
	id       string // of the resource; empty for the internet
	place    topology.Place
	internet bool
	site     string         // id, for a site on premises
	subnet   *estate.Subnet // nil outside all networks
	source   netip.Addr     // the public address that others see
}

func newAtlas(t *topology.Topology, cloud Cloud) *atlas {
	e := t.Estate()
	a := &atlas{Topology: t, cloud: cloud, taken: map[netip.Addr]bool{}}
	a.things = slices.Concat(things(e.VirtualMachines), things(e.Subnets), things(e.Interfaces), things(e.ContainerApps),
		things(e.AppEnvironments), things(e.WebApps), things(e.LocalGateways), things(e.Connections), things(e.Gateways))
	for _, n := range e.Interfaces {
		a.take(n.IPs)
	}
	for _, f := range e.Firewalls {
		a.take(f.IPs)
	}
	for _, l := range e.LoadBalancers {
		a.take(l.Frontends)
	}
	for _, p := range e.PrivateEndpoints {
		for _, n := range p.Names {
			for _, v := range n.Addresses.Items {
				a.takeOne(v)
			}
		}
	}
	return a
}

func things[T estate.Thing](all []T) []estate.Thing {
	out := make([]estate.Thing, len(all))
	for i, t := range all {
		out[i] = t
	}
	return out
}

func (a *atlas) take(ips []*estate.IPConfiguration) {
	for _, ip := range ips {
		a.takeOne(ip.Address)
	}
}

func (a *atlas) takeOne(v estate.Value[string]) {
	if addr, err := netip.ParseAddr(v.V); err == nil {
		a.taken[addr.Unmap()] = true
	}
}

// label is how a person calls a place; a subnet with its network, as its name
// is seldom its own.
func label(t estate.Thing) string {
	if n, ok := t.(*estate.Subnet); ok && n.VNet != nil {
		return n.VNet.Name + "/" + n.Name
	}
	return t.Base().Name
}

// Names are the places that can be named, internet first.
func (a *atlas) names() []string {
	out := []string{}
	for _, t := range a.things {
		if n, ok := t.(*estate.Interface); ok && n.Endpoint.State == estate.Known || t.Base().Stub {
			continue // a private endpoint's: nobody stands there
		}
		out = append(out, label(t))
	}
	slices.Sort(out)
	return append([]string{internet}, slices.Compact(out)...)
}

// find is the thing with an id, or the only one with a name. Where a machine
// and its interface share one, either is the same place, and the machine goes
// first.
func (a *atlas) find(name string) (estate.Thing, error) {
	var found []estate.Thing
	for _, t := range a.things {
		if strings.EqualFold(t.Base().ID, name) {
			return t, nil
		}
		if strings.EqualFold(t.Base().Name, name) || strings.EqualFold(label(t), name) {
			found = append(found, t)
		}
	}
	switch len(found) {
	case 0:
		return nil, fault.New(fault.NotFound, "no such place").At(short(name)).Fix("name one of " + few(a.names()))
	case 1:
		return found[0], nil
	}
	ids := make([]string, len(found))
	for i, t := range found {
		ids[i] = t.Base().ID
	}
	return nil, fault.New(fault.Invalid, "several places have this name").At(short(name)).Fix("give the id of one: " + few(ids))
}

// short and few keep what strangers send, and what we list, within a line.
func short(s string) string { return s[:min(len(s), 300)] }

func few(all []string) string {
	if len(all) > 20 {
		all = append(slices.Clone(all[:20]), "…")
	}
	return strings.Join(all, ", ")
}

// stand is the place of a name.
func (a *atlas) stand(name string) (stand, error) {
	where, addr, given := strings.Cut(name, ":")
	if strings.EqualFold(where, internet) {
		source := defaultSource()
		if given {
			var err error
			if source, err = netip.ParseAddr(addr); err != nil {
				return stand{}, fault.New(fault.Invalid, "not an address").At(short(name)).Fix("write internet, or internet:203.0.113.7")
			}
		}
		return stand{name: name, place: topology.Internet(source), internet: true, source: source.Unmap()}, nil
	}
	t, err := a.find(name)
	if err != nil {
		return stand{}, err
	}
	s := stand{name: label(t), id: t.Base().ID, source: derivedSource(t.Base().ID)}
	s.place, _ = a.PlaceOf(t.Base().ID)
	switch x := t.(type) {
	case *estate.Subnet:
		a.inSubnet(&s, x)
	case *estate.Interface:
		s.on(x)
	case *estate.VirtualMachine:
		for _, r := range x.Interfaces.Items {
			if r.To != nil {
				s.on(r.To)
				break
			}
		}
	case *estate.ContainerApp:
		if x.Environment.To != nil {
			a.inSubnet(&s, x.Environment.To.Subnet.To)
		}
	case *estate.AppEnvironment:
		a.inSubnet(&s, x.Subnet.To)
	case *estate.WebApp:
		a.inSubnet(&s, x.Subnet.To)
	case *estate.LocalGateway:
		s.site = x.ID
		a.onSite(&s, x.ID, x.Space)
	case *estate.Connection:
		s.site = x.ID
		if x.Local.To != nil {
			s.site = x.Local.To.ID
			a.onSite(&s, x.ID, x.Local.To.Space)
		}
	case *estate.Gateway:
		s.site = x.ID
		a.onSite(&s, x.ID, x.ClientSpace)
	}
	return s, nil
}

// on fills in what an interface says: its subnet, and its public address
// unless the subnet's NAT gateway takes it over.
func (s *stand) on(n *estate.Interface) {
	for _, ip := range n.IPs {
		if s.subnet != nil && !ip.Primary.Is(true) {
			continue
		}
		if ip.Subnet.To != nil {
			s.in(ip.Subnet.To)
		}
		if s.subnet != nil && s.subnet.NAT.State == estate.Absent && ip.PublicIP.To != nil {
			s.leaveBy(ip.PublicIP.To)
		}
	}
}

// in fills in what a subnet says.
func (s *stand) in(n *estate.Subnet) {
	s.subnet = n
	if n.VNet != nil {
		s.source = derivedSource(n.VNet.ID)
	}
	if n.NAT.To == nil {
		return
	}
	for _, r := range n.NAT.To.PublicIPs.Items {
		if r.To != nil && s.leaveBy(r.To) {
			return
		}
	}
}

func (s *stand) leaveBy(p *estate.PublicIP) bool {
	addr, err := netip.ParseAddr(p.Address.V)
	if err == nil {
		s.source = addr.Unmap()
	}
	return err == nil
}

// inSubnet stands at an address of a subnet that nothing has. Azure keeps the
// first four for itself.
func (a *atlas) inSubnet(s *stand, n *estate.Subnet) {
	if n == nil || n.VNet == nil {
		return
	}
	s.in(n)
	if addr, ok := a.free(n.Prefixes, 4); ok {
		if p, ok := a.AddressIn(n.VNet.ID, addr); ok {
			s.place = p
		}
	}
}

// onSite stands at an address of a site.
func (a *atlas) onSite(s *stand, id string, space estate.List[string]) {
	if addr, ok := a.free(space, 1); ok {
		if p, ok := a.AddressAt(id, addr); ok {
			s.place = p
		}
	}
}

// free is an address of the prefixes that nothing known has, after those that
// are skipped. A place needs one address: flows from any of several are often
// unknown.
func (a *atlas) free(prefixes estate.List[string], skip int) (netip.Addr, bool) {
	for _, v := range prefixes.Items {
		p, err := netip.ParsePrefix(v.V)
		if err != nil {
			continue
		}
		addr := p.Masked().Addr()
		for range skip {
			addr = addr.Next()
		}
		for range len(a.taken) + 1 {
			if p.Contains(addr) && !a.taken[addr] {
				return addr, true
			}
			addr = addr.Next()
		}
	}
	return netip.Addr{}, false
}

// defaultSource stands for anyone on the internet: an address that RFC 5737
// sets aside for examples.
func defaultSource() netip.Addr { return netip.AddrFrom4([4]byte{203, 0, 113, 10}) }

// derivedSource stands for the address that Azure gives to what leaves a
// network without one of its own: also of RFC 5737, the same at each start.
func derivedSource(of string) netip.Addr {
	sum := sha256.Sum256([]byte(strings.ToLower(of)))
	return netip.AddrFrom4([4]byte{198, 51, 100, sum[0]})
}
