package emulator

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	bodyPublicOff = `{"error":{"code":"AccessDenied","message": "Public access is disabled. Please configure private endpoint."}}`
	bodyKeysOff   = `{"error":{"code":"AuthenticationTypeDisabled","message": "Key based authentication is disabled for this resource."}}`
	bodyBadKey    = `{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource."}}`
	bodyBadToken  = `{"statusCode":401,"message":"Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired."}`
	bodyNoRoute   = `{"error":{"code":"404","message": "Resource not found"}}`
)

// twoAccounts has a private account with keys, a public one without.
func twoAccounts() Settings {
	return Settings{Accounts: []Account{
		{Name: "ostiary-demo"},
		{Name: "keyless", DisableLocalAuth: true, PublicNetworkAccess: true},
	}}
}

func TestRefusalsToTheByte(t *testing.T) {
	e := newTest(t, Config{Settings: twoAccounts()})
	key := keyOf(t, e, "ostiary-demo")
	const demo, v1 = "https://ostiary-demo.openai.azure.com", "/openai/v1/chat/completions"
	tests := []struct {
		name         string
		public       bool
		method, url  string
		header, with string
		body         string
		status       int
		want         string
	}{
		{"public access off", true, "POST", demo + chatPath, "Api-Key", key, askRazor, 403, bodyPublicOff},
		{"off without credentials", true, "POST", demo + chatPath, "", "", askRazor, 403, bodyPublicOff},
		{"off on any path", true, "GET", demo + "/nothing", "", "", "", 403, bodyPublicOff},
		{"off for listing models", true, "GET", demo + "/openai/models?api-version=2023-03-15-preview", "Api-Key", key, "", 403, bodyPublicOff},
		{"keys off", true, "POST", "https://keyless.openai.azure.com" + chatPath, "Api-Key", keyOf(t, e, "keyless"), askRazor, 403, bodyKeysOff},
		{"keys off, key as bearer", true, "POST", "https://keyless.openai.azure.com" + v1, "Authorization", "Bearer " + keyOf(t, e, "keyless"), askRazor, 403, bodyKeysOff},
		{"bad key", false, "POST", demo + chatPath, "Api-Key", "wrong", askRazor, 401, bodyBadKey},
		{"another account's key", false, "POST", demo + chatPath, "Api-Key", keyOf(t, e, "keyless"), askRazor, 401, bodyBadKey},
		{"no credential", false, "POST", demo + chatPath, "", "", askRazor, 401, bodyBadToken},
		{"key in the query", false, "POST", demo + chatPath + "&api-key=" + key, "", "", askRazor, 401, bodyBadToken},
		{"bad token", false, "POST", demo + chatPath, "Authorization", "Bearer x.y.z", askRazor, 401, bodyBadToken},
		{"key as bearer on classic", false, "POST", demo + chatPath, "Authorization", "Bearer " + key, askRazor, 401, bodyBadToken},
		{"basic", false, "POST", demo + chatPath, "Authorization", "Basic " + key, askRazor, 401, bodyBadToken},
		{"no api-version", false, "POST", demo + "/openai/deployments/gpt-4o-mini/chat/completions", "Api-Key", key, askRazor, 404, bodyNoRoute},
		{"no such api-version", false, "POST", demo + "/openai/deployments/gpt-4o-mini/chat/completions?api-version=soon", "Api-Key", key, askRazor, 404, bodyNoRoute},
		{"no such route", false, "POST", demo + "/openai/deployments/gpt-4o-mini/chat?api-version=2024-10-21", "Api-Key", key, askRazor, 404, bodyNoRoute},
		{"wrong method", false, "GET", demo + chatPath, "Api-Key", key, "", 404, bodyNoRoute},
		{"root", false, "GET", demo + "/", "Api-Key", key, "", 404, bodyNoRoute},
		{"foreign host", false, "POST", "https://other.openai.azure.com" + chatPath, "Api-Key", key, askRazor, 404, bodyNoRoute},
		{"dated version on v1", false, "POST", demo + v1 + "?api-version=2024-10-21", "Api-Key", key, askRazor, 400, `{"error":{"code":"BadRequest","message":"API version not supported"}}`},
		{"embeddings of a chat model", false, "POST", demo + strings.Replace(embedPath, "text-embedding-3-small", "gpt-4o-mini", 1), "Api-Key", key, `{"input":"x"}`, 400,
			`{"error":{"code":"OperationNotSupported","message":"The embeddings operation does not work with the specified model, gpt-4o-mini. Please choose different model and try again. You can learn more about which models can be used with each operation here: https://go.microsoft.com/fwlink/?linkid=2197993."}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, test.url, strings.NewReader(test.body))
			if test.header != "" {
				r.Header.Set(test.header, test.with)
			}
			w := httptest.NewRecorder()
			if test.public {
				e.Public().ServeHTTP(w, r)
			} else {
				e.Private().ServeHTTP(w, r)
			}
			if w.Code != test.status || w.Body.String() != test.want {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
			for _, name := range []string{"Apim-Request-Id", "Strict-Transport-Security", "X-Content-Type-Options", "Content-Length"} {
				if w.Header().Get(name) == "" {
					t.Errorf("no header %s", name)
				}
			}
			if policy, want := w.Header().Get("Policy-Id"), test.want == bodyPublicOff; (policy == "ThrowExceptionDueToTrafficDenied") != want {
				t.Errorf("policy-id %q", policy)
			}
		})
	}
}

func TestPublicFrontServesAPublicAccount(t *testing.T) {
	e := newTest(t, Config{Settings: Settings{Accounts: []Account{{Name: "ostiary-demo", PublicNetworkAccess: true}}}})
	r := httptest.NewRequest(http.MethodPost, "https://127.0.0.1:8441"+chatPath, strings.NewReader(askRazor))
	r.Header.Set("Api-Key", keyOf(t, e, "ostiary-demo"))
	w := httptest.NewRecorder()
	e.Public().ServeHTTP(w, r)
	if w.Code != 200 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestConfiguredHostIsTheFirstAccount(t *testing.T) {
	e := newTest(t, Config{Settings: Settings{Hosts: []string{"emulator.example"}}})
	r := httptest.NewRequest(http.MethodPost, "https://emulator.example:8442"+chatPath, strings.NewReader(askRazor))
	r.Header.Set("Api-Key", keyOf(t, e, "ostiary-demo"))
	w := httptest.NewRecorder()
	e.Private().ServeHTTP(w, r)
	if w.Code != 200 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// Nothing that a caller sends or holds may reach a log or a metric.
func TestNothingSecretIsLogged(t *testing.T) {
	var log bytes.Buffer
	metrics := prometheus.NewRegistry()
	e := newTest(t, Config{
		Logger:     slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Registerer: metrics,
	})
	const canary = "canary-6d1f"
	post(t, e, chatPath, `{"messages":[{"role":"user","content":"`+canary+`"}]}`)
	post(t, e, chatPath, `{"messages":[{"role":"`+canary+`"}]}`)
	post(t, e, embedPath, `{"input":"`+canary+`"}`)
	post(t, e, strings.Replace(chatPath, "gpt-4o-mini", canary, 1), askRazor)
	post(t, e, "/openai/"+canary+"?api-version="+canary, askRazor)
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		log.WriteString(f.String())
	}
	if !strings.Contains(log.String(), "ostiary_emulator_calls_total") || strings.Count(log.String(), `"msg":"call"`) != 5 {
		t.Fatalf("calls are missing from log or metrics: %s", &log)
	}
	for _, secret := range []string{canary, keyOf(t, e, "ostiary-demo")} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q in log or metrics", secret)
		}
	}
}
