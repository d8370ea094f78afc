package portal

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"time"

	"github.com/ostiary/ostiary/internal/channel"
	"github.com/ostiary/ostiary/internal/pki"
)

// LegConfig says how relays are reached. The zero value connects directly.
type LegConfig struct {
	Carrier      string         // channel.Auto and so on; empty means Auto
	Proxy        *channel.Proxy // nil connects directly
	Roots        *x509.CertPool // for the HTTPS around a WebSocket and to a proxy; nil means the system's
	PingEvery    time.Duration  // 0 means 15 s
	PadTo        int            // channel.SessionConfig.PadTo; 0 pads nothing
	EncryptTwice bool           // keep the leg's encryption around the session's
}

// legs makes legs and what is said on them.
type legs struct {
	me      pki.Credentials
	cfg     LegConfig
	carrier *channel.Carrier
	pool    *channel.Pool
}

func newLegs(me pki.Credentials, cfg LegConfig) legs {
	pool := new(channel.Pool)
	return legs{me: me, cfg: cfg, pool: pool, carrier: &channel.Carrier{
		Credentials: me, Pool: pool, Way: cfg.Carrier, Proxy: cfg.Proxy, Roots: cfg.Roots,
	}}
}

// handOver ends the leg's own encryption, where it is not to be kept.
func (l *legs) handOver(session *tls.Conn) error {
	if l.cfg.EncryptTwice {
		return nil
	}
	return channel.HandOver(session)
}

// sessionConfig bounds a session by the certificates of both ends: whoever has
// none any more opens nothing.
func (l *legs) sessionConfig(peer tls.ConnectionState) channel.SessionConfig {
	cfg := channel.SessionConfig{Pool: l.pool, PingEvery: l.cfg.PingEvery, PadTo: l.cfg.PadTo, Expires: peer.PeerCertificates[0].NotAfter}
	if mine, err := l.me.Certificate(); err == nil && mine.Leaf != nil && mine.Leaf.NotAfter.Before(cfg.Expires) {
		cfg.Expires = mine.Leaf.NotAfter
	}
	return cfg
}

// closing closes a leg when ctx ends.
func closing(ctx context.Context, leg *tls.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = leg.NetConn().Close() })
}
