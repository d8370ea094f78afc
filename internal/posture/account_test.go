package posture

import (
	"strings"
	"testing"
)

// Each row is an account with these properties and nothing else, and what one
// check says of it.
func TestAccountChecks(t *testing.T) {
	const closed = `"publicNetworkAccess":"Disabled"`
	for _, c := range []struct {
		check, properties string
		status            Status
		pointer, value    string // of the first evidence
		fallback          string // what Azure takes
		witness           string // part of it
	}{
		{"public-access-off", closed, Pass, "/0/properties/publicNetworkAccess", "Disabled", "", ""},
		{"public-access-off", `"publicNetworkAccess":"disabled"`, Pass, "/0/properties/publicNetworkAccess", "disabled", "", ""},
		{"public-access-off", ``, Fail, "/0/properties", "absent", "Enabled", "any address → model:443/tcp"},
		{"public-access-off", `"customSubDomainName":"m","publicNetworkAccess":"Enabled"`, Fail, "/0/properties/publicNetworkAccess", "Enabled", "", "any address → m.openai.azure.com:443/tcp"},
		{"public-access-off", `"publicNetworkAccess":7`, Unknown, "/0/properties/publicNetworkAccess", "unknown", "", ""},
		{"public-access-off", `"publicNetworkAccess":"Sometimes"`, Unknown, "/0/properties/publicNetworkAccess", "Sometimes", "", ""},
		{"public-access-off", `"publicNetworkAccess":"SecuredByPerimeter"`, Unknown, "/0/properties/publicNetworkAccess", "SecuredByPerimeter", "", ""},
		{"public-access-off", `"networkAcls":{"defaultAction":"Deny"}`, Fail, "/0/properties", "absent", "Enabled", ""},
		{"public-access-off", `"networkAcls":{"defaultAction":true,"ipRules":[{"value":"203.0.113.7"}]}`, Unknown, "/0/properties", "absent", "Enabled", ""},
		{"public-access-off", `"networkAcls":{"defaultAction":"Deny","ipRules":[{"value":"203.0.113.7"}]}`, Pass, "/0/properties", "absent", "Enabled", ""},
		{"public-access-off", `"networkAcls":{"defaultAction":"Deny","ipRules":[{"value":"0.0.0.0/1"}]}`, Fail, "/0/properties", "absent", "Enabled", "0.0.0.0/1 → "},
		{"public-access-off", `"networkAcls":{"defaultAction":"Deny","ipRules":[{"value":"office"}]}`, Unknown, "/0/properties", "absent", "Enabled", ""},

		{"default-deny", `"networkAcls":{"defaultAction":"Deny"}`, Pass, "/0/properties/networkAcls/defaultAction", "Deny", "", ""},
		{"default-deny", `"networkAcls":{}`, Fail, "/0/properties/networkAcls", "absent", "Allow", "Allow"},
		{"default-deny", closed, Fail, "/0/properties", "absent", "Allow", ""},
		{"default-deny", `"networkAcls":{"defaultAction":[]}`, Unknown, "/0/properties/networkAcls/defaultAction", "unknown", "", ""},

		{"ip-rules-narrow", closed, Pass, "/0/properties", "absent", "none", ""},
		{"ip-rules-narrow", `"networkAcls":{"ipRules":[]}`, Pass, "", "[]", "", ""},
		{"ip-rules-narrow", `"networkAcls":{"ipRules":[{"value":"203.0.113.0/24"}]}`, Pass, "", "[203.0.113.0/24]", "", ""},
		{"ip-rules-narrow", `"networkAcls":{"ipRules":[{"value":"203.0.113.7"},{"value":"203.0.0.0/16"}]}`, Fail, "", "[203.0.113.7, 203.0.0.0/16]", "", "203.0.0.0/16 → "},
		{"ip-rules-narrow", `"networkAcls":{"ipRules":[{"value":7}]}`, Unknown, "", "[unknown]", "", ""},
		{"ip-rules-narrow", `"networkAcls":{"ipRules":[{"value":7},{"value":"0.0.0.0/0"}]}`, Fail, "", "", "", "0.0.0.0/0 → "},

		{"no-service-endpoint-rules", closed, Pass, "", "", "", ""},
		{"no-service-endpoint-rules", `"networkAcls":{"virtualNetworkRules":[{"id":"` + net + `/virtualNetworks/v/subnets/s"}]}`, Fail, "/0/properties/networkAcls/virtualNetworkRules/0/id", net + "/virtualNetworks/v/subnets/s", "", "virtualNetworks/v/subnets/s → "},
		{"no-service-endpoint-rules", `"networkAcls":{"virtualNetworkRules":[{"id":7}]}`, Unknown, "", "unknown", "", ""},

		{"no-trusted-bypass", `"networkAcls":{"bypass":"None"}`, Pass, "/0/properties/networkAcls/bypass", "None", "", ""},
		{"no-trusted-bypass", `"networkAcls":{"bypass":"AzureServices"}`, Fail, "", "AzureServices", "", "networkAcls.bypass AzureServices"},
		{"no-trusted-bypass", `"networkAcls":{}`, Fail, "/0/properties/networkAcls", "absent", "AzureServices", "trusted Azure service"},
		{"no-trusted-bypass", `"networkAcls":{"bypass":7}`, Unknown, "", "unknown", "", ""},

		{"keys-off", `"disableLocalAuth":true`, Pass, "/0/properties/disableLocalAuth", "true", "", ""},
		{"keys-off", `"disableLocalAuth":false`, Fail, "", "false", "", "api-key"},
		{"keys-off", ``, Fail, "/0/properties", "absent", "false", ""},
		{"keys-off", `"disableLocalAuth":"yes"`, Unknown, "", "unknown", "", ""},

		{"custom-subdomain", `"customSubDomainName":"m"`, Pass, "", "m", "", ""},
		{"custom-subdomain", ``, Fail, "", "absent", "the region's shared name", ""},
		{"custom-subdomain", `"customSubDomainName":{}`, Unknown, "", "unknown", "", ""},

		{"outbound-restricted", `"restrictOutboundNetworkAccess":true,"allowedFqdnList":["a.example"]`, Pass, "", "true", "", ""},
		{"outbound-restricted", ``, Fail, "", "absent", "false", ""},
		{"outbound-restricted", `"restrictOutboundNetworkAccess":true,"allowedFqdnList":[7]`, Unknown, "", "true", "", ""},

		{"content-logging-off", `"capabilities":[{"name":"ContentLogging","value":"false"}]`, Pass, "", "false", "", ""},
		{"content-logging-off", `"capabilities":[{"name":"CustomerManagedKey"}]`, Fail, "/0", "absent", "true", ""},
		{"content-logging-off", `"capabilities":[{"name":"ContentLogging","value":7}]`, Unknown, "", "unknown", "", ""},

		{"customer-managed-key", ``, Fail, "", "absent", "Microsoft.CognitiveServices", ""},
		{"customer-managed-key", `"encryption":{"keySource":"Microsoft.KeyVault","keyVaultProperties":{"keyVaultUri":"https://elsewhere.vault.azure.net/"}}`, Unknown, "", "Microsoft.KeyVault", "", ""},
		{"customer-managed-key", `"encryption":{"keySource":"Microsoft.KeyVault"}`, Unknown, "", "", "", ""},

		{"diagnostics-on", ``, Unknown, "", "", "", ""},
		{"roles-narrow", ``, Unknown, "", "", "", ""},
		{"soft-deleted", ``, Unknown, "", "", "", ""},
	} {
		t.Run(c.check+" "+c.properties, func(t *testing.T) {
			f := find(t, judged(t, Options{}, accountWith(c.properties)), c.check, "")
			if f.Status != c.status {
				t.Fatalf("%s: %s", f.Status, f.What)
			}
			if c.check != "soft-deleted" && (f.Resource != account || !strings.Contains(f.What, "model") && f.What != "diagnostic settings were not listed") {
				t.Errorf("does not name the account: %q, %q", f.Resource, f.What)
			}
			if c.pointer+c.value+c.fallback != "" {
				e := f.Evidence[0]
				if c.pointer != "" && e.Pointer != c.pointer || c.value != "" && e.Value != c.value || e.Default != c.fallback || e.Resource != account {
					t.Errorf("evidence %+v", e)
				}
			}
			if !strings.Contains(f.Witness, c.witness) {
				t.Errorf("witness %q", f.Witness)
			}
			if (f.Mend != Mend{}) && f.Status == Pass {
				t.Errorf("a pass is mended: %+v", f.Mend)
			}
		})
	}
}
