package provision

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/ostiary/ostiary/internal/arm"
	"github.com/ostiary/ostiary/internal/azure"
	"github.com/ostiary/ostiary/internal/cloud"
	"github.com/ostiary/ostiary/internal/fault"
)

// graphRig is the emulated Microsoft Graph, asked over HTTP, with what it is
// made to refuse.
type graphRig struct {
	t      *testing.T
	cloud  *cloud.Cloud
	server *httptest.Server

	mu     sync.Mutex
	asked  []string                   // calls that change something
	refuse func(string) (int, string) // by "METHOD path"; status 0 passes
}

func (g *graphRig) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := r.Method + " " + r.URL.Path
	g.mu.Lock()
	if r.Method != http.MethodGet {
		g.asked = append(g.asked, what)
	}
	refuse := g.refuse
	g.mu.Unlock()
	if refuse != nil {
		if status, body := refuse(what); status != 0 {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return
		}
	}
	r.Host = "graph.microsoft.com"
	g.cloud.ServeHTTP(w, r)
}

// changes are the calls since the last time.
func (g *graphRig) changes() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := g.asked
	g.asked = nil
	return all
}

// ask is a call of somebody else, which must be answered.
func (g *graphRig) ask(method, path, body string) map[string]any {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), method, g.server.URL+"/v1.0/"+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer t")
	resp, err := g.server.Client().Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	got := map[string]any{}
	_ = json.NewDecoder(resp.Body).Decode(&got)
	if resp.StatusCode/100 != 2 {
		g.t.Fatalf("%s %s: %d %v", method, path, resp.StatusCode, got)
	}
	return got
}

// toward sends what is meant for Graph to a server of the test.
type toward struct{ server *httptest.Server }

func (t toward) Do(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "graph.microsoft.com" {
		return nil, http.ErrNotSupported
	}
	r.URL.Host, r.Host = strings.TrimPrefix(t.server.URL, "https://"), ""
	return t.server.Client().Do(r)
}

func registering(t *testing.T, s Settings) (*Deployment, *graphRig) {
	t.Helper()
	manager, err := arm.New(arm.Config{Tenant: noApplication, Subscription: noApplication, Owner: noApplication})
	if err != nil {
		t.Fatal(err)
	}
	g := &graphRig{t: t}
	g.cloud, err = cloud.New(cloud.Config{
		ARM: manager, Dir: t.TempDir(), Tenant: noApplication,
		Verify: func(string) (cloud.Caller, bool) {
			return cloud.Caller{ObjectID: "deployer", Audience: []string{"https://graph.microsoft.com"}}, true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	g.server = httptest.NewTLSServer(g)
	t.Cleanup(g.server.Close)
	s.Name, s.Audience, s.Subscription = "acmeai", "api://acmeai", "00000000-0000-0000-0000-000000000001"
	cfg := azure.Config{Credential: noLogin{}, Transport: toward{g.server}, Retry: policy.RetryOptions{MaxRetries: -1}}
	return &Deployment{Config: Config{Settings: s, Say: func(string) {}}, graph: newGraph(cfg), pause: time.Millisecond}, g
}

func (g *graphRig) app(name string) *cloud.Application {
	for _, a := range g.cloud.Applications() {
		if a.Name == name {
			return &a
		}
	}
	return nil
}

func aChat(words string) *Chat {
	return &Chat{Configuration: words + "\nusers: {everyone: true}\ndiscover: true\nstore: {sqlite: /var/lib/ostiary/chat.db}\n"}
}

func aPlace(host string) *chatPlace {
	p := &chatPlace{URL: "https://" + host, Tenant: "11111111-2222-3333-4444-555555555555"}
	p.Identity.Principal = "99999999-8888-7777-6666-555555555555"
	return p
}

func summary(t *testing.T, d *Deployment, place *chatPlace) string {
	t.Helper()
	p, err := d.planSignIn(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	return p.Summary()
}

// Both applications are made once, the chat's trust and addresses when the chat
// stands there; what changes is mended, and all goes with the rest.
func TestRegister(t *testing.T) {
	d, g := registering(t, Settings{Register: true, Chat: aChat("")})
	golden(t, "sign-in.txt", []byte(summary(t, d, nil)))
	if all := g.changes(); len(all) > 0 {
		t.Errorf("a plan changes: %v", all)
	}
	for i := range 2 {
		if err := d.register(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if n := len(g.changes()); i == 0 && n != 5 || i == 1 && n != 0 {
			t.Errorf("run %d has %d changes", i, n)
		}
	}
	place := aPlace("acmeai-chat.calm.swedencentral.azurecontainerapps.io")
	for range 2 {
		if err := d.register(t.Context(), place); err != nil {
			t.Fatal(err)
		}
	}
	if all := g.changes(); len(all) != 2 {
		t.Errorf("%v", all)
	}
	if got := summary(t, d, place); got != "sign-in: nothing to do\n" {
		t.Error(got)
	}
	api, chat := g.app("acmeai-gateway"), g.app("acmeai-chat")
	if len(g.cloud.Applications()) != 2 || api.TokenVersion != 2 || api.ObjectID == "" || chat.TokenVersion != 2 || chat.ObjectID == "" {
		t.Fatalf("%+v %+v", api, chat)
	}
	if !slices.Equal(api.Known[chat.AppID], []string{"user_impersonation"}) || !slices.Equal(api.Scopes, []string{"user_impersonation"}) {
		t.Errorf("%+v", api)
	}
	if !slices.Equal(chat.Redirects, place.redirects()) || fmt.Sprint(chat.Federated) != "[{https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0 99999999-8888-7777-6666-555555555555 [api://AzureADTokenExchange]}]" {
		t.Errorf("%+v", chat)
	}
	if k, err := d.known(t.Context()); err != nil || k.chat != chat.AppID || !slices.Equal(k.audiences, []string{"api://acmeai", api.AppID}) || k.scope != "api://acmeai/user_impersonation" {
		t.Errorf("%+v %v", k, err)
	}

	if st := d.signIn(t.Context(), place); len(st.Left) > 0 || st.Unknown != "" || st.Applications["acmeai-chat"] != chat.AppID || len(st.Applications) != 2 {
		t.Errorf("%+v", st)
	}

	moved := aPlace("chat.corp.example")
	moved.Identity.Principal = "33333333-8888-7777-6666-555555555555"
	if got := summary(t, d, moved); !strings.Contains(got, "0 to create, 2 to change") {
		t.Error(got)
	}
	if err := d.register(t.Context(), moved); err != nil {
		t.Fatal(err)
	}
	if chat := g.app("acmeai-chat"); !slices.Equal(chat.Redirects, moved.redirects()) || len(chat.Federated) != 1 || chat.Federated[0].Subject != moved.Identity.Principal {
		t.Errorf("an address or an identity of the past is left: %+v", chat)
	}
	with := d.Settings.Chat
	d.Settings.Chat = nil
	if got := summary(t, d, nil); !strings.Contains(got, "1 to delete") || !strings.Contains(got, "delete acmeai-chat") {
		t.Errorf("an estate without its chat: %s", got)
	}
	if st := d.signIn(t.Context(), nil); strings.Join(st.Left, "; ") != "the application acmeai-gateway still knows acmeai-chat; the application acmeai-chat is of no use to this estate" {
		t.Errorf("%+v", st)
	}
	if err := d.register(t.Context(), nil); err != nil || g.app("acmeai-chat") != nil || len(g.app("acmeai-gateway").Known) > 0 {
		t.Errorf("%+v %v", g.cloud.Applications(), err)
	}
	d.Settings.Chat = with
	if err := d.register(t.Context(), moved); err != nil || g.app("acmeai-chat") == nil {
		t.Fatal(err)
	}
	if err := d.unregister(t.Context()); err != nil || len(g.cloud.Applications()) > 0 {
		t.Error(g.cloud.Applications(), err)
	}
	if k, err := d.known(t.Context()); err != nil || k.chat != noApplication || !slices.Equal(k.audiences, []string{"api://acmeai"}) {
		t.Errorf("%+v %v", k, err)
	}
}

// What others made stays theirs: a chat of theirs is not taken, a gateway's
// application is used and left.
func TestOthersApplications(t *testing.T) {
	d, g := registering(t, Settings{Register: true, Chat: aChat("")})
	theirs := g.ask("POST", "applications", `{"displayName":"acmeai-chat"}`)
	g.ask("POST", "applications", `{"displayName":"acmeai-gateway","identifierUris":["api://acmeai"],"api":{"requestedAccessTokenVersion":2,
		"oauth2PermissionScopes":[{"id":"77777777-0000-0000-0000-000000000007","value":"user_impersonation","isEnabled":true}]}}`)
	p := &preflight{d: d}
	if err := p.registration(t.Context()); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "did not make") {
		t.Errorf("%v", err)
	}
	if err := d.register(t.Context(), nil); err == nil {
		t.Error("an application of others is taken")
	}
	g.ask("DELETE", "applications/"+theirs["id"].(string), "")
	if err := d.register(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if known := g.app("acmeai-gateway").Known; len(known) != 1 {
		t.Errorf("%v", known)
	}
	if err := d.unregister(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all := g.cloud.Applications(); len(all) != 1 || all[0].Name != "acmeai-gateway" || len(all[0].Known) != 0 {
		t.Errorf("%+v", all)
	}
}

// A directory takes its time: what was just made is asked for again. A refusal
// that stays is said once, with what to do.
func TestGraphRefuses(t *testing.T) {
	d, g := registering(t, Settings{Register: true, Chat: aChat("")})
	late := 2
	g.refuse = func(what string) (int, string) {
		if what == "POST /v1.0/servicePrincipals" && late > 0 {
			late--
			return 400, `{"error":{"code":"Request_BadRequest","message":"The appId does not reference a valid application object."}}`
		}
		return 0, ""
	}
	if err := d.register(t.Context(), nil); err != nil || late != 0 {
		t.Error(err, late)
	}
	for what, want := range map[string]string{
		`403 {"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges to complete the operation."}}`:                                                "Application Developer",
		`400 {"error":{"code":"HostNameNotOnVerifiedDomain","message":"Values of identifierUris property must use a verified domain of the organization or its subdomain"}}`: "api://TENANT-ID/acmeai",
	} {
		d, g := registering(t, Settings{Register: true})
		g.refuse = func(asked string) (int, string) {
			if asked != "POST /v1.0/applications" {
				return 0, ""
			}
			status, body, _ := strings.Cut(what, " ")
			if status == "403" {
				return 403, body
			}
			return 400, body
		}
		err := d.register(t.Context(), nil)
		if st := d.signIn(t.Context(), nil); len(st.Left) == 0 || st.Unknown != "" {
			t.Errorf("a status, which changes nothing: %+v", st)
		}
		if f, ok := err.(*fault.Error); !ok || !strings.Contains(f.Hint, want) || len(g.changes()) != 1 {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// Where nobody asked us to register, nothing is made or removed. Preflight says
// one line after the other; each, made as it is said, leads to the next, and
// then there is none.
func TestByHand(t *testing.T) {
	d, g := registering(t, Settings{Chat: aChat("")})
	check := func() []Problem {
		t.Helper()
		p := &preflight{d: d}
		if err := p.registration(t.Context()); err != nil {
			t.Fatal(err)
		}
		return p.found
	}
	found := check()
	if len(found) != 1 || !strings.Contains(found[0].Fix, "az ad app create --display-name acmeai-gateway --identifier-uris api://acmeai") {
		t.Fatalf("%+v", found)
	}
	if d.register(t.Context(), nil) != nil || d.unregister(t.Context()) != nil || len(g.changes()) > 0 {
		t.Error("something is changed")
	}
	app := g.ask("POST", "applications", `{"displayName":"acmeai-gateway","identifierUris":["api://acmeai"],"groupMembershipClaims":"SecurityGroup"}`)
	if found = check(); len(found) != 2 || !strings.Contains(found[0].What, "version 1") || !strings.Contains(found[1].What, "user_impersonation") {
		t.Fatalf("%+v", found)
	}
	g.ask("PATCH", "applications/"+app["id"].(string), `{"api":{"requestedAccessTokenVersion":2}}`)

	var said []string
	for range 9 {
		if found = check(); len(found) == 0 {
			break
		}
		for _, p := range found {
			said = append(said, p.What)
			g.run(p.Fix)
		}
	}
	place := aPlace("chat.corp.example")
	gateway, err := d.registered(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		left, err := d.unfinishedChat(t.Context(), gateway, place)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range left {
			said = append(said, p.What)
			g.run(p.Fix)
		}
	}
	golden(t, "by-hand.txt", []byte(strings.Join(said, "\n")+"\n"))
	if chat := g.app("acmeai-chat"); chat == nil || !slices.Contains(chat.Redirects, "https://chat.corp.example/signin/callback") || len(chat.Federated) != 1 || chat.ObjectID == "" || len(g.app("acmeai-gateway").Known) != 1 {
		t.Errorf("%+v", chat)
	}
}

// run makes the call of an `az rest` line.
func (g *graphRig) run(fix string) {
	g.t.Helper()
	_, line, ok := strings.Cut(fix, "az rest --method ")
	parts := strings.Split(line, "'")
	if !ok || len(parts) < 6 {
		g.t.Fatal(fix)
	}
	method, _, _ := strings.Cut(line, " ")
	g.ask(method, strings.TrimPrefix(parts[1], "https://graph.microsoft.com/v1.0/"), strings.Join(parts[5:len(parts)-1], "'"))
}

// A chat that names its own application, or shows a secret, is left alone, or
// without the trust.
func TestChatsOwnApplication(t *testing.T) {
	for words, want := range map[string]chatWords{
		"":                        {},
		"sign_in: {client_id: x}": {"x", false},
		"chat:\n  sign_in: {client_id: x, client_secret: 'env:S'}\nother: 1": {"x", true},
		"sign_in: {client_secret: 'env:S'}":                                  {"", true},
		"sign_in: [":                                                         {},
	} {
		if got := (&Chat{Configuration: words}).says(); got != want {
			t.Errorf("%q says %+v", words, got)
		}
	}
	d, g := registering(t, Settings{Register: true, Chat: aChat("sign_in: {client_id: x, client_secret: 'env:S'}")})
	if err := d.register(t.Context(), aPlace("chat.example")); err != nil || g.app("acmeai-chat") != nil {
		t.Error(err)
	}
	d, g = registering(t, Settings{Register: true, Chat: aChat("sign_in: {client_secret: 'env:S'}")})
	if err := d.register(t.Context(), aPlace("chat.example")); err != nil || g.app("acmeai-chat") == nil || len(g.app("acmeai-chat").Federated) > 0 {
		t.Error(err)
	}
}
