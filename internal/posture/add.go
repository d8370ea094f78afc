package posture

import (
	"slices"
	"time"
)

// Add puts findings of another source, such as probes, into the report, and
// weighs it again. What was observed counts beside what was modelled, and can
// be waived as well: o is what Judge was given.
func (r *Report) Add(o Options, findings ...Finding) {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	for i := range o.Waivers {
		w := &o.Waivers[i]
		if matched, _ := w.apply(findings, o.Now); matched {
			r.Notes = slices.DeleteFunc(r.Notes, func(note string) bool { return note == w.unmatched() })
		}
	}
	r.Findings = append(r.Findings, findings...)
	slices.SortStableFunc(r.Findings, inOrder)
	r.Verdict = verdict(r.Findings, len(r.Accounts) > 0)
}
