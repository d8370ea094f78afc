package chat

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/login"
	"github.com/ostiary/ostiary/internal/secret"
)

// noFollow is a browser that goes where it is told only on demand.
func (b *browser) noFollow() *browser {
	b.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return b
}

// TestStrangers: nothing but the way in is public.
func TestStrangers(t *testing.T) {
	r := newRig(t)
	b := r.browser().noFollow()
	for path, want := range map[string]string{
		"/": "/signin", "/c/abc": "/signin?next=%2Fc%2Fabc", "/settings": "/signin?next=%2Fsettings", "/admin": "/signin?next=%2Fadmin",
		"/list": "/signin", "/c/abc/export": "/signin?next=%2Fc%2Fabc%2Fexport", "/nowhere": "/signin", "/c/abc/files/1/0": "/signin?next=%2Fc%2Fabc%2Ffiles%2F1%2F0",
	} {
		resp, body := b.get(path)
		if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != want {
			t.Errorf("%s: %d to %q, want %q: %s", path, resp.StatusCode, resp.Header.Get("Location"), want, body)
		}
	}
	for _, path := range []string{"/ask", "/c/abc/ask", "/c/abc/delete", "/settings", "/settings/delete", "/admin/end", "/nowhere"} {
		if resp, body := b.post(path, nil); resp.StatusCode != http.StatusUnauthorized || !strings.Contains(body, `"error":"expired"`) {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	if resp, body := b.get("/healthz"); resp.StatusCode != http.StatusOK || body != "ok\n" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp, body := b.get("/signed-out"); resp.StatusCode != http.StatusOK || !strings.Contains(body, "You are signed out") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp, _ := b.get("/assets/old/none.js"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("%d", resp.StatusCode)
	}
}

func TestHeaders(t *testing.T) {
	r := newRig(t)
	resp, _ := r.signIn().get("/")
	policy := resp.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self' " + r.issuer.url} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy has no %s: %s", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v", resp.Header)
	}
}

// TestNext: a person lands where they wanted to go, and never elsewhere.
func TestNext(t *testing.T) {
	for next, want := range map[string]string{
		"/c/abc": "/c/abc", "/settings": "/settings", "/settings?saved": "/settings", "https://evil.example/": "/", "//evil.example/c/": "/", `/\evil.example`: "/", "/c//evil.example": "/",
		`/c/\evil.example`: "/", "javascript:alert(1)": "/", "": "/", "/c/../..//evil.example": "/", "/signin?next=/": "/", "/c/a\r\nSet-Cookie: x": "/", "/nowhere": "/", "http:evil": "/", strings.Repeat("/c/", 200): "/",
	} {
		if got := localPath(next); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
	r := newRig(t)
	b := r.browser().noFollow()
	resp, _ := b.get("/signin?next=" + url.QueryEscape("https://evil.example/"))
	for range 5 {
		to := resp.Header.Get("Location")
		if to == "" {
			break
		}
		if strings.HasPrefix(to, "/") {
			to = r.url + to
		}
		if !strings.HasPrefix(to, r.url) && !strings.HasPrefix(to, r.issuer.url) {
			t.Fatalf("sent to %s", to)
		}
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, to, nil)
		resp, _ = b.do(req)
	}
	if resp.StatusCode != http.StatusOK || resp.Request.URL.Path != "/" {
		t.Errorf("%d at %s", resp.StatusCode, resp.Request.URL)
	}
}

func (b *browser) cookie(name string) string {
	at, _ := url.Parse(b.url)
	for _, c := range b.jar.Cookies(at) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (b *browser) setCookie(name, value string) {
	at, _ := url.Parse(b.url)
	b.jar.SetCookies(at, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// TestFixation: a cookie from before the sign-in is worth nothing after it,
// and a second sign-in makes a second cookie.
func TestFixation(t *testing.T) {
	r := newRig(t)
	b := r.browser()
	b.setCookie(sessionCookie, "planted")
	if resp, body := b.get("/"); resp.StatusCode != http.StatusOK || !strings.Contains(body, "composer") {
		t.Fatalf("%d", resp.StatusCode)
	}
	first := b.cookie(sessionCookie)
	if first == "planted" || len(first) != 43 {
		t.Fatalf("the cookie is %q", first)
	}
	planted := r.browser().noFollow()
	planted.setCookie(sessionCookie, "planted")
	if resp, _ := planted.get("/"); resp.StatusCode != http.StatusSeeOther {
		t.Error("the planted cookie is a session")
	}
	b.get("/signin")
	if second := b.cookie(sessionCookie); second == first || second == "" {
		t.Errorf("%q after %q", second, first)
	}
	planted.setCookie(sessionCookie, first)
	if resp, _ := planted.get("/"); resp.StatusCode != http.StatusSeeOther {
		t.Error("the session from before the second sign-in holds")
	}
}

// TestCallback: a sign-in counts once, in the browser that began it, with the
// state and the nonce that it was begun with.
func TestCallback(t *testing.T) {
	r := newRig(t)
	begin := func(b *browser) *url.URL {
		resp, _ := b.get("/signin")
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, resp.Header.Get("Location"), nil)
		resp, _ = b.do(req)
		back, err := url.Parse(resp.Header.Get("Location"))
		if err != nil || back.Path != callbackPath {
			t.Fatalf("%v %v", back, err)
		}
		return back
	}
	refused := func(name string, b *browser, back string, want int) {
		t.Helper()
		resp, body := b.get(strings.TrimPrefix(back, r.url))
		if resp.StatusCode != want || b.cookie(sessionCookie) != "" || strings.Contains(body, "canary") || strings.Contains(body, "secret-description") {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
	}
	b := r.browser().noFollow()
	back := begin(b)
	refused("another browser", r.browser().noFollow(), back.String(), http.StatusBadRequest)
	wrong := *back
	q := wrong.Query()
	q.Set("state", "other")
	wrong.RawQuery = q.Encode()
	refused("another state", b, wrong.String(), http.StatusBadRequest)
	refused("after a failure", b, back.String(), http.StatusBadRequest)

	b = r.browser().noFollow()
	r.issuer.set(func() { r.issuer.nonce = "another" })
	refused("another nonce", b, begin(b).String(), http.StatusBadRequest)
	r.issuer.set(func() { r.issuer.nonce = "" })

	b = r.browser().noFollow()
	back = begin(b)
	r.clock.Store(int64(attemptTime + time.Minute))
	refused("too late", b, back.String(), http.StatusBadRequest)
	r.clock.Store(0)

	b = r.browser().noFollow()
	back = begin(b)
	q = back.Query()
	q.Del("code")
	q.Set("error", "access_denied")
	refused("cancelled", b, callbackPath+"?"+q.Encode(), http.StatusForbidden)

	b = r.browser().noFollow()
	back = begin(b)
	q = back.Query()
	q.Set("code", "made-up")
	refused("a code that is none", b, callbackPath+"?"+q.Encode(), http.StatusBadRequest)

	b = r.browser().noFollow()
	back = begin(b)
	if resp, _ := b.get(strings.TrimPrefix(back.String(), r.url)); resp.StatusCode != http.StatusSeeOther || b.cookie(sessionCookie) == "" {
		t.Errorf("a right one: %d", resp.StatusCode)
	}
	if resp, _ := b.get(strings.TrimPrefix(back.String(), r.url)); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("the same once more: %d", resp.StatusCode)
	}
}

// TestRoles: who is in no group gets a page that says so; administrators see
// numbers, others no such page.
func TestRoles(t *testing.T) {
	r := newRig(t)
	one := r.signIn()
	one.ask("/ask", map[string]string{"text": "private words"})
	if resp, _ := one.get("/admin"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a user sees the administrators' page: %d", resp.StatusCode)
	}
	r.issuer.sign("three", "Sample Person Three", "others")
	three := r.browser()
	if resp, body := three.get("/"); resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "You may not use this chat") || strings.Contains(body, "composer") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp, _ := three.send("/ask", map[string]string{"text": "x"}); resp.StatusCode != http.StatusForbidden {
		t.Errorf("%d", resp.StatusCode)
	}
	r.issuer.sign("two", "Sample Person Two", "ADMINISTRATORS")
	two := r.signIn()
	_, body := two.get("/admin")
	if !strings.Contains(body, "Sample Person One") || strings.Contains(body, "private words") {
		t.Error(body)
	}
	two.post("/admin/end", url.Values{"person": {r.chat.personOf(r.principal("one")).owner}})
	if resp, _ := one.noFollow().get("/"); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("after an administrator ended it the session holds: %d", resp.StatusCode)
	}
}

func TestSignOut(t *testing.T) {
	r := newRig(t)
	b := r.signIn()
	old := b.cookie(sessionCookie)
	resp, body := b.post("/signout", nil)
	if resp.StatusCode != http.StatusOK || resp.Request.URL.Path != signedOut || !strings.Contains(body, "You are signed out") {
		t.Errorf("%d at %s", resp.StatusCode, resp.Request.URL)
	}
	r.issuer.set(func() {
		if r.issuer.ended != 1 {
			t.Error("the session at the login service goes on")
		}
	})
	b.setCookie(sessionCookie, old)
	if resp, _ := b.noFollow().get("/"); resp.StatusCode != http.StatusSeeOther {
		t.Error("the old cookie still holds")
	}
}

// TestOtherSites: what another site makes a browser send is refused.
func TestOtherSites(t *testing.T) {
	r := newRig(t)
	b := r.signIn()
	at, _ := b.ask("/ask", map[string]string{"text": "What is Ockham's Razor?"})
	for _, path := range []string{"/ask", at + "/delete", at + "/rename", "/settings", "/settings/delete", "/signout"} {
		for name, header := range map[string][2]string{"fetch metadata": {"Sec-Fetch-Site", "cross-site"}, "origin": {"Origin", "https://evil.example"}} {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+path, strings.NewReader("title=x"))
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set(header[0], header[1])
			if resp, _ := b.do(req); resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s by %s: %d", path, name, resp.StatusCode)
			}
		}
	}
	if resp, _ := b.get(at); resp.StatusCode != http.StatusOK {
		t.Error("the conversation is gone")
	}
}

func TestSessionEnds(t *testing.T) {
	r := newRig(t)
	b := r.signIn().noFollow()
	r.clock.Store(int64(defaultIdle - time.Minute))
	if resp, _ := b.get("/"); resp.StatusCode != http.StatusOK {
		t.Errorf("%d before it is idle", resp.StatusCode)
	}
	r.clock.Store(int64(2*defaultIdle - 2*time.Minute))
	if resp, _ := b.get("/"); resp.StatusCode != http.StatusOK {
		t.Errorf("%d after it was used", resp.StatusCode)
	}
	r.clock.Store(int64(3 * defaultIdle))
	if resp, _ := b.get("/"); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("%d when it was idle", resp.StatusCode)
	}
	for hours := range time.Duration(26) {
		r.clock.Store(int64(3*defaultIdle + hours*time.Hour))
		if hours == 0 {
			b = r.signIn().noFollow()
		}
		resp, _ := b.get("/")
		if want := hours < 24; (resp.StatusCode == http.StatusOK) != want {
			t.Errorf("%d after %d hours of use", resp.StatusCode, hours)
		}
	}
}

// TestManySessions: one person cannot fill the memory.
func TestManySessions(t *testing.T) {
	r := newRig(t)
	first := r.signIn().noFollow()
	for range maxPerPerson {
		r.signIn()
	}
	if resp, _ := first.get("/"); resp.StatusCode != http.StatusSeeOther {
		t.Error("the oldest session holds")
	}
	if n := r.chat.sessions.count()[r.chat.personOf(r.principal("one")).owner]; n != maxPerPerson {
		t.Errorf("%d sessions", n)
	}
}

// TestTokens: a token that is about to end is renewed; one that cannot be is
// said, and the question is kept.
func TestTokens(t *testing.T) {
	r := newRig(t)
	b := r.signIn()
	r.clock.Store(int64(59*time.Minute + 30*time.Second))
	if _, end := b.ask("/ask", map[string]string{"text": "once more"}); end.Status != Done {
		t.Errorf("%+v", end)
	}
	r.issuer.set(func() { r.issuer.refresh = false })
	r.clock.Store(int64(3 * time.Hour))
	at, end := b.ask("/ask", map[string]string{"text": "and again"})
	if end.Status != Expired || !strings.Contains(end.HTML, "/signin?next="+at) || !strings.Contains(end.HTML, "Your sign-in has ended") {
		t.Errorf("%+v", end)
	}
	if _, page := b.get(at); !strings.Contains(page, "and again") {
		t.Error("the question is lost")
	}
	if log := r.log.String(); strings.Contains(log, "canary") || strings.Contains(log, "client-secret") || strings.Contains(log, "secret-description") {
		t.Errorf("the log says too much:\n%s", log)
	}
}

// TestOnBehalfOf: the gateway sees the exchanged token, asked for once.
func TestOnBehalfOf(t *testing.T) {
	r := newRig(t, func(s *Settings) { s.SignIn.OnBehalfOf = "api://chat/use" })
	b := r.signIn()
	for range 2 {
		if _, end := b.ask("/ask", map[string]string{"text": "hello"}); end.Status != Done {
			t.Errorf("%+v", end)
		}
	}
	r.issuer.set(func() {
		if r.issuer.obo != 1 {
			t.Errorf("%d exchanges", r.issuer.obo)
		}
		if last := r.issuer.proofs[len(r.issuer.proofs)-1]; last.Get("client_secret") != "client-secret" {
			t.Errorf("%v", last)
		}
	})
}

func TestLoginServiceAway(t *testing.T) {
	r := newRig(t)
	r.chat.provider.discovery = "https://127.0.0.1:1/.well-known/openid-configuration"
	resp, body := r.browser().get("/")
	if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "The login service cannot be reached") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestSettingsCheck(t *testing.T) {
	good := func() Settings {
		var ref secret.Ref
		must(t, ref.UnmarshalText([]byte("env:X")))
		return Settings{
			Listen: "127.0.0.1:1", URL: "https://chat.example", SignIn: SignIn{Tenant: "t", ClientID: "c", ClientSecret: ref},
			Users: Access{Everyone: true}, Gateway: Gateway{URL: "https://gateway.example"}, Models: []Model{{Name: "m"}}, Store: Store{SQLite: "x"},
		}
	}
	for name, c := range map[string]struct {
		change func(*Settings)
		want   string
	}{
		"right":              {func(*Settings) {}, ""},
		"no users":           {func(s *Settings) { s.Users = Access{} }, "users"},
		"clear to the world": {func(s *Settings) { s.Listen = "0.0.0.0:80" }, "listen"},
		"http":               {func(s *Settings) { s.URL = "http://chat.example" }, "url"},
		"a path":             {func(s *Settings) { s.URL = "https://chat.example/x" }, "url"},
		"http on loopback":   {func(s *Settings) { s.URL = "http://127.0.0.1:8080" }, ""},
		"two login services": {func(s *Settings) { s.SignIn.Issuer = "https://i.example" }, "sign_in"},
		"none":               {func(s *Settings) { s.SignIn.Tenant = "" }, "sign_in"},
		"behind an ingress":  {func(s *Settings) { s.Listen, s.Ingress = "0.0.0.0:8080", true }, ""},
		"an ingress and TLS": {func(s *Settings) { s.TLS, s.Ingress = &TLS{}, true }, "ingress"},
		"an identity": {func(s *Settings) {
			s.SignIn.ClientSecret, s.SignIn.ManagedIdentity = secret.Ref{}, &login.ManagedIdentity{}
		}, ""},
		"an identity elsewhere": {func(s *Settings) {
			s.SignIn = SignIn{Issuer: "https://i.example", ClientID: "c", ManagedIdentity: &login.ManagedIdentity{}}
		}, "sign_in.managed_identity"},
		"two proofs":              {func(s *Settings) { s.SignIn.ManagedIdentity = &login.ManagedIdentity{} }, "sign_in.client_secret"},
		"no proof":                {func(s *Settings) { s.SignIn.ClientSecret = secret.Ref{} }, "sign_in.client_secret"},
		"a gateway in clear":      {func(s *Settings) { s.Gateway.URL = "http://gateway.example" }, "gateway.url"},
		"two stores":              {func(s *Settings) { s.Store.Postgres = s.SignIn.ClientSecret }, "store"},
		"a model twice":           {func(s *Settings) { s.Models = append(s.Models, s.Models[0]) }, "models[1].name"},
		"a price that is none":    {func(s *Settings) { s.Models[0].Prompt = -1 }, "models[0].prompt"},
		"a currency that is none": {func(s *Settings) { s.Models[0].Currency = "Dollar" }, "models[0].currency"},
		"history":                 {func(s *Settings) { s.History = -1 }, "session"},
	} {
		s := good()
		c.change(&s)
		got := ""
		s.Check(func(path, _, _ string) { got += path })
		if got != c.want {
			t.Errorf("%s: %q is reported, want %q", name, got, c.want)
		}
	}
}

// TestAttemptsAreSealed: what a browser keeps of a sign-in can be neither read
// nor made there, nor carried to another process.
func TestAttemptsAreSealed(t *testing.T) {
	one, err := newSessions(Session{}, time.Now)
	must(t, err)
	two, err := newSessions(Session{}, time.Now)
	must(t, err)
	cookie, a, err := one.attempt("/c/abc")
	must(t, err)
	if strings.Contains(cookie, a.State) || len(cookie) > 1000 {
		t.Error(cookie)
	}
	if got, ok := one.redeem(cookie); !ok || got.Verifier != a.Verifier || got.Next != "/c/abc" {
		t.Errorf("%+v %v", got, ok)
	}
	if _, ok := two.redeem(cookie); ok {
		t.Error("another process takes it")
	}
	for _, bad := range []string{"", "x", cookie[:len(cookie)-2], cookie[1:], cookie + "AA", strings.ToLower(cookie)} {
		if _, ok := one.redeem(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}
