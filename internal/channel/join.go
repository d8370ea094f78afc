package channel

import (
	"errors"
	"io"
	"net"
)

// HalfCloser is a connection that can end one direction: TCP, TLS, Stream.
type HalfCloser interface {
	net.Conn
	CloseWrite() error
}

// Joiner copies between pairs of connections: a stream and what is behind it.
type Joiner struct {
	Pool *Pool // required
}

// Join copies both ways until both directions have ended, passing half-closes
// on. A direction that fails cuts both connections, so that no side takes a
// truncated stream for a whole one. It returns the first failure, and the
// bytes copied from a to b and from b to a.
func (j Joiner) Join(a, b HalfCloser) (forth, back int64, err error) {
	return bothWays(a, b, func(dst, src HalfCloser, _ bool) (int64, error) {
		n, err := j.copy(dst, src)
		if err != nil {
			return n, err
		}
		if err := dst.CloseWrite(); err != nil && !errors.Is(err, net.ErrClosed) {
			return n, err
		}
		return n, nil
	})
}

// bothWays runs oneWay from a to b here and from b to a beside.
func bothWays(a, b HalfCloser, oneWay func(dst, src HalfCloser, toB bool) (int64, error)) (forth, back int64, err error) {
	run := func(dst, src HalfCloser, toB bool) (int64, error) {
		n, err := oneWay(dst, src, toB)
		if err != nil {
			Cut(dst)
			Cut(src)
		}
		return n, err
	}
	type result struct {
		n   int64
		err error
	}
	backwards := make(chan result, 1)
	go func() {
		n, err := run(a, b, false)
		backwards <- result{n, err}
	}()
	forth, err = run(b, a, true)
	other := <-backwards
	if err = errors.Join(err, other.err); err != nil {
		return forth, other.n, err
	}
	return forth, other.n, errors.Join(a.Close(), b.Close())
}

// copy lets a stream do it, where one of the two is a stream.
func (j Joiner) copy(dst, src HalfCloser) (int64, error) {
	if st, ok := src.(*Stream); ok {
		return st.WriteTo(dst)
	}
	if st, ok := dst.(*Stream); ok {
		return st.ReadFrom(src)
	}
	b := j.Pool.block()
	defer j.Pool.putBlock(b)
	return io.CopyBuffer(struct{ io.Writer }{dst}, struct{ io.Reader }{src}, b.record[:])
}

// Cut ends a connection so that its peer sees an error and no clean end: a
// stream is reset, TCP is closed with a reset, TLS without its close alert.
func Cut(c net.Conn) {
	if st, ok := c.(*Stream); ok {
		st.Abort(Unreachable, "the connection behind this stream failed")
		return
	}
	if under, ok := c.(interface{ NetConn() net.Conn }); ok { // TLS, Wire
		Cut(under.NetConn())
		return
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
