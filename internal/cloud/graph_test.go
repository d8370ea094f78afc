package cloud

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
)

func (e *estate) directory(method, path, body string) *httptest.ResponseRecorder {
	return e.call(Origin{}, method, "https://graph.microsoft.com/v1.0/"+strings.ReplaceAll(path, " ", "%20"), body, bearer("person-1", graphScope))
}

func TestDirectoryIsRead(t *testing.T) {
	e := open(t)
	want(t, e.call(Origin{}, "GET", "https://graph.microsoft.com/v1.0/me", ""), 401, "InvalidAuthenticationToken")
	want(t, e.directory("GET", "me", ""), 200, `"userPrincipalName":"one@sample.example"`)
	want(t, e.directory("GET", "me/memberOf", ""), 200, `"id":"group-1"`)
	want(t, e.call(Origin{}, "GET", "https://graph.microsoft.com/v1.0/me", "", bearer("principal-1", graphScope)), 400, "delegated")
	want(t, e.directory("GET", "users/one@sample.example", ""), 200, `"id":"person-1"`)
	want(t, e.directory("GET", "groups/group-1/members", ""), 200, `"id":"person-1"`)
	want(t, e.directory("GET", "servicePrincipals?$filter=appId eq 'APP-1'", ""), 200, `"id":"principal-1"`)
	want(t, e.directory("GET", "servicePrincipals(appId='app-1')", ""), 200, `"id":"principal-1"`)
	want(t, e.directory("GET", "groups?$filter=displayName eq 'Sample Group' and securityEnabled eq true", ""), 200, `"id":"group-1"`)
	want(t, e.directory("GET", "groups?$filter=startswith(displayName,'Other')", ""), 200, `"value":[]`)
	want(t, e.directory("GET", "users?$filter=displayName lt 'x'", ""), 400, "Request_UnsupportedQuery")
	want(t, e.directory("GET", "directoryObjects/group-1", ""), 200, `"#microsoft.graph.group"`)
	want(t, e.directory("POST", "directoryObjects/getByIds", `{"ids":["person-1","none",7]}`), 200, `"id":"person-1"`)
	want(t, e.directory("GET", "users/none", ""), 404, "Request_ResourceNotFound")
	want(t, e.directory("DELETE", "users/person-1", ""), 501)
	want(t, e.directory("PATCH", "servicePrincipals/principal-1", `{"displayName":"x"}`), 403)
	want(t, e.directory("POST", "applications", `{`), 400)
}

// What a deployment does to get an application that can sign in.
func TestApplication(t *testing.T) {
	e := open(t)
	var app, principal, password struct {
		ID     string `json:"id"`
		AppID  string `json:"appId"`
		Secret string `json:"secretText"`
		KeyID  string `json:"keyId"`
	}
	made := func(into any, w *httptest.ResponseRecorder, status int) {
		t.Helper()
		want(t, w, status)
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			t.Fatal(err)
		}
	}
	want(t, e.directory("POST", "applications", `{}`), 400)
	made(&app, e.directory("POST", "applications", `{"displayName":"gateway","identifierUris":["api://gateway"],"api":{"requestedAccessTokenVersion":2}}`), 201)
	made(&password, e.directory("POST", "applications/"+app.ID+"/addPassword", `{"passwordCredential":{"displayName":"deploy"}}`), 200)
	if _, ok := e.CheckPassword(app.AppID, password.Secret); ok {
		t.Error("without a service principal nobody signs in")
	}
	want(t, e.directory("POST", "servicePrincipals", `{"appId":"none"}`), 400)
	made(&principal, e.directory("POST", "servicePrincipals", `{"appId":"`+app.AppID+`"}`), 201)
	want(t, e.directory("POST", "servicePrincipals", `{"appId":"`+app.AppID+`"}`), 409)
	e.reopen(t)
	if id, ok := e.CheckPassword(app.AppID, password.Secret); !ok || id != principal.ID {
		t.Errorf("%s, %v", id, ok)
	}
	if _, ok := e.CheckPassword(app.AppID, password.Secret+"x"); ok {
		t.Error("a wrong secret")
	}
	if all := e.Applications(); len(all) != 1 || all[0].ObjectID != principal.ID || all[0].TokenVersion != 2 || all[0].URIs[0] != "api://gateway" {
		t.Errorf("%+v", all)
	}
	shown := e.directory("GET", "applications/"+app.ID, "")
	want(t, shown, 200, `"hint":"`+password.Secret[:3])
	if strings.Contains(shown.Body.String(), password.Secret) {
		t.Error("the secret is shown twice")
	}
	want(t, e.directory("PATCH", "applications/"+app.ID, `{"displayName":"renamed","appId":"stolen"}`), 204)
	want(t, e.directory("GET", "applications?$filter=appId eq '"+app.AppID+"'", ""), 200, "renamed")
	const federated = `{"name":"ci","issuer":"https://issuer.example","subject":"x","audiences":["api://AzureADTokenExchange"]}`
	credentials := "applications/" + app.ID + "/federatedIdentityCredentials"
	want(t, e.directory("POST", credentials, `{"name":"ci","subject":"x"}`), 400, "issuer")
	want(t, e.directory("POST", credentials, strings.Replace(federated, `"]`, `","api://other"]`, 1)), 400, "one audience")
	want(t, e.directory("POST", credentials, federated), 201)
	want(t, e.directory("POST", credentials, strings.Replace(federated, "ci", "other", 1)), 409, "already exists")
	want(t, e.directory("GET", "applications/"+app.ID+"/federatedIdentityCredentials/ci", ""), 200, `"subject":"x"`)
	want(t, e.directory("POST", "applications/"+app.ID+"/owners/$ref", `{"@odata.id":"https://graph.microsoft.com/v1.0/directoryObjects/person-1"}`), 204)
	want(t, e.directory("GET", "applications/"+app.ID+"/owners", ""), 200, `"id":"person-1"`)
	want(t, e.directory("POST", "applications/"+app.ID+"/removePassword", `{"keyId":"`+password.KeyID+`"}`), 204)
	if _, ok := e.CheckPassword(app.AppID, password.Secret); ok {
		t.Error("a removed secret")
	}
	want(t, e.directory("DELETE", "applications/"+app.ID, ""), 204)
	want(t, e.directory("GET", "servicePrincipals/"+principal.ID, ""), 404)
}

// What one application says of another, and where it sends people back to, is
// what Graph would take; a PATCH of a part leaves the rest.
func TestRegistration(t *testing.T) {
	e := open(t)
	var app struct {
		ID string `json:"id"`
	}
	made := e.directory("POST", "applications", `{"displayName":"gateway","identifierUris":["api://gateway"],"api":{"requestedAccessTokenVersion":2,
		"oauth2PermissionScopes":[{"id":"AAAA","value":"user_impersonation","isEnabled":true},{"id":"off","value":"old","isEnabled":false}]}}`)
	want(t, made, 201)
	if err := json.Unmarshal(made.Body.Bytes(), &app); err != nil {
		t.Fatal(err)
	}
	at := "applications/" + app.ID
	want(t, e.directory("POST", "applications", `{"displayName":"other","identifierUris":["api://gateway"]}`), 400, "already exists")
	want(t, e.directory("PATCH", at, `{"web":{"redirectUris":["http://chat.example/"]}}`), 400, "https")
	want(t, e.directory("PATCH", at, `{"api":{"preAuthorizedApplications":[{"appId":"C","delegatedPermissionIds":["off"]}]}}`), 400, "does not offer")
	want(t, e.directory("PATCH", at, `{"api":{"preAuthorizedApplications":[{"appId":"C","delegatedPermissionIds":["aaaa"]}]}}`), 204)
	want(t, e.directory("PATCH", at, `{"web":{"redirectUris":["https://chat.example/"]}}`), 204)
	want(t, e.directory("POST", at+"/federatedIdentityCredentials", `{"name":"n","issuer":"i","subject":"s","audiences":["a"]}`), 201)
	a := e.Applications()[0]
	if a.TokenVersion != 2 || len(a.Scopes) != 1 || len(a.Known["c"]) != 1 || a.Known["c"][0] != "user_impersonation" || a.Redirects[0] != "https://chat.example/" || a.Federated[0].Subject != "s" {
		t.Errorf("%+v", a)
	}
}
