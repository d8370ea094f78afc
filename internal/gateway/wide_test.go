package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/policy"
)

// server is one of several backends of a rig.
type server struct {
	backend.Settings
	does http.HandlerFunc // nil: nobody listens

	mu     sync.Mutex
	calls  int
	target string
	body   string
	header http.Header
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.calls++
	s.target, s.body, s.header = r.RequestURI, string(body), r.Header.Clone()
	s.mu.Unlock()
	s.does(w, r)
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// clock is set by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// newWide is a rig with several backends, and a clock set by hand.
func newWide(t testing.TB, servers []*server, change ...func(*Config)) (*rig, *clock) {
	t.Helper()
	c := &clock{at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	var all []backend.Settings
	for _, s := range servers {
		front := httptest.NewServer(s)
		t.Cleanup(front.Close)
		if s.URL = front.URL + s.URL; s.does == nil {
			front.Close()
		}
		if !s.PassCallerToken {
			s.APIKey = secretRef(t, upstreamKey)
		}
		all = append(all, s.Settings)
	}
	pool, err := backend.NewPool(backend.Config{Backends: all, Now: c.now, Random: func(int) int { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	change = append([]func(*Config){func(cfg *Config) { cfg.Backends, cfg.Now = pool, c.now }}, change...)
	return newRig(t, nil, change...), c
}

// says answers with a status, a Retry-After unless it is empty, and a body.
func says(status int, after, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func aborts(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

const throttledBody = `{"error":{"code":"429","message": "Rate limit is exceeded. Try again in 5 seconds."}}`

func TestAnotherBackend(t *testing.T) {
	tests := map[string]struct {
		first   http.HandlerFunc // nil: nobody listens
		status  int
		retries int
	}{
		"well":              {whole, 200, 0},
		"nobody listens":    {nil, 200, 1},
		"breaks off":        {aborts, 200, 1},
		"throttled":         {says(429, "30", "x"), 200, 1},
		"fails":             {says(500, "", "x"), 200, 1},
		"bad gateway":       {says(502, "", "x"), 200, 1},
		"refuses the key":   {says(401, "", `{"a":1}`), 401, 0},
		"not found":         {says(404, "", `{"a":1}`), 404, 0},
		"conflict":          {says(409, "", `{"a":1}`), 409, 0},
		"timed out":         {says(408, "", `{"a":1}`), 408, 0},
		"bad request":       {says(400, "", `{"a":1}`), 400, 0},
		"changes protocols": {says(101, "", ""), 502, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			first := &server{Settings: backend.Settings{Name: "first"}, does: tt.first}
			second := &server{Settings: backend.Settings{Name: "second", Priority: 1}, does: whole}
			r, _ := newWide(t, []*server{first, second})
			resp, body := r.do(r.request("POST", chatPath, chatBody))
			if resp.StatusCode != tt.status || tt.status == 200 && (body != chatAnswer || resp.Header.Get("Apim-Request-Id") != "apim-1") {
				t.Errorf("%d %v %s", resp.StatusCode, resp.Header, body)
			}
			_, result, kind := r.book.last(t)
			if kind != ledger.Outcome || result.Retries != tt.retries || result.Status != tt.status || len(r.book.kinds) != 2 {
				t.Errorf("%v %+v", r.book.kinds, result)
			}
			if second.count() != tt.retries {
				t.Errorf("the second was asked %d times", second.count())
			}
			if tt.retries == 1 && (second.body != chatBody || second.target != chatPath) {
				t.Errorf("the second got %s %s", second.target, second.body)
			}
		})
	}
}

// TestNotAfterTheFirstByte: once a byte has been sent, an answer that breaks
// off stays broken.
func TestNotAfterTheFirstByte(t *testing.T) {
	first := &server{Settings: backend.Settings{Name: "first"}, does: func(w http.ResponseWriter, r *http.Request) {
		streamed(chatStream)(w, r)
		panic(http.ErrAbortHandler)
	}}
	second := &server{Settings: backend.Settings{Name: "second", Priority: 1}, does: whole}
	r, _ := newWide(t, []*server{first, second})
	for i := range 6 {
		resp, err := http.DefaultTransport.RoundTrip(r.request("POST", chatPath, streamBody))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if i < 5 && (err == nil || string(body) != chatStream || second.count() != 0) {
			t.Errorf("%q %v; the second was asked %d times", body, err, second.count())
		}
		if i == 5 && (err != nil || second.count() != 1) { // the breaker has seen enough
			t.Errorf("%q %v; the second was asked %d times", body, err, second.count())
		}
	}
}

func TestAllThrottled(t *testing.T) {
	first := &server{Settings: backend.Settings{Name: "first"}, does: says(429, "5", "first's own")}
	second := &server{Settings: backend.Settings{Name: "second", Priority: 1}, does: says(429, "30", "second's own")}
	r, c := newWide(t, []*server{first, second})
	check := func(kind ledger.Kind, retries, calls int) {
		t.Helper()
		resp, body := r.do(r.request("POST", chatPath, chatBody))
		h := resp.Header
		if resp.StatusCode != http.StatusTooManyRequests || body != throttledBody || h.Get("Retry-After") != "5" || h.Get("Retry-After-Ms") != "5000" || h.Get("Policy-Id") != "DeploymentRatelimit-Call" || h.Get("X-Ratelimit-Reset-Requests") != "5" {
			t.Errorf("%d %v %s", resp.StatusCode, h, body)
		}
		_, result, got := r.book.last(t)
		if got != kind || result.Retries != retries || result.Status != 429 || result.Aborted != "" || result.Usage != (ledger.Usage{}) {
			t.Errorf("%s %+v", got, result)
		}
		if first.count()+second.count() != calls {
			t.Errorf("%d calls were sent", first.count()+second.count())
		}
	}
	check(ledger.Outcome, 1, 2)
	check(ledger.Refusal, 0, 2) // both are known to be throttled
	first.does = whole
	c.add(5 * time.Second)
	if resp, body := r.do(r.request("POST", chatPath, chatBody)); body != chatAnswer {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	// Policy comes first: who may not call learns nothing of the load.
	first.does = says(429, "5", "")
	r.do(r.request("POST", chatPath, chatBody))
	req := r.request("POST", v1Chat, chatBody)
	req.Header.Set("Api-Key", r.poor)
	if resp, _ := r.do(req); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("%d", resp.StatusCode)
	}
}

// TestOneThrottled: the only backend's own words pass, absurd ones too; what
// is remembered of them is bounded.
func TestOneThrottled(t *testing.T) {
	only := &server{Settings: backend.Settings{Name: "only"}, does: says(429, "86400", "its own")}
	r, c := newWide(t, []*server{only})
	if resp, body := r.do(r.request("POST", chatPath, chatBody)); resp.StatusCode != http.StatusTooManyRequests || body != "its own" || resp.Header.Get("Retry-After") != "86400" {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, body)
	}
	if resp, _ := r.do(r.request("POST", chatPath, chatBody)); resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "60" || only.count() != 1 {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	only.does = whole
	if resp, _ := r.do(r.request("POST", "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21", chatBody)); resp.StatusCode != http.StatusOK {
		t.Errorf("another deployment: %d", resp.StatusCode)
	}
	c.add(time.Minute)
	if resp, _ := r.do(r.request("POST", chatPath, chatBody)); resp.StatusCode != http.StatusOK {
		t.Errorf("a minute later: %d", resp.StatusCode)
	}
}

func TestAllBroken(t *testing.T) {
	first := &server{Settings: backend.Settings{Name: "first"}}
	second := &server{Settings: backend.Settings{Name: "second", Priority: 1}, does: says(503, "", "its own")}
	r, c := newWide(t, []*server{first, second})
	for range 5 {
		if resp, body := r.do(r.request("POST", chatPath, chatBody)); resp.StatusCode != http.StatusServiceUnavailable || body != "its own" {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
		r.book.last(t)
	}
	resp, body := r.do(r.request("POST", chatPath, chatBody))
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "1" || body != `{"error":{"code":"ServiceUnavailable","message": "No server of the model is available at the moment. Please try again later."}}` {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, body)
	}
	if call, _, kind := r.book.last(t); kind != ledger.Refusal || call.Backend != "" || second.count() != 5 {
		t.Errorf("%s %+v", kind, call)
	}
	second.does = whole
	c.add(time.Second)
	if _, body := r.do(r.request("POST", chatPath, chatBody)); body != chatAnswer {
		t.Error(body)
	}
}

// TestThrottledAndBroken: one server would answer in a while, so the client is
// told when.
func TestThrottledAndBroken(t *testing.T) {
	first := &server{Settings: backend.Settings{Name: "first"}, does: says(429, "5", "")}
	second := &server{Settings: backend.Settings{Name: "second", Priority: 1}}
	r, _ := newWide(t, []*server{first, second})
	if resp, body := r.do(r.request("POST", chatPath, chatBody)); resp.StatusCode != http.StatusTooManyRequests || body != throttledBody {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// TestRegions: a call goes to no region that its grant does not allow, for the
// first time or again.
func TestRegions(t *testing.T) {
	east := &server{Settings: backend.Settings{Name: "east", Region: "eastus"}, does: says(500, "", "east's own")}
	sweden := &server{Settings: backend.Settings{Name: "sweden", Region: "swedencentral", Priority: 1}, does: whole}
	sweden2 := &server{Settings: backend.Settings{Name: "sweden2", Region: "swedencentral", Priority: 2}, does: whole}
	grants := func(w ...policy.Workload) func(*Config) {
		return func(c *Config) {
			var err error
			if c.Policy, err = policy.New(w); err != nil {
				t.Fatal(err)
			}
		}
	}
	grant := func(when string) []policy.Grant {
		return []policy.Grant{{Deployments: []string{"gpt-4o"}, Operations: []string{"*"}, When: when}}
	}
	tests := map[string]struct {
		when    string
		status  int
		east    int
		retries int
	}{
		"anywhere":      {"max_tokens > 0", 200, 1, 1},
		"only sweden":   {"region == 'swedencentral'", 200, 0, 0},
		"only the east": {"region == 'eastus'", 500, 1, 0},
		"nowhere":       {"region == 'norwayeast'", 401, 0, 0},
	}
	for name, tt := range tests {
		for _, target := range []string{chatPath, v1Chat} {
			east.calls, sweden.calls = 0, 0
			east.URL, sweden.URL, sweden2.URL = "", "", ""
			r, _ := newWide(t, []*server{east, sweden, sweden2}, grants(policy.Workload{Name: "team", Grants: grant(tt.when)}))
			resp, _ := r.do(r.request("POST", target, chatBody))
			call, result, _ := r.book.last(t)
			if resp.StatusCode != tt.status || east.count() != tt.east || result.Retries != tt.retries {
				t.Errorf("%s, %s: %d, %d calls in the east, %+v", name, target, resp.StatusCode, east.count(), result)
			}
			if want := map[bool]string{true: "east", false: "sweden"}[tt.east > 0]; tt.status != 401 && call.Backend != want {
				t.Errorf("%s: the intent names %s", name, call.Backend)
			}
		}
	}
}

// TestNamedBackend: a path that names a backend goes nowhere else.
func TestNamedBackend(t *testing.T) {
	first := &server{Settings: backend.Settings{Name: "first"}, does: whole}
	second := &server{Settings: backend.Settings{Name: "second", Priority: 1}, does: says(500, "", "its own")}
	r, _ := newWide(t, []*server{first, second})
	for target, want := range map[string]int{"/first/team": http.StatusOK, "/second/team": http.StatusInternalServerError, "/third/team": http.StatusNotFound} {
		if resp, body := r.do(r.request("POST", target+chatPath, chatBody)); resp.StatusCode != want {
			t.Errorf("%s: %d %s", target, resp.StatusCode, body)
		}
	}
	if first.count() != 1 || second.count() != 1 || second.target != chatPath {
		t.Errorf("%d calls to the first, %d to the second", first.count(), second.count())
	}
}
