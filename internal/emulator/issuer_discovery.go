package emulator

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Azure's own names of the login service. The first is what it calls itself;
// under the last stand the issuers of version 1 tokens.
const (
	microsoftLogin = "login.microsoftonline.com"
	microsoftSTS   = "sts.windows.net"
)

func microsoftNames() []string {
	return []string{microsoftLogin, "login.windows.net", "login.microsoft.com", microsoftSTS}
}

// names are the URLs under which one request has met the issuer.
type names struct {
	base string // without a trailing slash
	v1   string // iss of version 1 tokens, without the tenant
}

// named tells what to call ourselves. A client that came by one of Azure's own
// names, through the emulated network, finds Azure's own names in everything.
func (i *issuer) named(r *http.Request) names {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	if slices.Contains(microsoftNames(), strings.ToLower(host)) {
		return i.azureNames()
	}
	return i.ownNames()
}

func (i *issuer) ownNames() names { return names{i.base, i.base} }

func (i *issuer) azureNames() names {
	return names{"https://" + microsoftLogin, "https://" + microsoftSTS}
}

// issuer is the iss of tokens of a version.
func (n names) issuer(version int, tenant string) string {
	if version == 1 {
		return n.v1 + "/" + tenant + "/"
	}
	return n.base + "/" + tenant + "/v2.0"
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
	Userinfo      string   `json:"userinfo_endpoint"`
	Authorization string   `json:"authorization_endpoint"`
	Device        string   `json:"device_authorization_endpoint"`
	EndSession    string   `json:"end_session_endpoint"`
	Claims        []string `json:"claims_supported"`
}

// configuration is the discovery document of one version. The endpoints that
// serve every tenant name none in their issuer, but a place for it.
func (i *issuer) configuration(version int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		tenant, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		n, of := i.named(r), tenant
		if anyTenant(tenant) {
			of = "{tenantid}"
		}
		at, userinfo := n.base+"/"+tenant, n.base+"/oidc/userinfo"
		if n == i.azureNames() {
			userinfo = graphURI + "/oidc/userinfo"
		}
		writeJSON(w, http.StatusOK, discovery{
			TokenEndpoint: at + "/oauth2/v2.0/token",
			AuthMethods:   []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
			KeysURI:       at + "/discovery/v2.0/keys",
			ResponseModes: []string{"query", "fragment", "form_post"},
			SubjectTypes:  []string{"pairwise"},
			Algorithms:    []string{"RS256"},
			ResponseTypes: []string{"code"},
			Scopes:        openIDScopes(),
			Issuer:        n.issuer(version, of),
			Userinfo:      userinfo,
			Authorization: at + "/oauth2/v2.0/authorize",
			Device:        at + "/oauth2/v2.0/devicecode",
			EndSession:    at + "/oauth2/v2.0/logout",
			Claims: []string{"sub", "iss", "aud", "exp", "iat", "nbf", "oid", "tid", "ver", "nonce", "name",
				"preferred_username", "email", "appid", "azp", "scp", "groups", "roles", "uti"},
		})
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

func (i *issuer) keys(w http.ResponseWriter, r *http.Request) {
	n, e := jwkNumbers(&i.key.PublicKey)
	writeJSON(w, http.StatusOK, struct {
		Keys []jwk `json:"keys"`
	}{[]jwk{{"RSA", "sig", i.keyID, n, e, i.named(r).issuer(2, i.tenant)}}})
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

// instance answers MSAL's question whether it may trust an authority: yes for
// our own host and, where it came by one of Azure's names, for those;
// invalid_instance for any other.
func (i *issuer) instance(w http.ResponseWriter, r *http.Request) {
	type metadata struct {
		Network string   `json:"preferred_network"`
		Cache   string   `json:"preferred_cache"`
		Aliases []string `json:"aliases"`
	}
	n := i.named(r)
	own, _ := url.Parse(n.base)
	known := metadata{own.Host, own.Host, []string{own.Host}}
	if n == i.azureNames() {
		known = metadata{microsoftLogin, "login.windows.net", microsoftNames()}
	}
	asked, err := url.Parse(r.URL.Query().Get("authorization_endpoint"))
	if err != nil || asked.Scheme != "https" || !slices.Contains(known.Aliases, asked.Host) {
		i.refuse(w, invalidInstance())
		return
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(asked.Path, "/"), "/")
	if tenant == "" {
		tenant = i.tenant
	}
	writeJSON(w, http.StatusOK, struct {
		Endpoint string     `json:"tenant_discovery_endpoint"`
		Version  string     `json:"api-version"`
		Metadata []metadata `json:"metadata"`
	}{n.base + "/" + url.PathEscape(tenant) + "/v2.0/.well-known/openid-configuration", "1.1", []metadata{known}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(marshal(v)))
}
