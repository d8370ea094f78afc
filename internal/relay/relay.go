// Package relay joins the legs of inlets and outlets that only ever dial out,
// and copies between them what it cannot read.
//
// It guarantees that only members of its project get in, each in its own role
// and for the service that its certificate names; that an inlet is paired only
// with an outlet that answered at that moment; and that it keeps nothing. It
// learns who talks to whom about which service, when and how much; the session
// inside is end to end encrypted and it holds no key for it.
package relay

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

// Bounds.
const (
	handshakeTime = 10 * time.Second // for TLS and the first frame
	answerTime    = 5 * time.Second  // for a waiting outlet to say that it is there
	maxWaiting    = 16               // legs that one outlet may keep waiting
	defaultLegs   = 4096
)

// Config says what a relay is.
type Config struct {
	Credentials pki.Credentials       // of role relay; required
	MaxLegs     int                   // open at once; 0 means 4096
	Logger      *slog.Logger          // nil discards
	Metrics     prometheus.Registerer // nil keeps none
}

// Relay is one relay of one project.
type Relay struct {
	me      pki.Credentials
	tls     *tls.Config
	log     *slog.Logger
	metrics metrics
	waiting *waitingRoom
	join    channel.Joiner
	slots   chan struct{}
}

// New makes a relay.
func New(cfg Config) (*Relay, error) {
	if role := cfg.Credentials.ID().Role; role != pki.Relay {
		return nil, fault.New(fault.Invalid, "this member is an "+string(role)+", not a relay").
			Fix("enroll it with a ticket of role relay")
	}
	if cfg.MaxLegs == 0 {
		cfg.MaxLegs = defaultLegs
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Relay{
		me:      cfg.Credentials,
		tls:     channel.LegServer(cfg.Credentials),
		log:     cfg.Logger,
		metrics: newMetrics(cfg.Metrics),
		waiting: newWaitingRoom(),
		slots:   make(chan struct{}, cfg.MaxLegs),
	}, nil
}

// Serve takes legs from ln until ctx ends; then it closes every leg and
// returns once all have gone.
func (r *Relay) Serve(ctx context.Context, ln net.Listener) error {
	var legs sync.WaitGroup
	defer legs.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()
	for {
		conn, err := ln.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fault.New(fault.Unavailable, "the relay's listener failed").Because(err)
		}
		select {
		case r.slots <- struct{}{}:
			legs.Go(func() {
				defer func() { <-r.slots }()
				r.serveLeg(ctx, conn)
			})
		default: // full: closing at once costs less than a handshake
			r.metrics.refused.WithLabelValues("full").Inc()
			_ = conn.Close()
		}
	}
}

// serveLeg is one leg from handshake to end.
func (r *Relay) serveLeg(ctx context.Context, raw net.Conn) {
	conn := tls.Server(raw, r.tls)
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	defer func() { _ = raw.Close() }()

	shake, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	if err := conn.HandshakeContext(shake); err != nil {
		r.metrics.refused.WithLabelValues("handshake").Inc()
		r.log.Warn("leg refused", "client", raw.RemoteAddr().String(), "err", err)
		return
	}
	peer, attributes, err := pki.MemberOf(conn.ConnectionState().PeerCertificates[0])
	if err != nil {
		return // the handshake has judged it already
	}
	leg := channel.NewLeg(conn)
	_ = raw.SetReadDeadline(time.Now().Add(handshakeTime))
	what, service, err := leg.Next()
	_ = raw.SetReadDeadline(time.Time{})
	if err != nil {
		r.log.Info("leg ended before it said what for", "member", peer.String(), "err", err)
		return
	}
	switch {
	case attributes["service"] != service:
		err = fault.New(fault.Denied, "this member's certificate does not name the service")
	case what == channel.Listen && peer.Role == pki.Outlet:
		err = r.wait(leg, peer, service)
	case what == channel.Dial && peer.Role == pki.Inlet:
		err = r.pair(leg, peer, service)
	default:
		err = fault.New(fault.Denied, "this member's role does not allow that")
	}
	if err != nil {
		r.refuse(leg, peer, service, err)
	}
}

// refuse tells the node why, in our own words only.
func (r *Relay) refuse(leg *channel.Leg, peer pki.ID, service string, err error) {
	code := channel.Unreachable
	switch fault.KindOf(err) {
	case fault.Denied:
		code = channel.Denied
	case fault.Throttled:
		code = channel.Limited
	}
	r.metrics.refused.WithLabelValues(code.String()).Inc()
	r.log.Info("leg refused", "member", peer.String(), "service", service, "err", err)
	_ = leg.Conn().SetWriteDeadline(time.Now().Add(answerTime))
	_ = leg.Refuse(code, fault.PublicText(err)) // the node may have left
	_ = leg.Conn().Close()
}

// wait parks an outlet's leg until an inlet takes it or it dies.
func (r *Relay) wait(leg *channel.Leg, outlet pki.ID, service string) error {
	w := newWaiter(leg, outlet)
	if !r.waiting.add(service, w) {
		return fault.New(fault.Throttled, "this outlet keeps too many legs waiting")
	}
	r.metrics.waiting.Inc()
	defer r.metrics.waiting.Dec()
	r.log.Info("outlet waits", "member", outlet.String(), "service", service)
	w.run() // returns once the leg has died, or has been taken and let go
	r.waiting.remove(service, w)
	return nil
}

// pair finds an outlet that answers, tells the inlet, and copies.
func (r *Relay) pair(leg *channel.Leg, inlet pki.ID, service string) error {
	for {
		w := r.waiting.take(service)
		if w == nil {
			return fault.New(fault.Unavailable, "no outlet waits for this service").
				Fix("start its outlet, or look whether the outlet reaches this relay")
		}
		if err := w.claim(inlet); err != nil {
			r.log.Info("waiting outlet was gone", "member", w.outlet.String(), "err", err)
			w.release()
			continue
		}
		r.log.Info("paired", "inlet", inlet.String(), "outlet", w.outlet.String(), "service", service)
		err := r.copyBetween(leg, w, inlet, service)
		w.release()
		return err
	}
}

// copyBetween joins two legs; from Ready on, neither is read as frames.
func (r *Relay) copyBetween(leg *channel.Leg, w *waiter, inlet pki.ID, service string) error {
	if err := leg.Send(channel.Ready, w.outlet.String()); err != nil {
		return nil // the inlet has left: there is nobody to tell
	}
	r.metrics.paired.Inc()
	defer r.metrics.paired.Dec()
	a, okA := leg.Conn().(channel.HalfCloser)
	b, okB := w.leg.Conn().(channel.HalfCloser)
	if !okA || !okB {
		return errors.New("a leg that cannot be half-closed") // both are *tls.Conn
	}
	forth, back, err := r.join.Join(a, b)
	r.metrics.bytes.WithLabelValues(inlet.Member, service, "to_outlet").Add(float64(forth))
	r.metrics.bytes.WithLabelValues(inlet.Member, service, "to_inlet").Add(float64(back))
	r.log.Info("session ended", "inlet", inlet.String(), "outlet", w.outlet.String(),
		"bytes_to_outlet", forth, "bytes_to_inlet", back, "cut", err != nil)
	return nil
}
