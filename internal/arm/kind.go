package arm

import "strings"

// kind is a row of the table of resource types: what Azure fills in, computes,
// refuses and keeps with a resource of this type. The zero row, with its type
// alone, is the generic store.
type kind struct {
	typ string // in Azure's spelling, for example Microsoft.Network/virtualNetworks/subnets

	// defaults are filled in, as JSON, where the request says nothing.
	defaults string
	// embeds are lists under properties whose elements are resources of their
	// own, of the type typ/LIST: a network's subnets.
	embeds []string
	// parts are lists under properties whose elements get an id but have no
	// life of their own: ip configurations.
	parts []string
	// hidden are paths that are kept and never answered: passwords.
	hidden []string
	// singletons are children, as TYPE/NAME, that are there from the start and
	// cannot be deleted.
	singletons []string
	// stateless types answer no properties.provisioningState.
	stateless bool
	// etag means that the document shows its etag.
	etag bool
	// created, updated and deleted are the statuses of success. Zero means 201,
	// 200 and 200.
	created, updated, deleted int
	// keys says how access keys look, if it has any.
	keys keyForm
	// settles means that a write takes Config.Settle.
	settles bool

	// check refuses a write or completes w.doc before it is stored.
	check func(w *writing) *refusal
	// after does what follows from a write, once it is stored.
	after func(w *writing) *refusal
	// review holds a resource and its children against each other, after a
	// write of it or of one of them.
	review func(s *Server, r *record) *refusal
	// show completes the document that is answered, from what else is there.
	show func(s *Server, r *record, d doc)
	// keep refuses a deletion.
	keep func(s *Server, r *record) *refusal
	// gone does what follows from a deletion.
	gone func(s *Server, r *record)
	// actions answer POSTs below the resource, by lower-case name.
	actions map[string]action

	filled doc // defaults, decoded
}

// accepted as the answer of an action is a 202 that points to an operation.
type accepted struct{}

// action answers a POST; a nil answer is an empty 200.
type action func(s *Server, r *record, body doc) (any, *refusal)

// writing is a PUT or PATCH on its way.
type writing struct {
	s   *Server
	id  string
	doc doc     // what will be stored
	old *record // what was there; nil for a creation
	rec *record // what was stored; nil in check
	by  Caller
}

// kinds is the whole table by lower-case type.
func kinds() map[string]*kind {
	table := map[string]*kind{}
	for _, group := range [][]kind{
		resourceKinds(), networkKinds(), egressKinds(), privateLinkKinds(), dnsKinds(), resolverKinds(),
		cognitiveKinds(), roleKinds(), identityKinds(), storageKinds(), vaultKinds(), registryKinds(), appKinds(),
		eventKinds(), kustoKinds(), logKinds(), databaseKinds(), managedRedisKinds(), computeKinds(), templateKinds(),
	} {
		for _, k := range group {
			k.filled = parse(k.defaults)
			table[fold(k.typ)] = &k
		}
	}
	return table
}

// kind is the row of a type; a type that has none gets a generic one.
func (s *Server) kind(typ string) *kind {
	if k := s.kinds[fold(typ)]; k != nil {
		return k
	}
	return &kind{typ: typ}
}

// prop is a path below properties.
func prop(path string) string { return "properties." + path }

// segment is the last part of a type.
func (k *kind) segment() string { return last(k.typ) }

func (k *kind) namespace() string {
	ns, _, _ := strings.Cut(k.typ, "/")
	return ns
}

// keep copies values that only the service sets from the old document.
func (w *writing) keep(paths ...string) {
	if w.old == nil {
		return
	}
	for _, p := range paths {
		if v := at(w.old.doc, p); v != nil {
			set(w.doc, p, clone(v))
		}
	}
}

// parent is what the resource lies in.
func (w *writing) parent() *record { return w.s.records[fold(up(up(w.id)))] }

// siblings are the other children of the parent, of the same type.
func (w *writing) siblings() []*record {
	var all []*record
	for _, r := range w.s.children(up(up(w.id)), typeOf(w.id)) {
		if r.key() != fold(w.id) {
			all = append(all, r)
		}
	}
	return all
}

// refer finds the resource that a path of the document names, and refuses
// where there is none of the wanted type. An empty value is nobody, unless the
// document needs one.
func (w *writing) refer(path, typ string) (*record, *refusal) {
	id := text(w.doc, path)
	if id == "" {
		return nil, nil
	}
	return w.s.target(id, typ, w.id)
}

// target finds id. The refusal is the one of Microsoft.Network.
func (s *Server) target(id, typ, from string) (*record, *refusal) {
	r := s.records[fold(id)]
	if r == nil || typ != "" && !strings.EqualFold(r.typ, typ) {
		return nil, badRequest("InvalidResourceReference",
			"Resource %s referenced by resource %s was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.", id, from)
	}
	return r, nil
}
