package emulator

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/internal/cloud"
)

const (
	webAppID  = "6f0c2a9e-1b7d-4e35-8c44-90a1d2e3f405"
	apiAppID  = "0d4b7c11-52e8-4f96-a3b0-7e6c5d4f3a21"
	hostID    = "21c6d8f4-7a0b-4d19-9e53-b8f7a6c5d401" // object id of the host's identity
	webReturn = "https://web.example/callback"
)

// inGraph is a directory in which Graph has made a web application and the API
// that it asks for.
type inGraph struct{ web, api cloud.Application }

func (g *inGraph) Applications() []cloud.Application           { return []cloud.Application{g.web, g.api} }
func (g *inGraph) CheckPassword(string, string) (string, bool) { return "", false }

func withGraph(t *testing.T) (*Emulator, *inGraph) {
	t.Helper()
	e := newTest(t, Config{})
	g := &inGraph{
		web: cloud.Application{
			AppID: webAppID, ObjectID: derivedGUID("principal", webAppID), Name: "web", TokenVersion: 2, Redirects: []string{webReturn},
			Federated: []cloud.Federated{{Issuer: e.issuer.azureNames().issuer(2, defaultTenant), Subject: hostID, Audiences: []string{exchangeURI}}},
		},
		api: cloud.Application{
			AppID: apiAppID, ObjectID: derivedGUID("principal", apiAppID), Name: "api", TokenVersion: 2, URIs: []string{"api://made"},
			Scopes: []string{"ask", "read"}, Known: map[string][]string{webAppID: {"ask"}},
		},
	}
	e.issuer.made = g
	return e, g
}

// hostToken is what a managed identity gets for a resource.
func hostToken(t *testing.T, e *Emulator, resource string) string {
	t.Helper()
	to, ok := e.issuer.resource(resource)
	if !ok {
		t.Fatal(resource)
	}
	token, err := e.issuer.appToken(e.issuer.azureNames(), app{App: App{ClientID: sampleClientID, ObjectID: hostID}}, target{Resource: to, audience: resource})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// An application signs in by the token of an identity that it trusts, and by no
// other: signature, time, issuer, subject and audience are held to what is
// registered now.
func TestAnIdentityStandsForASecret(t *testing.T) {
	e, g := withGraph(t)
	exchange := func(change func(gojwt.MapClaims)) gojwt.MapClaims {
		c := gojwt.MapClaims{
			"iss": e.issuer.azureNames().issuer(2, defaultTenant), "aud": exchangeAppID, "sub": hostID, "oid": hostID,
			"exp": time.Now().Add(time.Hour).Unix(), "nbf": time.Now().Unix(), "tid": defaultTenant, "ver": "2.0",
		}
		change(c)
		return c
	}
	signed := func(kid string, change func(gojwt.MapClaims)) string {
		token := gojwt.NewWithClaims(gojwt.SigningMethodRS256, exchange(change))
		token.Header["kid"] = kid
		s, err := token.SignedString(e.issuer.key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	unspoilt := func(gojwt.MapClaims) {}
	right := hostToken(t, e, exchangeURI)
	parts := strings.Split(right, ".")
	other := hostToken(t, e, "api://made")
	for name, c := range map[string]struct {
		assertion string
		change    func(url.Values)
		spoil     func(*cloud.Application)
		want      string // AADSTS number; empty: signed in
	}{
		"as it should be":              {assertion: right},
		"by the emulator's own name":   {assertion: signed(e.issuer.keyID, func(c gojwt.MapClaims) { c["iss"] = e.issuer.ownNames().issuer(2, defaultTenant) })},
		"another identity":             {assertion: signed(e.issuer.keyID, func(c gojwt.MapClaims) { c["sub"] = derivedGUID("x", "y") }), want: "AADSTS700213"},
		"a token for another API":      {assertion: other, want: "AADSTS700212"},
		"a version 1 token":            {assertion: hostToken(t, e, cognitiveURI), want: "AADSTS700211"},
		"a person's or another tenant": {assertion: signed(e.issuer.keyID, func(c gojwt.MapClaims) { c["iss"] = "https://login.microsoftonline.com/" + apiAppID + "/v2.0" }), want: "AADSTS700211"},
		"ended":                        {assertion: signed(e.issuer.keyID, func(c gojwt.MapClaims) { c["exp"] = time.Now().Add(-time.Hour).Unix() }), want: "AADSTS700024"},
		"not yet":                      {assertion: signed(e.issuer.keyID, func(c gojwt.MapClaims) { c["nbf"] = time.Now().Add(time.Hour).Unix() }), want: "AADSTS700024"},
		"an unknown key":               {assertion: signed("other", unspoilt), want: "AADSTS700211"},
		"claims changed":               {assertion: parts[0] + "." + strings.Split(other, ".")[1] + "." + parts[2], want: "AADSTS700211"},
		"no token":                     {assertion: "x", want: "AADSTS50027"},
		"without its type":             {assertion: right, change: func(v url.Values) { v.Del("client_assertion_type") }, want: "AADSTS900144"},
		"nothing":                      {change: func(v url.Values) { v.Del("client_assertion") }, want: "AADSTS7000216"},
		"none is registered":           {assertion: right, spoil: func(a *cloud.Application) { a.Federated = nil }, want: "AADSTS700211"},
		"registered with the id":       {assertion: right, spoil: func(a *cloud.Application) { a.Federated[0].Audiences = []string{exchangeAppID} }, want: "AADSTS700212"},
		"another case of the subject":  {assertion: right, spoil: func(a *cloud.Application) { a.Federated[0].Subject = strings.ToUpper(hostID) }, want: "AADSTS700213"},
	} {
		t.Run(name, func(t *testing.T) {
			was := g.web.Federated
			g.web.Federated = []cloud.Federated{was[0]}
			defer func() { g.web.Federated = was }()
			if c.spoil != nil {
				c.spoil(&g.web)
			}
			form := url.Values{
				"grant_type": {"client_credentials"}, "client_id": {webAppID}, "scope": {"api://made/.default"},
				"client_assertion_type": {assertionType}, "client_assertion": {c.assertion},
			}
			if c.change != nil {
				c.change(form)
			}
			w := requestToken(e, defaultTenant, form)
			if c.want == "" && w.Code != http.StatusOK || c.want != "" && (w.Code == http.StatusOK || !strings.Contains(w.Body.String(), c.want+":")) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if c.want == "" && !strings.Contains(w.Body.String(), "access_token") {
				t.Error("no token")
			}
		})
	}
	if w := requestToken(e, defaultTenant, url.Values{
		"grant_type": {"client_credentials"}, "client_id": {sampleClientID}, "scope": {cognitiveScope},
		"client_assertion_type": {assertionType}, "client_assertion": {right},
	}); !strings.Contains(w.Body.String(), "AADSTS700211:") {
		t.Errorf("an application that trusts nobody: %d %s", w.Code, w.Body)
	}
}

// A person signs in through an application that Graph made: to where it is
// registered, for what the API knows it for, with an identity in place of a
// secret.
func TestAPersonSignsInThroughAnApplicationOfGraph(t *testing.T) {
	e, _ := withGraph(t)
	run(t, e)
	ask := func(scope, back string) string {
		return request(e, func(v url.Values) {
			v.Set("client_id", webAppID)
			v.Set("scope", "openid offline_access "+scope)
			v.Set("redirect_uri", back)
		})
	}
	if resp, page := newBrowser(t, e).read(newBrowser(t, e).Get(ask("api://made/ask", "https://elsewhere.example/"))); resp.StatusCode != http.StatusBadRequest || !strings.Contains(page, "AADSTS50011") {
		t.Errorf("a stranger's redirect URI: %d", resp.StatusCode)
	}
	for _, scope := range []string{"api://made/read", "api://made/.default"} {
		if back := newBrowser(t, e).signIn(ask(scope, webReturn), "one@sample.example"); !strings.Contains(back.Get("error_description"), "AADSTS65001") {
			t.Errorf("%s, which the API does not know it for: %v", scope, back)
		}
	}
	code := newBrowser(t, e).signIn(ask("api://made/ask", webReturn), "one@sample.example").Get("code")
	form := redeemCode(code)
	form.Set("client_id", webAppID)
	form.Set("redirect_uri", webReturn)
	if w := redeem(e, form); !strings.Contains(w.Body.String(), "AADSTS7000218") {
		t.Errorf("without anything: %d %s", w.Code, w.Body)
	}
	form.Set("client_assertion_type", assertionType)
	form.Set("client_assertion", hostToken(t, e, exchangeURI))
	w := redeem(e, form)
	got := decodeJSON[tokenAnswer](t, w.Body.Bytes())
	c, err := e.issuer.parse(got.Token)
	if err != nil || c.Scopes != "ask" || c.AZP != webAppID || c.AZPACR != "2" || c.Audience[0] != apiAppID || got.Refresh == "" {
		t.Errorf("%d %+v %v", w.Code, c, err)
	}
	again := url.Values{"grant_type": {"refresh_token"}, "client_id": {webAppID}, "refresh_token": {got.Refresh}, "scope": {"api://made/read"}}
	again.Set("client_assertion_type", assertionType)
	again.Set("client_assertion", hostToken(t, e, exchangeURI))
	if w := redeem(e, again); !strings.Contains(w.Body.String(), "AADSTS65001") {
		t.Errorf("more, by a refresh: %d %s", w.Code, w.Body)
	}
	again.Set("scope", "api://made/ask")
	if w := redeem(e, again); w.Code != http.StatusOK {
		t.Errorf("a refresh: %d %s", w.Code, w.Body)
	}
}
