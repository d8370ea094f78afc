package node

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/authority"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/httpd"
	"github.com/ostiary/ostiary/internal/portal"
	"github.com/ostiary/ostiary/internal/relay"
	"github.com/ostiary/ostiary/internal/secret"
	"github.com/ostiary/ostiary/internal/witness"
)

// AuthorityCmd is `authority`.
type AuthorityCmd struct{ ConfigFlag }

// Run serves until interrupted.
func (c *AuthorityCmd) Run(env *Env) error {
	s, err := section(env, c.Config, "authority", func(all Sections) *authority.Settings { return all.Authority })
	if err != nil {
		return err
	}
	ln, err := httpd.Listen(s.Listen)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Directory, 0o700); err != nil {
		return fault.New(fault.Invalid, "cannot make the authority's directory").At(s.Directory).Because(err)
	}
	admin, err := httpd.Listen(s.AdminAddress())
	if err != nil {
		return err
	}
	return Authority(env, *s, ln, admin)
}

// Authority serves the public API on ln and the admin API on admin.
func Authority(env *Env, s authority.Settings, ln, admin net.Listener) error {
	defer func() { _, _ = ln.Close(), admin.Close() }()
	var database secret.String
	if !s.Database.IsZero() {
		var err error
		if database, err = s.Database.Resolve(); err != nil {
			return fault.New(fault.Invalid, "the URL of the authority's database cannot be read").Because(err)
		}
	}
	issuance, err := authority.OpenIssuance(s.Directory, env.Log)
	if err != nil {
		return err
	}
	a, err := authority.New(authority.Config{
		Project: s.Project, Directory: s.Directory, Address: s.Address,
		Life: s.CertificateLife, Issuance: issuance, Database: database, Logger: env.Log,
	})
	if err != nil {
		_ = issuance.Close()
		return err
	}
	defer func() { _ = a.Close() }()
	public, err := a.TLS()
	if err != nil {
		return err
	}
	reg := Registry()
	handler, closeWitness, err := withWitness(a.Handler(), s.Witness, env.Log, reg)
	if err != nil {
		return err
	}
	defer closeWitness()
	env.Log.Info("authority serves", "project", s.Project, "listen", ln.Addr().String(), "admin", admin.Addr().String())
	return Tasks(env.Ctx, a.Run,
		func(ctx context.Context) error { return httpd.Serve(ctx, ln, handler, public, env.Log) },
		func(ctx context.Context) error {
			return httpd.Serve(ctx, admin, httpd.Admin(reg, a.Ready, a.AdminHandler()), nil, env.Log)
		},
	)
}

// witnessPath is where an authority that is a witness serves its protocol.
const witnessPath = "/witness"

// withWitness adds a witness to the authority's public door. That door asks
// for no certificate, and a witness needs none: what is handed in counts by
// the log's own signature, and logs of companies that are no members must
// reach it too. The private door is a socket that no other machine reaches.
func withWitness(public http.Handler, s *witness.Settings, log *slog.Logger, reg prometheus.Registerer) (http.Handler, func(), error) {
	if s == nil {
		return public, func() {}, nil
	}
	w, err := witness.New(witness.Config{Directory: s.Directory, Logs: s.Logs, Logger: log, Metrics: reg})
	if err != nil {
		return nil, nil, err
	}
	log.Info("the authority is a witness", "path", witnessPath, "key", w.Key(), "logs", len(s.Logs))
	mux := http.NewServeMux()
	mux.Handle(witnessPath+"/", http.StripPrefix(witnessPath, w.Handler()))
	mux.Handle("/", public)
	return mux, func() { _ = w.Close() }, nil
}

// RelayCmd is `relay`.
type RelayCmd struct{ ConfigFlag }

// Run serves until interrupted.
func (c *RelayCmd) Run(env *Env) error {
	s, err := section(env, c.Config, "relay", func(all Sections) *relay.Settings { return all.Relay })
	if err != nil {
		return err
	}
	ln, err := httpd.Listen(s.Listen)
	if err != nil {
		return err
	}
	return Relay(env, *s, ln)
}

// Relay serves legs on ln.
func Relay(env *Env, s relay.Settings, ln net.Listener) error {
	defer func() { _ = ln.Close() }()
	me, reg, err := join(env, s.Directory, s.Revocation)
	if err != nil {
		return err
	}
	cfg, err := s.Config(me)
	if err != nil {
		return err
	}
	cfg.Logger, cfg.Metrics = env.Log, reg
	r, err := relay.New(cfg)
	if err != nil {
		return err
	}
	env.Log.Info("relay serves", "member", me.ID().String(), "listen", ln.Addr().String())
	return Tasks(env.Ctx, me.Run, serveNode(env, me, s.Admin, s.Directory, reg, alwaysReady, pairsOf(r)),
		func(ctx context.Context) error { return r.Serve(ctx, ln) })
}

// InletCmd is `inlet`.
type InletCmd struct{ ConfigFlag }

// Run serves until interrupted.
func (c *InletCmd) Run(env *Env) error {
	s, err := section(env, c.Config, "inlet", func(all Sections) *portal.InletSettings { return all.Inlet })
	if err != nil {
		return err
	}
	ln, err := httpd.Listen(s.Listen)
	if err != nil {
		return err
	}
	return inlet(env, *s, ln, rules{c.Config, func() ([]portal.Rule, error) {
		s, err := section(env, c.Config, "inlet", func(all Sections) *portal.InletSettings { return all.Inlet })
		if err != nil {
			return nil, err
		}
		return s.Allow, nil
	}})
}

// Inlet serves clients on ln.
func Inlet(env *Env, s portal.InletSettings, ln net.Listener) error {
	return inlet(env, s, ln, rules{})
}

func inlet(env *Env, s portal.InletSettings, ln net.Listener, allow rules) error {
	defer func() { _ = ln.Close() }()
	me, reg, err := join(env, s.Directory, s.Revocation)
	if err != nil {
		return err
	}
	cfg, err := s.Config(me)
	if err != nil {
		return err
	}
	cfg.Logger, cfg.Metrics = env.Log, reg
	in, err := portal.NewInlet(cfg)
	if err != nil {
		return err
	}
	env.Log.Info("inlet serves", "member", me.ID().String(), "listen", ln.Addr().String())
	return Tasks(env.Ctx, me.Run, serveNode(env, me, s.Admin, s.Directory, reg, in.Ready, sessionsOf(in)), allow.follow(in.SetAllow, env.Log),
		func(ctx context.Context) error { return in.Serve(ctx, ln) })
}

// OutletCmd is `outlet`.
type OutletCmd struct{ ConfigFlag }

// Run serves until interrupted.
func (c *OutletCmd) Run(env *Env) error {
	s, err := section(env, c.Config, "outlet", func(all Sections) *portal.OutletSettings { return all.Outlet })
	if err != nil {
		return err
	}
	return outlet(env, *s, rules{c.Config, func() ([]portal.Rule, error) {
		s, err := section(env, c.Config, "outlet", func(all Sections) *portal.OutletSettings { return all.Outlet })
		if err != nil {
			return nil, err
		}
		return s.Allow, nil
	}})
}

// Outlet keeps legs waiting and serves what comes.
func Outlet(env *Env, s portal.OutletSettings) error { return outlet(env, s, rules{}) }

func outlet(env *Env, s portal.OutletSettings, allow rules) error {
	me, reg, err := join(env, s.Directory, s.Revocation)
	if err != nil {
		return err
	}
	cfg, err := s.Config(me)
	if err != nil {
		return err
	}
	cfg.Logger, cfg.Metrics = env.Log, reg
	out, err := portal.NewOutlet(cfg)
	if err != nil {
		return err
	}
	env.Log.Info("outlet serves", "member", me.ID().String(), "target", s.Target)
	return Tasks(env.Ctx, me.Run, serveNode(env, me, s.Admin, s.Directory, reg, alwaysReady, sessionsOf(out)), allow.follow(out.SetAllow, env.Log), out.Run)
}
