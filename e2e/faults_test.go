package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/channel"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/membership"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/portal"
	"github.com/ostiary/ostiary/internal/relay"
)

// Policy is judged again when it changes, at either end: who is not admitted
// any more is cut in the middle of an answer, and gets in again when it is.
func TestPolicyThatChangesCuts(t *testing.T) {
	p := found(t, "demo", nil)
	target, _ := slowTarget(t, "target")
	out := p.join(pki.Outlet, "owner", map[string]string{"service": "openai", "site": "a"})
	me := p.join(pki.Inlet, "consumer", map[string]string{"service": "openai", "team": "research"})
	research, sales := []portal.Rule{{Attributes: map[string]string{"team": "research"}}}, []portal.Rule{{Attributes: map[string]string{"team": "sales"}}}
	siteA, siteB := []portal.Rule{{Attributes: map[string]string{"site": "a"}}}, []portal.Rule{{Attributes: map[string]string{"site": "b"}}}
	outlet, _ := p.outletWith(portal.OutletConfig{Credentials: out, Target: target, Allow: research})
	in, address, _ := p.inletWith(portal.InletConfig{Credentials: me, Outlet: out.ID(), Allow: siteA}, 1)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for name, c := range map[string]struct{ change, back func() }{
		"at the outlet": {func() { outlet.SetAllow(sales) }, func() { outlet.SetAllow(research) }},
		"to nobody":     {func() { outlet.SetAllow(nil) }, func() { outlet.SetAllow(research) }},
		"at the inlet":  {func() { in.SetAllow(siteB) }, func() { in.SetAllow(siteA) }},
	} {
		all := slow(t, address, 3)
		c.change()
		if whole, cut := outcome(t, all); whole > 0 || cut != 3 {
			t.Errorf("%s: %d streams whole, %d cut", name, whole, cut)
		}
		if err := quickly(client, "http://"+address); err == nil {
			t.Errorf("%s: admitted after the change", name)
		}
		c.back()
		eventually(t, name+": admitted again", func() bool { return quickly(client, "http://"+address) == nil })
	}
}

// The inlet as an HTTP endpoint: events pass as they come, the Host is the one
// configured, errors are HTTP, and an answer that is cut is an error.
func TestInletAsHTTP(t *testing.T) {
	p := found(t, "demo", nil)
	address, stopRelay := p.relayWith(relay.Config{})
	release := make(chan struct{})
	target := httpTarget(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "data: "+r.Host+"\n\n")
		w.(http.Flusher).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer close(release)
	out, me := p.join(pki.Outlet, "owner", service("openai")), p.join(pki.Inlet, "consumer", service("openai"))
	p.outletWith(portal.OutletConfig{Credentials: out, Relays: []string{address}, Target: target, Allow: []portal.Rule{{Member: me.ID()}}})
	_, inlet, _ := p.inletWith(portal.InletConfig{
		Credentials: me, Relays: []string{address}, Outlet: out.ID(), HTTP: &portal.HTTP{Host: "model.example"}, OpenTime: time.Second,
	}, 1)
	resp, err := http.Get("http://" + inlet)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	event := make([]byte, len("data: model.example\n\n"))
	if _, err := io.ReadFull(resp.Body, event); err != nil || string(event) != "data: model.example\n\n" {
		t.Fatalf("the first event: %q, %v", event, err)
	}
	stopRelay()
	if rest, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("a cut answer ended cleanly after %q", rest)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+inlet, nil)
	late, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Body.Close()
	if body, _ := io.ReadAll(late.Body); late.StatusCode != http.StatusServiceUnavailable || !bytes.Contains(body, []byte(`"error"`)) {
		t.Errorf("without a relay: %d %s", late.StatusCode, body)
	}
}

// The outlet to a TLS target: verified by a CA and a name, or not reached.
func TestOutletToATLSTarget(t *testing.T) {
	p := found(t, "demo", nil)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "quick") }))
	defer server.Close()
	out, me := p.join(pki.Outlet, "owner", service("openai")), p.join(pki.Inlet, "consumer", service("openai"))
	trusted := pki.Pool(server.Certificate())
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for name, c := range map[string]struct {
		tls *tls.Config
		ok  bool
	}{
		"its CA and name": {&tls.Config{RootCAs: trusted, ServerName: "example.com"}, true},
		"another name":    {&tls.Config{RootCAs: trusted, ServerName: "elsewhere.invalid"}, false},
		"another CA":      {&tls.Config{ServerName: "example.com"}, false},
	} {
		_, stop := p.outletWith(portal.OutletConfig{
			Credentials: out, Target: server.Listener.Addr().String(), TargetTLS: c.tls, Allow: []portal.Rule{{Member: me.ID()}},
		})
		_, address, stopInlet := p.inletWith(portal.InletConfig{Credentials: me, Outlet: out.ID()}, 1)
		if err := quickly(client, "http://"+address); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		stopInlet()
		stop()
	}
}

// A whole portal by WebSockets.
func TestPortalByWebSocket(t *testing.T) {
	p := found(t, "demo", nil)
	target := httpTarget(t, echo())
	out, me := p.join(pki.Outlet, "owner", service("openai")), p.join(pki.Inlet, "consumer", service("openai"))
	leg := portal.LegConfig{Carrier: channel.WebSocket}
	p.outletWith(portal.OutletConfig{Credentials: out, Target: target, Allow: []portal.Rule{{Member: me.ID()}}, Leg: leg})
	_, address, _ := p.inletWith(portal.InletConfig{Credentials: me, Outlet: out.ID(), Leg: leg}, 1)
	sent := bytes.Repeat([]byte("there and back "), 100_000)
	resp, err := http.Post("http://"+address, "text/plain", bytes.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes of %d, %v", len(got), len(sent), err)
	}
}

// Somebody on the wire keeps every byte of an outlet's leg and sends it again:
// the relay takes it for nobody.
func TestReplayedLegIsNobody(t *testing.T) {
	p := found(t, "demo", nil)
	reg := prometheus.NewRegistry()
	address, _ := p.relayWith(relay.Config{Metrics: reg})
	out := p.join(pki.Outlet, "owner", service("openai"))

	var kept bytes.Buffer
	var mu sync.Mutex
	wire := listen(t)
	defer wire.Close()
	go func() {
		a, err := wire.Accept()
		if err != nil {
			return
		}
		b, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		go func() { _, _ = io.Copy(a, b); _ = a.Close() }()
		buf := make([]byte, 4096)
		for {
			n, err := a.Read(buf)
			mu.Lock()
			kept.Write(buf[:n])
			mu.Unlock()
			if err != nil {
				_ = b.Close()
				return
			}
			_, _ = b.Write(buf[:n])
		}
	}()
	leg, err := (&channel.Carrier{Credentials: out, Pool: new(channel.Pool)}).Dial(t.Context(), wire.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- channel.NewLeg(leg).AwaitPair(out.ID(), "openai") }()
	waiting := func() float64 { return metric(t, reg, "ostiary_relay_waiting_legs") }
	eventually(t, "the true leg", func() bool { return waiting() == 1 })
	_ = leg.Close()
	<-ended
	eventually(t, "its end", func() bool { return waiting() == 0 })

	mu.Lock()
	again := bytes.Clone(kept.Bytes())
	mu.Unlock()
	refused := metric(t, reg, "ostiary_relay_refused_total")
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	_, _ = raw.Write(again)
	answer, _ := io.ReadAll(raw) // the relay's side of a handshake that cannot end
	if n := metric(t, reg, "ostiary_relay_refused_total"); n != refused+1 || waiting() != 0 {
		t.Errorf("%v refusals after %v, %v waiting, and %d bytes of answer", n, refused, waiting(), len(answer))
	}
}

// metric sums a metric over its labels.
func metric(t *testing.T, reg *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// A relay that lies about who is there changes nothing: what counts is the name
// in the session's own handshake.
func TestForgedNamesCountForNothing(t *testing.T) {
	p := found(t, "demo", nil)
	out := p.join(pki.Outlet, "owner", service("openai"))
	liar, target := p.join(pki.Inlet, "nobody", service("openai")), httpTarget(t, echo())
	p.relay = lyingRelay(t, p.join(pki.Relay, "", nil), "spiffe://demo/inlet/boss", "spiffe://demo/outlet/owner")
	p.outletWith(portal.OutletConfig{
		Credentials: out, Target: target, Allow: []portal.Rule{{Member: pki.ID{Project: "demo", Role: pki.Inlet, Member: "boss"}}},
	})
	in, err := portal.NewInlet(portal.InletConfig{Credentials: liar, Relays: []string{p.relay}, Service: "openai", Outlet: out.ID()})
	if err != nil {
		t.Fatal(err)
	}
	ln := listen(t)
	background(t, func(ctx context.Context) error { return in.Serve(ctx, ln) })
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Ostiary-Member: spiffe://demo/inlet/boss\r\nX-Forwarded-Client-Cert: URI=spiffe://demo/inlet/boss\r\n\r\n")
	if got, err := io.ReadAll(conn); err == nil || len(got) > 0 {
		t.Errorf("an inlet under a forged name read %q, %v", got, err)
	}
}

// lyingRelay joins whoever comes, under names of its own choice.
func lyingRelay(t *testing.T, me pki.Credentials, inlet, outlet string) string {
	outlets := make(chan *tls.Conn, 64)
	door := channel.NewDoor(me, nil, new(channel.Pool))
	ln := listen(t)
	background(t, func(ctx context.Context) error {
		defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
		for {
			raw, err := ln.Accept()
			if err != nil {
				return nil
			}
			defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
			go func() {
				conn, err := door.Accept(ctx, raw)
				if err != nil {
					return
				}
				leg := channel.NewLeg(conn)
				what, _, err := leg.Next()
				if err != nil {
					return
				}
				if what == channel.Listen {
					outlets <- conn
					return
				}
				other := <-outlets
				_ = channel.NewLeg(other).Send(channel.Pair, inlet)
				_, _, _ = channel.NewLeg(other).Next()
				_ = leg.Send(channel.Ready, outlet)
				_, _, _ = channel.Couple(conn, other, new(channel.Pool), func(bool, int) {})
			}()
		}
	})
	return ln.Addr().String()
}

// A relay's disk in a thief's hands: it holds the relay's key and certificate
// and nothing of a session, and with them nothing opens.
func TestStolenRelayDisk(t *testing.T) {
	p := found(t, "demo", nil)
	dir := p.enroll(pki.Relay, "stolen", nil)
	thief, err := membership.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	relayed, err := membership.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := relay.New(relay.Config{Credentials: relayed})
	if err != nil {
		t.Fatal(err)
	}
	ln := listen(t)
	background(t, func(ctx context.Context) error { return r.Serve(ctx, ln) })
	p.relay = ln.Addr().String()
	target := httpTarget(t, echo())
	out, me := p.join(pki.Outlet, "owner", service("openai")), p.join(pki.Inlet, "consumer", service("openai"))
	p.outletWith(portal.OutletConfig{Credentials: out, Target: target, Allow: []portal.Rule{{Member: me.ID()}}})
	_, address, _ := p.inletWith(portal.InletConfig{Credentials: me, Outlet: out.ID()}, 1)
	if resp, err := http.Post("http://"+address, "text/plain", strings.NewReader(canary)); err != nil {
		t.Fatal(err)
	} else {
		_ = resp.Body.Close()
	}
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		for _, secret := range []string{canary, out.ID().String(), me.ID().String()} {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("%s holds %q", path, secret)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// As an inlet, as an outlet, and as either in a session of its own making.
	leg, err := (&channel.Carrier{Credentials: thief, Pool: new(channel.Pool)}).Dial(t.Context(), p.relay)
	if err == nil { // in TLS 1.3 a client hears of its refusal afterwards
		err = channel.NewLeg(leg).DialService("openai", "")
	}
	if err == nil || fault.KindOf(err) == fault.Unavailable {
		t.Errorf("a relay took the thief's leg: %v", err)
	}
	for name, shake := range map[string]func(a, b net.Conn) (thiefs, ours error){
		"posing as the outlet": func(a, b net.Conn) (error, error) {
			return handshakes(func() error {
				_, _, err := channel.SecureOutlet(t.Context(), a, thief, pki.InRole("demo", pki.Inlet))
				return err
			},
				func() error { _, _, err := channel.SecureInlet(t.Context(), b, me, pki.Exactly(out.ID())); return err })
		},
		"posing as an inlet": func(a, b net.Conn) (error, error) {
			return handshakes(func() error {
				_, _, err := channel.SecureInlet(t.Context(), a, thief, pki.Exactly(out.ID()))
				return err
			},
				func() error {
					_, _, err := channel.SecureOutlet(t.Context(), b, out, pki.InRole("demo", pki.Inlet))
					return err
				})
		},
	} {
		a, b := connected(t)
		if _, ours := shake(a, b); ours == nil || !strings.Contains(ours.Error(), "stolen") && !strings.Contains(ours.Error(), "may not take this part") {
			t.Errorf("%s: %v", name, ours)
		}
	}
}

// connected are the two ends of a connection on loopback.
func connected(t *testing.T) (a, b net.Conn) {
	ln := listen(t)
	defer ln.Close()
	a, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if b, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b
}

func handshakes(thief, own func() error) (thiefs, ours error) {
	done := make(chan error, 1)
	go func() { done <- thief() }()
	ours = own()
	return <-done, ours
}

// Certificates of an authority whose clock is ten minutes off either way serve
// at once, beside others of the right time.
func TestClocksTenMinutesApart(t *testing.T) {
	p := found(t, "demo", nil)
	target := httpTarget(t, echo())
	out := p.join(pki.Outlet, "owner", service("openai"))
	p.outletWith(portal.OutletConfig{Credentials: out, Target: target, Allow: []portal.Rule{{Attributes: service("openai")}}})
	for _, skew := range []time.Duration{-10 * time.Minute, 0, 10 * time.Minute} {
		p.clock.Store(int64(skew))
		me := p.join(pki.Inlet, "", service("openai"))
		_, _, stop := p.inletWith(portal.InletConfig{Credentials: me, Outlet: out.ID()}, 1)
		stop()
	}
}

// A relay whose process stands still keeps its connections; only that nothing
// comes back tells. The session by it ends in three times the time between
// pings, and before that new requests have gone to the other.
func TestFrozenRelay(t *testing.T) {
	p := found(t, "demo", nil)
	frozen, process := p.relayProcess()
	well, _ := p.relayWith(relay.Config{})
	target, release := slowTarget(t, "target")
	out, me := p.join(pki.Outlet, "owner", service("openai")), p.join(pki.Inlet, "consumer", service("openai"))
	leg := portal.LegConfig{PingEvery: time.Second}
	relays := []string{frozen, well}
	p.outletWith(portal.OutletConfig{Credentials: out, Relays: relays, Target: target, Allow: []portal.Rule{{Member: me.ID()}}, Leg: leg})
	in, address, _ := p.inletWith(portal.InletConfig{Credentials: me, Relays: relays, Outlet: out.ID(), Leg: leg}, 2)
	all := slow(t, address, 20)
	held := streamsBy(in, frozen)
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = process.Signal(syscall.SIGCONT) }()
	began := time.Now()
	eventually(t, "the end of the session by the frozen relay", func() bool { return len(in.Sessions()) == 1 })
	t.Logf("found after %s, with a ping a second", time.Since(began).Round(100*time.Millisecond))
	l := newLoad(t, address, 4)
	l.counts.Store(true)
	eventually(t, "200 requests", func() bool { return l.good.Load()+l.bad.Load() > 200 })
	l.end()
	if n := l.bad.Load(); n > 0 {
		t.Errorf("%d new requests failed, the last with %v", n, l.last.Load())
	}
	release()
	if whole, cut := outcome(t, all); cut != held || whole != 20-held {
		t.Errorf("%d streams went by the frozen relay; %d cut, %d whole", held, cut, whole)
	}
	// When it runs again, it is used again.
	if err := process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the session by the relay that runs again", func() bool { return len(in.Sessions()) == 2 })
}

// relayProcess runs a relay in a process of its own.
func (p *project) relayProcess() (address string, process *os.Process) {
	p.t.Helper()
	dir, address := p.enroll(pki.Relay, "", nil), freeAddress(p.t)
	conf := filepath.Join(p.t.TempDir(), "relay.yaml")
	if err := os.WriteFile(conf, fmt.Appendf(nil, "relay: {directory: %s, listen: %q, drain: 1s}\n", dir, address), 0o600); err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.CommandContext(p.t.Context(), "ostiary", "relay", "--config", conf, "--log-level", "error")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	eventually(p.t, "the relay's process", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return !errors.Is(err, syscall.ECONNREFUSED)
	})
	return address, cmd.Process
}

func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return "127.0.0.1:" + port
}
