package channel

import (
	"errors"
	"io"
	"net"
	"sync"
)

// HalfCloser is a connection that can end one direction: TCP, TLS, Stream.
type HalfCloser interface {
	net.Conn
	CloseWrite() error
}

// Joiner copies between pairs of connections. It pools buffers of one TLS
// record: a read of a TLS connection never returns more, and a write of one
// becomes one record again.
type Joiner struct{ buffers sync.Pool }

// Join copies both ways until both directions have ended, passing half-closes
// on. A direction that fails cuts both connections, so that no side takes a
// truncated stream for a whole one. It returns the first failure, and the
// bytes copied from a to b and from b to a.
func (j *Joiner) Join(a, b HalfCloser) (forth, back int64, err error) {
	var wg sync.WaitGroup
	var errForth, errBack error
	wg.Go(func() { forth, errForth = j.oneWay(b, a) })
	wg.Go(func() { back, errBack = j.oneWay(a, b) })
	wg.Wait()
	if err = errors.Join(errForth, errBack); err != nil {
		Cut(a)
		Cut(b)
		return forth, back, err
	}
	return forth, back, errors.Join(a.Close(), b.Close())
}

func (j *Joiner) oneWay(dst, src HalfCloser) (int64, error) {
	n, err := j.copy(dst, src)
	if err != nil {
		Cut(dst)
		Cut(src)
		return n, err
	}
	if err := dst.CloseWrite(); err != nil && !errors.Is(err, net.ErrClosed) {
		return n, err
	}
	return n, nil
}

// copy hides ReadFrom and WriteTo, which would read ahead of what fits one
// record.
func (j *Joiner) copy(dst io.Writer, src io.Reader) (int64, error) {
	buf, ok := j.buffers.Get().(*[]byte)
	if !ok {
		b := make([]byte, 16<<10)
		buf = &b
	}
	defer j.buffers.Put(buf)
	return io.CopyBuffer(struct{ io.Writer }{dst}, struct{ io.Reader }{src}, *buf)
}

// Cut ends a connection so that its peer sees an error and no clean end: a
// stream is reset, TCP is closed with a reset, TLS without its close alert.
func Cut(c net.Conn) {
	if st, ok := c.(*Stream); ok {
		st.Abort(Unreachable, "the connection behind this stream failed")
		return
	}
	if under, ok := c.(interface{ NetConn() net.Conn }); ok { // *tls.Conn
		Cut(under.NetConn())
		return
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
