package cli

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/posture"
	"github.com/ostiary/ostiary/internal/topology"
)

const internet = "internet"

// stand is where verify looks from, as the topology knows it.
type stand struct {
	name   string           // as a sentence has it
	places []topology.Place // where it may be; what differs among them is unknown
	within bool             // in the estate, not on the internet
	note   string           // how that was found
}

// standAt finds where a machine with these addresses stands: where --from says,
// else in the one subnet of the estate that holds one of its addresses. A
// machine that is found nowhere is on the internet; if it is meant to reach the
// model all the same, nothing is known of its place.
func standAt(t *topology.Topology, from string, inside bool, own []netip.Addr) (stand, error) {
	if strings.EqualFold(from, internet) {
		if inside {
			return stand{}, fault.New(fault.Invalid, "the internet is not meant to reach the model").At("--inside").
				Fix("leave out --inside, or name another place with --from")
		}
		return outside("looked from the internet, as --from says"), nil
	}
	if from != "" {
		thing, err := placeNamed(t.Estate(), from)
		if err != nil {
			return stand{}, err
		}
		s := standIn(t, thing, own)
		s.note = "looked from " + s.name + ", as --from says"
		return s, nil
	}
	n, addr, why := subnetOf(t.Estate(), own)
	switch {
	case n != nil:
		s := standIn(t, n, []netip.Addr{addr})
		s.note = "looked from " + s.name + ", which holds an address of this machine; if it stands elsewhere, say so with --from"
		return s, nil
	case inside:
		return stand{name: "here", places: []topology.Place{{}}, within: true, note: why + ": what is modelled for this place is not known; name it with --from"}, nil
	}
	return outside(why + ": what is seen is held against what the internet should see; if this machine stands in the estate, name its place with --from"), nil
}

func outside(note string) stand {
	return stand{name: "the " + internet, places: []topology.Place{topology.Internet(netip.Addr{})}, note: note}
}

// standIn is a stand in a network, a subnet, or at anything that sends traffic.
// Where one of the machine's own addresses lies in it, that is where it stands.
func standIn(t *topology.Topology, thing estate.Thing, own []netip.Addr) stand {
	s := stand{name: labelOf(thing), within: true}
	var subnets []*estate.Subnet
	switch x := thing.(type) {
	case *estate.VirtualNetwork:
		subnets = x.Subnets
	case *estate.Subnet:
		subnets = []*estate.Subnet{x}
	default:
		p, _ := t.PlaceOf(idOf(x)) // nowhere: all that is modelled is unknown
		s.places = []topology.Place{p}
		return s
	}
	for _, n := range subnets {
		for _, a := range own {
			if n.VNet == nil || !holds(n.Prefixes, a) {
				continue
			}
			if p, ok := t.AddressIn(idOf(n.VNet), a); ok {
				s.name, s.places = labelOf(n)+" ("+a.String()+")", []topology.Place{p}
				return s
			}
		}
		if len(subnets) == 1 || posture.Ordinary(n) {
			p, _ := t.PlaceOf(idOf(n))
			s.places = append(s.places, p)
		}
	}
	return s
}

// labelOf is how a person calls a place; a subnet with its network, as its name
// is seldom its own.
func labelOf(thing estate.Thing) string {
	if n, ok := thing.(*estate.Subnet); ok && n.VNet != nil {
		return n.VNet.Name + "/" + n.Name
	}
	return thing.Base().Name
}

// idOf is what the estate finds a resource by: its id, or its address in a plan.
func idOf(thing estate.Thing) string { return cmp.Or(thing.Base().Address, thing.Base().ID) }

// placeNamed is the place with an id, or the only one with a name.
func placeNamed(e *estate.Estate, from string) (estate.Thing, error) {
	var found []estate.Thing
	var ids []string
	for _, t := range placesOf(e) {
		if t == e.Find(from) {
			return t, nil
		}
		if strings.EqualFold(t.Base().Name, from) || strings.EqualFold(labelOf(t), from) {
			found, ids = append(found, t), append(ids, idOf(t))
		}
	}
	switch len(found) {
	case 0:
		return nil, fault.New(fault.NotFound, "the estate has no such place").At("--from " + from).
			Fix("give the id or the name of a network, subnet, interface, app or site, or " + internet)
	case 1:
		return found[0], nil
	}
	return nil, fault.New(fault.Invalid, "several places have this name").At("--from " + from).Fix("give the id of one: " + strings.Join(ids, ", "))
}

func placesOf(e *estate.Estate) []estate.Thing {
	return slices.Concat(things(e.VirtualNetworks), things(e.Subnets), things(e.Interfaces), things(e.VirtualMachines),
		things(e.AppEnvironments), things(e.ContainerApps), things(e.WebApps),
		things(e.LocalGateways), things(e.Gateways), things(e.Connections))
}

func things[T estate.Thing](all []T) []estate.Thing {
	out := make([]estate.Thing, len(all))
	for i, t := range all {
		out[i] = t
	}
	return out
}

// subnetOf is the one subnet that holds one of a machine's addresses, and that
// address; or why there is none. Private addresses are used many times over: an
// address that another network could have as well shows nothing.
func subnetOf(e *estate.Estate, own []netip.Addr) (in *estate.Subnet, at netip.Addr, why string) {
	names := map[string]string{} // by id
	for _, a := range own {
		for _, n := range e.Subnets {
			if !holds(n.Prefixes, a) {
				continue
			}
			if names[idOf(n)] == "" {
				in, at, names[idOf(n)] = n, a, labelOf(n)
			}
			for _, v := range e.VirtualNetworks {
				if v != n.VNet && holds(v.Space, a) {
					names[idOf(v)] = v.Name
				}
			}
		}
	}
	switch len(names) {
	case 0:
		return nil, at, "no address of this machine is in a subnet of the estate"
	case 1:
		return in, at, ""
	}
	return nil, at, "addresses of this machine may be in several networks of the estate (" + strings.Join(slices.Sorted(maps.Values(names)), ", ") + ")"
}

func holds(prefixes estate.List[string], a netip.Addr) bool {
	return slices.ContainsFunc(prefixes.Items, func(v estate.Value[string]) bool {
		p, err := netip.ParsePrefix(strings.TrimSpace(v.V))
		return v.State == estate.Known && err == nil && p.Contains(a)
	})
}
