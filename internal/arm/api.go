package arm

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

// Resource is a resource as GET shows it; Body is a copy of its own.
type Resource struct {
	ID, Type, Name, Location string
	Body                     map[string]any
}

func (s *Server) resource(r *record) Resource {
	d := s.view(r)
	return Resource{ID: r.id, Type: r.typ, Name: r.name(), Location: text(d, "location"), Body: d}
}

// Get is the resource of an id, compared without case.
func (s *Server) Get(id string) (Resource, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[fold(id)]
	if r == nil {
		return Resource{}, false
	}
	return s.resource(r), true
}

// List is all resources of a type, compared without case, in the order of
// their creation; an empty type means all.
func (s *Server) List(typ string) []Resource {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Resource
	for _, r := range s.all(func(r *record) bool { return typ == "" || strings.EqualFold(r.typ, typ) }) {
		all = append(all, s.resource(r))
	}
	return all
}

// Version grows with every change.
func (s *Server) Version() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

// Changed is closed at the next change.
func (s *Server) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Keys are the two access keys of a resource that has such; empty otherwise.
func (s *Server) Keys(id string) [2]secret.String {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[fold(id)]
	if r == nil {
		return [2]secret.String{}
	}
	return [2]secret.String{secret.New(r.keys[0]), secret.New(r.keys[1])}
}

// Put writes a resource as the owner, through the same door as HTTP. The error
// is a *fault.Error with ARM's code and text, or the context's own.
func (s *Server) Put(ctx context.Context, id, apiVersion string, body []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q := &query{s: s, method: http.MethodPut, header: http.Header{}, by: Caller{ObjectID: s.cfg.Owner}, params: url.Values{"api-version": {apiVersion}}}
	no := badPath()
	if a, ok := parsePath(id); ok {
		q.at = a
		no = q.checkVersion()
	}
	if no == nil && len(body) > maxBody {
		no = refuse(http.StatusRequestEntityTooLarge, "RequestContentTooLarge", "The request content size exceeds the maximum size of 4 MB.")
	}
	if no == nil {
		no = q.read(strings.NewReader(string(body)))
	}
	if no == nil {
		_, no = s.do(q)
	}
	if no != nil {
		return fault.New(fault.Invalid, "the emulated Resource Manager refused it: "+no.Error()).At(clip(id))
	}
	return nil
}
