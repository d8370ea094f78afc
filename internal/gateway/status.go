package gateway

import (
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/limit"
	"github.com/ostiary/ostiary/internal/limit/shared"
	"github.com/ostiary/ostiary/internal/openai"
	"github.com/ostiary/ostiary/internal/policy"
	"github.com/ostiary/ostiary/internal/sink"
)

// Status is how a gateway is, for the people who run it. It holds names and
// numbers alone: no prompt, key, token, address or query of a call.
type Status struct {
	Version   string           `json:"version,omitempty"`
	Since     time.Time        `json:"since"`
	Ready     string           `json:"ready"` // yes, or why not
	InFlight  int64            `json:"in_flight"`
	Backends  []backend.Status `json:"backends"`
	Workloads []WorkloadStatus `json:"workloads"`
	Shared    *shared.Status   `json:"shared_limits,omitempty"`
	Ledger    *LedgerStatus    `json:"ledger,omitempty"`
	Reload    *Reloaded        `json:"reload,omitempty"` // the last; none: there was none
}

// WorkloadStatus is a workload's use in the last minute: calls that were let
// through, by all gateways where limits are shared, and their tokens, of calls
// under way by estimate.
type WorkloadStatus struct {
	Name   string `json:"name"`
	Used   Minute `json:"used"`
	Limits Minute `json:"limits,omitzero"` // zero: none
}

// Minute is what is counted by the minute.
type Minute struct {
	Requests int64 `json:"requests,omitempty"`
	Tokens   int64 `json:"tokens,omitempty"`
}

// LedgerStatus is how far the ledger is.
type LedgerStatus struct {
	Directory string        `json:"directory"`
	Entries   uint64        `json:"entries"`
	Signed    *Checkpoint   `json:"signed,omitempty"` // the last checkpoint of this process; none: none yet
	Sinks     []sink.Status `json:"sinks"`
}

// Checkpoint is the head of the log at some time.
type Checkpoint struct {
	Size uint64    `json:"size"` // entries that it covers
	Root string    `json:"root"` // of the tree, base64
	At   time.Time `json:"at"`
}

// Reloaded is what came of reading the configuration again.
type Reloaded struct {
	At    time.Time `json:"at"`
	Error string    `json:"error,omitempty"` // why the configuration in use is still the old one
	Later []string  `json:"later,omitempty"` // keys of the section that take effect at the next start
}

// signedHead is a checkpoint as the ledger told of it.
type signedHead struct {
	size uint64
	note []byte
	at   time.Time
}

func (h *signedHead) checkpoint() *Checkpoint {
	if h == nil {
		return nil
	}
	lines := strings.SplitN(string(h.note), "\n", 4) // origin, size, root (c2sp.org/tlog-checkpoint)
	if len(lines) < 4 {
		return nil
	}
	return &Checkpoint{Size: h.size, Root: lines[2], At: h.at.UTC()}
}

func (g *Gateway) status(version string, last *Reloaded) Status {
	r := g.rules.current.Load()
	s := Status{
		Version: version, Since: g.since.UTC(), Ready: "yes", InFlight: g.metrics.inFlight.Load(),
		Backends: r.Backends.Status(), Workloads: []WorkloadStatus{}, Reload: last,
	}
	if err := g.Ready(); err != nil {
		s.Ready = err.Error()
	}
	for _, name := range r.Policy.Workloads() {
		limits, used := r.minute(name)
		s.Workloads = append(s.Workloads, WorkloadStatus{Name: name, Used: Minute(used), Limits: Minute(limits)})
	}
	if g.cfg.Shared != nil {
		s.Shared = new(g.cfg.Shared.Status())
	}
	if g.book != nil {
		s.Ledger = &LedgerStatus{
			Directory: g.book.directory, Entries: g.book.Len(), Signed: g.book.head.Load().checkpoint(), Sinks: g.book.sinks.Status(),
		}
	}
	return s
}

// minute is a workload's limits, and what was taken of them.
func (r *Rules) minute(workload string) (limits, used limit.Limits) {
	if l := r.limiters[workload]; l != nil {
		return l.State()
	}
	return limit.Limits{}, limit.Limits{}
}

// Workload is what a workload is and may do, with the rules in force.
type Workload struct {
	WorkloadStatus
	Members      []string          `json:"members,omitempty"`
	Subjects     []string          `json:"subjects,omitempty"`
	Apps         []string          `json:"apps,omitempty"`
	Groups       []string          `json:"groups,omitempty"`
	Roles        []string          `json:"roles,omitempty"`
	Certificates []string          `json:"certificates,omitempty"`
	Tenants      []string          `json:"tenants,omitempty"`
	Issuers      []string          `json:"issuers,omitempty"`
	Attributes   map[string]string `json:"attributes,omitempty"`
	Capture      string            `json:"capture,omitempty"`
	Grants       []Granted         `json:"grants"`
	Backends     []string          `json:"backends"`          // that its calls may go to
	Account      string            `json:"account,omitempty"` // the one that is reserved for it
}

// Granted is one grant, and which operations it comes to.
type Granted struct {
	Deployments []string           `json:"deployments"`
	Operations  []openai.Operation `json:"operations"`
	When        string             `json:"when,omitempty"`
}

// workloadOf tells of a workload; false where there is none of the name.
func (g *Gateway) workloadOf(name string) (Workload, bool) {
	r := g.rules.current.Load()
	w, ok := r.Policy.Workload(name)
	if !ok {
		return Workload{}, false
	}
	limits, used := r.minute(name)
	told := Workload{
		Members: w.Members, Subjects: w.Subjects, Apps: w.Apps, Groups: w.Groups, Roles: w.Roles,
		Certificates: w.Certificates, Tenants: w.Tenants, Issuers: w.Issuers, Attributes: w.Attributes, Capture: w.Capture,
		WorkloadStatus: WorkloadStatus{Name: w.Name, Used: Minute(used), Limits: Minute(limits)},
		Grants:         []Granted{}, Backends: []string{},
	}
	for _, b := range r.Backends.Backends() {
		switch b.Workload() {
		case name:
			told.Account = b.Name()
			fallthrough
		case "":
			told.Backends = append(told.Backends, b.Name())
		}
	}
	for _, grant := range w.Grants {
		told.Grants = append(told.Grants, granted(grant, told.Account != ""))
	}
	return told, true
}

// granted leaves out what a workload without an account of its own is not
// served, whatever is granted.
func granted(g policy.Grant, account bool) Granted {
	told := Granted{Deployments: g.Deployments, Operations: []openai.Operation{}, When: g.When}
	operations, _ := openai.ParsePatterns(g.Operations) // policy has checked them
	deployments, _ := openai.ParsePatterns(g.Deployments)
	for _, op := range openai.Operations() {
		if operations.Match(string(op)) && (account || !op.Stored()) && (deployments.All() || !op.AnyDeployment()) {
			told.Operations = append(told.Operations, op)
		}
	}
	return told
}
