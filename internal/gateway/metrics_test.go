package gateway

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
)

const testutilText = expfmt.TypeTextPlain

func TestMetrics(t *testing.T) {
	r := newRig(t, whole)
	for i := range 3 {
		r.do(r.request("POST", chatPath, chatBody))
		r.do(r.request("POST", "/openai/v1/nothing-"+strings.Repeat("x", i), "{}"))
		r.do(r.request("POST", v1Chat, `{"model":"invented-`+strings.Repeat("x", i)+`"}`))
		req := r.request("POST", chatPath, chatBody)
		req.Header.Set("Api-Key", "nobody-"+strings.Repeat("x", i))
		r.do(req)
	}
	r.server.Close() // waits for the handlers
	want := `
# HELP ostiary_gateway_in_flight Calls under way.
# TYPE ostiary_gateway_in_flight gauge
ostiary_gateway_in_flight 0
# HELP ostiary_gateway_requests_total Calls, by workload, operation, class of the status sent, and whether the answer was cut short.
# TYPE ostiary_gateway_requests_total counter
ostiary_gateway_requests_total{aborted="no",class="2xx",operation="chat/completions",workload="team"} 3
ostiary_gateway_requests_total{aborted="no",class="4xx",operation="chat/completions",workload="none"} 3
ostiary_gateway_requests_total{aborted="no",class="4xx",operation="chat/completions",workload="team"} 3
ostiary_gateway_requests_total{aborted="no",class="4xx",operation="unknown",workload="team"} 3
# HELP ostiary_gateway_tokens_total Tokens, by workload, operation and kind; cached are part of prompt, reasoning part of completion.
# TYPE ostiary_gateway_tokens_total counter
ostiary_gateway_tokens_total{estimated="false",kind="completion",operation="chat/completions",workload="team"} 21
ostiary_gateway_tokens_total{estimated="false",kind="prompt",operation="chat/completions",workload="team"} 18
`
	if err := testutil.GatherAndCompare(r.registry, strings.NewReader(want), "ostiary_gateway_requests_total", "ostiary_gateway_tokens_total", "ostiary_gateway_in_flight"); err != nil {
		t.Error(err)
	}
	if n := testutil.CollectAndCount(r.metrics.upstream); n != 1 {
		t.Errorf("%d series of upstream time", n)
	}
}

func TestMetricsRegisteredTwice(t *testing.T) {
	reg := prometheus.NewRegistry()
	if _, err := newMetrics(reg); err != nil {
		t.Fatal(err)
	}
	if _, err := newMetrics(reg); err == nil {
		t.Error("two gateways would share their metrics")
	}
}

// TestLogLine: one line for each call.
func TestLogLine(t *testing.T) {
	r := newRig(t, whole)
	resp, _ := r.do(r.request("POST", chatPath, chatBody))
	r.do(r.request("POST", "/openai/v1/nothing", ""))
	r.server.Close()
	lines := strings.Split(strings.TrimSpace(r.logs.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines:\n%s", len(lines), r.logs)
	}
	for _, want := range []string{"level=INFO", "msg=call", "call=" + resp.Header.Get("X-Ostiary-Call-Id"), "workload=team", "operation=chat/completions", "status=200", "prompt_tokens=6", "completion_tokens=7", "deployment=gpt-4o", "backend=stub"} {
		if !strings.Contains(lines[0], want) {
			t.Errorf("no %s in %s", want, lines[0])
		}
	}
	if !strings.Contains(lines[1], "status=404") || !strings.Contains(lines[1], `refused="no such operation"`) {
		t.Error(lines[1])
	}
}
