package arm

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// record is one resource as it is kept. It is never changed once it is stored:
// a write stores another.
type record struct {
	id  string // as first written
	typ string
	seq uint64 // order of creation, which lists keep
	doc doc    // without id, name, type, etag and what is shown of others
	// nonce makes the ids that Azure gives a resource at its creation.
	nonce string
	etag  string
	ready time.Time // when it has settled
	keys  [2]string
	saved []byte // as Config.File holds it, once it was encoded
}

func (r *record) key() string  { return fold(r.id) }
func (r *record) name() string { return last(r.id) }

// guid is an id that the service gives this resource; another one of the same
// name gets another.
func (r *record) guid(purpose string) string { return guidOf(purpose, r.nonce, r.id) }

// store puts a record in the place of what has its id, undoably.
func (s *Server) store(r *record) {
	key := r.key()
	old := s.records[key]
	s.undo = append(s.undo, func() { s.swap(key, old) })
	s.swap(key, r)
}

func (s *Server) drop(key string) {
	if old := s.records[key]; old != nil {
		s.undo = append(s.undo, func() { s.swap(key, old) })
		s.swap(key, nil)
	}
}

// swap is the one place that changes the maps.
func (s *Server) swap(key string, r *record) {
	if old := s.records[key]; old != nil {
		delete(s.records, key)
		s.link(old, false)
	}
	if r != nil {
		s.records[key] = r
		s.link(r, true)
	}
}

// link keeps the two indices: what lies below a path, and who names an id.
func (s *Server) link(r *record, there bool) {
	key := r.key()
	mark := func(index map[string]map[string]bool, at string) {
		if !there {
			if delete(index[at], key); len(index[at]) == 0 {
				delete(index, at)
			}
			return
		}
		if index[at] == nil {
			index[at] = map[string]bool{}
		}
		index[at][key] = true
	}
	if a, ok := parsePath(r.id); ok {
		mark(s.below, fold(a.parent()))
	}
	ids(r.doc, func(id string) { mark(s.users, fold(id)) })
}

// children are the resources of a type right below a path, in the order of
// their creation; an empty type is any.
func (s *Server) children(parent, typ string) []*record { return s.sorted(s.below[fold(parent)], typ) }

// referrers are the resources of a type whose documents name id.
func (s *Server) referrers(id, typ string) []*record { return s.sorted(s.users[fold(id)], typ) }

func (s *Server) sorted(keys map[string]bool, typ string) []*record {
	var all []*record
	for key := range keys {
		if r := s.records[key]; r != nil && (typ == "" || strings.EqualFold(r.typ, typ)) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, bySeq)
	return all
}

func bySeq(a, b *record) int { return cmp.Compare(a.seq, b.seq) }

// all are the resources for which want holds, in the order of creation.
func (s *Server) all(want func(*record) bool) []*record {
	var all []*record
	for r := range maps.Values(s.records) {
		if want(r) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, bySeq)
	return all
}

func (s *Server) ofType(typ string) []*record {
	return s.all(func(r *record) bool { return strings.EqualFold(r.typ, typ) })
}

// remove takes a resource away with everything below it, and does what
// follows from that.
func (s *Server) remove(r *record) {
	for _, c := range s.children(r.id, "") {
		s.remove(c)
	}
	s.drop(r.key())
	if gone := s.kind(r.typ).gone; gone != nil {
		gone(s, r)
	}
}

// view is the document that a GET answers.
func (s *Server) view(r *record) doc {
	k := s.kind(r.typ)
	d := cloneDoc(r.doc)
	d["id"], d["name"], d["type"] = r.id, r.name(), r.typ
	if k.etag {
		d["etag"] = r.etag
	}
	if !k.stateless {
		set(d, "properties.provisioningState", s.state(r))
	}
	for _, name := range k.embeds {
		items := []any{}
		for _, c := range s.children(r.id, r.typ+"/"+name) {
			items = append(items, s.view(c))
		}
		set(d, prop(name), items)
	}
	for _, name := range k.parts {
		s.viewParts(r, d, name)
	}
	if k.show != nil {
		k.show(s, r, d)
	}
	for _, path := range k.hidden {
		unset(d, path)
	}
	return d
}

// viewParts gives the elements of a list their ids.
func (s *Server) viewParts(r *record, d doc, name string) {
	for _, part := range objects(d, prop(name)) {
		n := text(part, "name")
		if n == "" {
			continue
		}
		part["id"] = r.id + "/" + name + "/" + n
		part["type"] = r.typ + "/" + name
		part["etag"] = r.etag
		initial(part, "properties", doc{})
		set(part, "properties.provisioningState", "Succeeded")
	}
}

func (s *Server) state(r *record) string {
	if s.settling(r) {
		return "Creating"
	}
	return "Succeeded"
}

func (s *Server) settling(r *record) bool { return s.cfg.Now().Before(r.ready) }
