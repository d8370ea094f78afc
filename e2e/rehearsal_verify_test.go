package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/emulator"
)

// privateEstate makes an account that is private as Ostiary's own checks want
// it: one subnet of clients may reach the endpoint, and a joined network may
// not.
func (a *azure) privateEstate() {
	a.t.Helper()
	a.network("", "")
	a.machine("client", "Microsoft.Network/virtualNetworks/vnet/subnets/clients", "10.3.0.4", "")
	a.put(a.id("Microsoft.Network/virtualNetworks/other"), networkVersion, `{"location":"japaneast","properties":{"addressSpace":{"addressPrefixes":["10.9.0.0/16"]},"subnets":[{"name":"strangers","properties":{"addressPrefix":"10.9.0.0/24"}}]}}`)
	a.machine("stranger", "Microsoft.Network/virtualNetworks/other/subnets/strangers", "10.9.0.4", "")
	for from, to := range map[string]string{"vnet": "other", "other": "vnet"} {
		a.put(a.id("Microsoft.Network/virtualNetworks/"+from+"/virtualNetworkPeerings/to-"+to), networkVersion, `{"properties":{"remoteVirtualNetwork":{"id":"`+a.id("Microsoft.Network/virtualNetworks/"+to)+`"},"allowVirtualNetworkAccess":true}}`)
	}
	a.account(`"publicNetworkAccess":"Disabled","disableLocalAuth":true,"networkAcls":{"defaultAction":"Deny","bypass":"None"}`)
	a.put(a.id("Microsoft.CognitiveServices/accounts/azopenai/providers/Microsoft.Authorization/roleAssignments/5e0a4c77-0b1f-4a51-8a4e-2f6f0d1f7c11"), "2022-04-01",
		`{"properties":{"roleDefinitionId":"/subscriptions/`+a.r.Subscription+`/providers/Microsoft.Authorization/roleDefinitions/5e0bd9bd-7b93-4f28-af87-19fc36ad61bd","principalId":"`+a.ownerID()+`"}}`)
	a.endpoint("")
	a.put(a.id("Microsoft.Network/privateDnsZones/privatelink.openai.azure.com/virtualNetworkLinks/other"), zoneVersion, `{"location":"global","properties":{"registrationEnabled":false,"virtualNetwork":{"id":"`+a.id("Microsoft.Network/virtualNetworks/other")+`"}}}`)
	a.put(a.id("Microsoft.Network/networkSecurityGroups/nsg"), networkVersion, `{"location":"japaneast","properties":{"securityRules":[
		{"name":"clients","properties":{"priority":100,"direction":"Inbound","access":"Allow","protocol":"Tcp","sourceAddressPrefix":"10.3.0.0/24","sourcePortRange":"*","destinationAddressPrefix":"10.3.1.0/24","destinationPortRange":"443"}},
		{"name":"deny-all","properties":{"priority":4096,"direction":"Inbound","access":"Deny","protocol":"*","sourceAddressPrefix":"*","sourcePortRange":"*","destinationAddressPrefix":"*","destinationPortRange":"*"}}]}}`)
	a.bind("Enabled")
}

// bind sets whether the group binds the endpoint.
func (a *azure) bind(policies string) {
	a.t.Helper()
	a.put(a.id("Microsoft.Network/virtualNetworks/vnet/subnets/endpoints"), networkVersion, `{"properties":{"addressPrefix":"10.3.1.0/24","privateEndpointNetworkPolicies":"`+policies+`",
		"networkSecurityGroup":{"id":"`+a.id("Microsoft.Network/networkSecurityGroups/nsg")+`"}}}`)
}

// ownerID is the object id of the subscription's owner, by its role assignment.
func (a *azure) ownerID() string {
	a.t.Helper()
	_, got := a.arm("GET", "/subscriptions/"+a.r.Subscription+"/providers/Microsoft.Authorization/roleAssignments", "2022-04-01", "")
	id, _ := got["value"].([]any)[0].(map[string]any)["properties"].(map[string]any)["principalId"].(string)
	return id
}

// verified is what verify --live --probe says from a place.
func (a *azure) verified(place string) (findings map[string]string, verdict string, code int) {
	a.t.Helper()
	file := filepath.Join(a.t.TempDir(), "report.json")
	out, code := a.ostiary("emulate", "exec", "--state", a.state, "--from", place, "--azure", "--",
		"ostiary", "verify", "--live", "--probe", "--client", "clients", "--format", "json", "--out", file)
	data, err := os.ReadFile(file)
	if err != nil {
		a.t.Fatalf("%s: exit %d\n%s", place, code, out)
	}
	var report struct {
		Verdict  string
		Findings []struct{ ID, Status, What string }
	}
	if err := json.Unmarshal(data, &report); err != nil {
		a.t.Fatal(err)
	}
	findings = map[string]string{}
	for _, f := range report.Findings {
		findings[f.ID] += f.Status + " " + f.What + "\n"
	}
	return findings, report.Verdict, code
}

// TestVerifyFromThreePlaces reads the emulated Azure with verify --live and
// looks with --probe: from a machine that is meant to reach the model, from one
// in a joined network that is not, and from the internet.
func TestVerifyFromThreePlaces(t *testing.T) {
	az := startAzure(t, emulator.Network{})
	az.privateEstate()
	for _, c := range []struct{ place, finding, want string }{
		{"client", "probe-http-token", "saw HTTP 200"},
		{"client", "modelled-reach", "at 10.3.1.4 is reached, as modelled"},
		{"client", "modelled-name", "resolves to 10.3.1.4, as modelled"},
		{"stranger", "modelled-reach", "at 10.3.1.4 is not reached, as modelled"},
		{"stranger", "modelled-name", "resolves to 10.3.1.4, as modelled"},
		{"internet", "modelled-name", "resolves to public addresses, as modelled"},
		{"internet", "modelled-reach", "the public front of azopenai.openai.azure.com is not reached, as modelled"},
	} {
		findings, verdict, code := az.verified(c.place)
		if code != 0 || verdict != "private" || !strings.Contains(findings[c.finding], c.want) {
			t.Errorf("from %s: exit %d, %s; %s says\n%swant %s", c.place, code, verdict, c.finding, findings[c.finding], c.want)
			for id, f := range findings {
				if strings.Contains(f, "fail") || strings.HasPrefix(id, "probe") || strings.HasPrefix(id, "modelled") || strings.HasPrefix(f, "unknown") {
					t.Logf("%s: %s", id, f)
				}
			}
		}
	}
	// The usual mistake: the group is there, and binds nothing.
	az.bind("Disabled")
	findings, verdict, code := az.verified("stranger")
	if code != 1 || verdict != "open" || !strings.Contains(findings["modelled-reach"], "at 10.3.1.4 is reached, as modelled") {
		t.Errorf("a group that binds nothing: exit %d, %s\n%s", code, verdict, findings["modelled-reach"])
	}
}
