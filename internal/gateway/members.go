package gateway

import (
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/pki"
)

// members are the open connections of portal members, by their address. A
// connection ends when its member is revoked, with whatever is under way on it;
// and when its certificate expires, once the answer that is under way has ended,
// but an hour later at most.
type members struct {
	mu sync.Mutex
	at map[string]*memberConn
}

// MemberListener is what to serve MemberHandler on: it lets the gateway close
// connections of members who are out.
func (g *Gateway) MemberListener(ln net.Listener) net.Listener {
	return &memberListener{ln, &g.members}
}

type memberListener struct {
	net.Listener
	all *members
}

func (l *memberListener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &memberConn{Conn: raw, all: l.all, name: raw.RemoteAddr().String()}
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	if l.all.at == nil {
		l.all.at = map[string]*memberConn{}
	}
	l.all.at[c.name] = c
	return c, nil
}

// memberConn is under a member's TLS connection.
type memberConn struct {
	net.Conn
	all  *members
	name string

	once   sync.Once
	mu     sync.Mutex
	closed bool
	deaf   bool
	stops  []func() // what watches over it

	busy    atomic.Int32 // requests under way
	expired atomic.Bool
}

// lastAnswers is for answers that began while the certificate was valid.
const lastAnswers = time.Hour

// expire lets what is under way end, within lastAnswers. New requests are
// refused meanwhile.
func (c *memberConn) expire() {
	c.expired.Store(true)
	if c.busy.Load() == 0 {
		c.deafen()
		return
	}
	last := time.AfterFunc(lastAnswers, func() { _ = c.Close() })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stops = append(c.stops, func() { last.Stop() })
	if c.closed {
		c.unwatch()
	}
}

// answered is for when a handler has returned. Its answer's end may still be
// on its way then, in net/http's buffers.
func (c *memberConn) answered() {
	if c.busy.Add(-1) == 0 && c.expired.Load() {
		c.deafen()
	}
}

// deafen makes every read fail, so that net/http closes the connection, once it
// has sent what it has.
func (c *memberConn) deafen() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaf = true
	_ = c.Conn.SetReadDeadline(time.Unix(1, 0))
}

// SetReadDeadline does nothing once nothing more is to be read.
func (c *memberConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deaf {
		return nil
	}
	return c.Conn.SetReadDeadline(t)
}

// SetDeadline is for both directions.
func (c *memberConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// watch closes the connection when cert's holder is out. It is for the first
// request, when the handshake is over and has been judged.
func (c *memberConn) watch(cert *x509.Certificate, standing pki.Standing, out func(error)) {
	c.once.Do(func() {
		stop := standing.Follow(cert, func(why error) { out(why); _ = c.Close() })
		expiry := time.AfterFunc(time.Until(cert.NotAfter), c.expire)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.stops = append(c.stops, stop, func() { expiry.Stop() })
		if c.closed {
			c.unwatch()
		}
	})
}

func (c *memberConn) unwatch() {
	for _, stop := range c.stops {
		stop()
	}
	c.stops = nil
}

// Close closes it, from any goroutine.
func (c *memberConn) Close() error {
	c.all.mu.Lock()
	if c.all.at[c.name] == c {
		delete(c.all.at, c.name)
	}
	c.all.mu.Unlock()
	c.mu.Lock()
	c.closed = true
	c.unwatch()
	c.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite ends the sending, and leaves the reading.
func (c *memberConn) CloseWrite() error {
	if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return c.Conn.Close()
}

// member identifies a portal member by its certificate, which is judged on
// every request again.
func (g *Gateway) member(i *identity.Identifier, r *http.Request) (identity.Principal, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return identity.Principal{}, fault.New(fault.Unauthenticated, "the connection shows no certificate")
	}
	cert := r.TLS.PeerCertificates[0]
	if err := g.cfg.Member.Standing().Check(cert); err != nil {
		return identity.Principal{}, fault.New(fault.Unauthenticated, fault.PublicText(err))
	}
	return i.Member(cert)
}

// watchMembers follows each connection from its first request on. In the last
// quarter of its certificate's life a member is asked to connect again, with
// the certificate that it has by then, before this one ends the connection.
func (g *Gateway) watchMembers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
			cert := r.TLS.PeerCertificates[0]
			g.members.mu.Lock()
			conn := g.members.at[r.RemoteAddr]
			g.members.mu.Unlock()
			if conn != nil {
				conn.watch(cert, g.cfg.Member.Standing(), func(why error) {
					g.cfg.Logger.Warn("a member's connection was cut", "client", r.RemoteAddr, "error", why)
				})
			}
			if conn != nil {
				conn.busy.Add(1)
				defer conn.answered()
			}
			if life := cert.NotAfter.Sub(pki.SignedAt(cert)); time.Until(cert.NotAfter) < life/4 {
				w.Header().Set("Connection", "close")
			}
		}
		next.ServeHTTP(w, r)
	})
}
