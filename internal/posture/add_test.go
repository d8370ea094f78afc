package posture

import (
	"slices"
	"testing"
	"time"
)

// TestAddedFindingsCanBeWaived: what a probe saw weighs, unless it is accepted.
func TestAddedFindingsCanBeWaived(t *testing.T) {
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	waiver := Waiver{Finding: "probe-tcp", Resource: "/A/acct", Reason: "tried by hand", Expires: now.Add(time.Hour)}
	seen := Finding{ID: "probe-tcp", Resource: "/a/acct", Level: Must, Status: Fail}
	for _, c := range []struct {
		waivers []Waiver
		now     time.Time
		want    Verdict
		notes   int
	}{
		{nil, now, Open, 1},
		{[]Waiver{waiver}, now, Private, 1},
		{[]Waiver{waiver}, now.Add(2 * time.Hour), Open, 1},
		{[]Waiver{{Finding: "other", Resource: "/a/acct", Expires: waiver.Expires}}, now, Open, 2},
	} {
		r := Report{Accounts: []string{"/a/acct"}, Notes: []string{"kept"}}
		for _, w := range c.waivers {
			r.Notes = append(r.Notes, w.unmatched())
		}
		r.Add(Options{Waivers: c.waivers, Now: c.now}, seen)
		if r.Verdict != c.want || len(r.Notes) != c.notes || !slices.Contains(r.Notes, "kept") {
			t.Errorf("%+v: %v, notes %q", c.waivers, r.Verdict, r.Notes)
		}
	}
}
