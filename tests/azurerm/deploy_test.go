//go:build azurerm

package azurerm_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// outputs are what `deploy output` prints, as far as tests need it.
type outputs struct {
	Gateway struct {
		URL, Address string
	}
	Accounts map[string]struct {
		ID, Endpoint, Address string
	}
}

func (w *world) outputs() outputs {
	w.t.Helper()
	text := w.deploy(0, "output", "--json")
	var o outputs
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		w.t.Fatal(err, text)
	}
	return o
}

// built demands everything that an applied estate must show: a second plan is
// empty, what stands there is private also when it is judged from the kept
// snapshot alone, and clients are let in or not by where they stand. They come
// without a token: 401 is what they hear who were let in so far, 403 is the
// closed public door, and "refused" is no answer at all.
func (w *world) built(name string, places map[string]string) {
	w.t.Helper()
	out := w.deploy(0, "plan")
	for _, stage := range []string{"global: nothing to do", "workload: nothing to do"} {
		if !strings.Contains(out, stage) {
			w.t.Errorf("a second plan does not say %q:\n%s", stage, tail(out))
		}
	}
	if out := w.deploy(0, "status"); !strings.Contains(out, "complete      true") {
		w.t.Errorf("status: %s", out)
	}
	proof := filepath.Join(w.dir, ".ostiary", name, "proof.json")
	if code, out := w.run(exec.Command(w.binary, "verify", "--snapshot", proof)); code != 0 || !strings.Contains(out, "PRIVATE") {
		w.t.Errorf("verify of the snapshot ends with %d:\n%s", code, tail(out))
	}
	for _, a := range w.outputs().Accounts {
		host := strings.TrimPrefix(a.Endpoint, "https://")
		for place, want := range places {
			w.asks(place, host, want)
		}
	}
}

// One account and a gateway, from nothing to nothing, with an interrupt between.
func TestDeployOneRegion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("estate.yaml", example(t, "one-region"))
	if code, out := w.run(w.command("plan", "--format", "sarif", "--out", "plan.sarif")); code != 0 {
		t.Fatal(out)
	}
	if data, err := os.ReadFile(filepath.Join(w.dir, "plan.sarif")); err != nil || !strings.Contains(string(data), `"version"`) {
		t.Errorf("no SARIF: %v", err)
	}
	w.interrupted("module.gateway.azurerm_container_app_environment.this")
	w.deploy(0, "apply", "--yes")
	w.built("acmeai", map[string]string{"acmeai-vnet/apps": "401", "acmeai-vnet/portal": "refused", "internet": "403"})
	w.answered("acmeai-gateway")
	w.peersRefused("acmeai")
	w.configured("acmeai")
	w.evidence()
	w.deploy(0, "destroy", "--yes")
	w.nothingLeft()
}

// answered demands that an app in the apps' subnet gets 200 with its own managed
// identity, which is what the gateway has.
func (w *world) answered(app string) {
	w.t.Helper()
	for _, a := range w.outputs().Accounts {
		code, out := w.run(w.at(app, "--", "sh", "-c", `
t=$(curl -s -H "X-IDENTITY-HEADER: $IDENTITY_HEADER" "$IDENTITY_ENDPOINT?api-version=2019-08-01&resource=https://cognitiveservices.azure.com" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
exec curl -s -m 20 -w ' %{http_code}' "$0/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21" -H "Authorization: Bearer $t" \
  -H 'Content-Type: application/json' -d '{"messages":[{"role":"user","content":"What is a private endpoint?"}]}'`, a.Endpoint))
		if code != 0 || !strings.HasSuffix(out, " 200") || !strings.Contains(out, `"choices"`) {
			w.t.Errorf("%s, as itself, ends with %d: %s", app, code, tail(out))
		}
	}
}

// peersRefused peers another network with the estate's and demands that a
// client there does not reach the endpoint, whose name it does not know either.
func (w *world) peersRefused(name string) {
	w.t.Helper()
	for _, a := range w.outputs().Accounts {
		subscription := strings.Split(a.ID, "/")[2]
		in := "/subscriptions/" + subscription + "/resourceGroups/"
		own, peer := in+name+"-workload/providers/Microsoft.Network/virtualNetworks/"+name+"-vnet", in+"peers/providers/Microsoft.Network/virtualNetworks/peer-vnet"
		const group, network = "?api-version=2021-04-01", "?api-version=2025-05-01"
		half := func(to string) string {
			return `{"properties":{"remoteVirtualNetwork":{"id":"` + to + `"},"allowVirtualNetworkAccess":true}}`
		}
		for _, put := range [][2]string{
			{in + "peers" + group, `{"location":"swedencentral"}`},
			{peer + network, `{"location":"swedencentral","properties":{"addressSpace":{"addressPrefixes":["10.77.0.0/24"]},"subnets":[{"name":"clients","properties":{"addressPrefix":"10.77.0.0/25"}}]}}`},
			{own + "/virtualNetworkPeerings/peer" + network, half(peer)},
			{peer + "/virtualNetworkPeerings/own" + network, half(own)},
		} {
			if out := w.arm("PUT", put[0], put[1]); strings.Contains(out, `"error"`) {
				w.t.Fatal(out)
			}
		}
		host := strings.TrimPrefix(a.Endpoint, "https://")
		w.asks("peer-vnet/clients", host, "403")
		code, out := w.run(w.at("peer-vnet/clients", "--", "curl", "-s", "-m", "20", "-w", "%{http_code}", "--connect-to", host+":443:"+a.Address+":443", a.Endpoint+"/openai/models?api-version=2024-10-21"))
		if code == 0 {
			w.t.Errorf("a peer reaches the endpoint by its address: %s", out)
		}
		code, out = w.run(w.at(name+"-vnet/apps", "--", "curl", "-s", "-m", "20", "-w", "%{http_code}", "--connect-to", host+":443:"+a.Address+":443", a.Endpoint+"/openai/models?api-version=2024-10-21"))
		if code != 0 || !strings.HasSuffix(out, "401") {
			w.t.Errorf("an app does not reach it by its address, so the peer's refusal shows nothing: %d %s", code, out)
		}
		for _, id := range []string{own + "/virtualNetworkPeerings/peer" + network, peer + "/virtualNetworkPeerings/own" + network, peer + network, in + "peers" + group} {
			w.arm("DELETE", id, "")
		}
		return // one account is enough
	}
}

// interrupted presses Ctrl-C once, when a resource is being made, and demands
// that Terraform ended of itself: its state is not locked, and knows what was
// made.
func (w *world) interrupted(at string) {
	w.t.Helper()
	c := w.command("apply", "--yes")
	said := &output{}
	c.Stdout, c.Stderr = said, said
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	log := filepath.Join(w.dir, ".ostiary", "acmeai", "workload.log")
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if data, _ := os.ReadFile(log); strings.Contains(string(data), at+": Creating") || time.Now().After(deadline) {
			break
		}
	}
	c.Process.Signal(os.Interrupt)
	select {
	case <-ended:
	case <-time.After(5 * time.Minute):
		c.Process.Kill()
		w.t.Fatalf("it does not end:\n%s", tail(said.String()))
	}
	out := said.String()
	if c.ProcessState.ExitCode() == 0 || !strings.Contains(out, "was interrupted") {
		w.t.Errorf("an interrupted run ends with %d:\n%s", c.ProcessState.ExitCode(), tail(out))
	}
	status := w.deploy(0, "status")
	if strings.Contains(status, "workload      0 resources") || !strings.Contains(status, "complete      false") {
		w.t.Errorf("after an interrupt the state has not what was made, or says it is complete:\n%s", status)
	}
}

// configured demands that the gateway would start with the configuration that
// the module wrote for it.
func (w *world) configured(name string) {
	w.t.Helper()
	out := w.arm("POST", "/subscriptions/SUBSCRIPTION/resourceGroups/"+name+"-workload/providers/Microsoft.App/containerApps/"+name+"-gateway/listSecrets?api-version=2025-01-01", "")
	var secrets struct {
		Value []struct{ Name, Value string }
	}
	if err := json.Unmarshal([]byte(out), &secrets); err != nil || len(secrets.Value) == 0 {
		w.t.Fatalf("no secrets of the gateway: %v %s", err, out)
	}
	for _, s := range secrets.Value {
		if s.Name == "ostiary-yaml" {
			w.write("gateway.yaml", s.Value)
			c := exec.Command(w.binary, "config", "check", filepath.Join(w.dir, "gateway.yaml"))
			c.Env = append(os.Environ(), w.environment(name)...)
			if code, out := w.run(c); code != 0 {
				w.t.Errorf("the gateway would not start: %s", out)
			}
			return
		}
	}
	w.t.Error("the gateway has no configuration")
}

// obstructed demands that a run fails on what somebody else made, names it and
// does not take it; the next run, when it is out of the way, goes on.
func (w *world) obstructed() {
	w.t.Helper()
	const theirs = "/subscriptions/SUBSCRIPTION/resourcegroups/acmeduo-workload?api-version=2021-04-01"
	w.arm("PUT", theirs, `{"location":"swedencentral"}`)
	code, out := w.run(w.command("apply", "--yes"))
	if code == 0 || !strings.Contains(out, "azurerm_resource_group.this") || !strings.Contains(out, "already exists") || strings.Contains(out, "adopting") {
		w.t.Errorf("a run over somebody else's group ends with %d:\n%s", code, tail(out))
	}
	if status := w.deploy(0, "status"); !strings.Contains(status, "complete      false") {
		w.t.Errorf("after a failed run: %s", status)
	}
	w.arm("DELETE", theirs, "")
}

// evidence demands a file with the verdict, the snapshot and what was seen, and
// without the login.
func (w *world) evidence() {
	w.t.Helper()
	w.deploy(0, "evidence", "--probe", "--out", "evidence.json")
	data, err := os.ReadFile(filepath.Join(w.dir, "evidence.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	var e struct {
		Format   string
		Emulated bool
		Versions struct{ Tool, Provider string }
		Report   struct{ Verdict string }
		Snapshot struct{ Resources []json.RawMessage }
	}
	if err := json.Unmarshal(data, &e); err != nil || e.Format != "ostiary-evidence/1" || !e.Emulated || e.Versions.Tool == "" || e.Versions.Provider == "" || len(e.Snapshot.Resources) == 0 {
		w.t.Errorf("%v: %+v", err, e.Versions)
	}
	if !strings.Contains(string(data), `"probe-`) {
		w.t.Error("the evidence says nothing of what was seen")
	}
	secret, err := os.ReadFile(filepath.Join(w.state, "sample-owner.secret"))
	if err != nil || strings.Contains(string(data), strings.TrimSpace(string(secret))) {
		w.t.Errorf("the login stands in the evidence: %v", err)
	}
}

// Two accounts, each with its endpoint in the one network, and several gateways
// with a database and a Redis. The gateway's API is registered, and everything
// goes again, names included.
func TestDeployTwoRegions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("estate.yaml", example(t, "two-regions")+w.caller()+"audience: api://acmeduo\nregister: true\npurge: true\n")
	w.obstructed()
	w.deploy(0, "apply", "--yes")
	w.built("acmeduo", map[string]string{"acmeduo-vnet/apps": "401", "acmeduo-vnet/portal": "refused", "internet": "403"})
	if o := w.outputs(); len(o.Accounts) != 2 {
		t.Errorf("%d accounts", len(o.Accounts))
	}
	w.configured("acmeduo")
	text, err := os.ReadFile(filepath.Join(w.dir, "gateway.yaml"))
	if err != nil || !regexp.MustCompile(`"api://acmeduo"\n\s*- "[0-9a-f-]{36}"`).Match(text) {
		t.Errorf("the gateway does not take tokens of its own application: %v\n%s", err, text)
	}
	w.severalGateways("acmeduo")
	w.closesAgain("acmeduo")
	w.failsOver()
	w.deploy(0, "destroy", "--yes")
	w.nothingLeft()
	w.deploy(0, "plan") // no name is kept: the accounts were purged
}

// A landing zone's network, zones and logs are used, and neither changed nor
// destroyed.
func TestDeployLandingZone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tree := range []string{"modules", "examples"} {
		if err := os.CopyFS(filepath.Join(w.dir, tree), os.DirFS(filepath.Join("../..", tree))); err != nil {
			t.Fatal(err)
		}
	}
	platform := func(args ...string) string {
		code, out := w.run(w.at("internet", append([]string{"--azure", "--", "terraform", "-chdir=examples/landing-zone/platform"}, args...)...))
		if code != 0 {
			t.Fatalf("terraform %v: %s", args, tail(out))
		}
		return out
	}
	platform("init", "-input=false", "-no-color")
	platform("apply", "-auto-approve", "-input=false", "-no-color")
	w.write("estate.yaml", example(t, "landing-zone")+platform("output", "-raw", "existing"))
	w.deploy(0, "apply", "--yes")
	w.built("acmelz", map[string]string{"spoke-vnet/apps": "401", "spoke-vnet/portal": "refused", "internet": "403"})
	w.deploy(0, "destroy", "--yes")
	if out := platform("plan", "-detailed-exitcode", "-input=false", "-no-color"); !strings.Contains(out, "No changes") {
		t.Errorf("the platform's own plan: %s", tail(out))
	}
}
