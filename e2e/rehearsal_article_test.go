package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/emulator"
)

// TestArticle follows, step by step, a published article on limiting Azure
// OpenAI to a network (Qiita, 2023): an account in East US, a Linux machine in
// Japan East, and the article's own script with the official client, which is
// never changed. Each want is what the article's author saw on Azure, except
// where it says otherwise.
func TestArticle(t *testing.T) {
	dir := npm(t, "the article on limiting Azure OpenAI to a network")
	az := startAzure(t, emulator.Network{})
	az.dir = dir
	az.network("", "")
	az.machine("client", "Microsoft.Network/virtualNetworks/vnet/subnets/clients", "10.3.0.4", "")
	az.account(`"publicNetworkAccess":"Enabled"`)
	az.put(az.id("Microsoft.CognitiveServices/accounts/azopenai/deployments/gpt-4-0314"), cognitiveVersion,
		`{"sku":{"name":"Standard","capacity":10},"properties":{"model":{"format":"OpenAI","name":"gpt-4","version":"0314"}}}`)
	_, keys := az.arm(http.MethodPost, az.id("Microsoft.CognitiveServices/accounts/azopenai/listKeys"), cognitiveVersion, "")
	key, _ := keys["key1"].(string)
	t.Setenv("OPENAI_API_BASE", "https://azopenai.openai.azure.com")
	t.Setenv("OPENAI_API_KEY", key)

	step := func(name, got string, code, wantCode int, wants ...string) {
		t.Helper()
		t.Logf("%s: exit %d\n%s", name, code, got)
		if code != wantCode {
			t.Errorf("%s: exit code %d, want %d\n%s", name, code, wantCode, got)
		}
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", name, want, got)
			}
		}
	}
	script := func(place string, args ...string) (string, int) {
		t.Helper()
		return az.from(place, append([]string{"node", "article.mjs"}, args...)...)
	}
	curl := func(place, url string) (string, int) {
		t.Helper()
		return az.from(place, "curl", "-sS", "-w", "\n%{http_code}", "-H", "api-key: "+key, url+"/openai/models?api-version=2024-10-21")
	}
	lookup := func(place, name string) (string, int) {
		t.Helper()
		return az.ostiary("emulate", "nslookup", "--state", az.state, "--from", place, name)
	}
	const endpoint = "https://azopenai.openai.azure.com"

	// Before: all networks may ask.
	got, code := script("client")
	step("all networks, from the machine", got, code, 0)
	got, code = curl("internet", endpoint)
	step("all networks, from outside", got, code, 0, "200")

	// 1. Disable the account's network.
	az.account(`"publicNetworkAccess":"Disabled"`)
	got, code = script("client")
	step("disabled, no endpoint", got, code, 1, "PermissionDeniedError", "403", "Public access is disabled. Please configure private endpoint.")

	// 2. Add a private endpoint in the machine's region, which is not the
	// account's. 3. The same script, nothing changed, is answered.
	az.endpoint("")
	got, code = script("client")
	step("with the endpoint", got, code, 0)
	got, code = lookup("client", "azopenai.openai.azure.com")
	step("its name", got, code, 0, "canonical name = azopenai.privatelink.openai.azure.com.", "Name:\tazopenai.privatelink.openai.azure.com\nAddress: 10.3.1.4")
	got, code = lookup("client", "azopenai.privatelink.openai.azure.com")
	step("the alias's own name", got, code, 0, "Address: 10.3.1.4")

	// Supplement: from outside the network. The author saw the connection
	// refused (see TestOutsideRefuses), and the same 403 in the Studio.
	got, code = script("internet")
	step("from outside", got, code, 1, "Public access is disabled. Please configure private endpoint.")
	got, code = lookup("internet", "azopenai.openai.azure.com")
	step("its name outside", got, code, 0, "canonical name = azopenai.privatelink.openai.azure.com.", "Address: 192.0.2.14")

	// Supplement: the privatelink name is not for clients.
	t.Setenv("OPENAI_API_BASE", "https://azopenai.privatelink.openai.azure.com")
	got, code = script("client")
	step("the privatelink name", got, code, 1, "APIConnectionError", "ERR_TLS_CERT_ALTNAME_INVALID")
	got, code = curl("client", "https://azopenai.privatelink.openai.azure.com")
	step("the privatelink name, with curl", got, code, 60, "no alternative certificate subject name matches")
	t.Setenv("OPENAI_API_BASE", endpoint)

	// The article's remark on addresses: a static one, for whoever manages them.
	az.remove(az.id("Microsoft.Network/privateEndpoints/pe"), networkVersion)
	az.endpoint(`"ipConfigurations":[{"name":"fixed","properties":{"groupId":"account","memberName":"default","privateIPAddress":"10.3.1.50"}}],`)
	got, code = lookup("client", "azopenai.openai.azure.com")
	step("a static address", got, code, 0, "Address: 10.3.1.50")
	got, code = script("client")
	step("at the static address", got, code, 0)

	// Supplement: a DNS server of one's own, which asks the internet, and then
	// one that forwards to Azure's own resolver.
	az.network(`"dhcpOptions":{"dnsServers":["10.3.0.10"]},`, "")
	az.machine("dns", "Microsoft.Network/virtualNetworks/vnet/subnets/clients", "10.3.0.10", `"ostiary-dns":"9.9.9.9"`)
	got, code = script("client")
	step("own DNS server without a forwarder", got, code, 1, "Public access is disabled. Please configure private endpoint.")
	az.machine("dns", "Microsoft.Network/virtualNetworks/vnet/subnets/clients", "10.3.0.10", `"ostiary-dns":"168.63.129.16"`)
	got, code = script("client")
	step("own DNS server with a forwarder", got, code, 0)
	az.network(`"dhcpOptions":{"dnsServers":[]},`, "")

	// Supplement: "selected networks and private endpoints" with an address.
	az.account(`"publicNetworkAccess":"Enabled","networkAcls":{"defaultAction":"Deny","ipRules":[{"value":"203.0.113.7"}]}`)
	got, code = curl("internet:203.0.113.7", endpoint)
	step("selected networks, the address", got, code, 0, "200")
	got, code = curl("internet:203.0.113.8", endpoint)
	step("selected networks, another address", got, code, 0, "403", "Access denied due to Virtual Network/Firewall rules.")
	got, code = script("client")
	step("selected networks, by the endpoint", got, code, 0)
	az.account(`"publicNetworkAccess":"Disabled"`)

	// Supplement: what the Studio can do over the internet. The control plane
	// lists, makes and deletes deployments; the data plane lists no models.
	deployments := az.id("Microsoft.CognitiveServices/accounts/azopenai/deployments")
	az.put(deployments+"/another", cognitiveVersion, `{"sku":{"name":"Standard","capacity":1},"properties":{"model":{"format":"OpenAI","name":"gpt-4","version":"0314"}}}`)
	if status, list := az.arm(http.MethodGet, deployments, cognitiveVersion, ""); status != 200 || len(list["value"].([]any)) != 2 {
		t.Errorf("deployments from outside: %d %v", status, list)
	}
	az.remove(deployments+"/another", cognitiveVersion)
	got, code = script("internet", "models")
	step("models from outside", got, code, 1, "403", "Public access is disabled. Please configure private endpoint.")
	got, code = script("client", "models")
	step("models from the machine", got, code, 0, "gpt-4")

	// Not in the article: a group on the endpoint's subnet binds the endpoint
	// only where the subnet says so.
	az.put(az.id("Microsoft.Network/networkSecurityGroups/nsg"), networkVersion, `{"location":"japaneast","properties":{"securityRules":[{"name":"deny-all","properties":{
		"priority":200,"direction":"Inbound","access":"Deny","protocol":"*","sourceAddressPrefix":"*","sourcePortRange":"*","destinationAddressPrefix":"*","destinationPortRange":"*"}}]}}`)
	group := `,"networkSecurityGroup":{"id":"` + az.id("Microsoft.Network/networkSecurityGroups/nsg") + `"}`
	az.network("", group)
	got, code = script("client")
	step("a group that binds nothing", got, code, 0)
	az.network("", group+`,"privateEndpointNetworkPolicies":"Enabled"`)
	got, code = script("client")
	step("a group that binds", got, code, 1, "APIConnectionError", "security group nsg, rule deny-all: denied")
	got, code = curl("client", endpoint)
	step("a group that binds, with curl", got, code, 56)
}

// TestOutsideRefuses is the article's other sight of a disabled account: no
// connection at all (NewConnectionError).
func TestOutsideRefuses(t *testing.T) {
	az := startAzure(t, emulator.Network{Outside: "refuse"})
	az.account(`"publicNetworkAccess":"Disabled"`)
	got, code := az.from("internet", "curl", "-sS", "https://azopenai.openai.azure.com/openai/models?api-version=2024-10-21")
	if code != 56 {
		t.Errorf("exit code %d\n%s", code, got)
	}
}
