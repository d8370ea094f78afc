package gateway

import (
	"encoding/base64"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/openai"
	"github.com/ostiary/ostiary/internal/policy"
)

// TestBadTokens: what internal/identity refuses gets Azure's 401 by either
// header, reaches no backend, and is recorded as a refusal that names nobody.
// (The forgeries themselves: TestTokenAttacks and TestEmulatorIsNotTrusted.)
func TestBadTokens(t *testing.T) {
	issuer, sign := entraRig(t)
	var forwarded atomic.Int64
	r := newRig(t, func(w http.ResponseWriter, req *http.Request) { forwarded.Add(1); whole(w, req) }, func(c *Config) {
		var err error
		if c.Identity, err = identity.New(identity.Config{Issuers: []identity.Issuer{issuer}}); err != nil {
			t.Fatal(err)
		}
		everybody := policy.Workload{Name: "people", Subjects: []string{"*"}, Grants: []policy.Grant{{Deployments: []string{"*"}, Operations: []string{"*"}}}}
		if c.Policy, err = policy.New([]policy.Workload{everybody}); err != nil {
			t.Fatal(err)
		}
	})
	good := sign("someone")
	part := strings.Split(good, ".")
	b64 := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	hs, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "boss", "exp": time.Now().Add(time.Hour).Unix()}).SignedString([]byte(part[0]))
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"good":             good,
		"alg none":         b64(`{"alg":"none"}`) + "." + part[1] + ".",
		"HS256":            hs,
		"another audience": sign("boss", jwt.MapClaims{"aud": "https://management.azure.com"}),
		"another tenant":   sign("boss", jwt.MapClaims{"tid": "22222222-2222-3333-4444-555555555555"}),
		"another issuer":   sign("boss", jwt.MapClaims{"iss": "https://127.0.0.1:8443/11111111-2222-3333-4444-555555555555/v2.0"}),
		"expired":          sign("boss", jwt.MapClaims{"exp": time.Now().Add(-time.Hour).Unix()}),
		"not yet valid":    sign("boss", jwt.MapClaims{"nbf": time.Now().Add(time.Hour).Unix()}),
		"changed":          part[0] + "." + b64(`{"iss":"https://login.example","aud":"a","sub":"boss"}`) + "." + part[2],
		"no signature":     part[0] + "." + part[1] + ".",
		"jku":              b64(`{"alg":"RS256","kid":"k","jku":"`+r.upstream.URL+`"}`) + "." + part[1] + "." + part[2],
		"kid a path":       b64(`{"alg":"RS256","kid":"../../k"}`) + "." + part[1] + "." + part[2],
		"too long":         good + strings.Repeat("A", 40<<10),
		"no token":         "CANARY.CANARY.CANARY",
	} {
		for header, want := range map[string]string{"Authorization": string(openai.BadToken().Body()), "Api-Key": string(openai.BadKey().Body())} {
			req := r.request("POST", chatPath, chatBody)
			req.Header.Del("Api-Key")
			req.Header.Set(header, map[string]string{"Authorization": "Bearer "}[header]+token)
			resp, body := r.do(req)
			call, _, kind := r.book.last(t)
			if name == "good" {
				if resp.StatusCode != http.StatusOK {
					t.Fatalf("the good token: %d %s", resp.StatusCode, body)
				}
				continue
			}
			if resp.StatusCode != http.StatusUnauthorized || body != want || kind != ledger.Refusal || call.Subject+call.Name+call.Workload != "" {
				t.Errorf("%s as %s: %d %s, %s %+v", name, header, resp.StatusCode, body, kind, call)
			}
		}
	}
	if n := forwarded.Load(); n != 2 {
		t.Errorf("%d calls reached the backend", n)
	}
	if logs := r.logs.String(); strings.Contains(logs, "panic") || strings.Contains(logs, "CANARY") || strings.Contains(logs, part[2]) {
		t.Error(logs)
	}
}
