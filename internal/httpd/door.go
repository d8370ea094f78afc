package httpd

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// door is the listener that net/http accepts from: connections that have shaken
// hands, those of HTTP/1 behind a gate.
type door struct {
	net.Listener
	config *tls.Config // nil: plain
	failed func(error) // a handshake did

	ready  chan net.Conn
	ended  chan struct{} // closed with the listener
	errs   chan error    // of Accept
	closed sync.Once
}

func newDoor(ln net.Listener, config *tls.Config, failed func(error)) *door {
	d := &door{
		Listener: ln, config: config, failed: failed,
		ready: make(chan net.Conn), ended: make(chan struct{}), errs: make(chan error),
	}
	if config != nil {
		go d.run()
	}
	return d
}

// Accept gives the next connection.
func (d *door) Accept() (net.Conn, error) {
	if d.config == nil {
		raw, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		return &gate{Conn: newStallConn(raw)}, nil
	}
	select {
	case c := <-d.ready:
		return c, nil
	case err := <-d.errs:
		return nil, err
	case <-d.ended:
		return nil, net.ErrClosed
	}
}

// Close ends the accepting; connections live on.
func (d *door) Close() error {
	d.closed.Do(func() { close(d.ended) })
	return d.Listener.Close()
}

// run accepts, and lets nobody wait for another's handshake.
func (d *door) run() {
	for {
		raw, err := d.Listener.Accept()
		if err == nil {
			go d.enter(raw)
			continue
		}
		select {
		case d.errs <- err: // net/http waits a little after one that passes
		case <-d.ended:
			return
		}
	}
}

// enter shakes hands.
func (d *door) enter(raw net.Conn) {
	conn := tls.Server(newStallConn(raw), d.config)
	ctx, cancel := context.WithTimeout(context.Background(), headerTime)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		d.failed(err)
		_ = raw.Close()
		return
	}
	var in net.Conn = conn // net/http speaks HTTP/2 on no other type
	if state := conn.ConnectionState(); state.NegotiatedProtocol != "h2" {
		in = &tlsGate{&gate{Conn: conn}, state}
	}
	select {
	case d.ready <- in:
	case <-d.ended:
		_ = conn.Close()
	}
}

// stallConn is a connection whose other side must take what it is sent: a
// write that moves less than progressBytes in the time of a stall fails, and
// ends the connection. A connection on which nothing is to be written may be
// silent for as long as it likes.
type stallConn struct {
	net.Conn
	raw     net.Conn     // written to past what only concerns reading
	stalled atomic.Bool  // TLS need not wait to say goodbye
	until   atomic.Int64 // the write deadline that was set last for a look, in Unix nanoseconds; zero: none
}

func newStallConn(raw net.Conn) *stallConn {
	return &stallConn{Conn: &calmConn{Conn: raw}, raw: raw}
}

const (
	// progressBytes is the least that counts as progress: a byte now and then
	// does not keep a connection.
	progressBytes = 1 << 10
	// look is the most time between two looks at a write that waits, and half of
	// it the least: so a deadline serves many writes, as a stream's events are.
	look = Stall / 4
)

func (c *stallConn) Write(p []byte) (int, error) {
	sent, fresh := 0, 0 // fresh bytes since the last progress
	last := time.Now()
	for now := last; ; {
		if c.stalled.Load() {
			return sent, os.ErrDeadlineExceeded
		}
		if c.until.Load() < now.Add(look/2).UnixNano() {
			until := now.Add(look)
			if err := c.SetWriteDeadline(until); err != nil {
				return sent, err
			}
			c.until.Store(until.UnixNano())
		}
		n, err := c.raw.Write(p[sent:])
		sent, fresh = sent+n, fresh+n
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return sent, err
		}
		if now = time.Now(); fresh >= progressBytes {
			fresh, last = 0, now.Add(-look) // at the earliest
		} else if now.Sub(last) >= Stall {
			c.stalled.Store(true)
		}
	}
}

// SetWriteDeadline sets one that the next write need not keep to.
func (c *stallConn) SetWriteDeadline(t time.Time) error {
	c.until.Store(0)
	return c.Conn.SetWriteDeadline(t)
}

// CloseWrite ends the sending, and leaves the reading.
func (c *stallConn) CloseWrite() error { return closeWrite(c.Conn) }

func closeWrite(c net.Conn) error {
	if tcp, ok := c.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return c.Close()
}
