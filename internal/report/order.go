package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/posture"
)

// State is what became of a finding: its status, or waived.
type State string

// The states, gravest first.
const (
	Fail    State = "fail"
	Unknown State = "unknown"
	Waived  State = "waived"
	Pass    State = "pass"
)

// StateOf is the state of a finding. A waiver that it carries holds: package
// posture takes those off that have ended. A status that is none of posture's
// is unknown, never a pass.
func StateOf(f posture.Finding) State {
	switch {
	case f.Status == posture.Pass:
		return Pass
	case f.Waiver != nil:
		return Waived
	case f.Status == posture.Fail:
		return Fail
	default:
		return Unknown
	}
}

// Counts is how many findings are in which state.
type Counts struct {
	MustFail      int `json:"must_fail"`
	MustUnknown   int `json:"must_unknown"`
	AdviceFail    int `json:"advice_fail"`
	AdviceUnknown int `json:"advice_unknown"`
	Waived        int `json:"waived"`
	Pass          int `json:"pass"`
}

// CountsOf counts the findings of r.
func CountsOf(r posture.Report) Counts {
	var c Counts
	for _, f := range r.Findings {
		advice := f.Level == posture.Advice
		switch state := StateOf(f); {
		case state == Pass:
			c.Pass++
		case state == Waived:
			c.Waived++
		case state == Fail && advice:
			c.AdviceFail++
		case state == Fail:
			c.MustFail++
		case advice:
			c.AdviceUnknown++
		default:
			c.MustUnknown++
		}
	}
	return c
}

// normal is r in the one order that every form shows, with no nil list: it
// copies what it changes.
func normal(r posture.Report) posture.Report {
	r.Accounts = sorted(r.Accounts, strings.Compare)
	r.Findings = sorted(r.Findings, compareFindings)
	r.Reached = sorted(r.Reached, func(a, b posture.Reached) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Address, b.Address), cmp.Compare(a.Port, b.Port))
	})
	for i, reached := range r.Reached {
		sources := sorted(reached.Sources, compareSources)
		for j := range sources {
			if sources[j].Ranges == nil {
				sources[j].Ranges = []string{}
			}
		}
		r.Reached[i].Sources = sources
	}
	r.Map.Nodes = sorted(r.Map.Nodes, func(a, b posture.Node) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Detail, b.Detail))
	})
	r.Map.Edges = sorted(r.Map.Edges, func(a, b posture.Edge) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Kind, b.Kind), cmp.Compare(classOf(a.Allowed, a.Status), classOf(b.Allowed, b.Status)), cmp.Compare(a.Rule, b.Rule))
	})
	return r
}

func sorted[T any](list []T, compare func(a, b T) int) []T {
	list = append([]T{}, list...)
	slices.SortStableFunc(list, compare)
	return list
}

func compareFindings(a, b posture.Finding) int {
	return cmp.Or(
		cmp.Compare(statusRank(a.Status), statusRank(b.Status)), cmp.Compare(levelRank(a.Level), levelRank(b.Level)),
		cmp.Compare(a.ID, b.ID), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.What, b.What), cmp.Compare(a.Witness, b.Witness),
	)
}

func compareSources(a, b posture.Sources) int {
	return cmp.Or(cmp.Compare(classOf(a.Allowed, a.Status), classOf(b.Allowed, b.Status)), cmp.Compare(a.Where, b.Where), cmp.Compare(a.Sentence, b.Sentence), slices.Compare(a.Ranges, b.Ranges), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Pointer, b.Pointer))
}

func statusRank(s posture.Status) int {
	return max(0, slices.Index([]posture.Status{posture.Fail, posture.Unknown, posture.Pass}, s))
}

func levelRank(l posture.Level) int {
	if l == posture.Advice {
		return 1
	}
	return 0
}

// class is how a source stands to the model, gravest first.
type class int

const (
	intruder class = iota // reaches it, and is not meant to
	cutOff                // is meant to reach it, and is blocked
	doubt                 // cannot be told
	meant                 // reaches it, as meant
	blocked
	none // nothing is said of it
)

// classOf reads the two fields that sources and edges have in common.
func classOf(allowed bool, status posture.Status) class {
	switch {
	case status == posture.Unknown:
		return doubt
	case !allowed && status == posture.Fail:
		return cutOff
	case !allowed:
		return blocked
	case status == posture.Fail:
		return intruder
	default:
		return meant
	}
}

// group is a chapter of the findings.
type group struct {
	Key, Title string
	Findings   []posture.Finding
}

// groups sorts the findings into the chapters that people read, in the order
// in which they should.
func groups(r posture.Report) []group {
	all := []group{
		{Key: "must", Title: "To mend"},
		{Key: "unknown", Title: "Could not be told"},
		{Key: "advice", Title: "Advice"},
		{Key: "waived", Title: "Waived"},
		{Key: "pass", Title: "Passed"},
	}
	for _, f := range r.Findings {
		i := slices.Index([]State{Fail, Unknown, "", Waived, Pass}, StateOf(f))
		if i < 2 && f.Level == posture.Advice {
			i = 2
		}
		all[i].Findings = append(all[i].Findings, f)
	}
	return all
}
