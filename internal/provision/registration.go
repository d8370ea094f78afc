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

// The gateway's API is an application of the directory: callers ask for tokens
// of it. It is known by its name, NAME-gateway, and by its Application ID URI.

// scopeName is the one delegated permission that the API offers.
const scopeName = "user_impersonation"

// application is one as Microsoft Graph has it.
type application struct {
	ID    string   `json:"id"`
	AppID string   `json:"appId"`
	URIs  []string `json:"identifierUris"`
	API   struct {
		Version *int `json:"requestedAccessTokenVersion"`
	} `json:"api"`
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

// registered finds the application of the audience; nil if there is none.
func (d *Deployment) registered(ctx context.Context) (*application, error) {
	filter := url.Values{"$filter": {"displayName eq '" + d.Settings.application() + "'"}}
	all, err := list[application](ctx, d.graph, "/v1.0/applications?"+filter.Encode(), "")
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

// audiences are those of tokens for the gateway beside Azure OpenAI's own: a
// version 1 token names the URI, a version 2 token the application's id.
func (d *Deployment) audiences(ctx context.Context) ([]string, error) {
	if d.Settings.Audience == "" {
		return nil, nil
	}
	app, err := d.registered(ctx)
	if err != nil || app == nil {
		return []string{d.Settings.Audience}, err
	}
	return []string{d.Settings.Audience, app.AppID}, nil
}

// register makes the application with its service principal, unless it is there.
func (d *Deployment) register(ctx context.Context) error {
	if !d.Settings.Register {
		return nil
	}
	app, err := d.registered(ctx)
	if err != nil {
		return err
	}
	if app == nil {
		d.Say("registering the application " + d.Settings.application())
		app = &application{}
		if err := d.graph.post(ctx, "/v1.0/applications", "", d.Settings.apiApplication(), app); err != nil {
			return err
		}
	}
	principals, err := list[struct {
		ID string `json:"id"`
	}](ctx, d.graph, "/v1.0/servicePrincipals?"+url.Values{"$filter": {"appId eq '" + app.AppID + "'"}}.Encode(), "")
	if err != nil || len(principals) > 0 {
		return err
	}
	return d.graph.post(ctx, "/v1.0/servicePrincipals", "", map[string]string{"appId": app.AppID}, nil)
}

// apiApplication is what is asked of Graph: this tenant alone, tokens of
// version 2 with the caller's groups, one permission and no secret.
func (s Settings) apiApplication() map[string]any {
	return map[string]any{
		"displayName": s.application(), "signInAudience": "AzureADMyOrg", "identifierUris": []string{s.Audience},
		"groupMembershipClaims": "SecurityGroup",
		"api": map[string]any{
			"requestedAccessTokenVersion": 2,
			"oauth2PermissionScopes": []any{map[string]any{
				"id": guidOf(s.Audience + "/" + scopeName), "value": scopeName, "type": "User", "isEnabled": true,
				"adminConsentDisplayName": "Ask the models as the person who is signed in",
				"adminConsentDescription": "The program asks the models behind the gateway in the name of the person who is signed in.",
				"userConsentDisplayName":  "Ask the models in your name",
				"userConsentDescription":  "The program asks the models behind the gateway in your name.",
			}},
		},
	}
}

// unregister takes the application away that register made.
func (d *Deployment) unregister(ctx context.Context) error {
	if !d.Settings.Register {
		return nil
	}
	app, err := d.registered(ctx)
	if err != nil || app == nil {
		return err
	}
	d.Say("removing the application " + d.Settings.application())
	_, err = d.graph.ask(ctx, http.MethodDelete, "/v1.0/applications/"+url.PathEscape(app.ID), "", nil, nil)
	return err
}

// registration: the application that the estate's file speaks of is there, or
// the lines are said that make it.
func (p *preflight) registration(ctx context.Context) error {
	s := p.d.Settings
	if s.Audience == "" || s.Register {
		return nil
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
	return nil
}

// azLines make the same application by hand.
func (s Settings) azLines() []string {
	return []string{
		"az ad app create --display-name " + s.application() + " --identifier-uris " + s.Audience + " --sign-in-audience AzureADMyOrg --requested-access-token-version 2",
		"az ad app update --id " + s.Audience + " --set groupMembershipClaims=SecurityGroup",
		"az ad sp create --id " + s.Audience,
	}
}

func (s *Settings) checkAudience(report func(path, what, fix string)) {
	switch {
	case s.Audience == "" && s.Register:
		report("register", "there is no audience to register", "add audience, for example api://"+s.Name)
	case s.Audience != "" && !audienceURI.MatchString(s.Audience):
		report("audience", "not an Application ID URI", "write it as api://NAME, of letters, digits, dots, hyphens and slashes")
	}
}

// notFound makes an error of an answer of 404 to a question that must have one.
func notFound(found bool, err error, at string) error {
	if err == nil && !found {
		return fault.New(fault.NotFound, "it is not there").At(at).Fix("see that the login belongs to the right tenant")
	}
	return err
}
