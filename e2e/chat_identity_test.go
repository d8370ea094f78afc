package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/emulator"
)

// graph asks Microsoft Graph with the owner's login.
func (a *azure) graph(method, path, body string) (int, map[string]any) {
	a.t.Helper()
	secret, err := a.r.Secret()
	if err != nil {
		a.t.Fatal(err)
	}
	resp, err := a.owner.PostForm("https://login.microsoftonline.com/"+a.r.Tenant+"/oauth2/v2.0/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {a.r.ClientID}, "client_secret": {secret.Reveal()}, "scope": {"https://graph.microsoft.com/.default"},
	})
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	var token struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&token); err != nil {
		a.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(a.t.Context(), method, "https://graph.microsoft.com/v1.0/"+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token.Token)
	resp, err = a.owner.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	got := map[string]any{}
	_ = json.NewDecoder(resp.Body).Decode(&got)
	return resp.StatusCode, got
}

// make makes an object of the directory and gives two of its members.
func (a *azure) make(path, body string) (id, appID string) {
	a.t.Helper()
	status, got := a.graph(http.MethodPost, path, body)
	if status != http.StatusCreated {
		a.t.Fatalf("%s: %d %v", path, status, got)
	}
	id, _ = got["id"].(string)
	appID, _ = got["appId"].(string)
	return id, appID
}

// program runs ostiary at a place until the test ends; what it says follows.
func (a *azure) program(place, ready string, args ...string) *buffer {
	a.t.Helper()
	said := &buffer{}
	c := exec.Command("ostiary", append([]string{"emulate", "exec", "--state", a.state, "--from", place, "--", "ostiary"}, args...)...)
	c.Stdout, c.Stderr = said, said
	if err := c.Start(); err != nil {
		a.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }()
	a.t.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		<-ended
		if a.t.Failed() {
			a.t.Logf("%v said:\n%s", args, said.Bytes())
		}
	})
	eventually(a.t, ready, func() bool { return strings.Contains(string(said.Bytes()), ready) })
	return said
}

// TestChatHasNoSecret: a person signs in and asks through a chat whose
// application has no secret, and trusts the identity of the chat's host. The
// emulated Entra holds each token to the credential that is registered now.
func TestChatHasNoSecret(t *testing.T) {
	az := startAzure(t, emulator.Network{})
	az.network("", "")
	principal, client := az.containerApp("chat")
	_, groups := az.graph(http.MethodGet, "groups?$filter=displayName%20eq%20'Sample%20Researchers'", "")
	group := groups["value"].([]any)[0].(map[string]any)["id"].(string)

	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{"role":"assistant","content":"Entities shall not be multiplied."},"finish_reason":null}]}

data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: [DONE]

`)
	}))
	t.Cleanup(model.Close)
	ports := map[string]string{}
	for _, name := range []string{"gateway", "chat"} {
		ln := listen(t)
		ports[name] = ln.Addr().String()
		_ = ln.Close()
	}
	const scope = "77777777-0000-0000-0000-000000000007"
	gateway, gatewayID := az.make("applications", `{"displayName":"acmeai-gateway","identifierUris":["api://acmeai"],"api":{"requestedAccessTokenVersion":2,
		"oauth2PermissionScopes":[{"id":"`+scope+`","value":"user_impersonation","isEnabled":true}]}}`)
	app, appID := az.make("applications", `{"displayName":"acmeai-chat","web":{"redirectUris":["http://`+ports["chat"]+`/signin/callback"]}}`)
	az.make("servicePrincipals", `{"appId":"`+gatewayID+`"}`)
	az.make("servicePrincipals", `{"appId":"`+appID+`"}`)

	dir := t.TempDir()
	file := filepath.Join(dir, "ostiary.yaml")
	text := fmt.Sprintf(`
gateway:
  listen: %[1]s
  entra: [{tenant: %[2]s, audiences: [api://acmeai, %[3]s]}]
  workloads: [{name: research, groups: [%[4]s], grants: [{deployments: [gpt-4o-mini], operations: [chat/completions]}]}]
  backends: [{name: model, deployments: [gpt-4o-mini], url: %[5]s, api_key: "file:%[6]s/key"}]
  ledger: {directory: %[6]s/ledger}
chat:
  listen: %[7]s
  url: http://%[7]s
  sign_in: {tenant: %[2]s, client_id: %[8]s, managed_identity: {client_id: %[9]s}, scope: api://acmeai/user_impersonation}
  users: {groups: [%[4]s]}
  gateway: {url: "http://%[1]s"}
  discover: true
  store: {sqlite: %[6]s/chat.db}
`, ports["gateway"], az.r.Tenant, gatewayID, group, model.URL, dir, ports["chat"], appID, client)
	for name, data := range map[string]string{"key": "k", "ostiary.yaml": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	az.program("vnet/clients", "gateway serves", "gateway", "--config", file)
	said := az.program("chat", "chat serves", "chat", "--config", file)

	visit := func() (*http.Client, string) { return az.visit("http://"+ports["chat"]+"/", "one@sample.example") }
	refused := func(why, want string) {
		t.Helper()
		if _, page := visit(); strings.Contains(page, `id="composer"`) {
			t.Errorf("%s signs people in", why)
		}
		eventually(t, want, func() bool { return strings.Contains(string(said.Bytes()), want) })
	}
	refused("an application that nobody knows beforehand", `"a sign-in was refused" code=invalid_grant`)
	if status, got := az.graph(http.MethodPatch, "applications/"+gateway, `{"api":{"preAuthorizedApplications":[{"appId":"`+appID+`","delegatedPermissionIds":["`+scope+`"]}]}}`); status != http.StatusNoContent {
		t.Fatal(status, got)
	}
	refused("an application that trusts nobody", "AADSTS700211")
	credential := func(subject string) string {
		return `{"name":"chat","issuer":"https://login.microsoftonline.com/` + az.r.Tenant + `/v2.0","subject":"` + subject + `","audiences":["api://AzureADTokenExchange"]}`
	}
	federated := "applications/" + app + "/federatedIdentityCredentials"
	id, _ := az.make(federated, credential(gatewayID))
	refused("an application that trusts another identity", "AADSTS700213")
	if status, got := az.graph(http.MethodPatch, federated+"/"+id, credential(principal)); status != http.StatusNoContent {
		t.Fatal(status, got)
	}
	person, page := visit()
	if !strings.Contains(page, `id="composer"`) || !strings.Contains(page, "gpt-4o-mini") {
		t.Fatalf("no chat: %.800s", page)
	}
	if got := say(t, person, "http://"+ports["chat"], "What is Ockham's Razor?"); !strings.Contains(got, "multiplied") {
		t.Errorf("no answer: %s", got)
	}
	if strings.Contains(string(said.Bytes()), "eyJ") {
		t.Error("a token stands in the log")
	}
}

// containerApp makes an app with an identity of its own, and gives the
// identity's object and client ids.
func (a *azure) containerApp(name string) (principal, client string) {
	a.t.Helper()
	identity := a.id("Microsoft.ManagedIdentity/userAssignedIdentities/" + name)
	a.put(identity, "2023-01-31", `{"location":"japaneast"}`)
	_, made := a.arm(http.MethodGet, identity, "2023-01-31", "")
	properties := made["properties"].(map[string]any)
	env := a.id("Microsoft.App/managedEnvironments/env")
	a.put(env, "2025-01-01", `{"location":"japaneast","properties":{"vnetConfiguration":{"internal":true,"infrastructureSubnetId":"`+a.id("Microsoft.Network/virtualNetworks/vnet/subnets/clients")+`"}}}`)
	a.put(a.id("Microsoft.App/containerApps/"+name), "2025-01-01", `{"location":"japaneast","identity":{"type":"UserAssigned","userAssignedIdentities":{"`+identity+`":{}}},"properties":{"environmentId":"`+env+`"}}`)
	return properties["principalId"].(string), properties["clientId"].(string)
}

var (
	peoplesForm = regexp.MustCompile(`<form method="post"(?: action="([^"]*)")?>`)
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// visit opens a page as a person who signs in by a click, and gives the browser
// and what it shows in the end.
func (a *azure) visit(page, login string) (*http.Client, string) {
	a.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		a.t.Fatal(err)
	}
	direct := &http.Transport{}
	a.t.Cleanup(direct.CloseIdleConnections)
	browser := &http.Client{Jar: jar, Transport: either{direct, a.owner.Transport}}
	resp, err := browser.Get(page)
	if err != nil {
		a.t.Fatal(err)
	}
	shown := whole(a.t, resp)
	form := peoplesForm.FindStringSubmatch(shown)
	if form == nil {
		return browser, shown
	}
	to, err := resp.Request.URL.Parse(html.UnescapeString(form[1]))
	if err != nil {
		a.t.Fatal(err)
	}
	fields := url.Values{"login": {login}}
	for _, f := range hiddenField.FindAllStringSubmatch(shown, -1) {
		fields.Set(html.UnescapeString(f[1]), html.UnescapeString(f[2]))
	}
	if resp, err = browser.PostForm(to.String(), fields); err != nil {
		a.t.Fatal(err)
	}
	return browser, whole(a.t, resp)
}

// either goes to loopback directly, and elsewhere through the emulated network.
type either struct{ direct, places http.RoundTripper }

func (e either) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Hostname() == "127.0.0.1" {
		return e.direct.RoundTrip(r)
	}
	return e.places.RoundTrip(r)
}

func whole(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// say asks the chat and follows its stream to the end.
func say(t *testing.T, person *http.Client, chat, text string) string {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("text", text)
	_ = form.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, chat+"/ask", &body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := person.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	asked := whole(t, resp)
	var begun struct{ URL string }
	if err := json.Unmarshal([]byte(asked), &begun); err != nil || begun.URL == "" {
		return fmt.Sprint(resp.StatusCode, " ", asked)
	}
	if resp, err = person.Get(chat + begun.URL + "/stream"); err != nil {
		t.Fatal(err)
	}
	return whole(t, resp)
}
