//go:build !linux

package httpd

import (
	"net"
	"time"
)

// boundUntaken is left undone where the system has no such option: what fits
// its buffers may go untaken until the connection has been idle too long.
func boundUntaken(net.Listener, time.Duration) {}
