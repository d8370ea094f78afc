package arm

import (
	"net/http"
	"strings"
)

// route leads a request to a route of its own, to an action or list, or to the
// one resource that its path names.
func (q *query) route() (answer, *refusal) {
	if q.at.sub != "" && !strings.EqualFold(q.at.sub, q.s.cfg.Subscription) {
		return answer{}, refuse(http.StatusNotFound, "SubscriptionNotFound", "The subscription '%s' could not be found.", q.at.sub)
	}
	if a, no, found := q.special(); found {
		return a, no
	}
	if len(q.at.types) == 0 && q.at.tail != "" && q.at.namespace == "" {
		return answer{}, badPath()
	}
	if q.at.tail != "" {
		switch q.method {
		case http.MethodGet:
			return q.list()
		case http.MethodPost:
			return q.act()
		}
		return answer{}, notAllowed(q.method, q.at.path)
	}
	switch q.method {
	case http.MethodGet:
		return q.get()
	case http.MethodHead:
		return q.head()
	case http.MethodPut, http.MethodPatch:
		return q.put()
	case http.MethodDelete:
		return q.delete()
	}
	return answer{}, notAllowed(q.method, q.at.path)
}

// kindAt is the row that a path is of. Resource groups and the subscription
// have no provider in their paths.
func (q *query) kindAt() *kind {
	switch {
	case len(q.at.types) > 0:
		return q.s.kind(q.at.typ())
	case q.at.group != "":
		return q.s.kind(groupType)
	}
	return q.s.kind(subscriptionType)
}

func (q *query) get() (answer, *refusal) {
	if no := q.may(q.kindAt().typ+"/read", q.at.path); no != nil {
		return answer{}, no
	}
	r := q.s.records[fold(q.at.path)]
	if r == nil {
		return answer{}, q.s.missing(q.at)
	}
	return answer{http.StatusOK, q.s.view(r)}, nil
}

func (q *query) head() (answer, *refusal) {
	_, no := q.get()
	switch {
	case no == nil:
		return answer{http.StatusNoContent, nil}, nil
	case no.status == http.StatusNotFound:
		return answer{http.StatusNotFound, nil}, nil
	}
	return answer{}, no
}

func (q *query) delete() (answer, *refusal) {
	k := q.kindAt()
	if no := q.may(k.typ+"/delete", q.at.path); no != nil {
		return answer{}, no
	}
	r := q.s.records[fold(q.at.path)]
	if r == nil {
		if q.s.records[fold(q.at.parent())] == nil {
			return answer{}, q.s.missing(q.at)
		}
		return answer{http.StatusNoContent, nil}, nil
	}
	if no := q.match(r); no != nil {
		return answer{}, no
	}
	if no := q.s.mayGo(r); no != nil {
		return answer{}, no
	}
	q.s.remove(r)
	return answer{orElse(k.deleted, http.StatusOK), nil}, nil
}

// mayGo refuses the deletion of what is in use or always there.
func (s *Server) mayGo(r *record) *refusal {
	if parent := s.records[fold(up(up(r.id)))]; parent != nil {
		for _, name := range s.kind(parent.typ).singletons {
			if strings.EqualFold(r.id, parent.id+"/"+name) {
				return notAllowed(http.MethodDelete, r.id)
			}
		}
	}
	if keep := s.kind(r.typ).keep; keep != nil {
		return keep(s, r)
	}
	return nil
}

func orElse(n, zero int) int {
	if n == 0 {
		return zero
	}
	return n
}

// match holds If-Match and If-None-Match against the resource (RFC 9110, 13.1).
func (q *query) match(r *record) *refusal {
	failed := refuse(http.StatusPreconditionFailed, "PreconditionFailed", "The condition '%s' in the If-Match header was not satisfied.", clip(q.header.Get("If-Match")))
	if want := q.header.Get("If-Match"); want != "" && (r == nil || want != "*" && want != r.etag) {
		return failed
	}
	if q.header.Get("If-None-Match") == "*" && r != nil {
		return refuse(http.StatusPreconditionFailed, "PreconditionFailed", "The resource '%s' exists already.", r.id)
	}
	return nil
}

func (q *query) put() (answer, *refusal) {
	k := q.kindAt()
	if no := q.may(k.typ+"/write", q.at.path); no != nil {
		return answer{}, no
	}
	old := q.s.records[fold(q.at.path)]
	if no := q.match(old); no != nil {
		return answer{}, no
	}
	if q.body == nil {
		return answer{}, badContent("the content is empty")
	}
	if old == nil && q.method == http.MethodPatch {
		return answer{}, q.s.missing(q.at)
	}
	d := q.body
	if q.method == http.MethodPatch {
		d = cloneDoc(old.doc)
		merge(d, q.body)
	}
	r, no := q.s.put(q.at, d, q.by)
	if no == nil {
		no = q.s.review(q.s.records[fold(q.at.parent())])
	}
	if no != nil {
		return answer{}, no
	}
	status := orElse(k.updated, http.StatusOK)
	if old == nil {
		status = orElse(k.created, http.StatusCreated)
	}
	return answer{status, q.s.view(r)}, nil
}

// act answers a POST to an action of a resource.
func (q *query) act() (answer, *refusal) {
	id := up(q.at.path)
	a, ok := parsePath(id)
	if !ok || len(a.types) == 0 {
		return answer{}, badPath()
	}
	k := q.s.kind(a.typ())
	if no := q.may(k.typ+"/"+q.at.tail+"/action", id); no != nil {
		return answer{}, no
	}
	r := q.s.records[fold(id)]
	if r == nil {
		return answer{}, q.s.missing(a)
	}
	do := k.actions[strings.ToLower(q.at.tail)]
	if do == nil {
		return answer{}, refuse(http.StatusNotFound, "InvalidResourceType", "The resource type '%s/%s' could not be found in the namespace '%s'.", strings.Join(a.types, "/"), q.at.tail, a.namespace)
	}
	body := q.body
	if body == nil {
		body = doc{}
	}
	out, no := do(q.s, r, body)
	if _, later := out.(accepted); later {
		return answer{http.StatusAccepted, nil}, no
	}
	return answer{http.StatusOK, out}, no
}

// list answers a GET of a collection.
func (q *query) list() (answer, *refusal) {
	scope := up(q.at.path)
	var typ string
	deep := false
	if len(q.at.types) == 0 { // …/providers/NS/TYPE
		typ = q.at.namespace + "/" + q.at.tail
		scope = q.at.scope
		deep = len(strings.Split(scope, "/")) <= 5 // a subscription or a group lists what lies in it
	} else {
		typ = q.at.typ() + "/" + q.at.tail
	}
	typ = q.s.kind(typ).typ
	if r := q.s.records[fold(scope)]; r == nil && scope != "/" {
		a, _ := parsePath(scope)
		return answer{}, q.s.missing(a)
	}
	var found []*record
	if deep {
		found = q.s.all(func(r *record) bool { return strings.EqualFold(r.typ, typ) && within(r.id, scope) })
	} else {
		found = q.s.children(scope, typ)
	}
	return q.pageOf(found, typ+"/read", scope)
}
