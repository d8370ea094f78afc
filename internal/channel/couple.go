package channel

import (
	"crypto/tls"
	"errors"
	"io"
)

// Couple copies between two paired legs, both ways, until both directions have
// ended: records of the legs' TLS at first, and when an end has handed over,
// whatever it sends then. note is told of bytes before they are written, and
// may wait to slow that direction down. A direction that fails cuts both legs.
// It returns the bytes from a to b and from b to a.
func Couple(a, b *tls.Conn, pool *Pool, note func(toB bool, n int)) (forth, back int64, err error) {
	return bothWays(a, b, func(dst, src HalfCloser, toB bool) (int64, error) {
		in, out := wireOf(src), wireOf(dst)
		if in == nil || out == nil {
			return 0, errors.New("a leg without a wire")
		}
		noted := func(n int) { note(toB, n) }
		sum, err := records(dst, src, in, out, pool, noted)
		if err == nil {
			err = closeLeg(dst, out) // hands over as src did
		}
		if err != nil {
			return sum, err
		}
		n, err := in.pour(out, noted)
		if err == nil {
			err = out.CloseWrite()
		}
		return sum + n, err
	})
}

// records copies TLS to TLS, a record at a time: a read of a TLS connection
// never returns more, and a write of that becomes one record again. While
// further records are here already, what is written waits for them.
func records(dst io.Writer, src io.Reader, in, out *Wire, pool *Pool, note func(n int)) (sum int64, err error) {
	b := pool.block()
	defer pool.putBlock(b)
	for {
		n, err := src.Read(b.record[:])
		if n > 0 {
			note(n)
			more := in.More()
			if more {
				out.Cork()
			}
			_, werr := dst.Write(b.record[:n])
			if werr == nil && !more {
				werr = out.Flush()
			}
			if werr != nil {
				return sum, werr
			}
			sum += int64(n)
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return sum, errors.Join(err, out.Flush())
		}
	}
}
