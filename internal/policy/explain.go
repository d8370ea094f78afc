package policy

import (
	"github.com/ostiary/ostiary/internal/identity"
)

// Explanation is a decision with all that led to it.
type Explanation struct {
	Allowed   bool         `json:"allowed"`
	Workload  string       `json:"workload,omitempty"` // that decided
	Grant     string       `json:"grant,omitempty"`    // that allows
	Why       string       `json:"why"`
	Workloads []Membership `json:"workloads"` // in the order of the configuration
}

// Membership says whether the caller belongs to a workload, and what its
// grants say of the call.
type Membership struct {
	Workload string  `json:"workload"`
	Belongs  bool    `json:"belongs"`
	Why      string  `json:"why"`
	Grants   []Tried `json:"grants,omitempty"` // of a workload that the caller belongs to
}

// Tried is one grant's answer.
type Tried struct {
	Grant  string `json:"grant"`
	Allows bool   `json:"allows"`
	Why    string `json:"why"`
}

// Explain decides as Decide does, and tells of every workload and grant, those
// too that Decide has no need to ask.
func (p *Policy) Explain(who identity.Principal, call Call) Explanation {
	d := p.Decide(who, call)
	e := Explanation{Allowed: d.Allowed, Workload: d.Workload, Grant: d.Grant, Why: d.Why}
	for i := range p.workloads {
		w := &p.workloads[i]
		m := w.membership(&who)
		if call.Workload != "" && call.Workload != w.Name {
			m.Why += "; the call names another workload"
		} else if m.Belongs {
			for i := range w.grants {
				m.Grants = append(m.Grants, w.grants[i].try(&who, call))
			}
		}
		e.Workloads = append(e.Workloads, m)
	}
	return e
}

func (w *workload) membership(who *identity.Principal) Membership {
	m := Membership{Workload: w.Name}
	by, out := w.named(who), w.narrowed(who)
	switch {
	case by == "":
		m.Why = "no entry names the caller"
	case out != "":
		m.Why = "named by " + by + ", kept out by " + out
	default:
		m.Belongs, m.Why = true, "named by "+by
	}
	return m
}

func (g *grant) try(who *identity.Principal, call Call) Tried {
	t := Tried{Grant: g.text}
	ok, maybe, why := g.allows(who, call)
	switch t.Allows = ok; {
	case maybe:
		t.Why = "the condition is still to be met"
	case ok && g.when != nil:
		t.Why = "the condition holds"
	case ok:
		t.Why = "no condition"
	case !g.operations.Match(string(call.Operation)):
		t.Why = "not for this operation"
	case !g.covers(call) && call.Operation.AnyDeployment():
		t.Why = "not for all deployments, any of which it may use"
	case !g.covers(call):
		t.Why = "not for this deployment"
	default:
		t.Why = why
	}
	return t
}
