//go:build azurerm

package azurerm_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/ostiary/ostiary/internal/emulator"
)

// caller is a workload for the test's own calls, as the estate's file has it.
func (w *world) caller() string {
	w.t.Helper()
	r, err := emulator.ReadRehearsal(w.state)
	if err != nil {
		w.t.Fatal(err)
	}
	return "  - name: caller\n    apps: [" + r.ClientID + "]\n    grants: [{deployments: ['*'], operations: ['*']}]\n"
}

// gateway writes the configuration that the module wrote for an estate's
// gateway, but for what is this machine's: what edit changes, and that its
// backends are reached by a proxy that stands at the gateway's place.
func (w *world) gateway(name string, edit func(gateway, all map[string]any)) {
	w.t.Helper()
	w.configured(name)
	text, err := os.ReadFile(filepath.Join(w.dir, "gateway.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	all := map[string]any{}
	if err := yaml.Unmarshal(text, &all); err != nil {
		w.t.Fatal(err)
	}
	gateway := all["gateway"].(map[string]any)
	for _, b := range gateway["backends"].([]any) {
		b.(map[string]any)["proxy"] = w.proxied(name + "-gateway")
	}
	edit(gateway, all)
	if text, err = yaml.Marshal(all); err != nil {
		w.t.Fatal(err)
	}
	w.write("gateway.yaml", string(text))
}

// proxied is the setting of a member or a backend that goes out from a place.
func (w *world) proxied(place string) map[string]any {
	w.write("password", "-")
	return map[string]any{"address": w.places(), "user": place, "password": "file:" + filepath.Join(w.dir, "password")}
}

// failsOver takes the first region's account away while calls run through the
// gateway: Azure rejects its private endpoint's connection. No call fails, the
// other region answers, and when the first is back, it answers again. The
// gateway has the rendered configuration, but for its shared ledger and limits,
// whose services are not emulated.
func (w *world) failsOver() { w.failsOverAt(w.outputs().Accounts["swedencentral"].ID) }

func (w *world) failsOverAt(account string) {
	w.t.Helper()
	plain, admin := free(w.t), free(w.t)
	w.gateway("acmeduo", func(gateway, _ map[string]any) {
		delete(gateway, "shared_limits")
		gateway["ledger"] = map[string]any{"directory": filepath.Join(w.dir, "ledger")}
		gateway["listen"], gateway["admin"] = plain, admin
	})
	// The gateway asks Entra for its keys as from the internet: what the tag
	// AzureActiveDirectory of the apps' group binds, the emulated network cannot
	// tell. The models it calls from its own place.
	entra := "http://internet:-@" + w.places()
	w.start("gateway serves", "emulate", "exec", "--state", w.state, "--from", "acmeduo-gateway", "--listen", "8443="+plain, "--",
		"env", "HTTPS_PROXY="+entra, "https_proxy="+entra, w.binary, "gateway", "--config", "gateway.yaml")
	calls := &calls{url: "http://" + plain + "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21", token: w.token()}
	stop := make(chan struct{})
	var running sync.WaitGroup
	for range 3 {
		running.Go(func() { calls.until(stop) })
	}
	defer func() { close(stop); running.Wait() }()

	const first, second = "swedencentral", "francecentral"
	w.answers(calls, first)
	w.connection(account, "Rejected")
	w.answers(calls, second)
	w.connection(account, "Approved")
	w.answers(calls, first)
	n, failed := calls.all()
	if len(failed) > 0 {
		w.t.Errorf("%d of %d calls failed, the first with %s", len(failed), n, failed[0])
	}
	w.t.Logf("%d calls, none failed", n)
}

// token is the owner's application's, for Azure OpenAI.
func (w *world) token() string {
	w.t.Helper()
	_, out := w.run(w.at("internet", "--azure", "--", "sh", "-c", `exec curl -s "https://login.microsoftonline.com/$AZURE_TENANT_ID/oauth2/v2.0/token" -d grant_type=client_credentials \
  -d client_id="$AZURE_CLIENT_ID" -d scope=https://cognitiveservices.azure.com/.default --data-urlencode client_secret="$AZURE_CLIENT_SECRET"`))
	var got struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || got.Token == "" {
		w.t.Fatal(err, out)
	}
	return got.Token
}

// connection sets the state of the connection of an account's private endpoint,
// as the account's owner may.
func (w *world) connection(account, status string) {
	w.t.Helper()
	const version = "?api-version=2024-10-01"
	var list struct {
		Value []struct{ ID string }
	}
	if err := json.Unmarshal([]byte(w.arm("GET", account+"/privateEndpointConnections"+version, "")), &list); err != nil || len(list.Value) != 1 {
		w.t.Fatal("connections of ", account, err, list)
	}
	out := w.arm("PUT", list.Value[0].ID+version, `{"properties":{"privateLinkServiceConnectionState":{"status":"`+status+`","description":"an outage"}}}`)
	if strings.Contains(out, `"error"`) || !strings.Contains(out, status) {
		w.t.Fatal(out)
	}
}

// answers waits until a region answers, and demands that it goes on to: ten
// calls in a row.
func (w *world) answers(c *calls, region string) {
	w.t.Helper()
	began := time.Now()
	for deadline := began.Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if c.lately(10, region) {
			w.t.Logf("%s answers, after %.1f s", region, time.Since(began).Seconds())
			return
		}
		if time.Now().After(deadline) {
			n, failed := c.all()
			w.t.Fatalf("%s does not answer; %d calls, failed: %v", region, n, failed[:min(len(failed), 3)])
		}
	}
}

// calls are what a client asks, one after another, and where it was answered.
type calls struct {
	url, token string
	mu         sync.Mutex
	regions    []string
	failed     []string
}

func (c *calls) until(stop <-chan struct{}) {
	client := &http.Client{Timeout: 30 * time.Second}
	for {
		select {
		case <-stop:
			return
		case <-time.After(50 * time.Millisecond):
		}
		region, err := c.one(client)
		c.mu.Lock()
		c.regions = append(c.regions, region)
		if err != nil {
			c.failed = append(c.failed, err.Error())
		}
		c.mu.Unlock()
	}
}

func (c *calls) one(client *http.Client) (region string, err error) {
	req, err := http.NewRequest(http.MethodPost, c.url, strings.NewReader(`{"messages":[{"role":"user","content":"What is a private endpoint?"}]}`))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var answer struct {
		Choices []json.RawMessage
		Error   json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || len(answer.Choices) == 0 {
		return "", fmt.Errorf("%s %s %v", resp.Status, answer.Error, err)
	}
	region = resp.Header.Get("X-Ms-Region") // as a name or as people read it
	return strings.ReplaceAll(strings.ToLower(region), " ", ""), nil
}

// lately says whether the last n calls were answered in one region.
func (c *calls) lately(n int, region string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.regions[max(0, len(c.regions)-n):]
	return len(last) == n && !slices.ContainsFunc(last, func(r string) bool { return r != region })
}

func (c *calls) all() (n int, failed []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.regions), slices.Clone(c.failed)
}
