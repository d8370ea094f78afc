package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/limit"
)

// TestPace: the first text 2 s after the request was sent to the backend that
// answered, then 4 tokens in 2 s.
func TestPace(t *testing.T) {
	var c *clock
	next := make(chan struct{})
	slow := &server{Settings: backend.Settings{Name: "slow", Priority: 1}}
	slow.does = func(w http.ResponseWriter, r *http.Request) {
		c.add(2 * time.Second)
		streamed(chatStream)(w, r)
		<-next // the client has it
		c.add(2 * time.Second)
		streamed("data: {\"choices\":[],\"usage\":{\"completion_tokens\":8,\"prompt_tokens\":6,\"completion_tokens_details\":{\"reasoning_tokens\":3}}}\n\n", chatDone)(w, r)
	}
	busy := &server{Settings: backend.Settings{Name: "busy"}}
	busy.does = func(w http.ResponseWriter, r *http.Request) {
		c.add(time.Minute)
		says(429, "300", "")(w, r)
	}
	r, c1 := newWide(t, []*server{busy, slow}, limited(limit.Limits{Tokens: 5000}))
	c = c1
	resp, err := http.DefaultTransport.RoundTrip(r.request("POST", chatPath, streamBody))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(chatStream))
	if _, err := io.ReadFull(resp.Body, got); err != nil {
		t.Fatal(err)
	}
	close(next)
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	r.book.last(t)
	r.do(r.request("POST", chatPath, `{"max_tokens":5001}`))
	r.server.Close()
	want := `
# HELP ostiary_gateway_backend_broken 1 while a backend is left alone because it failed, until a call has found it well again; else 0.
# TYPE ostiary_gateway_backend_broken gauge
ostiary_gateway_backend_broken{backend="busy"} 0
ostiary_gateway_backend_broken{backend="slow"} 0
# HELP ostiary_gateway_backend_throttled_deployments Deployments of a backend that take no calls for now.
# TYPE ostiary_gateway_backend_throttled_deployments gauge
ostiary_gateway_backend_throttled_deployments{backend="busy"} 1
ostiary_gateway_backend_throttled_deployments{backend="slow"} 0
# HELP ostiary_gateway_limited_total Calls refused because of their workload's limits, by the limit: requests, tokens; unknown where the shared ones cannot be counted.
# TYPE ostiary_gateway_limited_total counter
ostiary_gateway_limited_total{limit="tokens",workload="team"} 1
# HELP ostiary_gateway_retries_total Calls that went on to another backend, by the backend that could not answer and why: throttled, failed, unreachable.
# TYPE ostiary_gateway_retries_total counter
ostiary_gateway_retries_total{backend="busy",reason="throttled"} 1
`
	if err := testutil.GatherAndCompare(r.registry, strings.NewReader(want), "ostiary_gateway_backend_broken",
		"ostiary_gateway_backend_throttled_deployments", "ostiary_gateway_limited_total", "ostiary_gateway_retries_total"); err != nil {
		t.Error(err)
	}
	all, err := testutil.CollectAndFormat(r.registry, testutilText, "ostiary_gateway_first_token_seconds", "ostiary_gateway_tokens_per_second")
	if err != nil {
		t.Fatal(err)
	}
	const labels = `{backend="slow",operation="chat/completions",workload="team"}`
	for _, line := range []string{"ostiary_gateway_first_token_seconds_sum" + labels + " 2\n", "ostiary_gateway_tokens_per_second_sum" + labels + " 2\n"} {
		if !strings.Contains(string(all), line) {
			t.Errorf("no %s in\n%s", line, all)
		}
	}
}
