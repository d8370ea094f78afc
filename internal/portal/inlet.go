package portal

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/channel"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// openTime bounds how long a client's connection waits for a stream, where the
// configuration says nothing.
const openTime = 20 * time.Second

// InletConfig says what an inlet is.
type InletConfig struct {
	Credentials pki.Credentials // of role inlet; required
	Relays      []string        // host:port; required. A session is kept by each
	Service     string          // as in the inlet's certificate; required
	Outlet      pki.ID          // the outlet that we speak to; required
	Outlets     []pki.ID        // further ones of the same service. A session is kept to each, by each relay
	Allow       []Rule          // what an outlet must be besides; none asks nothing more
	Gateway     pki.ID          // where set, each connection becomes mutual TLS with this gateway, as the member
	TLS         *tls.Config     // for clients; nil takes plain TCP
	HTTP        *HTTP           // takes HTTP requests in place of connections; nil does not
	Leg         LegConfig
	OpenTime    time.Duration // how long a client waits while no session stands; 0 means 20 s
	Drain       time.Duration // how long clients may go on once the inlet is told to end; 0 cuts them
	Logger      *slog.Logger
	Metrics     prometheus.Registerer
}

// Inlet stands in the consumer's network and takes its clients' connections.
type Inlet struct {
	cfg      InletConfig
	legs     legs
	log      *slog.Logger
	metrics  metrics
	join     channel.Joiner
	allow    *allowList
	standing standing
	warm     warm
}

// NewInlet checks the configuration.
func NewInlet(cfg InletConfig) (*Inlet, error) {
	if role := cfg.Credentials.ID().Role; role != pki.Inlet {
		return nil, fault.New(fault.Invalid, "this member is an "+string(role)+", not an inlet").
			Fix("enroll it with a ticket of role inlet")
	}
	outlets := append([]pki.ID{cfg.Outlet}, cfg.Outlets...)
	for _, outlet := range outlets {
		if outlet.Role != pki.Outlet {
			return nil, fault.New(fault.Invalid, "the inlet's outlet is not named").At("outlet").
				Fix("write its whole name, spiffe://PROJECT/outlet/MEMBER")
		}
	}
	if cfg.OpenTime == 0 {
		cfg.OpenTime = openTime
	}
	legs := newLegs(cfg.Credentials, cfg.Leg)
	return &Inlet{
		cfg: cfg, legs: legs, join: channel.Joiner{Pool: legs.pool}, allow: newAllowList(cfg.Allow, true),
		log: orDiscard(cfg.Logger), metrics: newMetrics("inlet", cfg.Metrics), warm: newWarm(cfg.Relays, outlets),
	}, nil
}

// SetAllow puts another list in force, and cuts the sessions with outlets that
// it does not admit. An empty one admits every outlet that is named.
func (in *Inlet) SetAllow(rules []Rule) { in.allow.set(rules) }

// Serve takes clients from ln until ctx ends; then they may go on for Drain.
// Sessions are made at once and kept warm, so that the first client does not
// wait for them.
func (in *Inlet) Serve(ctx context.Context, ln net.Listener) error {
	var keeping sync.WaitGroup
	defer keeping.Wait()
	living, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	for _, way := range in.warm.ways {
		keeping.Go(func() { in.keep(living, way) })
	}
	if in.cfg.HTTP != nil {
		return in.serveHTTP(ctx, ln)
	}
	return in.serveTCP(ctx, living, kill, ln)
}

func (in *Inlet) serveTCP(ctx, living context.Context, kill func(), ln net.Listener) error {
	var clients sync.WaitGroup
	defer clients.Wait()
	defer kill()
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()
	for {
		conn, err := ln.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			finish(&clients, in.cfg.Drain)
			return nil
		}
		if err != nil {
			return fault.New(fault.Unavailable, "the inlet's listener failed").Because(err)
		}
		clients.Go(func() { in.client(living, conn) })
	}
}

// client serves one client's connection.
func (in *Inlet) client(ctx context.Context, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	local, err := in.greet(ctx, conn)
	if err != nil {
		in.log.Info("client's TLS handshake failed", "client", conn.RemoteAddr().String(), "err", err)
		return
	}
	remote, err := in.open(ctx)
	if err != nil {
		in.metrics.refused.Inc()
		in.log.Warn("client refused", "client", conn.RemoteAddr().String(), "err", err)
		channel.Cut(local)
		return
	}
	if gateway, ok := remote.(*tls.Conn); ok {
		defer pki.Follow(in.cfg.Credentials, gateway.ConnectionState(), func(error) { channel.Cut(remote); channel.Cut(local) })()
	}
	in.metrics.streams.Inc()
	forth, back, err := in.join.Join(local, remote)
	in.metrics.count(forth, back)
	if err != nil {
		in.log.Info("client's connection was cut", "client", conn.RemoteAddr().String(), "err", err)
	}
}

// greet does the client's TLS, where the inlet has a certificate.
func (in *Inlet) greet(ctx context.Context, conn net.Conn) (channel.HalfCloser, error) {
	if in.cfg.TLS != nil {
		secure := tls.Server(conn, in.cfg.TLS)
		ctx, cancel := context.WithTimeout(ctx, dialTime)
		defer cancel()
		return secure, secure.HandshakeContext(ctx)
	}
	half, ok := conn.(channel.HalfCloser)
	if !ok {
		return nil, fault.New(fault.Internal, "a listener whose connections cannot be half-closed")
	}
	return half, nil
}

// open begins a stream, and on it the mutual TLS with the gateway, where there
// is one: the gateway sees the member's own certificate, and no key for the
// model is needed on this side.
func (in *Inlet) open(ctx context.Context) (channel.HalfCloser, error) {
	ctx, cancel := context.WithTimeout(ctx, in.cfg.OpenTime)
	defer cancel()
	st, err := in.stream(ctx)
	if err != nil {
		return nil, err
	}
	if in.cfg.Gateway == (pki.ID{}) {
		return st, nil
	}
	conn := tls.Client(st, pki.MutualTLS(in.cfg.Credentials, pki.Exactly(in.cfg.Gateway), MemberProtocol))
	if err := conn.HandshakeContext(ctx); err != nil {
		st.Abort(channel.Denied, "the gateway was not who it should be")
		return nil, fault.New(fault.Denied, "no mutual TLS with the gateway").At(in.cfg.Gateway.String()).Because(err)
	}
	return conn, nil
}

// Stats are those of all sessions together, with the best round trip.
func (in *Inlet) Stats() channel.Stats {
	var sum channel.Stats
	for _, s := range in.Sessions() {
		sum.Streams += s.Streams
		sum.Sent += s.Sent
		sum.Received += s.Received
		if s.RoundTrip > 0 && (sum.RoundTrip == 0 || s.RoundTrip < sum.RoundTrip) {
			sum.RoundTrip = s.RoundTrip
		}
	}
	return sum
}

// Ready is nil while a session stands: only then does a client's connection
// go through without waiting.
func (in *Inlet) Ready() error {
	if in.warm.best() == nil {
		return fault.New(fault.Unavailable, "no session with the outlet")
	}
	return nil
}
