package provision

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
)

// registration: the applications that the estate's file speaks of are there and
// right, or the lines are said that make them so.
func (p *preflight) registration(ctx context.Context) error {
	s := p.d.Settings
	if s.Audience == "" {
		return nil
	}
	if s.Register {
		return p.d.strangers(ctx)
	}
	app, err := p.d.registered(ctx)
	if err != nil {
		return err
	}
	if app == nil {
		p.add("there is no application "+s.application()+" with the identifier URI "+s.Audience, "set register: true, or run: "+strings.Join(s.azLines(), " && "))
		return nil
	}
	if app.API.Version == nil || *app.API.Version != 2 {
		p.add("the application "+s.application()+" gives tokens of version 1", "run: az ad app update --id "+s.Audience+" --requested-access-token-version 2")
	}
	if !s.managesChat() {
		return nil
	}
	if app.scope() == "" {
		p.add("the application "+s.application()+" offers no permission "+scopeName+", which the chat asks for", "run: "+s.scopeLine(app))
		return nil
	}
	place, err := p.d.standing(ctx)
	if err != nil {
		return err
	}
	left, err := p.d.unfinishedChat(ctx, app, place)
	p.found = append(p.found, left...)
	return err
}

// strangers: with register, an application of the chat's name that others made
// would be changed and removed.
func (d *Deployment) strangers(ctx context.Context) error {
	if !d.Settings.managesChat() {
		return nil
	}
	chat, err := d.chatApplication(ctx)
	if err == nil && chat != nil && !d.Settings.made(chat) {
		return strange(d.Settings.chatName())
	}
	return err
}

// standing is the chat's place as an earlier run left it; nil before one. It is
// read from the state, and no tool runs where there is none.
func (d *Deployment) standing(ctx context.Context) (*chatPlace, error) {
	if d.remembered() == nil {
		return nil, nil //nolint:nilnil // nothing stands there
	}
	t, err := d.opened(ctx, workloadStack)
	if err != nil || t == nil {
		return nil, err
	}
	defer t.close()
	return d.chatPlace(ctx, t)
}

// unfinishedChat is what people's sign-in to the chat lacks, with the line that
// makes it. A line needs what the one before it made: the next check says it.
func (d *Deployment) unfinishedChat(ctx context.Context, gateway *application, place *chatPlace) ([]Problem, error) {
	r := &registrar{d: d, dry: true}
	if err := r.chat(ctx, gateway, place); err != nil {
		return nil, err
	}
	var all []Problem
	for i, c := range r.done {
		all = append(all, Problem{c.lack(r.calls[i]), "set register: true, or run: " + r.calls[i].line()})
		if c.Type == "application" && c.Action == "create" {
			break // the others need its id
		}
	}
	return all, nil
}

// lack is what is missing before a change is made.
func (c Change) lack(by call) string {
	if by.why != "" {
		return "the application " + c.Address + " " + by.why
	}
	if c.Action == "create" && c.Type == "application" {
		return "there is no application " + c.Address
	}
	if c.Action == "create" {
		return "the application " + c.Address + " has no " + c.Type
	}
	body, _ := by.body.(map[string]any)
	for _, part := range []struct{ name, what string }{
		{"web", "sends nobody back to the chat"}, {"requiredResourceAccess", "does not ask for the gateway's permission"},
		{"signInAudience", "signs in people of other tenants"}, {"groupMembershipClaims", "leaves groups out of its tokens"},
	} {
		if body[part.name] != nil {
			return "the application " + c.Address + " " + part.what
		}
	}
	if api, ok := body["api"].(map[string]any); ok && api["preAuthorizedApplications"] != nil {
		return "the application " + c.Address + " does not know the chat, so that each person would be asked for consent"
	}
	if c.Type == "federated credential" {
		return "the application " + c.Address + " trusts another identity than the chat's"
	}
	return "the application " + c.Address + " gives tokens of version 1"
}

// sayUnfinished tells what is left to do by hand when the chat stands there.
func (d *Deployment) sayUnfinished(ctx context.Context, place *chatPlace) error {
	if d.Settings.Register || !d.Settings.managesChat() || place == nil {
		return nil
	}
	gateway, err := d.registered(ctx)
	if err != nil || gateway == nil {
		return err
	}
	left, err := d.unfinishedChat(ctx, gateway, place)
	for _, p := range left {
		d.Say("people cannot sign in to the chat yet: " + p.What + "; " + p.Fix)
	}
	return err
}

// SignIn is what people sign in to.
type SignIn struct {
	Applications map[string]string `json:"applications"`      // by name: their client ids
	Left         []string          `json:"left,omitempty"`    // what is missing or wrong
	Unknown      string            `json:"unknown,omitempty"` // why the directory could not be asked
}

// signIn looks into the directory; nil where the estate has no application. A
// directory that cannot be asked is no error of a status.
func (d *Deployment) signIn(ctx context.Context, place *chatPlace) *SignIn {
	s := d.Settings
	if s.Audience == "" {
		return nil
	}
	st := &SignIn{Applications: map[string]string{}}
	r := &registrar{d: d, dry: true}
	err := r.all(ctx, place)
	for i, c := range r.done {
		st.Left = append(st.Left, c.lack(r.calls[i]))
	}
	gateway, lost := d.registered(ctx)
	if gateway != nil {
		st.Applications[s.application()] = gateway.AppID
	}
	if err == nil && lost == nil && s.managesChat() {
		var chat *application
		if chat, err = d.chatApplication(ctx); chat != nil {
			st.Applications[s.chatName()] = chat.AppID
		}
	}
	if err = cmp.Or(err, lost); err != nil {
		st.Unknown = fault.PublicText(err)
	}
	return st
}

// azLines make the gateway's application by hand.
func (s Settings) azLines() []string {
	return []string{
		"az ad app create --display-name " + s.application() + " --identifier-uris " + s.Audience + " --sign-in-audience AzureADMyOrg --requested-access-token-version 2",
		"az ad app update --id " + s.Audience + " --set groupMembershipClaims=SecurityGroup",
		"az ad sp create --id " + s.Audience,
	}
}

// scopeLine adds the permission to an application that has others or none.
func (s Settings) scopeLine(app *application) string {
	return call{http.MethodPatch, at(app), map[string]any{"api": map[string]any{"oauth2PermissionScopes": []any{s.apiScope()}}}, ""}.line()
}
