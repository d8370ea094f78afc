// Package relay joins the legs of inlets and outlets that only ever dial out,
// and copies between them what it cannot read.
//
// It guarantees that only members of its project get in, each in its own role
// and for the service that its certificate names; that a member who is revoked
// loses its legs; that an inlet is paired only with an outlet that answered at
// that moment; and that it keeps nothing. It learns who talks to whom about
// which service, when and how much; the session inside is end to end encrypted
// and it holds no key for it.
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
	handshakeTime = 10 * time.Second // for TLS, a WebSocket, and the first frame
	answerTime    = 5 * time.Second  // for a waiting outlet to say that it is there
	maxWaiting    = 16               // legs that one outlet may keep waiting
	defaultLegs   = 4096
)

// Config says what a relay is.
type Config struct {
	Credentials pki.Credentials       // of role relay; required
	MaxLegs     int                   // open at once; 0 means 4096
	Limits      Limits                // of each member
	Drain       time.Duration         // how long pairs may go on once the relay is told to end; 0 cuts them
	PingEvery   time.Duration         // of waiting legs; 0 means 15 s
	Web         *tls.Certificate      // shown to HTTPS that asks for a WebSocket; nil shows the member's
	Logger      *slog.Logger          // nil discards
	Metrics     prometheus.Registerer // nil keeps none
}

// Relay is one relay of one project.
type Relay struct {
	me      pki.Credentials
	cfg     Config
	door    *channel.Door
	log     *slog.Logger
	metrics metrics
	waiting *waitingRoom
	pool    *channel.Pool
	pairs   pairs
	members members
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
	if cfg.PingEvery == 0 {
		cfg.PingEvery = channel.PingEvery
	}
	pool := new(channel.Pool)
	return &Relay{
		me:      cfg.Credentials,
		cfg:     cfg,
		door:    channel.NewDoor(cfg.Credentials, cfg.Web, pool),
		members: newMembers(cfg.Limits),
		log:     cfg.Logger,
		metrics: newMetrics(cfg.Metrics),
		waiting: newWaitingRoom(),
		pool:    pool,
		slots:   make(chan struct{}, cfg.MaxLegs),
	}, nil
}

// Serve takes legs from ln until ctx ends. Then it takes no more, tells the
// outlets that wait, which have their sessions moved elsewhere, lets pairs go on
// for Drain at most, and returns once all have gone.
func (r *Relay) Serve(ctx context.Context, ln net.Listener) error {
	var legs sync.WaitGroup
	defer legs.Wait()
	living, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()
	for {
		conn, err := ln.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			r.drain()
			return nil
		}
		if err != nil {
			return fault.New(fault.Unavailable, "the relay's listener failed").Because(err)
		}
		select {
		case r.slots <- struct{}{}:
			legs.Go(func() {
				defer func() { <-r.slots }()
				r.serveLeg(living, conn)
			})
		default: // full: closing at once costs less than a handshake
			r.metrics.refused.WithLabelValues("full", "").Inc()
			_ = conn.Close()
		}
	}
}

// drain tells who waits, and waits for who is paired.
func (r *Relay) drain() {
	r.waiting.leave()
	end := time.NewTimer(r.cfg.Drain)
	defer end.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for len(r.Pairs()) > 0 {
		select {
		case <-end.C:
			r.log.Warn("pairs are cut: they did not end in time", "pairs", len(r.Pairs()))
			return
		case <-look.C:
		}
	}
}

// serveLeg is one leg from handshake to end.
func (r *Relay) serveLeg(ctx context.Context, raw net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	defer func() { _ = raw.Close() }()

	shake, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	conn, err := r.door.Accept(shake, raw)
	if err != nil {
		r.metrics.refused.WithLabelValues("handshake", "").Inc()
		r.log.Warn("leg refused", "client", raw.RemoteAddr().String(), "err", err)
		return
	}
	peer, attributes, err := pki.MemberOf(conn.ConnectionState().PeerCertificates[0])
	if err != nil {
		return // the handshake has judged it already
	}
	defer pki.Follow(r.me, conn.ConnectionState(), func(why error) {
		r.log.Warn("leg cut", "member", peer.String(), "err", why)
		_ = raw.Close()
	})()
	leg := channel.NewLeg(conn)
	if err := r.members.enter(peer, time.Now()); err != nil {
		r.refuse(leg, peer, "", err)
		return
	}
	defer r.members.exit(peer)
	legs := r.metrics.legs.WithLabelValues(string(peer.Role), peer.Member)
	legs.Inc()
	defer legs.Dec()

	_ = conn.SetReadDeadline(time.Now().Add(handshakeTime))
	what, payload, err := leg.Next()
	_ = conn.SetReadDeadline(time.Time{})
	if err != nil {
		r.log.Info("leg ended before it said what for", "member", peer.String(), "err", err)
		return
	}
	if err := r.admit(leg, peer, attributes["service"], what, payload); err != nil {
		r.refuse(leg, peer, attributes["service"], err)
	}
}

// admit does what the leg asks for, if the member's certificate allows it.
func (r *Relay) admit(leg *channel.Leg, peer pki.ID, allowed string, what channel.Type, payload string) error {
	service, outlet := payload, ""
	if what == channel.Dial {
		var err error
		if service, outlet, err = channel.ParseDial(payload); err != nil {
			return err
		}
	}
	switch {
	case allowed != service:
		return fault.New(fault.Denied, "this member's certificate does not name the service")
	case what == channel.Listen && peer.Role == pki.Outlet:
		return r.wait(leg, peer, service)
	case what == channel.Dial && peer.Role == pki.Inlet:
		return r.pair(leg, peer, service, outlet)
	}
	return fault.New(fault.Denied, "this member's role does not allow that")
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
	r.metrics.refused.WithLabelValues(code.String(), peer.Member).Inc()
	r.log.Info("leg refused", "member", peer.String(), "service", service, "err", err)
	_ = leg.Conn().SetWriteDeadline(time.Now().Add(answerTime))
	_ = leg.Refuse(code, fault.PublicText(err)) // the node may have left
	_ = leg.Conn().Close()
}

// wait parks an outlet's leg until an inlet takes it or it dies.
func (r *Relay) wait(leg *channel.Leg, outlet pki.ID, service string) error {
	w := newWaiter(leg, outlet, r.cfg.PingEvery)
	if err := r.waiting.add(service, w); err != nil {
		return err
	}
	r.metrics.waiting.Inc()
	defer r.metrics.waiting.Dec()
	r.log.Info("outlet waits", "member", outlet.String(), "service", service)
	w.run() // returns once the leg has died, or has been taken and let go
	r.waiting.remove(service, w)
	return nil
}

// pair finds an outlet that answers, the one asked for or any, tells the inlet,
// and copies.
func (r *Relay) pair(leg *channel.Leg, inlet pki.ID, service, outlet string) error {
	for {
		w, err := r.waiting.take(service, outlet)
		if err != nil {
			return err
		}
		if w == nil {
			return fault.New(fault.Unavailable, "no outlet waits for this service").
				Fix("start its outlet, or look whether the outlet reaches this relay")
		}
		if err = w.claim(inlet); err != nil {
			r.log.Info("waiting outlet was gone", "member", w.outlet.String(), "err", err)
			w.release()
			continue
		}
		r.log.Info("paired", "inlet", inlet.String(), "outlet", w.outlet.String(), "service", service)
		err = r.copyBetween(leg, w, inlet, service)
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
	defer r.pairs.add(&Pair{inlet.String(), w.outlet.String(), service, time.Now()})()
	a, okA := leg.Conn().(*tls.Conn)
	b, okB := w.leg.Conn().(*tls.Conn)
	if !okA || !okB {
		return errors.New("a leg without TLS") // serveLeg makes no other
	}
	up := r.metrics.bytes.WithLabelValues(inlet.Member, service, "to_outlet")
	down := r.metrics.bytes.WithLabelValues(inlet.Member, service, "to_inlet")
	forth, back, err := channel.Couple(a, b, r.pool, func(toOutlet bool, n int) {
		if toOutlet {
			up.Add(float64(n))
		} else {
			down.Add(float64(n))
		}
		time.Sleep(r.members.spend(inlet, n, time.Now()))
	})
	r.log.Info("session ended", "inlet", inlet.String(), "outlet", w.outlet.String(),
		"bytes_to_outlet", forth, "bytes_to_inlet", back, "cut", err != nil)
	return nil
}
