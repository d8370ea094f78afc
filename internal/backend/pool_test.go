package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/openai"
	"github.com/ostiary/ostiary/internal/secret"
)

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// world is a pool whose servers do as they are told, on a clock set by hand.
type world struct {
	*Pool
	t    *testing.T
	at   time.Time
	dice int               // what Random gives, modulo
	does map[string]string // by backend: a status with an optional retry-after, or an error
	sent map[string]int    // by backend
	seen map[string]*http.Request
}

func newWorld(t *testing.T, settings ...Settings) *world {
	t.Helper()
	w := &world{t: t, at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), does: map[string]string{}, sent: map[string]int{}, seen: map[string]*http.Request{}}
	key := ref(t, "k")
	for i := range settings {
		settings[i].URL = "https://" + settings[i].Name + ".example"
		if !settings[i].PassCallerToken {
			settings[i].APIKey = key
		}
	}
	var err error
	w.Pool, err = NewPool(Config{Backends: settings, Now: func() time.Time { return w.at }, Random: func(n int) int { return w.dice % n }})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range w.backends {
		b.transport = tripper(func(r *http.Request) (*http.Response, error) {
			w.sent[b.name]++
			w.seen[b.name] = r
			return w.answer(b.name)
		})
	}
	return w
}

func (w *world) answer(name string) (*http.Response, error) {
	switch does := w.does[name]; does {
	case "":
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}, nil
	case "refuses":
		return nil, errors.New("connection refused")
	case "hangs":
		return nil, os.ErrDeadlineExceeded
	default:
		resp := &http.Response{Header: http.Header{}, Body: io.NopCloser(strings.NewReader("x"))}
		if _, err := fmt.Sscan(does, &resp.StatusCode); err != nil {
			w.t.Fatal(err)
		}
		if _, after, ok := strings.Cut(does, " "); ok {
			resp.Header.Set("Retry-After", after)
		}
		return resp, nil
	}
}

// call asks one backend after the other, as the gateway does, and says which,
// and what stopped it.
func (w *world) call(deployment string) string {
	w.t.Helper()
	r := w.Round(openai.Route{Operation: openai.Models, Path: "/openai/v1/models", Method: "GET"}, deployment)
	var asked []string
	for {
		a, ok := r.Next()
		if !ok {
			l := r.Lack()
			return strings.Join(append(asked, fmt.Sprintf("lack %v %v", l.Throttled, l.Retry)), ",")
		}
		asked = append(asked, a.Name())
		resp, err := a.Send(w.t.Context(), Request{Route: openai.Route{Method: "GET", Path: "/"}})
		if !Elsewhere(resp, err) {
			if err != nil {
				return strings.Join(append(asked, "error"), ",")
			}
			a.End(true)
			return strings.Join(append(asked, fmt.Sprint(resp.StatusCode)), ",")
		}
	}
}

func (w *world) expect(want string) {
	w.t.Helper()
	if got := w.call("d"); got != want {
		w.t.Errorf("at %v: %s, want %s", w.at.Sub(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), got, want)
	}
}

func TestPriorities(t *testing.T) {
	w := newWorld(t, Settings{Name: "reserve", Priority: 2}, Settings{Name: "main", Priority: 1})
	w.expect("main,200")
	w.does["main"] = "500"
	w.expect("main,reserve,200")
	w.does["main"] = "429 30"
	w.expect("main,reserve,200")
	w.expect("reserve,200")
	w.does["reserve"] = "429 20"
	w.expect("reserve,lack true 20s")
	w.at = w.at.Add(19 * time.Second)
	w.expect("lack true 1s")
	w.does["main"], w.does["reserve"] = "", ""
	w.at = w.at.Add(time.Second)
	w.expect("reserve,200")
	w.at = w.at.Add(10 * time.Second)
	w.expect("main,200")
	w.does["main"] = "404"
	w.expect("main,404")
	w.does["main"] = "408"
	w.expect("main,408")
	w.does["main"] = "hangs"
	w.expect("main,error")
	w.does["main"] = "refuses"
	w.expect("main,reserve,200")
}

func TestWeights(t *testing.T) {
	w := newWorld(t, Settings{Name: "a"}, Settings{Name: "b", Weight: 3}, Settings{Name: "c", Priority: 1, Weight: 9})
	for w.dice = range 400 {
		w.call("d")
	}
	if w.sent["a"] != 100 || w.sent["b"] != 300 || w.sent["c"] != 0 {
		t.Errorf("%v", w.sent)
	}
	w.does["b"] = "429 10"
	w.dice = 2
	w.expect("b,a,200")
	for w.dice = range 10 {
		w.expect("a,200")
	}
}

func TestDeploymentsAreThrottledApart(t *testing.T) {
	w := newWorld(t, Settings{Name: "a"})
	w.does["a"] = "429 10"
	if got := w.call("small"); got != "a,lack true 10s" {
		t.Error(got)
	}
	w.does["a"] = ""
	if got := w.call("large"); got != "a,200" {
		t.Error(got)
	}
	if got := w.call("small"); got != "lack true 10s" {
		t.Error(got)
	}
}

// TestUselessAdvice: a backend that always says to come back at once is left
// alone for longer each time; an absurd time is cut.
func TestUselessAdvice(t *testing.T) {
	w := newWorld(t, Settings{Name: "a"})
	for _, advice := range []string{"429", "429 1", "429 0", "429 -5", "429 soon", "429", "429", "429"} {
		w.does["a"] = advice
		w.call("d")
		_, wait := w.backends[0].health.state("d", w.at)
		w.at = w.at.Add(wait)
	}
	if held := w.at.Sub(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); held != (1+2+4+8+16+32+60+60)*time.Second {
		t.Errorf("%v", held)
	}
	w.does["a"] = ""
	w.at = w.at.Add(time.Second)
	w.expect("a,200")
	w.does["a"] = "429 86400"
	w.expect("a,lack true 1m0s")
	w.at = w.at.Add(time.Minute)
	w.does["a"] = "429"
	w.expect("a,lack true 2s") // the second in a row
}

// TestCrowd: calls that left together count as one throttling.
func TestCrowd(t *testing.T) {
	w := newWorld(t, Settings{Name: "a"})
	w.does["a"] = "429 1"
	var crowd []Attempt
	for range 20 {
		r := w.Round(openai.Route{}, "d")
		a, ok := r.Next()
		if !ok {
			t.Fatal("not chosen")
		}
		crowd = append(crowd, a)
	}
	h := &w.backends[0].health
	for _, a := range crowd {
		h.throttles("d", a.begun, w.at, time.Second)
	}
	if s, wait := h.state("d", w.at); s != throttled || wait != time.Second {
		t.Errorf("%v %v", s, wait)
	}
}

// TestFailingCrowd: calls that left together open the breaker once.
func TestFailingCrowd(t *testing.T) {
	w := newWorld(t, Settings{Name: "a"})
	h := &w.backends[0].health
	begun := w.at
	w.at = w.at.Add(time.Millisecond)
	for range 4 * threshold {
		h.fails(begun, w.at, 0)
	}
	if s, wait := h.state("d", w.at); s != broken || wait != firstRest {
		t.Errorf("%v %v", s, wait)
	}
}

func TestBreaker(t *testing.T) {
	w := newWorld(t, Settings{Name: "a"})
	w.does["a"] = "503"
	for range threshold {
		w.expect("a,lack false " + map[bool]string{true: "1s", false: "0s"}[w.sent["a"] == threshold-1])
	}
	w.expect("lack false 1s")
	w.at = w.at.Add(time.Second)
	w.expect("a,lack false 2s") // the probe
	w.at = w.at.Add(2 * time.Second)
	w.does["a"] = "503 40"
	w.expect("a,lack false 40s")
	w.at = w.at.Add(40 * time.Second)

	// While one call finds out, others are not sent; not for ever.
	r := w.Round(openai.Route{}, "d")
	slow, ok := r.Next()
	if !ok {
		t.Fatal("no probe")
	}
	w.expect("lack false 5s")
	slow.Release()
	w.does["a"] = "refuses"
	w.expect("a,lack false 8s")
	w.at = w.at.Add(8 * time.Second)
	r = w.Round(openai.Route{}, "d")
	if _, ok = r.Next(); !ok {
		t.Fatal("no probe")
	}
	w.at = w.at.Add(probeTime)
	w.does["a"] = ""
	w.expect("a,200")
	w.does["a"] = "500"
	for range threshold - 1 {
		w.expect("a,lack false 0s")
	}
	w.expect("a,lack false 1s") // after a whole answer all is forgotten
}

// TestBrokenAnswers: a backend that begins its answers and breaks them off is
// ill too; a client that leaves says nothing about it.
func TestBrokenAnswers(t *testing.T) {
	w := newWorld(t, Settings{Name: "a"})
	send := func() *Attempt {
		r := w.Round(openai.Route{}, "d")
		a, ok := r.Next()
		if !ok {
			return nil
		}
		if _, err := a.Send(t.Context(), Request{Route: openai.Route{Method: "GET", Path: "/"}}); err != nil {
			t.Fatal(err)
		}
		return &a
	}
	for range threshold {
		send().End(false)
	}
	if send() != nil {
		t.Error("still well")
	}
	w.at = w.at.Add(time.Second)
	probe := send()
	if probe == nil {
		t.Fatal("no probe")
	}
	late := send() // the probe's answer has begun
	probe.End(false)
	if send() != nil {
		t.Error("well after a broken probe")
	}
	late.End(true) // from before: proves nothing
	if send() != nil {
		t.Error("well by an old answer")
	}

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	w.at = w.at.Add(time.Minute)
	w.does["a"] = "refuses"
	r := w.Round(openai.Route{}, "d")
	a, _ := r.Next()
	if _, err := a.Send(gone, Request{Route: openai.Route{Method: "GET", Path: "/"}}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if s, _ := w.backends[0].health.state("d", w.at); s != well {
		t.Error("a client that left kept the probe")
	}
}

func TestHoldsAreBounded(t *testing.T) {
	var h health
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 5 * maxHolds {
		h.throttles(fmt.Sprint(i), now, now, time.Minute)
	}
	if len(h.holds) > maxHolds {
		t.Errorf("%d deployments", len(h.holds))
	}
	for i := 0; len(h.holds) < maxHolds; i++ {
		h.throttles(fmt.Sprint("n", i), now, now, time.Minute)
	}
	now = now.Add(time.Hour)
	h.throttles("late", now, now, time.Minute)
	if len(h.holds) != 1 {
		t.Errorf("%d deployments, though all but one have expired", len(h.holds))
	}
}

func TestKeep(t *testing.T) {
	w := newWorld(t, Settings{Name: "a", Region: "x"}, Settings{Name: "b", Region: "y"}, Settings{Name: "c", Region: "x", PassCallerToken: true})
	r := w.Round(openai.Route{}, "d")
	var asked []string
	r.Keep(func(b *Backend) bool {
		asked = append(asked, b.Name())
		return b.Region() == "x" && !b.NeedsToken()
	})
	if !slices.Equal(asked, []string{"a", "b", "c"}) || r.Left() != 1 {
		t.Errorf("%v, %d left", asked, r.Left())
	}
	if a, ok := r.Next(); !ok || a.Name() != "a" || r.Left() != 0 {
		t.Errorf("%v", ok)
	}
}

func TestCallerToken(t *testing.T) {
	w := newWorld(t, Settings{Name: "a", PassCallerToken: true})
	req := Request{Route: openai.Route{Method: "GET", Path: "/"}, Header: http.Header{"Authorization": {"Bearer OTHER"}, "Api-Key": {"OTHER"}}, Token: secret.New("THEIRS")}
	if _, err := w.backends[0].Send(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if h := w.seen["a"].Header; h.Get("Authorization") != "Bearer THEIRS" || h.Get("Api-Key") != "" {
		t.Errorf("%v", h)
	}
	req.Token = secret.String{}
	if _, err := w.backends[0].Send(t.Context(), req); fault.KindOf(err) != fault.Unauthenticated || w.sent["a"] != 1 {
		t.Errorf("without a token: %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		ms, after string
		want      time.Duration
	}{
		{"", "", 0}, {"1500", "9", 1500 * time.Millisecond}, {"0", "1", time.Second}, {"", "86400", 24 * time.Hour},
		{"-1", "-1", 0}, {"", "Thu, 01 Jan 2026 00:00:30 GMT", 30 * time.Second}, {"", "Thu, 01 Jan 2025 00:00:30 GMT", 0},
		{"", "1e9", 0}, {"99999999999999999999", "99999999999999999999", 0}, {"", "9999999999999", (1 << 32) * time.Second},
	} {
		h := http.Header{}
		h.Set("Retry-After-Ms", tt.ms)
		h.Set("Retry-After", tt.after)
		if got := RetryAfter(h, now); got != tt.want {
			t.Errorf("%q %q: %v", tt.ms, tt.after, got)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	all := make([]Settings, 3)
	for i := range all {
		all[i] = Settings{Name: fmt.Sprint(i), URL: "http://127.0.0.1:1/v1", Kind: OpenAI}
	}
	p, err := NewPool(Config{Backends: all})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r := p.Round(openai.Route{}, "gpt-4o")
		if _, ok := r.Next(); !ok {
			b.Fatal("none")
		}
	}
}
