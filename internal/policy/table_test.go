package policy_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/openai"
	"github.com/ostiary/ostiary/internal/policy"
)

const (
	tenant = "11111111-2222-3333-4444-555555555555"
	login  = "https://login.microsoftonline.com/" + tenant + "/v2.0"
	other  = "https://keycloak.example/realms/corp"
)

// issuers answers for both issuers' discovery, with one key.
type issuers struct{ n string }

func (is issuers) RoundTrip(r *http.Request) (*http.Response, error) {
	body := `{"keys":[{"kty":"RSA","kid":"k","e":"AQAB","n":"` + is.n + `"}]}`
	if iss, ok := strings.CutSuffix(r.URL.String(), "/.well-known/openid-configuration"); ok {
		body = `{"issuer":"` + iss + `","jwks_uri":"https://keys.example/"}`
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// world is an Identifier, and credentials to show it.
type world struct {
	*identity.Identifier
	sign          func(iss, aud string, more jwt.MapClaims) *http.Request
	wide, narrow  string // gateway keys
	revoked, gone string
}

func newWorld(t *testing.T) world {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: issuers{base64.RawURLEncoding.EncodeToString(private.N.Bytes())}}
	entra, err1 := (&identity.Entra{Tenant: tenant}).Issuer(client)
	oidc, err2 := (&identity.OIDC{Issuer: other, Audiences: []string{"ostiary"}}).Trusted(client)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	var w world
	var keys []identity.Key
	for _, k := range []struct {
		to  *string
		key identity.Key
	}{
		{&w.wide, identity.Key{Name: "wide", Workload: "build"}},
		{&w.narrow, identity.Key{Name: "narrow", Workload: "build", Deployments: []string{"text-*"}, Operations: []string{"embeddings"}}},
		{&w.revoked, identity.Key{Name: "revoked", Workload: "build", Revoked: time.Now()}},
		{&w.gone, identity.Key{Name: "gone", Workload: "no such workload"}},
	} {
		shown, hash := identity.NewKey()
		k.key.Hash, *k.to = hash, shown.Reveal()
		keys = append(keys, k.key)
	}
	w.Identifier, err = identity.New(identity.Config{Issuers: []identity.Issuer{entra, oidc}, Keys: keys, TrustDomain: "corp.example"})
	if err != nil {
		t.Fatal(err)
	}
	w.sign = func(iss, aud string, more jwt.MapClaims) *http.Request {
		c := jwt.MapClaims{"iss": iss, "aud": aud, "exp": time.Now().Add(time.Hour).Unix(), "sub": "s"}
		for k, v := range more {
			c[k] = v
		}
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, c)
		token.Header["kid"] = "k"
		s, err := token.SignedString(private)
		if err != nil {
			t.Fatal(err)
		}
		return bearer(s)
	}
	return w
}

func bearer(credential string) *http.Request {
	return &http.Request{Header: http.Header{"Authorization": {"Bearer " + credential}}}
}

func certificate(id string) *x509.Certificate {
	u, err := url.Parse(id)
	if err != nil {
		panic(err)
	}
	return &x509.Certificate{URIs: []*url.URL{u}, NotAfter: time.Now().Add(time.Hour), Subject: pkix.Name{OrganizationalUnit: []string{"team=research"}}}
}

func showing(id string) *http.Request {
	return &http.Request{TLS: &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{certificate(id)}}}}
}

// TestIdentifyAuthorizeOperation is the whole table: what is shown, whom it
// makes, and which operations that one may do. A caller may do what is listed
// and nothing else, of all operations on three deployments.
func TestIdentifyAuthorizeOperation(t *testing.T) {
	w := newWorld(t)
	const azure = "https://cognitiveservices.azure.com"
	rules, err := policy.New([]policy.Workload{
		{Name: "entra", Apps: []string{"APP"}, Groups: []string{"G"}, Roles: []string{"Reader"}, Tenants: []string{tenant}, Grants: []policy.Grant{
			{Deployments: []string{"gpt-4o"}, Operations: []string{"chat/*", "responses"}, When: "max_tokens <= 100 && !images"},
		}},
		{Name: "corp", Subjects: []string{"*"}, Issuers: []string{other}, Grants: []policy.Grant{
			{Deployments: []string{"tts"}, Operations: []string{"audio/speech"}},
		}},
		{Name: "services", Certificates: []string{"spiffe://corp.example/sa/*"}, Grants: []policy.Grant{
			{Deployments: []string{"text-1"}, Operations: []string{"embeddings"}}, {Deployments: []string{"*"}, Operations: []string{"models"}},
		}},
		{Name: "partner", Members: []string{"spiffe://demo/inlet/*"}, Attributes: map[string]string{"team": "research"}, Grants: []policy.Grant{
			{Deployments: []string{"gpt-4o"}, Operations: []string{"chat/completions"}},
		}},
		{Name: "build", Grants: []policy.Grant{{Deployments: []string{"t*"}, Operations: []string{"embeddings", "audio/*"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	member := func(id string) func() (identity.Principal, error) {
		return func() (identity.Principal, error) { return w.Member(certificate(id)) }
	}
	show := func(r *http.Request) func() (identity.Principal, error) {
		return func() (identity.Principal, error) { return w.Identify(r) }
	}
	entra := func(more jwt.MapClaims) func() (identity.Principal, error) {
		if _, ok := more["tid"]; !ok {
			more["tid"] = tenant
		}
		return show(w.sign(login, azure, more))
	}
	both := bearer(w.wide)
	both.Header["Api-Key"] = []string{w.narrow}
	dummy := showing("spiffe://corp.example/sa/web")
	dummy.Header = http.Header{"Api-Key": {""}}
	chat := []string{"chat/completions on gpt-4o", "responses on gpt-4o"}
	service := []string{"embeddings on text-1", "models on gpt-4o", "models on text-1", "models on tts"}
	audio := []string{"audio/speech on text-1", "audio/speech on tts", "audio/transcriptions on text-1", "audio/transcriptions on tts", "audio/translations on text-1", "audio/translations on tts"}
	tests := []struct {
		name     string
		identify func() (identity.Principal, error)
		known    bool
		may      []string
	}{
		{"version 2 by app", entra(jwt.MapClaims{"azp": "app"}), true, chat},
		{"version 1 by app", show(w.sign("https://sts.windows.net/"+tenant+"/", azure+"/", jwt.MapClaims{"tid": tenant, "appid": "app"})), true, chat},
		{"by group", entra(jwt.MapClaims{"groups": []string{"x", "g"}}), true, chat},
		{"by role", entra(jwt.MapClaims{"roles": []string{"Reader"}}), true, chat},
		{"a role in another case", entra(jwt.MapClaims{"roles": []string{"reader"}}), true, nil},
		{"in no workload", entra(jwt.MapClaims{"azp": "another"}), true, nil},
		{"a token that names a member", entra(jwt.MapClaims{"oid": "spiffe://demo/inlet/health-corp"}), true, nil},
		{"a token that names a certificate", entra(jwt.MapClaims{"oid": "spiffe://corp.example/sa/web"}), true, nil},
		{"another audience", show(w.sign(login, "ostiary", jwt.MapClaims{"tid": tenant, "azp": "app"})), false, nil},
		{"another tenant", entra(jwt.MapClaims{"tid": "t2", "azp": "app"}), false, nil},
		{"another issuer", show(w.sign("https://evil.example/", azure, jwt.MapClaims{"tid": tenant, "azp": "app"})), false, nil},
		{"OpenID Connect", show(w.sign(other, "ostiary", nil)), true, []string{"audio/speech on tts"}},
		{"OpenID Connect with Entra's claims", show(w.sign(other, "ostiary", jwt.MapClaims{"tid": tenant, "azp": "app", "roles": []string{"Reader"}})), true, []string{"audio/speech on tts"}},
		{"OpenID Connect for Azure", show(w.sign(other, azure, nil)), false, nil},
		{"key", show(bearer(w.wide)), true, append([]string{"embeddings on text-1", "embeddings on tts"}, audio...)},
		{"narrow key", show(bearer(w.narrow)), true, []string{"embeddings on text-1"}},
		{"revoked key", show(bearer(w.revoked)), false, nil},
		{"key of no workload", show(bearer(w.gone)), true, nil},
		{"two keys", show(both), false, nil},
		{"nothing", show(&http.Request{}), false, nil},
		{"certificate", show(showing("spiffe://corp.example/sa/web")), true, service},
		{"certificate and an empty key", show(dummy), true, service},
		{"certificate of no workload", show(showing("spiffe://corp.example/other")), true, nil},
		{"certificate of another domain", show(showing("spiffe://demo/inlet/health-corp")), false, nil},
		{"member", member("spiffe://demo/inlet/health-corp"), true, []string{"chat/completions on gpt-4o"}},
		{"member of another project", member("spiffe://corp.example/inlet/health-corp"), true, nil},
		{"outlet", member("spiffe://demo/outlet/ai-corp"), false, nil},
	}
	small := openai.Peeked{Facts: openai.Facts{N: 1, Limited: true, MaxTokens: 100}}
	large, pictured, open := small, small, small
	large.Facts.MaxTokens, pictured.Facts.Images, open.Facts.Limited = 101, true, false
	for _, tt := range tests {
		who, err := tt.identify()
		if (err == nil) != tt.known || err != nil && fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("%s: %+v %v", tt.name, who, err)
			continue
		}
		if err != nil {
			continue
		}
		var may []string
		for _, op := range openai.Operations() {
			for _, deployment := range []string{"gpt-4o", "text-1", "tts"} {
				ask := func(body openai.Peeked) bool {
					facts := policy.FactsOf(op, body)
					return rules.Decide(who, policy.Call{Operation: op, Deployment: deployment, Facts: &facts}).Allowed
				}
				if ask(small) {
					may = append(may, string(op)+" on "+deployment)
				}
				if conditional := slices.Contains(chat, string(op)+" on "+deployment) && rules.Decide(who, policy.Call{Operation: op, Deployment: deployment}).Workload == "entra"; conditional && (ask(large) || ask(pictured) || ask(open)) {
					t.Errorf("%s: the condition let %s on %s by", tt.name, op, deployment)
				}
			}
		}
		slices.Sort(may)
		slices.Sort(tt.may)
		if !slices.Equal(may, tt.may) {
			t.Errorf("%s may %v, want %v", tt.name, may, tt.may)
		}
	}
}
