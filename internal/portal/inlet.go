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

// openTime bounds how long a client's connection waits for a stream.
const openTime = 20 * time.Second

// InletConfig says what an inlet is.
type InletConfig struct {
	Credentials pki.Credentials // of role inlet; required
	Relays      []string        // host:port, tried in turn; required
	Service     string          // as in the inlet's certificate; required
	Outlet      pki.ID          // the one outlet we speak to; required
	Gateway     pki.ID          // where set, each connection becomes mutual TLS with this gateway, as the member
	TLS         *tls.Config     // for clients; nil takes plain TCP
	Logger      *slog.Logger
	Metrics     prometheus.Registerer
}

// Inlet stands in the consumer's network and takes its clients' connections.
type Inlet struct {
	cfg     InletConfig
	leg     legDialer
	log     *slog.Logger
	metrics metrics
	join    channel.Joiner

	mu      sync.Mutex // held while a session is being made: one at a time
	session *channel.Session
}

// NewInlet checks the configuration.
func NewInlet(cfg InletConfig) (*Inlet, error) {
	if role := cfg.Credentials.ID().Role; role != pki.Inlet {
		return nil, fault.New(fault.Invalid, "this member is an "+string(role)+", not an inlet").
			Fix("enroll it with a ticket of role inlet")
	}
	if cfg.Outlet.Role != pki.Outlet {
		return nil, fault.New(fault.Invalid, "the inlet's outlet is not named").At("outlet").
			Fix("write its whole name, spiffe://PROJECT/outlet/MEMBER")
	}
	return &Inlet{cfg: cfg, leg: newLegDialer(cfg.Credentials), log: orDiscard(cfg.Logger), metrics: newMetrics("inlet", cfg.Metrics)}, nil
}

// Serve takes clients from ln until ctx ends. A session is made at once and
// kept warm, so that the first client does not wait for it.
func (in *Inlet) Serve(ctx context.Context, ln net.Listener) error {
	var clients sync.WaitGroup
	defer clients.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()
	clients.Go(func() { in.keepWarm(ctx) })
	for {
		conn, err := ln.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fault.New(fault.Unavailable, "the inlet's listener failed").Because(err)
		}
		clients.Go(func() { in.client(ctx, conn) })
	}
}

// keepWarm makes a new session whenever the current one is spent.
func (in *Inlet) keepWarm(ctx context.Context) {
	for retry := newBackoff(); ctx.Err() == nil; {
		s, err := in.warm(ctx)
		if err != nil {
			if ctx.Err() == nil {
				in.log.Log(ctx, retry.level(), "no session", "err", err)
				retry.sleep(ctx)
			}
			continue
		}
		retry.reset()
		in.metrics.sessions.Set(1)
		select {
		case <-ctx.Done():
		case <-s.Done():
			in.metrics.sessions.Set(0)
			in.log.Info("session over", "err", s.Err())
		case <-time.After(time.Minute): // look whether it is spent
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.session != nil {
		in.session.Close()
	}
}

// warm returns a session that takes streams: the current one, or a new one.
// A spent one is replaced first and left after, so that no stream is cut.
func (in *Inlet) warm(ctx context.Context) (*channel.Session, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.session != nil && !in.session.Spent() {
		return in.session, nil
	}
	var last error
	for _, relay := range in.cfg.Relays {
		s, err := in.connect(ctx, relay)
		if err != nil {
			last = err
			continue
		}
		if old := in.session; old != nil {
			old.Leave()
		}
		in.session = s
		in.log.Info("session open", "relay", relay, "outlet", s.Peer().String())
		return s, nil
	}
	return nil, last
}

// connect makes a session through one relay.
func (in *Inlet) connect(ctx context.Context, relay string) (*channel.Session, error) {
	conn, err := in.leg.dial(ctx, relay)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if err := channel.NewLeg(conn).DialService(in.cfg.Service); err != nil {
		_ = conn.Close()
		return nil, err
	}
	secure, peer, err := channel.SecureInlet(ctx, conn, in.cfg.Credentials, pki.Exactly(in.cfg.Outlet))
	if err != nil {
		_ = conn.Close()
		return nil, fault.New(fault.Denied, "what the relay joined us to is not our outlet").Because(err)
	}
	return channel.NewInlet(secure, peer, channel.SessionConfig{}), nil
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
	ctx, cancel := context.WithTimeout(ctx, openTime)
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

// stream opens a stream, waiting while relay or outlet are away: a client that
// connects during a restart is served after it, and not cut.
func (in *Inlet) stream(ctx context.Context) (*channel.Stream, error) {
	for retry := newBackoff(); ; {
		s, err := in.warm(ctx)
		if err == nil {
			var st *channel.Stream
			if st, err = s.Open(in.cfg.Service); err == nil {
				return st, nil
			}
		}
		if ctx.Err() != nil || fault.KindOf(err) == fault.Denied || fault.KindOf(err) == fault.Throttled {
			return nil, err
		}
		retry.sleep(ctx)
	}
}

// Stats are those of the current session; the zero value where there is none.
func (in *Inlet) Stats() channel.Stats {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.session == nil {
		return channel.Stats{}
	}
	return in.session.Stats()
}

// Ready is nil while a session stands: only then does a client's connection
// go through without waiting.
func (in *Inlet) Ready() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.session == nil || in.session.Err() != nil {
		return fault.New(fault.Unavailable, "no session with the outlet")
	}
	return nil
}
