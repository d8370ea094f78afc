package gateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/limit"
	"github.com/ostiary/ostiary/internal/limit/redistest"
	"github.com/ostiary/ostiary/internal/limit/shared"
	"github.com/ostiary/ostiary/internal/policy"
)

// replica is one of several gateways that have one configuration.
type replica struct {
	*Gateway
	t        *testing.T
	settings Settings
	server   *httptest.Server
	registry *prometheus.Registry
}

// newReplicas runs gateways that share their limits in Redis, each with a ledger
// of its own, before one upstream. The workload "w" has the limits; "free" has
// none.
func newReplicas(t *testing.T, n int, limits policy.Limits, redis shared.Settings, upstream http.HandlerFunc) ([]*replica, func(which int, name, body string) (*http.Response, string)) {
	t.Helper()
	up := httptest.NewServer(upstream)
	t.Cleanup(up.Close)
	key, hash := identity.NewKey()
	free, freeHash := identity.NewKey()
	all := []policy.Grant{{Deployments: []string{"*"}, Operations: []string{"*"}}}
	var replicas []*replica
	for range n {
		r := &replica{t: t, registry: prometheus.NewRegistry(), settings: Settings{
			Listen:       "127.0.0.1:0",
			Keys:         []identity.Key{{Name: "k", Hash: hash, Workload: "w"}, {Name: "f", Hash: freeHash, Workload: "free"}},
			Workloads:    []policy.Workload{{Name: "w", Limits: limits, Grants: all}, {Name: "free", Grants: all}},
			Backends:     []backend.Settings{{Name: "b", URL: up.URL, APIKey: secretRef(t, "k")}},
			Ledger:       LedgerSettings{Directory: filepath.Join(t.TempDir(), "l")},
			SharedLimits: &redis,
		}}
		var err error
		if r.Gateway, err = FromSettings(r.settings, nil, r.registry); err != nil {
			t.Fatal(err)
		}
		r.server = httptest.NewServer(r.Handler())
		ctx, cancel := context.WithCancel(context.Background())
		ran := make(chan error, 1)
		go func() { ran <- r.Run(ctx) }()
		t.Cleanup(func() {
			r.server.Close()
			cancel()
			if err := <-ran; err != nil {
				t.Error(err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
		replicas = append(replicas, r)
	}
	keys := map[string]string{"w": key.Reveal(), "free": free.Reveal()}
	return replicas, func(which int, name, body string) (*http.Response, string) {
		req, err := http.NewRequest(http.MethodPost, replicas[which].server.URL+chatPath, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Api-Key", keys[name])
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Error(err)
			return &http.Response{}, ""
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return resp, string(text)
	}
}

func (r *replica) until(what string, so func() bool) {
	r.t.Helper()
	for range 5000 {
		if so() {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
	r.t.Fatalf("never: %s", what)
}

// TestSharedRequests: of calls that come to two gateways at once, as many are
// let through as the workload may make, and not one more; the others are told as
// Azure tells, and when to come back.
func TestSharedRequests(t *testing.T) {
	redis := redistest.New(t)
	_, ask := newReplicas(t, 2, policy.Limits{Requests: 20}, shared.Settings{Redis: shared.RedisSettings{Address: redis.Address()}, Timeout: 5 * time.Second}, whole)
	var passed, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 10 {
				resp, body := ask(i%2, "w", chatBody)
				switch resp.StatusCode {
				case http.StatusOK:
					passed.Add(1)
				case http.StatusTooManyRequests:
					refused.Add(1)
					h := resp.Header
					if h.Get("X-Ratelimit-Limit-Requests") != "20" || h.Get("X-Ratelimit-Remaining-Requests") != "0" || h.Get("Retry-After") == "" || !strings.Contains(body, `"code":"429"`) {
						t.Errorf("%v %s", h, body)
					}
				default:
					t.Errorf("%d %s", resp.StatusCode, body)
				}
			}
		})
	}
	wg.Wait()
	if passed.Load() != 20 || refused.Load() != 20 {
		t.Errorf("%d let through and %d refused, of 40 with 20 allowed", passed.Load(), refused.Load())
	}
	for range 3 {
		if resp, _ := ask(0, "free", chatBody); resp.StatusCode != http.StatusOK {
			t.Errorf("a workload without limits: %d", resp.StatusCode)
		}
	}
}

// TestSharedTokens: what a call did not use is there again for the other
// gateway, what it used beyond its estimate is not; and a status tells the sum.
func TestSharedTokens(t *testing.T) {
	redis := redistest.New(t)
	used := atomic.Int64{}
	used.Store(10)
	replicas, ask := newReplicas(t, 2, policy.Limits{Tokens: 100}, shared.Settings{Redis: shared.RedisSettings{Address: redis.Address()}, Timeout: 5 * time.Second},
		func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"usage":{"prompt_tokens":1,"completion_tokens":%d,"total_tokens":%d}}`, used.Load()-1, used.Load())
		})
	body := func(n int) string { return fmt.Sprintf(`{"messages":[],"max_tokens":%d}`, n) }
	sum := func(which int) int64 { return replicas[which].status("", nil).Workloads[0].Used.Tokens }
	for i, want := range []int64{10, 20, 30} {
		if resp, text := ask(i%2, "w", body(60)); resp.StatusCode != http.StatusOK {
			t.Fatalf("call %d: %d %s", i, resp.StatusCode, text)
		}
		replicas[0].until("the rest is given back", func() bool { return sum(1-i%2) == want })
	}
	resp, text := ask(1, "w", body(71))
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("X-Ratelimit-Remaining-Tokens") != "70" || !strings.Contains(text, "exceeded token rate limit") {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, text)
	}
	used.Store(500)
	if resp, _ := ask(0, "w", body(70)); resp.StatusCode != http.StatusOK {
		t.Errorf("%d", resp.StatusCode)
	}
	replicas[0].until("the debt counts", func() bool { return sum(1) == 530 })
	if resp, _ := ask(1, "w", body(1)); resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("in debt at the other gateway: %d", resp.StatusCode)
	}
}

// TestSharedLearnsNothing: what Redis is told of calls is the name of their
// workload, and numbers.
func TestSharedLearnsNothing(t *testing.T) {
	redis := redistest.New(t, "--slowlog-log-slower-than", "0", "--slowlog-max-len", "10000")
	replicas, ask := newReplicas(t, 1, policy.Limits{Requests: 3, Tokens: 5000}, shared.Settings{Redis: shared.RedisSettings{Address: redis.Address()}, Timeout: 5 * time.Second}, whole)
	for i, want := range []int{200, 200, 200, 429} {
		if resp, _ := ask(0, "w", chatBody); resp.StatusCode != want {
			t.Errorf("call %d: %d", i, resp.StatusCode)
		}
	}
	replicas[0].until("all is settled", func() bool { return replicas[0].status("", nil).Workloads[0].Used.Tokens == 3*13 })
	scripts := 0
	for _, entry := range redis.Do("SLOWLOG", "GET", -1).([]any) {
		words := entry.([]any)[3].([]any)
		switch name := strings.ToLower(words[0].(string)); name {
		case "slowlog":
			continue
		case "hello":
			if len(words) != 2 {
				t.Errorf("%q", words)
			}
			continue
		case "eval", "evalsha":
			scripts++
			words = words[2:] // after the script or its name
		}
		for _, word := range words[1:] { // of the script's own commands too
			known := strings.HasPrefix(word.(string), "... (") || word == "ostiary:{w}:minute" || word == "ostiary:{}:probe" || word == "at"
			if !known && strings.Trim(word.(string), "-rt0123456789") != "" {
				t.Errorf("%q", words)
			}
		}
	}
	if scripts < 5 {
		t.Errorf("%d scripts", scripts)
	}
}

// TestSharedLimitsGoAway: what is done while Redis is gone, frozen, and back.
func TestSharedLimitsGoAway(t *testing.T) {
	for _, on := range []shared.OnFailure{shared.Refuse, shared.Alone} {
		t.Run(string(on), func(t *testing.T) {
			redis := redistest.New(t)
			replicas, ask := newReplicas(t, 2, policy.Limits{Requests: 6}, shared.Settings{
				Redis: shared.RedisSettings{Address: redis.Address()}, OnFailure: on, Timeout: 200 * time.Millisecond,
			}, whole)
			both := func(so func(r *replica) bool) func() bool {
				return func() bool { return so(replicas[0]) && so(replicas[1]) }
			}
			up := func(r *replica) bool { return r.status("", nil).Shared.Up }
			down := func(r *replica) bool { return !up(r) }
			replicas[0].until("both count", both(up))
			statuses := func(n int) (got [2][]int) {
				for i := range n {
					for which := range 2 {
						resp, body := ask(which, "w", chatBody)
						if resp.StatusCode == http.StatusServiceUnavailable && (resp.Header.Get("Retry-After") != "1" || !strings.Contains(body, "ServiceUnavailable")) {
							t.Errorf("call %d: %v %s", i, resp.Header, body)
						}
						got[which] = append(got[which], resp.StatusCode)
					}
				}
				return got
			}
			expect := func(when string, got, want [2][]int) {
				t.Helper()
				for which := range 2 {
					if !slices.Equal(got[which], want[which]) {
						t.Errorf("%s: gateway %d answered %v, want %v", when, which, got[which], want[which])
					}
				}
			}
			expect("well", statuses(2), [2][]int{{200, 200}, {200, 200}})
			ready := func(r *replica) bool { return r.Ready() == nil }

			redis.Kill()
			gone := [2][]int{{503, 503, 503, 503, 503}, {503, 503, 503, 503, 503}}
			if on == shared.Alone { // each has let 2 through already, and may 6
				gone = [2][]int{{200, 200, 200, 200, 429}, {200, 200, 200, 200, 429}}
			}
			expect("gone", statuses(5), gone)
			replicas[0].until("both see it", both(down))
			if got := ready(replicas[0]); got != (on == shared.Alone) {
				t.Errorf("ready while Redis is gone: %v", got)
			}
			if resp, _ := ask(0, "free", chatBody); resp.StatusCode != http.StatusOK {
				t.Errorf("a workload without limits: %d", resp.StatusCode)
			}

			redis.Start()
			replicas[0].until("both are back", both(up))
			if !ready(replicas[0]) || !ready(replicas[1]) {
				t.Error("not ready")
			}
			expect("back, with an empty Redis", statuses(4), [2][]int{{200, 200, 200, 429}, {200, 200, 200, 429}})

			redis.Freeze()
			begin := time.Now()
			frozen := [2][]int{{503, 503, 503, 503}, {503, 503, 503, 503}}
			if on == shared.Alone {
				frozen = [2][]int{{429, 429, 429, 429}, {429, 429, 429, 429}}
			}
			expect("frozen", statuses(4), frozen)
			t.Logf("8 calls took %v", time.Since(begin))
			replicas[0].until("both see it", both(down))
			redis.Thaw()
			replicas[0].until("both are back", both(up))
			expect("thawed", statuses(1), [2][]int{{429}, {429}})
		})
	}
}

// TestSharedReload: limits change while a gateway runs; where they are counted
// does not, and the reload says so.
func TestSharedReload(t *testing.T) {
	redis := redistest.New(t)
	replicas, ask := newReplicas(t, 2, policy.Limits{Requests: 2}, shared.Settings{Redis: shared.RedisSettings{Address: redis.Address()}, Timeout: 5 * time.Second}, whole)
	for which, want := range []int{200, 200} {
		if resp, _ := ask(which, "w", chatBody); resp.StatusCode != want {
			t.Errorf("%d", resp.StatusCode)
		}
	}
	if resp, _ := ask(0, "w", chatBody); resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("%d", resp.StatusCode)
	}
	next := replicas[0].settings
	next.Workloads = slices.Clone(next.Workloads)
	next.Workloads[0].Limits.Requests = 3
	next.SharedLimits = &shared.Settings{Redis: shared.RedisSettings{Address: "unix:/nowhere"}}
	later, err := replicas[0].Reload(next)
	if err != nil || !slices.Equal(later, []string{"shared_limits"}) {
		t.Errorf("%v %v", later, err)
	}
	for i, want := range []int{200, 429} {
		if resp, _ := ask(0, "w", chatBody); resp.StatusCode != want {
			t.Errorf("call %d after the reload: %d, want %d", i, resp.StatusCode, want)
		}
	}
	if told, ok := replicas[0].workloadOf("w"); !ok || told.Used.Requests != 3 || told.Limits.Requests != 3 {
		t.Errorf("%+v", told.WorkloadStatus)
	}
}

// BenchmarkLimits compares a whole call, without a disk, whose workload's limits
// are counted in the process with one whose limits are counted in a Redis on the
// same machine. cpu-ns/op is this process's: client, gateway and upstream.
func BenchmarkLimits(b *testing.B) {
	redis := redistest.New(b)
	store, err := shared.Open(shared.Config{Settings: shared.Settings{Redis: shared.RedisSettings{Address: redis.Address()}, Timeout: 5 * time.Second}})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	for name, s := range map[string]*shared.Store{"alone": nil, "shared": store} {
		r := newRig(b, whole, func(c *Config) {
			c.Ledger, c.Logger, c.Shared = noDisk{c.Ledger.(*book).Ledger}, nil, s
			c.Limits = map[string]limit.Limits{"team": {Requests: limit.Max, Tokens: limit.Max}}
		})
		b.Run(name, func(b *testing.B) {
			r.t = b
			b.ReportAllocs()
			b.SetParallelism(16)
			begin := processTime()
			b.RunParallel(func(pb *testing.PB) {
				client := &http.Transport{DisableCompression: true}
				defer client.CloseIdleConnections()
				for pb.Next() {
					resp, err := client.RoundTrip(r.request("POST", chatPath, chatBody))
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			})
			b.ReportMetric(float64(processTime()-begin)/float64(b.N), "cpu-ns/op")
		})
	}
}

func processTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
