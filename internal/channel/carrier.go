package channel

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// The ways in which a leg may reach its relay. Whichever carries it, the leg is
// the same mutual TLS between node and relay inside.
const (
	Auto      = "auto"      // TLS, and where its handshake fails, WebSocket
	PlainTLS  = "tls"       // TLS on TCP
	WebSocket = "websocket" // inside a WebSocket (RFC 6455) inside HTTPS, for networks that pass nothing else
)

// dialTime bounds every step of reaching a relay: TCP, proxy, TLS, WebSocket.
const dialTime = 10 * time.Second

// Carrier makes authenticated legs to relays of our project.
type Carrier struct {
	Credentials pki.Credentials // required
	Pool        *Pool           // required
	Way         string          // empty means Auto
	Proxy       *Proxy          // nil connects directly
	Roots       *x509.CertPool  // for the HTTPS around a WebSocket and to a proxy; nil means the system's

	mu      sync.Mutex
	carried map[string]string // relay → the way that worked last
}

// Dial makes a leg to the relay at host:port and returns it with the relay's
// state, verified.
func (c *Carrier) Dial(ctx context.Context, relay string) (*tls.Conn, error) {
	var errs []error
	for _, way := range c.ways(relay) {
		raw, err := c.connect(ctx, relay)
		if err != nil {
			return nil, errors.Join(append(errs, err)...) // another way goes by the same door
		}
		leg, err := c.leg(ctx, raw, relay, way)
		if err == nil {
			c.remember(relay, way)
			return leg, nil
		}
		_ = raw.Close()
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fault.New(fault.Denied, "the relay and this member do not accept each other").At(relay).
		Fix("check that both are of one project, the clock, and whether something between opens TLS").Because(errors.Join(errs...))
}

// ways are those to try, what worked last first.
func (c *Carrier) ways(relay string) []string {
	if c.Way == PlainTLS || c.Way == WebSocket {
		return []string{c.Way}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.carried[relay] == WebSocket {
		return []string{WebSocket, PlainTLS}
	}
	return []string{PlainTLS, WebSocket}
}

func (c *Carrier) remember(relay, way string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.carried == nil {
		c.carried = map[string]string{}
	}
	c.carried[relay] = way
}

// connect reaches the relay's port, by the proxy where there is one.
func (c *Carrier) connect(ctx context.Context, relay string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	if c.Proxy != nil {
		return c.Proxy.connect(ctx, relay, c.Roots)
	}
	conn, err := dialTCP(ctx, relay)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot reach the relay").At(relay).
			Fix("check its address and the way out of this network").Because(err)
	}
	return conn, nil
}

func dialTCP(ctx context.Context, address string) (net.Conn, error) {
	dialer := net.Dialer{KeepAlive: PingEvery}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err == nil {
		boundUnacknowledged(conn)
	}
	return conn, err
}

// leg does the leg's TLS, inside a WebSocket or not.
func (c *Carrier) leg(ctx context.Context, raw net.Conn, relay, way string) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	if way == WebSocket {
		host, _, err := net.SplitHostPort(relay)
		if err != nil {
			return nil, err
		}
		front := tls.Client(NewWire(raw, c.Pool), frontTLS(c.Credentials, host, c.Roots))
		if err := front.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		if raw, err = upgradeClient(ctx, front, relay, c.Pool); err != nil {
			return nil, err
		}
	}
	me := c.Credentials
	conn := tls.Client(NewWire(raw, c.Pool), LegClient(me, pki.InRole(me.ID().Project, pki.Relay)))
	return conn, conn.HandshakeContext(ctx)
}

// frontTLS verifies who serves the HTTPS around a WebSocket: the relay by its
// member's certificate, or whoever has one for the host that roots vouch for,
// such as a load balancer or a box that inspects. It guards nothing that the
// leg inside does not guard better.
func frontTLS(me pki.Credentials, host string, roots *x509.CertPool) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{webProtocol},
		ServerName:         host,
		InsecureSkipVerify: true, //nolint:gosec // replaced, not skipped: see VerifyConnection
		VerifyConnection: func(state tls.ConnectionState) error {
			if peer, _, err := pki.VerifyPeer(state, me.Roots(), time.Now()); err == nil {
				return pki.InRole(me.ID().Project, pki.Relay)(peer, nil)
			}
			_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
				DNSName: host, Roots: roots, Intermediates: pki.Pool(state.PeerCertificates[1:]...),
			})
			return err
		},
	}
}

// Door takes legs at a relay, however they are carried, on one port: what says
// ostiary-leg/1 in its ClientHello is a leg, anything else is HTTPS and must ask
// for a WebSocket.
type Door struct {
	leg, front, either *tls.Config
	pool               *Pool
}

// NewDoor makes a relay's door. A nil web shows the relay's own certificate to
// HTTPS as well.
func NewDoor(me pki.Credentials, web *tls.Certificate, pool *Pool) *Door {
	d := &Door{leg: LegServer(me), pool: pool}
	d.front = &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{webProtocol},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if web != nil {
				return web, nil
			}
			return me.Certificate()
		},
		SessionTicketsDisabled: true,
	}
	d.either = &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if slices.Contains(hello.SupportedProtos, legProtocol) {
				return d.leg, nil
			}
			return d.front, nil
		},
	}
	return d
}

// Accept makes a leg of a connection. What it returns is authenticated.
func (d *Door) Accept(ctx context.Context, raw net.Conn) (*tls.Conn, error) {
	boundUnacknowledged(raw)
	conn := tls.Server(NewWire(raw, d.pool), d.either)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	if conn.ConnectionState().NegotiatedProtocol == legProtocol {
		return conn, nil
	}
	inside, err := upgradeServer(ctx, conn, d.pool)
	if err != nil {
		return nil, err
	}
	leg := tls.Server(NewWire(inside, d.pool), d.leg)
	return leg, leg.HandshakeContext(ctx)
}
