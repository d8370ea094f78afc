package channel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// Bounds of a session. Go's TLS never starts a key update, so a session is
// bounded in bytes and age, and its owner replaces it before it ends.
const (
	maxAccept     = 128 // streams opened and not yet accepted
	MaxSessionAge = 24 * time.Hour
	maxLinger     = time.Hour // for streams of a session that takes no new ones
	MaxBytes      = 64 << 30  // bytes in one direction; AES-GCM's bound of RFC 8446 5.5 lies at 2^24.5 records
)

// Liveness: two unanswered pings end a session. Azure's NAT forgets a silent
// flow after 4 minutes, so the pings also keep the flow.
const (
	PingEvery = 15 * time.Second
	maxMissed = 2
)

// ErrSessionEnded is what streams that had not ended themselves report when
// their session ends: the stream was cut, whatever the transport says.
var ErrSessionEnded = errors.New("the portal session ended before the stream did")

// SessionConfig says how a session behaves; its zero value is sensible.
type SessionConfig struct {
	MaxStreams int           // open at once; 0 means 4096
	PingEvery  time.Duration // 0 means 15 s; silence of three times that ends the session
	Expires    time.Time     // no new streams after it: the end of a certificate; zero is none beside MaxSessionAge
	Pool       *Pool         // nil makes one of its own

	// PadTo rounds what is sent up to a multiple of so many bytes, by PAD
	// frames, at most MaxPadTo; 0 pads nothing. It hides sizes below that, and
	// no times.
	PadTo int
}

// MaxPadTo bounds SessionConfig.PadTo, so that padding fits beside any small
// frame into one record.
const MaxPadTo = 4096

// Session multiplexes streams over one connection between an inlet, which
// alone may open streams, and an outlet, which alone accepts them.
type Session struct {
	conn    net.Conn
	peer    pki.ID
	isInlet bool
	cfg     SessionConfig
	born    time.Time

	out      *sender
	opening  sync.Mutex // held while a stream gets its id and says so: ids rise on the wire
	accepted chan *Stream
	done     chan struct{}
	winding  chan struct{} // closed once either side has asked for no more streams

	mu      sync.Mutex // guards what follows
	streams map[uint32]*Stream
	last    uint32 // highest stream id seen or given
	asked   bool   // we have said GoAway
	noMore  bool   // the inlet opens no more streams: it has said GoAway
	err     error

	pulse pulse
	sent  atomic.Int64
	got   atomic.Int64
	extra atomic.Int64 // bytes of window granted beyond the first
}

// NewInlet starts the inlet's end of a session over an authenticated
// connection to peer.
func NewInlet(conn net.Conn, peer pki.ID, cfg SessionConfig) *Session {
	return start(conn, peer, true, cfg)
}

// NewOutlet starts the outlet's end.
func NewOutlet(conn net.Conn, peer pki.ID, cfg SessionConfig) *Session {
	return start(conn, peer, false, cfg)
}

func start(conn net.Conn, peer pki.ID, isInlet bool, cfg SessionConfig) *Session {
	if cfg.MaxStreams == 0 {
		cfg.MaxStreams = 4096
	}
	if cfg.PingEvery == 0 {
		cfg.PingEvery = PingEvery
	}
	if cfg.Pool == nil {
		cfg.Pool = new(Pool)
	}
	s := &Session{
		conn: conn, peer: peer, isInlet: isInlet, cfg: cfg, born: time.Now(),
		out:      newSender(conn, cfg.PadTo),
		accepted: make(chan *Stream, maxAccept),
		done:     make(chan struct{}),
		winding:  make(chan struct{}),
		streams:  map[uint32]*Stream{},
	}
	if end := s.born.Add(MaxSessionAge); cfg.Expires.IsZero() || cfg.Expires.After(end) {
		s.cfg.Expires = end
	}
	s.pulse.start(s.born)
	s.probe() // so that the round trip is known from the start
	go s.readLoop()
	go s.pingLoop()
	go func() {
		if err := s.out.run(s.done); err != nil {
			s.fail(fmt.Errorf("%w: %w", ErrSessionEnded, err))
		}
	}()
	return s
}

// Peer is the other end's verified name.
func (s *Session) Peer() pki.ID { return s.peer }

// Done is closed when the session has ended; Err then says why.
func (s *Session) Done() <-chan struct{} { return s.done }

// Winding is closed once either side has asked for no more streams: the inlet
// then makes another session.
func (s *Session) Winding() <-chan struct{} { return s.winding }

// Err is nil while the session lives.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Stats are the numbers of a session, never its content.
type Stats struct {
	Streams        int
	Sent, Received int64         // payload bytes
	RoundTrip      time.Duration // of the last pings, the newest weighing most; 0 before the first answer
	Overdue        time.Duration // how long a ping has waited for its answer; 0 where none does
}

// Stats reads them.
func (s *Session) Stats() Stats {
	s.mu.Lock()
	n := len(s.streams)
	s.mu.Unlock()
	return Stats{n, s.sent.Load(), s.got.Load(), s.pulse.roundTrip(), s.pulse.overdue(time.Now())}
}

// Spent says that the session should be replaced: it is leaving, too old, or
// has carried its share of bytes or ids.
func (s *Session) Spent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err != nil || s.asked || s.noMore || !time.Now().Before(s.cfg.Expires) ||
		s.sent.Load() > MaxBytes || s.got.Load() > MaxBytes || s.last > 1<<31
}

// Expires is when the session takes no new streams any more.
func (s *Session) Expires() time.Time { return s.cfg.Expires }

// Open begins a stream to a service and says so at once. Only an inlet may.
func (s *Session) Open(service string) (*Stream, error) {
	st, err := s.Begin(service)
	if err == nil {
		s.out.flush()
	}
	return st, err
}

// Begin begins a stream to a service. The peer hears of it together with the
// first that is written to the stream, or when somebody waits to read from it,
// whichever is first.
func (s *Session) Begin(service string) (*Stream, error) {
	if !s.isInlet {
		return nil, fault.New(fault.Denied, "the owner's side cannot open a stream")
	}
	if !pki.ValidLabel(service) {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("not a service's name: %q", service))
	}
	s.opening.Lock()
	defer s.opening.Unlock()
	st, err := s.register(service)
	if err != nil {
		return nil, err
	}
	return st, s.out.queue(Open, st.id, []byte(service))
}

// register gives a stream its id, if the session takes one.
func (s *Session) register(service string) (*Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return nil, s.err
	case s.noMore:
		return nil, fault.New(fault.Unavailable, "the session is being replaced")
	case len(s.streams) >= s.cfg.MaxStreams:
		return nil, fault.New(fault.Throttled, fmt.Sprintf("over %d streams in one session", s.cfg.MaxStreams))
	}
	s.last += 1 + s.last%2 // 1, 3, 5 …
	st := newStream(s, s.last, service)
	s.streams[st.id] = st
	return st, nil
}

// Accept waits for the next stream that the inlet opens.
func (s *Session) Accept(ctx context.Context) (*Stream, error) {
	select {
	case st := <-s.accepted:
		return st, nil
	case <-s.done:
		return nil, s.Err()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Leave asks for no more streams and ends the session once those that are
// open have ended. An outlet goes on accepting until the inlet has answered,
// so that a stream that crossed the wish on its way is not lost.
func (s *Session) Leave() {
	s.mu.Lock()
	first := !s.asked
	if first && !s.noMore {
		close(s.winding)
	}
	s.asked = true
	s.noMore = s.noMore || s.isInlet
	over := s.noMore && len(s.streams) == 0
	s.mu.Unlock()
	if first {
		s.say(appendFrame(nil, GoAway, 0, appendReason(Leaving, "no new streams here")))
	}
	if over {
		s.out.finish()
	}
}

// Close ends the session and cuts its streams.
func (s *Session) Close() { s.fail(ErrSessionEnded) }

// fail ends the session with err, once.
func (s *Session) fail(err error) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	s.err = err
	streams := s.streams
	s.streams = map[uint32]*Stream{}
	close(s.done)
	s.mu.Unlock()
	s.out.fail(err)
	for _, st := range streams {
		st.cut(ErrSessionEnded)
	}
	// A blocked writer holds the TLS connection's lock; the deadline frees it.
	_ = s.conn.SetDeadline(time.Now())
	_ = s.conn.Close()
}

// write sends a frame; one that cannot be sent ends the session.
func (s *Session) write(t Type, stream uint32, payload []byte) error {
	if err := s.out.send(t, stream, payload); err != nil {
		s.fail(fmt.Errorf("%w: %w", ErrSessionEnded, err))
		return s.Err()
	}
	if t == Data {
		s.sent.Add(int64(len(payload)))
	}
	return nil
}

// say queues a small frame.
func (s *Session) say(frame []byte) {
	if !s.out.offer(frame) {
		s.fail(broken("more control frames than can be answered"))
	}
}

// mayGrant takes from what the session's streams share beyond their first
// windows.
func (s *Session) mayGrant(n int) bool {
	if s.extra.Add(int64(n)) <= maxExtra {
		return true
	}
	s.extra.Add(int64(-n))
	return false
}

// forget drops an ended stream. The last one of a leaving session ends it, in
// good order: the peer reads our close after all that we wrote, and closes.
func (s *Session) forget(id uint32) {
	s.mu.Lock()
	delete(s.streams, id)
	over := s.noMore && len(s.streams) == 0
	s.mu.Unlock()
	if over {
		s.out.finish()
	}
}
