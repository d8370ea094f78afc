package gateway

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/identity"
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
	cfg := Config{Prices: s.Prices, MaxBody: int64(s.MaxBody), BodyBudget: int64(s.BodyBudget), Logger: logger, Metrics: metrics}
	var err error
	if cfg.Identity, err = s.identity(logger); err != nil {
		return nil, err
	}
	if cfg.Policy, err = policy.New(s.Workloads); err != nil {
		return nil, err
	}
	if cfg.Backends, err = backend.NewPool(s.Backends); err != nil {
		return nil, err
	}
	runs := []func(context.Context) error{cfg.Identity.Run}
	if s.Members != nil {
		member, err := membership.Load(s.Members.Directory, logger)
		if err != nil {
			return nil, err
		}
		cfg.Member = member
		runs = append(runs, member.Run)
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
	g.close = book.close
	g.runs = append(runs, book.run)
	return g, nil
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
	for _, run := range g.runs {
		group.Go(func() error { return run(ctx) })
	}
	group.Go(func() error { <-ctx.Done(); return nil })
	return group.Wait()
}
