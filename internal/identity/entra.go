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

// defaultAudiences are what tokens for Azure OpenAI are asked with: the classic
// resource, Foundry's, and the first-party application's id, which stands in
// version 2 tokens.
func defaultAudiences() []string {
	return []string{
		"https://cognitiveservices.azure.com", "https://ai.azure.com", "7d312290-28c8-473c-a0ed-8e53749b6d6d",
	}
}

// Check reports what the types cannot.
func (e *Entra) Check(report func(path, what, fix string)) {
	if e.Tenant != "" && (strings.ContainsFunc(e.Tenant, notToken68) || strings.ContainsAny(e.Tenant, "/+=") || isCommon(e.Tenant)) {
		report("tenant", "not a tenant id", "write the id of one tenant; common and organizations would trust everybody's")
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
// Microsoft's public cloud come from sts.windows.net, version 2 tokens from
// the authority itself; any token is signed by the keys that the authority's
// discovery document leads to. The client reaches the authority; nil means
// http.DefaultClient's transport.
func (e *Entra) Issuer(client *http.Client) (Issuer, error) {
	var problem error
	e.Check(func(path, what, fix string) {
		problem = fault.New(fault.Invalid, what).At("entra." + path).Fix(fix)
	})
	if problem != nil {
		return Issuer{}, problem
	}
	authority := strings.TrimRight(e.Authority, "/")
	if authority == "" {
		authority = defaultAuthority
	}
	audiences := e.Audiences
	if len(audiences) == 0 {
		audiences = defaultAudiences()
	}
	v1, v2 := authority+"/"+e.Tenant+"/", authority+"/"+e.Tenant+"/v2.0"
	if authority == defaultAuthority {
		v1 = "https://sts.windows.net/" + e.Tenant + "/"
	}
	return Issuer{
		Names:     []string{v2, v1},
		Discovery: v2 + "/.well-known/openid-configuration",
		Tenant:    e.Tenant,
		Audiences: audiences,
		HTTP:      client,
	}, nil
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
