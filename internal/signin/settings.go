package signin

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
)

// Settings say where people sign in, and for what. They hold no secret: the
// application is a public one.
type Settings struct {
	Tenant    string `yaml:"tenant" doc:"Entra tenant id; needed unless issuer is given"`
	Authority string `yaml:"authority" doc:"base URL of the login service; default https://login.microsoftonline.com"`
	Issuer    string `yaml:"issuer" doc:"another OpenID provider, as its discovery document names itself; in place of tenant and authority"`
	ClientID  string `yaml:"client_id" doc:"the public application that people sign in to; needed for signing in"`
	Scope     string `yaml:"scope" doc:"what the token is for; default api://ostiary-gateway/user_impersonation"`
	CA        string `yaml:"ca" doc:"PEM file of the only authority trusted for the login service; default the system's"`
}

// DefaultScope is the gateway's own, as docs/ask.md registers it.
const DefaultScope = "api://ostiary-gateway/user_impersonation"

const defaultAuthority = "https://login.microsoftonline.com"

// Configured says whether people sign in at all: a gateway key, or an inlet,
// needs none of it.
func (s Settings) Configured() bool { return s.Tenant+s.Issuer != "" }

// Check reports what the types cannot.
func (s *Settings) Check(report func(path, what, fix string)) {
	if s.Tenant != "" && s.Issuer != "" {
		report("issuer", "beside tenant", "keep one of the two")
	}
	if strings.ContainsAny(s.Tenant, "/?#%") || s.Tenant == "common" || s.Tenant == "organizations" || s.Tenant == "consumers" {
		report("tenant", "not a tenant id", "write the id of one tenant")
	}
	for _, u := range []struct{ path, value string }{{"authority", s.Authority}, {"issuer", s.Issuer}} {
		if u.value != "" && !isHTTPS(u.value) {
			report(u.path, "not an https URL", "write https://HOST without a query")
		}
	}
}

func isHTTPS(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil
}

// issuer is the name that discovery must give.
func (s Settings) issuer() string {
	if s.Issuer != "" {
		return s.Issuer
	}
	return strings.TrimRight(cmp.Or(s.Authority, defaultAuthority), "/") + "/" + s.Tenant + "/v2.0"
}

func (s Settings) scopes() []string {
	return append([]string{"openid", "profile", "offline_access"}, strings.Fields(cmp.Or(s.Scope, DefaultScope))...)
}

// problem is the first thing that is wrong, if anything is.
func (s Settings) problem() error {
	var first error
	s.Check(func(path, what, fix string) {
		if first == nil {
			first = fault.New(fault.Invalid, what).At("login." + path).Fix(fix)
		}
	})
	switch {
	case first != nil:
		return first
	case !s.Configured():
		return fault.New(fault.Invalid, "where to sign in is not known").At("login.tenant").
			Fix("give --tenant, set OSTIARY_TENANT, or write it to ask.yaml")
	case s.ClientID == "":
		return fault.New(fault.Invalid, "the application to sign in to is not known").At("login.client_id").
			Fix("give --client-id, set OSTIARY_CLIENT_ID, or write it to ask.yaml")
	}
	return nil
}
