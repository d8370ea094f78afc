package cloud

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const images = "https://sampleimages.azurecr.io"

// roles that let push and pull.
func (e *estate) mayPush(who string) {
	e.manager.roles[who+" "+registryType+"/pull/read"] = true
	e.manager.roles[who+" "+registryType+"/push/write"] = true
}

// refresh is the first half of Azure's exchange.
func (e *estate) refresh(t *testing.T, who string) string {
	t.Helper()
	form := url.Values{"grant_type": {"access_token"}, "service": {"sampleimages.azurecr.io"}, "access_token": {who + "@" + managementScope}}
	w := e.call(inside(), "POST", images+"/oauth2/exchange", form.Encode(), "Content-Type: application/x-www-form-urlencoded")
	want(t, w, 200)
	var out struct {
		Token string `json:"refresh_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || out.Token == "" {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return out.Token
}

// access is the second half.
func (e *estate) access(t *testing.T, refresh, scope string) string {
	t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "service": {"sampleimages.azurecr.io"}, "scope": {scope}, "refresh_token": {refresh}}
	w := e.call(inside(), "POST", images+"/oauth2/token", form.Encode(), "Content-Type: application/x-www-form-urlencoded")
	want(t, w, 200)
	var out struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return "Authorization: Bearer " + out.Token
}

// An image of one layer is pushed by hand and read back by tag and by digest.
func TestPushAndPull(t *testing.T) {
	e := open(t)
	e.mayPush("b")
	token := e.access(t, e.refresh(t, "b"), "repository:team/x:pull,push repository:team/y:pull,push")
	digest := func(s string) string { sum := sha256.Sum256([]byte(s)); return "sha256:" + hex.EncodeToString(sum[:]) }
	do := func(method, path, body string, header ...string) *httptest.ResponseRecorder {
		return e.call(inside(), method, images+path, body, append(header, token)...)
	}
	for _, blob := range []string{"layer", "{}"} {
		want(t, do("POST", "/v2/team/x/blobs/uploads/?digest="+digest(blob), blob), 201)
	}
	const typ = "application/vnd.oci.image.manifest.v1+json"
	manifest := `{"mediaType":"` + typ + `","config":{"digest":"` + digest("{}") + `"},"layers":[{"digest":"` + digest("layer") + `"}]}`
	want(t, do("PUT", "/v2/team/x/manifests/v1", manifest, "Content-Type: "+typ), 201)
	want(t, do("POST", "/v2/team/y/blobs/uploads/?from=team/x&mount="+digest("layer"), ""), 201)
	want(t, do("GET", "/v2/team/y/blobs/"+digest("layer"), ""), 200, "layer")
	for _, reference := range []string{"v1", digest(manifest)} {
		w := do("GET", "/v2/team/x/manifests/"+reference, "")
		if w.Code != 200 || w.Body.String() != manifest || w.Header().Get("Docker-Content-Digest") != digest(manifest) || w.Header().Get("Content-Type") != typ {
			t.Errorf("%s: %d %v %s", reference, w.Code, w.Header(), w.Body)
		}
	}
	want(t, do("GET", "/v2/team/x/tags/list", ""), 200, `"tags":["v1"]`)
	want(t, do("DELETE", "/v2/team/x/manifests/"+digest(manifest), ""), 401)
	e.manager.roles["b "+registryType+"/artifacts/delete"] = true
	token = e.access(t, e.refresh(t, "b"), "repository:team/x:delete,pull")
	want(t, do("DELETE", "/v2/team/x/manifests/"+digest(manifest), ""), 202)
	want(t, do("GET", "/v2/team/x/manifests/v1", ""), 404, "MANIFEST_UNKNOWN")
}

func TestRegistryTokens(t *testing.T) {
	e := open(t)
	e.mayPush("builder")
	e.manager.roles["reader "+registryType+"/pull/read"] = true
	w := e.call(inside(), "GET", images+"/v2/", "")
	want(t, w, 401, "UNAUTHORIZED")
	if got := w.Header().Get("Www-Authenticate"); got != `Bearer realm="https://sampleimages.azurecr.io/oauth2/token",service="sampleimages.azurecr.io"` {
		t.Error(got)
	}
	w = e.call(inside(), "GET", images+"/v2/team/x/tags/list", "")
	if got := w.Header().Get("Www-Authenticate"); !strings.HasSuffix(got, `,scope="repository:team/x:pull"`) {
		t.Error(got)
	}
	reader := e.refresh(t, "reader")
	asked := "repository:team/x:pull,push"
	start := func(header string) int {
		return e.call(inside(), "POST", images+"/v2/team/x/blobs/uploads/", "", header).Code
	}
	if got := start(e.access(t, reader, asked)); got != 401 {
		t.Errorf("a reader's push: %d", got)
	}
	if got := start(e.access(t, e.refresh(t, "builder"), asked)); got != 202 {
		t.Errorf("a builder's push: %d", got)
	}
	if got := start(e.access(t, e.refresh(t, "builder"), "repository:team/y:pull,push")); got != 401 {
		t.Errorf("another repository's token: %d", got)
	}
	if got := start("Authorization: Bearer " + reader); got != 401 {
		t.Errorf("a refresh token as access token: %d", got)
	}
	form := url.Values{"grant_type": {"access_token"}, "access_token": {"reader@" + vaultScope}}
	want(t, e.call(inside(), "POST", images+"/oauth2/exchange", form.Encode(), "Content-Type: application/x-www-form-urlencoded"), 401)
	want(t, e.call(inside(), "POST", images+"/oauth2/exchange", strings.Repeat("x", maxRegistryForm+1), "Content-Type: application/x-www-form-urlencoded"), 400)
	e.manager.properties(imagesID)["publicNetworkAccess"] = "Disabled"
	want(t, e.call(Origin{}, "GET", images+"/v2/", ""), 403, `"code":"DENIED"`, "is not allowed access")
}

func TestAdminUser(t *testing.T) {
	e := open(t)
	r := httptest.NewRequest(http.MethodGet, images+"/v2/", nil)
	r.SetBasicAuth("SampleImages", storeKey)
	login := "Authorization: " + r.Header.Get("Authorization")
	want(t, e.call(inside(), "GET", images+"/v2/", "", login), 401)
	e.manager.properties(imagesID)["adminUserEnabled"] = true
	want(t, e.call(inside(), "GET", images+"/v2/", "", login), 200)
	want(t, e.call(inside(), "GET", images+"/v2/_catalog", "", login), 200, `"repositories":[]`)
}

func TestUploads(t *testing.T) {
	e := open(t)
	e.mayPush("b")
	token := e.access(t, e.refresh(t, "b"), "repository:x:pull,push")
	digest := func(s string) string { sum := sha256.Sum256([]byte(s)); return "sha256:" + hex.EncodeToString(sum[:]) }
	do := func(method, path, body string, header ...string) *httptest.ResponseRecorder {
		return e.call(inside(), method, images+path, body, append(header, token)...)
	}
	begin := func() string { return do("POST", "/v2/x/blobs/uploads/", "").Header().Get("Location") }
	at := begin()
	want(t, do("PATCH", at, "hello ", "Content-Range: 0-5"), 202)
	want(t, do("PATCH", at, "x", "Content-Range: 0-0"), 416)
	if got := do("GET", at, "").Header().Get("Range"); got != "0-5" {
		t.Error(got)
	}
	want(t, do("PATCH", at, "wor", "Content-Range: 6-8"), 202)
	want(t, do("PUT", at+"?digest="+digest("hello world"), "ld"), 201)
	want(t, do("GET", "/v2/x/blobs/"+digest("hello world"), ""), 200, "hello world")
	part := do("GET", "/v2/x/blobs/"+digest("hello world"), "", "Range: bytes=6-")
	if part.Code != 206 || part.Body.String() != "world" {
		t.Errorf("%d %s", part.Code, part.Body)
	}
	want(t, do("POST", "/v2/x/blobs/uploads/?digest="+digest("whole"), "whole"), 201)
	want(t, do("PUT", begin()+"?digest="+digest("other"), "bytes"), 400, "DIGEST_INVALID")
	at = begin()
	want(t, do("DELETE", at, ""), 204)
	want(t, do("PATCH", at, "x"), 404, "BLOB_UPLOAD_UNKNOWN")
	want(t, do("PUT", "/v2/x/manifests/v1", `{"layers":[{"digest":"`+digest("none")+`"}]}`), 400, "MANIFEST_BLOB_UNKNOWN")
	want(t, do("PUT", "/v2/x/manifests/v1", `[`), 400, "MANIFEST_INVALID")
	want(t, do("PUT", "/v2/x/manifests/-", `{}`), 400, "TAG_INVALID")
	want(t, do("PUT", "/v2/x/manifests/v1", strings.Repeat(" ", maxManifest+1)), 413)
	for range maxUploads {
		begin()
	}
	want(t, do("POST", "/v2/x/blobs/uploads/", ""), 429)
	e.time = e.time.Add(uploadLife + 1)
	token = e.access(t, e.refresh(t, "b"), "repository:x:pull,push")
	want(t, do("POST", "/v2/x/blobs/uploads/", ""), 202)
}
