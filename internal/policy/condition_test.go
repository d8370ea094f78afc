package policy

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/openai"
)

func compiled(t testing.TB, text string) *condition {
	t.Helper()
	env, err := language()
	if err != nil {
		t.Fatal(err)
	}
	c, err := compile(env, text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c
}

// tuesday is a call at 12:30 UTC on a Tuesday, whatever zone it is told in.
func tuesday() Facts {
	return Facts{
		MaxTokens: 1000, N: 2, Tools: 3, ToolTypes: []string{"function", "mcp"}, Images: true, Stream: true,
		BodyBytes: 500, Client: netip.MustParseAddr("::ffff:10.1.2.3"), Region: "swedencentral",
		Time: time.Date(2026, 11, 24, 14, 30, 0, 0, time.FixedZone("", 2*3600)),
	}
}

func TestConditions(t *testing.T) {
	facts := tuesday()
	tests := map[string]bool{
		`max_tokens == 1000`:                             true,
		`max_tokens < 1000`:                              false,
		`n == 2 && tools == 3 && images && stream`:       true,
		`tools > 0 && !("mcp" in tool_types)`:            false,
		`"function" in tool_types`:                       true,
		`!images || max_tokens <= 10`:                    false,
		`body_bytes <= 500`:                              true,
		`region == "swedencentral"`:                      true,
		`region in ["swedencentral", "norwayeast"]`:      true,
		`region.startsWith("sweden")`:                    true,
		`region.matches("^sweden(central|south)$")`:      true,
		`hour == 12`:                                     true,
		`hour >= 6 && hour < 18 && weekday < sat`:        true,
		`weekday == tue && weekday == 2`:                 true,
		`weekday in [sat, sun]`:                          false,
		`cidr("10.0.0.0/8").containsIP(client)`:          true,
		`cidr("192.168.0.0/16").containsIP(client)`:      false,
		`client == ip("10.1.2.3")`:                       true,
		`client.family() == 4`:                           true,
		"\n  max_tokens\t<=   4000\n  && tools <= 3\n":   true,
		`max_tokens * 9223372036854775807 < 0 || images`: true, // an error beside a true or does not matter
		`true`:                                 true,
		`max_tokens / (n - 2) > 0`:             false, // division by zero
		`max_tokens * 9223372036854775807 > 0`: false, // overflow
		`int(region) > 0`:                      false, // no number
		`images ? max_tokens <= 1000 : max_tokens <= 100000`: true,
	}
	for text, want := range tests {
		ok, why := compiled(t, text).holds(&facts)
		if ok != want || (why == "") != want {
			t.Errorf("%s: %v %q", text, ok, why)
		}
	}
}

// TestUnknownDoesNotHold: each fact that is not known denies, in itself and
// negated, and the reason names it.
func TestUnknownDoesNotHold(t *testing.T) {
	unread := Facts{Unread: true, BodyBytes: -1}
	for name, text := range map[string]string{
		"max_tokens": `max_tokens >= 0`, "n": `n >= 0`, "tools": `tools >= 0`, "tool_types": `size(tool_types) >= 0`,
		"images": `images`, "stream": `stream`, "body_bytes": `body_bytes >= 0`, "client": `client.isLoopback()`,
		"region": `region == ""`, "hour": `hour >= 0`, "weekday": `weekday >= 0`,
	} {
		for _, form := range []string{text, "!(" + text + ")", "(" + text + ") || 1/(1-1) == 1"} {
			ok, why := compiled(t, form).holds(&unread)
			if ok || !strings.HasSuffix(why, "cannot be evaluated, "+name+" is not known") {
				t.Errorf("%s: %v %q", form, ok, why)
			}
		}
	}
}

func TestBadConditions(t *testing.T) {
	env, err := language()
	if err != nil {
		t.Fatal(err)
	}
	for text, words := range map[string]string{
		`max_tokns <= 4000`:                      "undeclared reference to 'max_tokns' (did you mean 'max_tokens'?) at character 1",
		`max_tokens <= "4000"`:                   "no matching overload",
		`max_tokens`:                             "its value is int",
		`tool_types`:                             "its value is list(string)",
		`dyn(images)`:                            "its value is dyn",
		`max_tokens <=`:                          "mismatched input '<EOF>' at character 14",
		`weekday == Sat`:                         "undeclared reference",
		`tool_types.all(t, t == "function")`:     "undeclared reference", // no loops
		`tool_types.exists(t, t == "x")`:         "undeclared reference",
		`cidr("10.0.0.0/33").containsIP(client)`: "invalid cidr argument",
		`region.matches("(")`:                    "invalid matches argument",
		`region in ["a", 1]`:                     "expected type 'string' but found 'int'",
		strings.Repeat("(", 40) + "images" + strings.Repeat(")", 40): "recursion limit",
		strings.Repeat("images && ", 200) + "images":                 "expression code point size exceeds limit",
		`principal == "x"`: "undeclared reference",
	} {
		if _, err := compile(env, text); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), words) {
			t.Errorf("%.60s: %v", text, err)
		}
	}
}

// TestConditionCostIsBounded: what would take long is refused before it runs.
func TestConditionCostIsBounded(t *testing.T) {
	env, err := language()
	if err != nil {
		t.Fatal(err)
	}
	long := `region.matches("` + strings.Repeat("a*", 120) + `")`
	text := long + strings.Repeat(" || "+long, 2)
	if _, err := compile(env, text); err == nil || !strings.Contains(err.Error(), "may take too long") {
		t.Errorf("%v", err)
	}
	if _, err := compile(env, `max_tokens <= 4000 && !images && "mcp" in tool_types && hour > 3 && cidr("10.0.0.0/8").containsIP(client)`); err != nil {
		t.Error(err)
	}
}

func TestFactsOf(t *testing.T) {
	body := openai.Peeked{Stream: true, Facts: openai.Facts{N: 2, Tools: 1, Images: true}}
	limited := body
	limited.Facts.Limited, limited.Facts.MaxTokens = true, 7
	for _, op := range openai.Operations() {
		open, bound := FactsOf(op, body), FactsOf(op, limited)
		switch op {
		case openai.ChatCompletions, openai.Completions, openai.Responses:
			if open.MaxTokens != openai.Unlimited || bound.MaxTokens != 7 || !open.Stream || !open.Images || open.N != 2 {
				t.Errorf("%s: %+v %+v", op, open, bound)
			}
		case openai.ImageEdits, openai.Transcriptions, openai.Translations, openai.Realtime,
			openai.Files, openai.Batches, openai.VectorStores, openai.StoredResponses:
			if !open.Unread {
				t.Errorf("%s: %+v", op, open)
			}
		default:
			if open.MaxTokens != 0 || bound.MaxTokens != 0 || open.Unread {
				t.Errorf("%s: %+v %+v", op, open, bound)
			}
		}
		if open.BodyBytes != -1 {
			t.Errorf("%s: %d bytes", op, open.BodyBytes)
		}
	}
	if !FactsOf("realtime/of/tomorrow", body).Unread {
		t.Error("an operation that is not known is taken as read")
	}
}

func conditional(t testing.TB) *Policy {
	t.Helper()
	chat := []string{"chat/completions"}
	p, err := New([]Workload{
		{Name: "a", Apps: []string{"app"}, Capture: "full", Grants: []Grant{
			{Deployments: []string{"gpt-4o"}, Operations: chat, When: "max_tokens <= 100"},
			{Deployments: []string{"gpt-4o"}, Operations: chat, When: `region == "norwayeast"`},
			{Deployments: []string{"mini"}, Operations: chat},
		}},
		{Name: "b", Apps: []string{"app"}, Capture: "none", Grants: []Grant{
			{Deployments: []string{"gpt-*"}, Operations: chat, When: "max_tokens <= 1000 && !images"},
			{Deployments: []string{"*"}, Operations: []string{"models"}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTwoPhases: before the body a condition is a maybe, after it an answer.
func TestTwoPhases(t *testing.T) {
	p := conditional(t)
	who := identity.Principal{Issuer: "i", App: "app"}
	call := func(tokens int64, images bool) *Facts {
		f := Facts{MaxTokens: tokens, Images: images, N: 1, BodyBytes: -1}
		return &f
	}
	for name, tt := range map[string]struct {
		call     Call
		allowed  bool
		maybe    bool
		workload string
		why      string
	}{
		"before the body":       {Call{Deployment: "gpt-4o"}, true, true, "a", "a: "},
		"no deployment yet":     {Call{}, true, true, "a", "a: "},
		"no condition":          {Call{Deployment: "mini"}, true, false, "a", "a: chat/completions on mini"},
		"first grant":           {Call{Deployment: "gpt-4o", Facts: call(50, true)}, true, false, "a", "a: chat/completions on gpt-4o when max_tokens <= 100"},
		"second workload":       {Call{Deployment: "gpt-4o", Facts: call(500, false)}, true, false, "b", "b: "},
		"neither":               {Call{Deployment: "gpt-4o", Facts: call(500, true)}, false, false, "a", "a: no grant for chat/completions on gpt-4o: (max_tokens <= 100) does not hold"},
		"named, and not enough": {Call{Deployment: "gpt-4o", Workload: "a", Facts: call(500, false)}, false, false, "a", "a: no grant"},
		"named":                 {Call{Deployment: "gpt-4o", Workload: "b", Facts: call(500, false)}, true, false, "b", "b: "},
		"never granted":         {Call{Deployment: "o3"}, false, false, "a", "a: no grant for chat/completions on o3"},
		"unknown workload":      {Call{Deployment: "gpt-4o", Workload: "c"}, false, false, "", notOfWorkload},
	} {
		tt.call.Operation = openai.ChatCompletions
		d := p.Decide(who, tt.call)
		if d.Allowed != tt.allowed || d.Maybe != tt.maybe || d.Workload != tt.workload || !strings.HasPrefix(d.Why, tt.why) {
			t.Errorf("%s: %+v", name, d)
		}
		if (d.Workload == "a") != (d.Capture == "full") || (d.Workload == "b") != (d.Capture == "none") {
			t.Errorf("%s: capture %q", name, d.Capture)
		}
	}
	stranger := identity.Principal{Issuer: "i", App: "other"}
	for name, want := range map[string]string{"a": notOfWorkload, "c": notOfWorkload, "": noWorkload} {
		if d := p.Decide(stranger, Call{Operation: openai.ChatCompletions, Workload: name}); d.Allowed || d.Why != want || d.Workload != "" {
			t.Errorf("a stranger who names %q: %+v", name, d)
		}
	}
}

// FuzzCondition: whatever compiles can be evaluated, and says yes or no.
func FuzzCondition(f *testing.F) {
	for _, seed := range []string{
		`max_tokens <= 4000`, `cidr("10.0.0.0/8").containsIP(client)`, `region.matches("a*")`, `"x" in tool_types`,
		`timestamp("2026-01-01T00:00:00Z") < timestamp(hour)`, `{"a": [1, 2]}["a"][5] == 1`, `tool_types[99] == ""`, `b"\xff" == bytes(region)`,
	} {
		f.Add(seed)
	}
	env, err := language()
	if err != nil {
		f.Fatal(err)
	}
	facts := tuesday()
	f.Fuzz(func(t *testing.T, text string) {
		c, err := compile(env, text)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatal(err)
			}
			return
		}
		if ok, why := c.holds(&facts); ok != (why == "") {
			t.Fatalf("%v %q", ok, why)
		}
		unread := Facts{Unread: true, BodyBytes: -1}
		_, _ = c.holds(&unread)
	})
}

func BenchmarkDecide(b *testing.B) {
	who := identity.Principal{Issuer: "i", Tenant: "t", Subject: "s", App: "app", Groups: []string{"g1", "g2", "g3"}}
	chat := func(when string) []Grant {
		return []Grant{{Deployments: []string{"gpt-4o*"}, Operations: []string{"chat/completions"}, When: when}}
	}
	for name, when := range map[string]string{
		"names": "", "condition": `max_tokens <= 4000 && tools == 0 && !images && hour >= 6 && hour < 18`,
		"address": `max_tokens <= 4000 && cidr("10.0.0.0/8").containsIP(client)`,
	} {
		p, err := New([]Workload{
			{Name: "x", Groups: []string{"g9"}, Grants: chat("")}, {Name: "y", Members: []string{"spiffe://*"}, Grants: chat("")},
			{Name: "z", Apps: []string{"APP"}, Grants: chat(when)},
		})
		if err != nil {
			b.Fatal(err)
		}
		facts := tuesday()
		facts.Tools, facts.Images = 0, false
		call := Call{Operation: openai.ChatCompletions, Deployment: "gpt-4o-mini", Facts: &facts}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d := p.Decide(who, call); !d.Allowed {
					b.Fatal(d)
				}
			}
		})
	}
}
