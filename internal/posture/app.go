package posture

import (
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

func appSignedIn() row {
	return row{Check{
		ID:      "app-signed-in",
		Title:   "No app in front of the model is open to the internet without sign-in",
		Level:   Must,
		Looks:   "Container Apps and App Services that reach an endpoint: ingress, access restrictions, authentication",
		Default: "no sign-in",
		Why:     "An app that anyone may call, and that calls the model, makes the model public under another name. The private endpoint then protects only the last step.",
		Equal: Equal{
			Checkov: []string{"CKV_AZURE_13"}, Policy: []string{"2b585559", "95bccee9"},
			Prowler: []string{"app_ensure_auth_is_set_up"},
		},
	}, (*scene).apps}
}

// front is an app seen from the internet: each answer is a pass where it keeps
// strangers out.
type front struct {
	app          estate.Thing
	kind         string
	host         string
	closed       Status // not reachable from the internet, or from few addresses
	signed       Status // asks everyone to sign in
	evidence     []Evidence
	mendTF, mend string
}

func (s *scene) apps() []Finding {
	var all []Finding
	for _, a := range s.ContainerApps {
		all = s.appFinding(all, a, func() front { return s.containerApp(a) })
	}
	for _, w := range s.WebApps {
		all = s.appFinding(all, w, func() front { return s.webApp(w) })
	}
	return all
}

// appFinding judges an app that reaches a model, or may.
func (s *scene) appFinding(all []Finding, t estate.Thing, see func() front) []Finding {
	reaches, to, by := s.reaches(t)
	if reaches == Pass { // it reaches none
		return all
	}
	if f := s.unreadable(t); f.Status != "" {
		return append(all, f)
	}
	p, name := see(), t.Base().Name
	f := s.on(t, p.evidence...)
	safe := better(p.closed, p.signed)
	switch {
	case p.closed == Pass:
		f = f.pass("%s, which reaches %s, takes no requests from the internet at large", name, to)
	case p.signed == Pass:
		f = f.pass("%s, which reaches %s, asks everyone to sign in", name, to)
	case safe == Unknown:
		f = f.doubt("whether strangers can use %s, which reaches %s, cannot be told", name, to)
	case reaches == Unknown:
		f = f.doubt("anyone may use %s, and whether it reaches %s cannot be told", name, to)
	default:
		f = f.fail("anyone on the internet may use %s, which reaches %s", name, to).by("any address → %s:443/tcp → %s", p.host, by)
	}
	return append(all, f.mended(p.mendTF, p.mend))
}

// better is the better of two answers.
func better(a, b Status) Status {
	if worse(a, b) == a {
		return b
	}
	return a
}

// containerApp sees a Container App from the internet.
// https://learn.microsoft.com/azure/container-apps/ingress-overview
func (s *scene) containerApp(a *estate.ContainerApp) front {
	f := front{app: a, kind: "azurerm_container_app", host: a.Name, closed: Pass, signed: Fail}
	for _, in := range a.Ingress {
		f.evidence = append(f.evidence, saw(s, a, in.External, "false"))
		if in.Host.State == estate.Known {
			f.host = in.Host.V
		}
		f.closed = worse(f.closed, better(notTrue(in.External, false), better(s.innerEnvironment(a, &f), s.restricted(in.Restrictions, estate.Value[string]{}))))
		if is(in.ClientCerts, "require") {
			f.signed = Unknown // a certificate is asked for, the app must judge it
		}
	}
	if f.signed == Fail {
		f.signed = s.containerAuth(a, &f)
	}
	f.mendTF = hcl(f.kind, a, `ingress {`, `  external_enabled = false`, `}`)
	f.mend = azIDs(a, "az containerapp ingress update", "--type internal")
	return f
}

// notTrue passes where a value is certainly false.
func notTrue(v estate.Value[bool], fallback bool) Status {
	on, known := v.Or(fallback)
	if !known {
		return Unknown
	}
	return narrowIf(!on)
}

// innerEnvironment passes where the app's environment has no public front.
func (s *scene) innerEnvironment(a *estate.ContainerApp, f *front) Status {
	env, state := a.Environment.Get()
	if state != estate.Known || env.Stub || env.Doubt != 0 {
		return Unknown
	}
	f.evidence = append(f.evidence, saw(s, env, env.Internal, "false"))
	if is(env.PublicAccess, "Disabled") {
		return Pass
	}
	internal, known := env.Internal.Or(false)
	switch {
	case known && internal:
		return Pass
	case !known || env.PublicAccess.State == estate.Unknown:
		return Unknown
	}
	return Fail
}

// restricted passes where access restrictions let few addresses in. A list
// with an Allow denies the rest, unless the app says otherwise.
func (s *scene) restricted(rules []*estate.Restriction, otherwise estate.Value[string]) Status {
	allows, status := 0, Pass
	for _, r := range rules {
		if is(r.Action, "Deny") {
			continue
		}
		allows++
		switch {
		case r.Action.State == estate.Unknown || r.Tag.State == estate.Unknown:
			status = worse(status, Unknown)
		case r.Subnet.State == estate.Known:
		case r.Prefix.State == estate.Known:
			status = worse(status, width(r.Prefix.V))
		default:
			status = worse(status, Unknown)
		}
	}
	rest, known := otherwise.Or("")
	switch {
	case !known:
		return worse(status, Unknown)
	case strings.EqualFold(rest, "Deny"):
		return status
	case allows == 0 || strings.EqualFold(rest, "Allow"):
		return Fail
	}
	return status
}

// containerAuth passes where the platform asks everyone to sign in.
// https://learn.microsoft.com/azure/container-apps/authentication
func (s *scene) containerAuth(a *estate.ContainerApp, f *front) Status {
	if len(a.Auth) == 0 {
		f.evidence = append(f.evidence, s.seen(a, estate.Mark{At: a.At}, "", "no sign-in"))
		if s.veiled(a, "authConfigs") {
			return Unknown
		}
		return Fail
	}
	best := Fail
	for _, auth := range a.Auth {
		f.evidence = append(f.evidence, saw(s, auth, auth.Enabled, "false"), saw(s, auth, auth.Unauthenticated, "unknown"))
		answer := asksAll(auth.Unauthenticated, auth.ExcludedPaths)
		if on, known := auth.Enabled.Or(false); !known {
			answer = worse(answer, Unknown)
		} else if !on {
			answer = Fail
		}
		best = better(best, answer)
	}
	return best
}

// asksAll judges what happens to a caller who has not signed in.
func asksAll(action estate.Value[string], excluded estate.List[string]) Status {
	switch {
	case is(action, "AllowAnonymous"):
		return Fail
	case hasFold(excluded, "/") || hasFold(excluded, "/*"):
		return Fail
	case action.State != estate.Known || !excluded.Complete():
		return Unknown
	case is(action, "RedirectToLoginPage", "Return401", "Return403", "Return404"):
		return Pass
	}
	return Unknown
}
