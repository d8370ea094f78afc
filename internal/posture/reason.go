package posture

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// port443 is the only port that the service answers on.
func port443() topology.Port { return topology.Port{Number: 443} }

// rule is the estate's rule that a hop speaks of; nil for Azure's own.
func (s *scene) rule(h *topology.Hop) *estate.Rule {
	if s.rules == nil {
		s.rules = map[estate.At]*estate.Rule{}
		for _, g := range s.Groups {
			for _, r := range g.Rules {
				s.rules[r.At] = r
			}
		}
	}
	return s.rules[h.At]
}

// defaultRule is the priority of one of Azure's own rules.
// https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview
func defaultRule(name string) string {
	switch name {
	case "AllowVnetInBound", "AllowVnetOutBound":
		return "65000"
	case "AllowAzureLoadBalancerInBound", "AllowInternetOutBound":
		return "65001"
	case "DenyAllInBound", "DenyAllOutBound":
		return "65500"
	}
	return ""
}

// reason is what decided a flow, as a person says it, and the id of it.
func (s *scene) reason(h *topology.Hop) (text, id string) {
	if h == nil {
		return "nothing was found that decides", ""
	}
	priority := defaultRule(h.Rule)
	if r := s.rule(h); r != nil {
		priority = orState(r.Priority.Mark, strconv.Itoa(r.Priority.V))
	}
	switch {
	case h.Rule != "" && (h.Step == topology.StepGroup || h.Step == topology.StepAdmin):
		text = "rule " + h.Rule
		if priority != "" {
			text += " (" + priority + ")"
		}
		if group := groupOf(h.ID); group != "" {
			text += " of " + group
		}
		if r := s.rule(h); r != nil && h.Note == topology.NoteRuleUnclear {
			text += " from " + few(append(texts(r.Sources), refNames(r.SourceGroups)...), 3)
		}
		if h.Note != topology.NoteRule {
			text += ": " + h.Note.String()
		}
	case h.Rule != "":
		text = h.Step.String() + " " + h.Rule + ": " + h.Note.String()
	default:
		text = h.Note.String()
		if name := lastOf(h.ID); name != "" {
			text = name + ": " + text
		}
	}
	id = h.ID
	if h.Rule != "" && h.Step == topology.StepGroup && s.rule(h) == nil {
		id += "/defaultSecurityRules/" + h.Rule
	}
	return text, id
}

// refNames are the names that references lead to.
func refNames[T any](refs estate.Refs[T]) []string {
	names := make([]string, len(refs.Items))
	for i, r := range refs.Items {
		names[i] = orState(r.Mark, lastOf(r.ID))
	}
	return names
}

// groupOf is the name of the security group that an id lies in.
func groupOf(id string) string {
	parts := strings.Split(id, "/")
	for i := len(parts) - 2; i >= 0; i-- {
		if strings.EqualFold(parts[i], "networkSecurityGroups") {
			return parts[i+1]
		}
	}
	return ""
}

func lastOf(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

// sample is an address that stands for a set: the fourth of its first range
// where there is one, because Azure keeps the first of a subnet for itself.
func sample(set topology.Set) string {
	if len(set) == 0 {
		return "an address that is not known"
	}
	a := set[0].From
	for range 4 {
		if next := a.Next(); next.IsValid() && next.Compare(set[0].To) <= 0 {
			a = next
		}
	}
	return a.String()
}

// ranges is a set as prefixes or first-last.
func ranges(set topology.Set) []string {
	out := make([]string, len(set))
	for i, r := range set {
		out[i] = strings.ReplaceAll(r.String(), "–", "-")
	}
	return out
}

// packet is a connection as a witness writes it.
func packet(from string, to netip.Addr, name string) string {
	if !to.IsValid() {
		return from + " → " + name + ":443/tcp"
	}
	return from + " → " + netip.AddrPortFrom(to, 443).String() + "/tcp"
}

// sentence says who a group of sources is and which way they come.
func sentence(g topology.Group, set topology.Set) string {
	who := ""
	switch g.From {
	case topology.FromNetwork:
		who = "VNet " + g.Network.Name
	case topology.FromUnseen:
		who = "a network that was not read"
	case topology.FromSite:
		who = "site " + g.Site
	case topology.FromInternet:
		who = "the internet"
	case topology.FromServices:
		return "trusted services of Azure"
	}
	switch whole := g.Whole && set.Equal(g.Set); {
	case whole || len(set) == 0:
		who += ", any address"
	case len(g.Subnets) == 1 && setOf(g.Subnets[0].Prefixes).Equal(set):
		who += ", subnet " + g.Subnets[0].Name + " (" + few(ranges(set), 2) + ")"
	default:
		who += ", " + few(ranges(set), 4)
	}
	return who + ways(g.Hops)
}

// ways are the peerings, appliances and gateways that lie between.
func ways(hops []topology.Hop) string {
	var b strings.Builder
	for _, h := range hops {
		name := h.Rule
		if name == "" {
			name = lastOf(h.ID)
		}
		switch h.Step {
		case topology.StepPeering:
			b.WriteString(", through peering " + name)
		case topology.StepAppliance:
			b.WriteString(", through appliance " + name)
		case topology.StepGateway:
			b.WriteString(", through gateway " + name)
		}
	}
	return b.String()
}
