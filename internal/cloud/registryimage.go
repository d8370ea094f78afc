package cloud

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

func (s *registries) catalog(w http.ResponseWriter, c *registryCall) *registryError {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names(w, c, "repositories", slices.Sorted(maps.Keys(s.repositories(c.registry))))
}

func (s *registries) tags(w http.ResponseWriter, c *registryCall) *registryError {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, _ := s.repository(c, false)
	if r == nil {
		return unknownName(c.repository)
	}
	return s.names(w, c, "tags", slices.Sorted(maps.Keys(r.Tags)))
}

// names answers a list, cut by n and last, with the link to the rest.
func (s *registries) names(w http.ResponseWriter, c *registryCall, what string, all []string) *registryError {
	query := c.URL.Query()
	n := 0
	if text := query.Get("n"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 0 {
			return &registryError{http.StatusBadRequest, "PAGINATION_NUMBER_INVALID", "n is not a number of entries"}
		}
	}
	some, more := window(all, query.Get("last"), n)
	if more {
		next := url.Values{"n": {strconv.Itoa(n)}, "last": {some[len(some)-1]}}
		w.Header().Set("Link", "<"+c.URL.EscapedPath()+"?"+next.Encode()+`>; rel="next"`)
	}
	out := map[string]any{what: append([]string{}, some...)}
	if what == "tags" {
		out["name"] = c.repository
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

// layer serves stored bytes, ranges included.
func (s *registries) serveContent(w http.ResponseWriter, c *registryCall, x content, typ string) *registryError {
	f, err := s.cloud.contents.open(x)
	if err != nil {
		return &registryError{http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry"}
	}
	defer func() { _ = f.Close() }()
	w.Header().Set("Content-Type", typ)
	w.Header().Set("Docker-Content-Digest", "sha256:"+x.Digest)
	w.Header().Set("Etag", `"sha256:`+x.Digest+`"`)
	http.ServeContent(w, c.Request, "", time.Time{}, f)
	return nil
}

func (s *registries) getLayer(w http.ResponseWriter, c *registryCall) *registryError {
	s.mu.Lock()
	x, ok := content{}, false
	if r, _ := s.repository(c, false); r != nil {
		if x, ok = r.Layers[c.last]; !ok {
			var m manifest
			m, ok = r.Manifests[c.last]
			x = m.content
		}
	}
	s.mu.Unlock()
	if !ok {
		return &registryError{http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry"}
	}
	return s.serveContent(w, c, x, "application/octet-stream")
}

func (s *registries) deleteLayer(w http.ResponseWriter, c *registryCall) *registryError {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, _ := s.repository(c, false)
	if r == nil {
		return unknownName(c.repository)
	}
	x, ok := r.Layers[c.last]
	if !ok {
		return &registryError{http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry"}
	}
	delete(r.Layers, c.last)
	s.cloud.contents.release(x)
	return s.accepted(w)
}

func (s *registries) accepted(w http.ResponseWriter) *registryError {
	if refused := s.save(); refused != nil {
		return refused
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// manifestOf finds a manifest by tag or digest.
func (r *repository) manifestOf(reference string) (manifest, bool) {
	if digest, ok := r.Tags[reference]; ok {
		reference = digest
	}
	m, ok := r.Manifests[reference]
	return m, ok
}

func (s *registries) getManifest(w http.ResponseWriter, c *registryCall) *registryError {
	s.mu.Lock()
	r, _ := s.repository(c, false)
	m, ok := manifest{}, false
	if r != nil {
		m, ok = r.manifestOf(c.last)
	}
	s.mu.Unlock()
	if !ok {
		return &registryError{http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest tagged by \"" + clip(c.last) + "\" is not found"}
	}
	return s.serveContent(w, c, m.content, m.Type)
}

// references are the digests that a manifest or an index names.
type references struct {
	Type   string `json:"mediaType"`
	Config *struct {
		Digest string `json:"digest"`
	} `json:"config"`
	Layers []struct {
		Digest string   `json:"digest"`
		URLs   []string `json:"urls"`
	} `json:"layers"`
	Manifests []struct {
		Digest string `json:"digest"`
	} `json:"manifests"`
}

// missing is the first digest that the repository has not; foreign layers lie
// elsewhere.
func (r *repository) missing(refs references) string {
	var blobs []string
	if refs.Config != nil {
		blobs = append(blobs, refs.Config.Digest)
	}
	for _, l := range refs.Layers {
		if len(l.URLs) == 0 {
			blobs = append(blobs, l.Digest)
		}
	}
	for _, d := range blobs {
		if _, ok := r.Layers[d]; !ok {
			return d
		}
	}
	for _, m := range refs.Manifests {
		if _, ok := r.Manifests[m.Digest]; !ok {
			return m.Digest
		}
	}
	return ""
}

func (s *registries) putManifest(w http.ResponseWriter, c *registryCall) *registryError {
	byDigest := digestName.MatchString(c.last)
	if !byDigest && !tagName().MatchString(c.last) {
		return &registryError{http.StatusBadRequest, "TAG_INVALID", "manifest tag did not match URI"}
	}
	body, err := io.ReadAll(io.LimitReader(c.Body, maxManifest+1))
	if err != nil || len(body) > maxManifest {
		return &registryError{http.StatusRequestEntityTooLarge, "SIZE_INVALID", "a manifest has at most 4 MiB"}
	}
	var refs references
	if json.Unmarshal(body, &refs) != nil {
		return &registryError{http.StatusBadRequest, "MANIFEST_INVALID", "manifest invalid"}
	}
	in, err := s.cloud.contents.create()
	if err != nil {
		return notStored(err)
	}
	defer func() { _ = in.Close() }()
	if _, err := in.Write(body); err != nil {
		return notStored(err)
	}
	digest := "sha256:" + in.content().Digest
	if byDigest && digest != c.last {
		return &registryError{http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content"}
	}
	typ := c.Header.Get("Content-Type")
	if typ == "" {
		typ = refs.Type
	}
	if refused := s.keepManifest(c, in, digest, typ, refs, byDigest); refused != nil {
		return refused
	}
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Location", "/v2/"+c.repository+"/manifests/"+digest)
	w.WriteHeader(http.StatusCreated)
	return nil
}

func (s *registries) keepManifest(c *registryCall, in *incoming, digest, typ string, refs references, byDigest bool) *registryError {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, refused := s.repository(c, true)
	if refused != nil {
		return refused
	}
	if d := r.missing(refs); d != "" {
		return &registryError{http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry: " + clip(d)}
	}
	if _, there := r.Manifests[digest]; !there {
		if len(r.Manifests) >= maxManifests {
			return &registryError{http.StatusTooManyRequests, "TOOMANYREQUESTS", "the emulator keeps no more manifests in one repository"}
		}
		x, err := in.commit()
		if err != nil {
			return notStored(err)
		}
		r.Manifests[digest] = manifest{x, typ}
	}
	if !byDigest {
		if _, there := r.Tags[c.last]; !there && len(r.Tags) >= maxManifests {
			return &registryError{http.StatusTooManyRequests, "TOOMANYREQUESTS", "the emulator keeps no more tags in one repository"}
		}
		r.Tags[c.last] = digest
	}
	return s.save()
}

// deleteManifest by digest takes its tags with it; by tag, the tag alone.
func (s *registries) deleteManifest(w http.ResponseWriter, c *registryCall) *registryError {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, _ := s.repository(c, false)
	if r == nil {
		return unknownName(c.repository)
	}
	if _, ok := r.Tags[c.last]; ok {
		delete(r.Tags, c.last)
		return s.accepted(w)
	}
	m, ok := r.Manifests[c.last]
	if !ok {
		return &registryError{http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest tagged by \"" + clip(c.last) + "\" is not found"}
	}
	delete(r.Manifests, c.last)
	maps.DeleteFunc(r.Tags, func(_, digest string) bool { return digest == c.last })
	s.cloud.contents.release(m.content)
	return s.accepted(w)
}
