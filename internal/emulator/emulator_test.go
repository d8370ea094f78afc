package emulator

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/docs"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// testKey is made once: finding primes for every test would take most of the
// time.
var testKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// listen opens a loopback port of its own.
func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// newTest makes an emulator that does not run yet. It answers from the
// glossary alone, so that other documents may change without moving a test.
func newTest(t testing.TB, cfg Config) *Emulator {
	t.Helper()
	if cfg.Settings.State == "" {
		cfg.Settings.State = t.TempDir()
		key, err := testKey()
		if err != nil {
			t.Fatal(err)
		}
		if err := pki.WriteKey(filepath.Join(cfg.Settings.State, "issuer.key"), key); err != nil {
			t.Fatal(err)
		}
	}
	if cfg.Documents == nil {
		cfg.Documents = glossaryFile(t)
	}
	cfg.Public, cfg.Private, cfg.Issuer = listen(t), listen(t), listen(t)
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// run serves an emulator until the test ends.
func run(t testing.TB, e *Emulator) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func client(t testing.TB, e *Emulator) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(e.CA()) {
		t.Fatal("no CA certificate")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func keyOf(t testing.TB, e *Emulator, account string) string {
	t.Helper()
	key, err := e.Key(account)
	if err != nil {
		t.Fatal(err)
	}
	return key.Reveal()
}

// post calls a handler with the demo account's key.
func post(t testing.TB, e *Emulator, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "https://ostiary-demo.openai.azure.com"+path, strings.NewReader(body))
	r.Header.Set("Api-Key", keyOf(t, e, "ostiary-demo"))
	w := httptest.NewRecorder()
	e.Private().ServeHTTP(w, r)
	return w
}

const (
	chatPath  = "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21"
	embedPath = "/openai/deployments/text-embedding-3-small/embeddings?api-version=2024-10-21"
	askRazor  = `{"messages":[{"role":"user","content":"What is Ockham's Razor?"}]}`
)

func decodeJSON[T any](t testing.TB, data []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v in %.300s", err, data)
	}
	return v
}

func TestThreeFrontsOverTLS(t *testing.T) {
	e := newTest(t, Config{})
	run(t, e)
	c := client(t, e)
	for _, front := range []struct {
		base   string
		status int
	}{{e.URLs().Public, 403}, {e.URLs().Private, 200}} {
		r, err := http.NewRequest(http.MethodPost, front.base+chatPath, strings.NewReader(askRazor))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Api-Key", keyOf(t, e, "ostiary-demo"))
		resp, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != front.status {
			t.Errorf("%s: %d %s %v", front.base, resp.StatusCode, body, err)
		}
		if resp.ProtoMajor != 2 {
			t.Errorf("%s speaks HTTP/%d", front.base, resp.ProtoMajor)
		}
	}
	resp, err := c.Get(e.URLs().Issuer + "/" + defaultTenant + "/discovery/v2.0/keys")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("issuer: %v %v", resp, err)
	}
	_ = resp.Body.Close()
}

// On Azure the certificate covers the account's name and not the privatelink
// name that its CNAME goes through.
func TestPrivatelinkNameFailsInTLS(t *testing.T) {
	e := newTest(t, Config{})
	run(t, e)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(e.CA())
	dial := func(name string) error {
		c, err := tls.Dial("tcp", strings.TrimPrefix(e.URLs().Private, "https://"), &tls.Config{RootCAs: pool, ServerName: name})
		if err == nil {
			_ = c.Close()
		}
		return err
	}
	if err := dial("ostiary-demo.openai.azure.com"); err != nil {
		t.Errorf("the account's name: %v", err)
	}
	if _, ok := errors.AsType[x509.HostnameError](dial("ostiary-demo.privatelink.openai.azure.com")); !ok {
		t.Error("the privatelink name did not fail for its name")
	}
}

func TestStateOutlivesTheEmulator(t *testing.T) {
	dir := t.TempDir()
	first := newTest(t, Config{Settings: Settings{State: dir}})
	second := newTest(t, Config{Settings: Settings{State: dir}})
	if !bytes.Equal(first.CA(), second.CA()) {
		t.Error("the CA changed")
	}
	if keyOf(t, first, "ostiary-demo") != keyOf(t, second, "ostiary-demo") {
		t.Error("the account's key changed")
	}
	if first.issuer.keyID != second.issuer.keyID {
		t.Error("the signing key changed")
	}
	a, errA := first.App("sample-app")
	b, errB := second.App("sample-app")
	if errA != nil || errB != nil || a.Secret.Reveal() != b.Secret.Reveal() || a.ObjectID != b.ObjectID {
		t.Error("the application changed", errA, errB)
	}
}

func TestUnknownAccountAndApplication(t *testing.T) {
	e := newTest(t, Config{})
	if _, err := e.Key("nobody"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("key of nobody: %v", err)
	}
	if _, err := e.App("nobody"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("application nobody: %v", err)
	}
}

func TestBrokenSettingsNameEveryField(t *testing.T) {
	_, err := New(Config{Settings: Settings{
		ListenPublic: "nowhere",
		IssuerURL:    "http://plain",
		TokenDelay:   -time.Second,
		State:        t.TempDir(),
		Accounts: []Account{
			{Name: "Bad_Name", OpenAIUsers: []string{"nobody"}, Deployments: []Deployment{{Name: "a/b", Model: "gpt-9"}}},
			{Name: "good", Deployments: []Deployment{{Name: "x", Model: "gpt-4o", Version: "1999-01-01"}, {Name: "x", Model: "gpt-4o"}}},
		},
		Directory: Directory{
			Tenant: "x", TokenLifetime: time.Second,
			Apps:      []App{{Name: "../up", ClientID: "y", ObjectID: "z"}},
			Resources: []Resource{{URI: "nothing", AppID: "w", TokenVersion: 3}},
		},
	}})
	if fault.KindOf(err) != fault.Invalid {
		t.Fatalf("kind %v of %v", fault.KindOf(err), err)
	}
	for _, field := range []string{
		"listen_public", "issuer_url", "token_delay", "accounts[0].name", "accounts[0].openai_users[0]",
		"accounts[0].deployments[0].name", "accounts[0].deployments[0].model", "accounts[1].deployments[0].version",
		"accounts[1].deployments[1].name", "directory.tenant", "directory.token_lifetime", "directory.apps[0].name",
		"directory.apps[0].client_id", "directory.apps[0].object_id", "directory.resources[0].uri",
		"directory.resources[0].app_id", "directory.resources[0].token_version",
	} {
		if !strings.Contains(err.Error(), field+": ") {
			t.Errorf("%s is not named", field)
		}
	}
}

func TestOwnDocumentsAnswer(t *testing.T) {
	e := newTest(t, Config{Documents: docs.Files})
	for question, want := range map[string]string{
		"What is Ockham's Razor?":                     "William of Ockham",
		"How do I point curl at the emulator?":        "--cacert",
		"What of the emulator was observed on Azure?": "observed",
	} {
		asked, err := json.Marshal(question)
		if err != nil {
			t.Fatal(err)
		}
		text := askWhole(t, e, `{"messages":[{"role":"user","content":`+string(asked)+`}]}`).Choices[0].Message.Content
		if !strings.Contains(text, want) {
			t.Errorf("%s\n%s", question, text)
		}
	}
}

func TestBusyAddressIsNamed(t *testing.T) {
	busy := listen(t)
	defer func() { _ = busy.Close() }()
	_, err := New(Config{Settings: Settings{State: t.TempDir(), ListenPublic: busy.Addr().String()}})
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), busy.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkNewWithState(b *testing.B) {
	dir := b.TempDir()
	newTest(b, Config{Settings: Settings{State: dir}})
	for b.Loop() {
		e, err := New(Config{Settings: Settings{State: dir}, Public: listen(b), Private: listen(b), Issuer: listen(b)})
		if err != nil {
			b.Fatal(err)
		}
		_ = e.Close()
	}
}
