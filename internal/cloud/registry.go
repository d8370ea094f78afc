package cloud

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/arm"
)

const registryType = "Microsoft.ContainerRegistry/registries"

// Bounds of one registry.
const (
	maxRepositories = 1_000
	maxManifests    = 10_000 // of a repository; tags as many
	maxManifest     = 4 << 20
	maxUploads      = 64
	uploadLife      = time.Hour
)

// registries is Container Registry's data plane: the distribution protocol
// behind Azure's token exchange.
//
// https://distribution.github.io/distribution/spec/api/
type registries struct {
	cloud *Cloud
	path  string
	sign  []byte // of the tokens it issues; they end with the process

	mu      sync.Mutex
	all     map[string]map[string]*repository // by keyOf the registry, then by name
	uploads map[string]*upload
}

type repository struct {
	Layers    map[string]content  `json:"layers"`    // by digest
	Manifests map[string]manifest `json:"manifests"` // by digest
	Tags      map[string]string   `json:"tags"`      // to digests
}

type manifest struct {
	content
	Type string `json:"type"`
}

// upload is a layer that comes in parts. busy keeps a second part out while
// one is being written.
type upload struct {
	*incoming
	registry, repository string
	busy                 bool
	touched              time.Time
}

func openRegistries(c *Cloud, dir string) (*registries, error) {
	s := &registries{
		cloud: c, path: filepath.Join(dir, "registries.json"), sign: []byte(rand.Text() + rand.Text()),
		all: map[string]map[string]*repository{}, uploads: map[string]*upload{},
	}
	return s, load(s.path, &s.all)
}

func (r *repository) contents() (found []content) {
	for _, c := range r.Layers {
		found = append(found, c)
	}
	for _, m := range r.Manifests {
		found = append(found, m.content)
	}
	return found
}

func (s *registries) digests() (found []content) {
	for _, repositories := range s.all {
		for _, r := range repositories {
			found = append(found, r.contents()...)
		}
	}
	return found
}

// repositories are those of a registry. The caller holds mu.
func (s *registries) repositories(r arm.Resource) map[string]*repository {
	key := keyOf(r)
	if s.all[key] == nil {
		s.all[key] = map[string]*repository{}
	}
	return s.all[key]
}

// prune drops the repositories of registries that are no more.
func (s *registries) prune(there map[string]bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.all)
	maps.DeleteFunc(s.all, func(key string, repositories map[string]*repository) bool {
		if !there[key] {
			for _, x := range repositories {
				s.cloud.contents.release(x.contents()...)
			}
		}
		return !there[key]
	})
	if len(s.all) == before {
		return nil
	}
	return save(s.path, s.all)
}

// repository is one by name, made where make says so; nil where it is not.
func (s *registries) repository(c *registryCall, create bool) (*repository, *registryError) {
	all := s.repositories(c.registry)
	r := all[c.repository]
	if r == nil && create {
		if len(all) >= maxRepositories {
			return nil, &registryError{http.StatusTooManyRequests, "TOOMANYREQUESTS", "the emulator keeps no more repositories"}
		}
		r = &repository{map[string]content{}, map[string]manifest{}, map[string]string{}}
		all[c.repository] = r
	}
	return r, nil
}

func (s *registries) save() *registryError {
	if err := save(s.path, s.all); err != nil {
		s.cloud.log.Error("the index of registries could not be written", "error", err)
		return &registryError{http.StatusInternalServerError, "UNKNOWN", "the registry could not keep this"}
	}
	return nil
}

// registryError is a refusal in the distribution protocol's shape.
type registryError struct {
	status  int
	code    string
	message string
}

func (e *registryError) write(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		w.WriteHeader(e.status)
		return
	}
	type one struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	writeJSON(w, e.status, struct {
		Errors []one `json:"errors"`
	}{[]one{{e.code, e.message}}})
}

func unknownName(repository string) *registryError {
	return &registryError{http.StatusNotFound, "NAME_UNKNOWN", "repository \"" + clip(repository) + "\" is not found"}
}

func notStored(err error) *registryError {
	switch {
	case errors.Is(err, errContentTooLarge):
		return &registryError{http.StatusRequestEntityTooLarge, "SIZE_INVALID", fmt.Sprintf("the emulator takes layers of at most %d bytes", int64(maxContent))}
	case errors.Is(err, errContentsFull):
		return &registryError{http.StatusInsufficientStorage, "UNKNOWN", "the emulator's store of contents is full; delete images or blobs"}
	}
	return &registryError{http.StatusBadRequest, "BLOB_UPLOAD_INVALID", "the body could not be read or stored"}
}

var (
	repositoryName = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagName        = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`) })
	digestName     = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	uploadName     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Z2-7]{20,40}$`) })
)

// loginServer is the name that the registry's resource tells, in lower case.
func loginServer(r arm.Resource) string { return strings.ToLower(r.Name) + ".azurecr.io" }

// window cuts a sorted list after last, n entries at most.
func window(all []string, last string, n int) (some []string, more bool) {
	at, found := slices.BinarySearch(all, last)
	if found {
		at++
	}
	if last == "" {
		at = 0
	}
	all = all[at:]
	if n > 0 && len(all) > n {
		return all[:n], true
	}
	return all, false
}
