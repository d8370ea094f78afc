package upstream

import "syscall"

// delayAcks lets the kernel acknowledge a stream's events by twos, as it does
// where both sides speak (RFC 1122 section 4.2.3.2). By default it sends an
// acknowledgement for every small segment that is read, which costs more than
// the reading itself. tcp(7), TCP_QUICKACK: the kernel goes back by itself when
// the server pauses for longer than it delays an acknowledgement, 40 ms.
func (c *conn) delayAcks() {
	if c.sys == nil {
		return
	}
	_ = c.sys.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 0) // only for speed
	})
}
