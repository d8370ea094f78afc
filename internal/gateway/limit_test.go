package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/limit"
	"github.com/ostiary/ostiary/internal/openai"
)

func limited(l limit.Limits) func(*Config) {
	return func(c *Config) { c.Limits = map[string]limit.Limits{"team": l} }
}

// idle waits until no call is under way: an answer ends before its call does.
func (r *rig) idle() {
	for r.metrics.inFlight.Load() > 0 {
		time.Sleep(time.Millisecond)
	}
}

// TestRequestsLimited: refused as Azure refuses, to the byte.
func TestRequestsLimited(t *testing.T) {
	s := &server{Settings: backend.Settings{Name: "s"}, does: whole}
	r, c := newWide(t, []*server{s}, limited(limit.Limits{Requests: 2}))
	for range 2 {
		if resp, _ := r.do(r.request("POST", chatPath, chatBody)); resp.StatusCode != http.StatusOK {
			t.Fatal(resp.StatusCode)
		}
		r.book.last(t)
		c.add(10 * time.Second)
	}
	resp, body := r.do(r.request("POST", chatPath, chatBody))
	if resp.StatusCode != http.StatusTooManyRequests || body != `{"error":{"code":"429","message": "Rate limit is exceeded. Try again in 41 seconds."}}` {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	for name, want := range map[string]string{
		"Retry-After": "41", "Retry-After-Ms": "41000", "Policy-Id": "DeploymentRatelimit-Call", "Content-Type": "application/json",
		"X-Ratelimit-Limit-Requests": "2", "X-Ratelimit-Remaining-Requests": "0", "X-Ratelimit-Renewalperiod-Requests": "60",
		"X-Ratelimit-Reset-Requests": "41", "X-Ratelimit-Limit-Tokens": "",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	call, result, kind := r.book.last(t)
	if kind != ledger.Refusal || call.Decision != "team: over its requests a minute" || call.Backend != "" || result.Status != 429 || result.ErrorCode != "429" || s.count() != 2 {
		t.Errorf("%s %+v %+v", kind, call, result)
	}
	// Another workload has its own.
	req := r.request("POST", "/openai/deployments/text-embedding/embeddings?api-version=2024-10-21", `{"input":"x"}`)
	req.Header.Set("Api-Key", r.poor)
	if resp, _ := r.do(req); resp.StatusCode != http.StatusOK {
		t.Errorf("another workload: %d", resp.StatusCode)
	}
	c.add(41 * time.Second)
	if resp, _ := r.do(r.request("POST", chatPath, chatBody)); resp.StatusCode != http.StatusOK {
		t.Errorf("after the time that it was told: %d", resp.StatusCode)
	}
}

// TestTokensLimited: what is reserved is prompt and max_tokens; what is charged
// at the end is what was used.
func TestTokensLimited(t *testing.T) {
	s := &server{Settings: backend.Settings{Name: "s"}, does: whole} // 13 tokens
	r, c := newWide(t, []*server{s}, limited(limit.Limits{Tokens: 100}))
	ask := func(members string) (*http.Response, string) {
		defer r.idle()
		return r.do(r.request("POST", chatPath, `{"messages":[{"content":"`+strings.Repeat("abcd", 10)+`"}]`+members+`}`))
	}
	for range 3 {
		if resp, _ := ask(`,"max_tokens":60`); resp.StatusCode != http.StatusOK { // 70 reserved, 13 used
			t.Fatal(resp.StatusCode)
		}
		r.book.last(t)
	}
	resp, body := ask(`,"max_tokens":60`) // 39 used
	if resp.StatusCode != http.StatusTooManyRequests || body != `{"error":{"code":"429","message": "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 61 seconds."}}` {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if h := resp.Header; h.Get("Policy-Id") != "DeploymentRatelimit-Token" || h.Get("X-Ratelimit-Remaining-Tokens") != "61" || h.Get("X-Ratelimit-Reset-Tokens") != "61" {
		t.Errorf("%v", h)
	}
	if call, _, _ := r.book.last(t); call.Decision != "team: over its tokens a minute" {
		t.Error(call.Decision)
	}
	for members, alone := range map[string]bool{
		`,"max_tokens":91`:         true,
		`,"max_tokens":60,"n":2`:   true,
		`,"n":9223372036854775807`: true,
		``:                         true, // 1024
		`,"max_tokens":-1`:         true,
		`,"max_tokens":52`:         false,
	} {
		if resp, _ := ask(members); resp.StatusCode != http.StatusTooManyRequests {
			t.Errorf("%s: %d", members, resp.StatusCode)
		}
		if call, _, _ := r.book.last(t); strings.HasSuffix(call.Decision, "by this call alone") != alone {
			t.Errorf("%s: %s", members, call.Decision)
		}
	}
	// A call that fails has used nothing.
	s.does = says(400, "", "{}")
	for range 5 {
		if resp, _ := ask(`,"max_tokens":51`); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%d", resp.StatusCode)
		}
	}
	// A debt is charged.
	s.does = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"usage":{"prompt_tokens":10,"completion_tokens":990,"total_tokens":1000}}`)
	}
	c.add(30 * time.Second)
	ask(`,"max_tokens":10`)
	c.add(45 * time.Second)
	if resp, _ := ask(`,"max_tokens":1`); resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "16" {
		t.Errorf("in debt: %d %v", resp.StatusCode, resp.Header)
	}
	c.add(16 * time.Second)
	s.does = whole
	if resp, _ := ask(`,"max_tokens":90`); resp.StatusCode != http.StatusOK {
		t.Errorf("after it: %d", resp.StatusCode)
	}
}

// TestLimitsAfterReload: what was taken stays taken.
func TestLimitsAfterReload(t *testing.T) {
	s := &server{Settings: backend.Settings{Name: "s"}, does: whole}
	r, _ := newWide(t, []*server{s}, limited(limit.Limits{Requests: 3}))
	status := func() int {
		resp, _ := r.do(r.request("POST", chatPath, chatBody))
		return resp.StatusCode
	}
	rules := *r.rules.current.Load()
	for _, step := range []struct {
		limits limit.Limits
		want   []int
	}{
		{limit.Limits{Requests: 3}, []int{200, 200}}, {limit.Limits{Requests: 3}, []int{200, 429}},
		{limit.Limits{Requests: 4}, []int{200, 429}}, {limit.Limits{}, []int{200, 200}}, {limit.Limits{Requests: 7}, []int{200, 429}},
	} {
		rules.Limits = map[string]limit.Limits{"team": step.limits}
		if err := r.SetRules(rules); err != nil {
			t.Fatal(err)
		}
		for i, want := range step.want {
			if got := status(); got != want {
				t.Errorf("%+v, call %d: %d, want %d", step.limits, i, got, want)
			}
		}
	}
}

func TestWorth(t *testing.T) {
	for body, want := range map[string]int64{
		`{"input":"12345678"}`:                                   2 + unsaid,
		`{"input":"12345678","max_output_tokens":100}`:           102,
		`{"input":"12345678","max_tokens":10,"n":3,"best_of":2}`: 32,
		`{"max_tokens":9223372036854775806}`:                     1<<63 - 1,
		`{"max_tokens":9223372036854775806,"n":3}`:               1<<63 - 1,
		`{"max_tokens":0}`:                                       0,
	} {
		peeked, err := openai.Peek([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		c := &call{peeked: peeked, target: openai.Route{Operation: openai.Responses}}
		if got := c.worth(); got != want {
			t.Errorf("%s: %d, want %d", body, got, want)
		}
		c.target.Operation = openai.Embeddings
		if got := c.worth(); got != estimated(peeked.TextBytes) {
			t.Errorf("%s, embedded: %d", body, got)
		}
	}
}
