package cloud

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/ostiary/ostiary/internal/arm"
)

// blobCall is one request on its way through.
type blobCall struct {
	*http.Request
	account   arm.Resource
	query     url.Values
	container string // empty: the account itself
	name      string // of the blob; empty: the container itself
}

var containerName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(\$root|\$web|\$logs|[a-z0-9](-?[a-z0-9]){2,62})$`) })

const maxBlobName = 1024 // bytes; Azure counts characters

// serve answers for one storage account, and is the one place that writes a
// refusal.
func (s *blobs) serve(w http.ResponseWriter, r *http.Request, label string) {
	h := w.Header()
	h.Set("X-Ms-Request-Id", randomGUID())
	h.Set("X-Ms-Version", "2023-11-03")
	if v := r.Header.Get("X-Ms-Version"); v != "" && len(v) <= 32 {
		h.Set("X-Ms-Version", v)
	}
	if id := r.Header.Get("X-Ms-Client-Request-Id"); id != "" && len(id) <= 1024 {
		h.Set("X-Ms-Client-Request-Id", id)
	}
	account, ok := s.cloud.find(storageType, label)
	if !ok { // on Azure the name would not resolve
		http.Error(w, "The emulated Azure has no storage account of this name.", http.StatusMisdirectedRequest)
		return
	}
	c := &blobCall{Request: r, account: account, query: r.URL.Query()}
	c.container, c.name, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if refused := s.answer(w, c); refused != nil {
		refused.write(w, r, s.cloud.now())
	}
}

func (s *blobs) answer(w http.ResponseWriter, c *blobCall) *blobError {
	if Admit(c.account.Body, OriginOf(c.Context())) != Admitted {
		return &blobError{http.StatusForbidden, "AuthorizationFailure", "This request is not authorized to perform this operation."}
	}
	if c.container == "" {
		return s.serveAccount(w, c)
	}
	if !containerName().MatchString(c.container) {
		return &blobError{http.StatusBadRequest, "InvalidResourceName", "The specified resource name contains invalid characters."}
	}
	if c.name == "" {
		return s.serveContainer(w, c)
	}
	if len(c.name) > maxBlobName || !utf8.ValidString(c.name) {
		return &blobError{http.StatusBadRequest, "InvalidUri", "The requested URI does not represent any resource on the server."}
	}
	return s.serveBlob(w, c)
}

func (s *blobs) serveAccount(w http.ResponseWriter, c *blobCall) *blobError {
	if refused := s.authorize(w, c, "Microsoft.Storage/storageAccounts/blobServices/containers/read", false); refused != nil {
		return refused
	}
	switch restype, comp := c.query.Get("restype"), c.query.Get("comp"); {
	case c.Method == http.MethodGet && comp == "list":
		return s.listContainers(w, c)
	case c.Method == http.MethodGet && restype == "service" && comp == "properties":
		return s.serviceProperties(w, c)
	case (c.Method == http.MethodGet || c.Method == http.MethodHead) && restype == "account" && comp == "properties":
		w.Header().Set("X-Ms-Sku-Name", "Standard_LRS")
		w.Header().Set("X-Ms-Account-Kind", "StorageV2")
		w.WriteHeader(http.StatusOK)
		return nil
	}
	return notEmulated("this operation on an account")
}

// Container operations by method and comp; all of them need restype=container.
func (s *blobs) serveContainer(w http.ResponseWriter, c *blobCall) *blobError {
	if c.query.Get("restype") != "container" {
		return noBlob() // a blob of $root
	}
	type row struct {
		action string // what a role must allow, of .../containers/
		data   bool
		do     func(http.ResponseWriter, *blobCall) *blobError
	}
	var found row
	switch c.Method + " " + c.query.Get("comp") {
	case "PUT ":
		found = row{"write", false, s.createContainer}
	case "DELETE ":
		found = row{"delete", false, s.deleteContainer}
	case "GET ", "HEAD ", "GET metadata", "HEAD metadata":
		found = row{"read", false, s.containerProperties}
	case "PUT metadata":
		found = row{"write", false, s.containerMetadata}
	case "GET acl", "HEAD acl":
		found = row{"getAcl/action", false, s.containerACL}
	case "PUT lease":
		found = row{"write", false, s.leaseContainer}
	case "GET list":
		found = row{"blobs/read", true, s.listBlobs}
	default:
		return notEmulated("this operation on a container")
	}
	if refused := s.authorize(w, c, "Microsoft.Storage/storageAccounts/blobServices/containers/"+found.action, found.data); refused != nil {
		return refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return found.do(w, c)
}

func (s *blobs) serveBlob(w http.ResponseWriter, c *blobCall) *blobError {
	action := "write"
	var do func(http.ResponseWriter, *blobCall) *blobError
	switch c.Method + " " + c.query.Get("comp") {
	case "PUT ":
		do = s.putBlob
	case "PUT block":
		do = s.putBlock
	case "PUT blocklist":
		do = s.putBlockList
	case "PUT metadata":
		do = s.locked(s.setMetadata)
	case "PUT properties":
		do = s.locked(s.setProperties)
	case "PUT lease":
		do = s.locked(s.leaseBlob)
	case "PUT snapshot":
		do = s.locked(s.snapshotBlob)
	case "DELETE ":
		action, do = "delete", s.locked(s.deleteBlob)
	case "GET ", "HEAD ":
		action, do = "read", s.getBlob
	case "GET metadata", "HEAD metadata":
		action, do = "read", s.getBlob
	case "GET blocklist":
		action, do = "read", s.locked(s.blockList)
	default:
		return notEmulated("this operation on a blob")
	}
	if refused := s.authorize(w, c, "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/"+action, true); refused != nil {
		return refused
	}
	return do(w, c)
}

func (s *blobs) locked(do func(http.ResponseWriter, *blobCall) *blobError) func(http.ResponseWriter, *blobCall) *blobError {
	return func(w http.ResponseWriter, c *blobCall) *blobError {
		s.mu.Lock()
		defer s.mu.Unlock()
		return do(w, c)
	}
}
