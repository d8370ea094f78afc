package openai

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestParseRoute(t *testing.T) {
	const post, get = http.MethodPost, http.MethodGet
	tests := []struct {
		method, target string
		want           Route
	}{
		{post, "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21", Route{
			Operation: ChatCompletions, Form: Classic, Deployment: "gpt-4o", APIVersion: "2024-10-21",
			Body: JSONBody, Suffix: "chat/completions", Query: "api-version=2024-10-21"}},
		{post, "/openai/deployments/w/audio/transcriptions?api-version=2024-10-21", Route{
			Operation: Transcriptions, Form: Classic, Deployment: "w", APIVersion: "2024-10-21",
			Body: FormBody, Suffix: "audio/transcriptions", Query: "api-version=2024-10-21"}},
		{post, "/openai/v1/chat/completions", Route{
			Operation: ChatCompletions, Form: V1, Body: JSONBody, Suffix: "chat/completions"}},
		{post, "/openai/v1/responses?api-version=preview", Route{
			Operation: Responses, Form: V1, APIVersion: "preview", Body: JSONBody, Suffix: "responses", Query: "api-version=preview"}},
		{post, "/openai/responses?api-version=2025-04-01-preview", Route{
			Operation: Responses, Form: Classic, APIVersion: "2025-04-01-preview", Body: JSONBody, Suffix: "responses", Query: "api-version=2025-04-01-preview"}},
		{get, "/openai/v1/models?limit=2&after=x%20y", Route{
			Operation: Models, Form: V1, Suffix: "models", Query: "limit=2&after=x%20y"}},
		{get, "/openai/v1/models/llama3.2:3b", Route{
			Operation: Models, Form: V1, Suffix: "models/llama3.2:3b"}},
		{get, "/openai/models?api-version=2024-10-21", Route{
			Operation: Models, Form: Classic, APIVersion: "2024-10-21", Suffix: "models", Query: "api-version=2024-10-21"}},
		{post, "/openai/v1/embeddings?api-key=SECRET&x=1&API%2DKEY=S", Route{
			Operation: Embeddings, Form: V1, Body: JSONBody, Suffix: "embeddings", Query: "x=1"}},
	}
	for _, tt := range tests {
		tt.want.Method = tt.method
		tt.want.Path, _, _ = strings.Cut(tt.target, "?")
		got, ok := ParseRoute(tt.method, tt.target)
		if !ok || got != tt.want {
			t.Errorf("%s %s:\n got %+v %v\nwant %+v", tt.method, tt.target, got, ok, tt.want)
		}
	}
}

func TestParseRouteRefuses(t *testing.T) {
	const version = "?api-version=2024-10-21"
	tests := map[string]string{
		"escaped slash":       "/openai/deployments/a%2fb/chat/completions" + version,
		"escaped dot":         "/openai/deployments/%2e%2e/chat/completions" + version,
		"parent":              "/openai/deployments/a/../b/chat/completions" + version,
		"parent of v1":        "/openai/v1/../deployments/b/chat/completions" + version,
		"dot":                 "/openai/./v1/chat/completions",
		"empty segment":       "/openai//v1/chat/completions",
		"leading slashes":     "//openai/v1/chat/completions",
		"trailing slash":      "/openai/v1/chat/completions/",
		"semicolon":           "/openai/v1;x/chat/completions",
		"path parameter":      "/openai/deployments/a;b/chat/completions" + version,
		"backslash":           `/openai/v1\chat/completions`,
		"no deployment":       "/openai/deployments//chat/completions" + version,
		"deployment only":     "/openai/deployments/a" + version,
		"deeper":              "/openai/deployments/a/b/chat/completions" + version,
		"unknown":             "/openai/v1/finetune",
		"stored response":     "/openai/v1/responses/resp_1",
		"v1 form":             "/openai/v1/audio/transcriptions",
		"classic, no version": "/openai/deployments/a/chat/completions",
		"empty version":       "/openai/deployments/a/chat/completions?api-version=",
		"two versions":        "/openai/deployments/a/chat/completions" + version + "&api-version=2023-05-15",
		"two, one escaped":    "/openai/deployments/a/chat/completions" + version + "&api%2Dversion=2023-05-15",
		"odd version":         "/openai/v1/chat/completions?api-version=../x",
		"bad escape":          "/openai/v1/chat/completions?a=%zz",
		"semicolon in query":  "/openai/v1/chat/completions?a=1;api-version=x",
		"other root":          "/v1/chat/completions",
		"absolute form":       "http://host/openai/v1/chat/completions",
		"asterisk":            "*",
		"empty":               "",
		"non-ASCII":           "/openai/v1/chat/complétions",
		"long name":           "/openai/deployments/" + strings.Repeat("a", 129) + "/chat/completions" + version,
		"upper case":          "/OpenAI/v1/chat/completions",
	}
	for name, target := range tests {
		if r, ok := ParseRoute(http.MethodPost, target); ok {
			t.Errorf("%s: %q taken for %+v", name, target, r)
		}
	}
	if _, ok := ParseRoute(http.MethodGet, "/openai/v1/chat/completions"); ok {
		t.Error("GET of chat/completions was taken")
	}
	if _, ok := ParseRoute("post", "/openai/v1/chat/completions"); ok {
		t.Error("methods are case-sensitive (RFC 9110 section 9.1)")
	}
}

func TestOperationsAreServed(t *testing.T) {
	for _, op := range Operations() {
		suffix, served := string(op), false
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			for _, path := range []string{"v1/" + suffix, "deployments/d/" + suffix} {
				if r, ok := ParseRoute(method, "/openai/"+path+"?api-version=2024-10-21"); ok && r.Operation == op {
					served = true
				}
			}
		}
		if !served {
			t.Errorf("%s is listed and not served", op)
		}
	}
}

// FuzzParseRoute holds every accepted target to what a backend may be sent.
func FuzzParseRoute(f *testing.F) {
	f.Add("POST", "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21")
	f.Add("POST", "/openai/deployments/%2e%2e/chat/completions?api-version=2024-10-21")
	f.Add("GET", "/openai/v1/models/a:b@c?api-key=x&after=%20")
	f.Fuzz(func(t *testing.T, method, target string) {
		r, ok := ParseRoute(method, target)
		if !ok {
			return
		}
		if strings.ContainsAny(r.Path, "%;\\? #") || strings.Contains(r.Path, "//") || strings.Contains(r.Path, "/..") {
			t.Fatalf("path %q", r.Path)
		}
		if !strings.HasPrefix(target, r.Path) || !strings.HasSuffix(r.Path, r.Suffix) {
			t.Fatalf("path %q, suffix %q of %q", r.Path, r.Suffix, target)
		}
		values, err := url.ParseQuery(r.Query)
		if err != nil {
			t.Fatalf("query %q: %v", r.Query, err)
		}
		for name := range values {
			if strings.EqualFold(name, "api-key") {
				t.Fatalf("a key stays in %q", r.Query)
			}
		}
		forward := r.Path
		if r.Query != "" {
			forward += "?" + r.Query
		}
		again, ok := ParseRoute(method, forward)
		if !ok || again != r {
			t.Fatalf("forwarded %q is read as %+v %v, was %+v", forward, again, ok, r)
		}
	})
}
