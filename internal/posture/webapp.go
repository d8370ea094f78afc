package posture

import (
	"github.com/ostiary/ostiary/internal/estate"
)

// webApp sees an App Service from the internet.
// https://learn.microsoft.com/azure/app-service/overview-access-restrictions
func (s *scene) webApp(w *estate.WebApp) front {
	f := front{app: w, kind: "azurerm_linux_web_app", host: w.Name + ".azurewebsites.net"}
	if w.Host.State == estate.Known {
		f.host = w.Host.V
	}
	f.evidence = append(f.evidence, saw(s, w, w.PublicAccess, "Enabled"))
	switch {
	case is(w.PublicAccess, "Disabled"):
		f.closed = Pass
	case w.PublicAccess.State == estate.Unknown, w.PublicAccess.State == estate.Absent && s.hasEndpoint(w):
		f.closed = Unknown // with a private endpoint, what is not set is off
	default:
		f.closed = Fail
		if s.veiled(w, "config/web") {
			f.closed = Unknown
		}
		for _, set := range w.Settings {
			f.closed = better(f.closed, s.restricted(set.Restrictions, set.DefaultAction))
		}
	}
	f.signed = s.webAuth(w, &f)
	f.mendTF = hcl(f.kind, w, `public_network_access_enabled = false`, `auth_settings_v2 {`, `  auth_enabled           = true`, `  require_authentication = true`, `  unauthenticated_action = "Return401"`, `  login {}`, `}`)
	f.mend = azSet(w, "properties.publicNetworkAccess=Disabled")
	return f
}

// hasEndpoint reports whether a private endpoint leads to a resource.
func (s *scene) hasEndpoint(t estate.Thing) bool {
	for _, e := range s.PrivateEndpoints {
		for _, l := range e.Links {
			if l.Target.To == t {
				return true
			}
		}
	}
	return false
}

// webAuth passes where App Service asks everyone to sign in. Azure always has
// these settings; a plan that has none leaves them off.
// https://learn.microsoft.com/azure/app-service/overview-authentication-authorization
func (s *scene) webAuth(w *estate.WebApp, f *front) Status {
	best := Fail
	if len(w.Auth) == 0 && !s.Planned {
		best = Unknown
	}
	if certs, known := w.ClientCerts.Or(false); !known || certs && is(w.ClientCertMode, "Required") {
		best = Unknown // a certificate is asked for, the app must judge it
	}
	for _, auth := range w.Auth {
		f.evidence = append(f.evidence, saw(s, auth, auth.Enabled, "false"), saw(s, auth, auth.Require, "false"))
		answer := asksAll(auth.Unauthenticated, auth.ExcludedPaths)
		require, known := auth.Require.Or(true)
		on, alsoKnown := auth.Enabled.Or(false)
		switch {
		case alsoKnown && !on, known && !require:
			answer = Fail
		case !known || !alsoKnown:
			answer = worse(answer, Unknown)
		}
		best = better(best, answer)
	}
	return best
}
