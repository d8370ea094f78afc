package arm_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestTemplateDeployment(t *testing.T) {
	r := network(t, nil)
	id := rg + "/providers/Microsoft.Resources/deployments/d"
	body := func(resource string) string {
		return `{"properties":{"mode":"Incremental","parameters":{"name":{"value":"made"}},"template":{"parameters":{"name":{"type":"string"}},"resources":[` + resource + `]}}}`
	}
	table := `{"type":"Microsoft.Network/routeTables","apiVersion":"2025-05-01","name":"[parameters('name')]","location":"[resourceGroup().location]","properties":{}}`
	if code, d := r.ask(http.MethodPost, id+"/validate", body(table)); code != 200 {
		t.Fatalf("validate: %d %v", code, d)
	}
	if _, there := r.Get(net + "routeTables/made"); there {
		t.Fatal("validation makes resources")
	}
	d := r.put(id, body(table))
	r.want(d, "properties.outputResources.0.id", net+"routeTables/made")
	r.want(r.get(net+"routeTables/made"), "location", "westeurope")
	if d["properties"].(map[string]any)["template"] != nil {
		t.Error("a GET shows the template")
	}
	_, exported := r.ask(http.MethodPost, id+"/exportTemplate", "")
	r.want(exported, "template.resources.0.name", "[parameters('name')]")
	for _, bad := range []string{
		strings.Replace(table, "[parameters('name')]", "[concat('a','b')]", 1),
		strings.Replace(table, "[parameters('name')]", "[parameters('other')]", 1),
		strings.Replace(table, "[parameters('name')]", "a/b", 1),
		strings.Replace(table, `"properties":{}`, `"copy":{}`, 1),
	} {
		r.refused(http.MethodPut, id, body(bad), 400, "InvalidTemplate")
	}
	two := `{"type":"Microsoft.Network/routeTables","name":"half","location":"westeurope"},{"type":"Microsoft.Network/virtualNetworks/subnets","name":"vnet/x","properties":{"addressPrefix":"10.2.0.0/24"}}`
	r.refused(http.MethodPut, id, body(two), 400, "NetcfgInvalidSubnet")
	if _, there := r.Get(net + "routeTables/half"); there {
		t.Error("a refused deployment is half done")
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	r := network(t, nil)
	const canary = "canary-9b1f"
	env := rg + "/providers/Microsoft.App/managedEnvironments/env"
	app := rg + "/providers/Microsoft.App/containerApps/app"
	r.put(env, `{"location":"westeurope","properties":{"appLogsConfiguration":{"destination":"log-analytics","logAnalyticsConfiguration":{"customerId":"x","sharedKey":"`+canary+`"}}}}`)
	r.put(app, `{"location":"westeurope","properties":{"managedEnvironmentId":"`+env+`","configuration":{"secrets":[{"name":"s","value":"`+canary+`"}]},"template":{"containers":[{"name":"c","image":"i"}]}}}`)
	r.put(rg+"/providers/Microsoft.DBforPostgreSQL/flexibleServers/psql", `{"location":"westeurope","properties":{"administratorLogin":"a","administratorLoginPassword":"`+canary+`"}}`)
	for _, res := range r.List("") {
		if strings.Contains(string(mustJSON(t, res.Body)), canary) {
			t.Errorf("%s shows a secret", res.ID)
		}
	}
	_, d := r.ask(http.MethodPost, app+"/listSecrets", "")
	r.want(d, "value.0.value", canary)
	r.put(app, `{"location":"westeurope","properties":{"managedEnvironmentId":"`+env+`","configuration":{"secrets":[{"name":"s"}]},"template":{"containers":[{"name":"c","image":"i"}]}}}`)
	_, d = r.ask(http.MethodPost, app+"/listSecrets", "")
	r.want(d, "value.0.value", canary) // a secret without a value keeps its own
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestContainerAppNames(t *testing.T) {
	r := network(t, nil)
	env := rg + "/providers/Microsoft.App/managedEnvironments/env"
	r.put(env, `{"location":"westeurope","properties":{"vnetConfiguration":{"internal":true,"infrastructureSubnetId":"`+net+`virtualNetworks/vnet/subnets/clients"}}}`)
	d := r.get(env)
	r.want(d, "properties.staticIp", "10.1.1.4")
	domain := at(d, "properties.defaultDomain").(string)
	app := func(external string) string {
		return `{"location":"westeurope","properties":{"managedEnvironmentId":"` + env + `","configuration":{"ingress":{"external":` + external + `,"targetPort":80}},"template":{"containers":[{"name":"c","image":"i"}]}}}`
	}
	a := rg + "/providers/Microsoft.App/containerApps/app"
	r.want(r.put(a, app("true")), "properties.configuration.ingress.fqdn", "app."+domain)
	r.want(r.put(a, app("false")), "properties.configuration.ingress.fqdn", "app.internal."+domain)
	r.refused(http.MethodDelete, env, "", 409, "ManagedEnvironmentHasContainerApps")
	r.refused(http.MethodDelete, net+"virtualNetworks/vnet/subnets/clients", "", 400, "InUseSubnetCannotBeDeleted")
}

func TestNamesInDNSAreOne(t *testing.T) {
	r := network(t, nil)
	other := "/subscriptions/" + sub + "/resourceGroups/other"
	r.put(other, `{"location":"westeurope"}`)
	for _, c := range []struct{ typ, name, body, code string }{
		{"Microsoft.Storage/storageAccounts", "stone", `{"location":"westeurope","sku":{"name":"Standard_LRS"}}`, "StorageAccountAlreadyTaken"},
		{"Microsoft.KeyVault/vaults", "kv-one", `{"location":"westeurope","properties":{}}`, "VaultAlreadyExists"},
		{"Microsoft.ContainerRegistry/registries", "registry1", `{"location":"westeurope"}`, "AlreadyInUse"},
		{"Microsoft.EventHub/namespaces", "events-one", `{"location":"westeurope"}`, "NamespaceUnavailable"},
		{"Microsoft.DBforPostgreSQL/flexibleServers", "psql-one", `{"location":"westeurope"}`, "ServerNameAlreadyExists"},
	} {
		r.put(rg+"/providers/"+c.typ+"/"+c.name, c.body)
		r.refused(http.MethodPut, other+"/providers/"+c.typ+"/"+c.name, c.body, 409, c.code)
	}
}
