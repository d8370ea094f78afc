package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/authority"
	"github.com/ostiary/ostiary/internal/cli/demo"
	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/membership"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/portal"
)

// cutWithin is the promise.
const cutWithin = 5 * time.Second

// rounds is how often a test of many rounds runs: few in make test.
func rounds(short, long int) int {
	if os.Getenv("OSTIARY_TORTURE") != "" {
		return long
	}
	return short
}

// sse streams an event every 20 ms until its client leaves.
func sse(left chan<- struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, "data: {\"choices\":[{\"delta\":{\"content\":\"on \"}}]}\n\n")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(20 * time.Millisecond)
		}
		left <- struct{}{}
	})
}

// cut reads events until the answer is cut, and says how long that took from
// start on.
func cut(t *testing.T, events *bufio.Scanner, start time.Time) time.Duration {
	t.Helper()
	for events.Scan() {
		if time.Since(start) > cutWithin {
			t.Fatal("somebody is revoked, and the answer still streams after ", cutWithin)
		}
	}
	if events.Err() == nil {
		t.Error("the answer ended cleanly: the client takes half of it for the whole")
	}
	return time.Since(start)
}

// scan gives the events of an answer, of which some have come.
func scan(t *testing.T, body io.Reader) *bufio.Scanner {
	t.Helper()
	events := bufio.NewScanner(body)
	for range 8 {
		if !events.Scan() {
			t.Fatal("the answer ended before anybody was revoked: ", events.Err())
		}
	}
	return events
}

// TestRevocationCutsAStream revokes while an answer streams through the whole
// product: client, inlet, relay, outlet, gateway, model. The command returns,
// and within 5 s the client's answer is cut and the model's work has ended.
func TestRevocationCutsAStream(t *testing.T) {
	victims := []string{"inlet/health-corp", "outlet/ai-corp", "gateway/ai-corp", "relay/relay-1"}
	var worst time.Duration
	for round := range rounds(3, 100) {
		victim := victims[round%len(victims)]
		t.Run(fmt.Sprintf("%d %s", round, strings.ReplaceAll(victim, "/", " ")), func(t *testing.T) {
			left := make(chan struct{}, 1)
			var said buffer
			dir := t.TempDir()
			w, err := demo.Start(&node.Env{Ctx: t.Context(), Out: &said, Err: &said, Log: slog.New(slog.DiscardHandler)},
				demo.Options{Upstream: "http://" + httpTarget(t, sse(left)) + "/v1", Model: "endless", State: dir})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := w.Close(); err != nil {
					t.Error(err)
				}
			}()
			resp := ask(t, trusting(t, w.CAFile), w.InletURL)
			defer resp.Body.Close()
			events := scan(t, resp.Body)
			start := time.Now()
			socket := filepath.Join(dir, "authority", "admin.sock")
			var answer authority.Revocation
			err = node.CallAdmin(t.Context(), socket, http.MethodPost, authority.RevokePath, authority.RevokeRequest{Member: "spiffe://demo/" + victim}, &answer)
			if err != nil {
				t.Fatal(err)
			}
			worst = max(worst, cut(t, events, start))
			select {
			case <-left:
			case <-time.After(cutWithin):
				t.Error("the model still answers somebody who is gone")
			}
		})
	}
	t.Logf("cut after %s at most", worst)
}

// ask begins an answer that streams, trying while the parts find one another.
func ask(t *testing.T, client *http.Client, base string) *http.Response {
	t.Helper()
	const body = `{"model":"endless","stream":true,"messages":[{"role":"user","content":"Go on."}]}`
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		resp, err := client.Post(base+"/openai/v1/chat/completions", "application/json", strings.NewReader(body))
		if err == nil && resp.StatusCode == http.StatusOK {
			return resp
		}
		if time.Now().After(deadline) {
			t.Fatalf("no answer: %+v, %v", resp, err)
		}
	}
}

// TestEachPartCutsByItself lets one part alone know of revocations: the others
// have no word of the authority, as if it were out of their reach. The stream
// is cut all the same.
func TestEachPartCutsByItself(t *testing.T) {
	for _, c := range []struct{ knows, victim pki.Role }{
		{pki.Relay, pki.Inlet}, {pki.Relay, pki.Outlet},
		{pki.Outlet, pki.Inlet}, {pki.Outlet, pki.Relay},
		{pki.Inlet, pki.Outlet}, {pki.Inlet, pki.Relay},
	} {
		t.Run(fmt.Sprintf("%s knows of %s", c.knows, c.victim), func(t *testing.T) {
			p := found(t, "demo", nil)
			p.quiet = true
			left := make(chan struct{}, 1)
			p.relay, _ = p.startRelay() // one that is as quiet
			out := p.join(pki.Outlet, "", service("openai"))
			me := p.join(pki.Inlet, "", service("openai"))
			p.outlet(out, httpTarget(t, sse(left)), portal.Rule{Member: me.ID()})
			inlet := p.inlet(portal.InletConfig{Credentials: me, Outlet: out.ID()}, true)
			parts := map[pki.Role]*membership.Member{pki.Relay: p.relayed, pki.Outlet: out, pki.Inlet: me}
			knows := parts[c.knows]
			background(t, knows.Run)
			for deadline := time.Now().Add(20 * time.Second); knows.Revocations().Epoch == 0; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("no list has come")
				}
			}
			resp, err := http.Get("http://" + inlet)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			events := scan(t, resp.Body)
			start := time.Now()
			if _, err := p.authority.Revoke(t.Context(), authority.RevokeRequest{Member: parts[c.victim].ID().String()}); err != nil {
				t.Fatal(err)
			}
			cut(t, events, start)
			<-left
		})
	}
}

// The authority is gone: what stands goes on, new connections too, until the
// nodes have heard nothing for as long as they were told to wait; then nobody
// is trusted. When it is back, so is everything.
func TestAuthorityGone(t *testing.T) {
	p := found(t, "demo", nil)
	left := make(chan struct{}, 8)
	out := p.join(pki.Outlet, "", service("openai"))
	me := p.join(pki.Inlet, "", service("openai"))
	p.outlet(out, httpTarget(t, sse(left)), portal.Rule{Member: me.ID()})
	address := p.inlet(portal.InletConfig{Credentials: me, Outlet: out.ID()}, true)
	for out.Revocations().Epoch == 0 {
		time.Sleep(time.Millisecond)
	}
	p.stopAuthority()
	resp, err := http.Get("http://" + address)
	if err != nil {
		t.Fatal("the authority is gone and nothing goes any more: ", err)
	}
	defer resp.Body.Close()
	events := scan(t, resp.Body)
	out.SetMaxAge(time.Nanosecond) // as if the time had passed
	for events.Scan() {
	}
	if events.Err() == nil {
		t.Error("the answer ended cleanly")
	}
	<-left
	if state := out.Revocations(); !state.Stale {
		t.Errorf("%+v", state)
	}
	conn, err := net.Dial("tcp", address)
	if err == nil {
		defer conn.Close()
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		_ = conn.SetDeadline(time.Now().Add(500 * time.Millisecond))
		if got, err := io.ReadAll(conn); len(got) > 0 {
			t.Errorf("with a list too old the portal answers %q, %v", got, err)
		}
	} else if !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
	out.SetMaxAge(0)
	again, err := http.Get("http://" + address)
	if err != nil {
		t.Fatal("trusted again, and nothing goes: ", err)
	}
	scan(t, again.Body)
	_ = again.Body.Close()
}

// A node slept past its certificate's end: it renews by its key alone and is
// served again. Revoked while it slept, it is not.
func TestSleeper(t *testing.T) {
	p := found(t, "demo", nil)
	p.quiet = true
	dir := t.TempDir()
	enroll := func(name string) string {
		ticket, err := p.authority.CreateTicket(t.Context(), authority.TicketRequest{Role: pki.Inlet, Name: name, Attributes: service("openai")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := membership.Enroll(t.Context(), ticket, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	p.clock.Store(int64(-30 * time.Hour)) // so that what is signed now has expired
	for _, name := range []string{"sleeper", "revoked"} {
		enroll(name)
	}
	p.clock.Store(0)
	if _, err := p.authority.Revoke(t.Context(), authority.RevokeRequest{Member: "spiffe://demo/inlet/revoked"}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"sleeper": true, "revoked": false} {
		m, err := membership.Load(filepath.Join(dir, name), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !m.Expires().Before(time.Now()) {
			t.Fatalf("%s has a certificate until %s", name, m.Expires())
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err = m.Renew(ctx)
		cancel()
		if (err == nil) != want || want && !m.Expires().After(time.Now()) {
			t.Errorf("%s woke up: %v, certificate until %s", name, err, m.Expires())
		}
	}
}
