package cloud

import "net/http"

// blob finds container and blob. The caller holds mu.
func (s *blobs) blob(c *blobCall) (*container, *blob, *blobError) {
	k, refused := s.container(c, c.container)
	if refused != nil {
		return nil, nil, refused
	}
	b := k.Blobs[c.name]
	if b == nil || b.Empty {
		return k, nil, noBlob()
	}
	return k, b, nil
}

// mutable is blob for a write to one that is there.
func (s *blobs) mutable(c *blobCall) (*container, *blob, *blobError) {
	k, b, refused := s.blob(c)
	if refused == nil {
		refused = conditions(c.Request, &b.stamp)
	}
	if refused == nil {
		refused = b.Lease.allows(c.Header.Get("X-Ms-Lease-Id"), true, "Blob", s.cloud.now())
	}
	return k, b, refused
}

// put is blob for a write that may make it: b is a new one where none is there.
func (s *blobs) put(c *blobCall) (*container, *blob, *blobError) {
	k, refused := s.container(c, c.container)
	if refused != nil {
		return nil, nil, refused
	}
	b := k.Blobs[c.name]
	if b == nil || b.Empty {
		if refused := conditions(c.Request, nil); refused != nil {
			return nil, nil, refused
		}
		if c.Header.Get("X-Ms-Lease-Id") != "" {
			return nil, nil, (&lease{}).allows("x", true, "Blob", s.cloud.now())
		}
		if b == nil {
			b = &blob{Empty: true}
		}
		if s.count(c) >= maxBlobs {
			return nil, nil, &blobError{http.StatusServiceUnavailable, "ServerBusy", "The emulator keeps no more blobs in one account."}
		}
		return k, b, nil
	}
	_, b, refused = s.mutable(c)
	return k, b, refused
}

func (s *blobs) count(c *blobCall) (n int) {
	for _, k := range s.account(c.account).Containers {
		n += len(k.Blobs)
		for _, b := range k.Blobs {
			n += len(b.Snapshots)
		}
	}
	return n
}

// putBlob is Put Blob: the body is stored before the lock is taken, and let go
// again where the blob may not be written.
func (s *blobs) putBlob(w http.ResponseWriter, c *blobCall) *blobError {
	if c.Header.Get("X-Ms-Copy-Source") != "" {
		return notEmulated("copies of blobs")
	}
	if typ := c.Header.Get("X-Ms-Blob-Type"); typ != "BlockBlob" {
		return notEmulated("blobs of the type " + clip(typ) + "; it has block blobs")
	}
	meta, refused := metadata(c.Header)
	if refused != nil {
		return refused
	}
	got, refused := s.take(c)
	if refused != nil {
		return refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k, b, refused := s.put(c)
	if refused != nil {
		s.cloud.contents.release(got)
		return refused
	}
	served := headers(c.Header, true)
	served[contentMD5] = got.MD5
	s.replace(k, b, c.name, got, served, meta)
	b.Committed = nil
	w.Header().Set("Content-Md5", got.MD5)
	return s.done(w, &b.stamp, http.StatusCreated)
}

// replace gives a blob a new content and drops what it had, snapshots and
// lease excepted.
func (s *blobs) replace(k *container, b *blob, name string, got content, headers, meta map[string]string) {
	var old []content
	if !b.Empty {
		old = append(old, b.content)
	}
	for _, x := range b.Staged {
		old = append(old, x.content)
	}
	b.content, b.Headers, b.Metadata, b.Staged, b.Empty = got, headers, meta, nil, false
	b.touch(s.cloud.now())
	k.Blobs[name] = b
	s.cloud.contents.release(old...)
}

// take stores a request's body and checks Content-MD5.
func (s *blobs) take(c *blobCall) (content, *blobError) {
	if c.ContentLength < 0 {
		return content{}, &blobError{http.StatusLengthRequired, "MissingContentLengthHeader", "The content length header was not specified."}
	}
	got, err := s.cloud.contents.take(c.Body)
	if err != nil {
		return content{}, notTaken(err)
	}
	for _, sum := range []string{c.Header.Get("Content-Md5"), c.Header.Get("X-Ms-Blob-Content-Md5")} {
		if sum != "" && sum != got.MD5 {
			s.cloud.contents.release(got)
			return content{}, &blobError{http.StatusBadRequest, "Md5Mismatch", "The MD5 value specified in the request did not match with the MD5 value calculated by the server."}
		}
	}
	return got, nil
}

func (s *blobs) setMetadata(w http.ResponseWriter, c *blobCall) *blobError {
	_, b, refused := s.mutable(c)
	if refused != nil {
		return refused
	}
	if b.Metadata, refused = metadata(c.Header); refused != nil {
		return refused
	}
	b.touch(s.cloud.now())
	return s.done(w, &b.stamp, http.StatusOK)
}

func (s *blobs) setProperties(w http.ResponseWriter, c *blobCall) *blobError {
	_, b, refused := s.mutable(c)
	if refused != nil {
		return refused
	}
	b.Headers = headers(c.Header, false)
	b.touch(s.cloud.now())
	return s.done(w, &b.stamp, http.StatusOK)
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
