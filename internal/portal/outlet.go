package portal

import (
	"context"
	"crypto/tls"
	"errors"
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

// dialTime bounds a connection to the target.
const dialTime = 10 * time.Second

// OutletConfig says what an outlet is.
type OutletConfig struct {
	Credentials pki.Credentials // of role outlet; required
	Relays      []string        // host:port; required
	Service     string          // as in the outlet's certificate; required
	Target      string          // host:port of the owner's service; required
	TargetTLS   *tls.Config     // for the target; nil speaks plain bytes
	Allow       []Rule          // who may open a stream; none allows nobody
	Leg         LegConfig
	Drain       time.Duration // how long streams may go on once the outlet is told to end; 0 cuts them
	Logger      *slog.Logger
	Metrics     prometheus.Registerer
}

// Outlet stands in the owner's network and reaches the service for inlets.
type Outlet struct {
	cfg      OutletConfig
	legs     legs
	log      *slog.Logger
	metrics  metrics
	join     channel.Joiner
	allow    *allowList
	standing standing
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
	legs := newLegs(cfg.Credentials, cfg.Leg)
	return &Outlet{
		cfg: cfg, legs: legs, join: channel.Joiner{Pool: legs.pool}, allow: newAllowList(cfg.Allow, false),
		log: log, metrics: newMetrics("outlet", cfg.Metrics),
	}, nil
}

// SetAllow puts another allow list in force, and cuts the sessions of inlets
// that it does not admit.
func (o *Outlet) SetAllow(rules []Rule) { o.allow.set(rules) }

// Run keeps legs waiting at every relay and serves the sessions that come of
// them, until ctx ends; then streams may go on for Drain, and inlets are told to
// go elsewhere with new ones.
func (o *Outlet) Run(ctx context.Context) error {
	var waiting, serving sync.WaitGroup
	living, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	for _, relay := range o.cfg.Relays {
		for range keepWaiting {
			waiting.Go(func() {
				o.wait(ctx, relay, func(leg *tls.Conn) {
					serving.Go(func() { o.serve(living, relay, leg) })
				})
			})
		}
	}
	waiting.Wait()
	if o.cfg.Drain > 0 {
		o.standing.leave("")
		finish(&serving, o.cfg.Drain)
	}
	kill()
	serving.Wait()
	return nil
}

// wait keeps one leg waiting: when an inlet takes it, the session goes on
// beside and a new leg takes its place.
func (o *Outlet) wait(ctx context.Context, relay string, serve func(*tls.Conn)) {
	for retry := newBackoff(); ctx.Err() == nil; {
		leg, err := o.register(ctx, relay)
		if err != nil {
			if errors.Is(err, channel.ErrLeaving) {
				o.standing.leave(relay)
			}
			if ctx.Err() == nil {
				o.log.Log(ctx, retry.level(), "leg ended", "relay", relay, "err", err)
				retry.sleep(ctx)
			}
			continue
		}
		retry.reset()
		serve(leg)
	}
}

// register returns a leg that an inlet is on.
func (o *Outlet) register(ctx context.Context, relay string) (*tls.Conn, error) {
	conn, err := o.legs.carrier.Dial(ctx, relay)
	if err != nil {
		return nil, err
	}
	defer closing(ctx, conn)()
	defer pki.Follow(o.cfg.Credentials, conn.ConnectionState(), func(error) { _ = conn.Close() })()
	if err := channel.NewLeg(conn).AwaitPair(o.cfg.Credentials.ID(), o.cfg.Service); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// serve makes the end-to-end session with whoever is on the leg, if policy
// admits them, and serves its streams.
func (o *Outlet) serve(ctx context.Context, relay string, leg *tls.Conn) {
	defer func() { _ = leg.Close() }()
	var judged Peer
	conn, peer, err := channel.SecureOutlet(ctx, leg, o.cfg.Credentials, func(id pki.ID, attributes map[string]string) error {
		judged = Peer{id, attributes}
		return o.admit(judged)
	})
	if err == nil {
		err = o.legs.handOver(conn)
	}
	if err != nil {
		o.metrics.refused.Inc()
		o.log.Warn("session refused", "inlet", judged.ID.String(), "err", err)
		return
	}
	var streams sync.WaitGroup
	defer streams.Wait()
	s := channel.NewOutlet(conn, peer, o.legs.sessionConfig(conn.ConnectionState()))
	defer s.Close()
	stop := context.AfterFunc(ctx, s.Close)
	defer stop()
	cut := func(why error) {
		o.log.Warn("session cut", "inlet", peer.String(), "err", why)
		s.Close()
	}
	for _, other := range []*tls.Conn{leg, conn} { // the relay and the inlet
		defer pki.Follow(o.cfg.Credentials, other.ConnectionState(), cut)()
	}
	defer o.allow.follow(judged, cut)()
	defer o.standing.add(s, relay)()
	cert := conn.ConnectionState().PeerCertificates[0]
	o.log.Info("session open", "inlet", peer.String(), "relay", relay)
	o.metrics.sessions.Inc()
	defer o.metrics.sessions.Dec()
	for {
		st, err := s.Accept(ctx)
		if err != nil {
			o.log.Info("session over", "inlet", peer.String(), "err", err)
			return
		}
		if err := o.cfg.Credentials.Standing().Check(cert); err != nil {
			o.log.Warn("session cut", "inlet", peer.String(), "err", err)
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
	return o.allow.admit(p)
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
	target, err := o.reach(ctx)
	if err != nil {
		o.log.Warn("target unreachable", "target", o.cfg.Target, "err", err)
		st.Abort(channel.Unreachable, "the service behind this outlet cannot be reached")
		return
	}
	o.metrics.streams.Inc()
	forth, back, _ := o.join.Join(st, target) // a cut stream has told both ends
	o.metrics.count(forth, back)
}

// reach connects to the target.
func (o *Outlet) reach(ctx context.Context) (channel.HalfCloser, error) {
	dialer := net.Dialer{Timeout: dialTime}
	raw, err := dialer.DialContext(ctx, "tcp", o.cfg.Target)
	if err != nil {
		return nil, err
	}
	if o.cfg.TargetTLS != nil {
		conn := tls.Client(raw, o.cfg.TargetTLS)
		ctx, cancel := context.WithTimeout(ctx, dialTime)
		defer cancel()
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, err
		}
		return conn, nil
	}
	tcp, ok := raw.(channel.HalfCloser)
	if !ok {
		_ = raw.Close()
		return nil, errors.New("a connection that cannot be half-closed") // "tcp" gives a *net.TCPConn
	}
	return tcp, nil
}
