package posture

import (
	"cmp"
	"slices"
	"time"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// Options is what Judge is told beside the estate.
type Options struct {
	// Source says where the estate comes from: a file, a plan, subscriptions.
	Source string
	// Taken is when the estate was read.
	Taken time.Time
	// Clients are the intended clients: ids or names of networks, subnets,
	// interfaces, apps and sites, or address prefixes. Empty: the rules that
	// admit them on purpose say who they are.
	Clients []string
	// Waivers accept findings until a day.
	Waivers []Waiver
	// Now is the time against which waivers expire. Zero means time.Now.
	Now time.Time
	// Notes are remarks of the reader, kept at the head of the report's.
	Notes []string
	// Listed are the ARM types that the source lists wholly, so that none is
	// there where none appears, for example
	// Microsoft.CognitiveServices/deletedAccounts. What is not listed and does
	// not appear is unknown.
	Listed []string
}

// Judge makes the report on an estate and the topology made of it. It reads
// nothing but its arguments.
func Judge(e *estate.Estate, t *topology.Topology, o Options) Report {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	s := newScene(e, t, o)
	r := Report{Version: 1, Source: o.Source, Taken: o.Taken}
	for _, a := range s.accounts {
		r.Accounts = append(r.Accounts, idOf(a))
	}
	for _, row := range table() {
		for _, f := range row.judge(s) {
			r.Findings = append(r.Findings, row.fill(f))
		}
	}
	s.waive(r.Findings)
	s.remark()
	slices.SortStableFunc(r.Findings, inOrder)
	r.Reached = s.reachedAll()
	r.Map = s.draw(r.Findings)
	r.Verdict = verdict(r.Findings, len(s.accounts) > 0)
	r.Findings = s.bounded(r.Findings)
	r.Notes = slices.Concat(o.Notes, s.notes)
	return r
}

// What a report shows at most, so that it stays readable: of one check, and of
// one finding.
const (
	mostFindings = 100
	mostEvidence = 10
)

// bounded leaves out the last findings of a check that has too many. They are
// in the verdict, and a note counts them.
func (s *scene) bounded(findings []Finding) []Finding {
	count, left := map[string]int{}, map[string]int{}
	kept := findings[:0]
	for _, f := range findings {
		if f.Status != Pass {
			count[f.ID]++
		}
		if f.Status != Pass && count[f.ID] > mostFindings {
			left[f.ID]++
		} else {
			kept = append(kept, f)
		}
	}
	for _, c := range Checks() {
		if left[c.ID] > 0 {
			s.note("%d more findings of %s are not shown; the verdict counts them", left[c.ID], c.ID)
		}
	}
	return kept
}

// remark notes what a reader must know to weigh the findings.
func (s *scene) remark() {
	if len(s.o.Clients) > 0 || len(s.accounts) == 0 {
		return
	}
	var names []string
	seen := map[string]bool{}
	for _, a := range s.accounts {
		for _, p := range s.pairs(a) {
			if !seen[p.id] {
				seen[p.id] = true
				names = append(names, p.name)
			}
		}
	}
	if len(names) == 0 {
		s.note("no client was named, and no rule admits one by its address: whoever reaches an endpoint counts as a stranger")
		return
	}
	s.note("clients were not named but inferred, from the rules that admit them by address: %s", few(names, 8))
}

// fill gives a finding what all findings of its check share.
func (c Check) fill(f Finding) Finding {
	f.ID, f.Title, f.Why, f.Equal = c.ID, c.Title, c.Why, c.Equal.ids()
	f.Level = cmp.Or(f.Level, c.Level)
	return f
}

// inOrder puts what is worst first and keeps the table's order within.
func inOrder(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(rank(a.Status, Fail, Unknown, Pass), rank(b.Status, Fail, Unknown, Pass)),
		cmp.Compare(rank(a.Level, Must, Advice), rank(b.Level, Must, Advice)),
	)
}

func rank[T comparable](x T, order ...T) int { return slices.Index(order, x) }

// verdict weighs the musts that are not waived. Nothing is private without an
// account.
func verdict(findings []Finding, accounts bool) Verdict {
	worst := Pass
	for _, f := range findings {
		if f.Level == Must && f.Waiver == nil {
			worst = worse(worst, f.Status)
		}
	}
	switch {
	case !accounts || worst == Unknown:
		return Undecided
	case worst == Fail:
		return Open
	default:
		return Private
	}
}

// worse is the worse of two answers.
func worse(a, b Status) Status {
	if rank(a, Fail, Unknown, Pass) < rank(b, Fail, Unknown, Pass) {
		return a
	}
	return b
}
