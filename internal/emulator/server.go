package emulator

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// listening is a front with its socket and certificate.
type listening struct {
	name     string
	listener net.Listener
	cert     tls.Certificate
	handler  http.Handler
}

// listen opens what is not open yet and certifies each front for its address.
func (e *Emulator) listen(cfg Config) error {
	service := []string{"*.openai.azure.com", "*.cognitiveservices.azure.com", "*.services.ai.azure.com"}
	for _, f := range []struct {
		name, addr string
		ready      net.Listener
		hosts      []string
		url        *string
	}{
		{"public", e.settings.ListenPublic, cfg.Public, service, &e.urls.Public},
		{"private", e.settings.ListenPrivate, cfg.Private, service, &e.urls.Private},
		{"issuer", e.settings.ListenIssuer, cfg.Issuer, nil, &e.urls.Issuer},
	} {
		l := f.ready
		if l == nil {
			var err error
			if l, err = net.Listen("tcp", f.addr); err != nil {
				return fault.New(fault.Unavailable, "cannot listen for the "+f.name+" front").At(f.addr).
					Fix("stop what listens there, or set listen_" + f.name).Because(err)
			}
		}
		e.fronts = append(e.fronts, listening{name: f.name, listener: l})
		host, port := reachable(l.Addr())
		*f.url = "https://" + net.JoinHostPort(host, port)
		hosts := slices.Concat([]string{"localhost", "127.0.0.1", "::1", host}, f.hosts, e.settings.Hosts)
		slices.Sort(hosts)
		cert, err := e.ca.ServerCertificate(slices.Compact(hosts)...)
		if err != nil {
			return err
		}
		e.fronts[len(e.fronts)-1].cert = cert
	}
	if e.settings.IssuerURL != "" {
		e.urls.Issuer = e.settings.IssuerURL
	}
	return nil
}

// reachable turns a wildcard address into one that a client can dial.
func reachable(addr net.Addr) (host, port string) {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String(), ""
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return host, port
}

// Close closes the listeners of an emulator that will not Run.
func (e *Emulator) Close() error {
	var errs []error
	if e.world != nil {
		e.world.close()
	}
	for _, f := range e.fronts {
		if err := f.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Run serves all fronts until ctx ends or one of them fails, then gives open
// calls five seconds. It can run once.
func (e *Emulator) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var group sync.WaitGroup
	errs := make([]error, len(e.fronts)+1)
	if e.world != nil {
		group.Go(func() {
			defer stop()
			errs[len(e.fronts)] = e.world.run(ctx)
		})
	}
	for i, f := range e.fronts {
		group.Go(func() {
			defer stop()
			errs[i] = e.serve(ctx, f)
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

func (e *Emulator) serve(ctx context.Context, f listening) error {
	server := &http.Server{
		Handler:           f.handler,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{f.cert}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       5 * time.Minute,
		WriteTimeout:      5 * time.Minute, // also what ends a stream's own deadline before the next request
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(e.log.Handler(), slog.LevelDebug),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close()
		}
	}()
	e.log.Info("emulator front is open", "front", f.name, "address", f.listener.Addr().String())
	err := server.ServeTLS(f.listener, "", "")
	if errors.Is(err, http.ErrServerClosed) {
		<-done
		return nil
	}
	return fault.New(fault.Internal, "the emulator's "+f.name+" front failed").Because(err)
}
