package portal

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/channel"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// Health of a session, as new connections judge it.
const (
	suspect    = time.Second          // a ping that waits longer makes a session the last to be taken
	leastTrip  = 5 * time.Millisecond // round trips below are alike: what differs is how busy an end is
	shortRenew = time.Second          // between two tries to replace a session that nears its end
	ownLook    = 2 * time.Second      // of waiting for a session, until an inlet asks whether it is out itself
)

// way is one way to the service: an outlet, by a relay. A session is kept warm
// on each.
type way struct {
	relay  string
	outlet pki.ID

	session *channel.Session // guarded by warm.mu
	err     error            // why there is none
}

// warm are the sessions of an inlet.
type warm struct {
	ways []*way

	mu      *sync.Mutex
	changed chan struct{} // closed and replaced whenever a way has got a session, or has failed to
}

func newWarm(relays []string, outlets []pki.ID) warm {
	w := warm{mu: new(sync.Mutex), changed: make(chan struct{})}
	for _, relay := range relays {
		for _, outlet := range outlets {
			w.ways = append(w.ways, &way{relay: relay, outlet: outlet})
		}
	}
	return w
}

// set notes what has become of a way, and returns the session it had.
func (w *warm) set(at *way, s *channel.Session, err error) (old *channel.Session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at.err = err; s != nil {
		old, at.session = at.session, s
	}
	close(w.changed)
	w.changed = make(chan struct{})
	return old
}

// best is the session that a new stream should take: one that answers, and of
// those the one with the least to do for its round trip. Nil where none stands.
func (w *warm) best() *channel.Session {
	w.mu.Lock()
	defer w.mu.Unlock()
	var best *channel.Session
	var least float64
	for _, at := range w.ways {
		if at.session == nil || at.session.Spent() {
			continue
		}
		at.session.Freshen()
		if c := cost(at.session.Stats()); best == nil || c < least {
			best, least = at.session, c
		}
	}
	return best
}

// cost orders sessions: the lower the better. A little chance keeps those that
// are alike in use alike.
func cost(s channel.Stats) float64 {
	c := float64(s.Streams+1) * float64(max(s.RoundTrip, leastTrip)) * (1 + rand.Float64()/100)
	if s.Overdue > suspect {
		c += float64(time.Hour) * s.Overdue.Seconds()
	}
	return c
}

// verdict says whether there is anything to wait for: an error where every way
// was refused by policy or a limit.
func (w *warm) verdict() (changed <-chan struct{}, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, at := range w.ways {
		kind := fault.KindOf(at.err)
		if at.err == nil || kind != fault.Denied && kind != fault.Throttled {
			return w.changed, nil
		}
		err = at.err
	}
	return w.changed, err
}

// stream opens a stream, waiting while relay or outlet are away: a client that
// connects during a restart is served after it, and not cut.
func (in *Inlet) stream(ctx context.Context) (*channel.Stream, error) {
	var look <-chan time.Time
	for {
		changed, refused := in.warm.verdict()
		if s := in.warm.best(); s != nil {
			st, err := s.Begin(in.cfg.Service)
			if err == nil {
				return st, nil
			}
			if fault.KindOf(err) == fault.Throttled {
				return nil, err
			}
			continue // it has just ended, or is leaving: best will not give it again
		}
		if refused != nil {
			return nil, refused
		}
		if look == nil {
			look = time.After(ownLook)
		}
		select {
		case <-changed:
		case <-look:
			if err := in.own(); err != nil {
				return nil, err
			}
			look = nil
		case <-ctx.Done():
			return nil, fault.New(fault.Unavailable, "no session with the outlet").
				Fix("see this inlet's log for what the relays say").Because(ctx.Err())
		}
	}
}

// own is why no session will ever come: this member is out. It is asked after a
// while, for a member that has just been given a new key is not.
func (in *Inlet) own() error {
	cert, err := in.cfg.Credentials.Certificate()
	if err != nil || cert.Leaf == nil {
		return nil //nolint:nilerr // only a refusal ends the waiting
	}
	if err := in.cfg.Credentials.Standing().Check(cert.Leaf); fault.KindOf(err) == fault.Denied {
		return fault.New(fault.Denied, "this inlet's member has been revoked").At(in.cfg.Credentials.ID().String()).
			Fix("ask the project's administrator").Because(err)
	}
	return nil
}

// keep has a session on a way until ctx ends. One that nears its end, or that
// either side wants replaced, is replaced first and left after, so that no
// stream is cut.
func (in *Inlet) keep(ctx context.Context, at *way) {
	for retry := newBackoff(); ctx.Err() == nil; {
		s, err := in.connect(ctx, at)
		old := in.warm.set(at, s, err)
		if err != nil {
			if ctx.Err() == nil {
				in.log.Log(ctx, retry.level(), "no session", "relay", at.relay, "outlet", at.outlet.String(), "err", err)
				retry.sleep(ctx)
			}
			continue
		}
		retry.reset()
		if old != nil {
			old.Leave()
		}
		in.log.Info("session open", "relay", at.relay, "outlet", at.outlet.String())
		in.watch(ctx, s)
	}
	if last := in.warm.set(at, nil, ctx.Err()); last != nil {
		last.Close()
	}
}

// watch returns when the session has ended or should be replaced.
func (in *Inlet) watch(ctx context.Context, s *channel.Session) {
	in.metrics.sessions.Inc()
	go func() { <-s.Done(); in.metrics.sessions.Dec() }()
	renew := time.NewTimer(replaceIn(time.Until(s.Expires())))
	defer renew.Stop()
	look := time.NewTicker(time.Minute)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			s.Close()
			return
		case <-s.Done():
			in.log.Info("session over", "outlet", s.Peer().String(), "err", s.Err())
			return
		case <-s.Winding():
			return
		case <-renew.C:
			return
		case <-look.C:
			if s.Spent() {
				return // it has carried its share of bytes
			}
		}
	}
}

// replaceIn is when a session is replaced that has so much time left; none, or
// less, where the machine slept.
func replaceIn(left time.Duration) time.Duration {
	left = max(left, 0)
	return max(left*3/4-rand.N(left/20+1), shortRenew)
}

// connect makes a session.
func (in *Inlet) connect(ctx context.Context, at *way) (*channel.Session, error) {
	conn, err := in.legs.carrier.Dial(ctx, at.relay)
	if err != nil {
		return nil, err
	}
	stop := closing(ctx, conn)
	defer stop()
	if err := channel.NewLeg(conn).DialService(in.cfg.Service, at.outlet.Member); err != nil {
		_ = conn.Close()
		return nil, err
	}
	var judged Peer
	secure, peer, err := channel.SecureInlet(ctx, conn, in.cfg.Credentials, func(id pki.ID, attributes map[string]string) error {
		judged = Peer{id, attributes}
		if err := pki.Exactly(at.outlet)(id, attributes); err != nil {
			return err
		}
		return in.allow.admit(judged)
	})
	if err == nil {
		err = in.legs.handOver(secure)
	}
	if err != nil {
		_ = conn.Close()
		return nil, fault.New(fault.Denied, "what the relay joined us to is not our outlet").Because(err)
	}
	s := channel.NewInlet(secure, peer, in.legs.sessionConfig(secure.ConnectionState()))
	go in.follow(s, at.relay, judged, conn.ConnectionState(), secure.ConnectionState())
	return s, nil
}

// follow cuts the session when one of those it depends on, its relay or its
// outlet, is revoked, or the outlet not admitted any more, and tells of it while
// it stands.
func (in *Inlet) follow(s *channel.Session, relay string, outlet Peer, peers ...tls.ConnectionState) {
	defer in.standing.add(s, relay)()
	cut := func(why error) {
		in.log.Warn("session cut", "outlet", s.Peer().String(), "err", why)
		s.Close()
	}
	defer in.allow.follow(outlet, cut)()
	for _, peer := range peers {
		defer pki.Follow(in.cfg.Credentials, peer, cut)()
	}
	<-s.Done()
}
