package emulator

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	gojwt "github.com/golang-jwt/jwt/v5"
)

const cognitiveScope = cognitiveURI + "/.default"

// tokenForm is a good request, to be spoilt.
func tokenForm(t testing.TB, e *Emulator) url.Values {
	t.Helper()
	app, err := e.App("sample-app")
	if err != nil {
		t.Fatal(err)
	}
	return url.Values{
		"grant_type": {"client_credentials"}, "client_id": {app.ClientID},
		"client_secret": {app.Secret.Reveal()}, "scope": {cognitiveScope},
	}
}

func requestToken(e *Emulator, tenant string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, e.URLs().Issuer+"/"+tenant+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	e.Issuer().ServeHTTP(w, r)
	return w
}

func tokenFor(t testing.TB, e *Emulator, scope string) string {
	t.Helper()
	form := tokenForm(t, e)
	form.Set("scope", scope)
	w := requestToken(e, defaultTenant, form)
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return decodeJSON[tokenAnswer](t, w.Body.Bytes()).Token
}

// askWithToken calls chat with a bearer token on the private front.
func askWithToken(e *Emulator, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "https://localhost"+chatPath, strings.NewReader(askRazor))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	e.Private().ServeHTTP(w, r)
	return w
}

// An independent library must be able to check a token with nothing but the
// discovery document.
func TestTokensVerifyByDiscovery(t *testing.T) {
	e := newTest(t, Config{Settings: Settings{Directory: Directory{
		Apps:      []App{{Name: "sample-app", ClientID: sampleClientID, Roles: []string{"Ask"}}},
		Resources: []Resource{{URI: "api://ostiary-gateway", AppID: gatewayAppID, TokenVersion: 2}},
	}}})
	for _, test := range []struct {
		scope, discovery, audience, version, client string
	}{
		{cognitiveScope, "/.well-known/openid-configuration", cognitiveURI, "1.0", "appid"},
		{cognitiveURI + "//.default", "/.well-known/openid-configuration", cognitiveURI + "/", "1.0", "appid"},
		{foundryURI + "/.default", "/.well-known/openid-configuration", foundryURI, "1.0", "appid"},
		{cognitiveAppID + "/.default", "/.well-known/openid-configuration", cognitiveAppID, "1.0", "appid"},
		{"api://ostiary-gateway/.default", "/v2.0/.well-known/openid-configuration", gatewayAppID, "2.0", "azp"},
	} {
		doc := decodeJSON[discovery](t, get(t, e, e.URLs().Issuer+"/"+defaultTenant+test.discovery))
		keys := decodeJSON[jose.JSONWebKeySet](t, get(t, e, doc.KeysURI))
		parsed, err := jwt.ParseSigned(tokenFor(t, e, test.scope), []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Fatal(err)
		}
		var standard jwt.Claims
		var own map[string]any
		if err := parsed.Claims(keys, &standard, &own); err != nil {
			t.Fatalf("%s: %v", test.scope, err)
		}
		err = standard.Validate(jwt.Expected{Issuer: doc.Issuer, AnyAudience: jwt.Audience{test.audience}, Time: time.Now()})
		if err != nil {
			t.Errorf("%s: %v", test.scope, err)
		}
		for name, want := range map[string]any{
			"aud": test.audience, "ver": test.version, test.client: sampleClientID, "tid": defaultTenant,
			"oid": derivedGUID("principal", sampleClientID), "sub": derivedGUID("principal", sampleClientID), "idtyp": "app",
		} {
			if own[name] != want {
				t.Errorf("%s: %s is %v, want %v", test.scope, name, own[name], want)
			}
		}
		if roles, ok := own["roles"].([]any); !ok || len(roles) != 1 || roles[0] != "Ask" || own["uti"] == "" {
			t.Errorf("%s: roles %v, uti %v", test.scope, own["roles"], own["uti"])
		}
	}
}

func get(t *testing.T, e *Emulator, target string) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	e.Issuer().ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	if w.Code != 200 {
		t.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// Microsoft's own credential class signs in over TLS, and its token is served.
func TestAzidentityGetsAToken(t *testing.T) {
	e := newTest(t, Config{})
	run(t, e)
	app, err := e.App("sample-app")
	if err != nil {
		t.Fatal(err)
	}
	options := azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: e.URLs().Issuer},
		Transport: client(t, e),
	}
	credential, err := azidentity.NewClientSecretCredential(app.Tenant, app.ClientID, app.Secret.Reveal(),
		&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{cognitiveScope}})
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(token.ExpiresOn); left < 50*time.Minute || left > time.Hour {
		t.Errorf("expires in %v", left)
	}
	if w := askWithToken(e, token.Token); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	options.Retry.MaxRetries = -1
	wrong, err := azidentity.NewClientSecretCredential(app.Tenant, app.ClientID, "wrong",
		&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = wrong.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{cognitiveScope}}); err == nil || !strings.Contains(err.Error(), "AADSTS7000215") {
		t.Errorf("a wrong secret: %v", err)
	}
}

// spoil signs claims of our choice with a key of our choice.
func spoil(t *testing.T, e *Emulator, key any, method gojwt.SigningMethod, change func(gojwt.MapClaims)) string {
	t.Helper()
	now := time.Now()
	c := gojwt.MapClaims{
		"iss": e.issuer.ownNames().issuer(1, defaultTenant), "aud": cognitiveURI, "oid": derivedGUID("principal", sampleClientID),
		"exp": now.Add(time.Hour).Unix(), "nbf": now.Unix(), "tid": defaultTenant, "ver": "1.0",
	}
	change(c)
	token := gojwt.NewWithClaims(method, c)
	token.Header["kid"] = e.issuer.keyID
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestTokensAreChecked(t *testing.T) {
	e := newTest(t, Config{})
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	own, rs256 := e.issuer.key, gojwt.SigningMethodRS256
	set := func(name string, value any) func(gojwt.MapClaims) {
		return func(c gojwt.MapClaims) { c[name] = value }
	}
	hours := func(n int) int64 { return time.Now().Add(time.Duration(n) * time.Hour).Unix() }
	for _, test := range []struct {
		name   string
		token  string
		status int
	}{
		{"as it should be", spoil(t, e, own, rs256, func(gojwt.MapClaims) {}), 200},
		{"v2 issuer", spoil(t, e, own, rs256, set("iss", e.issuer.ownNames().issuer(2, defaultTenant))), 200},
		{"audience with a slash", spoil(t, e, own, rs256, set("aud", cognitiveURI+"/")), 200},
		{"audience ai.azure.com", spoil(t, e, own, rs256, set("aud", foundryURI)), 200},
		{"audience by id", spoil(t, e, own, rs256, set("aud", cognitiveAppID)), 200},
		{"another audience", spoil(t, e, own, rs256, set("aud", "https://management.azure.com")), 401},
		{"a prefix of the audience", spoil(t, e, own, rs256, set("aud", cognitiveURI+".example")), 401},
		{"two audiences", spoil(t, e, own, rs256, set("aud", []string{cognitiveURI, "x"})), 401},
		{"Azure's own name for us", spoil(t, e, own, rs256, set("iss", "https://sts.windows.net/"+defaultTenant+"/")), 200},
		{"another tenant's issuer", spoil(t, e, own, rs256, set("iss", "https://sts.windows.net/"+sampleClientID+"/")), 401},
		{"another issuer", spoil(t, e, own, rs256, set("iss", "https://login.example/"+defaultTenant+"/")), 401},
		{"expired", spoil(t, e, own, rs256, set("exp", hours(-1))), 401},
		{"without an end", spoil(t, e, own, rs256, func(c gojwt.MapClaims) { delete(c, "exp") }), 401},
		{"not yet", spoil(t, e, own, rs256, set("nbf", hours(1))), 401},
		{"a stranger's key", spoil(t, e, stranger, rs256, func(gojwt.MapClaims) {}), 401},
		{"another algorithm", spoil(t, e, own, gojwt.SigningMethodPS256, func(gojwt.MapClaims) {}), 401},
		{"no algorithm", spoil(t, e, gojwt.UnsafeAllowNoneSignatureType, gojwt.SigningMethodNone, func(gojwt.MapClaims) {}), 401},
		{"the public key as a secret", spoil(t, e, own.N.Bytes(), gojwt.SigningMethodHS256, func(gojwt.MapClaims) {}), 401},
		{"for another API", tokenFor(t, e, "api://ostiary-gateway/.default"), 401},
	} {
		if w := askWithToken(e, test.token); w.Code != test.status || test.status == 401 && w.Body.String() != bodyBadToken {
			t.Errorf("%s: %d %s", test.name, w.Code, w.Body)
		}
	}
}

func TestTokenEnds(t *testing.T) {
	now := time.Now()
	e := newTest(t, Config{
		Now:      func() time.Time { return now },
		Settings: Settings{Directory: Directory{TokenLifetime: 10 * time.Minute}},
	})
	token := tokenFor(t, e, cognitiveScope)
	for _, step := range []struct {
		after  time.Duration
		status int
	}{{9 * time.Minute, 200}, {10*time.Minute + skew + time.Second, 401}} {
		start := now
		now = now.Add(step.after)
		if w := askWithToken(e, token); w.Code != step.status {
			t.Errorf("after %v: %d", step.after, w.Code)
		}
		now = start
	}
}

func TestRolesDecide(t *testing.T) {
	other := "11111111-2222-4333-8444-555555555555"
	e := newTest(t, Config{Settings: Settings{
		Accounts:  []Account{{Name: "ostiary-demo", OpenAIUsers: []string{"allowed"}}},
		Directory: Directory{Apps: []App{{Name: "sample-app", ClientID: sampleClientID}, {Name: "allowed", ClientID: other}}},
	}})
	w := askWithToken(e, tokenFor(t, e, cognitiveScope))
	if w.Code != 401 || w.Body.String() != `{"error":{"code":"PermissionDenied","message":"Principal does not have access to API/Operation."}}` {
		t.Errorf("without a role: %d %s", w.Code, w.Body)
	}
	form := tokenForm(t, e)
	app, err := e.App("allowed")
	if err != nil {
		t.Fatal(err)
	}
	form.Set("client_id", app.ClientID)
	form.Set("client_secret", app.Secret.Reveal())
	answer := decodeJSON[tokenAnswer](t, requestToken(e, defaultTenant, form).Body.Bytes())
	if w := askWithToken(e, answer.Token); w.Code != 200 {
		t.Errorf("with the role: %d %s", w.Code, w.Body)
	}
}

func TestTokenRefusals(t *testing.T) {
	e := newTest(t, Config{})
	for _, test := range []struct {
		name   string
		tenant string
		change func(url.Values)
		status int
		kind   string
		number string
	}{
		{"no grant", defaultTenant, func(v url.Values) { v.Del("grant_type") }, 400, "invalid_request", "AADSTS900144: "},
		{"another grant", defaultTenant, func(v url.Values) { v.Set("grant_type", "telepathy") }, 400, "unsupported_grant_type", "AADSTS70003: "},
		{"a password", defaultTenant, func(v url.Values) { v.Set("grant_type", "password") }, 400, "invalid_grant", "AADSTS50126: "},
		{"no tenant", "organizations", func(url.Values) {}, 400, "invalid_request", "AADSTS50059: "},
		{"no client", defaultTenant, func(v url.Values) { v.Del("client_id") }, 400, "invalid_request", "AADSTS900144: "},
		{"unknown client", defaultTenant, func(v url.Values) { v.Set("client_id", "x") }, 400, "unauthorized_client", "AADSTS700016: "},
		{"no secret", defaultTenant, func(v url.Values) { v.Del("client_secret") }, 401, "invalid_client", "AADSTS7000216: "},
		{"wrong secret", defaultTenant, func(v url.Values) { v.Set("client_secret", "x") }, 401, "invalid_client", "AADSTS7000215: "},
		{"no scope", defaultTenant, func(v url.Values) { v.Del("scope") }, 400, "invalid_request", "AADSTS900144: "},
		{"not default", defaultTenant, func(v url.Values) { v.Set("scope", cognitiveURI) }, 400, "invalid_scope", "AADSTS1002012: "},
		{"two scopes", defaultTenant, func(v url.Values) { v.Set("scope", cognitiveScope+" "+cognitiveScope) }, 400, "invalid_scope", "AADSTS1002012: "},
		{"unknown resource", defaultTenant, func(v url.Values) { v.Set("scope", "api://other/.default") }, 400, "invalid_resource", "AADSTS500011: "},
		{"unknown tenant", "contoso", func(url.Values) {}, 400, "invalid_request", "AADSTS90002: "},
		{"too large", defaultTenant, func(v url.Values) { v.Set("state", strings.Repeat("x", maxForm)) }, 400, "invalid_request", "AADSTS9000410: "},
	} {
		form := tokenForm(t, e)
		test.change(form)
		w := requestToken(e, test.tenant, form)
		got := decodeJSON[struct {
			Error       string
			Description string `json:"error_description"`
			Codes       []int  `json:"error_codes"`
			Trace       string `json:"trace_id"`
		}](t, w.Body.Bytes())
		if w.Code != test.status || got.Error != test.kind || !strings.HasPrefix(got.Description, test.number) || len(got.Codes) != 1 || got.Trace == "" {
			t.Errorf("%s: %d %s", test.name, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), form.Get("client_secret")) && len(form.Get("client_secret")) > 1 {
			t.Errorf("%s: the secret is in the answer", test.name)
		}
	}
}

// The secret counts in the body and in the Basic header, never in the query.
func TestWhereTheSecretMayStand(t *testing.T) {
	e := newTest(t, Config{})
	form := tokenForm(t, e)
	id, password := form.Get("client_id"), form.Get("client_secret")
	form.Del("client_secret")
	send := func(query string, basic bool) int {
		r := httptest.NewRequest(http.MethodPost, e.URLs().Issuer+"/"+defaultTenant+"/oauth2/v2.0/token"+query, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if basic {
			r.SetBasicAuth(id, password)
		}
		w := httptest.NewRecorder()
		e.Issuer().ServeHTTP(w, r)
		return w.Code
	}
	if got := send("", true); got != 200 {
		t.Errorf("header: %d", got)
	}
	if got := send("?client_secret="+password, false); got != 401 {
		t.Errorf("query: %d", got)
	}
}

func TestInstanceDiscovery(t *testing.T) {
	e := newTest(t, Config{})
	ask := func(endpoint string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		e.Issuer().ServeHTTP(w, httptest.NewRequest(http.MethodGet, e.URLs().Issuer+"/common/discovery/instance?api-version=1.1&authorization_endpoint="+url.QueryEscape(endpoint), nil))
		return w
	}
	for _, tenant := range []string{defaultTenant, "common"} {
		w := ask(e.URLs().Issuer + "/" + tenant + "/oauth2/v2.0/authorize")
		got := decodeJSON[map[string]any](t, w.Body.Bytes())
		where, _ := got["tenant_discovery_endpoint"].(string)
		doc := decodeJSON[discovery](t, get(t, e, where))
		want := defaultTenant
		if tenant == "common" {
			want = "{tenantid}"
		}
		if doc.Issuer != e.URLs().Issuer+"/"+want+"/v2.0" || got["metadata"] == nil {
			t.Errorf("%s: %s", tenant, w.Body)
		}
	}
	for _, foreign := range []string{"https://login.example/common/oauth2/v2.0/authorize", "", "%zz"} {
		if w := ask(foreign); w.Code != 400 || !strings.Contains(w.Body.String(), `"invalid_instance"`) {
			t.Errorf("%q: %d %s", foreign, w.Code, w.Body)
		}
	}
}

func TestIssuerKnowsItsPaths(t *testing.T) {
	e := newTest(t, Config{})
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/" + defaultTenant + "/discovery/keys", 200},
		{"GET", "/" + defaultTenant + "/oauth2/v2.0/authorize", 400},
		{"GET", "/" + defaultTenant + "/login", 404},
		{"GET", "/signin.css", 200},
		{"GET", "/common/oauth2/deviceauth", 200},
		{"GET", "/" + defaultTenant + "/oauth2/v2.0/token", 404},
		{"POST", "/" + defaultTenant + "/discovery/v2.0/keys", 404},
		{"GET", "/" + defaultTenant, 404},
		{"GET", "/", 400},
		{"GET", "/contoso/v2.0/.well-known/openid-configuration", 400},
	} {
		w := httptest.NewRecorder()
		e.Issuer().ServeHTTP(w, httptest.NewRequest(test.method, test.path, nil))
		if w.Code != test.status {
			t.Errorf("%s %s: %d", test.method, test.path, w.Code)
		}
	}
}

// The issuer's URL may differ from its address, for example behind a name.
func TestIssuerURL(t *testing.T) {
	e := newTest(t, Config{Settings: Settings{IssuerURL: "https://login.example:8443"}})
	doc := decodeJSON[discovery](t, get(t, e, "/"+defaultTenant+"/v2.0/.well-known/openid-configuration"))
	if doc.TokenEndpoint != "https://login.example:8443/"+defaultTenant+"/oauth2/v2.0/token" || e.URLs().Issuer != "https://login.example:8443" {
		t.Errorf("%+v", doc)
	}
}

func FuzzTokenEndpoint(f *testing.F) {
	e := newTest(f, Config{})
	good := tokenForm(f, e)
	f.Add(good.Encode(), "application/x-www-form-urlencoded", "")
	f.Add("grant_type=client_credentials&client_id=%zz", "application/x-www-form-urlencoded", "Basic !!!")
	f.Add(`{"grant_type":"client_credentials"}`, "application/json", "Basic YTpi")
	f.Fuzz(func(t *testing.T, body, kind, authorization string) {
		r := httptest.NewRequest(http.MethodPost, "/"+defaultTenant+"/oauth2/v2.0/token", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		e.Issuer().ServeHTTP(w, r)
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("%d, not JSON: %q", w.Code, w.Body)
		}
		form, _ := url.ParseQuery(body)
		if w.Code == http.StatusOK && form.Get("client_secret") != good.Get("client_secret") && authorization == "" {
			t.Errorf("a token for %q", body)
		}
	})
}
