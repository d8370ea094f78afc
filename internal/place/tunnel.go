package place

import (
	"io"
	"net"
	"sync"
	"time"
)

// tunnel is an open connection from a place to its destination.
type tunnel struct {
	ask  ask
	to   Destination
	conn net.Conn // the destination's side

	mu     sync.Mutex
	client net.Conn
	shut   bool
}

// carry copies both ways until both have ended, or nothing has moved for
// idleTime. rest may hold what the client sent already.
func (t *tunnel) carry(client net.Conn, rest io.Reader) {
	t.mu.Lock()
	t.client = client
	shut := t.shut
	t.mu.Unlock()
	if shut {
		return
	}
	_ = client.SetDeadline(time.Time{})
	var group sync.WaitGroup
	group.Go(func() {
		t.copy(t.conn, rest, client)
	})
	t.copy(client, t.conn, t.conn)
	group.Wait()
}

// copy moves one way, and passes the end on. from is what is read through src.
func (t *tunnel) copy(dst net.Conn, src io.Reader, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		_ = from.SetReadDeadline(time.Now().Add(idleTime))
		n, err := src.Read(buf)
		if n > 0 {
			_ = dst.SetWriteDeadline(time.Now().Add(idleTime))
			if _, werr := dst.Write(buf[:n]); werr != nil {
				t.close()
				return
			}
		}
		if err != nil {
			half, ok := dst.(interface{ CloseWrite() error })
			if !ok || err != io.EOF || half.CloseWrite() != nil {
				t.close()
			}
			return
		}
	}
}

// close ends both sides.
func (t *tunnel) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shut = true
	_ = t.conn.Close()
	if t.client != nil {
		_ = t.client.Close()
	}
}
