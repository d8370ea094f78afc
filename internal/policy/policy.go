// Package policy decides who may call what: a principal belongs to workloads,
// a workload has grants, a grant allows operations on deployments. What no
// grant allows is denied, and the same question always gets the same answer.
//
// It decides by names alone. It knows no request body, no time and no load,
// and whether a deployment exists is not its affair.
package policy

import (
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/openai"
)

// Decision is the answer, with its reason.
type Decision struct {
	Allowed  bool
	Workload string // the workload that decided; empty if the caller belongs to none
	Grant    string // the grant that allows, as text; empty if none does
	Why      string // one clause, for the ledger and for people
	Capture  string // how much of the call is recorded, as the workload says; empty for the default
}

// Call is what the caller wants to do.
type Call struct {
	Operation  openai.Operation
	Deployment string // empty where none is named, or none is named yet
}

// Policy is a checked set of workloads. It never changes.
type Policy struct{ workloads []workload }

type workload struct {
	Workload
	members, subjects openai.Patterns
	grants            []grant
}

type grant struct {
	deployments, operations openai.Patterns
	text                    string
}

// New checks the workloads. Names must be distinct and patterns well formed;
// errors are faults of kind Invalid.
func New(workloads []Workload) (*Policy, error) {
	p := &Policy{}
	names := map[string]bool{}
	for _, w := range workloads {
		parsed, err := parse(w)
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

func parse(w Workload) (parsed workload, err error) {
	parsed.Workload = w
	if parsed.members, err = openai.ParsePatterns(w.Members); err != nil {
		return parsed, err
	}
	if parsed.subjects, err = openai.ParsePatterns(w.Subjects); err != nil {
		return parsed, err
	}
	for _, g := range w.Grants {
		var next grant
		if next.deployments, err = openai.ParsePatterns(g.Deployments); err != nil {
			return parsed, err
		}
		if next.operations, err = openai.ParsePatterns(g.Operations); err != nil {
			return parsed, err
		}
		next.text = strings.Join(g.Operations, ",") + " on " + strings.Join(g.Deployments, ",")
		parsed.grants = append(parsed.grants, next)
	}
	return parsed, nil
}

// Workloads lists the names, in the order of the configuration.
func (p *Policy) Workloads() []string {
	names := make([]string, len(p.workloads))
	for i, w := range p.workloads {
		names[i] = w.Name
	}
	return names
}

// Decide finds the first workload, in the order of the configuration, that the
// caller belongs to and that has a grant for the call. A call that names no
// deployment is allowed where the operation is granted on any: for an
// operation that has none that is the answer; where the request's body names
// the deployment, the caller asks again when it has read it.
func (p *Policy) Decide(who identity.Principal, call Call) Decision {
	denied := Decision{Why: "the caller belongs to no workload"}
	for _, w := range p.workloads {
		if !w.has(who) {
			continue
		}
		for _, g := range w.grants {
			if g.allows(call) {
				return Decision{Allowed: true, Workload: w.Name, Grant: g.text, Why: w.Name + ": " + g.text, Capture: w.Capture}
			}
		}
		if denied.Workload == "" {
			denied = Decision{Workload: w.Name, Why: w.Name + ": no grant for " + call.text(), Capture: w.Capture}
		}
	}
	return denied
}

func (c Call) text() string {
	if c.Deployment == "" {
		return string(c.Operation)
	}
	return string(c.Operation) + " on " + c.Deployment
}

func (g grant) allows(call Call) bool {
	return g.operations.Match(string(call.Operation)) &&
		(call.Deployment == "" || g.deployments.Match(call.Deployment))
}

// has says whether the caller belongs to the workload: it is named by one of
// the lists, or by its gateway key, and nothing narrows it out.
func (w *workload) has(who identity.Principal) bool {
	if who.Issuer == identity.KeyIssuer {
		return who.Workload == w.Name
	}
	named := who.Member != "" && w.members.Match(who.Member) ||
		who.Member == "" && w.subjects.Match(who.Subject) ||
		who.App != "" && containsFold(w.Apps, who.App) ||
		slices.ContainsFunc(who.Groups, func(g string) bool { return containsFold(w.Groups, g) }) ||
		slices.ContainsFunc(who.Roles, func(r string) bool { return slices.Contains(w.Roles, r) })
	return named && w.fits(who)
}

func (w *workload) fits(who identity.Principal) bool {
	for k, v := range w.Attributes {
		if who.Attributes[k] != v {
			return false
		}
	}
	return len(w.Tenants) == 0 || containsFold(w.Tenants, who.Tenant)
}

// containsFold compares without case: tenants, applications and groups are
// GUIDs, which tools write either way.
func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(item string) bool { return strings.EqualFold(item, s) })
}
