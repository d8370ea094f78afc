package channel

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
)

// recordHeader is the size of a TLS record's header (RFC 8446 section 5.1):
// type, version, length.
const recordHeader = 5

// Wire lies between a leg's TLS and its TCP, and moves many records in one
// system call: crypto/tls by itself reads twice and writes once for each. It
// hands out records one by one, so that More can tell whether another is here.
type Wire struct {
	net.Conn
	pool *Pool
	park *park // nil where the connection is not TCP

	// Of the reader, of which there is one at a time.
	buf    *[]byte // nil while nothing is buffered
	r, w   int     // what is unread lies between
	header [recordHeader]byte
	seen   int // bytes of the header handed out
	left   int // bytes of the record's body still to hand out

	mu     sync.Mutex // guards what follows
	corked bool
	out    *[]byte
	used   int
}

// NewWire wraps a connection on which nothing but TLS will be spoken.
func NewWire(conn net.Conn, pool *Pool) *Wire {
	return &Wire{Conn: conn, pool: pool, park: newPark(conn, pool)}
}

// NetConn is the connection beneath.
func (w *Wire) NetConn() net.Conn { return w.Conn }

// wireOf finds the wire beneath layers of TLS, or nil.
func wireOf(conn net.Conn) *Wire {
	for {
		if w, ok := conn.(*Wire); ok {
			return w
		}
		under, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		conn = under.NetConn()
	}
}

// Read reads up to the end of a record's header, or of its body.
func (w *Wire) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if w.buf == nil {
		if err := w.fill(); err != nil {
			return 0, err
		}
	}
	most := w.left
	if w.seen < recordHeader {
		most = recordHeader - w.seen
	}
	n := copy(p[:min(most, len(p))], (*w.buf)[w.r:w.w])
	w.advance((*w.buf)[w.r : w.r+n])
	w.r += n
	if w.r == w.w {
		w.pool.putBatch(w.buf)
		w.buf = nil
	}
	return n, nil
}

// CloseWrite ends our direction of the connection beneath.
func (w *Wire) CloseWrite() error {
	err := w.Flush()
	if half, ok := w.Conn.(interface{ CloseWrite() error }); ok && err == nil {
		return half.CloseWrite()
	}
	return err
}

// pour hands on all that comes, whatever it is: for what follows the leg's
// own TLS. note is told of bytes before they are written.
func (w *Wire) pour(to io.Writer, note func(n int)) (sum int64, err error) {
	for {
		if w.buf == nil {
			if err := w.fill(); errors.Is(err, io.EOF) {
				return sum, nil
			} else if err != nil {
				return sum, err
			}
		}
		note(w.w - w.r)
		n, err := to.Write((*w.buf)[w.r:w.w])
		w.pool.putBatch(w.buf)
		w.buf = nil
		sum += int64(n)
		if err != nil {
			return sum, err
		}
	}
}

// fill waits for bytes.
func (w *Wire) fill() (err error) {
	if w.park != nil {
		w.buf, w.w, err = w.park.read()
		w.r = 0
		return err
	}
	buf := w.pool.batch()
	n, err := w.Conn.Read(*buf)
	if n == 0 {
		w.pool.putBatch(buf)
		return err
	}
	w.buf, w.r, w.w = buf, 0, n // an error comes again
	return nil
}

// advance follows the records as they are handed out.
func (w *Wire) advance(p []byte) {
	if w.seen < recordHeader {
		w.seen += copy(w.header[w.seen:], p)
		if w.seen < recordHeader {
			return
		}
		w.left = int(binary.BigEndian.Uint16(w.header[3:]))
	} else {
		w.left -= len(p)
	}
	if w.left == 0 {
		w.seen = 0
	}
}

// More reports whether a whole further record has been received already. Only
// the reader may ask.
func (w *Wire) More() bool {
	if w == nil || w.buf == nil || w.seen != 0 || w.w-w.r < recordHeader {
		return false
	}
	return w.w-w.r >= recordHeader+int(binary.BigEndian.Uint16((*w.buf)[w.r+3:]))
}

// Cork gathers what is written from now on, until Flush or until a batch is
// full.
func (w *Wire) Cork() {
	if w != nil {
		w.mu.Lock()
		w.corked = true
		w.mu.Unlock()
	}
}

// Flush writes what was gathered and ends the gathering.
func (w *Wire) Flush() error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.corked = false
	return w.flush()
}

func (w *Wire) flush() error {
	if w.out == nil {
		return nil
	}
	_, err := w.Conn.Write((*w.out)[:w.used])
	w.pool.putBatch(w.out)
	w.out, w.used = nil, 0
	return err
}

// Write writes, or gathers.
func (w *Wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.used+len(p) > batch {
		if err := w.flush(); err != nil {
			return 0, err
		}
	}
	if !w.corked || len(p) > batch {
		if err := w.flush(); err != nil { // in order
			return 0, err
		}
		return w.Conn.Write(p)
	}
	if w.out == nil {
		w.out = w.pool.batch()
	}
	w.used += copy((*w.out)[w.used:], p)
	return len(p), nil
}
