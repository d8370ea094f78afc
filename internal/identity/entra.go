package identity

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// Entra is one trusted tenant of Microsoft Entra ID, or of a server that
// speaks like it.
type Entra struct {
	Tenant    string   `yaml:"tenant" config:"required" doc:"tenant id"`
	Authority string   `yaml:"authority" doc:"base URL of the login service; default https://login.microsoftonline.com"`
	Audiences []string `yaml:"audiences" doc:"accepted audiences; default those of Azure OpenAI"`
	CA        string   `yaml:"ca" doc:"PEM file of the only authority trusted for the login service; default the system's"`
}

const defaultAuthority = "https://login.microsoftonline.com"

// cloud is what differs between Microsoft's clouds.
type cloud struct {
	v1        string // issuer of version 1 tokens, without the tenant
	audiences []string
}

// cloudOf knows the login services by their authority. Another one, such as an
// emulator's, issues both versions under its own name.
func cloudOf(authority string) cloud {
	// Tokens for Azure OpenAI are asked for with the classic resource or with
	// Foundry's; in version 2 tokens stands the first-party application's id.
	const application = "7d312290-28c8-473c-a0ed-8e53749b6d6d"
	switch authority {
	case "https://login.microsoftonline.us":
		return cloud{"https://sts.windows.net", []string{"https://cognitiveservices.azure.us", "https://ai.azure.us", application}}
	case "https://login.partner.microsoftonline.cn", "https://login.chinacloudapi.cn":
		return cloud{"https://sts.chinacloudapi.cn", []string{"https://cognitiveservices.azure.cn", application}}
	}
	public := cloud{authority, []string{"https://cognitiveservices.azure.com", "https://ai.azure.com", application}}
	if authority == defaultAuthority {
		public.v1 = "https://sts.windows.net"
	}
	return public
}

// entraClaims: version 1 tokens have appid, version 2 tokens azp.
func entraClaims() Claims {
	return Claims{
		Subject: []string{"oid", "sub"}, Name: []string{"name", "preferred_username"}, App: []string{"appid", "azp"},
		Groups: []string{"groups"}, Roles: []string{"roles"},
	}
}

// Check reports what the types cannot.
func (e *Entra) Check(report func(path, what, fix string)) {
	if e.Tenant != "" && (!isToken68(e.Tenant) || strings.ContainsAny(e.Tenant, "/+=") || isCommon(e.Tenant)) {
		report("tenant", "not a tenant id", "write the id of one tenant; common and organizations would trust everybody's")
	} else if strings.Contains(e.Tenant, ".") {
		report("tenant", "a domain, not a tenant id", "write the tenant's id, a GUID: tokens carry no domain")
	}
	if e.Authority != "" && !isHTTPS(e.Authority) {
		report("authority", "not an https URL", "write https://HOST without a query")
	}
}

// isCommon names the endpoints that serve every tenant.
func isCommon(tenant string) bool {
	switch strings.ToLower(tenant) {
	case "common", "organizations", "consumers":
		return true
	}
	return false
}

func isHTTPS(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil
}

// Issuer is what the tenant's tokens are checked against. Version 1 tokens of
// Microsoft's clouds come from a service of their own (sts.windows.net),
// version 2 tokens from the authority itself; any token is signed by the keys
// that the authority's discovery document leads to. The client reaches the
// authority; nil means http.DefaultClient's transport.
func (e *Entra) Issuer(client *http.Client) (Issuer, error) {
	if err := firstProblem("entra", e.Check); err != nil {
		return Issuer{}, err
	}
	authority := strings.TrimRight(first(e.Authority, defaultAuthority), "/")
	of, tenant := cloudOf(authority), strings.ToLower(e.Tenant)
	audiences := e.Audiences
	if len(audiences) == 0 {
		audiences = of.audiences
	}
	v2 := authority + "/" + tenant + "/v2.0"
	return Issuer{
		Names:     []string{v2, of.v1 + "/" + tenant + "/"},
		Discovery: v2 + wellKnown,
		Tenant:    tenant,
		Audiences: audiences,
		Claims:    entraClaims(),
		HTTP:      client,
	}, nil
}

// wellKnown is OpenID Connect Discovery 1.0, section 4.
const wellKnown = "/.well-known/openid-configuration"

// firstProblem makes a fault of the first thing that a Check reports.
func firstProblem(section string, check func(report func(path, what, fix string))) error {
	var problem error
	check(func(path, what, fix string) {
		if problem == nil {
			problem = fault.New(fault.Invalid, what).At(section + "." + path).Fix(fix)
		}
	})
	return problem
}

func first(candidates ...string) string {
	for _, s := range candidates {
		if s != "" {
			return s
		}
	}
	return ""
}

// LoginClient speaks to a login service: roots are the only authorities trusted
// for it, nil the system's. It honours the proxy of the environment, for the
// login service is on the internet where the models are not.
func LoginClient(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Timeout: loginTime,
		Transport: &http.Transport{
			Proxy:           http.ProxyFromEnvironment,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			MaxIdleConns:    4,
			IdleConnTimeout: loginTime,
		},
	}
}

const loginTime = 30 * time.Second
