package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// lets is a gateway that tells people by their tokens what they may use.
func (r *rig) lets(may map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.may = func(w http.ResponseWriter, req *http.Request) {
		names, ok := may[strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer canary-token-")]
		if !ok {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		type deployment struct {
			Name       string   `json:"name"`
			Operations []string `json:"operations"`
		}
		all := []deployment{{"text-embedding-3-small", []string{"embeddings"}}}
		for _, name := range strings.Fields(names) {
			all = append(all, deployment{name, []string{"embeddings", "chat/completions"}})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"deployments": all})
	}
}

func (r *rig) tells(may http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.may = may
}

func (r *rig) asks() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lists
}

// picker is what a page offers, with what people read where it is another.
func picker(page string) string {
	_, list, _ := strings.Cut(page, `<select name="model"`)
	list, _, _ = strings.Cut(list, "</select>")
	var all []string
	for _, m := range regexp.MustCompile(`<option value="([^"]*)"[^>]*>([^<]*)<`).FindAllStringSubmatch(list, -1) {
		if m[1] != m[2] {
			m[1] += "=" + m[2]
		}
		all = append(all, m[1])
	}
	return strings.Join(all, "; ")
}

// TestPicker: what a person is offered is what the gateway lets the person use,
// as far as it tells.
func TestPicker(t *testing.T) {
	const configured = "gpt-4o-mini=GPT-4o mini; gpt-4o=GPT-4o"
	discover := func(s *Settings) { s.Discover = true }
	alone := func(s *Settings) { s.Discover, s.Models = true, nil }
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); fmt.Fprint(w, body) }
	}
	for name, tt := range map[string]struct {
		change func(*Settings)
		may    string           // of the person
		tells  http.HandlerFunc // in place of may
		want   string
	}{
		"all":                {nil, "gpt-4o gpt-4o-mini", nil, configured},
		"one":                {nil, "gpt-4o", nil, "gpt-4o=GPT-4o"},
		"others":             {nil, "gpt-4o llama3", nil, "gpt-4o=GPT-4o"},
		"others, discovered": {discover, "gpt-4o llama3 azure/x", nil, "gpt-4o=GPT-4o; azure/x; llama3"},
		"another's model":    {discover, "o3 gpt-4o", nil, "gpt-4o=GPT-4o"},
		"discovered alone":   {alone, "llama3 gpt-4o", nil, "gpt-4o; llama3"},
		"twice":              {alone, "llama3 gpt-4o llama3", nil, "gpt-4o; llama3"},
		"none":               {nil, "", nil, "=no model is allowed for you"},
		"a script":           {alone, "<script>", nil, "&lt;script&gt;"},
		"it does not tell":   {nil, "", answer(404, ""), configured},
		"nor discover":       {alone, "", answer(404, ""), "=no model is allowed for you"},
		"it is down":         {nil, "", answer(503, ""), configured},
		"it refuses":         {nil, "", answer(401, `{"deployments":[]}`), configured},
		"not JSON":           {nil, "", answer(200, "<html>"), configured},
		"another shape":      {nil, "", answer(200, `{"data":[]}`), configured},
		"a redirect":         {nil, "", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, configured},
		"too much":           {nil, "", answer(200, `{"deployments":[`+strings.Repeat(`{"name":"gpt-4o"},`, 100_000)+`{}]}`), configured},
		"a long name":        {alone, strings.Repeat("x", 300), nil, "=no model is allowed for you"},
	} {
		t.Run(name, func(t *testing.T) {
			var change []func(*Settings)
			if tt.change != nil {
				change = append(change, tt.change)
			}
			r := newRig(t, change...)
			r.lets(map[string]string{"one": tt.may})
			if tt.tells != nil {
				r.tells(tt.tells)
			}
			b := r.signIn()
			_, page := b.get("/")
			if got := strings.ReplaceAll(picker(page), "&lt;script&gt;=&lt;script&gt;", "&lt;script&gt;"); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if n := r.asks(); n != 1 {
				t.Errorf("asked %d times", n)
			}
			if log := r.log.String(); strings.Contains(log, "canary") {
				t.Error("a token is in the log")
			}
		})
	}
}

// TestPickerNames: the gateway is asked about the models of the settings, for a
// grant with a wildcard lists none.
func TestPickerNames(t *testing.T) {
	r := newRig(t, func(s *Settings) {
		s.Models = append(s.Models, Model{Name: "azure/gpt-4o"}, Model{Name: "not a deployment"})
	})
	asked := make(chan url.Values, 10)
	r.tells(func(w http.ResponseWriter, req *http.Request) {
		asked <- req.URL.Query()
		fmt.Fprint(w, `{"deployments":[]}`)
	})
	b := r.signIn()
	if _, page := b.get("/"); picker(page) != "not a deployment" {
		t.Error("what cannot be asked about is not offered:", picker(page))
	}
	if got := fmt.Sprint(<-asked); got != "map[name:[gpt-4o-mini gpt-4o o3 azure/gpt-4o]]" {
		t.Error(got)
	}
}

// TestPickerFollows: two people are offered different models; what is offered
// follows the gateway within minutes, and what is not cannot be asked.
func TestPickerFollows(t *testing.T) {
	r := newRig(t)
	may := map[string]string{"one": "gpt-4o-mini", "two": "gpt-4o"}
	r.lets(may)
	one := r.signIn()
	r.issuer.sign("two", "Sample Person Two", "researchers")
	two := r.signIn()
	offers := func(b *browser, want string) {
		t.Helper()
		if _, page := b.get("/"); picker(page) != want {
			t.Errorf("%q, want %q", picker(page), want)
		}
	}
	offers(one, "gpt-4o-mini=GPT-4o mini")
	offers(two, "gpt-4o=GPT-4o")
	if resp, body := one.send("/ask", map[string]string{"text": "x", "model": "gpt-4o"}); resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "not offered to you") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	at, _ := one.ask("/ask", map[string]string{"text": "x", "model": "gpt-4o-mini"})

	r.lets(map[string]string{"one": "gpt-4o", "two": "gpt-4o"})
	offers(one, "gpt-4o-mini=GPT-4o mini")
	if n := r.asks(); n != 2 {
		t.Errorf("asked %d times of two people", n)
	}
	r.clock.Add(int64(askAgain + time.Second))
	offers(one, "gpt-4o=GPT-4o")
	if _, page := one.get(at); !strings.Contains(page, "GPT-4o mini") || picker(page) != "gpt-4o=GPT-4o" {
		t.Error("an answer of before has lost its model's name, or the picker is", picker(page))
	}

	// A gateway that is away takes nothing from what was known.
	r.tells(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	r.clock.Add(int64(askAgain + time.Second))
	offers(one, "gpt-4o=GPT-4o")
	r.lets(may)
	offers(one, "gpt-4o=GPT-4o")
	r.clock.Add(int64(askFailed + time.Second))
	offers(one, "gpt-4o-mini=GPT-4o mini")

	// A refusal is reason to ask at once.
	r.lets(map[string]string{"one": "gpt-4o"})
	r.answer(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":{"code":"PermissionDenied","message":"Principal does not have access to API/Operation."}}`)
	})
	if _, end := one.ask("/ask", map[string]string{"text": "x"}); end.Status != Policy {
		t.Errorf("%+v", end)
	}
	offers(one, "gpt-4o=GPT-4o")
}

// FuzzReadAllowed: whatever the gateway answers, what is offered is bounded,
// sorted and without repetition.
func FuzzReadAllowed(f *testing.F) {
	f.Add([]byte(`{"deployments":[{"name":"b","operations":["chat/completions"]},{"name":"a","operations":["chat/completions"]},{"name":"a","operations":["chat/completions"]}]}`))
	f.Add([]byte(`{"deployments":[]}`))
	f.Add([]byte(`{"deployments":[{"operations":null}]}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		names, err := readAllowed(bytes.NewReader(data))
		if err != nil && names != nil || len(names) > maxOffered {
			t.Fatal(names, err)
		}
		for i, name := range names {
			if name == "" || len(name) > 256 || i > 0 && names[i-1] >= name {
				t.Fatalf("%q", names)
			}
		}
	})
}
