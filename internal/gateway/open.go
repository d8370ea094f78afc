package gateway

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/limit"
	"github.com/ostiary/ostiary/internal/limit/shared"
	"github.com/ostiary/ostiary/internal/membership"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/policy"
)

// FromSettings opens a gateway with all that its section names: secrets,
// certificates of authorities, the ledger with its sinks and witnesses, and its
// membership of a project. The caller serves Handler at Listen and
// MemberHandler at Members.Listen, runs Run beside them, and calls Close in the
// end. A nil logger or registerer means none.
func FromSettings(s Settings, logger *slog.Logger, metrics prometheus.Registerer) (*Gateway, error) {
	cfg := Config{MaxBody: int64(s.MaxBody), BodyBudget: int64(s.BodyBudget), Logger: logger, Metrics: metrics}
	var err error
	if cfg.Rules, err = s.rules(nil, logger); err != nil {
		return nil, err
	}
	var runs []func(context.Context) error
	if s.Members != nil {
		member, err := membership.Load(s.Members.Directory, logger)
		if err != nil {
			return nil, err
		}
		member.SetMaxAge(s.Members.Revocation.MaxAge)
		cfg.Member = member
		runs = append(runs, member.Run)
	}
	if s.SharedLimits != nil {
		store, err := shared.Open(shared.Config{Settings: *s.SharedLimits, Logger: logger, Metrics: metrics})
		if err != nil {
			return nil, err
		}
		cfg.Shared = store
		runs = append(runs, store.Run)
	}
	book, err := s.Ledger.open(logger, metrics)
	if err != nil {
		return nil, err
	}
	cfg.Ledger = book
	g, err := New(cfg)
	if err != nil {
		_ = book.close()
		return nil, err
	}
	g.close, g.book = func() error { return errors.Join(closeShared(cfg.Shared), book.close()) }, book
	g.runs = append(runs, book.run)
	g.settings = s
	return g, nil
}

func closeShared(s *shared.Store) error {
	if s == nil {
		return nil
	}
	return s.Close()
}

// rules opens what a reload replaces; before are the backends until then.
func (s *Settings) rules(before *backend.Pool, logger *slog.Logger) (r Rules, err error) {
	if r.Identity, err = s.identity(logger); err != nil {
		return r, err
	}
	if r.Policy, err = policy.New(s.Workloads); err != nil {
		return r, err
	}
	r.Prices, r.Aliases, r.Limits = s.Prices, s.Aliases, map[string]limit.Limits{}
	for _, w := range s.Workloads {
		r.Limits[w.Name] = limit.Limits(w.Limits)
	}
	r.Backends, err = backend.NewPool(backend.Config{Backends: s.Backends, Before: before, Logger: logger})
	return r, err
}

// identity opens what tells who calls.
func (s *Settings) identity(logger *slog.Logger) (*identity.Identifier, error) {
	cfg := identity.Config{Keys: s.Keys, KeysFile: s.KeysFile, Logger: logger, Now: time.Now}
	if s.Certificates != nil {
		cfg.TrustDomain = s.Certificates.TrustDomain
	}
	for _, e := range s.Entra {
		roots, err := pki.ReadPool(e.CA)
		if err != nil {
			return nil, err
		}
		issuer, err := e.Issuer(identity.LoginClient(roots))
		if err != nil {
			return nil, err
		}
		cfg.Issuers = append(cfg.Issuers, issuer)
	}
	for _, o := range s.OIDC {
		roots, err := pki.ReadPool(o.CA)
		if err != nil {
			return nil, err
		}
		issuer, err := o.Trusted(identity.LoginClient(roots))
		if err != nil {
			return nil, err
		}
		cfg.Issuers = append(cfg.Issuers, issuer)
	}
	return identity.New(cfg)
}

// Run does the gateway's work between calls (keys and certificates kept fresh,
// calls delivered to sinks) until ctx ends.
func (g *Gateway) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range append(g.runs, g.rules.run) {
		group.Go(func() error { return run(ctx) })
	}
	group.Go(func() error { <-ctx.Done(); return nil })
	return group.Wait()
}
