package cli

import (
	"net/netip"
	"slices"

	"github.com/ostiary/ostiary/internal/posture"
	"github.com/ostiary/ostiary/internal/probe"
	"github.com/ostiary/ostiary/internal/topology"
)

// subject is an account that is looked at.
type subject struct {
	account string // its id
	host    string
	doors   []doorway
}

// doorway is an address of a private endpoint.
type doorway struct {
	endpoint string // its id
	address  netip.Addr
}

func (s subject) addresses() []netip.Addr {
	var all []netip.Addr
	for _, d := range s.doors {
		if d.address.IsValid() {
			all = append(all, d.address)
		}
	}
	return all
}

// model is what the topology says of one place.
type model struct {
	t  *topology.Topology
	at stand
}

// resolve says what a name is here. What differs among the places is not known.
func (m model) resolve(host string) topology.Answer {
	var first topology.Answer
	for i, p := range m.at.places {
		a := m.t.Resolve(p, host)
		switch {
		case i == 0:
			first = a
		case a.Result != first.Result || !sameSet(a.Addrs, first.Addrs):
			first.Result, first.Addrs = topology.Unresolved, nil
		}
	}
	return first
}

func (m model) flow(to topology.Target) topology.Flow {
	var first topology.Flow
	for i, p := range m.at.places {
		f := m.t.Flow(p, to, topology.Port{Number: 443})
		switch {
		case i == 0:
			first = f
		case f.Verdict != first.Verdict:
			return topology.Flow{Hops: []topology.Hop{{Step: topology.StepPlace, Note: topology.NoteMixed}}}
		}
	}
	return first
}

// toward is the flow of a connection to an address that the account's name may
// have: an endpoint's, another private one, or else its public front. The name
// says what is meant by it, wherever another machine has the same address.
func (m model) toward(s subject, a netip.Addr) (f topology.Flow, front bool) {
	for _, d := range s.doors {
		if d.address == a {
			return m.through(d), false
		}
	}
	if !probe.Public(a) {
		return m.flow(topology.Address(a)), false
	}
	to, _ := m.t.TargetOf(s.account)
	return m.flow(to), true
}

func (m model) through(d doorway) topology.Flow {
	to, _ := m.t.TargetOf(d.endpoint)
	return m.flow(to)
}

// reaches reports whether this place certainly reaches an endpoint.
func (m model) reaches(s subject) bool {
	return slices.ContainsFunc(s.doors, func(d doorway) bool { return m.through(d).Verdict == topology.Allowed })
}

// asResolved holds what a resolver gave against what is modelled. That there is
// no such name and that it has no address are one to a client, and its system
// does not tell them apart.
func asResolved(want topology.Answer, seen probe.Facts, six bool) posture.Status {
	if want.Result == topology.Unresolved || seen.Seen != probe.SeenAnswer {
		return posture.Unknown
	}
	public := func(a netip.Addr) bool { return probe.Public(a) }
	same := len(seen.Addresses) == 0
	switch want.Result {
	case topology.Addresses:
		other := func(a netip.Addr) bool { return a.Is6() != six }
		same = sameSet(slices.DeleteFunc(slices.Clone(want.Addrs), other), seen.Addresses)
	case topology.Public: // which ones differs from place to place
		same = (six || !same) && !slices.ContainsFunc(seen.Addresses, func(a netip.Addr) bool { return !public(a) })
	}
	return statusOf(same)
}

// asReached holds what came of a connection against the modelled flow. Where
// the account itself refuses, its word is the sign; something on the way that
// takes no connection lets nobody through either. Where a rule on the way
// refuses, the account must not come to say a word.
func asReached(want topology.Flow, seen probe.Seen) posture.Status {
	by := want.Decider()
	switch {
	case by == nil || want.Verdict == topology.Unknown || seen == probe.SeenNothing || seen == probe.SeenAnswer:
		return posture.Unknown
	case want.Verdict == topology.Allowed:
		return statusOf(seen == probe.SeenLetIn || seen == probe.SeenConnection)
	case by.Step == topology.StepAccount && seen == probe.SeenConnection:
		return posture.Unknown // the account was not asked
	case by.Step == topology.StepAccount:
		return statusOf(seen == probe.SeenKeptOut || seen == probe.SeenNoConnection)
	}
	return statusOf(seen == probe.SeenNoConnection)
}

func statusOf(same bool) posture.Status {
	if same {
		return posture.Pass
	}
	return posture.Fail
}

func sameSet(a, b []netip.Addr) bool {
	in := func(all []netip.Addr) func(netip.Addr) bool {
		return func(x netip.Addr) bool { return !slices.Contains(all, x) }
	}
	return !slices.ContainsFunc(a, in(b)) && !slices.ContainsFunc(b, in(a))
}
