package backend

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/login"
	"github.com/ostiary/ostiary/internal/openai"
	"github.com/ostiary/ostiary/internal/secret"
)

func ref(t *testing.T, value string) secret.Ref {
	t.Helper()
	var r secret.Ref
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(value+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.UnmarshalText([]byte("file:" + path)); err != nil {
		t.Fatal(err)
	}
	return r
}

// tlsServer answers with h; the file holds the certificate to trust.
func tlsServer(t *testing.T, h http.HandlerFunc) (*httptest.Server, string) {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return s, ca
}

func request(t *testing.T, method, target, body string) Request {
	t.Helper()
	route, ok := openai.ParseRoute(method, target)
	if !ok {
		t.Fatalf("%s is no route", target)
	}
	r := Request{Route: route, Deployment: route.Deployment, Header: http.Header{}, Body: []byte(body)}
	if body != "" && route.Body == openai.JSONBody {
		peeked, err := openai.Peek(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		r.Peeked = peeked
		if route.DeploymentInBody() {
			r.Deployment = peeked.Model
		}
	}
	return r
}

// seen is what a stub backend was sent.
type seen struct {
	target, host, body string
	header             http.Header
	length             int64
}

func stub(got *seen) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*got = seen{r.RequestURI, r.Host, string(body), r.Header, r.ContentLength}
		w.Header().Set("Location", "https://elsewhere.example/")
		w.WriteHeader(http.StatusFound)
	}
}

func TestSendTargets(t *testing.T) {
	var got seen
	server, ca := tlsServer(t, stub(&got))
	const classic = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21&x=1"
	tests := []struct {
		name, url      string
		kind           Kind
		method, target string
		body           string
		wantTarget     string
		wantBody       string
	}{
		{"azure classic", "", Azure, "POST", classic, `{"model":"other"}`, classic, `{"model":"other"}`},
		{"azure v1", "/", "", "POST", "/openai/v1/responses", `{"model":"m"}`, "/openai/v1/responses", `{"model":"m"}`},
		{"azure below a path", "/apim/", Azure, "GET", "/openai/v1/models?after=a%20b", "", "/apim/openai/v1/models?after=a%20b", ""},
		{"openai v1", "/v1", OpenAI, "POST", "/openai/v1/chat/completions?api-version=preview&y=2", ` {"model" : "m"}`, "/v1/chat/completions?y=2", ` {"model" : "m"}`},
		{"openai classic", "/v1/", OpenAI, "POST", classic, `{"messages":[]}`, "/v1/chat/completions?x=1", `{"model":"gpt-4o","messages":[]}`},
		{"openai classic, other model", "/v1", OpenAI, "POST", classic, `{"model":"other"}`, "/v1/chat/completions?x=1", `{"model":"gpt-4o"}`},
		{"openai model", "/v1", OpenAI, "GET", "/openai/models/llama3.2:3b?api-version=2024-10-21", "", "/v1/models/llama3.2:3b", ""},
	}
	for _, tt := range tests {
		b, err := New(Settings{Name: "b", URL: server.URL + tt.url, Kind: tt.kind, CA: ca, APIKey: ref(t, "the-key")})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := b.Send(t.Context(), request(t, tt.method, tt.target, tt.body))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusFound {
			t.Errorf("%s: a redirect was followed", tt.name)
		}
		if got.target != tt.wantTarget || got.body != tt.wantBody || got.length != int64(len(tt.wantBody)) {
			t.Errorf("%s: %+v", tt.name, got)
		}
		key, auth := got.header.Get("Api-Key"), got.header.Get("Authorization")
		if tt.kind == OpenAI && (key != "" || auth != "Bearer the-key") || tt.kind != OpenAI && (key != "the-key" || auth != "") {
			t.Errorf("%s: api-key %q, authorization %q", tt.name, key, auth)
		}
	}
}

func TestSendStripsCredentials(t *testing.T) {
	var got seen
	server, ca := tlsServer(t, stub(&got))
	b, err := New(Settings{Name: "b", URL: server.URL, CA: ca, APIKey: ref(t, "ours")})
	if err != nil {
		t.Fatal(err)
	}
	r := request(t, "POST", "/openai/v1/chat/completions?api-key=CANARY", `{"model":"m"}`)
	for _, name := range []string{
		"api-key", "Authorization", "Cookie", "Proxy-Authorization", "Ocp-Apim-Subscription-Key", "X-Api-Key",
		"X-Ostiary-Member", "X-Ostiary-Call-Id", "X-Hop", "Upgrade", "Keep-Alive", "Te", "Expect",
	} {
		r.Header.Set(name, "CANARY")
	}
	r.Header.Set("Connection", "x-hop, keep-alive")
	r.Header.Set("X-Ms-Client-Request-Id", "kept")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept-Encoding", "gzip, br")
	resp, err := b.Send(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if strings.Contains(got.target, "CANARY") {
		t.Error(got.target)
	}
	for name, values := range got.header {
		if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, "CANARY") }) {
			t.Errorf("%s: %v", name, values)
		}
	}
	want := http.Header{
		"Api-Key": {"ours"}, "X-Ms-Client-Request-Id": {"kept"}, "Content-Type": {"application/json"},
		"Accept-Encoding": {"identity"}, "Content-Length": {"13"},
	}
	for name, values := range want {
		if !slices.Equal(got.header[name], values) {
			t.Errorf("%s: %v", name, got.header[name])
		}
	}
	if len(got.header) != len(want) {
		t.Errorf("more headers: %v", got.header)
	}
	if r.Header.Get("Authorization") == "" {
		t.Error("the client's own header was changed")
	}
}

// entraServer is a login service that gives tokens t1, t2, …
func entraServer(t *testing.T, count *atomic.Int64) (url, ca string) {
	var server *httptest.Server
	server, ca = tlsServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		base := server.URL + "/tenant-1"
		if !strings.HasSuffix(r.URL.Path, "/token") {
			_ = json.NewEncoder(w).Encode(map[string]string{
				"issuer": base + "/v2.0", "authorization_endpoint": base + "/authorize", "token_endpoint": base + "/oauth2/v2.0/token",
			})
			return
		}
		if r.FormValue("client_secret") != "s3cret" || r.FormValue("client_id") != "app-1" || !strings.Contains(r.FormValue("scope"), "https://cognitiveservices.azure.com/.default") {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":"no"}`)
			return
		}
		count.Add(1)
		_, _ = io.WriteString(w, `{"token_type":"Bearer","expires_in":3600,"access_token":"t1"}`)
	})
	return server.URL, ca
}

func TestEntraCredential(t *testing.T) {
	var logins atomic.Int64
	authority, loginCA := entraServer(t, &logins)
	var got seen
	server, ca := tlsServer(t, stub(&got))
	settings := Settings{Name: "b", URL: server.URL, CA: ca, Entra: &login.ServicePrincipal{
		Tenant: "tenant-1", ClientID: "app-1", Secret: ref(t, "s3cret"), Authority: authority, CA: loginCA,
	}}
	b, err := New(settings)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		resp, err := b.Send(t.Context(), request(t, "GET", "/openai/v1/models", ""))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got.header.Get("Authorization") != "Bearer t1" {
			t.Error(got.header)
		}
	}
	if logins.Load() != 1 {
		t.Errorf("%d logins", logins.Load())
	}
	settings.Entra.Secret = ref(t, "wr0ng")
	if b, err = New(settings); err != nil {
		t.Fatal(err)
	}
	_, err = b.Send(t.Context(), request(t, "GET", "/openai/v1/models", ""))
	if fault.KindOf(err) != fault.Upstream || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("with a wrong secret: %v", err)
	}
}

// fakeCredential gives tokens that live an hour, or fails.
type fakeCredential struct {
	calls atomic.Int64
	fail  atomic.Bool
	slow  time.Duration
}

func (c *fakeCredential) GetToken(ctx context.Context, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
	n := c.calls.Add(1)
	select {
	case <-time.After(c.slow):
	case <-ctx.Done():
		return azcore.AccessToken{}, ctx.Err()
	}
	if c.fail.Load() {
		return azcore.AccessToken{}, errors.New("login is away")
	}
	return azcore.AccessToken{Token: "t" + string('0'+byte(n)), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func TestTokenRefreshedAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &fakeCredential{slow: time.Second}
		s := &tokenSource{credential: c, scope: "x", now: time.Now}
		get := func() string {
			h := http.Header{}
			if err := s.apply(t.Context(), h); err != nil {
				return err.Error()
			}
			return h.Get("Authorization")
		}
		first := make(chan string, 20)
		for range cap(first) { // all wait for one attempt
			go func() { first <- get() }()
		}
		for range cap(first) {
			if got := <-first; got != "Bearer t1" {
				t.Error(got)
			}
		}
		time.Sleep(50 * time.Minute)
		if got := get(); got != "Bearer t1" || c.calls.Load() != 1 {
			t.Errorf("%s, %d calls: replaced too early", got, c.calls.Load())
		}
		time.Sleep(6 * time.Minute)
		if got := get(); got != "Bearer t1" {
			t.Errorf("%s: a caller waited although the token serves", got)
		}
		time.Sleep(2 * time.Second)
		if got := get(); got != "Bearer t2" {
			t.Errorf("%s: not replaced ahead of its end", got)
		}
		// The login service goes away: the token serves until near its end.
		c.fail.Store(true)
		time.Sleep(59 * time.Minute)
		for range 10 {
			if got := get(); got != "Bearer t2" {
				t.Error(got)
			}
			time.Sleep(time.Second)
		}
		if n := c.calls.Load(); n != 3 {
			t.Errorf("%d calls: a failing login was not spared", n)
		}
		time.Sleep(2 * time.Minute)
		if got := get(); !strings.Contains(got, "no Entra token") {
			t.Errorf("an old token was used: %s", got)
		}
		c.fail.Store(false)
		if got := get(); !strings.HasPrefix(got, "Bearer ") {
			t.Errorf("not mended: %s", got)
		}
	})
}

func TestTokenWaitEndsWithCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &tokenSource{credential: &fakeCredential{slow: 10 * time.Second}, now: time.Now}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.apply(ctx, http.Header{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.Sleep(10 * time.Second) // the attempt itself goes on
		h := http.Header{}
		if err := s.apply(t.Context(), h); err != nil || h.Get("Authorization") != "Bearer t1" {
			t.Error(err, h)
		}
	})
}

func TestRoundServes(t *testing.T) {
	key := ref(t, "k")
	pool, err := NewPool(Config{Backends: []Settings{
		{Name: "west", URL: "https://west.example", APIKey: key, Deployments: []string{"whisper"}, Priority: 2},
		{Name: "east", URL: "https://east.example", APIKey: key, Deployments: []string{"gpt-4o*"}},
		{Name: "local", URL: "http://gpu.example:8000/v1", Kind: OpenAI, Deployments: []string{"llama*", "gpt-4o", "w*"}, Priority: 1},
	}})
	if err != nil {
		t.Fatal(err)
	}
	form := openai.Route{Body: openai.FormBody}
	for _, tt := range []struct {
		route      openai.Route
		deployment string
		want       string
	}{
		{openai.Route{}, "gpt-4o", "east"}, {openai.Route{}, "llama3.2:3b", "local"}, {openai.Route{}, "o3", ""},
		{openai.Route{}, "", "east"}, {openai.Route{}, "whisper", "local"}, {form, "whisper", "west"}, {form, "llama3", ""},
	} {
		round := pool.Round(tt.route, tt.deployment)
		b, ok := round.Next()
		if ok != (tt.want != "") || ok && b.Name() != tt.want {
			t.Errorf("%q: %v", tt.deployment, b)
		}
	}
}

func TestSendFailures(t *testing.T) {
	server, ca := tlsServer(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	aborts, err := New(Settings{Name: "east", URL: server.URL, CA: ca, APIKey: ref(t, "CANARY")})
	if err != nil {
		t.Fatal(err)
	}
	untrusted, err := New(Settings{Name: "east", URL: server.URL, APIKey: ref(t, "CANARY")})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*Backend{"aborts": aborts, "untrusted": untrusted} {
		_, err := b.Send(t.Context(), request(t, "POST", "/openai/v1/embeddings", `{"model":"m"}`))
		if fault.KindOf(err) != fault.Upstream || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v", name, err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := aborts.Send(gone, request(t, "GET", "/openai/v1/models", "")); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that left: %v", err)
	}
}

func TestSettingsCheck(t *testing.T) {
	key := ref(t, "k")
	tests := map[string]struct {
		s    Settings
		want []string
	}{
		"good":                  {Settings{URL: "https://a.example", APIKey: key}, nil},
		"ollama":                {Settings{URL: "http://gpu:11434/v1", Kind: OpenAI}, nil},
		"key on loopback":       {Settings{URL: "http://127.0.0.1:1", APIKey: key}, nil},
		"key in clear":          {Settings{URL: "http://a.example", APIKey: key}, []string{"url"}},
		"no credential":         {Settings{URL: "https://a.example"}, []string{""}},
		"two credentials":       {Settings{URL: "https://a.example", APIKey: key, ManagedIdentity: &login.ManagedIdentity{}}, []string{""}},
		"odd kind":              {Settings{URL: "https://a.example", Kind: "aws", APIKey: key}, []string{"kind"}},
		"odd scheme":            {Settings{URL: "ftp://a.example", APIKey: key}, []string{"url"}},
		"query":                 {Settings{URL: "https://a.example?x=1", APIKey: key}, []string{"url"}},
		"user":                  {Settings{URL: "https://u:p@a.example", APIKey: key}, []string{"url"}},
		"no host":               {Settings{URL: "https:///x", APIKey: key}, []string{"url"}},
		"pattern":               {Settings{URL: "https://a.example", APIKey: key, Deployments: []string{"a", "[b]"}}, []string{"deployments[1]"}},
		"negative first byte":   {Settings{URL: "https://a.example", APIKey: key, FirstByte: -1}, []string{"first_byte_timeout"}},
		"missing url, reported": {Settings{APIKey: key}, nil},
	}
	for name, tt := range tests {
		var got []string
		tt.s.Check(func(path, _, fix string) {
			if fix == "" {
				t.Errorf("%s: no fix", name)
			}
			got = append(got, path)
		})
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	key := ref(t, "k")
	var missing secret.Ref
	if err := missing.UnmarshalText([]byte("env:OSTIARY_TEST_NOT_SET")); err != nil {
		t.Fatal(err)
	}
	good := Settings{Name: "a", URL: "https://a.example", APIKey: key}
	notPEM := good
	notPEM.CA = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM.CA, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, all := range map[string][]Settings{
		"none":        nil,
		"twice":       {good, good},
		"missing key": {{Name: "a", URL: "https://a.example", APIKey: missing}},
		"missing CA":  {{Name: "a", URL: "https://a.example", APIKey: key, CA: "/nonexistent/ca.pem"}},
		"no PEM":      {notPEM},
		"bad URL":     {{Name: "a", URL: ":", APIKey: key}},
		"entra":       {{Name: "a", URL: "https://a.example", Entra: &login.ServicePrincipal{Tenant: "t", ClientID: "c", Secret: missing}}},
		"authority":   {{Name: "a", URL: "https://a.example", Entra: &login.ServicePrincipal{Tenant: "t", ClientID: "c", Secret: key, Authority: "http://x"}}},
	} {
		if _, err := NewPool(Config{Backends: all}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewPool(Config{Backends: []Settings{good, {Name: "mi", URL: "https://a.example", ManagedIdentity: &login.ManagedIdentity{ClientID: "c"}}}}); err != nil {
		t.Error(err)
	}
}
