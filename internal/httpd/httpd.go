// Package httpd is the hardened HTTP server that every service stands behind,
// and the admin listener beside it.
//
// It bounds headers in size and time and idle connections in time. It sets no
// bound on a whole answer: a model may stream for an hour. It logs no query
// string, for keys travel there, and no header.
package httpd

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// Bounds of every server.
const (
	headerTime  = 10 * time.Second
	idleTime    = 2 * time.Minute
	headerBytes = 64 << 10 // Entra tokens with many groups reach 16 KiB and more
	drainTime   = 20 * time.Second
)

// Serve answers on ln until ctx ends, then lets requests in flight finish for
// 20 s. It closes ln. A nil config serves plain HTTP; HTTP/2 is spoken where the
// config's NextProtos has h2.
func Serve(ctx context.Context, ln net.Listener, handler http.Handler, config *tls.Config, logger *slog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          quiet(logger),
	}
	failed := make(chan error, 1)
	if config == nil {
		go func() { failed <- server.Serve(ln) }()
	} else {
		server.TLSConfig = config
		server.Protocols = new(http.Protocols)
		server.Protocols.SetHTTP1(true)
		server.Protocols.SetHTTP2(slices.Contains(config.NextProtos, "h2"))
		go func() { failed <- server.ServeTLS(ln, "", "") }()
	}
	select {
	case err := <-failed:
		return fault.New(fault.Unavailable, "the listener failed").At(ln.Addr().String()).Because(err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}

// quiet turns net/http's own complaints (a failed handshake, a client that
// speaks nonsense) into debug lines: they are strangers' doing.
func quiet(logger *slog.Logger) *log.Logger {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return slog.NewLogLogger(logger.Handler(), slog.LevelDebug)
}

// Listen opens a TCP listener, or a Unix socket for "unix:PATH" that only its
// owner can connect to.
func Listen(address string) (net.Listener, error) {
	if path, ok := cutUnix(address); ok {
		return listenUnix(path)
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot listen").At(address).
			Fix("choose a free port, or stop what holds it").Because(err)
	}
	return ln, nil
}
