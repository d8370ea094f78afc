//go:build azurerm

package azurerm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/ostiary/ostiary/internal/arm"
	"github.com/ostiary/ostiary/internal/emulator"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/secret"
)

// collector names an OpenTelemetry Collector to try: a build with the components
// that modules/gateway/collector.tf names.
const collector = "OSTIARY_OTELCOL"

const monitor = "https://monitor.azure.com"

// metricsArrive runs the collector of what was applied, with the configuration
// and the arguments that its container has, beside a gateway that answers one
// call, and demands that the call is counted where Application Insights would
// count it: sent to the component, with a token of the gateway's identity, which
// has the role, and with nothing else.
func metricsArrive(t *testing.T, r *rig) {
	program := os.Getenv(collector)
	if program == "" {
		t.Skipf("NOT CHECKED: that the collector's configuration is one that a collector takes, and that metrics arrive: %s names no OpenTelemetry Collector", collector)
	}
	app := newSidecar(t, r)
	entra := newEntra(t)
	component := r.arm.List("Microsoft.Insights/components")[0]
	insights := &ingestion{keys: entra.keys(t), may: func(oid string) bool {
		return r.arm.MayDo(oid, "Microsoft.Insights/Telemetry/Write", true, component.ID)
	}}
	if why := insights.wrong(httptest.NewRequest(http.MethodPost, "/v2.1/track", nil)); why != "no token" {
		t.Errorf("what bears no token is taken: %q", why)
	}
	server, ca := serve(t, insights, "*.in.applicationinsights.azure.com")
	tokens := httptest.NewServer(entra.ManagedIdentities(func(*http.Request) emulator.IdentityHost {
		return emulator.IdentityHost{Identities: []emulator.ManagedIdentity{app.identity}, Header: secret.New("a-header")}
	}))
	t.Cleanup(tokens.Close)
	askOnce(t, entra)

	said := &output{}
	c := exec.Command(program, app.args...)
	c.Stdout, c.Stderr = said, said
	c.Env = append(app.env, "PATH="+os.Getenv("PATH"), "CONTAINER_APP_REPLICA_NAME=replica-1",
		"IDENTITY_ENDPOINT="+tokens.URL+"/msi/token", "IDENTITY_HEADER=a-header",
		"SSL_CERT_FILE="+ca, "HTTPS_PROXY="+proxy(t, server.Listener.Addr().String()), "NO_PROXY=127.0.0.1")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Signal(os.Interrupt)
		c.Wait()
		t.Logf("the collector said:\n%s", tail(said.String()))
	})
	for deadline := time.Now().Add(2 * time.Minute); insights.counted("ostiary_gateway_requests_total") == nil; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no call was counted; refused: %v, arrived: %v", insights.refusals(), insights.names())
		}
	}
	got := insights.counted("ostiary_gateway_requests_total")
	if got.Value != 1 || got.key != component.Body["properties"].(map[string]any)["InstrumentationKey"] ||
		got.role != "ostiary-gateway" || got.instance != "replica-1" || got.properties["workload"] != "research" || got.properties["operation"] != "chat/completions" {
		t.Errorf("what was counted: %+v", got)
	}
	if refused := insights.refusals(); len(refused) > 0 {
		t.Errorf("refused: %v", refused)
	}
	for _, name := range insights.names() {
		if name != "up" && !strings.HasPrefix(name, "ostiary_") && !strings.HasPrefix(name, "scrape_") {
			t.Errorf("%s is sent, which nobody asked for", name)
		}
	}
	if strings.Contains(insights.everything(), question) {
		t.Error("the prompt is in what was sent")
	}
	t.Logf("arrived with a token: %v", insights.names())
}

const question = "a prompt that stays where it is"

// sidecar is what the collector's container has.
type sidecar struct {
	args, env []string
	identity  emulator.ManagedIdentity
}

func newSidecar(t *testing.T, r *rig) sidecar {
	t.Helper()
	list := r.arm.List("Microsoft.App/containerApps")
	at := slices.IndexFunc(list, func(a arm.Resource) bool { return strings.HasSuffix(a.Name, "-gateway") })
	if at < 0 {
		t.Fatal("there is no gateway")
	}
	var shown struct {
		Properties struct {
			Template struct {
				Containers []struct {
					Name string   `json:"name"`
					Args []string `json:"args"`
					Env  []struct {
						Name   string `json:"name"`
						Value  string `json:"value"`
						Secret string `json:"secretRef"`
					} `json:"env"`
				} `json:"containers"`
			} `json:"template"`
		} `json:"properties"`
		Identity struct {
			Assigned map[string]struct {
				Client    string `json:"clientId"`
				Principal string `json:"principalId"`
			} `json:"userAssignedIdentities"`
		} `json:"identity"`
	}
	decode(t, list[at].Body, &shown)
	var secrets struct {
		Value []struct{ Name, Value string } `json:"value"`
	}
	ask(t, r, list[at].ID+"/listSecrets?api-version=2025-01-01", &secrets)
	var app sidecar
	for id, who := range shown.Identity.Assigned {
		app.identity = emulator.ManagedIdentity{ResourceID: id, ClientID: who.Client, ObjectID: who.Principal}
	}
	for _, c := range shown.Properties.Template.Containers {
		if c.Name != "collector" {
			continue
		}
		app.args = c.Args
		for _, e := range c.Env {
			for _, s := range secrets.Value {
				if e.Secret == s.Name {
					e.Value = s.Value
				}
			}
			app.env = append(app.env, e.Name+"="+e.Value)
		}
	}
	if len(app.args) == 0 || len(app.env) == 0 || app.identity.ClientID == "" {
		t.Fatalf("the app has no collector that could be run: %+v", shown)
	}
	return app
}

// directory is an emulated Entra that knows Azure Monitor, with a model.
type directory struct{ *emulator.Emulator }

func newEntra(t *testing.T) directory {
	t.Helper()
	e, err := emulator.New(emulator.Config{
		Settings: emulator.Settings{
			State: t.TempDir(), Accounts: []emulator.Account{{Name: "sample", Deployments: []emulator.Deployment{{Name: "gpt-4o-mini"}}}},
			Directory: emulator.Directory{Tenant: tenant, Resources: []emulator.Resource{{URI: monitor, AppID: "00000000-0000-0000-0000-000000000099"}}},
		},
		Public: anyPort(t), Private: anyPort(t), Issuer: anyPort(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { e.Run(ctx); close(ended) }()
	t.Cleanup(func() { stop(); <-ended })
	return directory{e}
}

func (d directory) keys(t *testing.T) oidc.KeySet {
	local := httptest.NewServer(d.Issuer())
	t.Cleanup(local.Close)
	return oidc.NewRemoteKeySet(context.Background(), local.URL+"/"+tenant+"/discovery/v2.0/keys")
}

// askOnce runs a gateway whose admin listener is where the module puts it, and
// asks it one question.
func askOnce(t *testing.T, model directory) {
	t.Helper()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	key, err := model.Key("sample")
	if err != nil {
		t.Fatal(err)
	}
	dir, ln := t.TempDir(), anyPort(t)
	address := ln.Addr().String()
	ln.Close()
	own, hash := identity.NewKey()
	text := fmt.Sprintf(`gateway:
  listen: %s
  admin: 127.0.0.1:9444
  keys: [{name: research, workload: research, hash: %s}]
  workloads: [{name: research, grants: [{deployments: ["*"], operations: ["*"]}]}]
  backends: [{name: model, url: %q, ca: %s, api_key: "env:MODEL_KEY", deployments: [gpt-4o-mini]}]
  ledger: {directory: %s/ledger}
`, address, hash, model.URLs().Private, model.CAFile(), dir)
	file := filepath.Join(dir, "ostiary.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, binary: binary, dir: dir, env: append(os.Environ(), "MODEL_KEY="+key.Reveal())}
	w.start("gateway serves", "gateway", "--config", file)
	req, _ := http.NewRequest(http.MethodPost, "http://"+address+"/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21",
		strings.NewReader(`{"messages":[{"role":"user","content":"`+question+`"}]}`))
	req.Header.Set("Api-Key", own.Reveal())
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the gateway answered %d: %s", resp.StatusCode, body)
	}
}

func anyPort(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// ask posts to the Resource Manager and decodes its answer.
func ask(t *testing.T, r *rig, path string, into any) {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, path, nil)
	req.Header.Set("Authorization", "Bearer "+token())
	w := httptest.NewRecorder()
	r.arm.ServeHTTP(w, req)
	if w.Code != http.StatusOK || json.Unmarshal(w.Body.Bytes(), into) != nil {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
}

func decode(t *testing.T, from, into any) {
	t.Helper()
	raw, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}
