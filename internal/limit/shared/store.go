package shared

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/limit"
)

//go:embed minute.lua
var minuteScript string

// Config makes a Store.
type Config struct {
	Settings

	Logger  *slog.Logger          // nil means none
	Metrics prometheus.Registerer // nil means none
	Now     func() time.Time      // of this process, for what it counts alone; nil means time.Now

	credential azcore.TokenCredential // of a test; nil: what the settings name
	script     string                 // of a test; empty: ours
}

func (c *Config) address() string { return c.Redis.Address }

// Store counts for all that use one Redis and one prefix. It may be used from
// any goroutine.
type Store struct {
	cfg     Config
	client  *client
	keeper  *keeper // nil: no token is needed
	health  health
	metrics *metrics

	probed time.Time // of the goroutine that does

	mu    sync.Mutex
	owing map[*Limiter]struct{} // that have settlements to send
	wake  chan struct{}
}

// Open prepares a store; it connects when it is first asked. Errors are faults
// of kind Invalid: a file or a secret that cannot be read.
func Open(cfg Config) (*Store, error) {
	cfg.Prefix = cmp.Or(cfg.Prefix, DefaultPrefix)
	cfg.OnFailure = cmp.Or(cfg.OnFailure, Refuse)
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Store{cfg: cfg, owing: map[*Limiter]struct{}{}, wake: make(chan struct{}, 1)}
	login, err := s.login()
	if err != nil {
		return nil, err
	}
	if s.client, err = newClient(&cfg.Redis, login, cmp.Or(cfg.script, minuteScript), cfg.Timeout); err != nil {
		return nil, err
	}
	s.metrics, err = newMetrics(cfg.Metrics, &s.health)
	return s, err
}

// login is how connections log in.
func (s *Store) login() (credentials, error) {
	credential, r := s.cfg.credential, &s.cfg.Redis
	if credential == nil {
		var err error
		if credential, err = r.login().Credential(azcore.ClientOptions{}); err != nil {
			return nil, fault.New(fault.Invalid, "the Entra credential of the shared limits' Redis cannot be made").Because(err)
		}
	}
	if credential == nil {
		return r.password()
	}
	s.keeper = &keeper{credential: credential, scope: cmp.Or(r.Scope, DefaultScope), user: r.User}
	return s.keeper.login, nil
}

// Limiter is that of a workload. Ask for it once: what it owes is its own.
func (s *Store) Limiter(workload string, l limit.Limits) *Limiter {
	limiter := &Limiter{
		store: s, workload: workload, key: s.cfg.Prefix + ":{" + workload + "}:minute",
		own: limit.New(l, s.cfg.Now), back: map[int64]int64{},
	}
	limiter.Set(l)
	return limiter
}

// Run keeps a token fresh, looks whether the server is well and sends what is to
// be settled, until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	if s.keeper != nil {
		s.keeper.look(ctx)
		group.Go(func() error { return every(ctx, func() time.Duration { return s.keeper.look(ctx) }) })
	}
	group.Go(func() error { return every(ctx, s.probe) })
	group.Go(func() error { return s.flushes(ctx) })
	return group.Wait()
}

// every does something again and again, as long after its end as it says.
func every(ctx context.Context, do func() time.Duration) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			timer.Reset(do())
		}
	}
}

// probe finds out whether the server counts, on a key that is nobody's; while it
// is well, now and then.
func (s *Store) probe() time.Duration {
	if s.health.failing() || time.Since(s.probed) >= probeWell {
		s.probed = time.Now()
		_, err := s.ask(s.cfg.Prefix+":{}:probe", question{wants: 0})
		s.noted(err)
	}
	return probeIll
}

// ask runs the script, and gives its answer if that is one.
func (s *Store) ask(key string, q question) (minute, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Timeout)
	defer cancel()
	reply, err := s.client.run(ctx, key, q.args())
	if err != nil {
		return minute{}, err
	}
	return q.answer(reply)
}

// Ready says whether calls of limited workloads are served: while the server
// does not count, not if they are to be refused.
func (s *Store) Ready() error {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	if s.health.well || s.cfg.OnFailure == Alone {
		return nil
	}
	return errAway
}

var errAway = errors.New("the shared limits cannot be counted")

// Status is how the store is.
type Status struct {
	Address   string    `json:"address"`
	Up        bool      `json:"up"`
	Since     time.Time `json:"since,omitzero"`
	Reason    string    `json:"reason,omitempty"` // of the last failure, if it is not up or about not to be
	OnFailure OnFailure `json:"on_failure"`
}

// Status tells how the store is.
func (s *Store) Status() Status {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	return Status{
		Address: s.cfg.address(), Up: s.health.well, Since: s.health.since, Reason: s.health.reason, OnFailure: s.cfg.OnFailure,
	}
}

// Close sends what is left to settle, if the server is well, and disconnects. No
// call may be under way.
func (s *Store) Close() error {
	s.flush()
	s.client.close()
	return nil
}
