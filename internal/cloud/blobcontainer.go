package cloud

import (
	"net/http"
)

func (s *blobs) createContainer(w http.ResponseWriter, c *blobCall) *blobError {
	if _, refused := s.container(c, c.container); refused == nil {
		return &blobError{http.StatusConflict, "ContainerAlreadyExists", "The specified container already exists."}
	}
	if access := c.Header.Get("X-Ms-Blob-Public-Access"); access != "" {
		return &blobError{http.StatusConflict, "PublicAccessNotPermitted", "Public access is not permitted on this storage account."}
	}
	meta, refused := metadata(c.Header)
	if refused != nil {
		return refused
	}
	a := s.account(c.account)
	if len(a.Containers) >= maxContainers {
		return &blobError{http.StatusServiceUnavailable, "ServerBusy", "The emulator keeps no more containers in one account."}
	}
	k := &container{Metadata: meta, Blobs: map[string]*blob{}}
	k.touch(s.cloud.now())
	a.Containers[c.container] = k
	return s.done(w, &k.stamp, http.StatusCreated)
}

// done saves, stamps the answer and ends it.
func (s *blobs) done(w http.ResponseWriter, t *stamp, status int) *blobError {
	if refused := s.save(); refused != nil {
		return refused
	}
	if t != nil {
		t.set(w.Header())
		w.Header().Set("X-Ms-Request-Server-Encrypted", "true")
	}
	w.WriteHeader(status)
	return nil
}

func (s *blobs) deleteContainer(w http.ResponseWriter, c *blobCall) *blobError {
	k, refused := s.container(c, c.container)
	if refused != nil {
		return refused
	}
	if refused := k.Lease.allows(c.Header.Get("X-Ms-Lease-Id"), true, "Container", s.cloud.now()); refused != nil {
		return refused
	}
	for _, b := range k.Blobs {
		s.cloud.contents.release(b.all()...)
	}
	a := s.account(c.account)
	delete(a.Containers, c.container)
	if _, managed := s.cloud.arm.Get(c.account.ID + "/blobServices/default/containers/" + c.container); managed {
		a.Containers[c.container] = &container{Gone: true, Blobs: map[string]*blob{}}
	}
	return s.done(w, nil, http.StatusAccepted)
}

func (s *blobs) containerProperties(w http.ResponseWriter, c *blobCall) *blobError {
	k, refused := s.container(c, c.container)
	if refused != nil {
		return refused
	}
	h := w.Header()
	k.set(h)
	setMeta(h, k.Metadata)
	k.Lease.set(h, s.cloud.now())
	h.Set("X-Ms-Has-Immutability-Policy", "false")
	h.Set("X-Ms-Has-Legal-Hold", "false")
	h.Set("X-Ms-Default-Encryption-Scope", "$account-encryption-key")
	h.Set("X-Ms-Deny-Encryption-Scope-Override", "false")
	w.WriteHeader(http.StatusOK)
	return nil
}

func (s *blobs) containerMetadata(w http.ResponseWriter, c *blobCall) *blobError {
	k, refused := s.container(c, c.container)
	if refused != nil {
		return refused
	}
	if refused := k.Lease.allows(c.Header.Get("X-Ms-Lease-Id"), false, "Container", s.cloud.now()); refused != nil {
		return refused
	}
	if k.Metadata, refused = metadata(c.Header); refused != nil {
		return refused
	}
	k.touch(s.cloud.now())
	return s.done(w, &k.stamp, http.StatusOK)
}

func (s *blobs) containerACL(w http.ResponseWriter, c *blobCall) *blobError {
	k, refused := s.container(c, c.container)
	if refused != nil {
		return refused
	}
	k.set(w.Header())
	writeXML(w, c.Request, http.StatusOK, struct {
		XMLName struct{} `xml:"SignedIdentifiers"`
	}{})
	return nil
}
