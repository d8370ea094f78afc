// Package httpd is the hardened HTTP server that every service stands behind,
// and the admin listener beside it.
//
// It sets bounds to what has made no progress, and none to what has: a model
// may stream for an hour with long pauses, and a slow line may take as long as
// it needs for a large body. Connections in TLS's handshake and headers have
// 10 s; a client that takes less than 1 KiB of what waits for it in 10 s is
// dropped, on HTTP/2 by the stream, and on Linux also of what the kernel holds
// already; one that sends no frame for 5 s must answer
// a ping; idle connections live for 2 minutes, and at most 4,096 of them.
//
// Requests of HTTP/1 whose bytes two servers might read in two ways are refused
// before net/http sees them (head.go says which), with errors in Azure's shape.
//
// It logs no query string, for keys travel there, and no header. What a handler
// does with a body, and for how long, is the handler's affair: Serve gives a
// body 10 s in all, and a handler that takes more reads it under deadlines of
// its own (http.ResponseController), and clears them.
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
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// Stall is how long a client may make no progress.
const Stall = 10 * time.Second

// Bounds of every server.
const (
	headerTime  = 10 * time.Second // for a handshake, and for a header
	headerBytes = 64 << 10         // Entra tokens with many groups reach 16 KiB and more
	idleTime    = 2 * time.Minute  // between requests
	idleConns   = 4096             // between requests
	drainTime   = 20 * time.Second // for what is under way at the end
)

// Serve answers on ln until ctx ends, then lets requests in flight finish for
// 20 s; a connection that a handler has hijacked has its request's context
// ended at once. It returns when no handler runs. It closes ln. A nil config
// serves plain HTTP; HTTP/2 is spoken where the config's NextProtos has h2.
func Serve(ctx context.Context, ln net.Listener, handler http.Handler, config *tls.Config, logger *slog.Logger) error {
	base, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	strangers := quiet(logger)
	idle := newIdlers(idleConns)
	var running sync.RWMutex
	server := &http.Server{
		Handler:           counted(&running, guard(handler)),
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          strangers,
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnContext:       withGate,
		ConnState:         idle.state,
		HTTP2:             &http.HTTP2Config{SendPingTimeout: Stall / 2, PingTimeout: Stall / 2},
		Protocols:         new(http.Protocols),
	}
	server.Protocols.SetHTTP1(true)
	if config != nil {
		server.TLSConfig = config.Clone() // net/http writes into it
		server.Protocols.SetHTTP2(slices.Contains(config.NextProtos, "h2"))
	}
	boundUntaken(ln, Stall)
	failed := make(chan error, 1)
	go func() {
		failed <- server.Serve(newDoor(ln, config, func(err error) { strangers.Print("handshake: ", err) }))
	}()
	select {
	case err := <-failed:
		return fault.New(fault.Unavailable, "the listener failed").At(ln.Addr().String()).Because(err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	err := server.Shutdown(drain)
	if err != nil {
		err = errors.Join(err, server.Close())
	}
	<-failed //nolint:errcheck // http.ErrServerClosed; only so that the listener is closed
	abandon()
	running.Lock() // once every handler has let go of it
	return err
}

// counted lets Serve wait for handlers that net/http no longer knows of.
func counted(running *sync.RWMutex, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.RLock()
		defer running.RUnlock()
		next.ServeHTTP(w, r)
	})
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
	var tcp net.ListenConfig
	tcp.SetMultipathTCP(false) // its sockets know no TCP_USER_TIMEOUT
	ln, err := tcp.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot listen").At(address).
			Fix("choose a free port, or stop what holds it").Because(err)
	}
	return ln, nil
}
