package emulator

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/arm"
	"github.com/ostiary/ostiary/internal/cloud"
	"github.com/ostiary/ostiary/internal/secret"
)

const modelID0 = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/sample"

// holder is a Resource Manager with what a test puts there.
type holder struct {
	version   uint64
	resources []arm.Resource
	roles     map[string]bool // "object id, action"
}

func (h *holder) Version() uint64 { return h.version }

func (h *holder) List(typ string) (all []arm.Resource) {
	for _, r := range h.resources {
		if strings.EqualFold(r.Type, typ) {
			all = append(all, r)
		}
	}
	return all
}

func (h *holder) Keys(string) [2]secret.String {
	return [2]secret.String{secret.New("first-key"), secret.New("second-key")}
}

func (h *holder) MayDo(objectID, action string, data bool, scope string) bool {
	return data && scope == modelID0 && h.roles[objectID+" "+action]
}

// hold sets the account with these properties and deployments "name=model".
func (h *holder) hold(t *testing.T, properties string, deployments ...string) {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal([]byte(`{"kind":"OpenAI","properties":`+properties+`}`), &body); err != nil {
		t.Fatal(err)
	}
	h.version++
	h.resources = []arm.Resource{{ID: modelID0, Type: managedAccount, Name: "sample", Location: "swedencentral", Body: body}}
	for _, d := range deployments {
		name, model, _ := strings.Cut(d, "=")
		h.resources = append(h.resources, arm.Resource{
			ID: modelID0 + "/deployments/" + name, Type: managedDeployment, Name: name,
			Body: map[string]any{"sku": map[string]any{"capacity": 1.0}, "properties": map[string]any{"model": map[string]any{"name": model}}},
		})
	}
}

// networked is the handler that places meet, over a holder, and its clock.
func networked(t *testing.T, limits bool) (*Emulator, *holder, http.Handler, *time.Time) {
	t.Helper()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	h := &holder{roles: map[string]bool{}}
	e := newTest(t, Config{Now: func() time.Time { return now }})
	f, ok := e.Public().(*front)
	if !ok {
		t.Fatal("the public front is none")
	}
	return e, h, f.dataPlane.network(h, limits), &now
}

func ask1(h http.Handler, o cloud.Origin, method, url, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(cloud.WithOrigin(r.Context(), o)))
	return w
}

const (
	sampleURL  = "https://sample-name.openai.azure.com"
	sampleChat = sampleURL + "/openai/deployments/chat/chat/completions?api-version=2024-10-21"
)

func answered(t *testing.T, w *httptest.ResponseRecorder, status int, part string) {
	t.Helper()
	if w.Code != status || !strings.Contains(w.Body.String(), part) {
		t.Errorf("%d, want %d with %q: %s", w.Code, status, part, w.Body)
	}
}

// Azure's three answers, as the account's network settings and the way of the
// call decide.
func TestNetworkSettingsDecide(t *testing.T) {
	_, h, handler, _ := networked(t, false)
	from := cloud.Origin{Address: netip.MustParseAddr("203.0.113.7")}
	private := cloud.Origin{Private: true}
	const off, fire = `{"error":{"code":"AccessDenied","message": "Public access is disabled. Please configure private endpoint."}}`, `{"error":{"code":"403","message": "Access denied due to Virtual Network/Firewall rules."}}`
	answered(t, ask1(handler, from, "POST", sampleChat, askRazor, "Api-Key: first-key"), 404, "Resource not found")
	for _, c := range []struct {
		properties string
		origin     cloud.Origin
		status     int
		body       string
	}{
		{`"publicNetworkAccess":"Enabled"`, from, 200, "Ockham"},
		{`"publicNetworkAccess":"Disabled"`, from, 403, off},
		{`"publicNetworkAccess":"Disabled"`, private, 200, "Ockham"},
		{`"publicNetworkAccess":"Enabled","networkAcls":{"defaultAction":"Deny","ipRules":[{"value":"203.0.113.0/24"}]}`, from, 200, "Ockham"},
		{`"publicNetworkAccess":"Enabled","networkAcls":{"defaultAction":"Deny","ipRules":[{"value":"198.51.100.1"}]}`, from, 403, fire},
		{`"publicNetworkAccess":"Enabled","networkAcls":{"defaultAction":"Deny"}`, private, 200, "Ockham"},
		{`"publicNetworkAccess":"Enabled","networkAcls":{"defaultAction":"Deny","virtualNetworkRules":[{"id":"/s/net/a"}]}`, cloud.Origin{Subnet: "/S/net/A"}, 200, "Ockham"},
	} {
		h.hold(t, `{"customSubDomainName":"Sample-Name",`+c.properties+`}`, "chat=gpt-4o-mini")
		w := ask1(handler, c.origin, "POST", sampleChat, askRazor, "Api-Key: second-key")
		answered(t, w, c.status, c.body)
		if c.status == 403 && w.Header().Get("Policy-Id") != "ThrowExceptionDueToTrafficDenied" {
			t.Error(w.Header())
		}
	}
	// The front of the settings' accounts has not changed: none of them is public.
	answered(t, ask1(handler, from, "POST", strings.Replace(sampleChat, "sample-name", "ostiary-demo", 1), askRazor), 403, off)
	answered(t, ask1(handler, from, "POST", strings.Replace(sampleChat, "sample-name.openai.azure.com", "127.0.0.1", 1), askRazor), 404, "Resource not found")
}

func TestManagedAccountsAreLive(t *testing.T) {
	e, h, handler, _ := networked(t, false)
	private := cloud.Origin{Private: true}
	h.hold(t, `{"customSubDomainName":"sample-name"}`)
	answered(t, ask1(handler, private, "POST", sampleChat, askRazor, "Api-Key: first-key"), 404, "DeploymentNotFound")
	h.hold(t, `{"customSubDomainName":"sample-name"}`, "chat=gpt-4o-mini", "new=gpt-99-turbo")
	w := ask1(handler, private, "POST", sampleChat, askRazor, "Api-Key: first-key")
	answered(t, w, 200, `"model":"gpt-4o-mini-2024-07-18"`)
	if w.Header().Get("X-Ms-Region") != "Sweden Central" {
		t.Error(w.Header())
	}
	answered(t, ask1(handler, private, "POST", strings.Replace(sampleChat, "/chat/", "/new/", 1), askRazor, "Api-Key: first-key"), 200, `"model":"gpt-99-turbo"`)
	answered(t, ask1(handler, private, "POST", sampleChat, askRazor, "Api-Key: third-key"), 401, "invalid subscription key")

	credential, err := e.App("sample-app")
	if err != nil {
		t.Fatal(err)
	}
	token := "Authorization: Bearer " + signed(t, e)
	answered(t, ask1(handler, private, "POST", sampleChat, askRazor, token), 401, "PermissionDenied")
	h.roles[credential.ObjectID+" Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action"] = true
	answered(t, ask1(handler, private, "POST", sampleChat, askRazor, token), 200, "Ockham")
	answered(t, ask1(handler, private, "POST", sampleURL+"/openai/v1/responses", `{"model":"chat","input":"x"}`, token), 401, "PermissionDenied")
	h.hold(t, `{"customSubDomainName":"sample-name","disableLocalAuth":true}`, "chat=gpt-4o-mini")
	answered(t, ask1(handler, private, "POST", sampleChat, askRazor, "Api-Key: first-key"), 403, "AuthenticationTypeDisabled")
	answered(t, ask1(handler, private, "POST", sampleChat, askRazor, token), 200, "Ockham")
	h.version, h.resources = h.version+1, nil
	answered(t, ask1(handler, private, "POST", sampleChat, askRazor, token), 404, "Resource not found")
}

// signed is a token of the sample application for Azure OpenAI.
func signed(t *testing.T, e *Emulator) string {
	t.Helper()
	c, err := e.App("sample-app")
	if err != nil {
		t.Fatal(err)
	}
	form := "grant_type=client_credentials&client_id=" + c.ClientID + "&client_secret=" + c.Secret.Reveal() + "&scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default"
	r := httptest.NewRequest(http.MethodPost, e.URLs().Issuer+"/"+c.Tenant+"/oauth2/v2.0/token", strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	e.Issuer().ServeHTTP(w, r)
	return decodeJSON[struct {
		Token string `json:"access_token"`
	}](t, w.Body.Bytes()).Token
}

func TestCapacityIsALimit(t *testing.T) {
	_, h, handler, now := networked(t, true)
	private := cloud.Origin{Private: true}
	h.hold(t, `{"customSubDomainName":"sample-name"}`, "chat=gpt-4o-mini")
	ask := func(body string) *httptest.ResponseRecorder {
		return ask1(handler, private, "POST", sampleChat, body, "Api-Key: first-key")
	}
	first := ask(askRazor)
	answered(t, first, 200, "Ockham")
	if got := first.Header(); got.Get("X-Ratelimit-Limit-Tokens") != "1000" || got.Get("X-Ratelimit-Remaining-Requests") != "0" || got.Get("X-Ratelimit-Renewalperiod-Requests") != "10" {
		t.Error(got)
	}
	*now = now.Add(4 * time.Second)
	h.version++ // a change elsewhere gives nobody a new quota
	w := ask(askRazor)
	answered(t, w, 429, `{"error":{"code":"429","message": "Rate limit is exceeded. Try again in 6 seconds."}}`)
	if got := w.Header(); got.Get("Policy-Id") != "DeploymentRatelimit-Call" || got.Get("Retry-After") != "6" || got.Get("Retry-After-Ms") != "6000" || got.Get("X-Ratelimit-Reset-Requests") != "6" {
		t.Error(got)
	}
	*now = now.Add(6 * time.Second)
	w = ask(strings.Replace(askRazor, `{"messages"`, `{"max_tokens":1000,"messages"`, 1))
	answered(t, w, 429, "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 50 seconds.")
	if w.Header().Get("Policy-Id") != "DeploymentRatelimit-Token" {
		t.Error(w.Header())
	}
	*now = now.Add(10 * time.Second)
	answered(t, ask(askRazor), 200, "Ockham")
}
