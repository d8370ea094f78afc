//go:build unix

package upstream

import (
	"syscall"
	"time"
)

// alive says whether an idle connection can carry another call: nothing may
// have come since the last answer, not even its end. One call of the kernel,
// which does not wait.
func (c *conn) alive() bool {
	keep := c.t.IdleTimeout
	if keep == 0 {
		keep = defaultKeep
	}
	if c.r.Buffered() > 0 || time.Since(c.since) > keep {
		return false
	}
	if c.sys == nil {
		return true
	}
	quiet := false
	err := c.sys.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
		return true
	})
	return err == nil && quiet
}
