package posture

import (
	"slices"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

func routesInspected() row {
	return row{Check{
		ID:    "routes-inspected",
		Title: "Traffic to the endpoint passes the firewall, where there is one",
		Level: Advice,
		Looks: "computed: the hops from each client, where its routes name an appliance or an Azure Firewall stands in its network or next to it",
		Why:   "A private endpoint has a /32 route of its own, which beats 0.0.0.0/0 towards the firewall. Prompts then go round the inspection that everything else passes.",
	}, (*scene).inspected}
}

// https://learn.microsoft.com/azure/private-link/inspect-traffic-with-azure-firewall
func (s *scene) inspected() []Finding {
	var all []Finding
	var pairs []*pair
	for _, a := range s.accounts {
		pairs = append(pairs, s.pairs(a)...)
	}
	for _, p := range pairs {
		if p.reaches != Pass || p.vnet == nil {
			continue
		}
		near := s.inspection(p)
		if near == nil {
			continue
		}
		f := Finding{Resource: p.id}
		for _, h := range p.flow.Hops {
			if h.Step == topology.StepRoute || h.Step == topology.StepAppliance || h.Step == topology.StepPeering {
				f.Evidence = append(f.Evidence, s.decided(&h))
			}
		}
		passes := slices.ContainsFunc(p.flow.Hops, func(h topology.Hop) bool { return h.Step == topology.StepAppliance })
		if passes {
			f = f.pass("traffic from %s to %s passes an appliance", p.name, p.to.Name)
		} else {
			f = f.fail("traffic from %s to %s goes round %s", p.name, p.to.Name, near.Base().Name).
				by("%s: the endpoint's own route is used", p.packet()).
				mended(hcl("azurerm_subnet", p.door.Subnet.To, `private_endpoint_network_policies = "Enabled" # and a route for the endpoint's subnet to the firewall in the client's route table`), "")
		}
		all = append(all, f)
	}
	return all
}

// inspection is what a client's other traffic is led through: an appliance that
// its subnet's routes name for addresses that hold the endpoint's, or a
// firewall in its network or next to it. Nil where there is none.
func (s *scene) inspection(p *pair) estate.Thing {
	for _, n := range p.vnet.Subnets {
		if n.Routes.To == nil || !setOf(n.Prefixes).Meets(p.set) && !p.whole {
			continue
		}
		for _, r := range n.Routes.To.Routes {
			if is(r.NextHop, "VirtualAppliance") && r.Prefix.State == estate.Known && p.addr.IsValid() {
				if set, ok := addressSet(r.Prefix.V); ok && set.Has(p.addr) {
					return n.Routes.To
				}
			}
		}
	}
	if f := s.firewallNear(p.vnet); f != nil {
		return f
	}
	return nil
}

// firewallNear is a firewall in a network or in one peered with it.
func (s *scene) firewallNear(v *estate.VirtualNetwork) *estate.Firewall {
	for _, f := range s.Firewalls {
		for _, ip := range f.IPs {
			n := ip.Subnet.To
			if n == nil || n.VNet == nil {
				continue
			}
			if n.VNet == v || slices.ContainsFunc(v.Peerings, func(p *estate.Peering) bool { return p.Remote.To == n.VNet }) {
				return f
			}
		}
	}
	return nil
}
