package cloud

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Application is one that was made through Graph, as the issuer needs it.
type Application struct {
	AppID, ObjectID, Name string              // ObjectID is the service principal's; empty while there is none
	URIs                  []string            // identifierUris
	TokenVersion          int                 // api.requestedAccessTokenVersion, 1 where it is not said
	Redirects             []string            // web.redirectUris
	Scopes                []string            // values of the delegated permissions that its API offers
	Known                 map[string][]string // preAuthorizedApplications: by application id, those of Scopes
	Federated             []Federated
}

// Federated is a federated identity credential: whose tokens stand for a
// secret of the application.
type Federated struct {
	Issuer, Subject string
	Audiences       []string
}

// Applications are those that were made through Graph.
func (c *Cloud) Applications() []Application {
	g := c.graph
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []Application
	for _, id := range slices.Sorted(maps.Keys(g.state.Applications)) {
		all = append(all, g.registered(id, g.state.Applications[id]))
	}
	return all
}

func (g *graph) registered(id string, d map[string]any) Application {
	api := object(d, "api")
	a := Application{
		AppID: text(d, "appId"), Name: text(d, "displayName"), TokenVersion: 1, URIs: texts(d["identifierUris"]),
		Redirects: texts(object(d, "web")["redirectUris"]), Known: map[string][]string{},
	}
	if v, ok := member(api, "requestedAccessTokenVersion").(float64); ok && v == 2 {
		a.TokenVersion = 2
	}
	values := scopeValues(api)
	a.Scopes = slices.Sorted(maps.Values(values))
	for _, known := range objects(api["preAuthorizedApplications"]) {
		for _, scope := range texts(known["delegatedPermissionIds"]) {
			client := strings.ToLower(text(known, "appId"))
			a.Known[client] = append(a.Known[client], values[strings.ToLower(scope)])
		}
	}
	for _, c := range g.state.Children["applications/"+id+"/federatedIdentityCredentials"] {
		a.Federated = append(a.Federated, Federated{text(c.Document, "issuer"), text(c.Document, "subject"), texts(c.Document["audiences"])})
	}
	for pid, p := range g.state.Principals {
		if strings.EqualFold(text(p, "appId"), a.AppID) {
			a.ObjectID = pid
		}
	}
	return a
}

// scopeValues are the delegated permissions of an API that are enabled, by id.
func scopeValues(api map[string]any) map[string]string {
	values := map[string]string{}
	for _, s := range objects(api["oauth2PermissionScopes"]) {
		if on, said := s["isEnabled"].(bool); on || !said {
			values[strings.ToLower(text(s, "id"))] = text(s, "value")
		}
	}
	return values
}

// consistent refuses what Graph refuses of an application: an identifier URI
// that another has, a redirect URI without TLS, and an application that is
// known beforehand for a permission that there is not.
func (g *graph) consistent(d map[string]any) *graphError {
	bad := func(what string) *graphError {
		return &graphError{http.StatusBadRequest, "Request_BadRequest", what}
	}
	for _, uri := range texts(d["identifierUris"]) {
		for id, other := range g.state.Applications {
			if id != text(d, "id") && slices.Contains(texts(other["identifierUris"]), uri) {
				return bad("Another object with the same value for property identifierUris already exists.")
			}
		}
	}
	for _, uri := range texts(object(d, "web")["redirectUris"]) {
		u, err := url.Parse(uri)
		if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1") {
			return bad("Reply URL is not valid: '" + clip(uri) + "'. A reply URL must use https, or http with localhost.")
		}
	}
	api := object(d, "api")
	offered := scopeValues(api)
	for _, known := range objects(api["preAuthorizedApplications"]) {
		for _, scope := range texts(known["delegatedPermissionIds"]) {
			if _, ok := offered[strings.ToLower(scope)]; !ok {
				return bad("Property api.preAuthorizedApplications names the permission '" + clip(scope) + "', which the application does not offer.")
			}
		}
	}
	return nil
}

// federates refuses a credential that Graph refuses: without its members, with
// another audience count than one, or of a name or a subject that is there.
func (g *graph) federates(c *graphCall, of string) *graphError {
	for _, name := range []string{"name", "issuer", "subject"} {
		if text(c.body, name) == "" {
			return &graphError{http.StatusBadRequest, "Request_BadRequest", "The " + name + " of a federated identity credential is required."}
		}
	}
	if len(texts(c.body["audiences"])) != 1 {
		return &graphError{http.StatusBadRequest, "Request_BadRequest", "A federated identity credential has one audience."}
	}
	for _, other := range g.state.Children[of] {
		same := text(other.Document, "issuer") == text(c.body, "issuer") && text(other.Document, "subject") == text(c.body, "subject")
		if same || text(other.Document, "name") == text(c.body, "name") {
			return &graphError{http.StatusConflict, "Request_MultipleObjectsWithSameKeyValue", "FederatedIdentityCredential with this name, or with this issuer and subject, already exists."}
		}
	}
	return nil
}

// merged is a property after a PATCH: of a complex one (api, web) the members
// that the call names are replaced, and the others stay.
func merged(old, change any) any {
	inner, ok := change.(map[string]any)
	before, was := old.(map[string]any)
	if !ok || !was {
		return change
	}
	after := maps.Clone(before)
	maps.Copy(after, inner)
	return after
}

func texts(list any) []string {
	var all []string
	items, _ := list.([]any)
	for _, item := range items {
		if s, ok := item.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

func objects(list any) []map[string]any {
	var all []map[string]any
	items, _ := list.([]any)
	for _, item := range items {
		if o, ok := item.(map[string]any); ok {
			all = append(all, o)
		}
	}
	return all
}
