package cloud

import (
	"cmp"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/arm"
)

const (
	storageType   = "Microsoft.Storage/storageAccounts"
	containerType = storageType + "/blobServices/containers"
	storageScope  = "https://storage.azure.com"
	storageAppID  = "e406a681-f3d4-42a8-90b6-c2b029497af1"
)

// Bounds on how many things one account may have. Azure knows none of them.
const (
	maxContainers = 1_000
	maxBlobs      = 100_000 // of an account, snapshots included
)

// blobs is Blob Storage: accounts by keyOf their resource.
type blobs struct {
	cloud *Cloud
	path  string

	mu       sync.Mutex
	accounts map[string]*blobAccount
}

type blobAccount struct {
	Containers map[string]*container `json:"containers"`
}

type container struct {
	stamp
	Lease    lease             `json:"lease"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Blobs    map[string]*blob  `json:"blobs"`
	Gone     bool              `json:"gone,omitempty"` // deleted here, though the Resource Manager still tells of it
}

// stamp is what changes with every write.
type stamp struct {
	Created  time.Time `json:"created"`
	Modified time.Time `json:"modified"`
	ETag     string    `json:"etag"`
}

type blob struct {
	stamp
	content
	Lease     lease             `json:"lease"`
	Headers   map[string]string `json:"headers,omitempty"` // Content-Type and its kin
	Metadata  map[string]string `json:"metadata,omitempty"`
	Committed []block           `json:"committed,omitempty"`
	Staged    []block           `json:"staged,omitempty"`
	Snapshots []snapshot        `json:"snapshots,omitempty"`
	Empty     bool              `json:"empty,omitempty"` // staged blocks alone: not there yet
}

type block struct {
	ID string `json:"id"`
	content
}

type snapshot struct {
	Time string `json:"time"`
	stamp
	content
	Headers  map[string]string `json:"headers,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

func openBlobs(c *Cloud, dir string) (*blobs, error) {
	s := &blobs{cloud: c, path: filepath.Join(dir, "blobs.json"), accounts: map[string]*blobAccount{}}
	return s, load(s.path, &s.accounts)
}

// all are the contents that a blob refers to.
func (b *blob) all() []content {
	var found []content
	if !b.Empty {
		found = append(found, b.content)
	}
	for _, x := range b.Staged {
		found = append(found, x.content)
	}
	for _, x := range b.Snapshots {
		found = append(found, x.content)
	}
	return found
}

func (a *blobAccount) all() []content {
	var found []content
	for _, k := range a.Containers {
		for _, b := range k.Blobs {
			found = append(found, b.all()...)
		}
	}
	return found
}

func (s *blobs) digests() []content {
	var found []content
	for _, a := range s.accounts {
		found = append(found, a.all()...)
	}
	return found
}

// account is the state of a resource, made at its first use. The caller holds
// mu.
func (s *blobs) account(r arm.Resource) *blobAccount {
	key := keyOf(r)
	if s.accounts[key] == nil {
		s.accounts[key] = &blobAccount{Containers: map[string]*container{}}
	}
	return s.accounts[key]
}

// prune drops the state of accounts that are no more.
func (s *blobs) prune(there map[string]bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.accounts)
	maps.DeleteFunc(s.accounts, func(key string, a *blobAccount) bool {
		if !there[key] {
			s.cloud.contents.release(a.all()...)
		}
		return !there[key]
	})
	if len(s.accounts) == before {
		return nil
	}
	return save(s.path, s.accounts)
}

// container finds one that was made here or in the Resource Manager.
func (s *blobs) container(c *blobCall, name string) (*container, *blobError) {
	a := s.account(c.account)
	k := a.Containers[name]
	id := c.account.ID + "/blobServices/default/containers/" + name
	made, managed := s.cloud.arm.Get(id)
	switch {
	case k == nil && managed:
		k = &container{Blobs: map[string]*blob{}}
		k.touch(s.cloud.now())
		k.Metadata = stringMap(object(object(made.Body, "properties"), "metadata"))
		a.Containers[name] = k
	case k == nil || k.Gone:
		return nil, noContainer()
	}
	return k, nil
}

func stringMap(m map[string]any) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		if s, ok := v.(string); ok {
			out[strings.ToLower(k)] = s
		}
	}
	return out
}

func (t *stamp) touch(now time.Time) {
	now = now.UTC()
	if t.Created.IsZero() {
		t.Created = now
	}
	t.Modified = now
	t.ETag = `"0x8` + strings.ToUpper(randomHex(7)) + `"`
}

func (s *blobs) save() *blobError {
	if err := save(s.path, s.accounts); err != nil {
		s.cloud.log.Error("the index of blobs could not be written", "error", err)
		return &blobError{http.StatusInternalServerError, "InternalError", "The server encountered an internal error. Please retry the request."}
	}
	return nil
}

// containerNames are those of the account and those that the Resource Manager
// has under it, in order.
func (s *blobs) containerNames(c *blobCall) []string {
	prefix := strings.ToLower(c.account.ID) + "/blobservices/default/containers/"
	names := map[string]bool{}
	for _, r := range s.cloud.arm.List(containerType) {
		if strings.HasPrefix(strings.ToLower(r.ID), prefix) {
			names[r.ID[len(prefix):]] = true
		}
	}
	for name, k := range s.account(c.account).Containers {
		names[name] = !k.Gone
	}
	maps.DeleteFunc(names, func(_ string, there bool) bool { return !there })
	return slices.Sorted(maps.Keys(names))
}

// contentType is what a blob is served as.
func contentType(headers map[string]string) string {
	return cmp.Or(headers["Content-Type"], "application/octet-stream")
}
