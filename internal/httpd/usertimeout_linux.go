package httpd

import (
	"net"
	"syscall"
	"time"
)

// tcpUserTimeout is an option of tcp(7): the milliseconds for which what was
// sent may go untaken before the kernel gives the connection up. RFC 5482.
const tcpUserTimeout = 0x12

// boundUntaken lets the kernel hold to the time of a stall what it has taken
// from us and the client not from it: a small answer fits its buffers whole, so
// that no write of ours would ever wait. Connections inherit it from the
// listener.
func boundUntaken(ln net.Listener, stall time.Duration) {
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(stall.Milliseconds())) // an old kernel lacks it
	})
}
