package e2e

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/authority"
	"github.com/ostiary/ostiary/internal/httpd"
	"github.com/ostiary/ostiary/internal/membership"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/portal"
	"github.com/ostiary/ostiary/internal/relay"
)

// project is one project with its authority and a relay, running.
type project struct {
	t         *testing.T
	name      string
	authority *authority.Authority
	relay     string
	relayed   *membership.Member // the relay that was started last
	log       *slog.Logger
	clock     *atomic.Int64 // added to the authority's time

	stopAuthority func()

	quiet bool // members who join do not run: no renewal, no list of revocations
}

// listen opens a loopback port.
func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// background runs a service until the test ends, and fails the test if the
// service does.
func background(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); done.Wait() })
	t.Cleanup(stop)
	return stop
}

// found founds a project.
func found(t *testing.T, name string, log *slog.Logger) *project {
	t.Helper()
	return foundFor(t, name, log, 0)
}

// foundFor founds a project whose certificates live for as long as this.
func foundFor(t *testing.T, name string, log *slog.Logger, life time.Duration) *project {
	t.Helper()
	dir := t.TempDir()
	issuance, err := authority.OpenIssuance(dir, log)
	if err != nil {
		t.Fatal(err)
	}
	ln := listen(t)
	clock := new(atomic.Int64)
	a, err := authority.New(authority.Config{
		Project: name, Directory: dir, Address: ln.Addr().String(), Issuance: issuance, Logger: log, Life: life,
		Now: func() time.Time { return time.Now().Add(time.Duration(clock.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	public, err := a.TLS()
	if err != nil {
		t.Fatal(err)
	}
	stopServing := background(t, func(ctx context.Context) error { return httpd.Serve(ctx, ln, a.Handler(), public, log) })
	stopWaiting := background(t, a.Run)
	p := &project{
		t: t, name: name, authority: a, log: log, clock: clock,
		stopAuthority: func() { stopWaiting(); stopServing() },
	}
	p.relay, _ = p.startRelay()
	return p
}

// startRelay enrols and runs a relay.
func (p *project) startRelay() (address string, stop func()) {
	p.t.Helper()
	me := p.join(pki.Relay, "", nil)
	p.relayed = me
	r, err := relay.New(relay.Config{Credentials: me, Logger: p.log})
	if err != nil {
		p.t.Fatal(err)
	}
	ln := listen(p.t)
	return ln.Addr().String(), background(p.t, func(ctx context.Context) error { return r.Serve(ctx, ln) })
}

// join enrols a member and runs it.
func (p *project) join(role pki.Role, name string, attributes map[string]string) *membership.Member {
	p.t.Helper()
	m, err := membership.Load(p.enroll(role, name, attributes), p.log)
	if err != nil {
		p.t.Fatal(err)
	}
	if !p.quiet {
		background(p.t, m.Run)
	}
	return m
}

// enroll makes a ticket, redeems it by the authority's real door, and gives the
// member's directory.
func (p *project) enroll(role pki.Role, name string, attributes map[string]string) string {
	p.t.Helper()
	ticket, err := p.authority.CreateTicket(p.t.Context(), authority.TicketRequest{Role: role, Name: name, Attributes: attributes})
	if err != nil {
		p.t.Fatal(err)
	}
	dir := p.t.TempDir()
	if _, err := membership.Enroll(p.t.Context(), ticket, dir); err != nil {
		p.t.Fatal(err)
	}
	return dir
}

func service(name string) map[string]string { return map[string]string{"service": name} }

// outlet runs an outlet that admits inlets with the given attributes.
func (p *project) outlet(me *membership.Member, target string, allow ...portal.Rule) (stop func()) {
	p.t.Helper()
	o, err := portal.NewOutlet(portal.OutletConfig{
		Credentials: me, Relays: []string{p.relay}, Service: "openai", Target: target, Allow: allow, Logger: p.log,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return background(p.t, o.Run)
}

// inlet runs an inlet and returns its address once a session stands, or at
// once where none is expected.
func (p *project) inlet(cfg portal.InletConfig, wait bool) string {
	p.t.Helper()
	cfg.Service, cfg.Logger = "openai", p.log
	if cfg.Relays == nil {
		cfg.Relays = []string{p.relay}
	}
	in, err := portal.NewInlet(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	ln := listen(p.t)
	background(p.t, func(ctx context.Context) error { return in.Serve(ctx, ln) })
	for deadline := time.Now().Add(20 * time.Second); wait && in.Ready() != nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatal("the inlet has no session")
		}
	}
	return ln.Addr().String()
}

// httpTarget is a plain HTTP server that stands for the owner's service.
func httpTarget(t *testing.T, h http.Handler) string {
	t.Helper()
	ln := listen(t)
	background(t, func(ctx context.Context) error { return httpd.Serve(ctx, ln, h, nil, nil) })
	return ln.Addr().String()
}

// echo answers with the request's body, once it has all of it: HTTP/1.1 lets
// a server end a body that it has begun to answer.
func echo() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil {
			_, _ = w.Write(body)
		}
	})
}
