package provision

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/ostiary/ostiary/internal/azure"
	"github.com/ostiary/ostiary/internal/fault"
)

// What people sign in to are applications of the directory: the gateway's API,
// NAME-gateway, of which callers ask for tokens and which is known by its
// Application ID URI, and NAME-chat, through which people sign in.

// scopeName is the one delegated permission that the gateway's API offers.
const scopeName = "user_impersonation"

// application is one as Microsoft Graph has it, as far as we look.
type application struct {
	ID       string   `json:"id"`
	AppID    string   `json:"appId"`
	URIs     []string `json:"identifierUris"`
	Audience string   `json:"signInAudience"`
	Tags     []string `json:"tags"`
	Groups   string   `json:"groupMembershipClaims"`
	API      struct {
		Version *int         `json:"requestedAccessTokenVersion"`
		Scopes  []permission `json:"oauth2PermissionScopes"`
		Known   []preclient  `json:"preAuthorizedApplications"`
	} `json:"api"`
	Web struct {
		Redirects []string `json:"redirectUris"`
	} `json:"web"`
	Required []access `json:"requiredResourceAccess"`
}

// permission is a delegated one that an API offers.
type permission struct {
	ID    string `json:"id"`
	Value string `json:"value"`
}

// preclient is an application that people need not be asked about.
type preclient struct {
	AppID  string   `json:"appId"`
	Scopes []string `json:"delegatedPermissionIds"`
}

// access is what an application asks for at an API.
type access struct {
	API    string         `json:"resourceAppId"`
	Access []accessMember `json:"resourceAccess"`
}

type accessMember struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// scope is the id of the permission, empty if the API does not offer it.
func (a *application) scope() string {
	for _, s := range a.API.Scopes {
		if s.Value == scopeName {
			return s.ID
		}
	}
	return ""
}

// newGraph asks Microsoft Graph of the public cloud with the same login.
func newGraph(c azure.Config) *manager {
	if c.Transport == nil {
		c.Transport = azure.Transport(nil)
	}
	const base = "https://graph.microsoft.com"
	token := runtime.NewBearerTokenPolicy(c.Credential, []string{base + "/.default"}, nil)
	pipeline := runtime.NewPipeline("ostiary", "v1.0.0", runtime.PipelineOptions{PerRetry: []policy.Policy{token}},
		&policy.ClientOptions{Transport: c.Transport, Retry: c.Retry, Telemetry: policy.TelemetryOptions{Disabled: true}})
	return &manager{
		pipeline: pipeline, base: base, name: "Microsoft Graph", denied: "ask for the role Application Developer in the directory, or let somebody who has it make the application",
	}
}

func (s Settings) application() string { return s.Name + "-gateway" }

// mark stands in the tags of what a deployment made: what others made is used,
// and neither changed beyond what is asked for nor removed.
func (s Settings) mark() string { return "ostiary:" + strings.ToLower(s.Subscription) + "/" + s.Name }

func (s Settings) made(a *application) bool { return slices.Contains(a.Tags, s.mark()) }

// named are the applications of a display name, which need not be unique.
func (d *Deployment) named(ctx context.Context, name string) ([]application, error) {
	filter := url.Values{"$filter": {"displayName eq '" + name + "'"}}
	return list[application](ctx, d.graph, "/v1.0/applications?"+filter.Encode(), "")
}

// registered finds the application of the audience; nil if there is none.
func (d *Deployment) registered(ctx context.Context) (*application, error) {
	all, err := d.named(ctx, d.Settings.application())
	if err != nil {
		return nil, err
	}
	for i := range all {
		if slices.Contains(all[i].URIs, d.Settings.Audience) {
			return &all[i], nil
		}
	}
	return nil, nil //nolint:nilnil // there is none, and that is no error
}

// directory is what the workload's configuration says of the directory.
type directory struct {
	audiences []string // of tokens for the gateway beside Azure OpenAI's own
	chat      string   // the chat's application; empty where its configuration says
	scope     string   // what the chat asks for
}

// known reads the directory. Of audiences a version 1 token names the URI, a
// version 2 token the application's id. Before an application is made, a plan
// has the zero id in its place.
func (d *Deployment) known(ctx context.Context) (directory, error) {
	s := d.Settings
	if s.Audience == "" {
		return directory{}, nil
	}
	k := directory{audiences: []string{s.Audience}, scope: s.Audience + "/" + scopeName}
	app, err := d.registered(ctx)
	if err != nil {
		return k, err
	}
	if app != nil {
		k.audiences = append(k.audiences, app.AppID)
	}
	if s.Chat == nil || s.Chat.says().client != "" {
		return k, nil
	}
	chat, err := d.chatApplication(ctx)
	if err != nil {
		return k, err
	}
	k.chat = noApplication
	if chat != nil {
		k.chat = chat.AppID
	}
	return k, nil
}

const noApplication = "00000000-0000-0000-0000-000000000000"

// gateway makes the application of the gateway's API with its service
// principal, unless it is there.
func (r *registrar) gateway(ctx context.Context) (*application, error) {
	s := r.d.Settings
	app, err := r.d.registered(ctx)
	if err != nil {
		return nil, err
	}
	if app == nil {
		app = &application{AppID: noApplication}
		app.API.Scopes = []permission{{guidOf(s.Audience + "/" + scopeName), scopeName}}
		err := r.change(Change{s.application(), "application", "create", ""}, call{http.MethodPost, "/v1.0/applications", s.apiApplication(), ""}, func() error {
			return r.post(ctx, "/v1.0/applications", s.apiApplication(), app)
		})
		if err != nil {
			return nil, r.uri(err)
		}
	}
	return app, r.principal(ctx, s.application(), app)
}

// uri says what to do where the tenant takes no such identifier URI.
func (r *registrar) uri(err error) error {
	f, ok := err.(*fault.Error) //nolint:errorlint // one of ours, made a line above
	if ok && f.Kind == fault.Invalid && strings.Contains(strings.ToLower(f.What), "identifieruri") {
		return f.Fix("this tenant takes no such URI: write audience as api://TENANT-ID/" + r.d.Settings.Name + ", with the id that `az account show --query tenantId` gives")
	}
	return err
}

// apiApplication is what is asked of Graph: this tenant alone, tokens of
// version 2 with the caller's groups, one permission and no secret.
func (s Settings) apiApplication() map[string]any {
	return map[string]any{
		"displayName": s.application(), "signInAudience": "AzureADMyOrg", "identifierUris": []string{s.Audience},
		"groupMembershipClaims": "SecurityGroup", "tags": []string{s.mark()},
		"api": map[string]any{"requestedAccessTokenVersion": 2, "oauth2PermissionScopes": []any{s.apiScope()}},
	}
}

func (s Settings) apiScope() map[string]any {
	return map[string]any{
		"id": guidOf(s.Audience + "/" + scopeName), "value": scopeName, "type": "User", "isEnabled": true,
		"adminConsentDisplayName": "Ask the models as the person who is signed in",
		"adminConsentDescription": "The program asks the models behind the gateway in the name of the person who is signed in.",
		"userConsentDisplayName":  "Ask the models in your name",
		"userConsentDescription":  "The program asks the models behind the gateway in your name.",
	}
}

// unregister takes away the applications that register made, and from one that
// it did not make what it wrote there.
func (d *Deployment) unregister(ctx context.Context) error {
	if !d.Settings.Register {
		return nil
	}
	r := &registrar{d: d}
	app, err := d.registered(ctx)
	if err != nil {
		return err
	}
	if err := r.withdrawChat(ctx, app); err != nil || app == nil || !d.Settings.made(app) {
		return err
	}
	return r.remove(ctx, d.Settings.application(), app)
}

// remove takes an application away, and all that hangs on it.
func (r *registrar) remove(ctx context.Context, name string, app *application) error {
	return r.change(Change{name, "application", "delete", ""}, call{http.MethodDelete, at(app), nil, "is of no use to this estate"}, func() error {
		_, err := r.d.graph.ask(ctx, http.MethodDelete, at(app), "", nil, nil)
		return err
	})
}

// at is an application's address.
func at(a *application) string { return "/v1.0/applications/" + url.PathEscape(a.ID) }

func (s *Settings) checkAudience(report func(path, what, fix string)) {
	switch {
	case s.Audience == "" && s.Register:
		report("register", "there is no audience to register", "add audience, for example api://"+s.Name)
	case s.Audience != "" && !audienceURI().MatchString(s.Audience):
		report("audience", "not an Application ID URI", "write it as api://NAME, of letters, digits, dots, hyphens and slashes")
	}
	s.Chat.check(report, s.Audience != "")
}

// notFound makes an error of an answer of 404 to a question that must have one.
func notFound(found bool, err error, at string) error {
	if err == nil && !found {
		return fault.New(fault.NotFound, "it is not there").At(at).Fix("see that the login belongs to the right tenant")
	}
	return err
}
