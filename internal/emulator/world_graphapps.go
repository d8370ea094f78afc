package emulator

import (
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/cloud"
)

// graphApps are the applications that were made through Graph, for example by
// a deployment: they sign in by the secrets that Graph gave them, and tokens
// can be issued for them.
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
			return app{App: App{Name: a.Name, ClientID: a.AppID, ObjectID: a.ObjectID}, opens: func(given string) bool {
				_, ok := i.made.CheckPassword(a.AppID, given)
				return ok
			}}, true
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
			return Resource{URI: name, AppID: a.AppID, TokenVersion: a.TokenVersion, Scopes: []string{impersonation}}, true
		}
	}
	return Resource{}, false
}
