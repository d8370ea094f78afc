package gateway

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/openai"
	"github.com/ostiary/ostiary/internal/policy"
)

// TestAliases: the only edit is the deployment's name; policy and backends know
// the deployment alone, and records what the client called it too.
func TestAliases(t *testing.T) {
	s := &server{Settings: backend.Settings{Name: "s", Deployments: []string{"gpt-4o*"}}, does: whole}
	r, _ := newWide(t, []*server{s}, func(c *Config) {
		c.Aliases = map[string]string{"smart": "gpt-4o", "gpt-4o": "gpt-4o-prod", "forbidden": "o3"}
	})
	tests := []struct {
		target, body         string
		status               int
		wantTarget, wantBody string
		deployment, asked    string
	}{
		{"/openai/deployments/smart/chat/completions?api-version=2024-10-21&x=%20", ` {"messages":[ ]}`, 200, "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21&x=%20", ` {"messages":[ ]}`, "gpt-4o", "smart"},
		{v1Chat, ` {"messages":[ ], "model" : "smart" }`, 200, v1Chat, ` {"messages":[ ], "model" : "gpt-4o" }`, "gpt-4o", "smart"},
		{v1Chat, `{"model":"gpt-4o"}`, 200, v1Chat, `{"model":"gpt-4o-prod"}`, "gpt-4o-prod", "gpt-4o"},
		{v1Chat, `{"model":"gpt-4o-mini"}`, 200, v1Chat, `{"model":"gpt-4o-mini"}`, "gpt-4o-mini", ""},
		{v1Chat, `{"model":"forbidden"}`, 401, "", "", "o3", "forbidden"},
	}
	for _, tt := range tests {
		resp, _ := r.do(r.request("POST", tt.target, tt.body))
		call, _, _ := r.book.last(t)
		if resp.StatusCode != tt.status || call.Deployment != tt.deployment || call.Asked != tt.asked || call.Request.Bytes != int64(len(tt.body)) {
			t.Errorf("%s %s: %d %+v", tt.target, tt.body, resp.StatusCode, call)
		}
		if tt.status == 200 && (s.target != tt.wantTarget || s.body != tt.wantBody) {
			t.Errorf("%s %s: sent %s %s", tt.target, tt.body, s.target, s.body)
		}
	}
}

func TestCheckAliases(t *testing.T) {
	for alias, to := range map[string]string{"smart": "gpt-4o", "azure/gpt-4o": "gpt-4o", "gpt-4o": "gpt-4o-2"} {
		s := Settings{Aliases: map[string]string{alias: to}}
		s.checkAliases(func(path, what, _ string) { t.Errorf("%s: %s", path, what) })
	}
	for _, bad := range []map[string]string{{"a b": "c"}, {"a": "../c"}, {"a": "b/c"}, {"": "c"}, {"a": ""}, {"a": "b", "b": "c"}} {
		s, reported := Settings{Aliases: bad}, 0
		s.checkAliases(func(_, _, fix string) {
			if reported++; fix == "" {
				t.Error("no fix")
			}
		})
		if reported == 0 {
			t.Errorf("%v is taken", bad)
		}
	}
}

// chunks makes a random stream as Azure sends it, with the usage or without:
// without, no event mentions it; with it, every event has a usage of null after
// the last member, but the first, which is Azure's own, and the last one before
// [DONE] has it.
func chunks(random *mathrand.Rand, usage bool) []string {
	end := map[bool]string{true: `,"usage":null}`, false: "}"}[usage]
	events := []string{`data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}}]}`}
	for range random.IntN(30) {
		text := []string{" word", `\"usage\":null`, `}\n\ndata: x`, "é", `,\"usage\":{}`, strings.Repeat("long ", random.IntN(3000))}[random.IntN(6)]
		choice := fmt.Sprintf(`{"content_filter_results":{},"delta":{"content":"%s","usage":null},"finish_reason":null,"index":0}`, text)
		if random.IntN(5) == 0 {
			choice = `{"content_filter_offsets":{"check_offset":1},"finish_reason":null,"index":0}`
		}
		events = append(events, `data: {"choices":[`+choice+`],"created":1,"id":"c","model":"gpt-4o-2024","system_fingerprint":null`+end)
	}
	events = append(events, `data: {"choices":[{"delta":{},"finish_reason":"stop","index":0}],"created":1,"id":"c","model":"gpt-4o-2024"`+end)
	if usage {
		events = append(events, `data: {"choices":[],"created":1,"id":"c","model":"gpt-4o-2024","usage":{"completion_tokens":5,"prompt_tokens":6,"total_tokens":11}}`)
	}
	return append(events, "data: [DONE]")
}

// TestUsageIsHidden: what a client sees of a stream that we asked for its usage
// is what the backend would have sent without, however its bytes arrive; and
// the record has the backend's own count.
func TestUsageIsHidden(t *testing.T) {
	var seed uint64
	s := &server{Settings: backend.Settings{Name: "s"}}
	s.does = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		all := strings.Join(chunks(mathrand.New(mathrand.NewPCG(seed, 0)), strings.Contains(s.body, `"include_usage":true`)), "\n\n") + "\n\n"
		cuts := mathrand.New(mathrand.NewPCG(seed, 1))
		if seed%5 == 0 {
			w.Header().Set("Content-Length", fmt.Sprint(len(all)))
		}
		for len(all) > 0 {
			n := min(1+cuts.IntN(2000), len(all))
			_, _ = io.WriteString(w, all[:n])
			_ = http.NewResponseController(w).Flush()
			all = all[n:]
		}
	}
	r, _ := newWide(t, []*server{s})
	for seed = range 60 {
		want := strings.Join(chunks(mathrand.New(mathrand.NewPCG(seed, 0)), false), "\n\n") + "\n\n"
		body := `{"model":"gpt-4o","stream":true,"messages":[]}`
		_, got := r.do(r.request("POST", []string{chatPath, v1Chat}[seed%2], body))
		if got != want {
			t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, got, want)
		}
		if s.body != `{"stream_options":{"include_usage":true},"model":"gpt-4o","stream":true,"messages":[]}` {
			t.Fatalf("sent was %s", s.body)
		}
		call, result, _ := r.book.last(t)
		if result.Usage != (ledger.Usage{Prompt: 6, Completion: 5, Total: 11}) || result.Response.Bytes != int64(len(want)) || call.Request.Bytes != int64(len(body)) {
			t.Fatalf("recorded %+v %+v", call.Request, result)
		}
		// A client that asks sees it.
		asked := strings.Join(chunks(mathrand.New(mathrand.NewPCG(seed, 0)), true), "\n\n") + "\n\n"
		body = `{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true}}`
		if _, got := r.do(r.request("POST", chatPath, body)); got != asked || s.body != body {
			t.Fatalf("seed %d: a client that asked got\n%s", seed, got)
		}
		r.book.last(t)
	}
}

func TestUsageIsNotAskedFor(t *testing.T) {
	off := false
	tests := map[string]struct {
		settings     backend.Settings
		target, body string
	}{
		"old version":  {backend.Settings{}, "/openai/deployments/gpt-4o/chat/completions?api-version=2024-06-01", `{"stream":true}`},
		"no stream":    {backend.Settings{}, chatPath, `{"stream":false}`},
		"responses":    {backend.Settings{}, "/openai/v1/responses", `{"model":"gpt-4o","stream":true}`},
		"switched off": {backend.Settings{StreamUsage: &off}, chatPath, `{"stream":true}`},
		"asked":        {backend.Settings{}, chatPath, `{"stream":true,"stream_options":{"include_usage":true}}`},
		"odd":          {backend.Settings{}, chatPath, `{"stream":true,"stream_options":{"include_usage":1}}`},
	}
	for name, tt := range tests {
		tt.settings.Name = "s"
		s := &server{Settings: tt.settings, does: streamed(chatStream, chatUsage, chatDone)}
		r, _ := newWide(t, []*server{s})
		if _, got := r.do(r.request("POST", tt.target, tt.body)); s.body != tt.body || got != chatStream+chatUsage+chatDone {
			t.Errorf("%s: sent %s, got %s", name, s.body, got)
		}
	}
}

// TestRefusedOptions: a backend that knows no stream_options is asked again as
// the client asked.
func TestRefusedOptions(t *testing.T) {
	const refusal = `{"error":{"message":"Validation error at #/stream_options: Extra inputs are not permitted"}}`
	for _, status := range []int{400, 422} {
		s := &server{Settings: backend.Settings{Name: "s"}}
		s.does = func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(s.body, "stream_options") {
				says(status, "", refusal)(w, r)
				return
			}
			streamed(chatStream, chatDone)(w, r)
		}
		r, _ := newWide(t, []*server{s})
		const body = `{"stream":true,"data_sources":[]}`
		if _, got := r.do(r.request("POST", chatPath, body)); got != chatStream+chatDone || s.body != body || s.count() != 2 {
			t.Errorf("got %s after %d calls, the last with %s", got, s.count(), s.body)
		}
		if _, result, _ := r.book.last(t); result.Retries != 1 || !result.Usage.Estimated {
			t.Errorf("%+v", result)
		}
		if _, got := r.do(r.request("POST", chatPath, `{"stream":true,"stream_options":{"include_usage":true}}`)); got != refusal || s.count() != 3 {
			t.Errorf("a client that asked itself got %s after %d calls", got, s.count())
		}
	}
	// Any other refusal passes, whatever its length.
	for _, answer := range []string{`{"error":{"code":"content_filter"}}`, "{\"a\":\"" + strings.Repeat("x", 3*maxRefusal) + "\"}"} {
		s := &server{Settings: backend.Settings{Name: "s"}, does: says(400, "", answer)}
		r, _ := newWide(t, []*server{s})
		if resp, got := r.do(r.request("POST", chatPath, `{"stream":true}`)); resp.StatusCode != http.StatusBadRequest || got != answer || s.count() != 1 {
			t.Errorf("%d, %d bytes after %d calls", resp.StatusCode, len(got), s.count())
		}
	}
}

// entraRig knows a tenant, and signs tokens for it.
func entraRig(t *testing.T) (identity.Issuer, func(subject string, change ...jwt.MapClaims) string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	const tenant, login = "11111111-2222-3333-4444-555555555555", "https://login.example"
	b64 := base64.RawURLEncoding.EncodeToString
	settings := identity.Entra{Tenant: tenant, Authority: login, Audiences: []string{"a"}}
	issuer, err := settings.Issuer(&http.Client{Transport: trip(func(r *http.Request) string {
		if strings.HasSuffix(r.URL.Path, "configuration") {
			return `{"issuer":"` + login + "/" + tenant + `/v2.0","jwks_uri":"` + login + `/keys"}`
		}
		return `{"keys":[{"kty":"RSA","use":"sig","kid":"k","n":"` + b64(key.N.Bytes()) + `","e":"AQAB"}]}`
	})})
	if err != nil {
		t.Fatal(err)
	}
	return issuer, func(subject string, change ...jwt.MapClaims) string {
		claims := jwt.MapClaims{
			"iss": login + "/" + tenant + "/v2.0", "tid": tenant, "aud": "a", "oid": subject, "sub": subject,
			"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(), "ver": "2.0",
		}
		for _, c := range change {
			maps.Copy(claims, c)
		}
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
		token.Header["kid"] = "k"
		signed, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
}

type trip func(*http.Request) string

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(f(r))), Request: r}, nil
}

// TestCallersToken: Azure sees the person; who has no token is not sent there.
func TestCallersToken(t *testing.T) {
	person := &server{Settings: backend.Settings{Name: "person", PassCallerToken: true}, does: whole}
	ours := &server{Settings: backend.Settings{Name: "ours", Priority: 1}, does: whole}
	issuer, sign := entraRig(t)
	for _, both := range []bool{true, false} {
		servers := []*server{person, ours}
		if !both {
			servers = servers[:1]
		}
		person.URL, ours.URL = "", ""
		var key string
		r, _ := newWide(t, servers, func(c *Config) {
			secret, hash := identity.NewKey()
			key = secret.Reveal()
			var err error
			c.Identity, err = identity.New(identity.Config{Issuers: []identity.Issuer{issuer}, Keys: []identity.Key{{Name: "k", Hash: hash, Workload: "people"}}})
			if err != nil {
				t.Fatal(err)
			}
			c.Policy, err = policy.New([]policy.Workload{{Name: "people", Subjects: []string{"*"}, Grants: []policy.Grant{{Deployments: []string{"*"}, Operations: []string{"*"}}}}})
			if err != nil {
				t.Fatal(err)
			}
		})
		token := sign("someone")
		for _, header := range []string{"Authorization", "Api-Key"} {
			req := r.request("POST", chatPath, chatBody)
			req.Header.Del("Api-Key")
			req.Header.Set(header, map[string]string{"Authorization": "Bearer ", "Api-Key": ""}[header]+token)
			if resp, body := r.do(req); resp.StatusCode != http.StatusOK {
				t.Fatalf("%d %s", resp.StatusCode, body)
			}
			if got := person.header; !slices.Equal(got["Authorization"], []string{"Bearer " + token}) || got["Api-Key"] != nil {
				t.Errorf("the backend got %v", got)
			}
		}
		before := person.count()
		req := r.request("POST", chatPath, chatBody)
		req.Header.Set("Api-Key", key)
		resp, body := r.do(req)
		if person.count() != before {
			t.Error("a caller with a key was sent to a backend that needs a token")
		}
		switch {
		case both && (resp.StatusCode != http.StatusOK || ours.header.Get("Api-Key") != upstreamKey):
			t.Errorf("%d %s", resp.StatusCode, body)
		case !both && (resp.StatusCode != http.StatusUnauthorized || body != string(openai.BadToken().Body())):
			t.Errorf("%d %s", resp.StatusCode, body)
		}
		if strings.Contains(r.logs.String(), token) || strings.Contains(slurp(t, r.book.dir), token) {
			t.Error("the token was written down")
		}
	}
}

// TestSameWorkloadAgain: a second attempt belongs to the intent of the first,
// so it is made for the same workload or not at all.
func TestSameWorkloadAgain(t *testing.T) {
	issuer, sign := entraRig(t)
	for _, other := range []string{"first", "second"} {
		east := &server{Settings: backend.Settings{Name: "east", Region: "eastus"}, does: says(500, "", "x")}
		north := &server{Settings: backend.Settings{Name: "north", Region: "northeurope", Priority: 1}, does: whole}
		r, _ := newWide(t, []*server{east, north}, func(c *Config) {
			var err error
			if c.Identity, err = identity.New(identity.Config{Issuers: []identity.Issuer{issuer}}); err != nil {
				t.Fatal(err)
			}
			grant := func(region string) policy.Grant {
				return policy.Grant{Deployments: []string{"*"}, Operations: []string{"*"}, When: "region == '" + region + "'"}
			}
			first := policy.Workload{Name: "first", Subjects: []string{"*"}, Grants: []policy.Grant{grant("eastus")}}
			second := policy.Workload{Name: "second", Subjects: []string{"*"}, Grants: []policy.Grant{grant("northeurope")}}
			if other == "first" {
				first.Grants = append(first.Grants, grant("northeurope"))
			}
			if c.Policy, err = policy.New([]policy.Workload{first, second}); err != nil {
				t.Fatal(err)
			}
		})
		req := r.request("POST", chatPath, chatBody)
		req.Header.Set("Api-Key", sign("someone"))
		resp, _ := r.do(req)
		if call, _, _ := r.book.last(t); call.Workload != "first" || (resp.StatusCode == http.StatusOK) != (other == "first") || north.count() != map[string]int{"first": 1, "second": 0}[other] {
			t.Errorf("%s: %d, %+v", other, resp.StatusCode, call)
		}
	}
}
