package arm

import (
	"bytes"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// Estate is what is there now, read from the documents that GETs answer. It is
// made once for each version; callers share it and only read it.
func (s *Server) Estate() (*estate.Estate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.estate != nil && s.estated == s.version {
		return s.estate, nil
	}
	e, err := estate.ReadARM(bytes.NewReader(encode(s.documents())), estate.Options{})
	if err != nil {
		return nil, err
	}
	s.estate, s.estated = e, s.version
	return e, nil
}

// documents are all resources, and the built-in roles that are assigned.
func (s *Server) documents() []any {
	all := []any{}
	for _, r := range s.all(func(r *record) bool { return r.typ != subscriptionType && r.typ != groupType }) {
		all = append(all, s.view(r))
	}
	for _, b := range builtinRoles() {
		id := fold("/subscriptions/" + s.cfg.Subscription + "/providers/" + definitionType + "/" + b.id)
		if len(s.users[id]) > 0 {
			all = append(all, b.view("/subscriptions/"+s.cfg.Subscription))
		}
	}
	return all
}

// is says whether a record is of a type, in whatever spelling.
func (r *record) is(typ string) bool { return strings.EqualFold(r.typ, typ) }
