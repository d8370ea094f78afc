package channel

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

// path is a paired leg under a session. Until the session's handshake is done,
// its bytes travel inside the leg's TLS, like any other. From then on they are
// TLS records that only the two ends can read or change, and to encrypt them
// once more for each leg would cost twice the work and keep nothing from
// anybody. So each end closes the leg's TLS for its direction, by an
// authenticated close_notify, and goes on with the session's records as they
// are: whoever watches sees one TLS 1.3 connection from beginning to end.
type path struct {
	*Wire
	leg           *tls.Conn
	rawIn, rawOut bool // of the reader, and of the writer
}

// newPath wraps a leg, or returns it as it is where no wire lies beneath.
func newPath(conn net.Conn) net.Conn {
	leg, ok := conn.(*tls.Conn)
	if !ok {
		return conn
	}
	wire, ok := leg.NetConn().(*Wire)
	if !ok {
		return conn
	}
	return &path{Wire: wire, leg: leg}
}

// HandOver ends the leg's own encryption in our direction, once the session's
// handshake is done and before anything else is written. The other direction
// follows when the other end has done the same.
func HandOver(session *tls.Conn) error {
	p, ok := session.NetConn().(*path)
	if !ok {
		return nil
	}
	p.rawOut = true
	return closeLeg(p.leg, p.Wire)
}

// closeLeg sends the leg's close_notify. crypto/tls then forbids writing by a
// deadline on what is beneath, where we go on.
func closeLeg(leg interface{ CloseWrite() error }, wire *Wire) error {
	if err := leg.CloseWrite(); err != nil {
		return err
	}
	return wire.SetWriteDeadline(time.Time{})
}

// NetConn is the wire.
func (p *path) NetConn() net.Conn { return p.Wire }

// Read follows the other end's handover. The wire gives the leg's TLS record
// by record, so not a byte of what follows the last one is lost in it.
func (p *path) Read(b []byte) (int, error) {
	if !p.rawIn {
		n, err := p.leg.Read(b)
		if n > 0 || !errors.Is(err, io.EOF) {
			return n, err
		}
		p.rawIn = true
	}
	return p.Wire.Read(b)
}

// Write writes as the direction stands.
func (p *path) Write(b []byte) (int, error) {
	if p.rawOut {
		return p.Wire.Write(b)
	}
	return p.leg.Write(b)
}

// CloseWrite ends our direction.
func (p *path) CloseWrite() error {
	if !p.rawOut {
		if err := closeLeg(p.leg, p.Wire); err != nil {
			return err
		}
	}
	return p.Wire.CloseWrite()
}

// Close closes the leg, and with it the wire.
func (p *path) Close() error { return p.leg.Close() }
