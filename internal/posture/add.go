package posture

import "slices"

// Add puts findings of another source, such as probes, into the report, and
// weighs it again. What was observed counts beside what was modelled.
func (r *Report) Add(findings ...Finding) {
	r.Findings = append(r.Findings, findings...)
	slices.SortStableFunc(r.Findings, inOrder)
	r.Verdict = verdict(r.Findings, len(r.Accounts) > 0)
}
