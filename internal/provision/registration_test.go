package provision

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/ostiary/ostiary/internal/azure"
)

// directory is a Microsoft Graph with applications alone.
type directory struct {
	mu    sync.Mutex
	asked []string
	apps  []map[string]any
}

func (d *directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, r.Method+" "+r.URL.Path)
	w.Header().Set("Content-Type", "application/json")
	body, _ := io.ReadAll(r.Body)
	switch {
	case r.Method == http.MethodDelete:
		d.apps = nil
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPost:
		var app map[string]any
		_ = json.Unmarshal(body, &app)
		if strings.HasSuffix(r.URL.Path, "/applications") {
			app["id"], app["appId"] = "object", "44444444-5555-6666-7777-888888888888"
			d.apps = append(d.apps, app)
		}
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(app)
	case strings.HasSuffix(r.URL.Path, "/servicePrincipals"):
		_, _ = io.WriteString(w, `{"value":[]}`)
	default:
		_ = json.NewEncoder(w).Encode(map[string]any{"value": d.apps})
	}
}

// toward sends what is meant for Graph to a server of the test.
type toward struct{ server *httptest.Server }

func (t toward) Do(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "graph.microsoft.com" {
		return nil, http.ErrNotSupported
	}
	r.URL.Host, r.Host = strings.TrimPrefix(t.server.URL, "https://"), ""
	return t.server.Client().Do(r)
}

func registering(t *testing.T, s Settings) (*Deployment, *directory) {
	t.Helper()
	graph := &directory{}
	server := httptest.NewTLSServer(graph)
	t.Cleanup(server.Close)
	s.Name, s.Audience = "acmeai", "api://acmeai"
	cfg := azure.Config{Credential: noLogin{}, Transport: toward{server}, Retry: policy.RetryOptions{MaxRetries: -1}}
	return &Deployment{Config: Config{Settings: s, Say: func(string) {}}, graph: newGraph(cfg)}, graph
}

// An application is made once, its id becomes an audience, and it goes with the
// rest.
func TestRegister(t *testing.T) {
	d, graph := registering(t, Settings{Register: true})
	for range 2 {
		if err := d.register(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(graph.apps) != 1 {
		t.Fatalf("%d applications: %v", len(graph.apps), graph.asked)
	}
	if v := graph.apps[0]["api"].(map[string]any)["requestedAccessTokenVersion"]; v != 2.0 {
		t.Errorf("tokens of version %v", v)
	}
	if got, err := d.audiences(t.Context()); err != nil || strings.Join(got, " ") != "api://acmeai 44444444-5555-6666-7777-888888888888" {
		t.Error(got, err)
	}
	if err := d.unregister(t.Context()); err != nil || len(graph.apps) > 0 {
		t.Error(graph.asked, err)
	}
	if got, err := d.audiences(t.Context()); err != nil || strings.Join(got, " ") != "api://acmeai" {
		t.Error(got, err)
	}
}

// Where nobody asked us to register, nothing is made or removed, and preflight
// says the lines.
func TestNotRegistered(t *testing.T) {
	d, graph := registering(t, Settings{})
	p := &preflight{d: d}
	if err := p.registration(t.Context()); err != nil || len(p.found) != 1 || !strings.Contains(p.found[0].Fix, "az ad app create --display-name acmeai-gateway --identifier-uris api://acmeai") {
		t.Errorf("%+v %v", p.found, err)
	}
	if d.register(t.Context()) != nil || d.unregister(t.Context()) != nil || len(graph.asked) != 1 {
		t.Error(graph.asked)
	}
	graph.apps = []map[string]any{{"id": "o", "appId": "a", "identifierUris": []string{"api://acmeai"}, "api": map[string]any{}}}
	p = &preflight{d: d}
	if err := p.registration(t.Context()); err != nil || len(p.found) != 1 || !strings.Contains(p.found[0].What, "version 1") {
		t.Errorf("%+v %v", p.found, err)
	}
}
