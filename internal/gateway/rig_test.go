package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/policy"
	"github.com/ostiary/ostiary/internal/secret"
)

// book is a real ledger in a temporary directory, with hooks before each
// record; a hook's error stands for a disk that fails.
type book struct {
	*ledger.Ledger
	dir       string
	intent    func(ledger.Call) error
	outcome   func(ledger.Result) error
	refusal   func(ledger.Call) error
	mu        sync.Mutex
	calls     []ledger.Call
	results   []ledger.Result
	kinds     []ledger.Kind
	completed chan struct{} // one per outcome or refusal
}

func newBook(t testing.TB) *book {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ledger")
	l, err := ledger.Open(ledger.Config{Directory: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &book{Ledger: l, dir: dir, completed: make(chan struct{}, 1000)}
}

func (b *book) note(kind ledger.Kind, call *ledger.Call, res *ledger.Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kinds = append(b.kinds, kind)
	if call != nil {
		b.calls = append(b.calls, *call)
	}
	if res != nil {
		b.results = append(b.results, *res)
	}
}

func (b *book) Intent(ctx context.Context, id string, call ledger.Call) error {
	if b.intent != nil {
		if err := b.intent(call); err != nil {
			return err
		}
	}
	err := b.Ledger.Intent(ctx, id, call)
	b.note(ledger.Intent, &call, nil)
	return err
}

func (b *book) Outcome(ctx context.Context, id string, res ledger.Result) error {
	defer func() { b.completed <- struct{}{} }()
	if b.outcome != nil {
		if err := b.outcome(res); err != nil {
			return err
		}
	}
	err := b.Ledger.Outcome(ctx, id, res)
	b.note(ledger.Outcome, nil, &res)
	return err
}

func (b *book) Refusal(ctx context.Context, id string, call ledger.Call, res ledger.Result) error {
	defer func() { b.completed <- struct{}{} }()
	if b.refusal != nil {
		if err := b.refusal(call); err != nil {
			return err
		}
	}
	err := b.Ledger.Refusal(ctx, id, call, res)
	b.note(ledger.Refusal, &call, &res)
	return err
}

// last waits for a call to be recorded to its end, and gives what was recorded.
func (b *book) last(t testing.TB) (ledger.Call, ledger.Result, ledger.Kind) {
	t.Helper()
	<-b.completed
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls[len(b.calls)-1], b.results[len(b.results)-1], b.kinds[len(b.kinds)-1]
}

var errDisk = errors.New("the disk fails")

// rig is a gateway in front of a stub.
type rig struct {
	*Gateway
	t        testing.TB
	book     *book
	key      string // of workload "team"
	poor     string // key of a workload that may embed only
	server   *httptest.Server
	upstream *httptest.Server
	logs     *lockedBuffer
	registry *prometheus.Registry
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func secretRef(t testing.TB, value string) (r secret.Ref) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.UnmarshalText([]byte("file:" + path)); err != nil {
		t.Fatal(err)
	}
	return r
}

const upstreamKey = "UPSTREAM-SECRET"

// newRig serves stub through a gateway; change may alter its configuration.
func newRig(t testing.TB, stub http.HandlerFunc, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, book: newBook(t), logs: &lockedBuffer{}, registry: prometheus.NewRegistry()}
	r.upstream = httptest.NewServer(stub)
	t.Cleanup(r.upstream.Close)
	key, hash := identity.NewKey()
	poor, poorHash := identity.NewKey()
	r.key, r.poor = key.Reveal(), poor.Reveal()
	ids, err := identity.New(identity.Config{Keys: []identity.Key{
		{Name: "team-key", Hash: hash, Workload: "team"}, {Name: "poor-key", Hash: poorHash, Workload: "poor"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := policy.New([]policy.Workload{
		{Name: "team", Grants: []policy.Grant{{Deployments: []string{"gpt-4o*", "text*", "whisper", "unserved"}, Operations: []string{"*"}}}},
		{Name: "poor", Grants: []policy.Grant{{Deployments: []string{"text*"}, Operations: []string{"embeddings"}}}},
		{Name: "members", Members: []string{"spiffe://demo/inlet/*"}, Grants: []policy.Grant{{Deployments: []string{"gpt-4o"}, Operations: []string{"chat/completions"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := backend.NewPool(backend.Config{Backends: []backend.Settings{{
		Name: "stub", URL: r.upstream.URL, APIKey: secretRef(t, upstreamKey), Deployments: []string{"gpt-4o*", "text*", "whisper"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Rules: Rules{Identity: ids, Policy: rules, Backends: pool}, Ledger: r.book, Metrics: r.registry,
		Logger: slog.New(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&cfg)
	}
	if r.Gateway, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	r.server = httptest.NewServer(r.Handler())
	t.Cleanup(r.server.Close)
	return r
}

const (
	chatPath   = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
	v1Chat     = "/openai/v1/chat/completions"
	chatBody   = `{"model":"gpt-4o","messages":[{"role":"user","content":"What is Ockham's Razor?"}]}`
	streamBody = `{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"What is Ockham's Razor?"}]}`
	chatAnswer = `{"choices":[{"finish_reason":"stop","index":0,"message":{"content":"Plurality should not be posited.","role":"assistant"}}],"model":"gpt-4o-2024","usage":{"completion_tokens":7,"prompt_tokens":6,"total_tokens":13}}` + "\n"
	chatStream = "data: {\"choices\":[],\"id\":\"\",\"model\":\"\",\"prompt_filter_results\":[]}\n\n" +
		"data: {\"choices\":[{\"delta\":{\"content\":\"Plurality\"},\"finish_reason\":null}],\"model\":\"gpt-4o-2024\"}\n\n" +
		"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"model\":\"gpt-4o-2024\"}\n\n"
	chatUsage = "data: {\"choices\":[],\"usage\":{\"completion_tokens\":1,\"prompt_tokens\":6,\"total_tokens\":7}}\n\n"
	chatDone  = "data: [DONE]\n\n"
)

// request makes one with the team's key.
func (r *rig) request(method, target, body string) *http.Request {
	r.t.Helper()
	req, err := http.NewRequest(method, r.server.URL+target, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Api-Key", r.key)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

// do sends it, and gives the answer and its whole body.
func (r *rig) do(req *http.Request) (*http.Response, string) {
	r.t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp, string(body)
}

// direct serves one request without a network, to a writer that the test sees.
func (r *rig) direct(w http.ResponseWriter, target, body string) (panicked any) {
	req := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	req.Header.Set("Api-Key", r.key)
	req.Header.Set("Content-Type", "application/json")
	defer func() { panicked = recover() }()
	r.Handler().ServeHTTP(w, req)
	return nil
}

func whole(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Apim-Request-Id", "apim-1")
	_, _ = io.WriteString(w, chatAnswer)
}

func streamed(parts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		for _, p := range parts {
			_, _ = io.WriteString(w, p)
			_ = http.NewResponseController(w).Flush()
		}
	}
}
