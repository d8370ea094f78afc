package emulator

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/cloud"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/place"
)

// pipes is a listener without a socket: what the places dial, the front
// accepts, and nothing else of this machine reaches it.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// arrival is a connection that knows by what way it came.
type arrival struct {
	net.Conn
	by place.Destination
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) dial(ctx context.Context, d place.Destination) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- arrival{there, d}:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) close() { p.once.Do(func() { close(p.done) }) }

// Accept is a net.Listener's.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// Close is a net.Listener's.
func (p *pipes) Close() error { p.close(); return nil }

// Addr is a net.Listener's; a pipe has none.
func (p *pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "places" }

type arrivalKey struct{}

// newFront is the server of all public services, with a certificate for each.
// A client that asks for a name that no certificate covers gets one all the
// same, as on Azure, and refuses it.
func (w *world) newFront(ca *pki.CA) (*http.Server, error) {
	certs := map[string]*tls.Certificate{}
	for _, f := range families() {
		cert, err := ca.ServerCertificate(f.certified()...)
		if err != nil {
			return nil, err
		}
		certs[f.name] = &cert
	}
	return &http.Server{
		Handler: http.HandlerFunc(w.serve),
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			f, _, ok := familyOf(hello.ServerName)
			if a, came := hello.Conn.(arrival); !ok && came {
				f = w.familyAt(a.by)
			}
			return certs[f.name], nil
		}},
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if t, ok := c.(*tls.Conn); ok {
				if a, ok := t.NetConn().(arrival); ok {
					ctx = context.WithValue(ctx, arrivalKey{}, a.by)
					ctx = cloud.WithOrigin(ctx, cloud.Origin{Private: a.by.Endpoint != "", Address: a.by.Source, Subnet: a.by.Subnet})
				}
			}
			return ctx
		},
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       5 * time.Minute,
		WriteTimeout:      5 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(w.log.Handler(), slog.LevelDebug),
	}, nil
}

// familyAt is the service that a destination belongs to.
func (w *world) familyAt(d place.Destination) family {
	for _, f := range families() {
		if d.Endpoint == "" && f.address() == d.Address || f.typ != "" && strings.Contains(strings.ToLower(d.Resource), "/providers/"+strings.ToLower(f.typ)+"/") {
			return f
		}
	}
	return families()[0]
}

// serve answers one call by its host, if it may come by the way it came.
func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	by, _ := r.Context().Value(arrivalKey{}).(place.Destination)
	if !w.suits(by, host) {
		http.Error(rw, "Nothing of this name answers here.", http.StatusMisdirectedRequest)
		return
	}
	w.handler(host).ServeHTTP(rw, r)
}

func (w *world) serveFront(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if w.front.Shutdown(grace) != nil {
			_ = w.front.Close()
		}
	})
	defer stop()
	_ = w.front.ServeTLS(w.pipes, "", "") // it ends when the pipes do
}
