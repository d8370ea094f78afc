package channel

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/ostiary/ostiary/internal/pki"
)

// What the two layers of TLS negotiate, so that one is never taken for the
// other.
const (
	legProtocol     = "ostiary-leg/1"
	sessionProtocol = "ostiary-session/1"
)

// handshakeTime bounds a TLS handshake.
const handshakeTime = 10 * time.Second

// LegClient configures a node's connection to a relay of its own project.
func LegClient(me pki.Credentials, relay pki.Check) *tls.Config {
	return pki.MutualTLS(me, relay, legProtocol)
}

// LegServer configures the relay's end: inlets and outlets of its project.
// The certificate is the admission, signed by the authority and checked
// offline; TLS binds it to this connection, so that it cannot be replayed.
func LegServer(me pki.Credentials) *tls.Config {
	return pki.MutualTLS(me, pki.InRole(me.ID().Project, pki.Inlet, pki.Outlet), legProtocol)
}

// SecureInlet makes the end-to-end connection over a paired leg, from the
// inlet's side.
func SecureInlet(ctx context.Context, leg net.Conn, me pki.Credentials, outlet pki.Check) (*tls.Conn, pki.ID, error) {
	return secure(ctx, tls.Client(newPath(leg), sessionTLS(me, outlet)))
}

// SecureOutlet makes it from the outlet's side.
func SecureOutlet(ctx context.Context, leg net.Conn, me pki.Credentials, inlet pki.Check) (*tls.Conn, pki.ID, error) {
	return secure(ctx, tls.Server(newPath(leg), sessionTLS(me, inlet)))
}

// sessionTLS has one key exchange and no other: hybrid X25519 and ML-KEM-768,
// so that a relay that records everything gains nothing from a later quantum
// computer.
func sessionTLS(me pki.Credentials, peer pki.Check) *tls.Config {
	cfg := pki.MutualTLS(me, peer, sessionProtocol)
	cfg.CurvePreferences = []tls.CurveID{tls.X25519MLKEM768}
	return cfg
}

func secure(ctx context.Context, conn *tls.Conn) (*tls.Conn, pki.ID, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, pki.ID{}, err
	}
	peer, _, err := pki.MemberOf(conn.ConnectionState().PeerCertificates[0])
	return conn, peer, err
}
