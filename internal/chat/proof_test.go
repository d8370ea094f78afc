package chat

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// host gives tokens of its identity while it can.
type host struct {
	gone  atomic.Bool
	scope atomic.Value
}

func (h *host) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	h.scope.Store(strings.Join(o.Scopes, " "))
	if h.gone.Load() {
		return azcore.AccessToken{}, errors.New("no identity here")
	}
	return azcore.AccessToken{Token: "canary-host-token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// The host's identity stands for the secret wherever the secret would be shown:
// for a code, a refresh, and another API's token.
func TestHostIdentity(t *testing.T) {
	r := newRig(t, func(s *Settings) { s.SignIn.OnBehalfOf = "api://chat/use" })
	h := &host{}
	r.chat.provider.host = h
	r.issuer.set(func() { r.issuer.life = 10 * time.Minute })
	b := r.signIn()
	if _, end := b.ask("/ask", map[string]string{"text": "hello"}); end.Status != Done {
		t.Fatalf("%+v", end)
	}
	r.clock.Add(int64(11 * time.Minute))
	if _, end := b.ask("/ask", map[string]string{"text": "hello"}); end.Status != Done {
		t.Fatalf("%+v", end)
	}
	if h.scope.Load() != "api://AzureADTokenExchange/.default" {
		t.Error(h.scope.Load())
	}
	r.issuer.set(func() {
		grants := map[string]int{}
		for _, proof := range r.issuer.proofs {
			grants[proof.Get("grant_type")]++
			if proof.Get("client_assertion") != "canary-host-token" || proof.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || proof.Has("client_secret") && proof.Get("client_secret") != "" {
				t.Errorf("%v", proof)
			}
		}
		if grants["authorization_code"] != 1 || grants["refresh_token"] == 0 || grants["urn:ietf:params:oauth:grant-type:jwt-bearer"] < 2 {
			t.Errorf("%v", grants)
		}
	})
	if strings.Contains(r.log.String(), "canary") {
		t.Error("a token stands in the log")
	}
}

// What is wrong with the host or the application is said to the operator, and
// a person is told to try again: by Entra's number, and never by its words,
// which quote what was sent.
func TestHostIdentityRefused(t *testing.T) {
	r := newRig(t)
	h := &host{}
	r.chat.provider.host = h
	r.issuer.set(func() {
		r.issuer.refused = `{"error":"invalid_client","error_description":"AADSTS700213: canary-subject","error_codes":[700213]}`
	})
	if resp, body := r.browser().get("/"); resp.StatusCode == http.StatusOK || strings.Contains(body, "canary") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if log := r.log.String(); !strings.Contains(log, "invalid_client AADSTS700213") || strings.Contains(log, "canary") {
		t.Error(log)
	}
	r.issuer.set(func() { r.issuer.refused = "" })
	h.gone.Store(true)
	if resp, _ := r.browser().get("/"); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%d", resp.StatusCode)
	}
	if log := r.log.String(); !strings.Contains(log, "no token of its identity") {
		t.Error(log)
	}
	h.gone.Store(false)
	r.signIn()
}
