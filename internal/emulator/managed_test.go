package emulator

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/ostiary/ostiary/internal/secret"
)

func managedHost() IdentityHost {
	return IdentityHost{Header: secret.New("the header"), Identities: []ManagedIdentity{
		{ClientID: sampleClientID, ObjectID: derivedGUID("principal", "system")},
		{ClientID: cliClientID, ObjectID: derivedGUID("principal", "user"), ResourceID: "/subscriptions/s/id"},
	}}
}

// azidentity's credential gets a token in the form of App Service.
func TestAzidentityFindsAManagedIdentity(t *testing.T) {
	e := newTest(t, Config{})
	server := httptest.NewServer(e.ManagedIdentities(func(*http.Request) IdentityHost { return managedHost() }))
	t.Cleanup(server.Close)
	t.Setenv("IDENTITY_ENDPOINT", server.URL+"/msi/token")
	t.Setenv("IDENTITY_HEADER", "the header")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for id, object := range map[string]string{"": derivedGUID("principal", "system"), cliClientID: derivedGUID("principal", "user")} {
		options := &azidentity.ManagedIdentityCredentialOptions{}
		if id != "" {
			options.ID = azidentity.ClientID(id)
		}
		credential, err := azidentity.NewManagedIdentityCredential(options)
		if err != nil {
			t.Fatal(err)
		}
		token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{cognitiveScope}})
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := e.issuer.verify(token.Token); !ok || c.ObjectID != object || askWithToken(e, token.Token).Code != 200 {
			t.Errorf("%q: %+v", id, c)
		}
	}
}

func TestInstanceMetadata(t *testing.T) {
	e := newTest(t, Config{})
	h := e.ManagedIdentities(func(*http.Request) IdentityHost { return managedHost() })
	for _, test := range []struct {
		name   string
		path   string
		change func(url.Values, http.Header)
		status int
	}{
		{"as it should be", "/metadata/identity/oauth2/token", func(url.Values, http.Header) {}, 200},
		{"by resource id", "/metadata/identity/oauth2/token", func(v url.Values, _ http.Header) { v.Set("msi_res_id", "/subscriptions/S/id") }, 200},
		{"an identity of another machine", "/metadata/identity/oauth2/token", func(v url.Values, _ http.Header) { v.Set("client_id", chatClientID) }, 400},
		{"no header", "/metadata/identity/oauth2/token", func(_ url.Values, h http.Header) { h.Del("Metadata") }, 400},
		{"through a proxy", "/metadata/identity/oauth2/token", func(_ url.Values, h http.Header) { h.Set("X-Forwarded-For", "x") }, 400},
		{"no resource", "/metadata/identity/oauth2/token", func(v url.Values, _ http.Header) { v.Del("resource") }, 400},
		{"an unknown resource", "/metadata/identity/oauth2/token", func(v url.Values, _ http.Header) { v.Set("resource", "https://x.example") }, 400},
		{"App Service without its header", "/msi/token", func(url.Values, http.Header) {}, 401},
		{"elsewhere", "/metadata/instance", func(url.Values, http.Header) {}, 404},
	} {
		v := url.Values{"api-version": {"2018-02-01"}, "resource": {cognitiveURI}}
		r := httptest.NewRequest(http.MethodGet, "http://169.254.169.254"+test.path, nil)
		r.Header.Set("Metadata", "true")
		test.change(v, r.Header)
		r.URL.RawQuery = v.Encode()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != test.status {
			t.Errorf("%s: %d %s", test.name, w.Code, w.Body)
		}
	}
}
