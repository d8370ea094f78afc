package cloud

import (
	"crypto/rand"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// beginUpload starts a layer, takes it whole where the digest is given at once,
// or finds it in another repository that the caller may pull from.
func (s *registries) beginUpload(w http.ResponseWriter, c *registryCall) *registryError {
	query := c.URL.Query()
	if digest := query.Get("mount"); digest != "" && s.mount(c, digest, query.Get("from")) {
		return s.created(w, c, digest)
	}
	u, id, refused := s.newUpload(c)
	if refused != nil {
		return refused
	}
	if digest := query.Get("digest"); digest != "" {
		return s.finish(w, c, id, u, digest)
	}
	s.located(w, c, id, u)
	w.WriteHeader(http.StatusAccepted)
	return s.free(u)
}

// mount copies a reference between repositories of one registry. Whoever may
// push here and holds a role on the registry may pull from it all: the emulated
// roles know no repository.
func (s *registries) mount(c *registryCall, digest, from string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	source := s.repositories(c.registry)[from]
	if source == nil {
		return false
	}
	x, ok := source.Layers[digest]
	if !ok {
		return false
	}
	r, refused := s.repository(c, true)
	if refused != nil {
		return false
	}
	if _, there := r.Layers[digest]; !there {
		s.cloud.contents.hold(x)
		r.Layers[digest] = x
	}
	return s.save() == nil
}

// newUpload makes an upload that is busy until free or finish.
func (s *registries) newUpload(c *registryCall) (*upload, string, *registryError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cloud.now()
	for id, u := range s.uploads {
		if !u.busy && now.Sub(u.touched) > uploadLife {
			_ = u.Close()
			delete(s.uploads, id)
		}
	}
	if len(s.uploads) >= maxUploads {
		return nil, "", &registryError{http.StatusTooManyRequests, "TOOMANYREQUESTS", "too many uploads are open; end or cancel one"}
	}
	in, err := s.cloud.contents.create()
	if err != nil {
		return nil, "", notStored(err)
	}
	u := &upload{incoming: in, registry: keyOf(c.registry), repository: c.repository, busy: true, touched: now}
	id := rand.Text()
	s.uploads[id] = u
	return u, id, nil
}

// claim takes an open upload for one request.
func (s *registries) claim(c *registryCall) (*upload, *registryError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.uploads[c.last]
	switch {
	case u == nil || u.registry != keyOf(c.registry) || u.repository != c.repository:
		return nil, &registryError{http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry"}
	case u.busy:
		return nil, &registryError{http.StatusTooManyRequests, "TOOMANYREQUESTS", "another request writes to this upload"}
	}
	u.busy, u.touched = true, s.cloud.now()
	return u, nil
}

func (s *registries) free(u *upload) *registryError {
	s.mu.Lock()
	defer s.mu.Unlock()
	u.busy = false
	return nil
}

// drop ends an upload without a layer.
func (s *registries) drop(id string, u *upload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.uploads, id)
	_ = u.Close()
}

func (s *registries) located(w http.ResponseWriter, c *registryCall, id string, u *upload) {
	w.Header().Set("Location", "/v2/"+c.repository+"/blobs/uploads/"+id)
	w.Header().Set("Docker-Upload-Uuid", id)
	w.Header().Set("Range", "0-"+itoa(max(0, u.size-1)))
}

func (s *registries) created(w http.ResponseWriter, c *registryCall, digest string) *registryError {
	w.Header().Set("Location", "/v2/"+c.repository+"/blobs/"+digest)
	w.Header().Set("Docker-Content-Digest", digest)
	w.WriteHeader(http.StatusCreated)
	return nil
}

// appendUpload is PATCH: the next part, whose Content-Range, where given, must
// start where the last one ended.
func (s *registries) appendUpload(w http.ResponseWriter, c *registryCall) *registryError {
	u, refused := s.claim(c)
	if refused != nil {
		return refused
	}
	if span := c.Header.Get("Content-Range"); span != "" {
		first, _, _ := strings.Cut(strings.TrimPrefix(span, "bytes "), "-")
		if n, err := strconv.ParseInt(first, 10, 64); err != nil || n != u.size {
			s.located(w, c, c.last, u)
			_ = s.free(u)
			return &registryError{http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", "the part does not start where the last one ended"}
		}
	}
	if _, err := io.Copy(u, c.Body); err != nil {
		s.drop(c.last, u)
		return notStored(err)
	}
	s.located(w, c, c.last, u)
	w.WriteHeader(http.StatusAccepted)
	return s.free(u)
}

func (s *registries) endUpload(w http.ResponseWriter, c *registryCall) *registryError {
	u, refused := s.claim(c)
	if refused != nil {
		return refused
	}
	return s.finish(w, c, c.last, u, c.URL.Query().Get("digest"))
}

// finish takes the rest of the body and holds the whole against its digest.
func (s *registries) finish(w http.ResponseWriter, c *registryCall, id string, u *upload, digest string) *registryError {
	defer s.drop(id, u)
	if _, err := io.Copy(u, c.Body); err != nil {
		return notStored(err)
	}
	if !digestName.MatchString(digest) || digest != "sha256:"+u.content().Digest {
		return &registryError{http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, refused := s.repository(c, true)
	if refused != nil {
		return refused
	}
	if _, there := r.Layers[digest]; !there {
		x, err := u.commit()
		if err != nil {
			return notStored(err)
		}
		r.Layers[digest] = x
		if refused := s.save(); refused != nil {
			return refused
		}
	}
	return s.created(w, c, digest)
}

func (s *registries) uploadStatus(w http.ResponseWriter, c *registryCall) *registryError {
	u, refused := s.claim(c)
	if refused != nil {
		return refused
	}
	s.located(w, c, c.last, u)
	w.WriteHeader(http.StatusNoContent)
	return s.free(u)
}

func (s *registries) cancelUpload(w http.ResponseWriter, c *registryCall) *registryError {
	u, refused := s.claim(c)
	if refused != nil {
		return refused
	}
	s.drop(c.last, u)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
