package portal

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/channel"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// keepWaiting is how many legs an outlet keeps waiting at each relay: one to
// take the next inlet while another is being made.
const keepWaiting = 2

// dialTime bounds a connection to a relay or to the target.
const dialTime = 10 * time.Second

// OutletConfig says what an outlet is.
type OutletConfig struct {
	Credentials pki.Credentials // of role outlet; required
	Relays      []string        // host:port; required
	Service     string          // as in the outlet's certificate; required
	Target      string          // host:port of the owner's service; required
	Allow       []Rule          // who may open a stream; none allows nobody
	Logger      *slog.Logger
	Metrics     prometheus.Registerer
}

// Outlet stands in the owner's network and reaches the service for inlets.
type Outlet struct {
	cfg     OutletConfig
	leg     legDialer
	log     *slog.Logger
	metrics metrics
	join    channel.Joiner
}

// NewOutlet checks the configuration.
func NewOutlet(cfg OutletConfig) (*Outlet, error) {
	if role := cfg.Credentials.ID().Role; role != pki.Outlet {
		return nil, fault.New(fault.Invalid, "this member is an "+string(role)+", not an outlet").
			Fix("enroll it with a ticket of role outlet")
	}
	log := orDiscard(cfg.Logger)
	if len(cfg.Allow) == 0 {
		log.Warn("the outlet allows nobody: its allow list is empty")
	}
	return &Outlet{cfg: cfg, leg: newLegDialer(cfg.Credentials), log: log, metrics: newMetrics("outlet", cfg.Metrics)}, nil
}

// Run keeps legs waiting at every relay and serves the sessions that come of
// them, until ctx ends.
func (o *Outlet) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, relay := range o.cfg.Relays {
		for range keepWaiting {
			all.Go(func() { o.wait(ctx, relay, &all) })
		}
	}
	all.Wait()
	return nil
}

// wait keeps one leg waiting: when an inlet takes it, the session goes on
// beside and a new leg takes its place.
func (o *Outlet) wait(ctx context.Context, relay string, all *sync.WaitGroup) {
	for retry := newBackoff(); ctx.Err() == nil; {
		leg, err := o.register(ctx, relay)
		if err != nil {
			if ctx.Err() == nil {
				o.log.Log(ctx, retry.level(), "leg ended", "relay", relay, "err", err)
				retry.sleep(ctx)
			}
			continue
		}
		retry.reset()
		all.Go(func() { o.serve(ctx, leg) })
	}
}

// register returns a leg that an inlet is on.
func (o *Outlet) register(ctx context.Context, relay string) (net.Conn, error) {
	conn, err := o.leg.dial(ctx, relay)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	leg := channel.NewLeg(conn)
	if err := leg.AwaitPair(o.cfg.Credentials.ID(), o.cfg.Service); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// serve makes the end-to-end session with whoever is on the leg, if policy
// admits them, and serves its streams.
func (o *Outlet) serve(ctx context.Context, leg net.Conn) {
	defer func() { _ = leg.Close() }()
	var judged Peer
	conn, peer, err := channel.SecureOutlet(ctx, leg, o.cfg.Credentials, func(id pki.ID, attributes map[string]string) error {
		judged = Peer{id, attributes}
		return o.admit(judged)
	})
	if err != nil {
		o.metrics.refused.Inc()
		o.log.Warn("session refused", "inlet", judged.ID.String(), "err", err)
		return
	}
	var streams sync.WaitGroup
	defer streams.Wait()
	s := channel.NewOutlet(conn, peer, channel.SessionConfig{})
	defer s.Close()
	stop := context.AfterFunc(ctx, s.Close)
	defer stop()
	o.log.Info("session open", "inlet", peer.String())
	o.metrics.sessions.Inc()
	defer o.metrics.sessions.Dec()
	for {
		st, err := s.Accept(ctx)
		if err != nil {
			o.log.Info("session over", "inlet", peer.String(), "err", err)
			return
		}
		streams.Go(func() { o.stream(ctx, st, judged) })
	}
}

// admit judges an inlet by name, role, project and attributes.
func (o *Outlet) admit(p Peer) error {
	if err := pki.InRole(o.cfg.Credentials.ID().Project, pki.Inlet)(p.ID, p.Attributes); err != nil {
		return err
	}
	return Allowed(o.cfg.Allow, p)
}

// stream joins one stream to the target. Policy is asked again on every one.
func (o *Outlet) stream(ctx context.Context, st *channel.Stream, from Peer) {
	if st.Service() != o.cfg.Service {
		st.Abort(channel.Denied, "this outlet does not serve that service")
		return
	}
	if err := o.admit(from); err != nil {
		o.metrics.refused.Inc()
		st.Abort(channel.Denied, "not allowed")
		return
	}
	dialer := net.Dialer{Timeout: dialTime}
	target, err := dialer.DialContext(ctx, "tcp", o.cfg.Target)
	if err != nil {
		o.log.Warn("target unreachable", "target", o.cfg.Target, "err", err)
		st.Abort(channel.Unreachable, "the service behind this outlet cannot be reached")
		return
	}
	tcp, ok := target.(channel.HalfCloser)
	if !ok {
		_ = target.Close()
		return // "tcp" gives a *net.TCPConn
	}
	o.metrics.streams.Inc()
	forth, back, _ := o.join.Join(st, tcp) // a cut stream has told both ends
	o.metrics.count(forth, back)
}
