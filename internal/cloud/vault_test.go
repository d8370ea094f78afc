package cloud

import (
	"encoding/json"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

const vaultAt = "https://sample-vault.vault.azure.net"

func (e *estate) vault(method, path, body string) *httptest.ResponseRecorder {
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	return e.call(inside(), method, vaultAt+path+sep+"api-version=7.4", body, bearer("owner", vaultScope))
}

func TestSecretsLive(t *testing.T) {
	e := open(t)
	want(t, e.vault("GET", "/secrets/password", ""), 404, "SecretNotFound", "A secret with (name/id) password was not found in this key vault.")
	set := e.vault("PUT", "/secrets/password", `{"value":"first","contentType":"text/plain","tags":{"a":"b"}}`)
	want(t, set, 200, `"value":"first"`, `"recoveryLevel":"Recoverable+Purgeable"`, `"recoverableDays":7`)
	var made bundle
	if err := json.Unmarshal(set.Body.Bytes(), &made); err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(made.ID, vaultAt)
	want(t, e.vault("PUT", "/secrets/password", `{"value":"second"}`), 200)
	e.reopen(t)
	want(t, e.vault("GET", "/secrets/password", ""), 200, `"value":"second"`)
	want(t, e.vault("GET", "/secrets/password/", ""), 200, `"value":"second"`)
	want(t, e.vault("GET", path, ""), 200, `"value":"first"`, `"a":"b"`)
	want(t, e.vault("PATCH", path, `{"attributes":{"enabled":false},"contentType":"x"}`), 200, `"enabled":false`, `"contentType":"x"`)
	want(t, e.vault("GET", path, ""), 403, "SecretDisabled")
	versions := e.vault("GET", "/secrets/password/versions", "")
	want(t, versions, 200, made.ID)
	if strings.Contains(versions.Body.String(), "first") || strings.Count(versions.Body.String(), `"id"`) != 2 {
		t.Error(versions.Body)
	}
	want(t, e.vault("GET", "/secrets", ""), 200, `"id":"`+vaultAt+`/secrets/password"`)
}

func TestSoftDelete(t *testing.T) {
	e := open(t)
	want(t, e.vault("PUT", "/secrets/a", `{"value":"kept"}`), 200)
	want(t, e.vault("DELETE", "/secrets/a", ""), 200, `"recoveryId":"`+vaultAt+`/deletedsecrets/a"`, `"scheduledPurgeDate":`)
	want(t, e.vault("GET", "/secrets/a", ""), 404)
	want(t, e.vault("PUT", "/secrets/a", `{"value":"x"}`), 409, "ObjectIsDeletedButRecoverable")
	want(t, e.vault("GET", "/deletedsecrets/a", ""), 200)
	want(t, e.vault("GET", "/deletedsecrets", ""), 200, "deletedsecrets/a")
	want(t, e.vault("POST", "/deletedsecrets/a/recover", ""), 200)
	want(t, e.vault("GET", "/secrets/a", ""), 200, "kept")
	want(t, e.vault("DELETE", "/secrets/a", ""), 200)
	want(t, e.vault("DELETE", "/deletedsecrets/a", ""), 204)
	want(t, e.vault("GET", "/deletedsecrets/a", ""), 404)
	want(t, e.vault("PUT", "/secrets/a", `{"value":"new"}`), 200)

	want(t, e.vault("DELETE", "/secrets/a", ""), 200)
	e.manager.properties(vaultID)["enablePurgeProtection"] = true
	want(t, e.vault("DELETE", "/deletedsecrets/a", ""), 403)
	e.time = e.time.Add(8 * 24 * time.Hour)
	want(t, e.vault("GET", "/deletedsecrets/a", ""), 404)
}

func TestVaultPages(t *testing.T) {
	e := open(t)
	for i := range 30 {
		want(t, e.vault("PUT", "/secrets/s"+string(rune('a'+i%26))+string(rune('a'+i/26)), `{"value":"x"}`), 200)
	}
	seen, path := 0, "/secrets?maxresults=7"
	for path != "" {
		w := e.vault("GET", path, "")
		var p page
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
		seen += len(p.Value)
		path = ""
		if p.Next != nil {
			path = strings.TrimPrefix(*p.Next, vaultAt)
		}
	}
	if seen != 30 {
		t.Errorf("%d secrets seen", seen)
	}
	want(t, e.vault("GET", "/secrets?maxresults=26", ""), 400, "BadParameter")
}

func TestVaultRefusals(t *testing.T) {
	e := open(t)
	from := Origin{Address: netip.MustParseAddr("203.0.113.7")}
	get := func(o Origin, header ...string) *httptest.ResponseRecorder {
		return e.call(o, "GET", vaultAt+"/secrets/a?api-version=7.4", "", header...)
	}
	e.manager.properties(vaultID)["publicNetworkAccess"] = "Disabled"
	w := get(from)
	want(t, w, 401, "AKV10000")
	if got := w.Header().Get("Www-Authenticate"); got != `Bearer authorization="https://login.microsoftonline.com/`+tenant+`", resource="https://vault.azure.net"` {
		t.Error(got)
	}
	want(t, get(from, bearer("owner", storageScope)), 401, "Unauthorized")
	want(t, get(from, bearer("owner", vaultScope)), 403, "ForbiddenByConnection", "appid=app-owner;oid=owner")
	want(t, get(inside(), bearer("owner", vaultScope)), 404)
	e.manager.properties(vaultID)["publicNetworkAccess"] = "Enabled"
	e.manager.properties(vaultID)["networkAcls"] = map[string]any{"defaultAction": "Deny", "ipRules": []any{map[string]any{"value": "198.51.100.0/24"}}}
	want(t, get(from, bearer("owner", vaultScope)), 403, "ForbiddenByFirewall", "Client address: 203.0.113.7")
	want(t, get(inside(), bearer("stranger", vaultScope)), 403, "ForbiddenByRbac", "Microsoft.KeyVault/vaults/secrets/getSecret/action", "location=eastus")
	for path, status := range map[string]int{
		"/secrets/a": 400, "/secrets/a?api-version=1": 400, "/secrets/a_b?api-version=7.4": 400, "/secrets/a/zz?api-version=7.4": 400,
		"/keys?api-version=7.4": 501, "/secrets/a/backup?api-version=7.4": 501, "/certificates/contacts?api-version=7.4": 404,
	} {
		if w := e.call(inside(), "GET", vaultAt+path, "", bearer("owner", vaultScope)); w.Code != status {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for _, body := range []string{"", "{", `{"value":7}`, `{}`, `{"value":"` + strings.Repeat("x", maxSecretValue+1) + `"}`} {
		want(t, e.vault("PUT", "/secrets/a", body), 400, "BadParameter")
	}
	want(t, e.vault("PUT", "/secrets/a", strings.Repeat(" ", maxSecretBody+1)), 413)
}

func TestAccessPolicies(t *testing.T) {
	e := open(t)
	e.manager.resources[vaultID].Body = document(t, `{"properties":{"accessPolicies":[{"objectId":"READER","permissions":{"secrets":["Get","List"]}},{"objectId":"all","permissions":{"secrets":["all"]}}]}}`)
	do := func(who, method, path, body string) *httptest.ResponseRecorder {
		return e.call(inside(), method, vaultAt+path+"?api-version=7.4", body, bearer(who, vaultScope))
	}
	want(t, do("all", "PUT", "/secrets/a", `{"value":"x"}`), 200)
	want(t, do("reader", "GET", "/secrets/a", ""), 200)
	want(t, do("reader", "PUT", "/secrets/a", `{"value":"x"}`), 403, "ForbiddenByPolicy", "does not have secrets set permission on key vault 'sample-vault;location=eastus'")
	want(t, do("owner", "GET", "/secrets/a", ""), 403, "ForbiddenByPolicy")
	want(t, do("all", "DELETE", "/secrets/a", ""), 200)
	want(t, do("all", "DELETE", "/deletedsecrets/a", ""), 403, "secrets purge permission")
}
