package posture

import (
	"github.com/ostiary/ostiary/internal/topology"
)

// reachedAll tells for each account who comes through its public front and
// through each of its endpoints.
func (s *scene) reachedAll() []Reached {
	var all []Reached
	for _, a := range s.accounts {
		all = append(all, Reached{Account: idOf(a), Address: a.called(), Port: 443, Sources: s.told(s.reach(a)[nil])})
		for _, d := range a.open() {
			r := Reached{Account: idOf(a), Endpoint: idOf(d), Port: 443, Sources: s.told(s.reach(a)[d.PrivateEndpoint])}
			if addr := d.address(); addr.IsValid() {
				r.Address = addr.String()
			}
			all = append(all, r)
		}
	}
	return all
}

func (s *scene) told(sources []source) []Sources {
	out := make([]Sources, 0, len(sources))
	for _, src := range sources {
		t := Sources{
			Sentence: sentence(src.Group, src.set), Where: where(src), Ranges: ranges(src.set),
			Status: src.status(), Allowed: src.Verdict == topology.Allowed, Rule: src.rule,
		}
		if h := src.Decider(); h != nil {
			t.Pointer = s.pointer(h.At)
		}
		out = append(out, t)
	}
	return out
}

// status of sources: they reach it and should, or are blocked and should be.
// Of the public front, a few addresses are let in on purpose.
func (src source) status() Status {
	switch {
	case src.Verdict == topology.Unknown:
		return Unknown
	case src.Endpoint == nil && src.Verdict == topology.Allowed:
		return narrowIf(src.From == topology.FromInternet && !src.Whole && widestOf(src.set) == Pass)
	}
	return narrowIf(src.intended == (src.Verdict == topology.Allowed))
}

// widestOf says whether every range of a set is narrow.
func widestOf(set topology.Set) Status {
	worst := Pass
	for _, text := range ranges(set) {
		worst = worse(worst, width(text))
	}
	return worst
}

func where(src source) string {
	switch {
	case src.From == topology.FromInternet, src.From == topology.FromServices:
		return internet
	case src.Network != nil && len(src.Subnets) == 1:
		return idOf(src.Subnets[0])
	case src.Network != nil:
		return idOf(src.Network)
	case src.Peering != nil:
		return src.Peering.Remote.ID
	}
	return src.SiteID
}
