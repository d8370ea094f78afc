package cloud

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ostiary/ostiary/internal/arm"
)

const (
	storeURL = "https://samplestore.blob.core.windows.net"
	stateURL = storeURL + "/tfstate/prod.tfstate"
	leaseID  = "11111111-2222-3333-4444-555555555555"
)

func (e *estate) store(method, url, body string, header ...string) *httptest.ResponseRecorder {
	return e.call(inside(), method, url, body, append(header, bearer("owner", storageScope))...)
}

func container0(t *testing.T) *estate {
	t.Helper()
	e := open(t)
	want(t, e.store("PUT", storeURL+"/tfstate?restype=container", ""), 201)
	return e
}

// The requests of Terraform's azurerm backend, in its order: no state, lock,
// write under the lock, another's lock refused, unlock.
func TestTerraformState(t *testing.T) {
	e := container0(t)
	want(t, e.store("GET", stateURL, ""), 404, "BlobNotFound")
	want(t, e.store("HEAD", stateURL, ""), 404)
	want(t, e.store("PUT", stateURL, "", "X-Ms-Blob-Type: BlockBlob", "Content-Type: application/json"), 201)
	want(t, e.store("PUT", stateURL+"?comp=lease", "", "X-Ms-Lease-Action: acquire", "X-Ms-Lease-Duration: -1", "X-Ms-Proposed-Lease-Id: "+leaseID), 201)
	want(t, e.store("PUT", stateURL+"?comp=metadata", "", "X-Ms-Lease-Id: "+leaseID, "X-Ms-Meta-Terraformlockid: eyJJRCI6IngifQ=="), 200)

	other := e.store("PUT", stateURL+"?comp=lease", "", "X-Ms-Lease-Action: acquire", "X-Ms-Lease-Duration: -1")
	want(t, other, 409, "<Code>LeaseAlreadyPresent</Code>", "There is already a lease present.")
	if other.Header().Get("X-Ms-Error-Code") != "LeaseAlreadyPresent" {
		t.Error(other.Header())
	}
	head := e.store("HEAD", stateURL, "")
	if h := head.Header(); h.Get("X-Ms-Lease-State") != "leased" || h.Get("X-Ms-Lease-Status") != "locked" || h.Get("X-Ms-Lease-Duration") != "infinite" || h.Get("X-Ms-Meta-Terraformlockid") != "eyJJRCI6IngifQ==" {
		t.Error(h)
	}

	want(t, e.store("PUT", stateURL, `{"serial":1}`, "X-Ms-Blob-Type: BlockBlob"), 412, "LeaseIdMissing")
	want(t, e.store("PUT", stateURL, `{"serial":1}`, "X-Ms-Blob-Type: BlockBlob", "X-Ms-Lease-Id: "+strings.Replace(leaseID, "1", "2", 1)), 412, "LeaseIdMismatchWithBlobOperation")
	want(t, e.store("PUT", stateURL, `{"serial":1}`, "X-Ms-Blob-Type: BlockBlob", "X-Ms-Lease-Id: "+leaseID, "Content-Type: application/json"), 201)
	e.reopen(t)
	got := e.store("GET", stateURL, "")
	want(t, got, 200, `{"serial":1}`)
	if got.Header().Get("Content-Type") != "application/json" || got.Header().Get("Content-Md5") == "" {
		t.Error(got.Header())
	}
	want(t, e.store("PUT", stateURL+"?comp=lease", "", "X-Ms-Lease-Action: release", "X-Ms-Lease-Id: "+leaseID), 200)
	want(t, e.store("DELETE", stateURL, ""), 202)
	want(t, e.store("GET", stateURL, ""), 404)
}

func TestLeases(t *testing.T) {
	e := container0(t)
	want(t, e.store("PUT", stateURL, "x", "X-Ms-Blob-Type: BlockBlob"), 201)
	act := func(status int, part string, header ...string) http.Header {
		t.Helper()
		w := e.store("PUT", stateURL+"?comp=lease", "", header...)
		want(t, w, status, part)
		return w.Header()
	}
	state := func(wanted string) {
		t.Helper()
		if got := e.store("HEAD", stateURL, "").Header().Get("X-Ms-Lease-State"); got != wanted {
			t.Errorf("the lease is %s, not %s", got, wanted)
		}
	}
	const acquire, id = "X-Ms-Lease-Action: acquire", "X-Ms-Proposed-Lease-Id: " + leaseID
	const mine = "X-Ms-Lease-Id: " + leaseID
	state("available")
	act(400, "InvalidHeaderValue", acquire, "X-Ms-Lease-Duration: 5")
	act(400, "InvalidHeaderValue", acquire)
	act(400, "InvalidHeaderValue", "X-Ms-Lease-Action: steal")
	act(409, "LeaseNotPresentWithLeaseOperation", "X-Ms-Lease-Action: release", mine)
	act(409, "LeaseNotPresentWithLeaseOperation", "X-Ms-Lease-Action: break")
	act(201, "", acquire, id, "X-Ms-Lease-Duration: 15")
	act(201, "", acquire, id, "X-Ms-Lease-Duration: 15") // the same id again is a renewal
	e.time = e.time.Add(15 * time.Second)
	state("expired")
	want(t, e.store("PUT", stateURL, "y", "X-Ms-Blob-Type: BlockBlob", mine), 412, "LeaseLost")
	act(200, "", "X-Ms-Lease-Action: renew", mine)
	state("leased")
	act(409, "LeaseIdMismatchWithLeaseOperation", "X-Ms-Lease-Action: renew", "X-Ms-Lease-Id: "+strings.ReplaceAll(leaseID, "1", "9"))
	if h := act(202, "", "X-Ms-Lease-Action: break", "X-Ms-Lease-Break-Period: 10"); h.Get("X-Ms-Lease-Time") != "10" {
		t.Error(h)
	}
	state("breaking")
	act(409, "LeaseIsBreakingAndCannotBeAcquired", acquire, "X-Ms-Lease-Duration: -1")
	act(409, "LeaseIsBrokenAndCannotBeRenewed", "X-Ms-Lease-Action: renew", mine)
	e.time = e.time.Add(10 * time.Second)
	state("broken")
	act(201, "", acquire, id, "X-Ms-Lease-Duration: -1")
	act(200, "", "X-Ms-Lease-Action: change", mine, "X-Ms-Proposed-Lease-Id: "+strings.ReplaceAll(leaseID, "1", "9"))
	if h := act(202, "", "X-Ms-Lease-Action: break"); h.Get("X-Ms-Lease-Time") != "0" {
		t.Error(h)
	}
	state("broken")
}

func TestBlobReads(t *testing.T) {
	e := container0(t)
	put := e.store("PUT", stateURL, "0123456789", "X-Ms-Blob-Type: BlockBlob", "X-Ms-Blob-Content-Type: text/plain", "X-Ms-Meta-Colour: blue")
	etag := put.Header().Get("Etag")
	for _, c := range []struct {
		header string
		status int
		body   string
		span   string
	}{
		{"X-Ms-Range: bytes=2-4", 206, "234", "bytes 2-4/10"},
		{"Range: bytes=8-", 206, "89", "bytes 8-9/10"},
		{"Range: bytes=5-99", 206, "56789", "bytes 5-9/10"},
		{"Range: bytes=10-", 416, "", "bytes */10"},
		{"Range: lines=1-2", 200, "0123456789", ""},
		{"Range: bytes=4-2", 200, "0123456789", ""},
		{"If-None-Match: " + etag, 304, "", ""},
		{"If-Match: " + etag, 200, "0123456789", ""},
		{`If-Match: "0x0"`, 412, "", ""},
		{"If-Modified-Since: " + e.time.Format(http.TimeFormat), 304, "", ""},
		{"If-Unmodified-Since: " + e.time.Add(-time.Hour).Format(http.TimeFormat), 412, "", ""},
	} {
		w := e.store("GET", stateURL, "", c.header)
		if w.Code != c.status || c.status < 300 && w.Body.String() != c.body || w.Header().Get("Content-Range") != c.span {
			t.Errorf("%s: %d %q %q", c.header, w.Code, w.Body, w.Header().Get("Content-Range"))
		}
	}
	if part := e.store("GET", stateURL, "", "Range: bytes=1-2").Header(); part.Get("Content-Md5") != "" || part.Get("X-Ms-Blob-Content-Md5") != put.Header().Get("Content-Md5") {
		t.Error(part)
	}
	want(t, e.store("PUT", stateURL, "new", "X-Ms-Blob-Type: BlockBlob", "If-None-Match: *"), 409, "BlobAlreadyExists")
	want(t, e.store("PUT", stateURL, "new", "X-Ms-Blob-Type: BlockBlob", "Content-Md5: "+base64.StdEncoding.EncodeToString(make([]byte, 16))), 400, "Md5Mismatch")
	want(t, e.store("PUT", stateURL, "new", "X-Ms-Blob-Type: AppendBlob"), 501, "NotImplemented")
	want(t, e.store("PUT", storeURL+"/none/x", "new", "X-Ms-Blob-Type: BlockBlob"), 404, "ContainerNotFound")
	want(t, e.store("PUT", storeURL+"/No/x", "new", "X-Ms-Blob-Type: BlockBlob"), 400, "InvalidResourceName")
	want(t, e.store("GET", stateURL, ""), 200, "0123456789")
	want(t, e.store("PUT", stateURL+"?comp=properties", "", "X-Ms-Blob-Content-Type: text/html"), 200)
	if h := e.store("HEAD", stateURL, "").Header(); h.Get("Content-Type") != "text/html" || h.Get("Content-Md5") != "" {
		t.Error(h)
	}
}

func TestSnapshots(t *testing.T) {
	e := container0(t)
	want(t, e.store("PUT", stateURL, "old", "X-Ms-Blob-Type: BlockBlob"), 201)
	at := e.store("PUT", stateURL+"?comp=snapshot", "").Header().Get("X-Ms-Snapshot")
	again := e.store("PUT", stateURL+"?comp=snapshot", "").Header().Get("X-Ms-Snapshot")
	if at == "" || at == again {
		t.Fatalf("%q and %q", at, again)
	}
	want(t, e.store("PUT", stateURL, "new", "X-Ms-Blob-Type: BlockBlob"), 201)
	want(t, e.store("GET", stateURL+"?snapshot="+at, ""), 200, "old")
	want(t, e.store("GET", storeURL+"/tfstate?restype=container&comp=list&include=snapshots", ""), 200, "<Snapshot>"+at+"</Snapshot>")
	want(t, e.store("DELETE", stateURL, ""), 409, "SnapshotsPresent")
	want(t, e.store("DELETE", stateURL+"?snapshot="+at, ""), 202)
	want(t, e.store("GET", stateURL+"?snapshot="+at, ""), 404)
	want(t, e.store("DELETE", stateURL, "", "X-Ms-Delete-Snapshots: include"), 202)
	if len(e.contents.held) != 0 || e.contents.used != 0 {
		t.Errorf("%v, %d bytes are still held", e.contents.held, e.contents.used)
	}
}

func TestBlocks(t *testing.T) {
	e := container0(t)
	url := storeURL + "/tfstate/large"
	id := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for name, text := range map[string]string{"a": "one ", "b": "two ", "c": "three"} {
		want(t, e.store("PUT", url+"?comp=block&blockid="+id(name), text), 201)
	}
	want(t, e.store("GET", url, ""), 404, "BlobNotFound")
	list := func(entries string) string { return `<?xml version="1.0"?><BlockList>` + entries + `</BlockList>` }
	want(t, e.store("PUT", url+"?comp=blocklist", list("<Latest>"+id("z")+"</Latest>")), 400, "InvalidBlockList")
	want(t, e.store("PUT", url+"?comp=blocklist", "<BlockList"), 400, "InvalidXmlDocument")
	want(t, e.store("PUT", url+"?comp=blocklist", list("<Latest>"+id("a")+"</Latest><Uncommitted>"+id("b")+"</Uncommitted><Latest>"+id("c")+"</Latest>"), "X-Ms-Blob-Content-Type: text/plain"), 201)
	want(t, e.store("GET", url, ""), 200, "one two three")
	want(t, e.store("GET", url+"?comp=blocklist&blocklisttype=all", ""), 200, "<Name>"+id("b")+"</Name><Size>4</Size>")
	want(t, e.store("PUT", url+"?comp=block&blockid="+id("d"), "zero "), 201)
	want(t, e.store("PUT", url+"?comp=blocklist", list("<Uncommitted>"+id("d")+"</Uncommitted><Committed>"+id("c")+"</Committed>")), 201)
	want(t, e.store("GET", url, ""), 200, "zero three")
	if len(e.contents.held) != 1 {
		t.Errorf("%v", e.contents.held)
	}
}

func TestListing(t *testing.T) {
	e := container0(t)
	for _, name := range []string{"a", "env/one", "env/two", "z"} {
		want(t, e.store("PUT", storeURL+"/tfstate/"+name, name, "X-Ms-Blob-Type: BlockBlob", "X-Ms-Meta-K: v"), 201)
	}
	type page struct {
		Names    []string `xml:"Blobs>Blob>Name"`
		Prefixes []string `xml:"Blobs>BlobPrefix>Name"`
		Next     string   `xml:"NextMarker"`
	}
	read := func(query string) page {
		t.Helper()
		w := e.store("GET", storeURL+"/tfstate?restype=container&comp=list"+query, "")
		want(t, w, 200)
		var p page
		if err := xml.Unmarshal([]byte(strings.TrimPrefix(w.Body.String(), "\ufeff")), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := read(""); strings.Join(p.Names, " ") != "a env/one env/two z" || p.Next != "" {
		t.Errorf("%+v", p)
	}
	if p := read("&prefix=env/"); strings.Join(p.Names, " ") != "env/one env/two" {
		t.Errorf("%+v", p)
	}
	if p := read("&delimiter=/"); strings.Join(p.Names, " ") != "a z" || strings.Join(p.Prefixes, " ") != "env/" {
		t.Errorf("%+v", p)
	}
	var names []string
	for marker := ""; ; {
		p := read("&maxresults=3&marker=" + marker)
		names = append(names, p.Names...)
		if marker = p.Next; marker == "" {
			break
		}
	}
	if strings.Join(names, " ") != "a env/one env/two z" {
		t.Error(names)
	}
	want(t, e.store("GET", storeURL+"/tfstate?restype=container&comp=list&maxresults=0", ""), 400, "OutOfRangeQueryParameterValue")
	want(t, e.store("GET", storeURL+"/?comp=list&include=metadata", ""), 200, "<Name>tfstate</Name>")
	want(t, e.store("GET", storeURL+"/?restype=service&comp=properties", ""), 200, "<StorageServiceProperties>")
	want(t, e.store("PUT", storeURL+"/tfstate?restype=container", ""), 409, "ContainerAlreadyExists")
	want(t, e.store("DELETE", storeURL+"/tfstate?restype=container", ""), 202)
	want(t, e.store("GET", storeURL+"/tfstate?restype=container", ""), 404, "ContainerNotFound")
}

// sign is the client's side of SharedKey, written from Microsoft's page and not
// from the server's code.
func sign(r *http.Request, key string) {
	text := r.Method + "\n\n\n" + r.Header.Get("X-Length") + "\n\n" + r.Header.Get("Content-Type") + "\n\n\n\n\n\n\n"
	r.Header.Del("X-Length")
	for _, name := range []string{"x-ms-blob-type", "x-ms-date", "x-ms-version"} {
		if v := r.Header.Get(name); v != "" {
			text += name + ":" + v + "\n"
		}
	}
	text += "/samplestore" + r.URL.Path
	for _, name := range []string{"comp", "restype"} {
		if v := r.URL.Query().Get(name); v != "" {
			text += "\n" + name + ":" + v
		}
	}
	raw, _ := base64.StdEncoding.DecodeString(key)
	mac := hmac.New(sha256.New, raw)
	mac.Write([]byte(text))
	r.Header.Set("Authorization", "SharedKey samplestore:"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func TestSharedKey(t *testing.T) {
	e := container0(t)
	call := func(key, method, url, body string, late time.Duration) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, url, strings.NewReader(body))
		r.Header.Set("X-Ms-Date", e.time.Add(-late).Format(http.TimeFormat))
		r.Header.Set("X-Ms-Version", "2023-11-03")
		if body != "" {
			r.Header.Set("X-Ms-Blob-Type", "BlockBlob")
			r.Header.Set("Content-Type", "text/plain")
			r.Header.Set("X-Length", "5")
		}
		sign(r, key)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		return w
	}
	empty := httptest.NewRequest(http.MethodPut, storeURL+"/tfstate/empty", nil)
	for name, value := range map[string]string{"X-Ms-Date": e.time.Format(http.TimeFormat), "X-Ms-Blob-Type": "BlockBlob", "Content-Length": "0"} {
		empty.Header.Set(name, value)
	}
	sign(empty, storeKey)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, empty)
	want(t, w, 201)
	want(t, call(storeKey, "PUT", stateURL, "hello", 0), 201)
	want(t, call(storeKey, "GET", stateURL, "", 0), 200, "hello")
	want(t, call(storeKey, "GET", storeURL+"/tfstate?restype=container&comp=list", "", 0), 200, "prod.tfstate")
	want(t, call(storeKey, "GET", stateURL, "", time.Hour), 403, "AuthenticationFailed")
	want(t, call(base64.StdEncoding.EncodeToString([]byte("another")), "GET", stateURL, "", 0), 403, "AuthenticationFailed")
	e.manager.properties(storeID)["allowSharedKeyAccess"] = false
	want(t, call(storeKey, "GET", stateURL, "", 0), 403, "KeyBasedAuthenticationNotPermitted")
}

func TestBlobAuthorization(t *testing.T) {
	e := container0(t)
	w := e.call(inside(), "GET", stateURL, "")
	want(t, w, 401, "NoAuthenticationInformation")
	if !strings.Contains(w.Header().Get("Www-Authenticate"), "authorization_uri=https://login.microsoftonline.com/"+tenant) {
		t.Error(w.Header())
	}
	want(t, e.call(inside(), "GET", stateURL, "", bearer("owner", vaultScope)), 401, "InvalidAuthenticationInfo")
	want(t, e.call(inside(), "GET", stateURL, "", bearer("reader", storageScope)), 403, "AuthorizationPermissionMismatch")
	e.manager.roles["reader Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"] = true
	want(t, e.call(inside(), "GET", stateURL, "", bearer("reader", storageScope+"/")), 404)
	want(t, e.call(inside(), "PUT", stateURL, "x", bearer("reader", storageScope), "X-Ms-Blob-Type: BlockBlob"), 403, "AuthorizationPermissionMismatch")
	e.manager.properties(storeID)["publicNetworkAccess"] = "Disabled"
	want(t, e.call(Origin{}, "GET", stateURL, "", bearer("owner", storageScope)), 403, "<Code>AuthorizationFailure</Code>")
	want(t, e.call(inside(), "GET", stateURL, "", bearer("owner", storageScope)), 404)
}

// An account that was deleted and made again has none of the old one's blobs.
// A vault keeps its secrets while it can be recovered.
func TestDeletedResourcesLoseTheirState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := container0(t)
		want(t, e.store("PUT", stateURL, "x", "X-Ms-Blob-Type: BlockBlob"), 201)
		want(t, e.vault("PUT", "/secrets/a", `{"value":"kept"}`), 200)
		done := make(chan error)
		ctx, stop := context.WithCancel(t.Context())
		go func() { done <- e.Run(ctx) }()
		synctest.Wait()
		account, vault := e.manager.resources[storeID], e.manager.resources[vaultID]
		e.manager.change(func(all map[string]*arm.Resource) {
			delete(all, storeID)
			delete(all, vaultID)
			all["deleted"] = &arm.Resource{Type: deletedVaultType, Body: map[string]any{"properties": map[string]any{"vaultId": vaultID}}}
		})
		synctest.Wait()
		e.manager.change(func(all map[string]*arm.Resource) { all[storeID], all[vaultID] = account, vault })
		synctest.Wait()
		want(t, e.store("GET", stateURL, ""), 404, "ContainerNotFound")
		want(t, e.vault("GET", "/secrets/a", ""), 200, "kept")
		if len(e.contents.held) != 0 {
			t.Error(e.contents.held)
		}
		e.manager.change(func(all map[string]*arm.Resource) { delete(all, vaultID); delete(all, "deleted") })
		synctest.Wait()
		e.manager.change(func(all map[string]*arm.Resource) { all[vaultID] = vault })
		synctest.Wait()
		want(t, e.vault("GET", "/secrets/a", ""), 404, "SecretNotFound")
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
