package cloud

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/arm"
)

// What the Resource Manager makes is served at once, with its keys, its network
// settings and its roles.
func TestAgainstTheResourceManager(t *testing.T) {
	const subscription = "6e0f0b0c-2d44-4f0e-9f36-7a1c5b8d9e20"
	const person = "aaaaaaaa-0000-4000-8000-000000000001"
	const scope = "/subscriptions/" + subscription
	const providers = scope + "/resourceGroups/rg/providers/"
	manager, err := arm.New(arm.Config{Tenant: tenant, Subscription: subscription})
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{
		ARM: manager, Dir: t.TempDir(), Tenant: tenant,
		Verify: func(token string) (Caller, bool) {
			return Caller{ObjectID: "somebody", Groups: []string{person}, Audience: []string{token}}, true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	e := &estate{Cloud: c, time: time.Now()}
	put := func(id, body string) {
		t.Helper()
		if err := manager.Put(t.Context(), id, "2024-01-01", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	assign := func(name, role string) {
		t.Helper()
		put(scope+"/providers/Microsoft.Authorization/roleAssignments/"+name, `{"properties":{"roleDefinitionId":"`+scope+`/providers/Microsoft.Authorization/roleDefinitions/`+role+`","principalId":"`+person+`"}}`)
	}
	ask := func(method, url, audience, body string) *httptest.ResponseRecorder {
		return e.call(Origin{}, method, url, body, "Authorization: Bearer "+audience, "X-Ms-Blob-Type: BlockBlob")
	}
	want(t, ask("GET", storeURL+"/?comp=list", storageScope, ""), http.StatusMisdirectedRequest)
	put(scope+"/resourceGroups/rg", `{"location":"westeurope"}`)
	put(providers+storageType+"/samplestore", `{"location":"westeurope","kind":"StorageV2","sku":{"name":"Standard_LRS"}}`)
	put(providers+storageType+"/samplestore/blobServices/default/containers/tfstate", `{"properties":{}}`)
	put(providers+vaultType+"/sample-vault", `{"location":"westeurope","properties":{"tenantId":"`+tenant+`","sku":{"family":"A","name":"standard"},"enableRbacAuthorization":true,"softDeleteRetentionInDays":7}}`)
	put(providers+registryType+"/sampleimages", `{"location":"westeurope","sku":{"name":"Premium"},"properties":{"adminUserEnabled":true}}`)

	want(t, ask("PUT", stateURL, storageScope, "x"), 403, "AuthorizationPermissionMismatch")
	assign("11111111-0000-4000-8000-000000000001", "ba92f5b4-2d11-453d-a403-e96b0029c9fe") // Storage Blob Data Contributor
	want(t, ask("PUT", stateURL, storageScope, "x"), 201)
	want(t, ask("GET", storeURL+"/?comp=list", storageScope, ""), 200, "<Name>tfstate</Name>")

	signed := httptest.NewRequest(http.MethodGet, stateURL, nil)
	signed.Header.Set("X-Ms-Date", time.Now().UTC().Format(http.TimeFormat))
	sign(signed, manager.Keys(providers + storageType + "/samplestore")[1].Reveal())
	w := httptest.NewRecorder()
	c.ServeHTTP(w, signed)
	want(t, w, 200, "x")

	secret := vaultAt + "/secrets/a?api-version=7.4"
	want(t, ask("PUT", secret, vaultScope, `{"value":"x"}`), 403, "ForbiddenByRbac")
	assign("11111111-0000-4000-8000-000000000002", "b86a8fe4-44ce-4948-aee5-eccb2c155cd7") // Key Vault Secrets Officer
	want(t, ask("PUT", secret, vaultScope, `{"value":"x"}`), 200, `"recoverableDays":7`)

	login := httptest.NewRequest(http.MethodGet, images+"/v2/", nil)
	login.SetBasicAuth("sampleimages", manager.Keys(providers + registryType + "/sampleimages")[0].Reveal())
	w = httptest.NewRecorder()
	c.ServeHTTP(w, login)
	want(t, w, 200)
	assign("11111111-0000-4000-8000-000000000003", "7f951dda-4ed3-4680-a7ca-43fe172d538d") // AcrPull
	if !c.may(Caller{ObjectID: person}, registryActions("pull"), false, providers+registryType+"/sampleimages") ||
		c.may(Caller{ObjectID: person}, registryActions("push"), false, providers+registryType+"/sampleimages") {
		t.Error("AcrPull lets pull, and not push")
	}
}
