package httpd

import (
	"net"
	"sync"
	"time"
)

// calmConn puts off the setting of read deadlines until a read begins that
// they bound. For one request net/http and the handlers behind it set or clear
// them nine times, each at the price of moving a timer, and the request has
// mostly come in one piece: two of them bound anything.
type calmConn struct {
	net.Conn

	mu      sync.Mutex
	wanted  time.Time // the deadline that was asked for
	set     time.Time // the one that the connection knows
	reading bool
}

// Read reads under the deadline that was asked for last.
func (c *calmConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	if err := c.apply(); err != nil {
		c.mu.Unlock()
		return 0, err
	}
	c.reading = true
	c.mu.Unlock()
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	c.reading = false
	c.mu.Unlock()
	return n, err
}

// SetReadDeadline ends a read that is under way, if t has passed.
func (c *calmConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted = t
	if c.reading {
		return c.apply()
	}
	return nil
}

// SetDeadline sets those of reading and of writing.
func (c *calmConn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

func (c *calmConn) apply() error {
	if c.wanted.Equal(c.set) {
		return nil
	}
	c.set = c.wanted
	return c.Conn.SetReadDeadline(c.wanted)
}

// CloseWrite ends the sending, and leaves the reading.
func (c *calmConn) CloseWrite() error { return closeWrite(c.Conn) }
