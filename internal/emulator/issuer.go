package emulator

import (
	"crypto/rsa"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/cloud"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

// issuer is the emulated Entra tenant: discovery, keys, the sign-in pages, and
// tokens for people and applications. Everything that it hands out and takes
// back is sealed and holds its own state, so that a restart signs nobody out;
// only device codes that wait, and codes that were redeemed, are remembered.
type issuer struct {
	base      string // https URL without a trailing slash
	tenant    string
	lifetime  time.Duration
	poll      time.Duration
	apps      []app
	people    []person
	resources []Resource
	foreign   []Issuer
	key       *rsa.PrivateKey
	keyID     string
	opaque    *opaque
	redeemed  redeemed
	devices   devices
	pages     *pages
	origin    *http.CrossOriginProtection
	made      graphApps // applications that Graph made; nil without a network
	now       func() time.Time
}

// app is an App with its secret in hand.
type app struct {
	App
	secret secret.String
	opens  func(given string) bool // of one that Graph made, whose secrets are not kept; else nil

	made      bool              // by Graph
	asserted  bool              // it has shown a token, and not a secret
	federated []cloud.Federated // whose tokens stand for a secret; only Graph makes them
}

// opensWith says whether a secret is the application's.
func (a app) opensWith(given string) bool {
	if a.opens != nil {
		return a.opens(given)
	}
	return a.secret.Equal(given)
}

func newIssuer(s Settings, base string, now func() time.Time) (*issuer, error) {
	key, err := loadSigningKey(s.State)
	if err != nil {
		return nil, err
	}
	sealing, err := loadSecret(secret.Ref{}, s.State, "issuer.seal")
	if err != nil {
		return nil, fault.New(fault.Invalid, "no key for the issuer's codes").At(s.State).Because(err)
	}
	d := s.Directory
	i := &issuer{
		base: base, tenant: d.Tenant, lifetime: d.TokenLifetime, poll: d.DevicePoll,
		key: key, keyID: thumbprint(&key.PublicKey), now: now, people: newPeople(d),
		resources: append(azureResources(), d.Resources...), foreign: d.Issuers,
		opaque: newOpaque(sealing), pages: newPages(), origin: http.NewCrossOriginProtection(),
	}
	if err := i.readForeign(); err != nil {
		return nil, err
	}
	for _, settings := range d.Apps {
		a := app{App: settings}
		if !settings.Public {
			if a.secret, err = loadSecret(settings.Secret, s.State, settings.Name+".secret"); err != nil {
				return nil, fault.New(fault.Invalid, "no secret for application "+settings.Name).Because(err)
			}
		}
		i.apps = append(i.apps, a)
	}
	if _, known := i.appBy(azureCLIClientID); !known {
		i.apps = append(i.apps, app{App: App{
			Name: "Microsoft Azure CLI", ClientID: azureCLIClientID, ObjectID: derivedGUID("principal", azureCLIClientID),
			Public: true, RedirectURIs: loopbackURIs(),
		}})
	}
	return i, nil
}

// azureResources are Azure's own APIs. None but that of token exchange sets
// accessTokenAcceptedVersion, so all their other tokens are of version 1.
func azureResources() []Resource {
	resources := []Resource{{URI: graphURI, AppID: graphAppID, TokenVersion: 1, Scopes: append(openIDScopes(), "User.Read")}}
	for _, r := range []struct{ uri, id string }{
		{cognitiveURI, cognitiveAppID},
		{foundryURI, cognitiveAppID},
		{"https://management.azure.com", "797f4846-ba00-4fd7-ba43-dac1f8f63013"},
		{"https://management.core.windows.net", "797f4846-ba00-4fd7-ba43-dac1f8f63013"},
		{"https://vault.azure.net", "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"},
		{"https://storage.azure.com", "e406a681-f3d4-42a8-90b6-c2b029497af1"},
		{"https://containerregistry.azure.net", "6a0ec4d3-30cb-4a83-91c0-ae56bc0e3d26"},
		{"https://eventhubs.azure.net", "80369ed6-5f11-4dd9-bef3-692475845e77"},
	} {
		resources = append(resources, Resource{URI: r.uri, AppID: r.id, TokenVersion: 1, Scopes: []string{impersonation}})
	}
	return append(resources, Resource{URI: exchangeURI, AppID: exchangeAppID, TokenVersion: 2})
}

func (i *issuer) appBy(id string) (app, bool) {
	at := slices.IndexFunc(i.apps, func(a app) bool { return strings.EqualFold(a.ClientID, id) })
	if at < 0 {
		return i.madeApp(id)
	}
	return i.apps[at], true
}

// anyTenant names the endpoints that serve every tenant; here they lead to the
// only one.
func anyTenant(tenant string) bool { return tenant == "common" || tenant == "organizations" }

// ServeHTTP routes /TENANT/… by hand: the tenant comes first, and an unknown
// one has an answer of its own.
func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "max-age=86400, private")
	switch r.URL.Path {
	case "/common/discovery/instance":
		i.instance(w, r)
		return
	case "/oidc/userinfo":
		i.userinfo(w, r)
		return
	case stylePath:
		i.pages.style(w)
		return
	}
	tenant, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if tenant != i.tenant && !anyTenant(tenant) {
		i.refuse(w, unknownTenant(tenant))
		return
	}
	if handler, ok := i.route(r.Method, path); ok {
		handler(w, r)
		return
	}
	http.NotFound(w, r)
}

// route finds what answers a path behind the tenant.
func (i *issuer) route(method, path string) (http.HandlerFunc, bool) {
	switch method + " " + path {
	case "GET v2.0/.well-known/openid-configuration":
		return i.configuration(2), true
	case "GET .well-known/openid-configuration":
		return i.configuration(1), true
	case "GET discovery/v2.0/keys", "GET discovery/keys":
		return i.keys, true
	case "POST oauth2/v2.0/token":
		return i.private(i.token), true
	case "POST oauth2/v2.0/devicecode":
		return i.private(i.deviceCode), true
	case "GET oauth2/v2.0/authorize", "POST oauth2/v2.0/authorize":
		return i.private(i.authorize), true
	case "POST login":
		return i.private(i.sameOrigin(i.login)), true
	case "GET oauth2/deviceauth", "POST oauth2/deviceauth":
		return i.private(i.sameOrigin(i.deviceAuth)), true
	case "GET oauth2/v2.0/logout", "POST oauth2/v2.0/logout":
		return i.private(i.logout), true
	}
	return nil, false
}

// private keeps what a token endpoint and a sign-in page say out of caches
// (RFC 6749 section 5.1).
func (i *issuer) private(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next(w, r)
	}
}

// sameOrigin refuses a form that another site's page sends.
func (i *issuer) sameOrigin(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if i.origin.Check(r) != nil {
			i.pages.trouble(w, http.StatusForbidden, "This form was sent by another site's page.")
			return
		}
		next(w, r)
	}
}
