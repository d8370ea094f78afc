package signin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

const (
	canary = "canary-3f71-token"
	client = "11111111-2222-4333-8444-555555555555"
)

// provider is a login service whose answers a test can spoil.
type provider struct {
	*httptest.Server
	discovery func(map[string]string)
	claims    func(map[string]any)
	token     func(w http.ResponseWriter, form url.Values) bool // true: it has answered
	nonce     string
	grants    []string
}

func newProvider(t *testing.T) *provider {
	p := &provider{discovery: func(map[string]string) {}, claims: func(map[string]any) {}, token: func(http.ResponseWriter, url.Values) bool { return false }}
	p.Server = httptest.NewTLSServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) issuer() string { return p.URL + "/tenant/v2.0" }

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/tenant/v2.0/.well-known/openid-configuration":
		doc := map[string]string{
			"issuer": p.issuer(), "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "device_authorization_endpoint": p.URL + "/device",
		}
		p.discovery(doc)
		_ = json.NewEncoder(w).Encode(doc)
	case "/device":
		_, _ = io.WriteString(w, `{"device_code":"d","user_code":"ABC","verification_uri":"https://x.example/","expires_in":900,"interval":1}`)
	case "/token":
		p.grants = append(p.grants, r.PostForm.Get("grant_type"))
		if p.token(w, r.PostForm) {
			return
		}
		c := map[string]any{"iss": p.issuer(), "aud": client, "exp": time.Now().Add(time.Hour).Unix(), "sub": "s", "name": "Sample Person One", "preferred_username": "one@sample.example"}
		if p.nonce != "" {
			c["nonce"] = p.nonce
		}
		p.claims(c)
		body, _ := json.Marshal(c)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"access_token": canary + "-access", "refresh_token": canary + "-refresh", "token_type": "Bearer", "expires_in": 3599,
			"id_token": "e30." + base64.RawURLEncoding.EncodeToString(body) + ".sig",
		})
	default:
		http.NotFound(w, r)
	}
}

func (p *provider) signIn(t *testing.T, now func() time.Time) *SignIn {
	t.Helper()
	s, err := New(Config{
		Settings: Settings{Tenant: "tenant", Authority: p.URL, ClientID: client, Scope: "api://x/Read"},
		Cache:    filepath.Join(t.TempDir(), "ostiary", "tokens.json"), HTTP: p.Client(), Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// visit is the browser: it goes where the login service would send it.
func visit(t *testing.T, p *provider, change func(url.Values)) func(string) {
	return func(address string) {
		u, err := url.Parse(address)
		if err != nil {
			t.Error(err)
			return
		}
		q := u.Query()
		p.nonce = q.Get("nonce")
		if q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || q.Get("scope") != "openid profile offline_access api://x/Read" {
			t.Errorf("%v", q)
		}
		back := url.Values{"code": {"c"}, "state": {q.Get("state")}}
		change(back)
		go func() {
			resp, err := http.Get(q.Get("redirect_uri") + "/?" + back.Encode())
			if err == nil {
				_ = resp.Body.Close()
			}
		}()
	}
}

func TestBrowserKeepsTheTokens(t *testing.T) {
	p := newProvider(t)
	now := time.Now()
	s := p.signIn(t, func() time.Time { return now })
	if _, err := s.Token(t.Context()); fault.KindOf(err) != fault.Unauthenticated {
		t.Errorf("before signing in: %v", err)
	}
	who, err := s.Browser(t.Context(), visit(t, p, func(url.Values) {}))
	if err != nil || who.String() != "Sample Person One (one@sample.example)" {
		t.Fatalf("%v %v", who, err)
	}
	for path, mode := range map[string]os.FileMode{s.cache.path: 0o600, filepath.Dir(s.cache.path): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
	token, err := s.Token(t.Context())
	if err != nil || token.Reveal() != canary+"-access" || len(p.grants) != 1 {
		t.Errorf("%v %v", err, p.grants)
	}
	now = now.Add(time.Hour - time.Minute) // within the last two minutes
	if _, err := s.Token(t.Context()); err != nil || len(p.grants) != 2 || p.grants[1] != "refresh_token" {
		t.Errorf("%v %v", err, p.grants)
	}
	if err := s.Forget(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(s.cache.path)
	if err != nil || strings.Contains(string(data), canary) {
		t.Errorf("after Forget: %v", err)
	}
}

// Every answer that does not fit the request is refused, and no error holds a
// token.
func TestAnswersThatDoNotFit(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(*provider)
		back  func(url.Values)
		want  string
	}{
		{"another issuer in discovery", func(p *provider) {
			p.discovery = func(d map[string]string) { d["issuer"] = "https://evil.example" }
		}, nil, "names another issuer"},
		{"an endpoint without TLS", func(p *provider) {
			p.discovery = func(d map[string]string) { d["token_endpoint"] = "http://evil.example" }
		}, nil, "not https"},
		{"an ID token of another issuer", func(p *provider) { p.claims = func(c map[string]any) { c["iss"] = "https://evil.example" } }, nil, "another issuer"},
		{"for another application", func(p *provider) { p.claims = func(c map[string]any) { c["aud"] = []string{"x"} } }, nil, "another application"},
		{"with another nonce", func(p *provider) { p.claims = func(c map[string]any) { c["nonce"] = "x" } }, nil, "another request"},
		{"expired", func(p *provider) { p.claims = func(c map[string]any) { c["exp"] = 1 } }, nil, "expired"},
		{"a refusal of the browser", func(*provider) {}, func(v url.Values) {
			v.Del("code")
			v.Set("error", "access_denied")
		}, "cancelled"},
		{"a refusal of the code", func(p *provider) {
			p.token = func(w http.ResponseWriter, _ url.Values) bool {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":"AADSTS7000218: \u001b[31mno secret. Trace ID: x"}`)
				return true
			}
		}, nil, "AADSTS7000218:  [31mno secret."},
		{"something else", func(p *provider) {
			p.token = func(w http.ResponseWriter, form url.Values) bool {
				_, _ = io.WriteString(w, `<html>`+canary)
				return true
			}
		}, nil, "did not answer as it should"},
		{"a redirect", func(p *provider) {
			p.token = func(w http.ResponseWriter, form url.Values) bool {
				w.Header().Set("Location", "https://evil.example/"+canary)
				w.WriteHeader(http.StatusTemporaryRedirect)
				return true
			}
		}, nil, "did not answer as it should"},
	} {
		p := newProvider(t)
		test.spoil(p)
		s := p.signIn(t, nil)
		if test.back == nil {
			test.back = func(url.Values) {}
		}
		_, err := s.Browser(t.Context(), visit(t, p, test.back))
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: %v", test.name, err)
		}
		if _, err := os.Stat(s.cache.path); err == nil {
			t.Errorf("%s: something was kept", test.name)
		}
	}
}

// What is not the answer that is waited for changes nothing.
func TestTheCallbackTakesItsOwnAnswer(t *testing.T) {
	c := &callback{host: "localhost:1", state: "right", answers: make(chan url.Values, 1)}
	for _, bad := range []struct{ method, host, target string }{
		{"GET", "localhost:1", "/?code=c&state=wrong"},
		{"GET", "localhost:1", "/?code=c"},
		{"GET", "localhost:1", "/x?code=c&state=right"},
		{"POST", "localhost:1", "/?code=c&state=right"},
		{"GET", "evil.example", "/?code=c&state=right"}, // a name that was rebound to loopback
		{"GET", "localhost:1", "/?code=%zz&state=right"},
	} {
		r := httptest.NewRequest(bad.method, "http://localhost:1/", nil)
		r.URL.RawQuery = strings.TrimPrefix(bad.target[strings.Index(bad.target, "?"):], "?")
		r.URL.Path, r.Host = bad.target[:strings.Index(bad.target, "?")], bad.host
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r)
		if w.Code != 400 || len(c.answers) != 0 {
			t.Errorf("%v: %d", bad, w.Code)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "http://localhost:1/?error=x&error_description=%3Cscript%3E&state=right", nil)
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	if w.Code != 200 || len(c.answers) != 1 || strings.Contains(w.Body.String(), "<script") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	c.ServeHTTP(httptest.NewRecorder(), r) // again: nobody waits, and nothing blocks
}

func TestDevice(t *testing.T) {
	p := newProvider(t)
	polls := 0
	p.token = func(w http.ResponseWriter, form url.Values) bool {
		polls++
		if polls == 1 {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"authorization_pending"}`)
		}
		return polls == 1
	}
	s := p.signIn(t, nil)
	var shown Prompt
	who, err := s.Device(t.Context(), func(q Prompt) { shown = q })
	if err != nil || who.Login != "one@sample.example" || shown != (Prompt{"https://x.example/", "ABC"}) || polls != 2 {
		t.Errorf("%v %v %v %d", who, err, shown, polls)
	}
	for code, want := range map[string]string{"authorization_declined": "cancelled", "expired_token": "nobody signed in"} {
		p.token = func(w http.ResponseWriter, form url.Values) bool {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"`+code+`"}`)
			return true
		}
		if _, err := s.Device(t.Context(), func(Prompt) {}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", code, err)
		}
	}
	p.discovery = func(d map[string]string) { delete(d, "device_authorization_endpoint") }
	if _, err := p.signIn(t, nil).Device(t.Context(), func(Prompt) {}); err == nil || !strings.Contains(err.Error(), "knows no device codes") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	p.token = func(http.ResponseWriter, url.Values) bool { cancel(); return false }
	if _, err := s.Device(ctx, func(Prompt) { cancel() }); err == nil {
		t.Error("a cancelled sign-in succeeded")
	}
}

// A sign-in that the tenant has ended is said; one that another command has
// renewed meanwhile is taken.
func TestRenewal(t *testing.T) {
	p := newProvider(t)
	s := p.signIn(t, nil)
	if _, err := s.Browser(t.Context(), visit(t, p, func(url.Values) {})); err != nil {
		t.Fatal(err)
	}
	refuse := func(w http.ResponseWriter, _ url.Values) bool {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_grant","error_description":"AADSTS70008: The refresh token has expired. Trace ID: 1"}`)
		return true
	}
	p.token = refuse
	_, err := s.Renew(t.Context())
	if fault.KindOf(err) != fault.Unauthenticated || !strings.Contains(err.Error(), "run 'ostiary login'") || !strings.Contains(err.Error(), "AADSTS70008") {
		t.Errorf("%v", err)
	}
	p.token = func(w http.ResponseWriter, form url.Values) bool {
		other := s.key()
		other.Access, other.Refresh, other.Expires = "another", "another", time.Now().Add(time.Hour)
		if err := s.cache.store(other); err != nil {
			t.Error(err)
		}
		return refuse(w, form)
	}
	if token, err := s.Renew(t.Context()); err != nil || token.Reveal() != "another" {
		t.Errorf("%v", err)
	}
}

func TestBrokenCaches(t *testing.T) {
	for _, test := range []struct {
		name, data string
		mode       os.FileMode
		want       string
	}{
		{"others may read", `{"version":1}`, 0o640, "others may read"},
		{"cut", `{"version":1,"logins":[{`, 0o600, "not a file of tokens"},
		{"newer", `{"version":2}`, 0o600, "not a file of tokens"},
		{"huge", strings.Repeat(" ", maxCache+1), 0o600, "not a file of tokens"},
	} {
		c := cache{filepath.Join(t.TempDir(), "tokens.json")}
		if err := os.WriteFile(c.path, []byte(test.data), test.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := c.load(kept{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
		if err := c.store(kept{}); err == nil {
			t.Errorf("%s: it was written over", test.name)
		}
	}
	c := cache{filepath.Join(t.TempDir(), "tokens.json")}
	for n := range maxLogins + 5 {
		if err := c.store(kept{Issuer: strings.Repeat("x", n)}); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := c.read(); err != nil || len(all.Logins) != maxLogins {
		t.Errorf("%d %v", len(all.Logins), err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for _, test := range []struct {
		s    Settings
		want string
	}{
		{Settings{}, "where to sign in"},
		{Settings{Tenant: "t"}, "the application"},
		{Settings{Tenant: "common", ClientID: "c"}, "not a tenant id"},
		{Settings{Tenant: "a/b", ClientID: "c"}, "not a tenant id"},
		{Settings{Tenant: "t", Authority: "http://x", ClientID: "c"}, "not an https URL"},
		{Settings{Tenant: "t", Issuer: "https://x", ClientID: "c"}, "beside tenant"},
		{Settings{Tenant: "t", ClientID: "c", CA: "absent.pem"}, "absent.pem"},
	} {
		if _, err := New(Config{Settings: test.s}); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v", test.s, err)
		}
	}
}

func TestOpenCommand(t *testing.T) {
	for _, test := range []struct{ goos, browser, want string }{
		{"linux", "", "xdg-open URL"}, {"linux", "firefox", "firefox URL"}, {"darwin", "", "open URL"}, {"windows", "", "rundll32 url.dll,FileProtocolHandler URL"},
	} {
		if got := strings.Join(OpenCommand(test.goos, test.browser, "URL"), " "); got != test.want {
			t.Errorf("%s: %s", test.goos, got)
		}
	}
}

func FuzzIDToken(f *testing.F) {
	f.Add("e30.eyJpc3MiOiJ4IiwiYXVkIjpbImEiXX0.s")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		c, ok := decode(token)
		if ok && strings.Count(token, ".") != 2 {
			t.Errorf("%q is a token", token)
		}
		_ = audiences(c.Audience)
	})
}
