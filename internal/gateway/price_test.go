package gateway

import (
	"net/http"
	"testing"

	"github.com/ostiary/ostiary/internal/ledger"
)

func TestPrices(t *testing.T) {
	half := 1.25
	all, err := parsePrices([]Price{
		{Models: []string{"gpt-4o-mini*"}, Currency: "EUR", Prompt: 0.15, Completion: 0.6},
		{Models: []string{"gpt-4o*", "chat"}, Currency: "USD", Prompt: 2.5, Cached: &half, Completion: 10},
	})
	if err != nil {
		t.Fatal(err)
	}
	usage := ledger.Usage{Prompt: 1000, Cached: 400, Completion: 100, Reasoning: 90}
	for _, c := range []struct {
		model, deployment string
		usage             ledger.Usage
		want              *ledger.Cost
	}{
		{"gpt-4o-2024-08-06", "x", usage, &ledger.Cost{Micros: 600*2.5 + 400*1.25 + 100*10, Currency: "USD"}},
		{"gpt-4o-mini", "x", usage, &ledger.Cost{Micros: 150 + 60, Currency: "EUR"}},
		{"", "chat", usage, &ledger.Cost{Micros: 3000, Currency: "USD"}},
		{"gpt-5", "x", usage, nil},
		{"gpt-4o", "chat", ledger.Usage{}, nil},
	} {
		got := all.of(c.model, c.deployment, c.usage)
		if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%s on %s: %+v, want %+v", c.model, c.deployment, got, c.want)
		}
	}
}

func TestBadPrices(t *testing.T) {
	bad := -1.0
	p := Price{Models: []string{"a b"}, Currency: "dollars", Prompt: 1e9, Cached: &bad, Completion: -2}
	var found []string
	p.Check(func(path, _, _ string) { found = append(found, path) })
	if len(found) != 5 {
		t.Errorf("reported %v", found)
	}
}

// TestRecordSaysWhatItCost: prices, region, filters and times come from the
// answer into the outcome.
func TestRecordSaysWhatItCost(t *testing.T) {
	const filtered = `data: {"choices":[],"model":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"low"}}}]}` + "\n\n"
	r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("X-Ms-Region", "Sweden Central")
		w.Header().Add("X-Ms-Region", "ignored")
		streamed(filtered, chatStream, chatUsage, chatDone)(w, req)
	}, func(c *Config) {
		c.Prices = []Price{{Models: []string{"gpt-4o*"}, Currency: "USD", Prompt: 2.5, Completion: 10}}
	})
	r.do(r.request("POST", chatPath, streamBody))
	_, res, _ := r.book.last(t)
	if res.Cost == nil || *res.Cost != (ledger.Cost{Micros: 25, Currency: "USD"}) {
		t.Errorf("cost %+v", res.Cost)
	}
	if res.ContentFilter["prompt.hate"] != "low" || res.Region != "swedencentral" {
		t.Errorf("filters %v, region %q", res.ContentFilter, res.Region)
	}
	if res.FirstToken.Before(res.FirstByte) || res.End.Before(res.FirstToken) {
		t.Errorf("first byte %v, first token %v, end %v", res.FirstByte, res.FirstToken, res.End)
	}
}
