package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/limit/shared"
	"github.com/ostiary/ostiary/internal/pki"
)

// Ledger is what the gateway needs of one. A nil error of Intent, Outcome or
// Refusal means that the record is durable.
type Ledger interface {
	NewID() string
	Intent(ctx context.Context, id string, call ledger.Call) error
	Outcome(ctx context.Context, id string, result ledger.Result) error
	Refusal(ctx context.Context, id string, call ledger.Call, result ledger.Result) error
	// Body takes a body as it comes, commits to it and keeps it if the call's
	// capture asks for it; what its End returns belongs into the record.
	Body(id string, part ledger.Part, call ledger.Call) *ledger.BodyWriter
}

// The bounds that apply where Config says nothing.
const (
	DefaultMaxBody    = 64 << 20  // bytes of one request body
	DefaultBodyBudget = 512 << 20 // bytes of all request bodies held at once
	DefaultBudgetWait = 5 * time.Second
	DefaultBodyStall  = 10 * time.Second
)

// Config makes a Gateway.
type Config struct {
	Rules // that are in force first

	Ledger Ledger          // required
	Shared *shared.Store   // counts limits for several gateways; nil: this one counts for itself
	Member pki.Credentials // who we are to portal members; nil: MemberTLS is not available

	MaxBody    int64         // bytes of a request body; 0 means 64 MiB
	BodyBudget int64         // bytes of all request bodies in memory; 0 means 512 MiB; at least MaxBody
	BudgetWait time.Duration // how long a request waits for room before it is told to come back; 0 means 5 s
	BodyStall  time.Duration // how long a request body may make no progress, 1 KiB of it or its end; 0 means 10 s

	Logger  *slog.Logger          // nil means none
	Metrics prometheus.Registerer // nil means none
	Now     func() time.Time      // nil means time.Now
}

// Gateway answers calls. Its handlers may be used from any goroutine.
type Gateway struct {
	cfg     Config
	rules   ruling
	budget  *semaphore.Weighted
	metrics *metrics
	buffers sync.Pool
	lapses  lapses
	members members       // their connections
	broken  atomic.Bool   // the ledger refused its last record
	settle  time.Duration // settleTime; less in tests

	sessionIdle time.Duration // of realtime; less in tests

	runs  []func(context.Context) error
	close func() error
	book  *openBook // nil: the ledger is not ours
	since time.Time

	reloading sync.Mutex
	settings  Settings // that it was opened from
}

// New checks the configuration; errors are faults of kind Invalid.
func New(cfg Config) (*Gateway, error) {
	if cfg.Ledger == nil {
		return nil, fault.New(fault.Invalid, "the gateway lacks a ledger")
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = DefaultMaxBody
	}
	if cfg.BodyBudget == 0 {
		cfg.BodyBudget = max(DefaultBodyBudget, cfg.MaxBody)
	}
	if cfg.MaxBody < 0 || cfg.BodyBudget < cfg.MaxBody {
		return nil, fault.New(fault.Invalid, "the budget for bodies is smaller than one body may be").Fix("raise body_budget or lower max_body")
	}
	if cfg.BudgetWait == 0 {
		cfg.BudgetWait = DefaultBudgetWait
	}
	if cfg.BodyStall == 0 {
		cfg.BodyStall = DefaultBodyStall
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	g := &Gateway{
		cfg: cfg, rules: ruling{changed: make(chan struct{}, 1)},
		budget: semaphore.NewWeighted(cfg.BodyBudget), settle: settleTime, sessionIdle: sessionIdle,
		since: cfg.Now(),
	}
	if err := g.SetRules(cfg.Rules); err != nil {
		return nil, err
	}
	g.buffers.New = func() any { return new(make([]byte, bufferSize)) }
	var err error
	if g.metrics, err = newMetrics(cfg.Metrics); err == nil && cfg.Metrics != nil {
		err = cfg.Metrics.Register(conditions{&g.rules})
	}
	return g, err
}

// Handler serves the main listener: callers show a token or a gateway key.
func (g *Gateway) Handler() http.Handler {
	return described(g.handler((*identity.Identifier).Identify))
}

// MemberHandler serves the listener for portal members: the certificate is the
// identity, and what the client sends as credentials is ignored and stripped.
// Serve it with MemberTLS only, which verifies the certificate, and on a
// MemberListener, so that a revoked member's connections are closed.
func (g *Gateway) MemberHandler() http.Handler { return described(g.watchMembers(g.handler(g.member))) }

// MemberTLS is the configuration of the member listener: TLS 1.3, mutual, no
// resumption, and only inlets of our own project.
func (g *Gateway) MemberTLS() (*tls.Config, error) {
	if g.cfg.Member == nil {
		return nil, fault.New(fault.Invalid, "the gateway is no member of a project").At("gateway.members").
			Fix("enroll it with `ostiary portal enroll`, and name the directory in the configuration")
	}
	return pki.MutualTLS(g.cfg.Member, pki.InRole(g.cfg.Member.ID().Project, pki.Inlet), memberProtocol), nil
}

// memberProtocol is what an inlet negotiates with us.
const memberProtocol = "http/1.1"

// Ready says whether calls can be served: not while the ledger refuses records,
// or shared limits cannot be counted and nobody is let through without.
func (g *Gateway) Ready() error {
	if g.broken.Load() {
		return errLedger
	}
	if g.cfg.Shared != nil {
		return g.cfg.Shared.Ready()
	}
	return nil
}

var errLedger = errors.New("the ledger takes no records")

// Close closes what FromSettings opened. No call may be under way.
func (g *Gateway) Close() error {
	if g.close == nil {
		return nil
	}
	return g.close()
}
