package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/channel"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/membership"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/portal"
)

func TestPortalCarriesHTTP(t *testing.T) {
	p := found(t, "demo", nil)
	target := httpTarget(t, echo())
	out := p.join(pki.Outlet, "owner", service("openai"))
	p.outlet(out, target, portal.Rule{Attributes: map[string]string{"team": "research"}})
	me := p.join(pki.Inlet, "consumer", map[string]string{"service": "openai", "team": "research"})
	address := p.inlet(portal.InletConfig{Credentials: me, Outlet: out.ID()}, true)

	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			sent := make([]byte, 700<<10)
			_, _ = rand.Read(sent)
			resp, err := http.Post("http://"+address, "application/octet-stream", bytes.NewReader(sent))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if got, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%d bytes came back of %d: %v", len(got), len(sent), err)
			}
		})
	}
	wg.Wait()
}

// Who is not meant to get in does not, whatever it holds.
func TestPortalRefuses(t *testing.T) {
	p, other := found(t, "demo", nil), found(t, "other", nil)
	target := httpTarget(t, http.NotFoundHandler())
	out := p.join(pki.Outlet, "owner", service("openai"))
	p.outlet(out, target, portal.Rule{Attributes: map[string]string{"team": "research"}})
	good := map[string]string{"service": "openai", "team": "research"}

	for name, c := range map[string]struct {
		me     *membership.Member
		outlet pki.ID
	}{
		"another project's credential": {other.join(pki.Inlet, "consumer", good), out.ID()},
		"attribute missing":            {p.join(pki.Inlet, "", service("openai")), out.ID()},
		"attribute differs":            {p.join(pki.Inlet, "", map[string]string{"service": "openai", "team": "sales"}), out.ID()},
		"another service":              {p.join(pki.Inlet, "", map[string]string{"service": "billing", "team": "research"}), out.ID()},
		"not the outlet it names":      {p.join(pki.Inlet, "", good), pki.ID{Project: "demo", Role: pki.Outlet, Member: "somebody-else"}},
	} {
		t.Run(name, func(t *testing.T) {
			address := p.inlet(portal.InletConfig{Credentials: c.me, Outlet: c.outlet}, false)
			conn, err := net.Dial("tcp", address)
			if errors.Is(err, syscall.ECONNRESET) {
				return // cut before the dial was through
			}
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(25 * time.Second))
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			got, err := io.ReadAll(conn)
			if len(got) > 0 || err == nil || errors.Is(err, errTimeout(err)) {
				t.Errorf("got %q, %v: wanted a connection that is cut", got, err)
			}
		})
	}
}

func errTimeout(err error) error {
	if n, ok := errors.AsType[net.Error](err); ok && n.Timeout() {
		return err
	}
	return errors.New("no timeout")
}

// Roles do not pass for one another: a member that holds a certificate of the
// very project is still refused where its role does not belong.
func TestRolesDoNotPassForOneAnother(t *testing.T) {
	p := found(t, "demo", nil)
	inlet := p.join(pki.Inlet, "consumer", service("openai"))
	outlet := p.join(pki.Outlet, "owner", service("openai"))
	gateway := p.join(pki.Gateway, "gw", nil)
	dial := func(me pki.Credentials) (*tls.Conn, error) {
		raw, err := net.Dial("tcp", p.relay)
		if err != nil {
			t.Fatal(err)
		}
		conn := tls.Client(raw, channel.LegClient(me, pki.InRole("demo", pki.Relay)))
		t.Cleanup(func() { _ = raw.Close() })
		return conn, conn.HandshakeContext(t.Context())
	}
	refused := func(me pki.Credentials, send func(*channel.Leg) error) error {
		conn, err := dial(me)
		if err != nil {
			return err
		}
		return send(channel.NewLeg(conn))
	}
	for name, err := range map[string]error{
		"inlet listens": refused(inlet, func(l *channel.Leg) error { return l.AwaitPair(inlet.ID(), "openai") }),
		"outlet dials":  refused(outlet, func(l *channel.Leg) error { return l.DialService("openai", "") }),
		"wrong service": refused(outlet, func(l *channel.Leg) error { return l.AwaitPair(outlet.ID(), "billing") }),
	} {
		if fault.KindOf(err) != fault.Denied {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := refused(gateway, func(l *channel.Leg) error { return l.DialService("openai", "") }); err == nil {
		t.Error("a gateway was taken for an inlet")
	}
	if _, err := portal.NewInlet(portal.InletConfig{Credentials: outlet, Outlet: outlet.ID()}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an outlet's certificate runs an inlet: %v", err)
	}
	// A rogue relay: an outlet's certificate behind the relay's address.
	ln := listen(t)
	go func() {
		raw, err := ln.Accept()
		if err != nil {
			return
		}
		conn := tls.Server(raw, channel.LegServer(outlet))
		_ = conn.HandshakeContext(t.Context())
		_ = raw.Close()
	}()
	raw, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	defer ln.Close()
	err = tls.Client(raw, channel.LegClient(inlet, pki.InRole("demo", pki.Relay))).HandshakeContext(t.Context())
	if err == nil || !strings.Contains(err.Error(), "may not take this part") {
		t.Errorf("an outlet posed as the relay: %v", err)
	}
}

// The relay dies in the middle of an answer: the client must not take what it
// has for the whole.
func TestRelayDeathIsAnErrorAtTheClient(t *testing.T) {
	p := found(t, "demo", nil)
	relay, stopRelay := p.startRelay()
	p.relay = relay
	release := make(chan struct{})
	target := httpTarget(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half an answer")
		w.(http.Flusher).Flush()
		<-release
	}))
	defer close(release)
	out := p.join(pki.Outlet, "owner", service("openai"))
	me := p.join(pki.Inlet, "consumer", service("openai"))
	p.outlet(out, target, portal.Rule{Member: me.ID()})
	address := p.inlet(portal.InletConfig{Credentials: me, Outlet: out.ID()}, true)

	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// HTTP/1.0 has no length and no chunks: only the end of the connection ends the answer.
	_, _ = io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
	buf := make([]byte, 4096)
	var got []byte
	for !bytes.Contains(got, []byte("half an answer")) {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[:n]...)
	}
	stopRelay()
	if _, err := conn.Read(buf); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("after the relay died the client read %v: a clean end", err)
	}
}

// The session comes back by itself after its outlet has been restarted.
func TestPortalHeals(t *testing.T) {
	p := found(t, "demo", nil)
	target := httpTarget(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }))
	out := p.join(pki.Outlet, "owner", service("openai"))
	me := p.join(pki.Inlet, "consumer", service("openai"))
	rule := portal.Rule{Member: me.ID()}
	stop := p.outlet(out, target, rule)
	address := p.inlet(portal.InletConfig{Credentials: me, Outlet: out.ID()}, true)
	stop()
	p.outlet(out, target, rule)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		resp, err := client.Get("http://" + address)
		if err == nil {
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if string(body) == "here" {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the portal did not heal: %v", err)
		}
	}
}
