package topology

import (
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// membership is an account's place in a network security perimeter.
type membership struct {
	id      string
	at      estate.At
	sure    bool // the association certainly means the account
	mode    estate.Value[string]
	profile *estate.PerimeterProfile // nil where it was not read
}

// perimetersOf are the memberships of an account: those that perimeters state,
// else those that the account itself shows.
func (t *Topology) perimetersOf(a *estate.Account) []membership {
	var out []membership
	for _, p := range t.e.Perimeters {
		for _, x := range p.Associations {
			mine := x.Target.To == estate.Thing(a)
			if !mine && x.Target.State != estate.Unknown {
				continue
			}
			profile, _ := x.Profile.Get()
			if profile != nil && (profile.Stub || profile.Doubt != 0) {
				profile = nil
			}
			out = append(out, membership{x.ID, x.At, mine && x.Doubt == 0, x.Mode, profile})
		}
	}
	if len(out) == 0 {
		for _, c := range a.Perimeters { // a perimeter that was not read
			out = append(out, membership{id: c.ID, at: c.At, sure: true, mode: c.Mode})
		}
	}
	return out
}

// within is the word of the perimeters that an account is in, over the word of
// its own settings.
//
// https://learn.microsoft.com/azure/private-link/network-security-perimeter-transition:
// in Enforced mode the perimeter's rules alone decide; in Learning (transition)
// mode what they do not admit is left to the resource.
func (t *Topology) within(memberships []membership, own Hop, who caller) Hop {
	for i := len(memberships) - 1; i >= 0; i-- {
		m := memberships[i]
		h := m.admits(own, who)
		if !m.sure && h.Verdict != own.Verdict {
			h = Hop{Step: StepAccount, Note: NotePerimeterUnclear, ID: m.id, At: m.at}
		}
		own = h
	}
	return own
}

// admits is the word of one perimeter over what holds without it.
func (m membership) admits(own Hop, who caller) Hop {
	h := Hop{Step: StepAccount, ID: m.id, At: m.at, Note: NotePerimeterUnclear}
	match := maybe
	if m.profile != nil {
		match = m.match(who, &h)
	}
	mode, known := m.mode.Or("Learning")
	switch enforced := strings.EqualFold(mode, "Enforced"); {
	case match == yes:
		h.Verdict, h.Note = Allowed, NotePerimeterRule
	case match == maybe && (own.Verdict != Allowed || enforced || !known):
	case !known && own.Verdict != Denied:
	case enforced || !known:
		h.Verdict, h.Note = Denied, NotePerimeterDenies
	default:
		return own
	}
	return h
}

// match says whether a profile's inbound rules admit a caller. Rules by
// subscription ask who calls, which an address does not tell.
func (m membership) match(who caller, h *Hop) tri {
	t := no
	for _, r := range m.profile.Rules {
		direction, known := r.Direction.Or("Inbound")
		if known && !strings.EqualFold(direction, "Inbound") {
			continue
		}
		match := no
		if len(r.Subscriptions.Items) > 0 || len(r.ServiceTags.Items) > 0 || r.Doubt != 0 ||
			r.Subscriptions.State == estate.Unknown || r.ServiceTags.State == estate.Unknown {
			match = maybe
		}
		fake := &estate.Account{IPRules: r.Prefixes}
		if _, by := ipRule(fake, who); by > match {
			match = by
		}
		if !known {
			match = match.and(maybe)
		}
		if match > t {
			t, h.ID, h.Rule, h.At = match, r.ID, r.Name, r.At
		}
	}
	return t
}
