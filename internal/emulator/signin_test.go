package emulator

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

const gatewayScope = "api://ostiary-gateway/user_impersonation"

// withChat registers a web application beside the command line.
func withChat() Settings {
	return Settings{Directory: Directory{
		DevicePoll: time.Second,
		Apps: []App{
			{Name: "sample-app", ClientID: sampleClientID},
			{Name: "ostiary-cli", ClientID: cliClientID, Public: true, RedirectURIs: loopbackURIs()},
			{Name: "ostiary-chat", ClientID: chatClientID, RedirectURIs: []string{"https://chat.example/callback", "https://chat.example/"}},
		},
	}}
}

// browser keeps cookies and follows redirects to the issuer alone.
type browser struct {
	t *testing.T
	*http.Client
}

func newBrowser(t *testing.T, e *Emulator) browser {
	t.Helper()
	c := client(t, e)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Jar = jar
	c.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if "https://"+r.URL.Host != e.URLs().Issuer {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return browser{t, c}
}

func (b browser) read(resp *http.Response, err error) (*http.Response, string) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, string(body)
}

var (
	formAction = regexp.MustCompile(`<form method="post"(?: action="([^"]*)")?>`)
	hidden     = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// click presses a button of the page of people.
func (b browser) click(at *url.URL, page, name, value string) (*http.Response, string) {
	b.t.Helper()
	found := formAction.FindStringSubmatch(page)
	if found == nil {
		b.t.Fatalf("no form in %s", page)
	}
	to, err := at.Parse(html.UnescapeString(found[1]))
	if err != nil {
		b.t.Fatal(err)
	}
	form := url.Values{name: {value}}
	for _, field := range hidden.FindAllStringSubmatch(page, -1) {
		form.Set(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	return b.read(b.PostForm(to.String(), form))
}

// challenge is an S256 challenge.
func challenge(pkceVerifier string) string {
	sum := sha256.Sum256([]byte(pkceVerifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

const pkceVerifier = "a-verifier-of-at-least-forty-three-characters-long"

// request is a good authorization request of the command line, to be spoilt.
func request(e *Emulator, change func(url.Values)) string {
	v := url.Values{
		"client_id": {cliClientID}, "response_type": {"code"}, "redirect_uri": {"http://localhost:41234/"},
		"scope": {"openid profile offline_access " + gatewayScope}, "state": {"the state"}, "nonce": {"the nonce"},
		"code_challenge": {challenge(pkceVerifier)}, "code_challenge_method": {"S256"},
	}
	if change != nil {
		change(v)
	}
	return e.URLs().Issuer + "/" + defaultTenant + "/oauth2/v2.0/authorize?" + v.Encode()
}

// signIn goes from a request to what the client is sent.
func (b browser) signIn(to, login string) url.Values {
	b.t.Helper()
	resp, page := b.read(b.Get(to))
	if resp.StatusCode == http.StatusOK {
		resp, page = b.click(resp.Request.URL, page, "login", login)
	}
	back, err := resp.Location()
	if err != nil {
		b.t.Fatalf("%d, not sent back: %s", resp.StatusCode, page)
	}
	return back.Query()
}

func redeem(e *Emulator, form url.Values) *httptest.ResponseRecorder {
	return requestToken(e, defaultTenant, form)
}

func redeemCode(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "client_id": {cliClientID}, "code": {code},
		"redirect_uri": {"http://localhost:41234/"}, "code_verifier": {pkceVerifier}, "client_info": {"1"},
	}
}

// claimsOf checks a token with an independent library, by discovery alone.
func claimsOf(t *testing.T, e *Emulator, token, audience string) map[string]any {
	t.Helper()
	ctx := oidc.ClientContext(t.Context(), client(t, e))
	provider, err := oidc.NewProvider(ctx, e.URLs().Issuer+"/"+defaultTenant+"/v2.0")
	if err != nil {
		t.Fatal(err)
	}
	checked, err := provider.Verifier(&oidc.Config{ClientID: audience}).Verify(ctx, token)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := checked.Claims(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// A person signs in by a click, as an ordinary OpenID Connect client sees it.
func TestPeopleSignIn(t *testing.T) {
	e := newTest(t, Config{Settings: withChat()})
	run(t, e)
	b := newBrowser(t, e)
	back := b.signIn(request(e, nil), "two@sample.example")
	if back.Get("state") != "the state" || back.Get("code") == "" {
		t.Fatalf("sent back with %v", back)
	}
	w := redeem(e, redeemCode(back.Get("code")))
	got := decodeJSON[tokenAnswer](t, w.Body.Bytes())
	if w.Code != 200 || got.Refresh == "" || got.ClientInfo == "" || !strings.Contains(got.Scope, gatewayScope) || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	who := derivedGUID("person", "two@sample.example")
	id := claimsOf(t, e, got.ID, cliClientID)
	access := claimsOf(t, e, got.Token, gatewayAppID)
	for name, want := range map[string]any{
		"oid": who, "tid": defaultTenant, "name": "Sample Person Two", "preferred_username": "two@sample.example", "ver": "2.0",
	} {
		if id[name] != want || access[name] != want {
			t.Errorf("%s: %v and %v, want %v", name, id[name], access[name], want)
		}
	}
	groups, _ := access["groups"].([]any)
	roles, _ := access["roles"].([]any)
	if len(groups) != 2 || groups[1] != derivedGUID("group", "Sample Administrators") || len(roles) != 1 || roles[0] != "Admin" {
		t.Errorf("groups %v, roles %v", groups, roles)
	}
	if id["nonce"] != "the nonce" || access["nonce"] != nil || access["scp"] != "user_impersonation" || access["azp"] != cliClientID || access["azpacr"] != "0" || id["scp"] != nil {
		t.Errorf("%v\n%v", id, access)
	}
	if id["sub"] == access["sub"] || id["sub"] == who {
		t.Error("sub is not pairwise")
	}
}

// go-oidc and oauth2 go through it unchanged, with a secret and a cookie.
func TestAWebApplicationSignsPeopleIn(t *testing.T) {
	e := newTest(t, Config{Settings: withChat()})
	run(t, e)
	b := newBrowser(t, e)
	ctx := oidc.ClientContext(t.Context(), client(t, e))
	provider, err := oidc.NewProvider(ctx, e.URLs().Issuer+"/"+defaultTenant+"/v2.0")
	if err != nil {
		t.Fatal(err)
	}
	app, err := e.App("ostiary-chat")
	if err != nil {
		t.Fatal(err)
	}
	cfg := oauth2.Config{
		ClientID: app.ClientID, ClientSecret: app.Secret.Reveal(), Endpoint: provider.Endpoint(), RedirectURL: "https://chat.example/callback",
		Scopes: []string{"openid", "profile", "email", "offline_access"},
	}
	v := oauth2.GenerateVerifier()
	back := b.signIn(cfg.AuthCodeURL("s", oauth2.S256ChallengeOption(v)), "one@sample.example")
	token, err := cfg.Exchange(ctx, back.Get("code"), oauth2.VerifierOption(v))
	if err != nil {
		t.Fatal(err)
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		t.Fatal(err)
	}
	id := claimsOf(t, e, token.Extra("id_token").(string), app.ClientID)
	if info.Subject != id["sub"] || info.Email != "one@sample.example" || id["email"] != info.Email {
		t.Errorf("%+v and %v", info, id)
	}
	// The cookie signs in without a question, prompt=login asks again, and
	// after signing out prompt=none finds nobody.
	if again := b.signIn(cfg.AuthCodeURL("s", oauth2.SetAuthURLParam("prompt", "none")), ""); again.Get("code") == "" {
		t.Errorf("prompt=none: %v", again)
	}
	for _, param := range [][2]string{{"prompt", "login"}, {"prompt", "select_account"}, {"login_hint", "two@sample.example"}} {
		resp, page := b.read(b.Get(cfg.AuthCodeURL("s", oauth2.SetAuthURLParam(param[0], param[1]))))
		if resp.StatusCode != http.StatusOK || !strings.Contains(page, "Sample Person Two") {
			t.Errorf("%v: %d", param, resp.StatusCode)
		}
	}
	out := e.URLs().Issuer + "/" + defaultTenant + "/oauth2/v2.0/logout?state=x&post_logout_redirect_uri="
	resp, _ := b.read(b.Get(out + url.QueryEscape("https://chat.example/")))
	if to, _ := resp.Location(); to == nil || to.String() != "https://chat.example/?state=x" {
		t.Errorf("signed out to %v", to)
	}
	if none := b.signIn(cfg.AuthCodeURL("s", oauth2.SetAuthURLParam("prompt", "none")), ""); none.Get("error") != "login_required" {
		t.Errorf("after signing out: %v", none)
	}
	for _, foreign := range []string{"https://evil.example/", "https://chat.example.evil.example/", "//evil.example", "https://chat.example/elsewhere", "javascript:alert(1)"} {
		if resp, _ := b.read(b.Get(out + url.QueryEscape(foreign))); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %v", foreign, resp.StatusCode, resp.Header)
		}
	}
}

// What is wrong with client or address is told to the person, never to the
// address; the rest is told to the client.
func TestAuthorizationRefusals(t *testing.T) {
	e := newTest(t, Config{Settings: withChat()})
	run(t, e)
	set := func(name, value string) func(url.Values) { return func(v url.Values) { v.Set(name, value) } }
	for _, test := range []struct {
		name   string
		change func(url.Values)
		number string
		kind   string // "" is told on a page
	}{
		{"no client", set("client_id", ""), "AADSTS900144", ""},
		{"unknown client", set("client_id", sampleClientID[:35]+"6"), "AADSTS700016", ""},
		{"another path", set("redirect_uri", "http://localhost:1/x"), "AADSTS50011", ""},
		{"another host", set("redirect_uri", "http://evil.example/"), "AADSTS50011", ""},
		{"a name in front", set("redirect_uri", "http://localhost@evil.example/"), "AADSTS50011", ""},
		{"a query", set("redirect_uri", "http://localhost:1/?x=1"), "AADSTS50011", ""},
		{"a fragment", set("redirect_uri", "http://localhost:1/#x"), "AADSTS50011", ""},
		{"a script", set("redirect_uri", "javascript:alert(1)"), "AADSTS50011", ""},
		{"https on loopback", set("redirect_uri", "https://localhost:1/"), "AADSTS50011", ""},
		{"any port of a confidential client", func(v url.Values) {
			v.Set("client_id", chatClientID)
			v.Set("redirect_uri", "https://chat.example:8443/callback")
		}, "AADSTS50011", ""},
		{"no response type", set("response_type", ""), "AADSTS900144", "invalid_request"},
		{"an implicit token", set("response_type", "id_token token"), "AADSTS700054", "unsupported_response_type"},
		{"a response mode", set("response_mode", "carrier_pigeon"), "AADSTS90023", "invalid_request"},
		{"a prompt", set("prompt", "none login"), "AADSTS90023", "invalid_request"},
		{"a short challenge", set("code_challenge", "short"), "AADSTS90023", "invalid_request"},
		{"a challenge method", set("code_challenge_method", "S512"), "AADSTS90023", "invalid_request"},
		{"no scope", set("scope", ""), "AADSTS900144", "invalid_request"},
		{"two resources", set("scope", gatewayScope+" https://vault.azure.net/.default"), "AADSTS28000", "invalid_scope"},
		{"an unknown resource", set("scope", "api://other/.default"), "AADSTS500011", "invalid_resource"},
		{"an unknown scope", set("scope", "api://ostiary-gateway/Everything"), "AADSTS650053", "invalid_client"},
		{"nobody", set("prompt", "none"), "AADSTS50058", "login_required"},
	} {
		b := newBrowser(t, e)
		resp, page := b.read(b.Get(request(e, test.change)))
		if test.kind == "" {
			if resp.StatusCode != http.StatusBadRequest || !strings.Contains(page, test.number+": ") || resp.Header.Get("Location") != "" {
				t.Errorf("%s: %d %s", test.name, resp.StatusCode, page)
			}
			continue
		}
		back, err := resp.Location()
		if err != nil || back.Query().Get("error") != test.kind || back.Query().Get("state") != "the state" ||
			!strings.HasPrefix(back.Query().Get("error_description"), test.number+": ") {
			t.Errorf("%s: %d %v", test.name, resp.StatusCode, back)
		}
	}
}

func TestResponseModes(t *testing.T) {
	e := newTest(t, Config{Settings: withChat()})
	run(t, e)
	b := newBrowser(t, e)
	mode := func(m string) string {
		return request(e, func(v url.Values) { v.Set("response_mode", m); v.Set("login_hint", "one@sample.example") })
	}
	resp, page := b.read(b.Get(mode("fragment")))
	resp, _ = b.click(resp.Request.URL, page, "login", "one@sample.example")
	if back, err := resp.Location(); err != nil || back.RawQuery != "" || !strings.Contains(back.Fragment, "code=") {
		t.Errorf("fragment: %v %v", back, err)
	}
	resp, page = b.read(b.Get(mode("form_post")))
	policy := resp.Header.Get("Content-Security-Policy")
	if resp.StatusCode != http.StatusOK || !strings.Contains(page, `action="http://localhost:41234/"`) || !strings.Contains(page, `name="code"`) ||
		!strings.Contains(policy, "form-action 'self' http://localhost:41234;") || !strings.Contains(policy, "'sha256-") {
		t.Errorf("form_post: %d %s\n%s", resp.StatusCode, policy, page)
	}
	if script := regexp.MustCompile(`<script>(.*?)</script>`).FindStringSubmatch(page); script == nil || script[1] != autoSend {
		t.Errorf("the script is not the one that the policy allows: %v", script)
	}
	resp, page = b.read(b.Get(request(e, func(v url.Values) { v.Set("prompt", "login") })))
	resp, _ = b.click(resp.Request.URL, page, "cancel", "1")
	if back, err := resp.Location(); err != nil || back.Query().Get("error") != "access_denied" {
		t.Errorf("cancel: %v %v", back, err)
	}
}

// What an attacker types into a request is text on the page, and a form that
// another site sends is refused.
func TestThePageIsSafe(t *testing.T) {
	e := newTest(t, Config{Settings: withChat()})
	run(t, e)
	b := newBrowser(t, e)
	resp, page := b.read(b.Get(request(e, func(v url.Values) { v.Set("state", `"><script>alert(1)</script>`) })))
	if strings.Contains(page, "<script") || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "script-src 'none'") {
		t.Errorf("%v\n%s", resp.Header, page)
	}
	_, page = b.read(b.Get(e.URLs().Issuer + `/common/oauth2/deviceauth?otc="><script>alert(1)`))
	if strings.Contains(page, "<script") {
		t.Error(page)
	}
	foreign, _ := http.NewRequest(http.MethodPost, e.URLs().Issuer+"/"+defaultTenant+"/login", strings.NewReader("login=one@sample.example"))
	foreign.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	foreign.Header.Set("Origin", "https://evil.example")
	if resp, _ := b.read(b.Do(foreign)); resp.StatusCode != http.StatusForbidden || resp.Header.Get("Set-Cookie") != "" {
		t.Errorf("a foreign form: %d %v", resp.StatusCode, resp.Header)
	}
}

func TestCodesAreRedeemedOnceByTheirClient(t *testing.T) {
	now := time.Now()
	e := newTest(t, Config{Settings: withChat(), Now: func() time.Time { return now }})
	run(t, e)
	b := newBrowser(t, e)
	app, err := e.App("ostiary-chat")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(url.Values)
		number string
	}{
		{"no verifier", func(v url.Values) { v.Del("code_verifier") }, "AADSTS501481"},
		{"another verifier", func(v url.Values) { v.Set("code_verifier", pkceVerifier+"x") }, "AADSTS501481"},
		{"another address", func(v url.Values) { v.Set("redirect_uri", "http://localhost:1/") }, "AADSTS500112"},
		{"another client", func(v url.Values) {
			v.Set("client_id", app.ClientID)
			v.Set("client_secret", app.Secret.Reveal())
		}, "AADSTS9002313"},
		{"another client without its secret", func(v url.Values) { v.Set("client_id", app.ClientID) }, "AADSTS7000218"},
		{"a secret of a public client", func(v url.Values) { v.Set("client_secret", "x") }, "AADSTS700025"},
		{"a changed code", func(v url.Values) { v.Set("code", v.Get("code")[1:]) }, "AADSTS9002313"},
		{"a code as refresh token", func(v url.Values) {
			v.Set("grant_type", "refresh_token")
			v.Set("refresh_token", v.Get("code"))
		}, "AADSTS9002313"},
		{"another resource than exists", func(v url.Values) { v.Set("scope", "api://nothing/.default") }, "AADSTS500011"},
	} {
		form := redeemCode(b.signIn(request(e, nil), "one@sample.example").Get("code"))
		test.change(form)
		if w := redeem(e, form); w.Code == 200 || !strings.Contains(w.Body.String(), test.number+": ") {
			t.Errorf("%s: %d %s", test.name, w.Code, w.Body)
		}
	}
	form := redeemCode(b.signIn(request(e, nil), "one@sample.example").Get("code"))
	if w := redeem(e, form); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := redeem(e, form); !strings.Contains(w.Body.String(), "AADSTS54005: ") {
		t.Errorf("again: %d %s", w.Code, w.Body)
	}
	form = redeemCode(b.signIn(request(e, nil), "one@sample.example").Get("code"))
	now = now.Add(codeLife + time.Second)
	if w := redeem(e, form); !strings.Contains(w.Body.String(), "AADSTS70008: ") {
		t.Errorf("late: %d %s", w.Code, w.Body)
	}
}

// As with Entra a refresh gives a new refresh token, the old one stays good,
// any API may be asked for, and a restart ends none of it.
func TestRefresh(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	e := newTest(t, Config{Settings: withChat(), Now: clock})
	run(t, e)
	first := decodeJSON[tokenAnswer](t, redeem(e, redeemCode(newBrowser(t, e).signIn(request(e, nil), "one@sample.example").Get("code"))).Body.Bytes())
	settings := withChat()
	settings.State = e.settings.State
	again := newTest(t, Config{Settings: settings, Now: clock})
	refresh := func(token, scope string) (int, tokenAnswer) {
		w := redeem(again, url.Values{"grant_type": {"refresh_token"}, "client_id": {cliClientID}, "refresh_token": {token}, "scope": {scope}})
		return w.Code, decodeJSON[tokenAnswer](t, w.Body.Bytes())
	}
	code, second := refresh(first.Refresh, "")
	if code != 200 || second.Refresh == first.Refresh || second.Refresh == "" {
		t.Fatalf("%d %+v", code, second)
	}
	code, third := refresh(first.Refresh, cognitiveScope)
	if code != 200 || askWithToken(again, third.Token).Code != 200 {
		t.Errorf("for another API: %d %+v", code, third)
	}
	now = now.Add(refreshLife + time.Hour)
	if code, _ := refresh(second.Refresh, ""); code != 400 {
		t.Errorf("after 90 days: %d", code)
	}
}

func TestOnBehalfOf(t *testing.T) {
	e := newTest(t, Config{Settings: withChat()})
	run(t, e)
	app, err := e.App("ostiary-chat")
	if err != nil {
		t.Fatal(err)
	}
	tokenOf := func(scope string) string {
		form := redeemCode(newBrowser(t, e).signIn(request(e, func(v url.Values) { v.Set("scope", scope) }), "two@sample.example").Get("code"))
		return decodeJSON[tokenAnswer](t, redeem(e, form).Body.Bytes()).Token
	}
	swap := func(assertion string, change func(url.Values)) *httptest.ResponseRecorder {
		form := url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "requested_token_use": {"on_behalf_of"},
			"client_id": {app.ClientID}, "client_secret": {app.Secret.Reveal()}, "assertion": {assertion}, "scope": {gatewayScope},
		}
		if change != nil {
			change(form)
		}
		return redeem(e, form)
	}
	good := tokenOf("api://ostiary-chat/user_impersonation")
	w := swap(good, nil)
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	c := claimsOf(t, e, decodeJSON[tokenAnswer](t, w.Body.Bytes()).Token, gatewayAppID)
	if c["oid"] != derivedGUID("person", "two@sample.example") || c["azp"] != chatClientID || c["azpacr"] != "1" || c["scp"] != "user_impersonation" {
		t.Errorf("%v", c)
	}
	ownForm := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {app.ClientID}, "client_secret": {app.Secret.Reveal()}, "scope": {"api://ostiary-chat/.default"},
	}
	own := decodeJSON[tokenAnswer](t, redeem(e, ownForm).Body.Bytes()).Token
	for _, test := range []struct {
		name   string
		got    *httptest.ResponseRecorder
		number string
	}{
		{"a token for another API", swap(tokenOf(gatewayScope), nil), "AADSTS500131"},
		{"an application's own token", swap(own, nil), "AADSTS50027"},
		{"a changed token", swap(good[:len(good)-8]+"AAAAAAAA", nil), "AADSTS50013"},
		{"no use", swap(good, func(v url.Values) { v.Del("requested_token_use") }), "AADSTS900144"},
		{"a public client", swap(good, func(v url.Values) { v.Set("client_id", cliClientID); v.Del("client_secret") }), "AADSTS7000218"},
		{"no assertion", swap("", nil), "AADSTS900144"},
	} {
		if test.got.Code == 200 || !strings.Contains(test.got.Body.String(), test.number+": ") {
			t.Errorf("%s: %d %s", test.name, test.got.Code, test.got.Body)
		}
	}
}

func TestDeviceCode(t *testing.T) {
	now := time.Now()
	e := newTest(t, Config{Settings: withChat(), Now: func() time.Time { return now }})
	run(t, e)
	type started struct {
		UserCode   string `json:"user_code"`
		DeviceCode string `json:"device_code"`
		URI        string `json:"verification_uri"`
	}
	start := func() started {
		r := httptest.NewRequest(http.MethodPost, "/organizations/oauth2/v2.0/devicecode",
			strings.NewReader(url.Values{"client_id": {cliClientID}, "scope": {"openid offline_access " + gatewayScope}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		e.Issuer().ServeHTTP(w, r)
		return decodeJSON[started](t, w.Body.Bytes())
	}
	poll := func(code string) (string, tokenAnswer) {
		w := redeem(e, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {cliClientID}, "device_code": {code}})
		return decodeJSON[struct{ Error string }](t, w.Body.Bytes()).Error, decodeJSON[tokenAnswer](t, w.Body.Bytes())
	}
	expect := func(code, want string) {
		t.Helper()
		if got, _ := poll(code); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	e.issuer.poll = 5 * time.Second
	one := start()
	expect(one.DeviceCode, "authorization_pending")
	expect(one.DeviceCode, "slow_down")
	now = now.Add(5 * time.Second)
	expect(one.DeviceCode, "authorization_pending")
	expect("x"+one.DeviceCode, "bad_verification_code")

	b := newBrowser(t, e)
	resp, page := b.read(b.Get(one.URI))
	if _, wrong := b.click(resp.Request.URL, page, "code", "BBBBBBBBB"); !strings.Contains(wrong, "did not work") {
		t.Error(wrong)
	}
	resp, page = b.click(resp.Request.URL, page, "code", strings.ToLower(one.UserCode)+" ")
	if !strings.Contains(page, "ostiary-cli") || !strings.Contains(page, "Sample Person One") {
		t.Fatalf("%d %s", resp.StatusCode, page)
	}
	expect(one.DeviceCode, "slow_down")
	if resp, page = b.click(resp.Request.URL, page, "login", "one@sample.example"); !strings.Contains(page, "You are signed in") {
		t.Fatalf("%d %s", resp.StatusCode, page)
	}
	failed, got := poll(one.DeviceCode)
	if failed != "" || got.Refresh == "" || claimsOf(t, e, got.Token, gatewayAppID)["name"] != "Sample Person One" {
		t.Errorf("%q %+v", failed, got)
	}
	expect(one.DeviceCode, "bad_verification_code")

	no := start()
	resp, page = b.read(b.Get(no.URI))
	resp, page = b.click(resp.Request.URL, page, "code", no.UserCode)
	b.click(resp.Request.URL, page, "cancel", "1")
	expect(no.DeviceCode, "authorization_declined")
	late := start()
	now = now.Add(deviceLife + time.Second)
	expect(late.DeviceCode, "expired_token")
}

// A client that came by Azure's own name finds Azure's names in everything.
func TestAzureNames(t *testing.T) {
	e := newTest(t, Config{Settings: withChat()})
	send := func(method, target string, form url.Values) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		e.Issuer().ServeHTTP(w, r)
		return w
	}
	azure := "https://login.microsoftonline.com/" + defaultTenant
	doc := decodeJSON[discovery](t, send("GET", azure+"/v2.0/.well-known/openid-configuration", nil).Body.Bytes())
	if doc.Issuer != azure+"/v2.0" || doc.TokenEndpoint != azure+"/oauth2/v2.0/token" || doc.Userinfo != "https://graph.microsoft.com/oidc/userinfo" {
		t.Errorf("%+v", doc)
	}
	found := send("GET", "https://login.microsoftonline.com/common/discovery/instance?authorization_endpoint="+url.QueryEscape(azure+"/oauth2/v2.0/authorize"), nil)
	if !strings.Contains(found.Body.String(), `"preferred_cache":"login.windows.net"`) {
		t.Errorf("%s", found.Body)
	}
	for _, version := range []struct{ scope, issuer string }{
		{cognitiveScope, "https://sts.windows.net/" + defaultTenant + "/"}, {"api://ostiary-gateway/.default", azure + "/v2.0"},
	} {
		form := tokenForm(t, e)
		form.Set("scope", version.scope)
		token := decodeJSON[tokenAnswer](t, send("POST", azure+"/oauth2/v2.0/token", form).Body.Bytes()).Token
		if c, err := e.issuer.parse(token); err != nil || c.Issuer != version.issuer {
			t.Errorf("%s: %q %v", version.scope, c.Issuer, err)
		}
	}
}

// Microsoft's own credential classes sign people in, unchanged but for the
// authority.
func TestAzidentitySignsPeopleIn(t *testing.T) {
	e := newTest(t, Config{Settings: withChat()})
	run(t, e)
	options := azcore.ClientOptions{Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: e.URLs().Issuer}, Transport: client(t, e)}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, tenant := range []string{"", defaultTenant} {
		device, err := azidentity.NewDeviceCodeCredential(&azidentity.DeviceCodeCredentialOptions{
			ClientOptions: options, DisableInstanceDiscovery: true, TenantID: tenant,
			UserPrompt: func(_ context.Context, m azidentity.DeviceCodeMessage) error {
				b := newBrowser(t, e)
				resp, page := b.read(b.Get(m.VerificationURL))
				resp, page = b.click(resp.Request.URL, page, "code", m.UserCode)
				b.click(resp.Request.URL, page, "login", "one@sample.example")
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, scope := range []string{cognitiveScope, "api://ostiary-gateway/.default"} { // the second by the refresh token
			token, err := device.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
			if err != nil {
				t.Fatalf("tenant %q, %s: %v", tenant, scope, err)
			}
			if c, err := e.issuer.parse(token.Token); err != nil || c.ObjectID != derivedGUID("person", "one@sample.example") || c.client() != azureCLIClientID {
				t.Errorf("%+v %v", c, err)
			}
		}
	}
	app, err := e.App("ostiary-chat")
	if err != nil {
		t.Fatal(err)
	}
	form := redeemCode(newBrowser(t, e).signIn(request(e, func(v url.Values) { v.Set("scope", "api://ostiary-chat/.default") }), "two@sample.example").Get("code"))
	mine := decodeJSON[tokenAnswer](t, redeem(e, form).Body.Bytes()).Token
	behalf, err := azidentity.NewOnBehalfOfCredentialWithSecret(app.Tenant, app.ClientID, mine, app.Secret.Reveal(),
		&azidentity.OnBehalfOfCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	token, err := behalf.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{cognitiveScope}})
	if err != nil || askWithToken(e, token.Token).Code != 200 {
		t.Errorf("on behalf of: %v", err)
	}
}

// inside carries requests to the issuer as the emulated network does: by the
// name that the client believes it speaks to.
type inside struct{ http.Handler }

func (i inside) Do(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = r.URL.Host
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	i.ServeHTTP(w, r)
	return w.Result(), nil
}

// Inside the emulated network azidentity needs no setting at all: instance
// discovery ends here too.
func TestAzidentityByAzuresNames(t *testing.T) {
	e := newTest(t, Config{})
	app, err := e.App("sample-app")
	if err != nil {
		t.Fatal(err)
	}
	credential, err := azidentity.NewClientSecretCredential(app.Tenant, app.ClientID, app.Secret.Reveal(),
		&azidentity.ClientSecretCredentialOptions{ClientOptions: azcore.ClientOptions{Transport: inside{e.Issuer()}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{cognitiveScope}})
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := e.issuer.verify(token.Token); !ok || c.Issuer != "https://sts.windows.net/"+defaultTenant+"/" {
		t.Errorf("%+v", c)
	}
}

// The class that opens a browser does too: xdg-open is then a script that
// leaves the address where we, the browser, find it.
func TestAzidentityOpensABrowser(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("NOT CHECKED: azidentity's InteractiveBrowserCredential: here is no xdg-open")
	}
	e := newTest(t, Config{Settings: withChat()})
	run(t, e)
	dir := t.TempDir()
	address := filepath.Join(dir, "address")
	script := "#!/bin/sh\nprintf %s \"$1\" > '" + address + ".new' && mv '" + address + ".new' '" + address + "'\n"
	if err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	credential, err := azidentity.NewInteractiveBrowserCredential(&azidentity.InteractiveBrowserCredentialOptions{
		ClientOptions:            azcore.ClientOptions{Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: e.URLs().Issuer}, Transport: client(t, e)},
		DisableInstanceDiscovery: true, TenantID: defaultTenant,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			if to, err := os.ReadFile(address); err == nil {
				c := newBrowser(t, e)
				resp, page := c.read(c.Get(string(to)))
				resp, page = c.click(resp.Request.URL, page, "login", "one@sample.example")
				c.click(resp.Request.URL, page, "continue", "") // it asks for response_mode=form_post
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{cognitiveScope}})
	if err != nil || askWithToken(e, token.Token).Code != 200 {
		t.Errorf("%v", err)
	}
}

func TestBrokenDirectoryNamesEveryField(t *testing.T) {
	_, err := New(Config{Settings: Settings{State: t.TempDir(), Directory: Directory{
		DevicePoll: time.Hour,
		Groups:     []Group{{Name: "A"}, {Name: "A", ObjectID: "x"}},
		Users: []User{
			{Login: "nobody", Groups: []string{"B"}},
			{Login: "one@sample.example"},
			{Login: "ONE@sample.example", ObjectID: "y"},
			{Login: "two@sample.example", Groups: make([]string, maxGroups+1)},
		},
		Apps: []App{
			{Name: "a", ClientID: sampleClientID, Public: true, Secret: secretRef(t, "env:X"), RedirectURIs: []string{"http://evil.example/", "javascript:x", "https://a.example/#b"}},
		},
		Resources: []Resource{{URI: "api://x", AppID: gatewayAppID, Scopes: []string{"api://x/Read"}}},
	}}})
	if fault.KindOf(err) != fault.Invalid {
		t.Fatalf("%v", err)
	}
	for _, field := range []string{
		"device_poll", "groups[1].name", "groups[1].object_id", "users[0].login", "users[0].groups[0]", "users[2].login", "users[2].object_id",
		"users[3].groups", "apps[0].secret", "apps[0].redirect_uris[0]", "apps[0].redirect_uris[1]", "apps[0].redirect_uris[2]", "resources[0].scopes[0]",
	} {
		if !strings.Contains(err.Error(), "directory."+field+": ") {
			t.Errorf("%s is not named", field)
		}
	}
}

func secretRef(t *testing.T, text string) (r secret.Ref) {
	t.Helper()
	if err := r.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return r
}

func FuzzAuthorize(f *testing.F) {
	e := newTest(f, Config{Settings: withChat()})
	_, good, _ := strings.Cut(request(e, nil), "?")
	f.Add(good, "one@sample.example")
	f.Add("client_id="+cliClientID+"&redirect_uri=http://localhost&response_mode=form_post&prompt=none", "")
	f.Add("client_id="+chatClientID+"&redirect_uri=https://chat.example/callback&scope=openid&response_type=code", "x")
	f.Add("client_id=%zz&redirect_uri=//evil.example", "two@sample.example")
	f.Fuzz(func(t *testing.T, query, login string) {
		for _, r := range []*http.Request{
			httptest.NewRequest(http.MethodPost, "/"+defaultTenant+"/oauth2/v2.0/authorize", strings.NewReader(query)),
			httptest.NewRequest(http.MethodPost, "/"+defaultTenant+"/login", strings.NewReader(url.Values{"request": {query}, "login": {login}}.Encode())),
		} {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			e.Issuer().ServeHTTP(w, r)
			to, err := url.Parse(w.Header().Get("Location"))
			if err != nil || to.Host != "" && !isLoopback(to.Hostname()) && to.Host != "chat.example" {
				t.Errorf("%q sends people to %q", query, w.Header().Get("Location"))
			}
		}
	})
}
