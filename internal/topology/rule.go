package topology

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// Protocol is a transport protocol. The zero value is TCP.
type Protocol uint8

// The protocols that rules tell apart.
const (
	TCP Protocol = iota
	UDP
	ICMP
)

func (p Protocol) String() string { return [...]string{"TCP", "UDP", "ICMP"}[p] }

// Port is what a client asks for: a destination port and its protocol.
type Port struct {
	Number   uint16
	Protocol Protocol
}

// acts is the set of what a rule may do.
type acts uint8

const (
	allows    acts = 1 << iota // lets the packet go on to the groups, or in
	denies                     // drops it
	overrides                  // lets it in whatever the groups say
)

// rule is a compiled rule of a group or of a network manager.
type rule struct {
	id, name string
	at       estate.At
	priority int
	dim      bool // its priority or direction is unknown: it may not apply, or anywhere
	acts     acts
	proto    uint8 // bits of Protocol
	dimProto bool
	from, to matcher
	fromPort ports
	toPort   ports
}

// packet is a TCP or UDP connection's first packet, or an ICMP echo.
type packet struct {
	from, to end
	port     Port
}

// match says whether the rule means the packet, seen from s.
//
// https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview:
// a rule means a packet by the five-tuple of source, source port,
// destination, destination port and protocol.
func (r *rule) match(p *packet, s *scope) tri {
	t := r.service(p.port)
	if t == no {
		return no
	}
	if platform(p.to.addr) != 0 {
		t = t.and(r.bindsPlatform(p.to))
	} else {
		t = t.and(r.to.has(p.to, s))
	}
	if t == no {
		return no
	}
	return t.and(r.from.has(p.from, s))
}

// service says whether the rule means the port and the protocol.
func (r *rule) service(p Port) tri {
	t := triOf(r.proto&(1<<p.Protocol) != 0)
	if t == no && r.dimProto {
		t = maybe
	}
	if t != no && p.Protocol != ICMP {
		t = t.and(r.toPort.has(p.Number)).and(r.fromPort.some())
	}
	if r.dim {
		t = t.and(maybe)
	}
	return t
}

// outcome is what a list of rules makes of a packet.
type outcome struct {
	acts acts
	by   *rule // the rule that decides, or the first that leaves it open
}

// evaluate runs the rules, in order of priority, over a packet. The first
// match ends it
// (https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview,
// section Security rules). A rule that matches perhaps leaves both courses
// open.
func evaluate(rules []rule, p *packet, s *scope) outcome {
	var out outcome
	for i := range rules {
		r := &rules[i]
		t := r.match(p, s)
		if t == no {
			continue
		}
		out = out.add(r, t)
		if t == yes {
			for k := i + 1; k < len(rules) && rules[k].priority == r.priority; k++ {
				// Azure refuses two rules of one priority. Where a document has
				// them all the same, their order is not known.
				if t := rules[k].match(p, s); t != no {
					out = out.add(&rules[k], maybe)
				}
			}
			return out
		}
	}
	// No rule speaks for certain: admin rules leave it to the groups, and no
	// group binds a platform address. Every other group ends in DenyAll.
	out.acts |= allows
	return out
}

func (o outcome) add(r *rule, t tri) outcome {
	was := o.acts
	o.acts |= r.acts
	if o.by == nil || t == yes && was == r.acts {
		o.by = r
	}
	return o
}

// verdict reads the outcome of a security group.
func (o outcome) verdict() Verdict {
	switch o.acts {
	case allows:
		return Allowed
	case denies:
		return Denied
	default:
		return Unknown
	}
}

// group is a compiled security group.
type group struct {
	of      *estate.Group
	in, out []rule
}

// group compiles a security group.
func (c *compiler) group(g *estate.Group) *group {
	out := &group{of: g}
	for _, r := range g.Rules {
		cr := c.rule(r)
		dir, known := r.Direction.V, r.Direction.State == estate.Known
		if !known || strings.EqualFold(dir, "Inbound") {
			out.in = append(out.in, cr)
		}
		if !known || strings.EqualFold(dir, "Outbound") {
			out.out = append(out.out, cr)
		}
	}
	out.in = c.ordered(append(out.in, c.inbound...))
	out.out = c.ordered(append(out.out, c.outbound...))
	return out
}

// ordered sorts rules by priority, those of unknown priority first: evaluate
// takes them as perhaps matching there.
func (c *compiler) ordered(rules []rule) []rule {
	slices.SortStableFunc(rules, func(a, b rule) int { return cmp.Compare(a.priority, b.priority) })
	return rules
}

func (c *compiler) rule(r *estate.Rule) rule {
	out := rule{
		id: r.ID, name: r.Name, at: r.At, priority: r.Priority.V,
		dim:      r.Priority.State != estate.Known || r.Direction.State != estate.Known || r.Doubt != 0,
		from:     c.terms(r.Sources, r.SourceGroups),
		to:       c.terms(r.Destinations, r.DestinationGroups),
		fromPort: portsOf(r.SourcePorts),
		toPort:   portsOf(r.DestinationPorts),
	}
	out.proto, out.dimProto = protocol(r.Protocol)
	switch {
	case r.Access.State == estate.Known && strings.EqualFold(r.Access.V, "Allow"):
		out.acts = allows
	case r.Access.State == estate.Known && strings.EqualFold(r.Access.V, "Deny"):
		out.acts = denies
	default:
		out.acts = allows | denies
	}
	if out.dim {
		out.priority = -1
	}
	return out
}

func protocol(v estate.Value[string]) (bits uint8, dim bool) {
	if v.State != estate.Known {
		return 0, true
	}
	switch strings.ToLower(v.V) {
	case "*", "any":
		return 1<<TCP | 1<<UDP | 1<<ICMP, false
	case "tcp", "6":
		return 1 << TCP, false
	case "udp", "17":
		return 1 << UDP, false
	case "icmp", "1":
		return 1 << ICMP, false
	case "esp", "ah":
		return 0, false
	}
	return 0, true
}

// defaults are the rules that Azure adds to every group.
//
// https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview,
// section Default security rules.
func (c *compiler) defaults() {
	everyPort := ports{all: true}
	const everyProtocol = 1<<TCP | 1<<UDP | 1<<ICMP
	def := func(name string, priority int, a acts, from, to matcher) rule {
		return rule{name: name, priority: priority, acts: a, proto: everyProtocol, from: from, to: to, fromPort: everyPort, toPort: everyPort}
	}
	anyone, vnet, inet := matcher{any: true}, matcher{vnet: true}, matcher{inet: true}
	balancer := matcher{set: One(hostAddress())}
	c.inbound = []rule{
		def("AllowVnetInBound", 65000, allows, vnet, vnet),
		def("AllowAzureLoadBalancerInBound", 65001, allows, balancer, anyone),
		def("DenyAllInBound", 65500, denies, anyone, anyone),
	}
	c.outbound = []rule{
		def("AllowVnetOutBound", 65000, allows, vnet, vnet),
		def("AllowInternetOutBound", 65001, allows, anyone, inet),
		def("DenyAllOutBound", 65500, denies, anyone, anyone),
	}
}
