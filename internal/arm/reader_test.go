package arm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/ostiary/ostiary/internal/arm"
	"github.com/ostiary/ostiary/internal/azure"
	"github.com/ostiary/ostiary/internal/estate"
)

// estateRig holds one of each type that decides who reaches an account.
func estateRig(t *testing.T) *rig {
	r := network(t, func(c *arm.Config) { c.PageSize = 2 })
	account := r.account("aoai")
	r.put(account+"/deployments/chat", deployment("gpt-4o-mini", "2024-07-18", "1"))
	r.put(account+roles("01"), assignment(user, ann))
	zone := net + "privateDnsZones/privatelink.openai.azure.com"
	r.put(zone, `{"location":"global"}`)
	r.put(zone+"/virtualNetworkLinks/vnet", `{"location":"global","properties":{"virtualNetwork":{"id":"`+net+`virtualNetworks/vnet"},"registrationEnabled":false}}`)
	r.put(net+"privateEndpoints/pe", endpointBody(account, "endpoints"))
	r.put(net+"privateEndpoints/pe/privateDnsZoneGroups/default", `{"properties":{"privateDnsZoneConfigs":[{"name":"openai","properties":{"privateDnsZoneId":"`+zone+`"}}]}}`)
	r.put(net+"networkSecurityGroups/nsg", `{"location":"westeurope","properties":{"securityRules":[{"name":"a","properties":{"priority":100,"direction":"Inbound","access":"Deny","protocol":"*","sourceAddressPrefix":"*","sourcePortRange":"*","destinationAddressPrefix":"*","destinationPortRange":"*"}}]}}`)
	r.put(net+"virtualNetworks/vnet/subnets/clients", `{"properties":{"addressPrefix":"10.1.1.0/24","networkSecurityGroup":{"id":"`+net+`networkSecurityGroups/nsg"}}}`)
	for _, name := range []string{"one", "two", "three"} {
		r.put(net+"routeTables/"+name, `{"location":"westeurope"}`)
	}
	r.put(rg+"/providers/Microsoft.KeyVault/vaults/kv-one", `{"location":"westeurope","properties":{"tenantId":"`+tenant+`","sku":{"family":"A","name":"standard"}}}`)
	r.put(rg+"/providers/Microsoft.OperationalInsights/workspaces/law", `{"location":"westeurope"}`)
	r.put(account+"/providers/Microsoft.Insights/diagnosticSettings/d", `{"properties":{"workspaceId":"`+rg+`/providers/Microsoft.OperationalInsights/workspaces/law","logs":[{"category":"Audit","enabled":true}]}}`)
	r.ask(http.MethodDelete, r.account("gone"), "")
	return r
}

type transport struct{ http.Handler }

func (t transport) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	t.ServeHTTP(w, r)
	return w.Result(), nil
}

type anyToken struct{}

func (anyToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "any", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// What a reader of ARM sees over its lists and pages is what Estate is made
// of, document by document.
func TestReaderSeesTheEstate(t *testing.T) {
	r := estateRig(t)
	snapshot, err := azure.Read(t.Context(), azure.Config{Credential: anyToken{}, Cloud: azure.Custom("https://management.azure.com", ""), Transport: transport{r.Server}})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range snapshot.Unreadable {
		t.Errorf("unreadable: %+v", g)
	}
	read := map[string]map[string]any{}
	for _, raw := range snapshot.Resources {
		var d map[string]any
		if err := json.Unmarshal(raw, &d); err != nil {
			t.Fatal(err)
		}
		read[strings.ToLower(d["id"].(string))] = d
	}
	for _, typ := range []string{
		"Microsoft.Network/virtualNetworks", "Microsoft.Network/networkInterfaces", "Microsoft.Network/networkSecurityGroups", "Microsoft.Network/routeTables",
		"Microsoft.Network/privateEndpoints", "Microsoft.Network/privateEndpoints/privateDnsZoneGroups", "Microsoft.Network/privateDnsZones", "Microsoft.Network/privateDnsZones/A",
		"Microsoft.Network/privateDnsZones/SOA", "Microsoft.Network/privateDnsZones/virtualNetworkLinks", "Microsoft.CognitiveServices/accounts", "Microsoft.CognitiveServices/accounts/deployments",
		"Microsoft.CognitiveServices/locations/resourceGroups/deletedAccounts", "Microsoft.KeyVault/vaults", "Microsoft.Insights/diagnosticSettings", "Microsoft.Authorization/roleAssignments",
	} {
		all := r.List(typ)
		if len(all) == 0 {
			t.Errorf("there is no %s", typ)
		}
		for _, res := range all {
			if got := read[strings.ToLower(res.ID)]; !reflect.DeepEqual(got, res.Body) {
				t.Errorf("%s was read as\n%v\nwant\n%v", res.ID, got, res.Body)
			}
		}
	}
	var file bytes.Buffer
	if err := json.NewEncoder(&file).Encode(snapshot.Resources); err != nil {
		t.Fatal(err)
	}
	there, err := estate.ReadARM(&file, estate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	own, err := r.Estate()
	if err != nil {
		t.Fatal(err)
	}
	sameCounts(t, there, own)
	if len(own.Conflicts) > 0 || len(own.Misread) > 0 || len(own.Gaps) > 0 {
		t.Errorf("the estate has conflicts %v, misread values %v, gaps %v", own.Conflicts, own.Misread, own.Gaps)
	}
}

// sameCounts compares how many of each typed resource two estates hold.
func sameCounts(t *testing.T, a, b *estate.Estate) {
	t.Helper()
	x, y := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for i := range x.NumField() {
		f := x.Type().Field(i)
		if f.Name == "Others" || !f.IsExported() || f.Type.Kind() != reflect.Slice {
			continue
		}
		if x.Field(i).Len() != y.Field(i).Len() {
			t.Errorf("%s: the reader saw %d, the server has %d", f.Name, x.Field(i).Len(), y.Field(i).Len())
		}
	}
}

func TestEstateIsCachedByVersion(t *testing.T) {
	r := estateRig(t)
	one, err := r.Estate()
	if err != nil {
		t.Fatal(err)
	}
	if two, _ := r.Estate(); two != one {
		t.Error("the estate was read again without a change")
	}
	if len(one.Accounts) != 1 || len(one.PrivateEndpoints) != 1 || len(one.Subnets) != 2 {
		t.Errorf("the estate holds %d accounts, %d endpoints, %d subnets", len(one.Accounts), len(one.PrivateEndpoints), len(one.Subnets))
	}
	r.put(net+"routeTables/more", `{"location":"westeurope"}`)
	if two, _ := r.Estate(); two == one {
		t.Error("the estate does not follow a change")
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("PUT", net+"virtualNetworks/vnet", `{"location":"westeurope","properties":{"addressSpace":{"addressPrefixes":["10.1.0.0/16"]},"subnets":[{"name":"a"},1,null]}}`)
	f.Add("PUT", net+"networkSecurityGroups/g", `{"location":"westeurope","properties":{"securityRules":[{"properties":{"priority":"x"}}]}}`)
	f.Add("PUT", net+"privateEndpoints/pe", endpointBody(cog+"aoai", "endpoints"))
	f.Add("PUT", net+"privateEndpoints/pe/privateDnsZoneGroups/d", `{"properties":{"privateDnsZoneConfigs":[{"name":1}]}}`)
	f.Add("PUT", cog+"aoai/deployments/d", `{"sku":[],"properties":{"model":7}}`)
	f.Add("PUT", rg+"/providers/Microsoft.App/containerApps/a", `{"properties":{"configuration":{"ingress":true,"secrets":[{}]}}}`)
	f.Add("PUT", rg+"/providers/Microsoft.Compute/virtualMachines/v", `{"properties":{"networkProfile":{"networkInterfaces":[{}]}}}`)
	f.Add("PATCH", cog+"aoai", `{"identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"x":{}}}}`)
	f.Add("PUT", rg+roles("09"), `{"properties":{}}`)
	f.Add("GET", "/subscriptions/"+sub+"/providers/Microsoft.Authorization/roleDefinitions", "")
	f.Add("POST", cog+"aoai/listKeys", `null`)
	f.Add("DELETE", rg, "")
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r := network(t, nil)
		r.account("aoai")
		req := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(body))
		req.Method, req.URL.Path, req.URL.RawQuery = method, path, "api-version=2025-05-01"
		req.Header.Set("Authorization", "Bearer any")
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		if w.Code >= 500 {
			t.Errorf("%s %q: %d", method, path, w.Code)
		}
		if w.Code >= 400 && method != http.MethodHead && !strings.Contains(w.Body.String(), `"error"`) {
			t.Errorf("%s %q: %d without Azure's error", method, path, w.Code)
		}
		if w.Code/100 != 2 || method == http.MethodGet {
			return
		}
		if _, err := r.Estate(); err != nil {
			t.Errorf("after %s %q %s the estate cannot be read: %v", method, path, body, err)
		}
	})
}
