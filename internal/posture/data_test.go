package posture

import "testing"

func TestVaultsAndLogs(t *testing.T) {
	const (
		capability = `"capabilities":[{"name":"ContentLogging","value":"false"}]`
		vault      = rg + "/providers/Microsoft.KeyVault/vaults/kv"
		workspace  = rg + "/providers/Microsoft.OperationalInsights/workspaces/log"
		setting    = account + "/providers/microsoft.insights/diagnosticSettings/d"
	)
	keyed := []string{capability, capability + `,"encryption":{"keySource":"Microsoft.KeyVault","keyVaultProperties":{"keyVaultUri":"https://kv.vault.azure.net/"}}`}
	kv := func(properties string) []string {
		return []string{`{"id":"` + vault + `","name":"kv","type":"Microsoft.KeyVault/vaults","properties":{"vaultUri":"https://kv.vault.azure.net/"` + properties + `}}`}
	}
	logs := func(logs, destination string) []string {
		return []string{
			`{"id":"` + setting + `","name":"d","type":"Microsoft.Insights/diagnosticSettings","properties":{"logs":` + logs + `,"workspaceId":"` + workspace + `"}}`,
			`{"id":"` + workspace + `","name":"log","type":"Microsoft.OperationalInsights/workspaces","properties":{` + destination + `}}`,
		}
	}
	const on, closed = `[{"category":"Audit","enabled":false},{"categoryGroup":"allLogs","enabled":true}]`,
		`"publicNetworkAccessForIngestion":"Disabled","publicNetworkAccessForQuery":"Disabled"`
	for _, c := range []example{
		{name: "private vault", check: "customer-managed-key", oldNew: keyed, more: kv(`,"publicNetworkAccess":"Disabled"`), status: Pass, says: "kv"},
		{name: "vault that denies", check: "customer-managed-key", oldNew: keyed, more: kv(`,"networkAcls":{"defaultAction":"Deny"}`), status: Pass},
		{name: "open vault", check: "customer-managed-key", oldNew: keyed, more: kv(""), status: Fail, says: "kv.vault.azure.net:443", mends: "'" + vault + "'"},
		{name: "vault half read", check: "customer-managed-key", oldNew: keyed, more: kv(`,"publicNetworkAccess":7`), status: Unknown},
		{name: "no vault", check: "customer-managed-key", oldNew: keyed, status: Unknown},

		{name: "on", check: "diagnostics-on", more: logs(on, closed), status: Pass},
		{name: "off", check: "diagnostics-on", more: logs(`[{"categoryGroup":"allLogs","enabled":false}]`, closed), status: Fail, says: "no log in it is on"},
		{name: "metrics", check: "diagnostics-on", more: logs(`[]`, closed), status: Fail},
		{name: "unread", check: "diagnostics-on", more: logs(`[{"categoryGroup":"allLogs","enabled":7}]`, closed), status: Unknown},
		{name: "to the open", check: "diagnostics-on", more: logs(on, `"publicNetworkAccessForIngestion":"Disabled"`), status: Fail, says: "workspaces/log, which is open"},
		{name: "to nowhere", check: "diagnostics-on", more: logs(on, closed)[:1], status: Unknown},
		{name: "not listed", check: "diagnostics-on", status: Unknown},
	} {
		c.about = account
		c.run(t)
	}
}

func TestRoles(t *testing.T) {
	const roleDefinitions = sub + "/providers/Microsoft.Authorization/roleDefinitions/"
	assigned := func(scope, role string, more ...string) []string {
		return append([]string{`{"id":"` + scope + `/providers/Microsoft.Authorization/roleAssignments/a","name":"a","type":"Microsoft.Authorization/roleAssignments","properties":{"roleDefinitionId":"` +
			roleDefinitions + role + `","principalId":"p","scope":"` + scope + `"}}`}, more...)
	}
	own := func(actions, not string) string {
		return `{"id":"` + roleDefinitions + `own","name":"own","type":"Microsoft.Authorization/roleDefinitions","properties":{"roleName":"Own","permissions":[{"actions":` + actions + `,"notActions":` + not + `}]}}`
	}
	for _, c := range []example{
		{name: "user", more: assigned(account, "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"), status: Pass},
		{name: "owner", more: assigned(sub, "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"), status: Fail, says: "Owner to p"},
		{name: "keys by a harmless name", more: assigned(rg, "a97b65f3-24c7-4388-baec-2e87135dc908"), status: Fail, says: "Cognitive Services User"},
		{name: "elsewhere", more: assigned(sub+"/resourceGroups/rg-other", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"), status: Unknown},
		{name: "own, of keys", more: assigned(account, "own", own(`["Microsoft.CognitiveServices/*/action"]`, `[]`)), status: Fail, says: "Own"},
		{name: "own, but for keys", more: assigned(account, "own", own(`["Microsoft.CognitiveServices/*/action"]`, `["*/listKeys/action","*/regenerateKey/*"]`)), status: Pass},
		{name: "own, of reading", more: assigned(account, "own", own(`["*/read"]`, `[]`)), status: Pass},
		{name: "own, unread", more: assigned(account, "own"), status: Unknown},
		{name: "own, half read", more: assigned(account, "own", own(`["*/read",7]`, `[]`)), status: Unknown},
	} {
		c.check, c.about = "roles-narrow", account
		c.run(t)
	}
}

func TestWildcards(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "a/b", true}, {"a/*", "a/b/c", true}, {"a/*/c", "a/b/c", true}, {"*/c", "a/b/c", true}, {"a/*/d", "a/b/c", false},
		{"a", "a/b", false}, {"a/b", "a/b", true}, {"a*b*c", "aXbYc", true}, {"a*b*c", "ac", false}, {"a*a", "a", false},
	} {
		if got := wildcard(c.pattern, c.text); got != c.want {
			t.Errorf("%q of %q: %v", c.pattern, c.text, got)
		}
	}
}

func TestPerimeters(t *testing.T) {
	const p = net + "/networkSecurityPerimeters/nsp"
	in := func(mode, rule string) []string {
		docs := []string{
			`{"id":"` + p + `","name":"nsp","type":"Microsoft.Network/networkSecurityPerimeters","properties":{}}`,
			`{"id":"` + p + `/profiles/x","name":"x","type":"Microsoft.Network/networkSecurityPerimeters/profiles","properties":{}}`,
			`{"id":"` + p + `/resourceAssociations/a","name":"a","type":"Microsoft.Network/networkSecurityPerimeters/resourceAssociations","properties":{"accessMode":` + mode + `,"privateLinkResource":{"id":"` + account + `"},"profile":{"id":"` + p + `/profiles/x"}}}`,
		}
		if rule != "" {
			docs = append(docs, `{"id":"`+p+`/profiles/x/accessRules/r","name":"r","type":"Microsoft.Network/networkSecurityPerimeters/profiles/accessRules","properties":{`+rule+`}}`)
		}
		return docs
	}
	left := []string{`"publicNetworkAccess":"Disabled"`, `"publicNetworkAccess":"SecuredByPerimeter"`}
	for _, c := range []example{
		{name: "enforced", check: "perimeter-enforced", more: in(`"Enforced"`, ""), status: Pass},
		{name: "learning", check: "perimeter-enforced", more: in(`"Learning"`, ""), status: Fail, says: "Learning", mends: "accessMode=Enforced"},
		{name: "unread", check: "perimeter-enforced", more: in(`7`, ""), status: Unknown},
		{name: "lets nobody in", check: "public-access-off", oldNew: left, more: in(`"Enforced"`, ""), status: Pass},
		{name: "lets one in", check: "public-access-off", oldNew: left, more: in(`"Enforced"`, `"direction":"Inbound","addressPrefixes":["203.0.113.7/32"]`), status: Pass},
		{name: "lets all in", check: "public-access-off", oldNew: left, more: in(`"Enforced"`, `"direction":"Inbound","addressPrefixes":["0.0.0.0/0"]`), status: Fail, says: "rule r"},
		{name: "lets a subscription in", check: "public-access-off", oldNew: left, more: in(`"Enforced"`, `"direction":"Inbound","subscriptions":[{"id":"/subscriptions/x"}]`), status: Unknown},
		{name: "lets out", check: "public-access-off", oldNew: left, more: in(`"Enforced"`, `"direction":"Outbound","fullyQualifiedDomainNames":["*"]`), status: Pass},
	} {
		c.about = account
		c.run(t)
	}
}
