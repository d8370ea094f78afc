package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

// asking is an asker with a key, before a gateway that answers so.
func asking(t *testing.T, answer http.HandlerFunc) *asker {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	a, err := newAsker(askSettings{Gateway: server.URL + "/"}, secret.Ref{})
	if err != nil {
		t.Fatal(err)
	}
	a.model, a.stream = "gpt-4o-mini", true
	return a
}

// Every refusal is told in words that say what to do, and ends in its own exit
// code.
func TestRefusalsAreExplained(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		header map[string]string
		body   string
		kind   fault.Kind
		want   []string
	}{
		{"policy", 401, nil, `{"error":{"code":"PermissionDenied","message":"Principal does not have access to API/Operation."}}`,
			fault.Denied, []string{"policy does not let you ask gpt-4o-mini", "ask whoever runs the gateway", "(call 01)"}},
		{"nobody", 401, nil, `{"statusCode":401,"message":"Unauthorized. Access token is missing"}`, fault.Unauthenticated, []string{"ostiary login"}},
		{"a deployment", 404, nil, `{"error":{"code":"DeploymentNotFound","message":"x"}}`, fault.NotFound, []string{"no model gpt-4o-mini"}},
		{"a limit", 429, map[string]string{"Retry-After": "7"}, `{"error":{"code":"429","message":"x"}}`, fault.Throttled, []string{"a limit is reached", "try again in 7s"}},
		{"a limit by milliseconds", 429, map[string]string{"Retry-After": "7", "Retry-After-Ms": "2500"}, `{}`, fault.Throttled, []string{"in 3s"}},
		{"a limit without a time", 429, map[string]string{"Retry-After": "-1"}, `not JSON`, fault.Throttled, []string{"in a while"}},
		{"the filter", 400, nil, `{"error":{"code":"content_filter","innererror":{"content_filter_result":{"violence":{"filtered":true},"hate":{"filtered":false}}}}}`,
			fault.Denied, []string{"content filter refused the question (violence)", "other words"}},
		{"size", 413, nil, `{}`, fault.TooLarge, []string{"too large"}},
		{"away", 503, map[string]string{"Retry-After": "5"}, `{"error":{"code":"ServiceUnavailable","message":"be back"}}`, fault.Unavailable, []string{"be back", "in 5s"}},
		{"the model itself", 403, nil, `{"error":{"code":"AccessDenied","message":"Public access is disabled."}}`, fault.Denied, []string{"Public access is disabled", "--gateway"}},
		{"a parameter", 400, nil, `{"error":{"code":"BadRequest","message":"no \u001b[31msuch\nthing"}}`, fault.Invalid, []string{"no [31msuch thing"}},
		{"another server", 404, nil, `<html>`, fault.Upstream, []string{"none of OpenAI's"}},
		{"a redirect", 302, map[string]string{"Location": "https://evil.example/"}, ``, fault.Upstream, []string{"none of OpenAI's"}},
	} {
		a := asking(t, func(w http.ResponseWriter, _ *http.Request) {
			for k, v := range test.header {
				w.Header().Set(k, v)
			}
			w.Header().Set("X-Ostiary-Call-Id", "01")
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, test.body)
		})
		got, err := a.ask(t.Context(), nil, func(string) { t.Errorf("%s: an answer", test.name) })
		if fault.KindOf(err) != test.kind || got.Call != "01" {
			t.Errorf("%s: kind %v, call %q: %v", test.name, fault.KindOf(err), got.Call, err)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v lacks %q", test.name, err, want)
			}
		}
	}
}

func TestStreams(t *testing.T) {
	event := func(s string) string {
		return fmt.Sprintf("data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":%q}}]}\n\n", s)
	}
	for _, test := range []struct {
		name, body, text, want string
	}{
		{"whole", ": note\n\ndata: {\"choices\":[]}\n\n" + event("a") + event("b\n") + "data: [DONE]\n\n", "ab\n", ""},
		{"carriage returns", strings.ReplaceAll(event("a")+"data: [DONE]\n\n", "\n", "\r\n"), "a", ""},
		{"cut", event("a"), "a", "broke off"},
		{"an error inside", event("a") + "data: {\"error\":{\"message\":\"server is tired\",\"code\":500}}\n\n", "a", "server is tired"},
		{"no JSON", event("a") + "data: {oops\n\n", "a", "broke off"},
		{"an endless line", "data: " + strings.Repeat("x", maxEvent+1), "", "broke off"},
	} {
		a := asking(t, func(w http.ResponseWriter, r *http.Request) {
			var q chatBody
			if err := json.NewDecoder(r.Body).Decode(&q); err != nil || !q.Stream || !q.StreamOptions["include_usage"] || q.Model != "gpt-4o-mini" {
				t.Errorf("%+v %v", q, err)
			}
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, test.body)
		})
		var text strings.Builder
		got, err := a.ask(t.Context(), []message{{"user", "x"}}, func(s string) { text.WriteString(s) })
		if text.String() != test.text || got.Text != test.text || (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %q %v", test.name, text.String(), err)
		}
	}
}

// A gateway that sends people elsewhere does not get their key there.
func TestTheKeyStaysWithTheGateway(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%v", r.Header) }))
	defer elsewhere.Close()
	a := asking(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Api-Key") != "the key" {
			t.Error("no key")
		}
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	a.key = secret.New("the key")
	if _, err := a.ask(t.Context(), nil, func(string) {}); err == nil || strings.Contains(err.Error(), "the key") {
		t.Errorf("%v", err)
	}
}

func TestTheTerminalIsSafe(t *testing.T) {
	var b bytes.Buffer
	out := &answerWriter{w: &b, clean: true}
	out.text("a\x1b]0;title\x07b\u009b31mc\r\n\td\u202ee\n")
	if got := b.String(); got != "a]0;titleb31mc\n\tde\n" || !out.newline {
		t.Errorf("%q", got)
	}
	if got := printable("  two\nlines " + strings.Repeat("x", 2*maxShown)); len([]rune(got)) != maxShown+1 || strings.Contains(got, "\n") {
		t.Errorf("%q", got)
	}
}

func TestAttachments(t *testing.T) {
	dir := t.TempDir()
	write := func(name, data string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text, picture := write("a.go", "\xef\xbb\xbfpackage a"), write("b.png", "\x89PNG\r\n\x1a\n....")
	got, err := attach("why?", []string{text})
	if err != nil || got != "File a.go:\n\npackage a\n\nwhy?" {
		t.Errorf("%q %v", got, err)
	}
	got, err = attach("what?", []string{picture, text})
	parts, ok := got.([]part)
	if err != nil || !ok || len(parts) != 2 || !strings.HasPrefix(parts[0].Text, "File a.go") || !strings.HasPrefix(parts[1].Image.URL, "data:image/png;base64,iVBOR") {
		t.Errorf("%v %v", got, err)
	}
	for name, want := range map[string]string{
		write("c.bin", "a\x00b"): "neither text", write("d.txt", "\xff\xfe"): "neither text",
		write("e.txt", strings.Repeat("x", maxAttachment+1)): "over 16 MiB", filepath.Join(dir, "absent"): "cannot read",
	} {
		if _, err := attach("", []string{name}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Flags count before the file; what login writes is what ask reads.
func TestAskSettings(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", "")
	flags := personFlags{Gateway: "https://g.example", Tenant: "t", ClientID: "c", LoginCA: "ca.pem"}
	s, err := flags.settings()
	if err != nil || s.Gateway != "https://g.example" || s.Login.Tenant != "t" {
		t.Fatalf("%+v %v", s, err)
	}
	path, err := flags.file()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		if written, err := s.write(path); written != want || err != nil {
			t.Fatalf("%d: %v %v", i, written, err)
		}
	}
	again, err := personFlags{Tenant: "other"}.settings()
	if err != nil || again.Gateway != s.Gateway || again.Login.Tenant != "other" || again.Login.ClientID != "c" || !filepath.IsAbs(again.Login.CA) {
		t.Errorf("%+v %v", again, err)
	}
	for _, test := range []struct {
		f    personFlags
		want string
	}{
		{personFlags{Gateway: "http://g.example"}, "--gateway"},
		{personFlags{Gateway: "https://name:password@g.example"}, "--gateway"},
		{personFlags{Config: filepath.Join(t.TempDir(), "absent.yaml")}, "absent.yaml"},
	} {
		if _, err := test.f.settings(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v", test.f, err)
		}
	}
	if err := os.WriteFile(path, []byte("gatway: x\nkey: the-key-itself\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (personFlags{}).settings(); err == nil || !strings.Contains(err.Error(), "ask.yaml:1") || strings.Contains(err.Error(), "the-key-itself") {
		t.Errorf("%v", err)
	}
}

func FuzzStream(f *testing.F) {
	f.Add("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n")
	f.Add("data:{\"error\":{\"message\":1}}\n\n")
	f.Add("event: x\ndata: [DONE]")
	f.Fuzz(func(t *testing.T, body string) {
		var g answer
		var text strings.Builder
		err := g.readStream(strings.NewReader(body), func(s string) { text.WriteString(s) })
		if text.String() != g.Text || err == nil && !strings.Contains(body, "[DONE]") {
			t.Errorf("%q %v", g.Text, err)
		}
	})
}

func FuzzRefusal(f *testing.F) {
	f.Add(`{"error":{"code":"x","message":"y","innererror":{"content_filter_result":{"hate":{"filtered":true}}}}}`)
	f.Add(`{"statusCode":401,"message":"\u001b"}`)
	f.Fuzz(func(t *testing.T, body string) {
		r := errorOf([]byte(body))
		for _, s := range append(r.Filters, r.Message) {
			if strings.ContainsAny(s, "\x1b\n\r") || len([]rune(s)) > maxShown+1 {
				t.Errorf("%q", s)
			}
		}
	})
}
