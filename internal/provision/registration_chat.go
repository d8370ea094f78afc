package provision

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
)

// The chat's application signs people in, asks for the gateway's one permission
// and has no secret: it trusts the chat's managed identity.

// Delegated permissions of Microsoft Graph, with their ids in every tenant.
const (
	graphID   = "00000003-0000-0000-c000-000000000000"
	openidID  = "37f7f235-527c-4136-accd-4a02d197296e"
	profileID = "14dad69e-099b-42c9-810b-d002981feec1"
	offlineID = "7427e0e9-2fba-42fe-b0c0-848c9e6a8182"
)

// exchangeAudience is what a token is for that stands for a secret.
const exchangeAudience = "api://AzureADTokenExchange"

func (s Settings) chatName() string { return s.Name + "-chat" }

// managesChat: the application is ours to make, or to demand. A client id in
// the chat's own configuration names another.
func (s Settings) managesChat() bool {
	return s.Audience != "" && s.Chat != nil && s.Chat.says().client == ""
}

// federated is a credential by which an identity's tokens stand for a secret.
type federated struct {
	ID        string   `json:"id,omitempty"`
	Name      string   `json:"name"`
	Issuer    string   `json:"issuer"`
	Subject   string   `json:"subject"`
	Audiences []string `json:"audiences"`
}

// federated: "Configure an application to trust a managed identity" of the
// Entra documentation. All three are compared to the letter.
func (p *chatPlace) federated(name string) federated {
	return federated{
		Name: name, Issuer: "https://login.microsoftonline.com/" + p.Tenant + "/v2.0",
		Subject: p.Identity.Principal, Audiences: []string{exchangeAudience},
	}
}

// chatApplication finds the chat's; of several of the name, the one that was
// made here. Nil if there is none.
func (d *Deployment) chatApplication(ctx context.Context) (*application, error) {
	all, err := d.named(ctx, d.Settings.chatName())
	if err != nil || len(all) == 0 {
		return nil, err
	}
	for i := range all {
		if d.Settings.made(&all[i]) {
			return &all[i], nil
		}
	}
	return &all[0], nil
}

// chat makes the chat's application, or mends it. What a redirect URI and a
// credential say is known when the chat is there.
func (r *registrar) chat(ctx context.Context, gateway *application, place *chatPlace) error {
	s := r.d.Settings
	app, err := r.d.chatApplication(ctx)
	if err != nil {
		return err
	}
	if app != nil && s.Register && !s.made(app) {
		return strange(s.chatName())
	}
	wanted := s.chatWanted(gateway, place)
	if app == nil {
		app = &application{AppID: noApplication}
		wanted["displayName"], wanted["tags"] = s.chatName(), []string{s.mark()}
		err = r.change(Change{s.chatName(), "application", "create", ""}, call{http.MethodPost, "/v1.0/applications", wanted, ""}, func() error {
			return r.post(ctx, "/v1.0/applications", wanted, app)
		})
	} else if lacks := s.lacking(app, gateway, wanted, place); len(lacks) > 0 {
		err = r.change(Change{s.chatName(), "application", "update", ""}, call{http.MethodPatch, at(app), lacks, ""}, func() error {
			return r.patch(ctx, at(app), lacks)
		})
	}
	if err != nil {
		return err
	}
	if err := r.principal(ctx, s.chatName(), app); err != nil {
		return err
	}
	if err := r.preauthorize(ctx, gateway, app); err != nil || place == nil || s.Chat.says().secret {
		return err
	}
	return r.trust(ctx, app, place)
}

func strange(name string) error {
	return fault.New(fault.Invalid, "there is an application "+name+" that this deployment did not make").
		Fix("rename or remove it, or leave register out of the estate's file: then it is used as it is")
}

// chatWanted is what Graph is asked for: this tenant alone, version 2, groups in
// the token that says who may chat, what it asks for, and where people are sent
// back to.
func (s Settings) chatWanted(gateway *application, place *chatPlace) map[string]any {
	scopes := func(ids ...string) (all []accessMember) {
		for _, id := range ids {
			all = append(all, accessMember{id, "Scope"})
		}
		return all
	}
	w := map[string]any{
		"signInAudience": "AzureADMyOrg", "groupMembershipClaims": "SecurityGroup", "api": map[string]any{"requestedAccessTokenVersion": 2},
		"requiredResourceAccess": []access{{gateway.AppID, scopes(gateway.scope())}, {graphID, scopes(openidID, profileID, offlineID)}},
	}
	if place != nil {
		w["web"] = map[string]any{"redirectUris": place.redirects()}
	}
	return w
}

// lacking is the part of wanted that an application has not. One that others
// made may send people elsewhere too and ask for more.
func (s Settings) lacking(app, gateway *application, wanted map[string]any, place *chatPlace) map[string]any {
	right := map[string]bool{
		"signInAudience": app.Audience == "AzureADMyOrg", "groupMembershipClaims": app.Groups != "" && app.Groups != "None",
		"api":                    app.API.Version != nil && *app.API.Version == 2,
		"requiredResourceAccess": app.asks(gateway),
		"web":                    place == nil || app.sendsBack(place, s.made(app)),
	}
	lacks := map[string]any{}
	for name, value := range wanted {
		if !right[name] {
			lacks[name] = value
		}
	}
	return lacks
}

// asks says whether the application asks for the gateway's permission.
func (a *application) asks(gateway *application) bool {
	return slices.ContainsFunc(a.Required, func(r access) bool {
		return strings.EqualFold(r.API, gateway.AppID) && slices.ContainsFunc(r.Access, func(m accessMember) bool {
			return strings.EqualFold(m.ID, gateway.scope())
		})
	})
}

// sendsBack: of what we made, an address that is no longer the chat's goes, lest
// somebody gets its name and with it people's codes.
func (a *application) sendsBack(place *chatPlace, alone bool) bool {
	for _, uri := range place.redirects() {
		if !slices.Contains(a.Web.Redirects, uri) {
			return false
		}
	}
	return !alone || len(a.Web.Redirects) == len(place.redirects())
}

// preauthorize makes the chat known at the gateway's application, so that nobody
// is asked whether it may ask in their name.
func (r *registrar) preauthorize(ctx context.Context, gateway, app *application) error {
	known := slices.ContainsFunc(gateway.API.Known, func(k preclient) bool {
		return strings.EqualFold(k.AppID, app.AppID) && slices.ContainsFunc(k.Scopes, func(id string) bool { return strings.EqualFold(id, gateway.scope()) })
	})
	if known {
		return nil
	}
	if gateway.scope() == "" {
		return fault.New(fault.Invalid, "the application "+r.d.Settings.application()+" offers no permission "+scopeName).
			Fix("run: " + r.d.Settings.scopeLine(gateway))
	}
	others := slices.DeleteFunc(slices.Clone(gateway.API.Known), func(k preclient) bool { return strings.EqualFold(k.AppID, app.AppID) })
	body := preauthorized(append(others, preclient{app.AppID, []string{gateway.scope()}}))
	return r.change(Change{r.d.Settings.application(), "application", "update", ""}, call{http.MethodPatch, at(gateway), body, ""}, func() error {
		return r.patch(ctx, at(gateway), body)
	})
}

// withdrawChat removes the chat's application, if it was made here, and what the
// gateway's says of it.
func (r *registrar) withdrawChat(ctx context.Context, gateway *application) error {
	s := r.d.Settings
	chat, err := r.d.chatApplication(ctx)
	if err != nil || chat == nil || !s.made(chat) {
		return err
	}
	if gateway != nil {
		others := slices.DeleteFunc(slices.Clone(gateway.API.Known), func(k preclient) bool { return strings.EqualFold(k.AppID, chat.AppID) })
		if len(others) < len(gateway.API.Known) {
			body := preauthorized(others)
			err := r.change(Change{s.application(), "application", "update", ""}, call{http.MethodPatch, at(gateway), body, "still knows " + s.chatName()}, func() error {
				return r.patch(ctx, at(gateway), body)
			})
			if err != nil {
				return err
			}
		}
	}
	return r.remove(ctx, s.chatName(), chat)
}

func preauthorized(all []preclient) map[string]any {
	if all == nil {
		all = []preclient{}
	}
	return map[string]any{"api": map[string]any{"preAuthorizedApplications": all}}
}

// trust makes the credential, or mends the one of its name.
func (r *registrar) trust(ctx context.Context, app *application, place *chatPlace) error {
	wanted := place.federated(r.d.Settings.chatName())
	path := at(app) + "/federatedIdentityCredentials"
	var have []federated
	if app.AppID != noApplication {
		var err error
		if have, err = list[federated](ctx, r.d.graph, path, ""); err != nil {
			return err
		}
	}
	same := func(f federated) bool {
		return f.Issuer == wanted.Issuer && f.Subject == wanted.Subject && slices.Equal(f.Audiences, wanted.Audiences)
	}
	if slices.ContainsFunc(have, same) {
		return nil
	}
	for _, f := range have {
		if f.Name == wanted.Name {
			return r.change(Change{wanted.Name, "federated credential", "update", ""}, call{http.MethodPatch, path + "/" + f.ID, wanted, ""}, func() error {
				return r.patch(ctx, path+"/"+f.ID, wanted)
			})
		}
	}
	return r.change(Change{wanted.Name, "federated credential", "create", ""}, call{http.MethodPost, path, wanted, ""}, func() error {
		return r.post(ctx, path, wanted, nil)
	})
}
