package gateway

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/policy"
)

type document struct {
	Gateway *Settings `yaml:"gateway" doc:"the gateway"`
}

// TestDocumentedExample: what docs/gateway.md shows is a configuration.
func TestDocumentedExample(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "gateway.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("no example")
	}
	var d document
	if err := config.Decode("docs/gateway.md", []byte(example), &d, config.Options{SkipSecrets: true}); err != nil {
		t.Fatal(err)
	}
	s := d.Gateway
	if s.Listen != "0.0.0.0:8443" || s.MaxBody != DefaultMaxBody || s.BodyBudget != DefaultBodyBudget || len(s.Workloads) != 3 || len(s.Backends) != 3 || s.Keys[0].Expires.Year() != 2027 || s.Backends[0].ManagedIdentity == nil {
		t.Errorf("%+v", s)
	}
	if _, err := policy.New(s.Workloads); err != nil {
		t.Error(err)
	}
	if _, err := identity.New(identity.Config{Keys: s.Keys}); err != nil {
		t.Error(err)
	}
	if _, err := config.Schema("gateway", document{}); err != nil {
		t.Error(err)
	}
}

func TestSettingsCheck(t *testing.T) {
	good := Settings{Listen: "127.0.0.1:1", Keys: []identity.Key{{Workload: "a"}}, Workloads: []policy.Workload{{Name: "a"}}}
	change := func(f func(*Settings)) Settings {
		s := good
		f(&s)
		return s
	}
	for name, tt := range map[string]struct {
		s    Settings
		want []string
	}{
		"good":             {good, nil},
		"unix":             {change(func(s *Settings) { s.Listen = "unix:/run/g.sock" }), nil},
		"members alone":    {Settings{Members: &Members{}}, nil},
		"nowhere":          {Settings{}, []string{"listen"}},
		"in clear":         {change(func(s *Settings) { s.Listen = "0.0.0.0:80" }), []string{"listen"}},
		"in clear, any":    {change(func(s *Settings) { s.Listen = ":80" }), []string{"listen"}},
		"with TLS":         {change(func(s *Settings) { s.Listen = ":443"; s.TLS = &TLS{} }), nil},
		"behind ingress":   {change(func(s *Settings) { s.Listen, s.Ingress = ":8443", true }), nil},
		"ingress and TLS":  {change(func(s *Settings) { s.Listen, s.Ingress, s.TLS = ":443", true, &TLS{} }), []string{"ingress"}},
		"ingress of none":  {Settings{Members: &Members{}, Ingress: true}, []string{"ingress"}},
		"nobody":           {change(func(s *Settings) { s.Keys = nil }), []string{"listen"}},
		"unknown workload": {change(func(s *Settings) { s.Workloads = nil }), []string{"keys[0].workload"}},
		"small budget":     {change(func(s *Settings) { s.BodyBudget = 1 }), []string{"body_budget"}},
		"large body":       {change(func(s *Settings) { s.MaxBody, s.BodyBudget = 100, 99 }), []string{"body_budget"}},
	} {
		var got []string
		tt.s.Check(func(path, _, fix string) {
			if fix == "" {
				t.Errorf("%s: no fix", name)
			}
			got = append(got, path)
		})
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// entra is a login service on TLS with one key.
func entra(t *testing.T) (base, ca string, token func(aud string) string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	var server *httptest.Server
	server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			b64 := base64.RawURLEncoding.EncodeToString
			_, _ = fmt.Fprintf(w, `{"keys":[{"kty":"RSA","kid":"k","n":"%s","e":"%s"}]}`, b64(key.N.Bytes()), b64(big.NewInt(int64(key.E)).Bytes()))
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": server.URL + "/t1/v2.0", "jwks_uri": server.URL + "/keys"})
	}))
	t.Cleanup(server.Close)
	return server.URL, writePEM(t, "CERTIFICATE", server.Certificate().Raw), func(aud string) string {
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
			"iss": server.URL + "/t1/v2.0", "aud": aud, "tid": "t1", "oid": "person-1", "appid": "app-1", "exp": time.Now().Add(time.Hour).Unix(),
		})
		token.Header["kid"] = "k"
		s, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func writePEM(t *testing.T, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFromSettings opens a gateway from a file, and calls it with a token.
func TestFromSettings(t *testing.T) {
	login, ca, token := entra(t)
	upstream := httptest.NewServer(http.HandlerFunc(whole))
	defer upstream.Close()
	dir := filepath.Join(t.TempDir(), "ledger")
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte(upstreamKey), 0o600); err != nil {
		t.Fatal(err)
	}
	text := `
gateway:
  listen: 127.0.0.1:0
  entra: [{tenant: t1, authority: "` + login + `", ca: "` + ca + `"}]
  workloads:
    - {name: app, apps: [app-1], grants: [{deployments: [gpt-4o], operations: [chat/completions]}]}
  backends:
    - {name: stub, url: "` + upstream.URL + `", api_key: "file:` + keyFile + `"}
  ledger: {directory: "` + dir + `"}
`
	var d document
	if err := config.Decode("test", []byte(text), &d, config.Options{}); err != nil {
		t.Fatal(err)
	}
	g, err := FromSettings(*d.Gateway, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	call := func(token string) int {
		req := httptest.NewRequest(http.MethodPost, chatPath, strings.NewReader(chatBody))
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		g.Handler().ServeHTTP(w, req)
		return w.Code
	}
	if got := call(token("https://cognitiveservices.azure.com")); got != 200 {
		t.Errorf("a good token: %d", got)
	}
	if got := call(token("https://management.azure.com")); got != 401 {
		t.Errorf("a token for something else: %d", got)
	}
	if conf, err := d.Gateway.ServerTLS(nil); conf != nil || err != nil {
		t.Error(conf, err)
	}
	if _, err := FromSettings(*d.Gateway, nil, nil); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a second gateway on one ledger: %v", err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	records := 0
	if err := ledger.Read(dir, 0, func(uint64, ledger.Record) error { records++; return nil }); err != nil || records != 3 {
		t.Errorf("%d records: %v", records, err)
	}
}

// TestLoginServiceAway: nobody can be judged, and nobody is told that his
// token is bad.
func TestLoginServiceAway(t *testing.T) {
	login, ca, token := entra(t)
	e := identity.Entra{Tenant: "t1", Authority: login}
	issuer, err := e.Issuer(&http.Client{Transport: &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return nil, errDisk }}})
	if err != nil {
		t.Fatal(err)
	}
	_ = ca
	ids, err := identity.New(identity.Config{Issuers: []identity.Issuer{issuer}})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, whole, func(c *Config) { c.Identity = ids })
	req := r.request("POST", chatPath, chatBody)
	req.Header.Set("Api-Key", token("https://cognitiveservices.azure.com"))
	if resp, body := r.do(req); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestFromSettingsFails(t *testing.T) {
	key := secretRef(t, "k")
	good := Settings{
		Workloads: []policy.Workload{{Name: "a"}},
		Backends:  []backend.Settings{{Name: "b", URL: "https://b.example", APIKey: key}},
		Ledger:    LedgerSettings{Directory: filepath.Join(t.TempDir(), "l")},
	}
	for name, change := range map[string]func(*Settings){
		"entra":    func(s *Settings) { s.Entra = []identity.Entra{{Tenant: "common"}} },
		"entra ca": func(s *Settings) { s.Entra = []identity.Entra{{Tenant: "t", CA: "/nonexistent"}} },
		"policy":   func(s *Settings) { s.Workloads = append(s.Workloads, s.Workloads[0]) },
		"backends": func(s *Settings) { s.Backends = nil },
		"members":  func(s *Settings) { s.Members = &Members{Directory: t.TempDir()} },
		"ledger":   func(s *Settings) { s.Ledger.Directory = "" },
		"budget":   func(s *Settings) { s.MaxBody, s.BodyBudget = 10, 5 },
	} {
		s := good
		change(&s)
		if _, err := FromSettings(s, nil, nil); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := Settings{TLS: &TLS{Certificate: "/nonexistent"}}
	if _, err := s.ServerTLS(nil); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
	if _, err := New(Config{}); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
}
