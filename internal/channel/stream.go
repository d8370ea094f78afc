package channel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Flow control, in bytes. A stream that carries much gets more window by and
// by; all streams of a session share what may be granted beyond the first.
const (
	initialWindow = 256 << 10
	largestWindow = 4 << 20
	maxExtra      = 64 << 20
	maxWindow     = 16 << 20 // a peer that grants more is broken
)

// ResetError is what a stream reports after the peer reset it.
type ResetError struct {
	Code Code
	Text string // the peer's words, quoted
}

func (e *ResetError) Error() string {
	return fmt.Sprintf("the other end reset the stream: %s %s", e.Code, e.Text)
}

// Stream is one connection inside a session: a net.Conn that knows half-close,
// and whose Read returns io.EOF only after the peer's End frame.
type Stream struct {
	session *Session
	id      uint32
	service string

	readable, writable chan struct{} // hold one signal each
	readBy, writeBy    *deadline

	mu        sync.Mutex // guards what follows
	in        []*block   // received and not yet read
	window    int        // bytes that the peer may send before it must wait
	unread    int        // what is left of that: the peer's credit
	consumed  int        // bytes read since the last Window
	credit    int        // bytes that we may still send
	inErr     error      // io.EOF after End, else why reading ended
	outErr    error      // why writing ended
	forgotten bool
}

func newStream(s *Session, id uint32, service string) *Stream {
	return &Stream{
		session: s, id: id, service: service,
		readable: make(chan struct{}, 1), writable: make(chan struct{}, 1),
		readBy: newDeadline(), writeBy: newDeadline(),
		window: initialWindow, unread: initialWindow, credit: initialWindow,
	}
}

// Service is the name that the inlet asked for.
func (st *Stream) Service() string { return st.service }

// Peer is the session's other end.
func (st *Stream) Peer() string { return st.session.peer.String() }

func wake(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

// handle acts on a frame for this stream, whose payload lies in b; kept says
// that b is the stream's now.
func (st *Stream) handle(f Frame, b *block) (kept bool, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	defer st.settle()
	switch f.Type {
	case Data:
		return st.receive(f.Payload, b)
	case Window:
		if st.credit += int(binary.BigEndian.Uint32(f.Payload)); st.credit > maxWindow {
			return false, broken("a window over 16 MiB")
		}
		wake(st.writable)
	case End:
		st.endReading(io.EOF)
	case Reset:
		code, text := parseReason(f.Payload)
		err := &ResetError{code, text}
		st.endReading(err)
		st.endWriting(err)
	}
	return false, nil
}

// receive queues what came. A large payload stays where it was read; small
// ones share a block, so that a peer cannot make a byte cost 16 KiB.
func (st *Stream) receive(payload []byte, b *block) (kept bool, err error) {
	if errors.Is(st.inErr, io.EOF) {
		return false, broken("data after the end of a stream")
	}
	if len(payload) > st.unread {
		return false, broken("more data than the window allows")
	}
	st.unread -= len(payload)
	st.session.got.Add(int64(len(payload)))
	if st.inErr != nil {
		return false, nil //nolint:nilerr // nobody reads any more; what still comes is dropped
	}
	wake(st.readable)
	if len(payload) >= MaxPayload/4 {
		b.r, b.w = 0, len(payload)
		st.in = append(st.in, b)
		return true, nil
	}
	if n := len(st.in); n > 0 && len(st.in[n-1].record)-st.in[n-1].w >= len(payload) {
		last := st.in[n-1]
		last.w += copy(last.record[last.w:], payload)
		return false, nil
	}
	own := st.session.cfg.Pool.block()
	own.w = copy(own.record[:], payload)
	st.in = append(st.in, own)
	return false, nil
}

func (st *Stream) endReading(err error) {
	if st.inErr == nil {
		st.inErr = err
	}
	wake(st.readable)
}

// endWriting reports whether writing was still open.
func (st *Stream) endWriting(err error) bool {
	first := st.outErr == nil
	if first {
		st.outErr = err
	}
	wake(st.writable)
	return first
}

// settle runs with mu held, after the frames that end a direction were
// written: it lets the session forget a stream that is over both ways. The
// session never calls a stream with its own lock held, so the order is safe.
func (st *Stream) settle() {
	if st.inErr != nil && st.outErr != nil && !st.forgotten {
		st.forgotten = true
		st.session.extra.Add(int64(initialWindow - st.window))
		st.session.forget(st.id)
	}
}

// cut ends both directions because the session did.
func (st *Stream) cut(err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.forgotten = true // the session has dropped it already
	st.endReading(err)
	st.endWriting(err)
}

// Read reads what has come, or waits for more. What was received before an
// error is delivered first.
func (st *Stream) Read(p []byte) (int, error) {
	for {
		n, err := st.take(p)
		if n > 0 {
			st.grant(n)
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		if err := st.wait(); err != nil {
			return 0, err
		}
	}
}

func (st *Stream) wait() error {
	st.session.out.flush()
	select {
	case <-st.readable:
		return nil
	case <-st.readBy.passed():
		return os.ErrDeadlineExceeded
	}
}

// take copies out what is there.
func (st *Stream) take(p []byte) (n int, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if len(st.in) == 0 {
		return 0, st.inErr
	}
	for len(st.in) > 0 && n < len(p) {
		b := st.in[0]
		m := copy(p[n:], b.unread())
		n, b.r = n+m, b.r+m
		if b.r == b.w {
			st.session.cfg.Pool.putBlock(b)
			st.in = st.in[1:]
		}
	}
	if len(st.in) > 0 {
		wake(st.readable) // for another reader
	} else {
		st.in = nil // an idle stream keeps nothing
	}
	return n, nil
}

// WriteTo hands over what comes in the blocks that it came in, several in one
// call of w where w is TCP, until the peer's End.
func (st *Stream) WriteTo(w io.Writer) (sum int64, err error) {
	for {
		blocks, err := st.takeAll()
		if len(blocks) > 0 {
			n, err := writeBlocks(w, blocks)
			for _, b := range blocks {
				st.session.cfg.Pool.putBlock(b)
			}
			sum += n
			if err != nil {
				return sum, err
			}
			st.grant(int(n))
			continue
		}
		if err == nil {
			err = st.wait()
		}
		if errors.Is(err, io.EOF) {
			return sum, nil
		}
		if err != nil {
			return sum, err
		}
	}
}

func (st *Stream) takeAll() ([]*block, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if len(st.in) == 0 {
		return nil, st.inErr
	}
	all := st.in
	st.in = nil
	return all, nil
}

func writeBlocks(w io.Writer, blocks []*block) (int64, error) {
	if len(blocks) == 1 {
		n, err := w.Write(blocks[0].unread())
		return int64(n), err
	}
	vector := make(net.Buffers, len(blocks))
	for i, b := range blocks {
		vector[i] = b.unread()
	}
	return vector.WriteTo(w) // writev(2) where w is TCP
}

// grant lets the peer send as much again as was read, half a window at a time,
// so that grants are few and the pipe never runs dry. A stream that uses its
// window up gets twice as much, as long as the session's share lasts.
func (st *Stream) grant(n int) {
	st.mu.Lock()
	st.consumed += n
	grant := 0
	if st.consumed >= st.window/2 && st.inErr == nil {
		grant, st.consumed = st.consumed, 0
		if st.unread < st.window/2 && st.window < largestWindow && st.session.mayGrant(st.window) {
			grant += st.window
			st.window *= 2
		}
		st.unread += grant
	}
	st.mu.Unlock()
	if grant > 0 {
		// A failed write ends the session, which this stream reports itself.
		_ = st.session.write(Window, st.id, binary.BigEndian.AppendUint32(nil, uint32(grant)))
	}
}

// Write sends p, waiting for the peer's window where it must.
func (st *Stream) Write(p []byte) (int, error) {
	sent := 0
	for sent < len(p) {
		n, err := st.reserve(len(p) - sent)
		if err != nil {
			return sent, err
		}
		if n == 0 {
			select {
			case <-st.writable:
			case <-st.writeBy.passed():
				return sent, os.ErrDeadlineExceeded
			}
			continue
		}
		if err := st.session.write(Data, st.id, p[sent:sent+n]); err != nil {
			return sent, err
		}
		sent += n
	}
	return sent, nil
}

// ReadFrom sends all that r has until its end, which it does not pass on. Where
// r is TCP, it moves much at once, and holds no buffer while nothing comes.
func (st *Stream) ReadFrom(r io.Reader) (sum int64, err error) {
	pool := st.session.cfg.Pool
	if conn, ok := r.(net.Conn); ok {
		if p := newPark(conn, pool); p != nil {
			p.idle = st.session.out.flush // the stream's own beginning, if that still waits
			return st.readFromPark(p)
		}
	}
	st.session.out.flush()
	b := pool.block()
	defer pool.putBlock(b)
	return io.CopyBuffer(struct{ io.Writer }{st}, struct{ io.Reader }{r}, b.record[:])
}

func (st *Stream) readFromPark(p *park) (sum int64, err error) {
	for {
		buf, n, err := p.read()
		if errors.Is(err, io.EOF) {
			return sum, nil
		}
		if err != nil {
			return sum, err
		}
		n, err = st.Write((*buf)[:n])
		p.pool.putBatch(buf)
		sum += int64(n)
		if err != nil {
			return sum, err
		}
	}
}

// reserve takes credit for as much as one call writes.
func (st *Stream) reserve(want int) (int, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.outErr != nil {
		return 0, st.outErr
	}
	n := min(want, batch, st.credit)
	st.credit -= n
	return n, nil
}

// CloseWrite tells the peer that no more comes from here, and leaves the
// other direction open.
func (st *Stream) CloseWrite() error {
	st.mu.Lock()
	first := st.endWriting(net.ErrClosed)
	st.mu.Unlock()
	if first {
		return st.last(End, nil)
	}
	return nil
}

// Close ends the stream in good order: an End if none was sent, and where the
// peer has not ended, a reset for what it may still send.
func (st *Stream) Close() error {
	err := st.CloseWrite()
	st.mu.Lock()
	open := st.inErr == nil
	st.endReading(net.ErrClosed)
	st.mu.Unlock()
	if open {
		err = st.last(Reset, appendReason(Cancelled, "closed"))
	}
	return err
}

// Abort resets the stream: the peer reads an error, never a clean end.
func (st *Stream) Abort(code Code, text string) {
	st.mu.Lock()
	over := st.inErr != nil && st.outErr != nil
	st.endReading(net.ErrClosed)
	st.endWriting(net.ErrClosed)
	st.mu.Unlock()
	if !over {
		_ = st.last(Reset, appendReason(code, text)) // a failed session tells the peer as well
	}
}

// last writes a frame that ends a direction, and settles.
func (st *Stream) last(t Type, payload []byte) error {
	err := st.session.write(t, st.id, payload)
	st.mu.Lock()
	defer st.mu.Unlock()
	st.settle()
	return err
}

// LocalAddr and RemoteAddr name the session's connection.
func (st *Stream) LocalAddr() net.Addr { return st.session.conn.LocalAddr() }

// RemoteAddr is the address of the next hop, the relay, not of the peer.
func (st *Stream) RemoteAddr() net.Addr { return st.session.conn.RemoteAddr() }

// SetDeadline sets both deadlines.
func (st *Stream) SetDeadline(t time.Time) error {
	st.readBy.set(t)
	st.writeBy.set(t)
	return nil
}

// SetReadDeadline bounds a waiting Read.
func (st *Stream) SetReadDeadline(t time.Time) error { st.readBy.set(t); return nil }

// SetWriteDeadline bounds a Write that waits for the peer's window.
func (st *Stream) SetWriteDeadline(t time.Time) error { st.writeBy.set(t); return nil }
