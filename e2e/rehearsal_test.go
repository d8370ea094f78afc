package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/emulator"
)

// azure is an emulated subscription with its network, and its owner at the
// internet.
type azure struct {
	t     *testing.T
	state string
	r     emulator.Rehearsal
	owner *http.Client
	token string
	dir   string // of programs that need packages of npm; empty: here
}

// startAzure runs an emulator, as `ostiary emulate` does.
func startAzure(t *testing.T, network emulator.Network) *azure {
	t.Helper()
	a := &azure{t: t, state: t.TempDir()}
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() && os.Getenv("OSTIARY_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	e, err := emulator.New(emulator.Config{
		Settings: emulator.Settings{State: a.state, Network: &network}, Logger: log,
		Public: listen(t), Private: listen(t), Issuer: listen(t), Places: listen(t), Page: listen(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	background(t, e.Run)
	eventually(t, "the emulator announces itself", func() bool { a.r, err = emulator.ReadRehearsal(a.state); return err == nil })
	a.signIn(e.CA())
	a.put(a.group(), "2022-09-01", `{"location":"japaneast"}`)
	return a
}

// signIn gets the owner a token by Azure's own names, through the place
// internet.
func (a *azure) signIn(ca []byte) {
	a.t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	a.owner = &http.Client{Transport: &http.Transport{
		Proxy:           http.ProxyURL(&url.URL{Scheme: "http", User: url.User("internet"), Host: a.r.Places}),
		TLSClientConfig: &tls.Config{RootCAs: roots},
	}}
	a.t.Cleanup(a.owner.CloseIdleConnections)
	secret, err := a.r.Secret()
	if err != nil {
		a.t.Fatal(err)
	}
	resp, err := a.owner.PostForm("https://login.microsoftonline.com/"+a.r.Tenant+"/oauth2/v2.0/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {a.r.ClientID}, "client_secret": {secret.Reveal()},
		"scope": {"https://management.azure.com/.default"},
	})
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	var got struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || got.Token == "" {
		a.t.Fatalf("no token: %s, %v", resp.Status, err)
	}
	a.token = got.Token
}

func (a *azure) group() string {
	return "/subscriptions/" + a.r.Subscription + "/resourceGroups/rg"
}

// id is a resource of the group: provider and the rest of the path.
func (a *azure) id(path string) string { return a.group() + "/providers/" + path }

// arm asks the Resource Manager as the subscription's owner.
func (a *azure) arm(method, id, version, body string) (int, map[string]any) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, "https://management.azure.com"+id+"?api-version="+version, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := a.owner.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	got := map[string]any{}
	if len(data) > 0 && json.Unmarshal(data, &got) != nil {
		a.t.Fatalf("%s %s: %s: %s", method, id, resp.Status, data)
	}
	return resp.StatusCode, got
}

func (a *azure) put(id, version, body string) {
	a.t.Helper()
	if status, got := a.arm(http.MethodPut, id, version, body); status >= 300 {
		a.t.Fatalf("PUT %s: %d %v", id, status, got)
	}
}

func (a *azure) remove(id, version string) {
	a.t.Helper()
	if status, got := a.arm(http.MethodDelete, id, version, ""); status >= 300 {
		a.t.Fatalf("DELETE %s: %d %v", id, status, got)
	}
}

// from runs a command at a place, as a person would, and gives what it prints
// and its exit code.
func (a *azure) from(place string, args ...string) (string, int) {
	a.t.Helper()
	return a.ostiary(append([]string{"emulate", "exec", "--state", a.state, "--from", place, "--"}, args...)...)
}

func (a *azure) ostiary(args ...string) (string, int) {
	a.t.Helper()
	cmd := exec.CommandContext(a.t.Context(), "ostiary", args...)
	cmd.Dir = a.dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if cmd.ProcessState == nil {
		a.t.Fatal(err)
	}
	return strings.TrimSpace(out.String()), cmd.ProcessState.ExitCode()
}

// The api-versions of what the tests make.
const (
	networkVersion   = "2025-05-01"
	zoneVersion      = "2024-06-01"
	cognitiveVersion = "2025-06-01"
	computeVersion   = "2024-07-01"
)

// machine makes a virtual machine with one interface.
func (a *azure) machine(name, subnet, address, tags string) {
	a.t.Helper()
	a.put(a.id("Microsoft.Network/networkInterfaces/"+name+"-nic"), networkVersion, fmt.Sprintf(`{"location":"japaneast","properties":{"ipConfigurations":[
		{"name":"ip","properties":{"subnet":{"id":%q},"privateIPAllocationMethod":"Static","privateIPAddress":%q}}]}}`, a.id(subnet), address))
	a.put(a.id("Microsoft.Compute/virtualMachines/"+name), computeVersion, fmt.Sprintf(`{"location":"japaneast","tags":{%s},"properties":{
		"hardwareProfile":{"vmSize":"Standard_B1s"},
		"storageProfile":{"imageReference":{"publisher":"Debian","offer":"debian-12","sku":"12","version":"latest"},"osDisk":{"createOption":"FromImage","managedDisk":{"storageAccountType":"Standard_LRS"}}},
		"osProfile":{"computerName":%q,"adminUsername":"sample"},
		"networkProfile":{"networkInterfaces":[{"id":%q}]}}}`, tags, name, a.id("Microsoft.Network/networkInterfaces/"+name+"-nic")))
}

// account makes or changes the account. access is the network part of its
// properties.
func (a *azure) account(access string) {
	a.t.Helper()
	a.put(a.id("Microsoft.CognitiveServices/accounts/azopenai"), cognitiveVersion,
		`{"location":"eastus","kind":"OpenAI","sku":{"name":"S0"},"properties":{"customSubDomainName":"azopenai",`+access+`}}`)
}

// network makes the client's network in Japan; settings go beside its subnets.
func (a *azure) network(settings, endpoints string) {
	a.t.Helper()
	a.put(a.id("Microsoft.Network/virtualNetworks/vnet"), networkVersion, `{"location":"japaneast","properties":{"addressSpace":{"addressPrefixes":["10.3.0.0/16"]},`+settings+`"subnets":[
		{"name":"clients","properties":{"addressPrefix":"10.3.0.0/24"}},
		{"name":"endpoints","properties":{"addressPrefix":"10.3.1.0/24"`+endpoints+`}}]}}`)
}

// endpoint makes the private endpoint in Japan, with its name in the zone.
func (a *azure) endpoint(ip string) {
	a.t.Helper()
	id := a.id("Microsoft.Network/privateEndpoints/pe")
	a.put(id, networkVersion, `{"location":"japaneast","properties":{"subnet":{"id":"`+a.id("Microsoft.Network/virtualNetworks/vnet/subnets/endpoints")+`"},`+ip+`
		"privateLinkServiceConnections":[{"name":"pe","properties":{"privateLinkServiceId":"`+a.id("Microsoft.CognitiveServices/accounts/azopenai")+`","groupIds":["account"]}}]}}`)
	zone := a.id("Microsoft.Network/privateDnsZones/privatelink.openai.azure.com")
	a.put(zone, zoneVersion, `{"location":"global"}`)
	a.put(zone+"/virtualNetworkLinks/vnet", zoneVersion, `{"location":"global","properties":{"registrationEnabled":false,"virtualNetwork":{"id":"`+a.id("Microsoft.Network/virtualNetworks/vnet")+`"}}}`)
	a.put(id+"/privateDnsZoneGroups/default", networkVersion, `{"properties":{"privateDnsZoneConfigs":[{"name":"openai","properties":{"privateDnsZoneId":"`+zone+`"}}]}}`)
}
