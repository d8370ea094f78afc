package posture

import (
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

func perimeterEnforced() row {
	return row{Check{
		ID:    "perimeter-enforced",
		Title: "The network security perimeter is enforced",
		Level: Advice,
		Looks: "networkSecurityPerimeterConfigurations[].resourceAssociation.accessMode, where there is a perimeter",
		Why:   "In learning mode a perimeter writes down what it would have denied and lets it pass. It looks finished in the portal and is not.",
	}, each(perimeter)}
}

func perimeter(s *scene, a *subject) Finding {
	f, status := s.on(a), Pass
	judge := func(t estate.Thing, mode estate.Value[string]) {
		f.Evidence = append(f.Evidence, saw(s, t, mode, "Learning"))
		switch m, known := mode.Or("Learning"); {
		case !known:
			status = worse(status, Unknown)
		case !strings.EqualFold(m, "Enforced"):
			status = Fail
			f = f.by("accessMode %s", m).mended("", azSet(t, "properties.accessMode=Enforced"))
		}
	}
	for _, c := range a.Perimeters {
		judge(c, c.Mode)
	}
	for _, as := range s.associations(a) {
		judge(as, as.Mode)
	}
	switch {
	case len(f.Evidence) == 0:
		return Finding{} // no perimeter, no finding
	case status == Pass:
		return f.pass("the perimeter around %s is enforced", a.Name)
	case status == Unknown:
		return f.doubt("whether the perimeter around %s is enforced cannot be told", a.Name)
	default:
		return f.fail("the perimeter around %s is not enforced", a.Name)
	}
}

// associations are the perimeters that say they hold the account.
func (s *scene) associations(a *subject) []*estate.PerimeterAssociation {
	var of []*estate.PerimeterAssociation
	for _, p := range s.Perimeters {
		for _, as := range p.Associations {
			if as.Target.State == estate.Known && sameID(as.Target.ID, a.ID) {
				of = append(of, as)
			}
		}
	}
	return of
}

// perimeterDoor judges publicNetworkAccess SecuredByPerimeter: only what an
// inbound rule of the perimeter's profile names comes in.
// https://learn.microsoft.com/azure/private-link/network-security-perimeter-concepts
func (s *scene) perimeterDoor(a *subject, f Finding) Finding {
	associations := s.associations(a)
	if len(associations) == 0 {
		return f.doubt("%s leaves its door to a perimeter that was not read", a.Name)
	}
	status := Pass
	for _, as := range associations {
		profile, state := as.Profile.Get()
		if state != estate.Known || profile.Stub {
			status = worse(status, Unknown)
			continue
		}
		for _, r := range profile.Rules {
			answer := inbound(r)
			if answer != Pass {
				f.Evidence = append(f.Evidence, sawList(s, r, r.Prefixes, "none"))
				f = f.by("perimeter rule %s", r.Name)
			}
			status = worse(status, answer)
		}
	}
	switch status {
	case Pass:
		return f.pass("%s takes calls through its perimeter alone, which lets few addresses in", a.Name)
	case Fail:
		return f.fail("the perimeter of %s lets wide ranges of the internet in", a.Name)
	default:
		return f.doubt("whom the perimeter of %s lets in cannot be told", a.Name)
	}
}

// inbound says whether a perimeter's rule lets few addresses in. Whole
// subscriptions and service tags cannot be counted.
func inbound(r *estate.PerimeterRule) Status {
	switch {
	case is(r.Direction, "Outbound"):
		return Pass
	case r.Direction.State == estate.Unknown || !r.Subscriptions.Empty() || !r.ServiceTags.Empty():
		return worse(Unknown, widest(r.Prefixes))
	default:
		return widest(r.Prefixes)
	}
}
