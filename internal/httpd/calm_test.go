package httpd

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// deadlines counts how often a connection is told one.
type deadlines struct {
	net.Conn
	set int
}

func (d *deadlines) SetReadDeadline(t time.Time) error { d.set++; return d.Conn.SetReadDeadline(t) }

// TestCalmConn: a deadline bounds the reads after it and the one under way,
// and costs nothing where no read comes between it and the next.
func TestCalmConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		under := &deadlines{Conn: near}
		c := &calmConn{Conn: under}
		p := make([]byte, 8)
		timesOut := func(what string, after time.Duration) {
			t.Helper()
			began := time.Now()
			if _, err := c.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: %v", what, err)
			}
			if took := time.Since(began); took != after {
				t.Errorf("%s: after %v", what, took)
			}
		}
		for range 9 {
			_ = c.SetReadDeadline(time.Now().Add(time.Second))
		}
		timesOut("set before", time.Second)
		if under.set != 1 {
			t.Errorf("%d deadlines for one read", under.set)
		}
		timesOut("still over", 0)

		_ = c.SetReadDeadline(time.Time{})
		go func() { time.Sleep(time.Minute); _ = c.SetReadDeadline(time.Unix(1, 0)) }()
		timesOut("ended under way", time.Minute)
		_ = c.SetDeadline(time.Now().Add(time.Hour))
		go func() { time.Sleep(time.Minute); _ = c.SetReadDeadline(time.Now().Add(time.Minute)) }()
		timesOut("moved under way", 2*time.Minute)

		_ = c.SetReadDeadline(time.Time{})
		go func() { time.Sleep(24 * time.Hour); _, _ = io.WriteString(far, "late") }()
		if n, err := c.Read(p); err != nil || string(p[:n]) != "late" {
			t.Errorf("%q, %v", p[:n], err)
		}
		_, _ = c.Close(), far.Close()
	})
}
