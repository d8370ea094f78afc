package arm_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/arm"
)

func deployment(model, version, capacity string) string {
	return `{"sku":{"name":"Standard","capacity":` + capacity + `},"properties":{"model":{"format":"OpenAI","name":"` + model + `","version":"` + version + `"}}}`
}

func TestAccount(t *testing.T) {
	r := network(t, nil)
	id := r.account("aoai")
	d := r.get(id)
	r.want(d, "properties.endpoint", "https://aoai.openai.azure.com/")
	r.want(d, "properties.provisioningState", "Succeeded")
	code, keys := r.ask(http.MethodPost, id+"/listKeys", "")
	held := r.Keys(id)
	if code != 200 || keys["key1"] != held[0].Reveal() || keys["key2"] != held[1].Reveal() || len(held[0].Reveal()) != 84 {
		t.Errorf("listKeys: %d, two keys of 84 characters wanted", code)
	}
	_, anew := r.ask(http.MethodPost, id+"/regenerateKey", `{"keyName":"Key2"}`)
	if anew["key1"] != keys["key1"] || anew["key2"] == keys["key2"] {
		t.Error("regenerateKey does not change exactly the key that is named")
	}
	r.put(id, `{"location":"swedencentral","kind":"OpenAI","sku":{"name":"S0"},"properties":{"customSubDomainName":"aoai","disableLocalAuth":true}}`)
	r.refused(http.MethodPost, id+"/listKeys", "", 400, "BadRequest")
	r.refused(http.MethodPut, cog+"thief", `{"location":"eastus","kind":"OpenAI","sku":{"name":"S0"},"properties":{"customSubDomainName":"AOAI"}}`, 400, "CustomDomainInUse")
	r.refused(http.MethodPut, cog+"x", `{"location":"eastus","kind":"Toaster","sku":{"name":"S0"}}`, 400, "InvalidApiSetId")
	r.refused(http.MethodPut, cog+"x", `{"location":"eastus","kind":"OpenAI","properties":{"customSubDomainName":"x-1","networkAcls":{"defaultAction":"Deny","virtualNetworkRules":[{"id":"`+net+`virtualNetworks/vnet/subnets/clients"}]}}}`, 400, "SubnetsHaveNoServiceEndpointsConfigured")
	_, free := r.ask(http.MethodPost, "/subscriptions/"+sub+"/providers/Microsoft.CognitiveServices/checkDomainAvailability", `{"subdomainName":"aoai","type":"Microsoft.CognitiveServices/accounts"}`)
	r.want(free, "isSubdomainAvailable", false)
}

func TestDeployments(t *testing.T) {
	r := network(t, func(c *arm.Config) { c.Quota = 100 })
	id := r.account("aoai")
	d := r.put(id+"/deployments/chat", deployment("gpt-4o-mini", "2024-07-18", "60"))
	r.want(d, "properties.rateLimits.1.count", 60000.0)
	r.refused(http.MethodPut, id+"/deployments/b", deployment("gpt-9", "1", "1"), 400, "DeploymentModelNotSupported")
	r.refused(http.MethodPut, id+"/deployments/b", deployment("gpt-4o-mini", "1999-01-01", "1"), 400, "DeploymentModelNotSupported")
	r.refused(http.MethodPut, id+"/deployments/b", deployment("gpt-4o-mini", "2024-07-18", "41"), 400, "InsufficientQuota")
	r.refused(http.MethodPut, id+"/deployments/b", deployment("gpt-4o-mini", "2024-07-18", "0"), 400, "InvalidCapacity")
	r.refused(http.MethodPut, id+"/deployments/b", strings.Replace(deployment("gpt-5", "2025-08-07", "1"), "Standard", "Tin", 1), 400, "InvalidResourceProperties")
	r.put(id+"/deployments/chat", deployment("gpt-4o-mini", "2024-07-18", "100")) // its own share counts once
	usages := r.get("/subscriptions/" + sub + "/providers/Microsoft.CognitiveServices/locations/swedencentral/usages")
	found := false
	for _, u := range usages["value"].([]any) {
		if at(u, "name.value") == "OpenAI.Standard.gpt-4o-mini" {
			found = at(u, "currentValue") == 100.0 && at(u, "limit") == 100.0
		}
	}
	if !found {
		t.Error("the usage of gpt-4o-mini is not 100 of 100")
	}
	r.refused(http.MethodDelete, id, "", 409, "CannotDeleteResource")
}

func TestSoftDeleteKeepsTheName(t *testing.T) {
	r := network(t, nil)
	id := r.account("aoai")
	r.ask(http.MethodDelete, id, "")
	body := `{"location":"swedencentral","kind":"OpenAI","sku":{"name":"S0"},"properties":{"customSubDomainName":"aoai"}}`
	r.refused(http.MethodPut, id, body, 409, "FlagMustBeSetForRestore")
	r.refused(http.MethodPut, cog+"other", body, 400, "CustomDomainInUse")
	gone := r.get("/subscriptions/" + sub + "/providers/Microsoft.CognitiveServices/deletedAccounts")
	purge := at(gone, "value.0.id").(string)
	if purge != "/subscriptions/"+sub+"/providers/Microsoft.CognitiveServices/locations/swedencentral/resourceGroups/rg/deletedAccounts/aoai" {
		t.Errorf("the deleted account is %s", purge)
	}
	r.put(id, strings.Replace(body, `"customSub`, `"restore":true,"customSub`, 1))
	r.want(r.get(id), "properties.publicNetworkAccess", "Disabled") // as it was
	r.ask(http.MethodDelete, id, "")
	r.ask(http.MethodDelete, purge, "")
	r.put(id, body)
	r.want(r.get(id), "properties.publicNetworkAccess", "Enabled")
}

func TestAccountSettles(t *testing.T) {
	r := network(t, func(c *arm.Config) { c.Settle = time.Minute })
	id := r.account("aoai")
	r.want(r.get(id), "properties.provisioningState", "Creating")
	r.refused(http.MethodPut, id+"/deployments/chat", deployment("gpt-4o-mini", "2024-07-18", "1"), 409, "AccountProvisioningStateInvalid")
	r.refused(http.MethodDelete, id, "", 409, "AccountProvisioningStateInvalid")
	r.now = r.now.Add(time.Minute)
	r.want(r.get(id), "properties.provisioningState", "Succeeded")
	r.put(id+"/deployments/chat", deployment("gpt-4o-mini", "2024-07-18", "1"))
}

func TestVaultIsKeptUntilPurged(t *testing.T) {
	r := network(t, nil)
	id := rg + "/providers/Microsoft.KeyVault/vaults/kv-one"
	body := `{"location":"westeurope","properties":{"tenantId":"` + tenant + `","sku":{"family":"A","name":"standard"}}}`
	r.want(r.put(id, body), "properties.vaultUri", "https://kv-one.vault.azure.net/")
	_, d := r.ask(http.MethodPut, id+"/accessPolicies/add", `{"properties":{"accessPolicies":[{"tenantId":"`+tenant+`","objectId":"`+owner+`","permissions":{"secrets":["get"]}}]}}`)
	r.want(d, "properties.accessPolicies.0.objectId", owner)
	r.want(r.get(id), "properties.accessPolicies.0.permissions.secrets.0", "get")
	r.ask(http.MethodDelete, id, "")
	r.refused(http.MethodPut, id, body, 409, "ConflictError")
	gone := "/subscriptions/" + sub + "/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/kv-one"
	r.want(r.get(gone), "properties.vaultId", id)
	if code, _ := r.ask(http.MethodPost, gone+"/purge", ""); code != 202 {
		t.Errorf("purge: %d", code)
	}
	r.put(id, body)
}
