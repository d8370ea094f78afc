//go:build !unix

package channel

import "net"

// park exists on Unix only; elsewhere a waiting connection holds its buffer.
type park struct {
	pool *Pool
	idle func()
}

func newPark(net.Conn, *Pool) *park { return nil }

func (*park) read() (*[]byte, int, error) { return nil, 0, net.ErrClosed }
