//go:build azurerm

package azurerm_test

import (
	"encoding/json"
	"strings"
)

// operator is the address outside from which tickets are put into the vaults,
// which let in no other.
const operator = "203.0.113.7"

// deposit puts a ticket into a vault, as `az keyvault secret set` does.
func (w *world) deposit(vault, name, ticket string) {
	w.t.Helper()
	body, _ := json.Marshal(map[string]string{"value": strings.TrimSpace(ticket)})
	w.write("secret.json", string(body))
	_, out := w.run(w.at("internet:"+operator, "--azure", "--", "sh", "-c", `
t=$(curl -s "https://login.microsoftonline.com/$AZURE_TENANT_ID/oauth2/v2.0/token" -d grant_type=client_credentials -d client_id="$AZURE_CLIENT_ID" \
  -d scope=https://vault.azure.net/.default --data-urlencode client_secret="$AZURE_CLIENT_SECRET" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
exec curl -s -X PUT -H "Authorization: Bearer $t" -H "Content-Type: application/json" -d @secret.json "https://$0.vault.azure.net/secrets/$1?api-version=7.4"`, vault, name))
	if !strings.Contains(out, `"id":"https://`) {
		w.t.Fatalf("the ticket %s was not put into %s: %s", name, vault, out)
	}
}

// asMachine asks a vault for a secret from a place, with the place's own
// identity: what it says, and the status.
func (w *world) asMachine(place, secret string) (body, status string) {
	w.t.Helper()
	_, out := w.run(w.at(place, "--", "sh", "-c", `
t=$(curl -s -H "X-IDENTITY-HEADER: $IDENTITY_HEADER" "$IDENTITY_ENDPOINT?api-version=2019-08-01&resource=https://vault.azure.net" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
exec curl -s -m 20 -w '\n%{http_code}' -H "Authorization: Bearer $t" "$0?api-version=7.4"`, secret))
	out = strings.TrimSpace(out)
	at := strings.LastIndex(out, "\n")
	return out[:max(at, 0)], out[at+1:]
}

// redeemed is the ticket that a machine finds in a vault.
func (w *world) redeemed(place, secret string) string {
	w.t.Helper()
	body, status := w.asMachine(place, secret)
	var found struct{ Value string }
	if err := json.Unmarshal([]byte(body), &found); err != nil || found.Value == "" {
		w.t.Fatalf("%s does not read %s: %s %s", place, secret, status, body)
	}
	return found.Value
}
