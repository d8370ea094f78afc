package arm_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/arm"
	"github.com/ostiary/ostiary/internal/fault"
)

func TestBadInput(t *testing.T) {
	r := network(t, nil)
	vnet := net + "virtualNetworks/vnet"
	deep := strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code                     string
	}{
		{"no api-version", "GET", vnet + "?api-version=", "", 400, "MissingApiVersionParameter"},
		{"a strange api-version", "GET", vnet + "?api-version=latest", "", 400, "InvalidApiVersionParameter"},
		{"no JSON", "PUT", vnet, "{", 400, "InvalidRequestContent"},
		{"an array", "PUT", vnet, "[]", 400, "InvalidRequestContent"},
		{"nothing", "PUT", vnet, "", 400, "InvalidRequestContent"},
		{"properties that are text", "PUT", vnet, `{"location":"westeurope","properties":"x"}`, 400, "InvalidRequestContent"},
		{"too deep", "PUT", vnet, deep, 400, "InvalidRequestContent"},
		{"too long", "PUT", vnet, `{"x":"` + strings.Repeat("a", 4<<20) + `"}`, 413, "RequestContentTooLarge"},
		{"another subscription", "GET", "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups", "", 404, "SubscriptionNotFound"},
		{"no such group", "GET", "/subscriptions/" + sub + "/resourceGroups/none/providers/Microsoft.Network/virtualNetworks/x", "", 404, "ResourceGroupNotFound"},
		{"no such parent", "PUT", net + "virtualNetworks/none/subnets/x", `{}`, 404, "ParentResourceNotFound"},
		{"no such resource", "GET", net + "virtualNetworks/none", "", 404, "ResourceNotFound"},
		{"dots", "GET", rg + "/../x", "", 404, "InvalidResourceType"},
		{"two slashes", "GET", rg + "//providers", "", 404, "InvalidResourceType"},
		{"a bad name", "PUT", net + "routeTables/a%3Fb", `{"location":"westeurope"}`, 400, "InvalidResourceName"},
		{"no such action", "POST", vnet + "/explode", "", 404, "InvalidResourceType"},
		{"a bad skip token", "GET", net + "virtualNetworks?$skiptoken=%21", "", 400, "InvalidSkipToken"},
		{"TRACE", "TRACE", vnet, "", 405, "HttpMethodNotAllowed"},
	} {
		t.Run(c.name, func(t *testing.T) { r.t = t; r.refused(c.method, c.path, c.body, c.status, c.code) })
	}
}

func TestListsPage(t *testing.T) {
	r := network(t, func(c *arm.Config) { c.PageSize = 3 })
	for i := range 7 {
		r.put(fmt.Sprintf("%srouteTables/rt%d", net, i), `{"location":"westeurope"}`)
	}
	next := "/subscriptions/" + sub + "/providers/Microsoft.Network/routeTables"
	var names []string
	for pages := 1; next != ""; pages++ {
		d := r.get(next)
		for _, v := range d["value"].([]any) {
			names = append(names, at(v, "name").(string))
		}
		link, _ := d["nextLink"].(string)
		u, err := url.Parse(link)
		if err != nil || pages > 3 {
			t.Fatalf("page %d leads to %q", pages, link)
		}
		next = u.RequestURI()
		if link == "" {
			break
		}
	}
	if got := strings.Join(names, " "); got != "rt0 rt1 rt2 rt3 rt4 rt5 rt6" {
		t.Errorf("the pages hold %s", got)
	}
}

func TestGroupIsEmptiedByItsDeletion(t *testing.T) {
	r := network(t, nil)
	r.put(net+"privateEndpoints/pe", endpointBody(r.account("aoai"), "endpoints"))
	d := r.get(rg + "/resources?$expand=createdTime")
	if n := len(d["value"].([]any)); n != 4 { // network, account, endpoint, its interface
		t.Errorf("the group lists %d resources, want 4", n)
	}
	one := r.get("/subscriptions/" + sub + "/resources?$filter=" + url.QueryEscape("resourceType eq 'Microsoft.Network/virtualNetworks' and name eq 'vnet'"))
	r.want(one, "value.0.id", net+"virtualNetworks/vnet")
	foreign := "/subscriptions/" + sub + "/resourceGroups/foreign"
	nic := foreign + "/providers/Microsoft.Network/networkInterfaces/n"
	r.put(foreign, `{"location":"westeurope"}`)
	r.put(nic, `{"location":"westeurope","properties":{"ipConfigurations":[{"name":"i","properties":{"subnet":{"id":"`+net+`virtualNetworks/vnet/subnets/clients"}}}]}}`)
	r.refused(http.MethodDelete, rg, "", 409, "ResourceGroupDeletionBlocked")
	r.ask(http.MethodDelete, nic, "")
	r.ask(http.MethodDelete, rg, "")
	r.refused(http.MethodGet, net+"virtualNetworks/vnet", "", 404, "ResourceGroupNotFound")
	for _, res := range r.List("") {
		if strings.Contains(res.ID, "/resourceGroups/rg/providers") && !strings.Contains(res.ID, "deletedAccounts") {
			t.Errorf("left: %s", res.ID)
		}
	}
}

func TestGenericStore(t *testing.T) {
	r := network(t, nil)
	id := rg + "/providers/Microsoft.Quantum/workspaces/w"
	r.put(id, `{"location":"westeurope","properties":{"a":{"b":1,"c":null}},"tags":{"t":"1"}}`)
	d := r.get(id)
	r.want(d, "properties.a.b", 1.0)
	r.want(d, "properties.provisioningState", "Succeeded")
	if _, there := d["properties"].(map[string]any)["a"].(map[string]any)["c"]; there {
		t.Error("a null was kept")
	}
	_, d = r.ask(http.MethodPatch, id, `{"properties":{"a":{"b":null,"d":2}}}`)
	if at(d, "properties.a.b") != nil || at(d, "properties.a.d") != 2.0 || at(d, "tags.t") != "1" {
		t.Errorf("the patch gave %v", d)
	}
	r.put(id+"/things/x", `{}`)
	if n := len(r.get(id + "/things")["value"].([]any)); n != 1 {
		t.Errorf("%d things", n)
	}
}

func TestChangedAndVersion(t *testing.T) {
	r := network(t, nil)
	before, changed := r.Version(), r.Changed()
	r.get(net + "virtualNetworks/vnet")
	select {
	case <-changed:
		t.Fatal("a GET changed something")
	default:
	}
	r.put(net+"routeTables/rt", `{"location":"westeurope"}`)
	<-changed
	if r.Version() <= before {
		t.Error("the version does not grow")
	}
}

func TestPutIsTheSameDoor(t *testing.T) {
	r := network(t, nil)
	if err := r.Put(t.Context(), net+"routeTables/rt", "2025-05-01", []byte(`{"location":"westeurope"}`)); err != nil {
		t.Fatal(err)
	}
	err := r.Put(t.Context(), net+"virtualNetworks/vnet/subnets/x", "2025-05-01", []byte(`{"properties":{"addressPrefix":"10.2.0.0/24"}}`))
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "NetcfgInvalidSubnet") {
		t.Errorf("the error is %v", err)
	}
}

func TestResourceBodyIsACopy(t *testing.T) {
	r := network(t, nil)
	one, _ := r.Get(net + "virtualNetworks/vnet")
	one.Body["properties"].(map[string]any)["addressSpace"].(map[string]any)["addressPrefixes"].([]any)[0] = "0.0.0.0/0"
	r.want(r.get(net+"virtualNetworks/vnet"), "properties.addressSpace.addressPrefixes.0", "10.1.0.0/16")
}

func TestStateOutlivesTheServer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "arm.json")
	keep := func(c *arm.Config) { c.File = file }
	r := network(t, keep)
	id := r.account("aoai")
	r.put(net+"privateEndpoints/pe", endpointBody(id, "endpoints"))
	nic := at(r.get(net+"privateEndpoints/pe"), "properties.networkInterfaces.0.id")
	r.ask(http.MethodPost, id+"/regenerateKey", `{"keyName":"Key1"}`)
	again := newRig(t, keep)
	if again.Keys(id)[0].Reveal() != r.Keys(id)[0].Reveal() {
		t.Error("the key is another one")
	}
	again.want(again.get(net+"privateEndpoints/pe"), "properties.networkInterfaces.0.id", nic)
	again.refused(http.MethodDelete, net+"virtualNetworks/vnet/subnets/endpoints", "", 400, "InUseSubnetCannotBeDeleted")
	if again.Version() != r.Version() {
		t.Error("the version is another one")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the state is readable by others: %v %v", info.Mode(), err)
	}
	for _, bad := range []string{"", "{}", `{"format":"ostiary-emulated-arm","subscription":"x"}`} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := arm.New(arm.Config{Tenant: tenant, Subscription: sub, File: file}); err == nil {
			t.Errorf("a file with %q was taken for a state", bad)
		}
	}
}

func TestETags(t *testing.T) {
	r := network(t, nil)
	etag := r.get(net + "virtualNetworks/vnet")["etag"].(string)
	if code, d := r.ask(http.MethodDelete, net+"virtualNetworks/vnet", "", "If-Match", `"old"`); code != 412 {
		t.Errorf("a stale If-Match: %d %v", code, d)
	}
	if code, _ := r.ask(http.MethodDelete, net+"virtualNetworks/vnet", "", "If-Match", etag); code != 200 {
		t.Errorf("a good If-Match: %d", code)
	}
}
