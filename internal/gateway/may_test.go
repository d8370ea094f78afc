package gateway

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/openai"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/pki/pkitest"
	"github.com/ostiary/ostiary/internal/policy"
)

// mayRigged can call as a portal member too.
type mayRigged struct {
	*rig
	asMember http.RoundTripper
}

// mayRig has callers with different grants, and keys for them by workload.
func mayRig(t *testing.T) (r *mayRigged, keys map[string]string) {
	t.Helper()
	keys = map[string]string{}
	ca := pkitest.Project(t, "demo")
	issuer, sign := entraRig(t)
	r = &mayRigged{rig: newRig(t, whole, func(c *Config) {
		grants := map[string][]policy.Grant{
			"chat": {{Deployments: []string{"gpt-4o", "gpt-4o-mini"}, Operations: []string{"chat/completions"}}},
			"all":  {{Deployments: []string{"*"}, Operations: []string{"*"}}},
			"when": {
				{Deployments: []string{"gpt-4o"}, Operations: []string{"chat/completions"}, When: "max_tokens <= 100"},
				{Deployments: []string{"text"}, Operations: []string{"embeddings"}, When: `region == "eastus"`},
				{Deployments: []string{"text"}, Operations: []string{"embeddings"}},
			},
			"models":   {{Deployments: []string{"*"}, Operations: []string{"models", "batches"}}},
			"unserved": {{Deployments: []string{"no-backend"}, Operations: []string{"*"}}},
			"own":      {{Deployments: []string{"kept", "gpt-4o"}, Operations: []string{"chat/completions", "responses"}}},
			"other":    {{Deployments: []string{"kept"}, Operations: []string{"chat/completions"}}},
		}
		var workloads []policy.Workload
		var all []identity.Key
		for name, g := range grants {
			workloads = append(workloads, policy.Workload{Name: name, Grants: g})
			key, hash := identity.NewKey()
			keys[name] = key.Reveal()
			all = append(all, identity.Key{Name: name, Hash: hash, Workload: name})
		}
		narrow, hash := identity.NewKey()
		keys["narrow"] = narrow.Reveal()
		all = append(all, identity.Key{Name: "narrow", Hash: hash, Workload: "all", Deployments: []string{"gpt-4o"}, Operations: []string{"chat/*"}})
		workloads = append(workloads,
			policy.Workload{Name: "members", Members: []string{"spiffe://demo/inlet/*"}, Grants: grants["chat"][:1]},
			policy.Workload{Name: "people", Subjects: []string{"one"}, Grants: []policy.Grant{{Deployments: []string{"personal", "gpt-4o"}, Operations: []string{"chat/completions"}}}},
			policy.Workload{Name: "people-too", Subjects: []string{"one"}, Grants: []policy.Grant{{Deployments: []string{"text"}, Operations: []string{"embeddings"}}}},
		)
		var err error
		if c.Identity, err = identity.New(identity.Config{Keys: all, Issuers: []identity.Issuer{issuer}}); err != nil {
			t.Fatal(err)
		}
		if c.Policy, err = policy.New(workloads); err != nil {
			t.Fatal(err)
		}
		c.Aliases = map[string]string{"gpt-4": "gpt-4o", "azure/gpt-4o": "gpt-4o", "embed": "text"}
		c.Backends, err = backend.NewPool(backend.Config{Backends: []backend.Settings{
			{Name: "one", URL: "http://127.0.0.1:1", APIKey: secretRef(t, upstreamKey), Deployments: []string{"gpt-4o", "gpt-4o-*", "text"}},
			{Name: "kept", URL: "http://127.0.0.1:2", APIKey: secretRef(t, upstreamKey), Deployments: []string{"kept"}, Workload: "own"},
			{Name: "personal", URL: "http://127.0.0.1:3", PassCallerToken: true, Deployments: []string{"personal"}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		c.Member = pkitest.Member(t, ca, pki.ID{Project: "demo", Role: pki.Gateway, Member: "g"})
	})}
	keys["one"], keys["two"] = sign("one"), sign("two")
	member := pkitest.Member(t, ca, pki.ID{Project: "demo", Role: pki.Inlet, Member: "health-corp"})
	server := httptest.NewUnstartedServer(r.MemberHandler())
	var err error
	if server.TLS, err = r.MemberTLS(); err != nil {
		t.Fatal(err)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	keys["members at"] = server.Listener.Addr().String()
	http1 := &http.Transport{TLSClientConfig: pki.MutualTLS(member, pki.Exactly(r.cfg.Member.ID()), memberProtocol)}
	t.Cleanup(http1.CloseIdleConnections)
	r.asMember = http1
	return r, keys
}

// listed writes an answer as a table does.
func listed(t *testing.T, body string) string {
	t.Helper()
	var l struct {
		Deployments []struct {
			Name       string
			Operations []string
			AliasOf    string `json:"alias_of"`
			When       bool
		}
		More bool
	}
	if err := json.Unmarshal([]byte(body), &l); err != nil || l.Deployments == nil {
		t.Fatalf("%v %s", err, body)
	}
	var all []string
	for _, d := range l.Deployments {
		text := d.Name
		if d.AliasOf != "" {
			text += ">" + d.AliasOf
		}
		if text += ":" + strings.Join(d.Operations, ","); len(d.Operations) > 3 {
			text = fmt.Sprintf("%s:%d operations", strings.SplitN(text, ":", 2)[0], len(d.Operations))
		}
		if d.When {
			text += "?"
		}
		all = append(all, text)
	}
	if l.More {
		all = append(all, "…")
	}
	return strings.Join(all, " ")
}

// TestMay: each caller is told of what it may use, and of nothing else; asking
// is no call.
func TestMay(t *testing.T) {
	r, keys := mayRig(t)
	const everything = "azure/gpt-4o>gpt-4o:10 operations embed>text:10 operations gpt-4>gpt-4o:10 operations gpt-4o:10 operations gpt-4o-mini:10 operations text:10 operations"
	for name, tt := range map[string]struct{ caller, workload, query, want string }{
		"names written out": {"chat", "", "", "azure/gpt-4o>gpt-4o:chat/completions gpt-4>gpt-4o:chat/completions gpt-4o:chat/completions gpt-4o-mini:chat/completions"},
		"wildcards":         {"all", "", "", everything},
		"asked about":       {"all", "", "?name=gpt-4o-large&name=o3&name=gpt-4", strings.Replace(everything, "gpt-4o-mini", "gpt-4o-large:10 operations gpt-4o-mini", 1)},
		"asked in vain":     {"chat", "", "?name=gpt-4o-large&name=no-backend&name=kept&name=text", "azure/gpt-4o>gpt-4o:chat/completions gpt-4>gpt-4o:chat/completions gpt-4o:chat/completions gpt-4o-mini:chat/completions"},
		"a narrower key":    {"narrow", "", "", "azure/gpt-4o>gpt-4o:chat/completions gpt-4>gpt-4o:chat/completions gpt-4o:chat/completions"},
		"conditions":        {"when", "", "", "azure/gpt-4o>gpt-4o:chat/completions? embed>text:embeddings gpt-4>gpt-4o:chat/completions? gpt-4o:chat/completions? text:embeddings"},
		"no deployment":     {"models", "", "", ""},
		"no backend":        {"unserved", "", "", ""},
		"a reserved one":    {"own", "", "", "azure/gpt-4o>gpt-4o:chat/completions,responses gpt-4>gpt-4o:chat/completions,responses gpt-4o:chat/completions,responses kept:chat/completions,responses"},
		"another's":         {"other", "", "", ""},
		"a person":          {"one", "", "", "azure/gpt-4o>gpt-4o:chat/completions embed>text:embeddings gpt-4>gpt-4o:chat/completions gpt-4o:chat/completions personal:chat/completions text:embeddings"},
		"as a workload":     {"one", "people-too", "", "embed>text:embeddings text:embeddings"},
		"not of it":         {"one", "all", "", ""},
		"of no workload":    {"two", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			req := r.request("GET", deploymentsAt+tt.query, "")
			req.Header.Set("Api-Key", keys[tt.caller])
			if tt.workload != "" {
				req.Header.Set("X-Ostiary-Workload", tt.workload)
			}
			resp, body := r.do(req)
			if got := listed(t, body); got != tt.want || resp.StatusCode != http.StatusOK || resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d\n%s, want\n%s", resp.StatusCode, got, tt.want)
			}
		})
	}
	req := r.request("GET", deploymentsAt, "")
	req.URL.Scheme, req.URL.Host = "https", keys["members at"]
	req.Header.Set("Api-Key", keys["all"]) // is ignored there
	resp, err := r.asMember.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var l mayList
	if err := json.NewDecoder(resp.Body).Decode(&l); err != nil || len(l.Deployments) != 4 {
		t.Errorf("a member: %v %+v", err, l)
	}
	if len(r.book.kinds) != 0 {
		t.Errorf("recorded as calls: %v", r.book.kinds)
	}
	if text := r.logs.String(); strings.Contains(text, keys["all"]) || strings.Contains(text, keys["one"]) || strings.Contains(text, "gpt-4o-large") {
		t.Error("the log has what it must not")
	}
}

// TestMayAsCalls: what the list says may be called is not refused by policy,
// and what it leaves out is.
func TestMayAsCalls(t *testing.T) {
	r, keys := mayRig(t)
	for _, caller := range []string{"chat", "all", "narrow", "own", "other", "one", "models"} {
		req := r.request("GET", deploymentsAt, "")
		req.Header.Set("Api-Key", keys[caller])
		_, body := r.do(req)
		for _, name := range []string{"gpt-4o", "gpt-4o-mini", "gpt-4", "azure/gpt-4o", "kept", "personal", "text", "no-backend"} {
			req := r.request("POST", v1Chat, strings.Replace(chatBody, "gpt-4o", name, 1))
			req.Header.Set("Api-Key", keys[caller])
			resp, _ := r.do(req)
			refused := resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusNotFound
			has := false
			for _, d := range decodeMay(t, body).Deployments {
				for _, op := range d.Operations {
					has = has || d.Name == name && op == openai.ChatCompletions
				}
			}
			if has == refused {
				t.Errorf("%s calls %s: %d, and listed is %v", caller, name, resp.StatusCode, has)
			}
		}
	}
}

func decodeMay(t *testing.T, body string) (l mayList) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestMayRefuses: who cannot be identified gets what a call gets; bad questions
// are refused, to known callers alone.
func TestMayRefuses(t *testing.T) {
	r, keys := mayRig(t)
	many := "?" + strings.Repeat("name=x&", maxNamed) + "name=x"
	for name, tt := range map[string]struct {
		method, target, key, body string
		change                    func(*http.Request)
		status                    int
		says                      string
	}{
		"no credential":        {"GET", deploymentsAt, "", "", nil, 401, string(openai.BadToken().Body())},
		"a bad key":            {"GET", deploymentsAt, "ostiary-x", "", nil, 401, string(openai.BadKey().Body())},
		"a stranger's bad ask": {"GET", deploymentsAt + many, "ostiary-x", "", nil, 401, string(openai.BadKey().Body())},
		"a key in the query":   {"GET", deploymentsAt + "?api-key=" + url.QueryEscape(keys["all"]), "", "", nil, 401, ""},
		"two workloads": {"GET", deploymentsAt, keys["all"], "", func(req *http.Request) {
			req.Header["X-Ostiary-Workload"] = []string{"all", "chat"}
		}, 400, "two workloads"},
		"too many names": {"GET", deploymentsAt + many, keys["all"], "", nil, 400, "more than 100"},
		"a long query":   {"GET", deploymentsAt + "?x=" + strings.Repeat("x", maxListQuery), keys["all"], "", nil, 400, "32 KiB"},
		"a long name":    {"GET", deploymentsAt + "?name=" + strings.Repeat("x", openai.MaxModel+1), keys["all"], "", nil, 400, "no deployment's name"},
		"an empty name":  {"GET", deploymentsAt + "?name=", keys["all"], "", nil, 400, "no deployment's name"},
		"a pattern":      {"GET", deploymentsAt + "?name=gpt-*", keys["all"], "", nil, 400, "no deployment's name"},
		"no text":        {"GET", deploymentsAt + "?name=%00%ff", keys["all"], "", nil, 400, "no deployment's name"},
		"a bad escape":   {"GET", deploymentsAt + "?name=%zz", keys["all"], "", nil, 400, "not one"},
		"a body":         {"GET", deploymentsAt, keys["all"], "{}", nil, 400, "no body"},
		"another method": {"POST", deploymentsAt, keys["all"], "{}", nil, 404, ""},
		"below it":       {"GET", deploymentsAt + "/", keys["all"], "", nil, 404, ""},
		"an escape":      {"GET", "/ostiary%2fdeployments", keys["all"], "", nil, 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			req := r.request(tt.method, tt.target, tt.body)
			req.Header.Set("Api-Key", tt.key)
			if tt.change != nil {
				tt.change(req)
			}
			resp, body := r.do(req)
			if resp.StatusCode != tt.status || !strings.Contains(body, tt.says) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
		})
	}
	if resp, err := (&http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{memberProtocol}}}).RoundTrip(func() *http.Request {
		req := r.request("GET", deploymentsAt, "")
		req.URL.Scheme, req.URL.Host = "https", keys["members at"]
		return req
	}()); err == nil {
		t.Errorf("a member without a certificate: %d", resp.StatusCode)
	}
}

// TestMayIsBounded: names of a configuration beyond 500 are not looked at, but
// those that were asked about are.
func TestMayIsBounded(t *testing.T) {
	r := newRig(t, whole, func(c *Config) {
		c.Aliases = map[string]string{}
		for i := range maxListed + 10 {
			c.Aliases[fmt.Sprintf("alias-%04d", i)] = "gpt-4o"
		}
	})
	_, body := r.do(r.request("GET", deploymentsAt+"?name=zz&name=gpt-4o-z", ""))
	l := decodeMay(t, body)
	if len(l.Deployments) != maxListed-1 || !l.More || l.Deployments[len(l.Deployments)-1].Name != "gpt-4o-z" {
		t.Errorf("%d, more: %v", len(l.Deployments), l.More)
	}
}

func BenchmarkMay(b *testing.B) {
	r := newRig(b, whole, func(c *Config) {
		c.Aliases = map[string]string{}
		for i := range maxListed {
			c.Aliases[fmt.Sprintf("alias-%04d", i)] = "gpt-4o"
		}
	})
	serve := r.Handler()
	for b.Loop() {
		w := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodGet, deploymentsAt, nil)
		req.Header.Set("Api-Key", r.key)
		serve.ServeHTTP(w, req)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
