package shared

import (
	"errors"
	"net"
	"syscall"
)

const (
	maxReply  = 4 << 10 // bytes of a server's answers to what was sent at once
	maxDigits = 3       // of a length: the longest answer to us is a greeting of some 14 parts
)

var errReply = errors.New("the server's answer is larger than any to us can be")

// guard bounds what a connection may read. The client library believes lengths
// and makes room for what they promise, so they are looked at before it is.
type guard struct {
	net.Conn
	raw net.Conn // below TLS

	left   int // bytes that may still be read
	inLine bool
	digits int // of the length at the head of the line; -1 if it has none
}

func newGuard(conn, raw net.Conn) *guard { return &guard{Conn: conn, raw: raw, left: maxReply} }

// Write begins a question, and so another answer.
func (g *guard) Write(p []byte) (int, error) {
	g.left = maxReply
	return g.Conn.Write(p)
}

func (g *guard) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if g.left -= n; g.left < 0 || !g.sane(p[:n]) {
		return 0, errReply
	}
	return n, err
}

// sane looks at the first bytes of every line: a type and, of the types that
// have one, a length. No string in an answer to us holds a line's end.
func (g *guard) sane(p []byte) bool {
	for _, b := range p {
		switch {
		case b == '\n':
			g.inLine = false
		case !g.inLine:
			g.inLine, g.digits = true, 0
			switch b {
			case '+', '-', ':', ',', '#', '_', '(':
				g.digits = -1
			}
		case g.digits >= 0 && b >= '0' && b <= '9':
			if g.digits++; g.digits > maxDigits {
				return false
			}
		case g.digits == 0 && b == '+': // a sign that the library would take before any number
			return false
		default:
			g.digits = -1
		}
	}
	return true
}

// SyscallConn lets the pool see that the other side has closed, also below TLS.
func (g *guard) SyscallConn() (syscall.RawConn, error) {
	if c, ok := g.raw.(syscall.Conn); ok {
		return c.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}
