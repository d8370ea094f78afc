package e2e

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/cli/node"
	run "github.com/ostiary/ostiary/internal/cli/serve"
	"github.com/ostiary/ostiary/internal/gateway"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/policy"
	"github.com/ostiary/ostiary/internal/portal"
)

// gateway runs a gateway that lets members ask the model at url, and gives its
// name and the address for them.
func (p *project) gateway(url string) (pki.ID, string) {
	p.t.Helper()
	ln := listen(p.t)
	s := gateway.Settings{
		Members: &gateway.Members{Listen: ln.Addr().String(), Directory: p.enroll(pki.Gateway, "gw", nil)},
		Workloads: []policy.Workload{{
			Name: "members", Members: []string{"spiffe://" + p.name + "/inlet/*"},
			Grants: []policy.Grant{{Deployments: []string{"*"}, Operations: []string{"chat/completions"}}},
		}},
		Backends: []backend.Settings{{Name: "model", Kind: backend.OpenAI, URL: url, Deployments: []string{"*"}}},
		Ledger:   gateway.LedgerSettings{Directory: p.t.TempDir()},
	}
	background(p.t, func(ctx context.Context) error {
		env := &node.Env{Ctx: ctx, Out: io.Discard, Err: io.Discard, Log: slog.New(slog.DiscardHandler)}
		return run.Gateway(env, s, run.Source{}, nil, ln)
	})
	return pki.ID{Project: p.name, Role: pki.Gateway, Member: "gw"}, ln.Addr().String()
}

// model answers at once, or as a stream that takes half a second.
func model() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), `"stream":true`) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"model":"m","choices":[{"message":{"content":"yes"},"finish_reason":"stop"}]}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for range 12 {
			_, _ = io.WriteString(w, "data: {\"choices\":[{\"delta\":{\"content\":\"on \"}}]}\n\n")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(40 * time.Millisecond)
		}
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	})
}

// TestRenewalUnderLoad runs a portal whose certificates live for seconds (a
// minute in the long form, for ten minutes) and asks all the while, whole and
// streamed, over connections that are kept and over new ones. Every member
// renews several times, and no request fails. A quarter of a certificate's life
// must be longer than an answer takes on a busy machine: who asks again on a
// connection whose last answer outlived its certificate is refused.
func TestRenewalUnderLoad(t *testing.T) {
	life, length := 9*time.Second, 16*time.Second
	if rounds(0, 1) == 1 {
		life, length = time.Minute, 10*time.Minute
	}
	p := foundFor(t, "demo", nil, life)
	gw, target := p.gateway("http://" + httpTarget(t, model()) + "/v1")
	out := p.join(pki.Outlet, "", service("openai"))
	me := p.join(pki.Inlet, "", service("openai"))
	p.outlet(out, target, portal.Rule{Member: me.ID()})
	url := "http://" + p.inlet(portal.InletConfig{Credentials: me, Outlet: out.ID(), Gateway: gw}, true) + "/openai/v1/chat/completions"

	end := time.Now().Add(length)
	var asked, failed atomic.Int64
	var clients sync.WaitGroup
	for _, c := range []struct {
		body string
		keep bool
		wait time.Duration
	}{
		{`{"model":"m","messages":[{"role":"user","content":"?"}]}`, true, 5 * time.Millisecond},
		{`{"model":"m","messages":[{"role":"user","content":"?"}]}`, false, 20 * time.Millisecond},
		{`{"model":"m","stream":true,"messages":[{"role":"user","content":"?"}]}`, true, 0},
		{`{"model":"m","stream":true,"messages":[{"role":"user","content":"?"}]}`, false, 0},
	} {
		clients.Go(func() {
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: !c.keep}}
			defer client.CloseIdleConnections()
			for time.Now().Before(end) {
				asked.Add(1)
				if why := once(&client, url, c.body); why != "" {
					failed.Add(1)
					t.Errorf("request %d (kept %v): %s", asked.Load(), c.keep, why)
				}
				time.Sleep(c.wait)
			}
		})
	}
	serials := map[string]map[string]bool{"inlet": {}, "outlet": {}, "relay": {}}
	for time.Now().Before(end) {
		for role, m := range map[string]pki.Credentials{"inlet": me, "outlet": out, "relay": p.relayed} {
			cert, _ := m.Certificate()
			serials[role][cert.Leaf.SerialNumber.String()] = true
		}
		time.Sleep(100 * time.Millisecond)
	}
	clients.Wait()
	for role, seen := range serials {
		if len(seen) < 3 {
			t.Errorf("the %s had %d certificates in %s", role, len(seen), length)
		}
	}
	t.Logf("%d requests, %d failed; certificates of the inlet: %d", asked.Load(), failed.Load(), len(serials["inlet"]))
}

// once asks, and says what went wrong.
func once(client *http.Client, url, body string) string {
	resp, err := client.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return "the answer was cut: " + err.Error()
	case resp.StatusCode != http.StatusOK:
		return resp.Status + " " + string(got)
	case strings.Contains(body, `"stream":true`) && !strings.HasSuffix(string(got), "data: [DONE]\n\n"):
		return "an answer without its end"
	}
	return ""
}
