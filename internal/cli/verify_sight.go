package cli

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/posture"
	"github.com/ostiary/ostiary/internal/probe"
	"github.com/ostiary/ostiary/internal/topology"
)

// sight is one look held against the model. Those that say the same become one
// finding.
type sight struct {
	check    posture.Check
	status   posture.Status
	what     string
	modelled string // what decided it in the model
	look     string
	got      string
	evidence []posture.Evidence
}

// compare holds all that was seen of an account against the model.
func (m model) compare(s subject, seen []probe.Observation, own []string) []posture.Finding {
	var sights []sight
	for _, o := range seen {
		if o.Host != s.host {
			continue
		}
		if o.Name == "dns-a" || o.Name == "dns-aaaa" {
			sights = append(sights, m.name(s, o, own)...)
		}
		for _, t := range tries(o) {
			sights = append(sights, m.reach(s, o, t.Address, t.seen))
		}
	}
	tried := slices.ContainsFunc(sights, func(x sight) bool { return x.check.ID == modelledReach().ID })
	if !tried {
		sights = append(sights, sight{check: modelledReach(), status: posture.Unknown, what: "from " + m.at.name + ", no connection to " + s.host + " was tried"})
	}
	return findings(s.account, sights)
}

// name is what a resolver said, beside what it should by the model. One on the
// internet, and any DoH resolver, is modelled as the internet's.
func (m model) name(s subject, o probe.Observation, own []string) []sight {
	if ofInternet(o.Resolver, own) {
		m.at = outside("")
	}
	want := m.resolve(s.host)
	six := o.Name == "dns-aaaa"
	status := asResolved(want, o.Facts, six)
	if six && status != posture.Fail && o.Seen == probe.SeenAnswer && len(o.Addresses) == 0 {
		return nil // most have none; it says nothing that A does not
	}
	from, modelled := "from "+m.at.name+", "+s.host, words(want)
	x := sight{check: modelledName(), status: status, modelled: want.String(), look: o.Name + " by " + o.Resolver, got: o.Got}
	switch {
	case status == posture.Pass:
		x.what = from + " resolves to " + modelled + ", as modelled"
	case status == posture.Fail:
		x.what = from + " is modelled to resolve to " + modelled + ", and resolves to " + o.Got
	case want.Result != topology.Unresolved:
		x.what = from + " is modelled to resolve to " + modelled + ", and no answer was had"
	case o.Seen == probe.SeenAnswer:
		x.what = "what " + s.host + " resolves to from " + m.at.name + " is not modelled for certain; it resolves to " + o.Got
	default:
		x.what = "what " + s.host + " resolves to from " + m.at.name + " is neither modelled for certain nor seen"
	}
	for _, l := range want.Chain {
		if l.ID != "" {
			x.evidence = append(x.evidence, posture.Evidence{Resource: l.ID, Pointer: m.t.Estate().Pointer(l.At), Value: l.String()})
		}
	}
	return []sight{x}
}

// words are what a name resolves to.
func words(a topology.Answer) string {
	switch a.Result {
	case topology.Addresses:
		all := make([]string, len(a.Addrs))
		for i, addr := range a.Addrs {
			all[i] = addr.String()
		}
		return strings.Join(all, ", ")
	case topology.Public:
		return "public addresses"
	}
	return "no address"
}

// ofInternet reports whether a resolver asks as the internet does, wherever its
// client stands. The machine's own servers stand for its place, and so does
// Azure's, at its public address: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16.
func ofInternet(resolver string, own []string) bool {
	server, _, _ := strings.Cut(resolver, " ")
	if slices.Contains(own, server) {
		return false
	}
	a, err := netip.ParseAddr(server)
	if err != nil {
		at, _ := netip.ParseAddrPort(server)
		a = at.Addr()
	}
	return strings.HasPrefix(server, "https://") || probe.Public(a) && a != netip.AddrFrom4([4]byte{168, 63, 129, 16})
}

// tried is an address and what came of a connection to it.
type tried struct {
	probe.Try
	seen probe.Seen
}

// tries are the connections of one look. Of several public addresses, which
// are one front, only the last says something.
func tries(o probe.Observation) []tried {
	var all []tried
	for i, t := range o.Tried {
		x := tried{t, probe.SeenNoConnection}
		if t.Connected {
			x.seen = o.Seen
		}
		if i == len(o.Tried)-1 || !probe.Public(t.Address) {
			all = append(all, x)
		}
	}
	return all
}

// reach is what came of a connection, beside what should by the model.
func (m model) reach(s subject, o probe.Observation, a netip.Addr, seen probe.Seen) sight {
	want, front := m.toward(s, a)
	if front && seen == probe.SeenConnection {
		seen = probe.SeenNothing // the front takes everybody's connection, and says no later
	}
	target := "from " + m.at.name + ", " + s.host + " at " + a.String()
	if front {
		target = "from " + m.at.name + ", the public front of " + s.host
	}
	modelled := map[topology.Verdict]string{topology.Allowed: "reached", topology.Denied: "not reached"}[want.Verdict]
	x := sight{check: modelledReach(), status: asReached(want, seen), look: o.Name, got: o.Got, modelled: want.Verdict.String()}
	switch {
	case x.status == posture.Pass:
		x.what = target + " is " + modelled + ", as modelled"
	case x.status == posture.Fail:
		x.what = target + " is modelled as " + modelled + ", and " + does(seen)
	case want.Verdict != topology.Unknown:
		x.what = target + " is modelled as " + modelled + ", and what was seen does not tell"
	default:
		x.what = target + ": whether it is reached is not modelled for certain; it " + does(seen)
	}
	if h := want.Decider(); h != nil {
		x.modelled = h.String()
		if h.ID != "" {
			x.evidence = []posture.Evidence{{Resource: h.ID, Pointer: m.t.Estate().Pointer(h.At), Value: h.String()}}
		}
	}
	return x
}

// does is what the target of a connection was seen to do.
func does(seen probe.Seen) string {
	switch seen {
	case probe.SeenNoConnection:
		return "takes no connection"
	case probe.SeenConnection:
		return "takes connections"
	case probe.SeenKeptOut:
		return "refuses calls because of where they come from"
	case probe.SeenLetIn:
		return "lets calls in"
	}
	return "shows nothing that tells"
}
