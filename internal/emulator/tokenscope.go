package emulator

import (
	"slices"
	"strings"
)

const (
	graphURI   = "https://graph.microsoft.com"
	graphAppID = "00000003-0000-0000-c000-000000000000"
)

// openIDScopes ask for no API: they shape the answer.
func openIDScopes() []string { return []string{"openid", "profile", "email", "offline_access"} }

// target is what a request asks for: an API under the name that the client
// gave it, and what a person lets the client do there.
type target struct {
	Resource
	audience string
	scopes   []string // without the API's name; of a person's tokens
	asked    []string // the scopes as they were written
}

// wants says whether one of OpenID Connect's scopes was asked for.
func (t target) wants(scope string) bool { return slices.Contains(t.asked, scope) }

// granted is the member scope of an answer: the scopes as asked, for that is
// what libraries look for, and offline_access is no scope of an API.
func (t target) granted() string {
	return strings.Join(slices.DeleteFunc(slices.Clone(t.asked), func(s string) bool { return s == "offline_access" }), " ")
}

// resource finds an API by one of its names.
func (i *issuer) resource(audience string) (Resource, bool) {
	name := strings.TrimSuffix(audience, "/")
	at := slices.IndexFunc(i.resources, func(r Resource) bool {
		return r.URI == name || r.AppID == name || "api://"+r.AppID == name
	})
	if at >= 0 {
		return i.resources[at], true
	}
	if r, ok := i.madeResource(name); ok {
		return r, true
	}
	return ownAudience(name)
}

// ownAudience knows the services whose tokens are for one namespace or cluster,
// by its host name.
func ownAudience(name string) (Resource, bool) {
	for _, service := range []struct{ suffix, appID string }{
		{".servicebus.windows.net", "80369ed6-5f11-4dd9-bef3-692475845e77"}, // Event Hubs
		{".kusto.windows.net", "2746ea77-4702-4b45-80ca-3c97e680e8b7"},      // Data Explorer
	} {
		host, https := strings.CutPrefix(name, "https://")
		label, ours := strings.CutSuffix(host, service.suffix)
		if https && ours && label != "" && !strings.ContainsAny(label, "/:@?#") {
			return Resource{URI: name, AppID: service.appID, TokenVersion: 1, Scopes: []string{impersonation}}, true
		}
	}
	return Resource{}, false
}

// split cuts a scope into API and permission: "api://x/Read" is Read of
// api://x, and a bare "User.Read" is Graph's. Entra cuts at the last slash:
// "https://x//.default" asks for the audience "https://x/".
func split(scope string) (audience, permission string) {
	at := strings.LastIndexByte(scope, '/')
	if at < 0 {
		return graphURI, scope
	}
	return scope[:at], scope[at+1:]
}

// targetOf reads what a person's sign-in asks for. It is one API; without any,
// it is Graph, which tells who the person is.
func (i *issuer) targetOf(scope string) (target, *entraError) {
	t := target{asked: strings.Fields(scope), audience: graphURI}
	if len(t.asked) == 0 {
		return t, missingParameter("scope")
	}
	var wanted []string
	first := true
	for _, s := range t.asked {
		if slices.Contains(openIDScopes(), s) {
			continue
		}
		audience, permission := split(s)
		if !first && audience != t.audience {
			return t, severalResources(scope)
		}
		t.audience, first = audience, false
		wanted = append(wanted, permission)
	}
	var known bool
	if t.Resource, known = i.resource(t.audience); !known {
		return t, unknownResource(t.audience, i.tenant)
	}
	if first {
		wanted = slices.DeleteFunc(slices.Clone(t.asked), func(s string) bool { return s == "offline_access" })
		wanted = append(wanted, "User.Read")
	}
	for _, permission := range wanted {
		switch {
		case permission == ".default":
			t.scopes = append(t.scopes, t.Scopes...)
		case !slices.Contains(t.Scopes, permission):
			return t, unknownScope(permission, t.audience)
		default:
			t.scopes = append(t.scopes, permission)
		}
	}
	slices.Sort(t.scopes)
	t.scopes = slices.Compact(t.scopes)
	return t, nil
}

// appTarget reads what an application asks for itself: everything that it was
// granted at one API. OpenID Connect's scopes, which MSAL always sends, mean
// nothing there.
func (i *issuer) appTarget(scope string) (target, *entraError) {
	if scope == "" {
		return target{}, missingParameter("scope")
	}
	asked := slices.DeleteFunc(strings.Fields(scope), func(s string) bool { return slices.Contains(openIDScopes(), s) })
	if len(asked) != 1 || !strings.HasSuffix(asked[0], "/.default") {
		return target{}, badScope(scope)
	}
	audience, _ := split(asked[0])
	r, known := i.resource(audience)
	if !known {
		return target{}, unknownResource(audience, i.tenant)
	}
	return target{Resource: r, audience: audience}, nil
}
