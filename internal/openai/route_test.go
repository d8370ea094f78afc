package openai

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/secret"
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
		{post, "//openai/v1/embeddings", Route{
			Operation: Embeddings, Form: V1, Body: JSONBody, Suffix: "embeddings", Path: "/openai/v1/embeddings"}},
		{post, "/east/health-app/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21", Route{
			Operation: ChatCompletions, Form: Classic, Deployment: "gpt-4o", APIVersion: "2024-10-21", Body: JSONBody, Suffix: "chat/completions",
			Query: "api-version=2024-10-21", Path: "/openai/deployments/gpt-4o/chat/completions", Backend: "east", Workload: "health-app"}},
		{get, "/east/w//openai/v1/models", Route{
			Operation: Models, Form: V1, Suffix: "models", Path: "/openai/v1/models", Backend: "east", Workload: "w"}},
		{get, "/east/openai/openai/v1/models", Route{
			Operation: Models, Form: V1, Suffix: "models", Path: "/openai/v1/models", Backend: "east", Workload: "openai"}},
		{get, "/openai/realtime?api-version=2025-04-01-preview&deployment=voice&api-key=SECRET", Route{
			Operation: Realtime, Form: Classic, APIVersion: "2025-04-01-preview", Deployment: "voice", Suffix: "realtime",
			Query: "api-version=2025-04-01-preview&deployment=voice", Key: secret.New("SECRET")}},
		{get, "/openai/realtime?api-version=2025-04-01-preview&deployment=voice&Authorization=Bearer+SECRET", Route{
			Operation: Realtime, Form: Classic, APIVersion: "2025-04-01-preview", Deployment: "voice", Suffix: "realtime",
			Query: "api-version=2025-04-01-preview&deployment=voice", Key: secret.New("SECRET")}},
		{get, "/openai/v1/models?Authorization=Bearer%20SECRET&limit=2", Route{
			Operation: Models, Form: V1, Suffix: "models", Query: "limit=2"}},
		{get, "/openai/v1/realtime?model=gpt-realtime&api-key=S&api-key=S", Route{
			Operation: Realtime, Form: V1, Deployment: "gpt-realtime", Suffix: "realtime", Query: "model=gpt-realtime", Key: secret.New("S")}},
	}
	for _, tt := range tests {
		tt.want.Method = tt.method
		if tt.want.Path == "" {
			tt.want.Path, _, _ = strings.Cut(tt.target, "?")
		}
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
		"three slashes":       "///openai/v1/chat/completions",
		"slashes after":       "//openai//v1/chat/completions",
		"slashes below":       "/openai/deployments/a//chat/completions" + version,
		"backend alone":       "/east/openai/v1/chat/completions",
		"no backend":          "//w/openai/v1/chat/completions",
		"no workload":         "/east//openai/v1/chat/completions",
		"three names":         "/east/w/x/openai/v1/chat/completions",
		"dotted backend":      "/../w/openai/v1/chat/completions",
		"dotted workload":     "/east/../openai/v1/chat/completions",
		"escaped workload":    "/east/%77/openai/v1/chat/completions",
		"semicolon before":    "/east/w;x/openai/v1/chat/completions",
		"long workload":       "/east/" + strings.Repeat("w", 129) + "/openai/v1/chat/completions",
		"deployment in query": "/openai/deployments/a/chat/completions" + version + "&deployment=b",
		"model in query":      "/openai/v1/chat/completions?model=b",
		"Model in query":      "/openai/v1/chat/completions?MOD%45L=b",
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
	for name, target := range map[string]string{
		"no deployment":     "/openai/realtime?api-version=2025-04-01-preview",
		"nothing":           "/openai/v1/realtime",
		"model for classic": "/openai/realtime?api-version=2025-04-01-preview&model=a",
		"deployment for v1": "/openai/v1/realtime?deployment=a",
		"both":              "/openai/v1/realtime?model=a&deployment=b",
		"twice":             "/openai/v1/realtime?model=a&model=a",
		"twice, in case":    "/openai/v1/realtime?model=a&Model=b",
		"escaped":           "/openai/v1/realtime?model=%61",
		"a path":            "/openai/v1/realtime?model=a/b",
		"empty":             "/openai/v1/realtime?model=",
		"a key and a token": "/openai/v1/realtime?model=a&api-key=x&authorization=Bearer%20y",
		"another scheme":    "/openai/v1/realtime?model=a&authorization=Basic%20y",
		"two keys":          "/openai/v1/realtime?model=a&api-key=x&api-key=y",
		"no version":        "/openai/realtime?deployment=a",
		"deployments":       "/openai/deployments/a/realtime?api-version=2025-04-01-preview",
	} {
		if r, ok := ParseRoute(http.MethodGet, target); ok {
			t.Errorf("%s: %q taken for %+v", name, target, r)
		}
	}
	if _, ok := ParseRoute("post", "/openai/v1/chat/completions"); ok {
		t.Error("methods are case-sensitive (RFC 9110 section 9.1)")
	}
}

// TestOperationsAreServed: each is, by each endpoint that the table has for it.
func TestOperationsAreServed(t *testing.T) {
	served := map[Operation]int{}
	for _, e := range Endpoints() {
		path := strings.NewReplacer("{", "", "}", "").Replace(strings.ReplaceAll(e.Path(), "{deployment}", "d")) + "?api-version=2024-10-21"
		if e.Query != "" {
			path += "&" + e.Query + "=d"
		}
		r, ok := ParseRoute(e.Method, path)
		if !ok || r.Operation != e.Operation || r.Form != e.Form || r.Body != e.Body || (r.Deployment == "d") != (e.Named || e.Query != "") {
			t.Errorf("%s: %+v %v", path, r, ok)
		}
		if in := e.DeploymentIn(); (in == "body") != r.DeploymentInBody() || (in == "") != (e.Operation == Models || e.Operation.Stored()) {
			t.Errorf("%s: the deployment is in %q", path, in)
		}
		served[e.Operation]++
	}
	for _, op := range Operations() {
		if served[op] == 0 {
			t.Errorf("%s is listed and not served", op)
		}
	}
	if len(served) != len(Operations()) {
		t.Errorf("served are %v", served)
	}
}

func BenchmarkParseRoute(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		ParseRoute(http.MethodPost, "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21")
	}
}

// FuzzParseRoute holds every accepted target to what a backend may be sent.
func FuzzParseRoute(f *testing.F) {
	f.Add("POST", "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21")
	f.Add("POST", "/openai/deployments/%2e%2e/chat/completions?api-version=2024-10-21")
	f.Add("GET", "/openai/v1/models/a:b@c?api-key=x&after=%20")
	f.Add("POST", "/east/w//openai/v1/embeddings?a=b")
	f.Add("GET", "//openai/v1/realtime?model=m&api-key=k")
	f.Add("GET", "/openai/v1/realtime?model=m&Authorization=Bearer%20k")
	f.Add("DELETE", "/openai/v1/vector_stores/vs_1/files/file-1?limit=2")
	f.Fuzz(func(t *testing.T, method, target string) {
		r, ok := ParseRoute(method, target)
		if !ok {
			return
		}
		if strings.ContainsAny(r.Path, "%;\\? #") || strings.Contains(r.Path, "//") || strings.Contains(r.Path, "/..") {
			t.Fatalf("path %q", r.Path)
		}
		if !strings.Contains(target, r.Path) || !strings.HasPrefix(r.Path, "/openai/") || !strings.HasSuffix(r.Path, r.Suffix) {
			t.Fatalf("path %q, suffix %q of %q", r.Path, r.Suffix, target)
		}
		values, err := url.ParseQuery(r.Query)
		if err != nil {
			t.Fatalf("query %q: %v", r.Query, err)
		}
		for name := range values {
			if strings.EqualFold(name, "api-key") || strings.EqualFold(name, "authorization") {
				t.Fatalf("a key stays in %q", r.Query)
			}
		}
		forward := r.Path
		if r.Query != "" {
			forward += "?" + r.Query
		}
		r.Backend, r.Workload, r.Key = "", "", secret.String{}
		again, ok := ParseRoute(method, forward)
		if !ok || again != r {
			t.Fatalf("forwarded %q is read as %+v %v, was %+v", forward, again, ok, r)
		}
	})
}

// TestRealtimeRenamed: a session goes to another deployment, or to a server
// that speaks v1 alone, by its query.
func TestRealtimeRenamed(t *testing.T) {
	for target, want := range map[string][2]string{
		"/openai/realtime?api-version=2025-04-01-preview&deployment=a&x=%20": {"api-version=2025-04-01-preview&deployment=b&x=%20", "api-version=2025-04-01-preview&model=a&x=%20"},
		"/openai/v1/realtime?MOD%45L=a&intent=transcription":                 {"MOD%45L=b&intent=transcription", "model=a&intent=transcription"},
	} {
		r, ok := ParseRoute(http.MethodGet, target)
		other := r.WithDeployment("b")
		if !ok || other.Query != want[0] || other.Deployment != "b" || other.Path != r.Path || r.V1Query() != want[1] {
			t.Errorf("%+v %q", other, r.V1Query())
		}
	}
	r, _ := ParseRoute(http.MethodGet, "/openai/v1/models?after=x")
	if r.V1Query() != "after=x" {
		t.Error(r.V1Query())
	}
}
