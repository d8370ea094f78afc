package login

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// entra answers as the login service does, and keeps what it was shown.
type entra struct{ assertions []string }

func (e *entra) Do(r *http.Request) (*http.Response, error) {
	answer := func(format string, args ...any) (*http.Response, error) {
		return &http.Response{
			StatusCode: http.StatusOK, Request: r, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(strings.NewReader(fmt.Sprintf(format, args...))),
		}, nil
	}
	const tenant = "https://login.microsoftonline.com/tenant"
	switch {
	case strings.Contains(r.URL.Path, "discovery/instance"):
		return answer(`{"tenant_discovery_endpoint":"%s/v2.0/.well-known/openid-configuration","api-version":"1.1","metadata":[{"preferred_network":"login.microsoftonline.com","preferred_cache":"login.windows.net","aliases":["login.microsoftonline.com"]}]}`, tenant)
	case strings.HasSuffix(r.URL.Path, "openid-configuration"):
		return answer(`{"authorization_endpoint":"%[1]s/a","token_endpoint":"%[1]s/oauth2/v2.0/token","issuer":"%[1]s/v2.0"}`, tenant)
	}
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	e.assertions = append(e.assertions, form.Get("client_id")+" "+form.Get("client_assertion"))
	return answer(`{"token_type":"Bearer","expires_in":3600,"access_token":"for %s"}`, form.Get("scope"))
}

// Each token of Entra's is got with a fresh one of the runner's: what is asked
// for late in a long job must not need a token that has ended.
func TestPipelineAsksTheRunnerEachTime(t *testing.T) {
	given := 0
	runner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer of the runner" || r.URL.Query().Get("audience") != exchange || r.URL.Query().Get("api-version") != "2.0" {
			t.Errorf("asked %s with %v", r.URL, r.Header)
		}
		given++
		fmt.Fprintf(w, `{"count":1,"value":"token %d"}`, given)
	}))
	defer runner.Close()
	service := &entra{}
	c, err := Pipeline(environment(runner.URL+"/idtoken?api-version=2.0"), azcore.ClientOptions{Transport: service})
	if err != nil {
		t.Fatal(err)
	}
	for _, scope := range []string{"https://one.example/.default", "https://two.example/.default", "https://one.example/.default"} {
		got, err := c.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}})
		if err != nil || !strings.Contains(got.Token, scope) {
			t.Fatal(got, err)
		}
	}
	if got := strings.Join(service.assertions, ", "); got != "client token 1, client token 2" {
		t.Errorf("Entra was shown %q", got)
	}
}

func environment(runner string) func(string) string {
	return func(name string) string {
		return map[string]string{
			"ACTIONS_ID_TOKEN_REQUEST_URL": runner, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of the runner",
			"ARM_CLIENT_ID": "client", "AZURE_TENANT_ID": "tenant",
		}[name]
	}
}

// What the runner does not give is said, with what to do, and without what it
// was asked with; no redirect gets that to see.
func TestPipelineRefused(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another host was asked") }))
	defer elsewhere.Close()
	for name, answer := range map[string]http.HandlerFunc{
		"refused":  func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) },
		"no token": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"value":""}`) },
		"not JSON": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `<html>`) },
		"too long": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"value":"%s"}`, strings.Repeat("x", maxToken))
		},
		"sent onwards": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
	} {
		t.Run(name, func(t *testing.T) {
			runner := httptest.NewServer(answer)
			defer runner.Close()
			c, err := Pipeline(environment(runner.URL), azcore.ClientOptions{Transport: &entra{}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://one.example/.default"}})
			if err == nil || !strings.Contains(err.Error(), "id-token: write") || strings.Contains(err.Error(), "of the runner") {
				t.Error(err)
			}
		})
	}
}

func TestNoPipeline(t *testing.T) {
	whole := environment("https://runner.example/")
	for _, without := range []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ARM_CLIENT_ID", "AZURE_TENANT_ID"} {
		c, err := Pipeline(func(name string) string {
			if name == without {
				return ""
			}
			return whole(name)
		}, azcore.ClientOptions{})
		if c != nil || err != nil {
			t.Errorf("without %s: %v, %v", without, c, err)
		}
	}
	if _, err := Pipeline(environment("no url"), azcore.ClientOptions{}); err == nil {
		t.Error("an address that is none was taken")
	}
}
