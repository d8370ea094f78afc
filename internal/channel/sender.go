package channel

import (
	"encoding/binary"
	"net"
	"sync"
)

// maxPending bounds the frames that wait while others are written, in bytes:
// writers of streams wait for room; what the read loop has to say may overdraw
// by as much again, and a peer that asks for more than that is broken.
const maxPending = 64 << 10

// sender writes a session's frames. Whoever finds it free writes in its own
// goroutine, so that a lone byte takes no detour. What others say meanwhile
// gathers and goes out together, so that many small frames share a record and
// a system call.
type sender struct {
	conn    net.Conn
	wire    *Wire // beneath conn; may be nil
	padTo   int   // a record's frames are padded to a multiple; 0 is not
	scratch []byte
	more    chan struct{} // holds one signal: run has something to do

	mu      sync.Mutex // guards what follows
	room    sync.Cond  // pending has shrunk, or err is set
	busy    bool       // somebody writes, or run is about to
	pending []byte
	spare   []byte
	closing bool // end writing once pending is empty
	err     error
}

func newSender(conn net.Conn, padTo int) *sender {
	w := &sender{conn: conn, wire: wireOf(conn), padTo: min(padTo, MaxPadTo), more: make(chan struct{}, 1)}
	w.room.L = &w.mu
	return w
}

// send writes a frame, or frames of one stream if p is long and t is Data.
func (w *sender) send(t Type, stream uint32, p []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil && !w.busy {
		first := w.take()
		w.mu.Unlock()
		err := w.writeNow(first, t, stream, p)
		w.mu.Lock()
		w.settle(first, err)
		return err
	}
	for first := true; first || len(p) > 0; first = false {
		for w.err == nil && len(w.pending) > maxPending {
			w.start()
			w.room.Wait()
		}
		if w.err != nil {
			return w.err
		}
		n := min(len(p), MaxPayload)
		w.pending = appendFrame(w.pending, t, stream, p[:n])
		p = p[n:]
	}
	w.start()
	return nil
}

// start has run write what is pending, unless somebody writes, who will; mu is
// held.
func (w *sender) start() {
	if !w.busy {
		wake(w.more)
	}
}

// take begins a turn of writing with what is pending; mu is held.
func (w *sender) take() []byte {
	w.busy = true
	if len(w.pending) == 0 {
		return nil
	}
	first := w.pending
	w.pending, w.spare = w.spare[:0], nil
	w.room.Broadcast()
	return first
}

// queue has a frame wait for the next that is sent, or for flush.
func (w *sender) queue(t Type, stream uint32, p []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = appendFrame(w.pending, t, stream, p)
	return w.err
}

// flush has what was queued written.
func (w *sender) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pending) > 0 {
		w.start()
	}
}

// offer queues a frame and never waits: two read loops that both wait to write
// would wait for ever. It reports false where too much waits already.
func (w *sender) offer(frame []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pending) > 2*maxPending {
		return false
	}
	w.pending = append(w.pending, frame...)
	w.start()
	return true
}

// settle ends a turn of writing; mu is held.
func (w *sender) settle(first []byte, err error) {
	w.busy = false
	if w.spare == nil {
		w.spare = first[:0]
	}
	if err != nil && w.err == nil {
		w.err = err
	}
	if len(w.pending) > 0 || w.closing || w.err != nil {
		w.room.Broadcast()
		wake(w.more)
	}
}

// run writes what gathers, until stop is closed or writing fails; that error
// it returns.
func (w *sender) run(stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		case <-w.more:
		}
		w.mu.Lock()
		for !w.busy && len(w.pending) > 0 && w.err == nil {
			first := w.take()
			w.mu.Unlock()
			err := w.write(first)
			w.mu.Lock()
			w.settle(first, err)
		}
		err, last := w.err, w.closing && !w.busy && len(w.pending) == 0
		w.mu.Unlock()
		if err != nil {
			return err
		}
		if half, ok := w.conn.(interface{ CloseWrite() error }); last && ok {
			if err := half.CloseWrite(); err != nil {
				return err
			}
		}
	}
}

// finish ends writing in good order, after all that was said.
func (w *sender) finish() {
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	wake(w.more)
}

// fail frees whoever waits.
func (w *sender) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	w.room.Broadcast()
}

// writeNow writes first, and then lays out and writes frame by frame: each
// fills one record.
func (w *sender) writeNow(before []byte, t Type, stream uint32, p []byte) error {
	if n := len(before); n > 0 && n+HeaderSize+len(p) <= HeaderSize+MaxPayload {
		return w.write(appendFrame(before, t, stream, p)) // all in one record
	}
	if len(p) > MaxPayload || len(before) > 0 {
		w.wire.Cork()
	}
	if err := w.records(before); err != nil {
		return err
	}
	for first := true; first || len(p) > 0; first = false {
		n := min(len(p), MaxPayload)
		w.scratch = w.pad(appendFrame(w.scratch[:0], t, stream, p[:n]))
		if _, err := w.conn.Write(w.scratch); err != nil {
			return err
		}
		p = p[n:]
	}
	return w.wire.Flush()
}

// write writes frames that were laid out, in pieces that fill one record each.
func (w *sender) write(p []byte) error {
	if len(p) > HeaderSize+MaxPayload {
		w.wire.Cork()
	}
	if err := w.records(p); err != nil {
		return err
	}
	return w.wire.Flush()
}

func (w *sender) records(p []byte) error {
	for len(p) > 0 {
		if len(p) <= HeaderSize+MaxPayload {
			_, err := w.conn.Write(w.pad(p))
			return err
		}
		if _, err := w.conn.Write(p[:HeaderSize+MaxPayload]); err != nil {
			return err
		}
		p = p[HeaderSize+MaxPayload:]
	}
	return nil
}

// pad adds a PAD frame to a record's frames where the policy asks for one. What
// would not fit into the record stays as it is.
func (w *sender) pad(p []byte) []byte {
	if w.padTo == 0 {
		return p
	}
	gap := (w.padTo - len(p)%w.padTo) % w.padTo
	for gap > 0 && gap < HeaderSize {
		gap += w.padTo
	}
	if gap == 0 || len(p)+gap > HeaderSize+MaxPayload {
		return p
	}
	var zeros [MaxPadTo + HeaderSize]byte
	return appendFrame(p, Pad, 0, zeros[:gap-HeaderSize])
}

func pingFrame(flag byte, value uint64) []byte {
	return appendFrame(nil, Ping, 0, binary.BigEndian.AppendUint64([]byte{flag}, value))
}
