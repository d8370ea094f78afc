package topology

import (
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// String is the group as a sentence without its verdict, for example "VNet
// spoke-7, any address, through peering hub-to-spoke-7".
func (g Group) String() string {
	var b strings.Builder
	switch g.From {
	case FromNetwork:
		b.WriteString("VNet " + g.Network.Name)
		if !g.Whole {
			b.WriteString(plural(", subnet ", ", subnets ", g.Subnets))
		}
		b.WriteString(", " + g.addresses())
	case FromUnseen:
		b.WriteString("a network that was not read")
		if g.Peering != nil {
			b.WriteString(", " + lastSegment(g.Peering.Remote.ID) + ", " + g.addresses())
		}
	case FromSite:
		b.WriteString(g.Site + ", " + g.addresses())
	case FromInternet:
		b.WriteString("the internet, " + g.addresses())
	case FromServices:
		b.WriteString("trusted services of Azure")
	default:
		b.WriteString("nobody knows who")
	}
	for _, h := range g.Hops {
		if way := h.way(); way != "" {
			b.WriteString(", " + way)
		}
	}
	return b.String()
}

func (g Group) addresses() string {
	switch {
	case g.Whole:
		return "any address"
	case len(g.Set) > 4:
		return g.Set[:4].String() + " and " + strconv.Itoa(len(g.Set)-4) + " more ranges"
	default:
		return g.Set.String()
	}
}

func plural(one, many string, subnets []*estate.Subnet) string {
	if len(subnets) == 0 {
		return ""
	}
	names := make([]string, len(subnets))
	for i, s := range subnets {
		names[i] = s.Name
	}
	if len(names) == 1 {
		return one + names[0]
	}
	return many + strings.Join(names, ", ")
}

// way is how a hop belongs in a sentence about the way; empty for hops that a
// reader takes for granted.
func (h Hop) way() string {
	switch h.Step {
	case StepPeering:
		if h.Note == NoteConnectedGroup {
			return "through the connected group " + lastSegment(h.ID)
		}
		return "through peering " + h.Rule
	case StepGateway:
		return "through gateway " + lastSegment(h.ID)
	case StepAppliance:
		return "through appliance " + lastSegment(h.ID)
	}
	if h.Note == NoteServiceEndpoint {
		return "through the subnet's service endpoint"
	}
	return ""
}

// String is the hop as a sentence, for example "security group nsg-pe, rule
// deny-all: denied, the rule decides".
func (h Hop) String() string {
	var b strings.Builder
	b.WriteString(h.Step.String())
	if name := h.name(); name != "" {
		b.WriteString(" " + name)
	}
	b.WriteString(": " + h.Verdict.String() + ", " + h.Note.String())
	return b.String()
}

func (h Hop) name() string {
	name := lastSegment(h.ID)
	switch {
	case h.Step == StepGroup && h.Rule != "" && name == h.Rule:
		return lastSegment(strings.TrimSuffix(strings.TrimSuffix(h.ID, name), "/securityRules/")) + ", rule " + h.Rule
	case h.Rule != "" && h.Rule != name:
		return name + ", rule " + h.Rule
	}
	return name
}

func lastSegment(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

// String is the whole answer in one line.
func (f Flow) String() string {
	parts := make([]string, len(f.Hops))
	for i, h := range f.Hops {
		parts[i] = h.String()
	}
	return f.Verdict.String() + ": " + strings.Join(parts, "; ")
}

// String is the link as a line of nslookup's kind.
func (l Link) String() string {
	s := l.Name
	if l.Type != "" {
		s += " " + l.Type
	} else {
		s += " ?"
	}
	if l.Value != "" {
		s += " " + l.Value
	}
	return s + " (" + l.By.String() + ")"
}

// String is the whole answer in one line.
func (a Answer) String() string {
	parts := make([]string, len(a.Chain))
	for i, l := range a.Chain {
		parts[i] = l.String()
	}
	return a.Result.String() + ": " + strings.Join(parts, "; ")
}
