package emulator

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
)

func FuzzChatRequest(f *testing.F) {
	f.Add([]byte(askRazor))
	f.Add([]byte(withMembers(`"stream":true,"stop":["a"],"n":2,"max_tokens":3,"stream_options":{"include_usage":true}`)))
	f.Add([]byte(`{"messages":[{"role":"user","content":[{"type":"text","text":"json"}]}],"response_format":{"type":"json_object"}}`))
	f.Add([]byte(`{"messages":[{"role":"assistant","content":null,"tool_calls":[{}]}]}`))
	f.Add([]byte(`{"messages":[{"role":"\ud800","content":"\u0000"}],"n":1e99}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		q, refused := parseChat(body, route{version: "2024-10-21"})
		if refused != nil {
			if refused.status != 400 || !json.Valid([]byte(refused.body)) {
				t.Errorf("refused with %d %s", refused.status, refused.body)
			}
			return
		}
		if len(q.turns) == 0 || q.choices < 1 || q.choices > maxChoices || q.limit < 0 || len(q.stops) > maxStops {
			t.Errorf("accepted %+v", q)
		}
	})
}

func FuzzEmbeddingsInput(f *testing.F) {
	for _, seed := range []string{`"x"`, `["a","b"]`, `[1,2]`, `[[1],[2,3]]`, `null`, `[null]`, `{}`, `[[]]`, `[1,"a"]`, `[1e400]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		inputs, refused := readInputs(raw)
		if refused != nil {
			if refused.status != 400 || !json.Valid([]byte(refused.body)) {
				t.Errorf("refused with %d %s", refused.status, refused.body)
			}
			return
		}
		if len(inputs) == 0 || len(inputs) > maxInputs {
			t.Errorf("accepted %d inputs", len(inputs))
		}
		for _, in := range inputs {
			if in.count() == 0 {
				t.Error("accepted an empty input")
			}
		}
	})
}

func FuzzRoute(f *testing.F) {
	f.Add("POST", "/openai/deployments/gpt-4o-mini/chat/completions", "api-version=2024-10-21")
	f.Add("GET", "//openai//v1/models/x", "")
	f.Add("POST", "/openai/deployments//embeddings", "api-version=2024-10-21")
	f.Add("GET", "/openai/deployments", "api-version=%")
	f.Fuzz(func(t *testing.T, method, path, query string) {
		values, _ := url.ParseQuery(query)
		r, refused := parseRoute(method, path, values)
		if refused == nil && (r.operation == "" || (r.operation == opChat || r.operation == opEmbeddings) && !r.v1 && r.deployment == "") {
			t.Errorf("%s %s gives %+v", method, path, r)
		}
	})
}

func FuzzTokens(f *testing.F) {
	f.Add("What is Ockham's Razor?\n\n  2024-10-21 日本語 \xff\xfe 😄")
	f.Add(" ")
	f.Fuzz(func(t *testing.T, text string) {
		tokens := splitTokens(text)
		if strings.Join(tokens, "") != text || len(tokens) != countTokens(text) {
			t.Errorf("%q is cut to %q", text, tokens)
		}
		for _, token := range tokens {
			if token == "" {
				t.Errorf("an empty token in %q", tokens)
			}
		}
	})
}

// Documents are ours, but a question is a stranger's: neither may break the
// search.
func FuzzSearch(f *testing.F) {
	f.Add("# T\n\n## Private endpoint (PE)\n\nA *network* `interface`. [Link](x).\n\n```\n# no heading\n```\n| a | b |\n|--|--|\n- item", "what's a privat endpiont?")
	f.Add("#", "")
	f.Add("## ()\n\nx", "x x-y.z'")
	f.Fuzz(func(t *testing.T, document, question string) {
		c := newCorpus(fstest.MapFS{"a.md": {Data: []byte(document)}})
		if text := c.answer(ask(question), false); !strings.HasPrefix(text, notice) {
			t.Errorf("answered %q", text)
		}
		if text := c.answer(ask(question), true); !json.Valid([]byte(text)) {
			t.Errorf("not JSON: %q", text)
		}
	})
}
