package identity

import (
	"net/http"
	"strings"
)

// OIDC is one trusted issuer of tokens that is not Entra: Keycloak, Okta, the
// tokens of a Kubernetes cluster or of a build service.
type OIDC struct {
	Issuer    string     `yaml:"issuer" config:"required" doc:"https URL, exactly as the claim iss and the discovery document name it"`
	Audiences []string   `yaml:"audiences" config:"required" doc:"accepted audiences; one that only this gateway has keeps out tokens made for others"`
	Keys      string     `yaml:"jwks_url" doc:"https URL of its keys; default what its discovery document says"`
	CA        string     `yaml:"ca" doc:"PEM file of the only authority trusted for the issuer's server; default the system's"`
	Claims    OIDCClaims `yaml:"claims" doc:"which claims say what"`
}

// OIDCClaims names claims of the token's top level.
type OIDCClaims struct {
	Subject string `yaml:"subject" doc:"the stable id, which workloads name in subjects; default sub"`
	Name    string `yaml:"name" doc:"what a person would recognise; default name, else preferred_username"`
	App     string `yaml:"app" doc:"the application that calls, which workloads name in apps; default azp, else client_id"`
	Groups  string `yaml:"groups" doc:"default groups"`
	Roles   string `yaml:"roles" doc:"default roles"`
}

// Claims are the names of the claims that make a Principal; of several the
// first that a token has counts.
type Claims struct{ Subject, Name, App, Groups, Roles []string }

// Check reports what the types cannot.
func (o *OIDC) Check(report func(path, what, fix string)) {
	switch {
	case o.Issuer == "":
	case !isHTTPS(o.Issuer):
		report("issuer", "not an https URL", "write it exactly as the issuer's discovery document does")
	case isEntra(o.Issuer):
		report("issuer", "an issuer of Entra", "list its tenant under entra: there the tenant is checked")
	}
	if o.Keys != "" && !isHTTPS(o.Keys) {
		report("jwks_url", "not an https URL", "write https://HOST/PATH without a query")
	}
}

// isEntra knows Microsoft's issuers, whose tokens name a tenant that must be
// checked.
func isEntra(issuer string) bool {
	for _, host := range []string{
		"sts.windows.net", "login.microsoftonline.com", "login.microsoftonline.us",
		"sts.chinacloudapi.cn", "login.partner.microsoftonline.cn", "login.chinacloudapi.cn",
	} {
		if strings.HasPrefix(strings.ToLower(issuer), "https://"+host+"/") {
			return true
		}
	}
	return false
}

// Trusted is what the issuer's tokens are checked against. The client reaches
// the issuer; nil means http.DefaultClient's transport.
func (o *OIDC) Trusted(client *http.Client) (Issuer, error) {
	if err := firstProblem("oidc", o.Check); err != nil {
		return Issuer{}, err
	}
	is := Issuer{
		Names: []string{o.Issuer}, Keys: o.Keys, Audiences: o.Audiences, HTTP: client,
		Claims: Claims{
			Subject: or(o.Claims.Subject, "sub"), Name: or(o.Claims.Name, "name", "preferred_username"),
			App: or(o.Claims.App, "azp", "client_id"), Groups: or(o.Claims.Groups, "groups"), Roles: or(o.Claims.Roles, "roles"),
		},
	}
	if o.Keys == "" {
		is.Discovery = strings.TrimSuffix(o.Issuer, "/") + wellKnown
	}
	return is, nil
}

func or(given string, otherwise ...string) []string {
	if given != "" {
		return []string{given}
	}
	return otherwise
}
