package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/posture"
)

// Change is what differs between two reports of one estate.
type Change struct {
	Version  int     `json:"version"` // 1
	Old      Side    `json:"old"`
	New      Side    `json:"new"`
	Appeared []Moved `json:"appeared"` // findings of checks or resources that the old report has not
	Vanished []Moved `json:"vanished"` // those that the new report has not
	Moved    []Moved `json:"moved"`    // those whose state is another
	Reach    []Door  `json:"reach"`    // doors whose sources changed
}

// Side is what the change keeps of one report.
type Side struct {
	Verdict posture.Verdict `json:"verdict"`
	Source  string          `json:"source"`
	Taken   time.Time       `json:"taken"`
	Counts  Counts          `json:"counts"`
}

// Moved is a finding with its states before and after; empty where one report
// has it not.
type Moved struct {
	Finding posture.Finding `json:"finding"` // as the newer of the reports that have it says it
	From    State           `json:"from,omitempty"`
	To      State           `json:"to,omitempty"`
}

// Door is what changed at one door of an account.
type Door struct {
	Account  string  `json:"account"`
	Endpoint string  `json:"endpoint"` // empty for the public door
	Port     int     `json:"port"`
	Places   []Place `json:"places"`
}

// Place is what changed in one VNet, subnet or site. Every address whose
// answer is another is in exactly one of the lists, but that an address which
// the two reports call meant and not meant is in none: findings say that.
type Place struct {
	Where  string   `json:"where"`
	Opened []string `json:"opened"` // reaches now; was blocked, unknown or not there
	Closed []string `json:"closed"` // reached or was unknown; is blocked or gone
	Doubt  []string `json:"doubt"`  // unknown now, and was not
}

// Empty says that nothing changed but perhaps the time.
func (c Change) Empty() bool {
	return c.Old.Verdict == c.New.Verdict && len(c.Appeared)+len(c.Vanished)+len(c.Moved)+len(c.Reach) == 0
}

// Diff compares two reports. Resources are the same where their ids are,
// without case.
func Diff(before, after posture.Report) Change {
	before, after = normal(before), normal(after)
	c := Change{
		Version: Version, Old: sideOf(before), New: sideOf(after),
		Appeared: []Moved{}, Vanished: []Moved{}, Moved: []Moved{}, Reach: diffReach(before, after),
	}
	for _, m := range pair(before, after) {
		switch {
		case m.From == "":
			c.Appeared = append(c.Appeared, m)
		case m.To == "":
			c.Vanished = append(c.Vanished, m)
		case m.From != m.To:
			c.Moved = append(c.Moved, m)
		}
	}
	return c
}

func sideOf(r posture.Report) Side {
	return Side{Verdict: r.Verdict, Source: r.Source, Taken: r.Taken, Counts: CountsOf(r)}
}

// pair finds each finding's counterpart: of one check and resource, first
// those that say the same, then the others in their order.
func pair(before, after posture.Report) []Moved {
	type key struct{ id, resource string }
	keyOf := func(f posture.Finding) key { return key{f.ID, strings.ToLower(f.Resource)} }
	old := map[key][]posture.Finding{}
	for _, f := range before.Findings {
		old[keyOf(f)] = append(old[keyOf(f)], f)
	}
	take := func(k key, fits func(posture.Finding) bool) (State, bool) {
		i := slices.IndexFunc(old[k], fits)
		if i < 0 {
			return "", false
		}
		state := StateOf(old[k][i])
		old[k] = slices.Delete(old[k], i, i+1)
		return state, true
	}
	var moved []Moved
	var rest []posture.Finding
	for _, f := range after.Findings {
		same := func(o posture.Finding) bool { return o.What == f.What && o.Status == f.Status }
		if from, ok := take(keyOf(f), same); ok {
			moved = append(moved, Moved{f, from, StateOf(f)})
		} else {
			rest = append(rest, f)
		}
	}
	for _, f := range rest {
		from, _ := take(keyOf(f), func(posture.Finding) bool { return true })
		moved = append(moved, Moved{f, from, StateOf(f)})
	}
	for _, f := range before.Findings {
		if from, ok := take(keyOf(f), func(o posture.Finding) bool { return o.What == f.What && o.Status == f.Status }); ok {
			moved = append(moved, Moved{Finding: f, From: from})
		}
	}
	slices.SortStableFunc(moved, func(a, b Moved) int { return compareFindings(a.Finding, b.Finding) })
	return moved
}

// reach is what one report says of one place at one door.
type reach struct{ reaches, unknown addresses }

type doorKey struct {
	account, endpoint string
	port              int
}

// doors indexes a report by door and place, ids in lower case; named keeps the
// ids as they are written.
func doors(r posture.Report, named map[string]string) map[doorKey]map[string]reach {
	key := func(id string) string {
		k := strings.ToLower(id)
		named[k] = id
		return k
	}
	all := map[doorKey]map[string]reach{}
	for _, reached := range r.Reached {
		d := doorKey{key(reached.Account), key(reached.Endpoint), reached.Port}
		if all[d] == nil {
			all[d] = map[string]reach{}
		}
		for _, s := range reached.Sources {
			place := all[d][key(s.Where)]
			switch set := setOf(s.Ranges); classOf(s.Allowed, s.Status) {
			case doubt:
				place.unknown = place.unknown.plus(set)
			case intruder, meant:
				place.reaches = place.reaches.plus(set)
			}
			all[d][key(s.Where)] = place
		}
	}
	return all
}

func diffReach(before, after posture.Report) []Door {
	named := map[string]string{}
	old, now := doors(before, named), doors(after, named)
	out := []Door{}
	for _, d := range keys(old, now) {
		changed := Door{Account: named[d.account], Endpoint: named[d.endpoint], Port: d.port}
		for _, where := range keys(old[d], now[d]) {
			was, is := old[d][where], now[d][where]
			is.unknown = is.unknown.minus(is.reaches)
			was.unknown = was.unknown.minus(was.reaches)
			opened := is.reaches.minus(was.reaches)
			doubtful := is.unknown.minus(was.unknown)
			closed := was.reaches.plus(was.unknown).minus(is.reaches.plus(is.unknown))
			if !opened.empty() || !closed.empty() || !doubtful.empty() {
				changed.Places = append(changed.Places, Place{named[where], opened.texts(), closed.texts(), doubtful.texts()})
			}
		}
		if len(changed.Places) > 0 {
			out = append(out, changed)
		}
	}
	slices.SortFunc(out, func(a, b Door) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Port, b.Port))
	})
	for _, r := range out {
		slices.SortFunc(r.Places, func(a, b Place) int { return cmp.Compare(a.Where, b.Where) })
	}
	return out
}

// keys are the keys of both maps, each once, in no order.
func keys[K comparable, V any](a, b map[K]V) []K {
	out := make([]K, 0, len(a)+len(b))
	for k := range a {
		out = append(out, k)
	}
	for k := range b {
		if _, both := a[k]; !both {
			out = append(out, k)
		}
	}
	return out
}
