//go:build unix

package channel

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// park reads from TCP into a buffer of the pool that it holds only while there
// is something to read: ten thousand idle connections need no ten thousand
// buffers.
type park struct {
	raw  syscall.RawConn
	pool *Pool
	try  func(fd uintptr) bool
	idle func() // called whenever nothing is there to read; nil does nothing

	buf *[]byte
	n   int
	err error
}

// newPark is nil where conn is not plain TCP.
func newPark(conn net.Conn, pool *Pool) *park {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	p := &park{raw: raw, pool: pool}
	p.try = p.attempt
	return p
}

// attempt reports whether there was an answer, or the poller must wait.
func (p *park) attempt(fd uintptr) bool {
	p.buf = p.pool.batch()
	for {
		p.n, p.err = syscall.Read(int(fd), *p.buf)
		if !errors.Is(p.err, syscall.EINTR) {
			break
		}
	}
	if errors.Is(p.err, syscall.EAGAIN) {
		p.pool.putBatch(p.buf)
		if p.idle != nil {
			p.idle()
		}
		return false
	}
	return true
}

// read returns a buffer of the pool, to be given back, and how much is in it;
// on an error it returns none.
func (p *park) read() (*[]byte, int, error) {
	if err := p.raw.Read(p.try); err != nil {
		return nil, 0, err // the deadline passed, or the connection was closed
	}
	if p.n > 0 {
		return p.buf, p.n, nil
	}
	p.pool.putBatch(p.buf)
	if p.err != nil {
		return nil, 0, &net.OpError{Op: "read", Net: "tcp", Err: p.err}
	}
	return nil, 0, io.EOF
}
