package emulator

import (
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/cloud"
)

// graphApps are the applications that were made through Graph, for example by
// a deployment: they sign in by the secrets that Graph gave them or by what
// they trust instead, and tokens can be issued for them.
type graphApps interface {
	Applications() []cloud.Application
	CheckPassword(appID, secret string) (objectID string, ok bool)
}

// madeApp is the application of a client id that Graph made. One without a
// service principal cannot sign in.
func (i *issuer) madeApp(id string) (app, bool) {
	if i.made == nil {
		return app{}, false
	}
	for _, a := range i.made.Applications() {
		if strings.EqualFold(a.AppID, id) && a.ObjectID != "" {
			return app{
				App:       App{Name: a.Name, ClientID: a.AppID, ObjectID: a.ObjectID, RedirectURIs: a.Redirects},
				federated: a.Federated, made: true,
				opens: func(given string) bool {
					_, ok := i.made.CheckPassword(a.AppID, given)
					return ok
				},
			}, true
		}
	}
	return app{}, false
}

// madeResource is an application that Graph made, as an API that tokens are
// for.
func (i *issuer) madeResource(name string) (Resource, bool) {
	if i.made == nil {
		return Resource{}, false
	}
	for _, a := range i.made.Applications() {
		if a.AppID == name || "api://"+a.AppID == name || slices.Contains(a.URIs, name) {
			scopes := a.Scopes
			if len(scopes) == 0 {
				scopes = []string{impersonation}
			}
			return Resource{URI: name, AppID: a.AppID, TokenVersion: a.TokenVersion, Scopes: scopes, known: a.Known}, true
		}
	}
	return Resource{}, false
}

// consented says whether people need not be asked what an application may do
// for them at an API. Nobody can be asked here: between two applications that
// Graph made, the API's registration must know the client (Graph's
// preAuthorizedApplications). Those of the settings are trusted.
func (t target) consented(a app) bool {
	if !a.made || t.known == nil {
		return true
	}
	return !slices.ContainsFunc(t.scopes, func(scope string) bool {
		return !slices.Contains(t.known[strings.ToLower(a.ClientID)], scope)
	})
}
