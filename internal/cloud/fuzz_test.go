package cloud

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Whatever a client sends, every service answers: no panic, a status that HTTP
// knows, and never a 500, which would be a fault of ours.
func FuzzServices(f *testing.F) {
	for _, s := range []struct{ host, method, path, body, header string }{
		{"samplestore.blob.core.windows.net", "PUT", "/c/b?comp=lease", "", "X-Ms-Lease-Action: acquire"},
		{"samplestore.blob.core.windows.net", "PUT", "/c/b?comp=blocklist", "<BlockList><Latest>YQ==</Latest></BlockList>", ""},
		{"samplestore.blob.core.windows.net", "GET", "/c?restype=container&comp=list&marker=%ff", "", "Range: bytes=0-"},
		{"sample-vault.vault.azure.net", "PUT", "/secrets/a?api-version=7.4", `{"value":"x","tags":null}`, ""},
		{"sampleimages.azurecr.io", "PUT", "/v2/x/manifests/latest", `{"layers":[{}]}`, ""},
		{"sampleimages.azurecr.io", "POST", "/oauth2/token", "scope=a:b:c", "Content-Type: application/x-www-form-urlencoded"},
		{"graph.microsoft.com", "GET", "/v1.0/users?$filter=startswith(a,'b''c')%20or%20d%20eq%20'e'", "", ""},
		{"graph.microsoft.com", "POST", "/v1.0/servicePrincipals(appId=')", `{}`, ""},
	} {
		f.Add(s.host, s.method, s.path, s.body, s.header)
	}
	f.Fuzz(func(t *testing.T, host, method, path, body, header string) {
		r := httptest.NewRequest(http.MethodGet, "https://localhost/", strings.NewReader(body))
		before, query, _ := strings.Cut(path, "?")
		r.Method, r.Host, r.URL.Path, r.URL.RawQuery = method, host, before, query
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set("Authorization", "Bearer owner@"+map[bool]string{true: storageScope, false: graphScope}[strings.Contains(host, "blob")])
		if strings.Contains(host, "vault") {
			r.Header.Set("Authorization", "Bearer owner@"+vaultScope)
		}
		r.Header.Set(name, value)
		e := open(t)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r.WithContext(WithOrigin(r.Context(), inside())))
		if w.Code < 200 || w.Code > 599 || w.Code == 500 {
			t.Errorf("%s %s%s: %d %s", method, host, path, w.Code, w.Body)
		}
	})
}
