package httpd

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// gate stands between a connection of HTTP/1 and net/http, and lets the head
// of a request through once it is whole and checkHead has nothing against it.
// In place of one that is refused it hands over a request of its own, which
// the handler knows by its method and answers with the reason: so the refusal
// stands in its order among the answers, and the connection ends with it.
//
// To find where the next head begins it follows bodies too, which pass as they
// come. One goroutine at a time reads.
type gate struct {
	net.Conn

	buf     []byte // what held and cleared are parts of, for the next head
	held    []byte // read, and not yet looked at
	cleared []byte // may go
	scanned int    // bytes of held in which no head ends
	line    int    // where the line in hand begins

	where  where
	left   int64 // of the body
	chunks chunks
	later  bool // this is not the first request
	by     bool // a deadline for the head in hand is set

	refused atomic.Pointer[misfit]
}

// where in the connection's bytes the gate is.
type where uint8

const (
	inHead where = iota
	inLength
	inChunks
	open // a WebSocket, perhaps: everything passes
	over // a head was refused: nothing passes
)

// refusedMethod is of the request that stands in for one that was refused.
// Nobody else's has it: checkRequestLine sees to that.
const refusedMethod = "OSTIARY-REFUSED"

const standIn = refusedMethod + " / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n"

const readSize = 4 << 10

var errChunks = errors.New("the body's chunks are malformed")

// Read gives what may go.
func (g *gate) Read(p []byte) (int, error) {
	for {
		if len(g.cleared) > 0 {
			n := copy(p, g.cleared)
			g.cleared = g.cleared[n:]
			return n, nil
		}
		if len(g.held) > 0 {
			if err := g.look(); err != nil {
				return 0, err
			}
			if len(g.cleared) > 0 {
				continue
			}
		}
		if g.where == inHead || g.where == over {
			if err := g.fill(len(p)); err != nil {
				return 0, err
			}
			continue
		}
		return g.straight(p)
	}
}

// straight reads a body without a copy. What comes after it is kept.
func (g *gate) straight(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	mine, bad := g.measure(p[:n])
	if bad != nil {
		return 0, bad
	}
	g.held = append(g.held, p[mine:n]...)
	return mine, err
}

// fill reads on for a head. net/http gives a new connection time for its first
// head itself; a later one it would give the time of an idle connection, since
// it sees nothing of a head that is not whole. It reads into a single byte
// only to see a client leave while its request is answered: then there is no
// hurry.
func (g *gate) fill(wanted int) error {
	if g.where == inHead && g.later && wanted > 1 && len(g.held) > 0 && !g.by {
		g.by = true
		_ = g.Conn.SetReadDeadline(time.Now().Add(headerTime))
	}
	if g.where == over {
		g.held = nil
	}
	at := len(g.held)
	if at == 0 { // and nothing is cleared, or it would have gone
		if g.buf == nil {
			g.buf = make([]byte, readSize)
		}
		g.held = g.buf[:0]
	}
	if cap(g.held)-at < readSize/2 {
		g.held = append(make([]byte, 0, 2*at+readSize), g.held...)
	}
	n, err := g.Conn.Read(g.held[at:min(cap(g.held), at+readSize)])
	if g.held = g.held[:at+n]; n > 0 {
		return nil
	}
	return err
}

// look moves what it can from held to cleared.
func (g *gate) look() error {
	switch g.where {
	case inHead:
		end, bad := g.headEnd()
		if bad == nil && max(end, g.scanned) > headerBytes {
			bad = &misfit{http.StatusRequestHeaderFieldsTooLarge, "The request header is too large"}
		}
		if end == 0 && bad == nil {
			return nil
		}
		var body framing
		if bad == nil {
			body, bad = checkHead(g.held[:end])
		}
		if bad != nil {
			g.refuse(bad)
			return nil
		}
		g.clear(end)
		g.begin(body)
	case over:
		g.held = nil
	default:
		n, err := g.measure(g.held)
		if err != nil {
			return err
		}
		g.clear(n)
	}
	return nil
}

func (g *gate) clear(n int) { g.cleared, g.held = g.held[:n:n], g.held[n:] }

// headEnd finds the empty line after a head, 0 if it has not come. A line that
// ends with a bare LF is refused at once: its client may be waiting.
func (g *gate) headEnd() (int, *misfit) {
	for {
		n := bytes.IndexByte(g.held[g.scanned:], '\n')
		if n < 0 {
			g.scanned = len(g.held)
			return 0, nil
		}
		end := g.scanned + n
		switch end - g.line {
		case 0:
			return 0, malformed("A line ends without CRLF")
		case 1:
			if g.line > 0 && g.held[end-1] == '\r' {
				return end + 1, nil
			}
		}
		if g.held[end-1] != '\r' {
			return 0, malformed("A line ends without CRLF")
		}
		g.scanned, g.line = end+1, end+1
	}
}

// begin follows a head that was let through.
func (g *gate) begin(body framing) {
	g.scanned, g.line, g.later, g.by = 0, 0, true, false
	switch {
	case body.socket:
		g.where = open
	case body.chunked:
		g.where, g.chunks = inChunks, chunks{}
	case body.length > 0:
		g.where, g.left = inLength, body.length
	}
}

// measure gives how many of the bytes belong to the body.
func (g *gate) measure(p []byte) (int, error) {
	switch g.where {
	case inLength:
		n := int(min(g.left, int64(len(p))))
		if g.left -= int64(n); g.left == 0 {
			g.where = inHead
		}
		return n, nil
	case inChunks:
		n, ok := g.chunks.take(p)
		if !ok {
			return 0, errChunks
		}
		if g.chunks.state == bodyEnded {
			g.where = inHead
		}
		return n, nil
	}
	return len(p), nil
}

func (g *gate) refuse(bad *misfit) {
	g.refused.Store(bad)
	g.where, g.held, g.cleared = over, nil, []byte(standIn)
}

const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 256 << 10
)

// Close lets a client whose head was refused read why: to close a connection
// with unread bytes would reset it, and take the answer back (RFC 9112 section
// 9.6).
func (g *gate) Close() error {
	if g.refused.Load() != nil {
		_ = g.CloseWrite()
		_ = g.Conn.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, g.Conn, lingerBytes)
	}
	return g.Conn.Close()
}

// CloseWrite is what net/http ends an answer with that came before its
// request's end.
func (g *gate) CloseWrite() error {
	if c, ok := g.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

// tlsGate is a gate behind TLS; net/http asks it for the connection's state.
type tlsGate struct {
	*gate
	state tls.ConnectionState
}

// ConnectionState becomes Request.TLS.
func (g *tlsGate) ConnectionState() tls.ConnectionState { return g.state }
