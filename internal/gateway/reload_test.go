package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/policy"
)

// TestReload: other settings hold for the calls that begin after them; bad ones
// change nothing, and what needs a new start is named.
func TestReload(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(whole))
	defer upstream.Close()
	key, hash := identity.NewKey()
	other, otherHash := identity.NewKey()
	settings := func(change ...func(*Settings)) Settings {
		s := Settings{
			Listen: "127.0.0.1:0", Keys: []identity.Key{{Name: "k", Hash: hash, Workload: "w"}},
			Workloads: []policy.Workload{{Name: "w", Grants: []policy.Grant{{Deployments: []string{"gpt-4o"}, Operations: []string{"*"}}}}},
			Backends:  []backend.Settings{{Name: "b", URL: upstream.URL, APIKey: secretRef(t, "k")}},
			Ledger:    LedgerSettings{Directory: filepath.Join(t.TempDir(), "l")},
		}
		for _, f := range change {
			f(&s)
		}
		return s
	}
	first := settings()
	g, err := FromSettings(first, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	call := func(key string) int {
		req := httptest.NewRequest(http.MethodPost, chatPath, strings.NewReader(chatBody))
		req.Header.Set("Api-Key", key)
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		g.Handler().ServeHTTP(w, req)
		return w.Code
	}
	if a, b := call(key.Reveal()), call(other.Reveal()); a != 200 || b != 401 {
		t.Fatal(a, b)
	}
	bad := settings(func(s *Settings) { s.Ledger = first.Ledger; s.Workloads = append(s.Workloads, s.Workloads[0]) })
	if _, err := g.Reload(bad); fault.KindOf(err) != fault.Invalid || call(key.Reveal()) != 200 {
		t.Errorf("%v", err)
	}
	bad = settings(func(s *Settings) { s.Backends[0].CA = "/nonexistent" })
	if _, err := g.Reload(bad); fault.KindOf(err) != fault.Invalid || call(key.Reveal()) != 200 {
		t.Errorf("%v", err)
	}
	next := settings(func(s *Settings) {
		s.Ledger, s.Keys[0].Hash, s.Prices = first.Ledger, otherHash, []Price{{Models: []string{"*"}, Currency: "EUR", Prompt: 1}}
	})
	if later, err := g.Reload(next); err != nil || len(later) != 0 {
		t.Errorf("%v %v", later, err)
	}
	if a, b := call(key.Reveal()), call(other.Reveal()); a != 401 || b != 200 {
		t.Error(a, b)
	}
	denied := settings(func(s *Settings) {
		s.Keys[0].Hash, s.Workloads[0].Grants = otherHash, nil
		s.Listen, s.MaxBody, s.Certificates = "127.0.0.1:1", 1<<20, &identity.Certificates{CA: "x", TrustDomain: "y"}
	})
	later, err := g.Reload(denied)
	if want := []string{"listen", "certificates", "ledger", "max_body"}; err != nil || !slices.Equal(later, want) {
		t.Errorf("%v %v", later, err)
	}
	if got := call(other.Reveal()); got != 401 {
		t.Errorf("a grant that was taken away: %d", got)
	}
	cancel()
	if err := <-ran; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestReloadUnderWay: a call ends with the rules that it began with.
func TestReloadUnderWay(t *testing.T) {
	began, goOn := make(chan struct{}), make(chan struct{})
	r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
		close(began)
		<-goOn
		whole(w, req)
	})
	first := *r.rules.current.Load()
	first.Prices = []Price{{Models: []string{"*"}, Currency: "EUR", Prompt: 1e6}}
	if err := r.SetRules(first); err != nil {
		t.Fatal(err)
	}
	done := make(chan int)
	go func() {
		resp, _ := r.do(r.request("POST", chatPath, chatBody))
		done <- resp.StatusCode
	}()
	<-began
	nobody, err := policy.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	then := first
	then.Policy, then.Prices = nobody, nil
	if err := r.SetRules(then); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	if status := <-done; status != 200 {
		t.Error(status)
	}
	if _, result, _ := r.book.last(t); result.Cost == nil || result.Cost.Currency != "EUR" {
		t.Errorf("%+v", result.Cost)
	}
	if resp, _ := r.do(r.request("POST", chatPath, chatBody)); resp.StatusCode != http.StatusUnauthorized {
		t.Error(resp.StatusCode)
	}
	if err := r.SetRules(Rules{}); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
}

// TestReloadKeepsBackends: a backend that is reached as before keeps its
// connections and what is known of its health through a reload.
func TestReloadKeepsBackends(t *testing.T) {
	var connections atomic.Int64
	throttled := false
	upstream := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if throttled {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		whole(w, r)
	}))
	upstream.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	upstream.Start()
	defer upstream.Close()
	key, hash := identity.NewKey()
	s := Settings{
		Listen: "127.0.0.1:0", Keys: []identity.Key{{Name: "k", Hash: hash, Workload: "w"}},
		Workloads: []policy.Workload{{Name: "w", Grants: []policy.Grant{{Deployments: []string{"*"}, Operations: []string{"*"}}}}},
		Backends:  []backend.Settings{{Name: "b", URL: upstream.URL, APIKey: secretRef(t, "k")}},
		Ledger:    LedgerSettings{Directory: filepath.Join(t.TempDir(), "l")},
	}
	g, err := FromSettings(s, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	call := func() int {
		req := httptest.NewRequest(http.MethodPost, chatPath, strings.NewReader(chatBody))
		req.Header.Set("Api-Key", key.Reveal())
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		g.Handler().ServeHTTP(w, req)
		return w.Code
	}
	reload := func() {
		t.Helper()
		s.Backends = slices.Clone(s.Backends)
		s.Backends[0].Weight++ // of no matter to how it is reached
		if _, err := g.Reload(s); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if status := call(); status != http.StatusOK {
			t.Fatal(status)
		}
		reload()
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	throttled = true
	if status := call(); status != http.StatusTooManyRequests {
		t.Fatal(status)
	}
	throttled = false
	reload()
	if status := call(); status != http.StatusTooManyRequests {
		t.Errorf("what the backend said of its deployment is forgotten: %d", status)
	}
}
