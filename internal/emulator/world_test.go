package emulator

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/place"
	"github.com/ostiary/ostiary/internal/topology"
)

// clock is a time that a test moves.
type clock struct{ past atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.past.Load())) }

// startNetwork runs an emulator with a network.
func startNetwork(t *testing.T, n Network, c *clock) *Emulator {
	t.Helper()
	open := func() net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return ln
	}
	e, err := New(Config{
		Settings: Settings{State: t.TempDir(), Network: &n}, Now: c.now,
		Public: open(), Private: open(), Issuer: open(), Places: open(), Page: open(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, err := ReadRehearsal(e.settings.State); err == nil {
			t.Error("the emulator ended, and still says where it runs")
		}
	})
	for {
		if _, err := ReadRehearsal(e.settings.State); err == nil {
			return e
		}
		select {
		case err := <-done:
			done <- err
			t.Fatal(err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (w *world) group() string {
	return "/subscriptions/" + w.settings.Subscription + "/resourceGroups/rg"
}

// account puts an account with a network setting.
func (w *world) account(t *testing.T, name, access string) {
	t.Helper()
	put := func(id, body string) {
		if err := w.arm.Put(t.Context(), id, seedVersion, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	put(w.group(), `{"location":"eastus"}`)
	put(w.group()+"/providers/"+managedAccount+"/"+name, `{"location":"eastus","kind":"OpenAI","sku":{"name":"S0"},"properties":{"customSubDomainName":"`+name+`","publicNetworkAccess":"`+access+`"}}`)
}

// client is one that stands at a place and trusts the emulator.
func (e *Emulator) client(place string) *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(e.CA())
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		Proxy:             http.ProxyURL(&url.URL{Scheme: "http", User: url.User(place), Host: e.urls.Places}),
		TLSClientConfig:   &tls.Config{RootCAs: roots},
	}}
}

// fetch gives the status and the body, or the error's text.
func fetch(c *http.Client, url, host string) (int, string) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, err.Error()
	}
	req.Host = host
	resp, err := c.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(body)
}

func TestAChangeTakesItsTime(t *testing.T) {
	var c clock
	e := startNetwork(t, Network{Delay: 5 * time.Minute}, &c)
	e.world.account(t, "model", "Enabled")
	host := "https://model.openai.azure.com/openai/models?api-version=2024-10-21"
	outside := e.client("internet")
	if _, body := fetch(outside, host, ""); !strings.Contains(body, "Bad Gateway") {
		t.Errorf("an account that is not in effect yet: %s", body)
	}
	c.past.Add(int64(5 * time.Minute))
	if status, body := fetch(outside, host, ""); status != http.StatusUnauthorized {
		t.Errorf("public: %d %s", status, body)
	}
	e.world.account(t, "model", "Disabled")
	if status, body := fetch(outside, host, ""); status != http.StatusUnauthorized {
		t.Errorf("just disabled: %d %s", status, body)
	}
	c.past.Add(int64(5 * time.Minute))
	if status, body := fetch(outside, host, ""); status != http.StatusForbidden {
		t.Errorf("disabled: %d %s", status, body)
	}
}

func TestTheHostMustSuitTheWay(t *testing.T) {
	e := startNetwork(t, Network{}, new(clock))
	w := e.world
	w.account(t, "one", "Enabled")
	w.account(t, "two", "Enabled")
	one, _ := w.resource(families()[3], "one")
	private := place.Destination{Endpoint: "pe", Resource: one, Address: netip.MustParseAddr("10.0.0.4")}
	public := place.Destination{Address: families()[3].address()}
	for _, c := range []struct {
		by   place.Destination
		host string
		want bool
	}{
		{private, "one.openai.azure.com", true},
		{private, "ONE.openai.azure.com", true},
		{private, "two.openai.azure.com", false},
		{private, "management.azure.com", false},
		{private, "one.privatelink.openai.azure.com", false},
		{public, "one.openai.azure.com", true},
		{public, "two.openai.azure.com", true},
		{public, "nobody.openai.azure.com", true}, // the front says that there is none
		{public, "management.azure.com", false},
		{public, "example.com", false},
		{place.Destination{}, "one.openai.azure.com", false},
	} {
		if got := w.suits(c.by, c.host); got != c.want {
			t.Errorf("%s by %+v: %v", c.host, c.by, got)
		}
	}
	if status, body := fetch(e.client("internet"), "https://one.openai.azure.com/", "management.azure.com"); status != http.StatusMisdirectedRequest {
		t.Errorf("the control plane through an account's connection: %d %s", status, body)
	}
}

func TestThePage(t *testing.T) {
	e := startNetwork(t, Network{}, new(clock))
	page := e.URLs().Page
	if status, body := fetch(http.DefaultClient, page, ""); status != 200 || !strings.Contains(body, `src="/report"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := fetch(http.DefaultClient, page+"report", "page.example"); status != http.StatusMisdirectedRequest {
		t.Errorf("by a name of somebody's own: %d", status)
	}
	if status, _ := fetch(http.DefaultClient, page+"api/place?from=internet", ""); status != http.StatusUnauthorized {
		t.Errorf("the API without its token: %d", status)
	}
	changed := make(chan int)
	go func() {
		status, _ := fetch(http.DefaultClient, page+"changed", "")
		changed <- status
	}()
	for {
		e.world.account(t, "drawn", "Enabled")
		select {
		case status := <-changed:
			if status != http.StatusResetContent {
				t.Errorf("changed: %d", status)
			}
		case <-time.After(20 * time.Millisecond):
			continue
		}
		break
	}
	if status, body := fetch(http.DefaultClient, page+"report", ""); status != 200 || !strings.Contains(body, "drawn.openai.azure.com") {
		t.Errorf("the report: %d, without the account", status)
	}
}

func TestTheStateIsTheOwnersAlone(t *testing.T) {
	e := startNetwork(t, Network{}, new(clock))
	e.world.account(t, "kept", "Enabled")
	for _, name := range []string{rehearsalFile, "azure.json", "sample-owner.secret"} {
		info, err := os.Stat(filepath.Join(e.settings.State, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if _, err := ReadRehearsal(t.TempDir()); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no emulator: %v", err)
	}
}

func TestASeed(t *testing.T) {
	seed, err := filepath.Abs("../../testdata/estates/good/ai-services.json")
	if err != nil {
		t.Fatal(err)
	}
	e := startNetwork(t, Network{Seed: seed}, new(clock))
	accounts := e.world.arm.List(managedAccount)
	if len(accounts) != 1 || !strings.Contains(accounts[0].ID, defaultSubscription) {
		t.Fatalf("%d accounts", len(accounts))
	}
	v := e.world.history.view()
	if got := v.Resolve(topology.Internet(netip.Addr{}), "nobody.openai.azure.com"); got.Result != topology.Unresolved {
		t.Errorf("%v", got)
	}
	if len(v.Estate().PrivateEndpoints) == 0 || len(v.Estate().Subnets) == 0 {
		t.Error("the network of the seed is not there")
	}
	for name, text := range map[string]string{
		"not JSON": "{", "no list": `{"resources":7}`,
		"refused": `[{"id":"/subscriptions/x/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v","type":"Microsoft.Network/virtualNetworks","location":"eastus","properties":{"addressSpace":{"addressPrefixes":["nonsense"]}}}]`,
	} {
		file := filepath.Join(t.TempDir(), "seed.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		settings := Settings{State: t.TempDir(), ListenPublic: "127.0.0.1:0", ListenPrivate: "127.0.0.1:0", ListenIssuer: "127.0.0.1:0", Network: &Network{Seed: file}}
		if _, err := New(Config{Settings: settings}); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A machine's identity gets tokens that the account takes by the roles it has
// there.
func TestAPlaceHasItsIdentity(t *testing.T) {
	e := startNetwork(t, Network{}, new(clock))
	w := e.world
	w.account(t, "model", "Enabled")
	put := func(id, body string) {
		if err := w.arm.Put(t.Context(), id, seedVersion, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	vnet := w.group() + "/providers/Microsoft.Network/virtualNetworks/v"
	put(vnet, `{"location":"eastus","properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/16"]},"subnets":[{"name":"s","properties":{"addressPrefix":"10.0.0.0/24"}}]}}`)
	app := w.group() + "/providers/Microsoft.App/containerApps/gateway"
	put(w.group()+"/providers/Microsoft.App/managedEnvironments/env", `{"location":"eastus","properties":{"vnetConfiguration":{"infrastructureSubnetId":"`+vnet+`/subnets/s"}}}`)
	put(app, `{"location":"eastus","identity":{"type":"SystemAssigned"},"properties":{"environmentId":"`+w.group()+`/providers/Microsoft.App/managedEnvironments/env"}}`)
	var at Standing
	ask := func(path, header string) (int, string) {
		req, err := http.NewRequest(http.MethodGet, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Ostiary-Token", w.token)
		req.Header.Set("X-Identity-Header", header)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	status, body := ask(e.URLs().Page+"api/place?from=gateway", "")
	if err := json.Unmarshal([]byte(body), &at); err != nil || at.IdentityEndpoint == "" || at.Addresses == "" {
		t.Fatalf("%d %s", status, body)
	}
	const query = "?api-version=2019-08-01&resource=https://cognitiveservices.azure.com"
	if status, body := ask(at.IdentityEndpoint+query, "guessed"); status != http.StatusUnauthorized {
		t.Errorf("with a guessed header: %d %s", status, body)
	}
	if status, body := ask(e.URLs().Page+strings.TrimPrefix(identityPath(vnet), "/")+query, w.identityHeader(vnet)); status == http.StatusOK {
		t.Errorf("a network has an identity: %s", body)
	}
	var token struct {
		Access string `json:"access_token"`
	}
	_, body = ask(at.IdentityEndpoint+query, at.IdentityHeader)
	if err := json.Unmarshal([]byte(body), &token); err != nil || token.Access == "" {
		t.Fatal(body)
	}
	call := func() int {
		req, err := http.NewRequest(http.MethodGet, "https://model.openai.azure.com/openai/models?api-version=2024-10-21", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token.Access)
		resp, err := e.client("gateway").Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if status := call(); status != http.StatusUnauthorized {
		t.Errorf("without a role: %d", status)
	}
	put(w.group()+"/providers/Microsoft.Authorization/roleAssignments/0f3a7f0e-5f0b-4a3c-9d58-1a2b3c4d5e6f",
		`{"properties":{"roleDefinitionId":"/subscriptions/`+w.settings.Subscription+`/providers/Microsoft.Authorization/roleDefinitions/5e0bd9bd-7b93-4f28-af87-19fc36ad61bd","principalId":"`+w.identities(app)[0].ObjectID+`"}}`)
	if status := call(); status != http.StatusOK {
		t.Errorf("with the role: %d", status)
	}
}

// A service of the settings stands in the network as soon as its place does.
func TestAServiceWaitsForItsPlace(t *testing.T) {
	gateway := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a gateway") }))
	defer gateway.Close()
	e := startNetwork(t, Network{Services: []NetworkService{{"gateway-nic", 8443, gateway.Listener.Addr().String()}}}, new(clock))
	w := e.world
	w.account(t, "model", "Enabled")
	put := func(id, body string) {
		if err := w.arm.Put(t.Context(), id, seedVersion, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	vnet := w.group() + "/providers/Microsoft.Network/virtualNetworks/v"
	put(vnet, `{"location":"eastus","properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/16"]},"subnets":[{"name":"s","properties":{"addressPrefix":"10.0.0.0/24"}}]}}`)
	client := e.client("v/s")
	trust := gateway.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	trust.ServerName = "example.com" // its certificate's
	client.Transport.(*http.Transport).TLSClientConfig = trust
	if _, got := fetch(client, "https://10.0.0.9:8443/", ""); !strings.Contains(got, "Bad Gateway") {
		t.Errorf("before there is a machine: %s", got)
	}
	put(w.group()+"/providers/Microsoft.Network/networkInterfaces/gateway-nic", `{"location":"eastus","properties":{"ipConfigurations":[{"name":"ip","properties":{"subnet":{"id":"`+vnet+`/subnets/s"},"privateIPAllocationMethod":"Static","privateIPAddress":"10.0.0.9"}}]}}`)
	for range 200 { // it hears of the change in a moment
		if status, body := fetch(client, "https://10.0.0.9:8443/", ""); status == http.StatusOK && body == "a gateway" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	_, got := fetch(client, "https://10.0.0.9:8443/", "")
	t.Errorf("with the machine: %s", got)
}

// An application that Graph made signs in with the secret that Graph gave it.
func TestAnApplicationOfGraph(t *testing.T) {
	e := startNetwork(t, Network{}, new(clock))
	r, err := ReadRehearsal(e.settings.State)
	if err != nil {
		t.Fatal(err)
	}
	owner, err := r.Secret()
	if err != nil {
		t.Fatal(err)
	}
	client := e.client("internet")
	token := func(id, secret, scope string) (status int, token string) {
		resp, err := client.PostForm("https://login.microsoftonline.com/"+r.Tenant+"/oauth2/v2.0/token", url.Values{
			"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}, "scope": {scope}})
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var got struct {
			Token string `json:"access_token"`
		}
		_ = json.NewDecoder(resp.Body).Decode(&got)
		return resp.StatusCode, got.Token
	}
	_, bearer := token(ownerClientID, owner.Reveal(), "https://graph.microsoft.com/.default")
	graph := func(path, body string) map[string]any {
		req, err := http.NewRequest(http.MethodPost, "https://graph.microsoft.com/v1.0/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+bearer)
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got := map[string]any{}
		if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || resp.StatusCode >= 300 {
			t.Fatalf("%s: %d %v", path, resp.StatusCode, got)
		}
		return got
	}
	made := graph("applications", `{"displayName":"made","identifierUris":["api://made-here"]}`)
	id := textOf(made, "appId")
	graph("servicePrincipals", `{"appId":"`+id+`"}`)
	secret := textOf(graph("applications/"+textOf(made, "id")+"/addPassword", `{"passwordCredential":{"displayName":"p"}}`), "secretText")
	if status, got := token(id, secret, "api://made-here/.default"); status != http.StatusOK || got == "" {
		t.Errorf("with its secret: %d", status)
	}
	if status, _ := token(id, "guessed", "api://made-here/.default"); status != http.StatusUnauthorized {
		t.Errorf("with a guess: %d", status)
	}
}

func TestCloseFreesThePorts(t *testing.T) {
	places, page := listen(t), listen(t)
	e, err := New(Config{
		Settings: Settings{State: t.TempDir(), Network: &Network{}},
		Public:   listen(t), Private: listen(t), Issuer: listen(t), Places: places, Page: page,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	for _, l := range []net.Listener{places, page} {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v was left open", l.Addr())
		}
	}
}

func TestNetworkSettings(t *testing.T) {
	for want, n := range map[string]Network{
		"network.listen: not an address on loopback":         {Listen: "0.0.0.0:8440"},
		"network.listen_page: not an address on loopback":    {ListenPage: "8444"},
		"network.subscription: not a GUID":                   {Subscription: "mine"},
		"network.outside: not a choice":                      {Outside: "drop"},
		"network.delay: out of range":                        {Delay: 2 * time.Hour},
		"network.settle: out of range":                       {Settle: -1},
		"network.services[0].to: not an address on loopback": {Services: []NetworkService{{"vm", 8443, "192.0.2.1:80"}}},
		"network.dns_servers[0]: not an address":             {DNSServers: []NetworkResolver{{"10.0.0.4", map[string]string{".": "azure"}}}},
	} {
		_, err := New(Config{Settings: Settings{State: t.TempDir(), Network: &n}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
