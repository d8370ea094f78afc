package channel

import (
	"context"
	"encoding/binary"
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
	initialWindow = 256 << 10 // bytes a stream may carry before the first Window
	maxWindow     = 16 << 20  // bytes; a peer that grants more is broken
	maxAccept     = 128       // streams opened and not yet accepted
	maxControl    = 1024      // control frames waiting to be written
	MaxSessionAge = 24 * time.Hour
	MaxBytes      = 64 << 30 // bytes in one direction; AES-GCM's bound of RFC 8446 5.5 lies at 2^24.5 records
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
	MaxStreams int // open at once; 0 means 4096
}

// Session multiplexes streams over one connection between an inlet, which
// alone may open streams, and an outlet, which alone accepts them.
type Session struct {
	conn    net.Conn
	peer    pki.ID
	isInlet bool
	limit   int
	born    time.Time

	writing sync.Mutex // held while one frame is laid out and written
	scratch []byte

	control  chan []byte
	accepted chan *Stream
	done     chan struct{}

	mu      sync.Mutex // guards what follows
	streams map[uint32]*Stream
	last    uint32 // highest stream id seen or given
	leaving bool   // no new streams, by either side's wish
	err     error

	missed atomic.Int32
	rtt    atomic.Int64 // nanoseconds
	sent   atomic.Int64
	got    atomic.Int64
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
	s := &Session{
		conn: conn, peer: peer, isInlet: isInlet, limit: cfg.MaxStreams, born: time.Now(),
		scratch:  make([]byte, 0, HeaderSize+MaxPayload),
		control:  make(chan []byte, maxControl),
		accepted: make(chan *Stream, maxAccept),
		done:     make(chan struct{}),
		streams:  map[uint32]*Stream{},
	}
	go s.readLoop()
	go s.controlLoop()
	return s
}

// Peer is the other end's verified name.
func (s *Session) Peer() pki.ID { return s.peer }

// Done is closed when the session has ended; Err then says why.
func (s *Session) Done() <-chan struct{} { return s.done }

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
	RoundTrip      time.Duration // of the last answered ping; 0 before it
}

// Stats reads them.
func (s *Session) Stats() Stats {
	s.mu.Lock()
	n := len(s.streams)
	s.mu.Unlock()
	return Stats{n, s.sent.Load(), s.got.Load(), time.Duration(s.rtt.Load())}
}

// Spent says that the session should be replaced: it is leaving, too old, or
// has carried its share of bytes or ids.
func (s *Session) Spent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err != nil || s.leaving || time.Since(s.born) > MaxSessionAge ||
		s.sent.Load() > MaxBytes || s.got.Load() > MaxBytes || s.last > 1<<31
}

// Open begins a stream to a service. Only an inlet may.
func (s *Session) Open(service string) (*Stream, error) {
	if !s.isInlet {
		return nil, fault.New(fault.Denied, "the owner's side cannot open a stream")
	}
	if !pki.ValidLabel(service) {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("not a service's name: %q", service))
	}
	// Ids must reach the peer in order: the lock is held across the write.
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	switch {
	case s.err != nil:
		defer s.mu.Unlock()
		return nil, s.err
	case s.leaving:
		defer s.mu.Unlock()
		return nil, fault.New(fault.Unavailable, "the session is being replaced")
	case len(s.streams) >= s.limit:
		defer s.mu.Unlock()
		return nil, fault.New(fault.Throttled, fmt.Sprintf("over %d streams in one session", s.limit))
	}
	if s.last == 0 {
		s.last = 1
	} else {
		s.last += 2
	}
	st := newStream(s, s.last, service)
	s.streams[st.id] = st
	s.mu.Unlock()
	if err := s.writeLocked(Open, st.id, []byte(service)); err != nil {
		return nil, err
	}
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

// Leave asks the peer for no more streams and ends the session once those
// that are open have ended.
func (s *Session) Leave() {
	s.mu.Lock()
	s.leaving = true
	empty := len(s.streams) == 0
	s.mu.Unlock()
	s.sendControl(appendFrame(nil, GoAway, 0, appendReason(Leaving, "no new streams here")))
	if empty {
		s.Close()
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
	for _, st := range streams {
		st.cut(ErrSessionEnded)
	}
	// A blocked writer holds the TLS connection's lock; the deadline frees it.
	_ = s.conn.SetDeadline(time.Now())
	_ = s.conn.Close()
}

func (s *Session) write(t Type, stream uint32, payload []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.writeLocked(t, stream, payload)
}

// writeLocked writes one frame in one Write, so that it fills one record.
func (s *Session) writeLocked(t Type, stream uint32, payload []byte) error {
	s.scratch = appendFrame(s.scratch[:0], t, stream, payload)
	_, err := s.conn.Write(s.scratch)
	if err != nil {
		s.fail(fmt.Errorf("%w: %w", ErrSessionEnded, err))
		return s.Err()
	}
	if t == Data {
		s.sent.Add(int64(len(payload)))
	}
	return nil
}

// sendControl queues a small frame for controlLoop. The read loop never writes
// by itself: two ends that both block in a write would wait for ever.
func (s *Session) sendControl(frame []byte) {
	select {
	case s.control <- frame:
	default:
		s.fail(broken("more control frames than can be answered"))
	}
}

func (s *Session) controlLoop() {
	tick := time.NewTicker(PingEvery)
	defer tick.Stop()
	for {
		var frame []byte
		select {
		case <-s.done:
			return
		case frame = <-s.control:
		case now := <-tick.C:
			if s.missed.Add(1) > maxMissed {
				s.fail(fault.New(fault.Upstream, "the peer has not answered for "+(PingEvery*maxMissed).String()))
				return
			}
			frame = pingFrame(0, uint64(now.UnixNano()))
		}
		s.writing.Lock()
		_, err := s.conn.Write(frame)
		s.writing.Unlock()
		if err != nil {
			s.fail(fmt.Errorf("%w: %w", ErrSessionEnded, err))
			return
		}
	}
}

func pingFrame(flag byte, value uint64) []byte {
	return appendFrame(nil, Ping, 0, binary.BigEndian.AppendUint64([]byte{flag}, value))
}

func (s *Session) readLoop() {
	r := &reader{src: s.conn}
	for {
		f, err := r.next()
		if err == nil {
			err = s.handle(f)
		}
		if err != nil {
			if _, ours := errors.AsType[*fault.Error](err); !ours && !errors.Is(err, ErrSessionEnded) {
				err = fmt.Errorf("%w: %w", ErrSessionEnded, noEOF(err))
			}
			s.fail(err)
			return
		}
	}
}

// handle acts on one frame; an error ends the session.
func (s *Session) handle(f Frame) error {
	switch f.Type {
	case Open:
		return s.handleOpen(f)
	case Data, Window, End, Reset:
		st, err := s.find(f.Stream)
		if st == nil {
			return err
		}
		return st.handle(f)
	case Ping:
		return s.handlePing(f.Payload)
	case GoAway:
		s.mu.Lock()
		s.leaving = true
		empty := len(s.streams) == 0
		s.mu.Unlock()
		if empty {
			return ErrSessionEnded
		}
		return nil
	case Pad:
		return nil
	default:
		return broken(fmt.Sprintf("frame type %d inside a session", f.Type))
	}
}

func (s *Session) handleOpen(f Frame) error {
	if s.isInlet {
		return broken("the owner's side tried to open a stream")
	}
	service := string(f.Payload)
	if !pki.ValidLabel(service) {
		return broken("a stream to a service without a proper name")
	}
	s.mu.Lock()
	if f.Stream%2 == 0 || f.Stream <= s.last {
		defer s.mu.Unlock()
		return broken(fmt.Sprintf("stream %d opened after stream %d", f.Stream, s.last))
	}
	s.last = f.Stream
	leaving, full := s.leaving, len(s.streams) >= s.limit || len(s.accepted) == cap(s.accepted)
	if !leaving && !full {
		st := newStream(s, f.Stream, service)
		s.streams[f.Stream] = st
		s.accepted <- st // has room: only this goroutine fills it
	}
	s.mu.Unlock()
	switch {
	case leaving:
		s.sendControl(appendFrame(nil, Reset, f.Stream, appendReason(Leaving, "this session is being replaced")))
	case full:
		s.sendControl(appendFrame(nil, Reset, f.Stream, appendReason(Limited, "no room for another stream")))
	}
	return nil
}

func (s *Session) handlePing(payload []byte) error {
	value := binary.BigEndian.Uint64(payload[1:])
	switch payload[0] {
	case 0:
		s.sendControl(pingFrame(1, value))
	case 1:
		s.missed.Store(0)
		s.rtt.Store(time.Now().UnixNano() - int64(value)) //nolint:gosec // our own number, echoed
	default:
		return broken("a ping that neither asks nor answers")
	}
	return nil
}

// find returns the stream, or nil where it has ended already: frames that
// crossed its end on the wire are dropped. An id never opened is an error.
func (s *Session) find(id uint32) (*Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.streams[id]; st != nil {
		return st, nil
	}
	if id%2 == 0 || id > s.last {
		return nil, broken(fmt.Sprintf("a frame for stream %d, which was never opened", id))
	}
	return nil, nil //nolint:nilnil // no stream and no error: see above
}

// forget drops an ended stream. The last one of a leaving session ends it, in
// good order: the peer reads our close after all that we wrote, and closes.
func (s *Session) forget(id uint32) {
	s.mu.Lock()
	delete(s.streams, id)
	over := s.leaving && len(s.streams) == 0
	s.mu.Unlock()
	if !over {
		return
	}
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		return
	}
	s.fail(ErrSessionEnded)
}
