package channel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
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
	in        bytes.Buffer
	unread    int   // bytes that the peer may still send: its credit
	consumed  int   // bytes read since the last Window
	credit    int   // bytes that we may still send
	inErr     error // io.EOF after End, else why reading ended
	outErr    error // why writing ended
	forgotten bool
}

func newStream(s *Session, id uint32, service string) *Stream {
	return &Stream{
		session: s, id: id, service: service,
		readable: make(chan struct{}, 1), writable: make(chan struct{}, 1),
		readBy: newDeadline(), writeBy: newDeadline(),
		unread: initialWindow, credit: initialWindow,
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

// handle acts on a frame for this stream.
func (st *Stream) handle(f Frame) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	defer st.settle()
	switch f.Type {
	case Data:
		if errors.Is(st.inErr, io.EOF) {
			return broken("data after the end of a stream")
		}
		if len(f.Payload) > st.unread {
			return broken("more data than the window allows")
		}
		st.unread -= len(f.Payload)
		st.session.got.Add(int64(len(f.Payload)))
		if st.inErr == nil {
			st.in.Write(f.Payload)
			wake(st.readable)
		}
	case Window:
		st.credit += int(binary.BigEndian.Uint32(f.Payload))
		if st.credit > maxWindow {
			return broken("a window over 16 MiB")
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
	return nil
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
		n, grant, err := st.take(p)
		if grant > 0 {
			// A failed write ends the session, which this stream reports itself.
			_ = st.session.write(Window, st.id, binary.BigEndian.AppendUint32(nil, uint32(grant))) //nolint:gosec // at most the window
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		select {
		case <-st.readable:
		case <-st.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		}
	}
}

// take copies out what is there, and says how much to grant the peer: half a
// window at a time, so that grants are few and the pipe never runs dry.
func (st *Stream) take(p []byte) (n, grant int, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.in.Len() == 0 {
		return 0, 0, st.inErr
	}
	n, _ = st.in.Read(p)
	if st.in.Len() > 0 {
		wake(st.readable) // for another reader
	} else if st.in.Cap() > 4*MaxPayload {
		st.in = bytes.Buffer{} // an idle stream keeps no big buffer
	}
	st.consumed += n
	if st.consumed >= initialWindow/2 && st.inErr == nil {
		grant, st.consumed = st.consumed, 0
		st.unread += grant
	}
	return n, grant, nil
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

// reserve takes credit for one frame.
func (st *Stream) reserve(want int) (int, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.outErr != nil {
		return 0, st.outErr
	}
	n := min(want, MaxPayload, st.credit)
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
