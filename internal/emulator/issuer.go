package emulator

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

// issuer is the emulated Entra tenant: discovery, keys, and tokens by client
// credentials. It signs in applications alone; people have no page here.
type issuer struct {
	base      string // https URL without a trailing slash
	tenant    string
	lifetime  time.Duration
	apps      []app
	resources []Resource
	key       *rsa.PrivateKey
	keyID     string
	now       func() time.Time
}

// app is an App with its secret in hand.
type app struct {
	App
	secret secret.String
}

func newIssuer(s Settings, base string, now func() time.Time) (*issuer, error) {
	key, err := loadSigningKey(s.State)
	if err != nil {
		return nil, err
	}
	i := &issuer{
		base: base, tenant: s.Directory.Tenant, lifetime: s.Directory.TokenLifetime,
		key: key, keyID: thumbprint(&key.PublicKey), now: now,
		resources: append([]Resource{
			{URI: cognitiveURI, AppID: cognitiveAppID, TokenVersion: 1},
			{URI: foundryURI, AppID: cognitiveAppID, TokenVersion: 1},
		}, s.Directory.Resources...),
	}
	for _, settings := range s.Directory.Apps {
		value, err := loadSecret(settings.Secret, s.State, settings.Name+".secret")
		if err != nil {
			return nil, fault.New(fault.Invalid, "no secret for application "+settings.Name).Because(err)
		}
		i.apps = append(i.apps, app{settings, value})
	}
	return i, nil
}

// issuerName is the iss of tokens of a version. On Azure the first is
// https://sts.windows.net/TENANT/, here both stand under one base.
func (i *issuer) issuerName(version int) string {
	if version == 1 {
		return i.base + "/" + i.tenant + "/"
	}
	return i.base + "/" + i.tenant + "/v2.0"
}

// ServeHTTP routes /TENANT/… by hand: the tenant comes first, and an unknown
// one has an answer of its own.
func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "max-age=86400, private")
	if r.Method == http.MethodPost {
		w.Header().Set("Cache-Control", "no-store") // RFC 6749 section 5.1
	}
	tenant, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/common/discovery/instance":
		i.instance(w, r)
	case tenant != i.tenant:
		i.refuse(w, unknownTenant(tenant))
	case r.Method == http.MethodPost && path == "oauth2/v2.0/token":
		i.token(w, r)
	case r.Method != http.MethodGet:
		http.NotFound(w, r)
	case path == "v2.0/.well-known/openid-configuration":
		writeJSON(w, http.StatusOK, i.configuration(2))
	case path == ".well-known/openid-configuration":
		writeJSON(w, http.StatusOK, i.configuration(1))
	case path == "discovery/v2.0/keys" || path == "discovery/keys":
		writeJSON(w, http.StatusOK, i.keys())
	case path == "oauth2/v2.0/authorize":
		i.refuse(w, noPeople())
	default:
		http.NotFound(w, r)
	}
}

// discovery is OpenID Connect Discovery 1.0 section 3, as far as Entra fills it.
type discovery struct {
	TokenEndpoint string   `json:"token_endpoint"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
	KeysURI       string   `json:"jwks_uri"`
	ResponseModes []string `json:"response_modes_supported"`
	SubjectTypes  []string `json:"subject_types_supported"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	ResponseTypes []string `json:"response_types_supported"`
	Scopes        []string `json:"scopes_supported"`
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Claims        []string `json:"claims_supported"`
}

func (i *issuer) configuration(version int) discovery {
	at := i.base + "/" + i.tenant
	return discovery{
		TokenEndpoint: at + "/oauth2/v2.0/token",
		AuthMethods:   []string{"client_secret_post", "client_secret_basic"},
		KeysURI:       at + "/discovery/v2.0/keys",
		ResponseModes: []string{"query", "fragment", "form_post"},
		SubjectTypes:  []string{"pairwise"},
		Algorithms:    []string{"RS256"},
		ResponseTypes: []string{"code", "id_token", "code id_token", "id_token token"},
		Scopes:        []string{"openid"},
		Issuer:        i.issuerName(version),
		Authorization: at + "/oauth2/v2.0/authorize",
		Claims:        []string{"sub", "iss", "aud", "exp", "iat", "nbf", "oid", "tid", "ver", "appid", "azp", "roles", "uti"},
	}
}

// jwk is an RSA signing key of RFC 7517 with the issuer that Entra adds.
type jwk struct {
	Type   string `json:"kty"`
	Use    string `json:"use"`
	KeyID  string `json:"kid"`
	N      string `json:"n"`
	E      string `json:"e"`
	Issuer string `json:"issuer"`
}

func (i *issuer) keys() any {
	n, e := jwkNumbers(&i.key.PublicKey)
	return struct {
		Keys []jwk `json:"keys"`
	}{[]jwk{{"RSA", "sig", i.keyID, n, e, i.issuerName(2)}}}
}

func jwkNumbers(key *rsa.PublicKey) (n, e string) {
	b64 := base64.RawURLEncoding
	return b64.EncodeToString(key.N.Bytes()), b64.EncodeToString(big.NewInt(int64(key.E)).Bytes())
}

// thumbprint is RFC 7638, section 3: the members in this order, without spaces.
func thumbprint(key *rsa.PublicKey) string {
	n, e := jwkNumbers(key)
	sum := sha256.Sum256([]byte(`{"e":"` + e + `","kty":"RSA","n":"` + n + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// instance answers MSAL's question whether it may trust this authority: yes
// for our own host, invalid_instance for any other.
func (i *issuer) instance(w http.ResponseWriter, r *http.Request) {
	own, _ := url.Parse(i.base)
	asked, err := url.Parse(r.URL.Query().Get("authorization_endpoint"))
	if err != nil || asked.Scheme != "https" || asked.Host != own.Host {
		i.refuse(w, invalidInstance())
		return
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(asked.Path, "/"), "/")
	if slices.Contains([]string{"", "common", "organizations"}, tenant) {
		tenant = i.tenant
	}
	type metadata struct {
		Network string   `json:"preferred_network"`
		Cache   string   `json:"preferred_cache"`
		Aliases []string `json:"aliases"`
	}
	writeJSON(w, http.StatusOK, struct {
		Endpoint string     `json:"tenant_discovery_endpoint"`
		Version  string     `json:"api-version"`
		Metadata []metadata `json:"metadata"`
	}{
		i.base + "/" + url.PathEscape(tenant) + "/v2.0/.well-known/openid-configuration", "1.1",
		[]metadata{{own.Host, own.Host, []string{own.Host}}},
	})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(marshal(v)))
}
