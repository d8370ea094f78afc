// Package policy decides who may call what: a principal belongs to workloads,
// a workload has grants, a grant allows operations on deployments, on a
// condition if it has one. What no grant allows is denied, what cannot be
// evaluated too, and the same question always gets the same answer.
//
// It decides by names and by the facts that it is told. It reads no request,
// knows no load, and whether a deployment exists is not its affair.
package policy

import (
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/openai"
)

// Decision is the answer, with its reason.
type Decision struct {
	Allowed  bool
	Maybe    bool   // allowed so far: a condition stands; ask again with Facts
	Workload string // the workload that decided; empty if the caller belongs to none
	Grant    string // the grant that allows, as text; empty if none does
	Why      string // one clause, for the ledger and for people; quotes nothing of the request
	Capture  string // how much of the call is recorded, as the workload says; empty for the default
}

// Call is what the caller wants to do.
type Call struct {
	Operation  openai.Operation
	Deployment string // empty where none is named, or none is named yet
	Workload   string // that the call names, in its path or a header; empty: any that the caller belongs to
	Facts      *Facts // nil where they are not known yet: conditions are then taken to hold
}

// Policy is a checked set of workloads. It never changes.
type Policy struct{ workloads []workload }

type workload struct {
	Workload
	members, subjects, certificates, issuers openai.Patterns
	grants                                   []grant
}

type grant struct {
	deployments, operations openai.Patterns
	when                    *condition // nil: always
	text                    string
	allowed                 Decision // made once, for no call changes it
}

// New checks the workloads. Names must be distinct, patterns well formed and
// conditions sound; errors are faults of kind Invalid.
func New(workloads []Workload) (*Policy, error) {
	p := &Policy{}
	names := map[string]bool{}
	compile := compiler()
	for _, w := range workloads {
		parsed, err := parse(compile, w)
		if err != nil {
			return nil, err
		}
		if names[w.Name] || w.Name == "" {
			return nil, fault.New(fault.Invalid, "a workload without a name of its own").At("workloads." + w.Name)
		}
		names[w.Name] = true
		p.workloads = append(p.workloads, parsed)
	}
	return p, nil
}

func parse(compile compileFunc, w Workload) (workload, error) {
	parsed := workload{Workload: w}
	for _, list := range []struct {
		patterns []string
		to       *openai.Patterns
	}{
		{w.Members, &parsed.members}, {w.Subjects, &parsed.subjects},
		{w.Certificates, &parsed.certificates}, {w.Issuers, &parsed.issuers},
	} {
		var err error
		if *list.to, err = openai.ParsePatterns(list.patterns); err != nil {
			return parsed, err
		}
	}
	for _, g := range w.Grants {
		next, err := parseGrant(compile, g)
		if err != nil {
			return parsed, err
		}
		next.allowed = Decision{
			Allowed: true, Workload: w.Name, Grant: next.text, Why: w.Name + ": " + next.text, Capture: w.Capture,
		}
		parsed.grants = append(parsed.grants, next)
	}
	return parsed, nil
}

func parseGrant(compile compileFunc, g Grant) (parsed grant, err error) {
	if parsed.deployments, err = openai.ParsePatterns(g.Deployments); err != nil {
		return parsed, err
	}
	if parsed.operations, err = openai.ParsePatterns(g.Operations); err != nil {
		return parsed, err
	}
	parsed.text = strings.Join(g.Operations, ",") + " on " + strings.Join(g.Deployments, ",")
	if g.When != "" {
		if parsed.when, err = compile(g.When); err != nil {
			return parsed, err
		}
		parsed.text += " when " + parsed.when.text
	}
	return parsed, nil
}

// Workloads lists the names, in the order of the configuration.
func (p *Policy) Workloads() []string {
	names := make([]string, len(p.workloads))
	for i := range p.workloads {
		names[i] = p.workloads[i].Name
	}
	return names
}

// Workload gives one as it was configured; false where there is none of the
// name. It is not to be changed.
func (p *Policy) Workload(name string) (Workload, bool) {
	for i := range p.workloads {
		if w := &p.workloads[i]; w.Name == name {
			return w.Workload, true
		}
	}
	return Workload{}, false
}

const (
	noWorkload    = "the caller belongs to no workload"
	notOfWorkload = "the caller does not belong to the workload that the call names"
)

// Decide finds the first workload, in the order of the configuration, that the
// caller belongs to and that has a grant for the call; a call that names a
// workload is decided by that one alone.
//
// It is asked twice. Before the body is read, without Facts, and without a
// deployment where the body names it: a call is then allowed where something
// of the kind is granted at all, and Maybe says that conditions are still to
// be met. Then with both. For an operation that has no deployment the absence
// of one is the answer.
func (p *Policy) Decide(who identity.Principal, call Call) Decision {
	denied := Decision{Why: noWorkload}
	if call.Workload != "" {
		denied.Why = notOfWorkload
	}
	for i := range p.workloads {
		w := &p.workloads[i]
		if call.Workload != "" && call.Workload != w.Name || !w.has(&who) {
			continue
		}
		d := w.decide(&who, call)
		if d.Allowed {
			return d
		}
		if denied.Workload == "" {
			denied = d
		}
	}
	return denied
}

// decide asks the grants in their order. The reason for a no is the first
// condition that stood in the way, for it came nearest.
func (w *workload) decide(who *identity.Principal, call Call) Decision {
	obstacle := ""
	for i := range w.grants {
		g := &w.grants[i]
		ok, maybe, why := g.allows(who, call)
		if ok {
			d := g.allowed
			d.Maybe = maybe
			return d
		}
		if obstacle == "" {
			obstacle = why
		}
	}
	d := Decision{Workload: w.Name, Why: w.Name + ": no grant for " + call.text(), Capture: w.Capture}
	if obstacle != "" {
		d.Why += ": " + obstacle
	}
	return d
}

func (c Call) text() string {
	if c.Deployment == "" {
		return string(c.Operation)
	}
	return string(c.Operation) + " on " + c.Deployment
}

const outOfScope = "the gateway key is not for it"

// allows says why not where the names fit and something else does not.
func (g *grant) allows(who *identity.Principal, call Call) (ok, maybe bool, why string) {
	switch {
	case !g.covers(call):
		return false, false, ""
	case !who.Scope.Covers(call.Operation, call.Deployment):
		return false, false, outOfScope
	case g.when == nil:
		return true, false, ""
	case call.Facts == nil:
		return true, true, ""
	}
	ok, why = g.when.holds(call.Facts)
	return ok, false, why
}

func (g *grant) covers(call Call) bool {
	switch {
	case !g.operations.Match(string(call.Operation)):
		return false
	case call.Operation.AnyDeployment():
		return g.deployments.All()
	}
	return call.Deployment == "" || g.deployments.Match(call.Deployment)
}
