package backend

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"os"
	"time"

	"github.com/ostiary/ostiary/internal/login"
	"github.com/ostiary/ostiary/internal/secret"
)

// link is what leads to a backend: connections, a credential with its token,
// and what calls have found out about its health. Where a reload changes
// nothing that a link is made from, the backend that takes another's place
// takes its link over.
type link struct {
	origin     origin
	credential credential // nil: the caller's own token
	transport  http.RoundTripper
	health     health
}

// origin is a hash of all that a link is made from.
type origin [sha256.Size]byte

// link makes one, or takes over one of those before.
func (s *Settings) link(before []*Backend) (*link, error) {
	from := s.origin()
	for _, b := range before {
		if b.origin == from {
			return b.link, nil
		}
	}
	l := &link{origin: from}
	var err error
	if !s.PassCallerToken {
		if l.credential, err = s.credential(); err != nil {
			return nil, err
		}
	}
	l.transport, err = s.transport()
	return l, err
}

// origin looks into files and secrets too: a key that was replaced under its
// name is another. What cannot be read is nothing: there is no link without it.
func (s *Settings) origin() origin {
	refs, files := []secret.Ref{s.APIKey}, []string{s.CA}
	if s.Entra != nil {
		refs, files = append(refs, s.Entra.Secret), append(files, s.Entra.CA)
	}
	var proxy Proxy
	if s.Proxy != nil {
		proxy, refs = *s.Proxy, append(refs, s.Proxy.Password)
	}
	var contents []string
	for _, r := range refs {
		value, _ := r.Resolve()
		contents = append(contents, value.Reveal())
	}
	for _, f := range files {
		text, _ := os.ReadFile(f)
		contents = append(contents, string(text))
	}
	all, _ := json.Marshal(struct { // texts and numbers alone
		Name, URL, Scope, CA string
		Kind                 Kind
		FirstByte            time.Duration
		Key                  secret.Ref
		Login                login.Login
		PassCallerToken      bool
		Proxy                Proxy
		Contents             []string
	}{s.Name, s.URL, s.Scope, s.CA, s.Kind, s.FirstByte, s.APIKey, s.login(), s.PassCallerToken, proxy, contents})
	return sha256.Sum256(all)
}
