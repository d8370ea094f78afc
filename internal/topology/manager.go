package topology

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// adminRules are the security admin rules that apply to a network.
type adminRules struct{ in, out []rule }

// managers gives each network its security admin rules.
//
// https://learn.microsoft.com/azure/virtual-network-manager/concept-security-admins:
// they run before the groups; Allow leaves it to them, AlwaysAllow and Deny
// end it. They do not apply to private endpoints.
func (c *compiler) managers() {
	if len(c.t.e.AdminConfigurations) == 0 {
		return
	}
	for _, n := range c.t.networks {
		managers := map[*estate.NetworkManager]bool{}
		for _, a := range c.t.e.AdminConfigurations {
			if deployed := c.deployed(a, n); deployed != no {
				c.apply(n, a, deployed, managers)
			}
		}
		if len(managers) > 1 {
			// The manager of the wider scope comes first; the scopes are not read.
			for i := range n.admin.in {
				n.admin.in[i].dim = true
			}
			for i := range n.admin.out {
				n.admin.out[i].dim = true
			}
		}
		byPriority := func(a, b rule) int { return cmp.Compare(a.priority, b.priority) }
		slices.SortStableFunc(n.admin.in, byPriority)
		slices.SortStableFunc(n.admin.out, byPriority)
	}
}

func (c *compiler) apply(n *network, a *estate.AdminConfiguration, deployed tri, managers map[*estate.NetworkManager]bool) {
	for _, col := range a.Collections {
		member := no
		for _, g := range col.AppliesTo.Items {
			member = member.or(c.isMember(g, n))
		}
		if col.AppliesTo.State == estate.Unknown {
			member = maybe
		}
		applies := member.and(deployed).and(intended(n))
		if col.Doubt != 0 || a.Doubt != 0 {
			applies = applies.and(maybe)
		}
		if applies == no {
			continue
		}
		for _, r := range col.Rules {
			managers[a.Manager] = true
			c.admin(n, r, applies)
		}
	}
}

// intended says whether admin rules apply to the network at all: by default
// not where a managed instance or Databricks lives.
//
// https://learn.microsoft.com/azure/virtual-network-manager/concept-security-admins,
// section Nonapplication of security admin rules at virtual network level.
func intended(n *network) tri {
	for _, s := range n.subnets {
		for _, d := range s.of.Delegations.Items {
			switch strings.ToLower(d.V) {
			case "microsoft.sql/managedinstances", "microsoft.databricks/workspaces":
				return maybe
			}
		}
	}
	return yes
}

// deployed says whether a configuration is in force in the network's region.
func (c *compiler) deployed(a *estate.AdminConfiguration, n *network) tri {
	m := a.Manager
	if m == nil || m.Deployed.State != estate.Known {
		return maybe
	}
	found := no
	for _, d := range m.Deployments {
		region, known := d.Region.Or("")
		kind, ok := d.Kind.Or("SecurityAdmin")
		if ok && !strings.EqualFold(kind, "SecurityAdmin") {
			continue
		}
		here := triOf(strings.EqualFold(plain(region), plain(n.of.Location.V)))
		if !known || !ok || n.of.Location.State != estate.Known {
			here = maybe
		}
		listed := no
		if d.Configurations.State == estate.Unknown {
			listed = maybe
		}
		for _, r := range d.Configurations.Items {
			if r.To == a || strings.EqualFold(r.ID, a.ID) {
				listed = yes
			} else if r.State != estate.Known {
				listed = listed.or(maybe)
			}
		}
		if status, ok := d.Status.Or("Deployed"); !ok || !strings.EqualFold(status, "Deployed") {
			listed = listed.and(maybe)
		}
		found = found.or(here.and(listed))
	}
	return found
}

// plain makes "Sweden Central" and "swedencentral" the same.
func plain(region string) string { return strings.ReplaceAll(region, " ", "") }

// isMember says whether a network is in a network group. A group's static
// members are listed; Azure Policy may add others, which only the answer of
// listEffectiveVirtualNetworks shows.
//
// https://learn.microsoft.com/azure/virtual-network-manager/concept-network-groups
func (c *compiler) isMember(r estate.Ref[estate.NetworkGroup], n *network) tri {
	g, state := r.Get()
	if state != estate.Known || g.Stub || g.Doubt != 0 {
		return maybe
	}
	for _, m := range g.Members {
		if m.Member.To == estate.Thing(n.of) {
			return yes
		}
	}
	if g.Effective.State != estate.Known {
		return maybe
	}
	member := no
	for _, m := range g.Effective.Items {
		switch {
		case m.To == n.of || strings.EqualFold(m.ID, n.of.ID):
			return yes
		case m.State != estate.Known:
			member = maybe
		}
	}
	return member
}

func (c *compiler) admin(n *network, r *estate.AdminRule, applies tri) {
	out := rule{
		id: r.ID, name: r.Name, at: r.At, priority: r.Priority.V,
		dim:      applies != yes || r.Priority.State != estate.Known || r.Direction.State != estate.Known || r.Doubt != 0,
		from:     c.optional(r.Sources),
		to:       c.optional(r.Destinations),
		fromPort: optionalPorts(r.SourcePorts),
		toPort:   optionalPorts(r.DestinationPorts),
	}
	out.proto, out.dimProto = protocol(r.Protocol)
	switch strings.ToLower(r.Access.V) {
	case "allow":
		out.acts = allows
	case "alwaysallow":
		out.acts = overrides
	case "deny":
		out.acts = denies
	}
	if out.acts == 0 || r.Access.State != estate.Known {
		out.acts = allows | denies | overrides
	}
	if r.Priority.State != estate.Known {
		out.priority = -1
	}
	known := r.Direction.State == estate.Known
	if !known || strings.EqualFold(r.Direction.V, "Inbound") {
		n.admin.in = append(n.admin.in, out)
	}
	if !known || strings.EqualFold(r.Direction.V, "Outbound") {
		n.admin.out = append(n.admin.out, out)
	}
}

// optional is a side of an admin rule, which may be left out: then it means
// anyone.
func (c *compiler) optional(l estate.List[string]) matcher {
	if l.Empty() {
		return matcher{any: true}
	}
	return c.terms(l, estate.Refs[estate.AppGroup]{})
}

func optionalPorts(l estate.List[string]) ports {
	if l.Empty() {
		return ports{all: true}
	}
	return portsOf(l)
}

// meshes finds the connected groups that connectivity configurations may have
// made. They have no peerings to show; whether and how far they connect is
// left unknown.
//
// https://learn.microsoft.com/azure/virtual-network-manager/concept-connectivity-configuration
func (c *compiler) meshes() {
	for _, x := range c.t.e.ConnectivityConfigurations {
		direct := !strings.EqualFold(x.Topology.V, "HubAndSpoke") || !x.Direct.Complete()
		for _, d := range x.Direct.Items {
			direct = direct || strings.EqualFold(d.V, "DirectlyConnected")
		}
		if !direct {
			continue // its peerings are shown as such
		}
		m := &mesh{of: x, open: x.AppliesTo.State != estate.Known}
		for _, g := range x.AppliesTo.Items {
			for _, n := range c.t.networks {
				switch c.isMember(g, n) {
				case yes:
					m.members = append(m.members, n)
				case maybe:
					m.open = true
				}
			}
		}
		if m.open {
			m.members = c.t.networks
		}
		c.t.meshes = append(c.t.meshes, m)
		for _, n := range m.members {
			n.mesh = append(n.mesh, m)
		}
	}
}
