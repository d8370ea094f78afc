package arm

import (
	"net/http"
	"slices"
	"strings"
)

// showConnections tells a target of its private endpoints.
func (s *Server) showConnections(r *record, d doc) {
	all := []any{}
	for _, pe := range s.referrers(r.id, endpointType) {
		all = append(all, s.connectionView(r, pe))
	}
	set(d, "properties.privateEndpointConnections", all)
}

func connectionName(pe *record) string { return pe.name() + "." + pe.guid("connection") }

func (s *Server) connectionView(target, pe *record) doc {
	c, _ := connection(pe.doc)
	name := connectionName(pe)
	return doc{
		"id": target.id + "/privateEndpointConnections/" + name, "name": name, "type": target.typ + "/privateEndpointConnections", "location": text(pe.doc, "location"),
		"properties": doc{
			"privateEndpoint": doc{"id": pe.id}, "groupIds": clone(at(c, "properties.groupIds")), "provisioningState": "Succeeded",
			"privateLinkServiceConnectionState": clone(at(c, "properties.privateLinkServiceConnectionState")),
		},
	}
}

// connectionRoutes are the target's side: the list, and the owner's word on
// one connection.
func connectionRoutes() []route {
	const one = "**/privateEndpointConnections/*"
	return []route{
		{method: http.MethodGet, pattern: "**/privateEndpointConnections", answer: func(q *query, vars []string) (answer, *refusal) {
			target, no := q.connectionTarget(vars[0], "read")
			if no != nil {
				return answer{}, no
			}
			d := doc{}
			q.s.showConnections(target, d)
			return values(list(d, "properties.privateEndpointConnections"))
		}},
		{method: http.MethodGet, pattern: one, answer: func(q *query, vars []string) (answer, *refusal) {
			target, pe, no := q.connectionAt(vars, "read")
			if no != nil {
				return answer{}, no
			}
			return ok(q.s.connectionView(target, pe))
		}},
		{method: http.MethodPut, pattern: one, answer: decideConnection},
		{method: http.MethodDelete, pattern: one, answer: func(q *query, vars []string) (answer, *refusal) {
			_, pe, no := q.connectionAt(vars, "delete")
			if no != nil {
				return answer{}, no
			}
			q.s.decide(pe, doc{"status": "Disconnected", "description": "Disconnected", "actionsRequired": "None"})
			return ok(nil)
		}},
	}
}

func (q *query) connectionTarget(id, verb string) (*record, *refusal) {
	a, _ := parsePath(id)
	r := q.s.records[fold(id)]
	if r == nil {
		return nil, q.s.missing(a)
	}
	return r, q.may(r.typ+"/privateEndpointConnections/"+verb, id)
}

func (q *query) connectionAt(vars []string, verb string) (*record, *record, *refusal) {
	target, no := q.connectionTarget(vars[0], verb)
	if no != nil {
		return nil, nil, no
	}
	all := q.s.referrers(target.id, endpointType)
	i := slices.IndexFunc(all, func(pe *record) bool { return strings.EqualFold(connectionName(pe), vars[1]) })
	if i < 0 {
		return nil, nil, q.s.missing(q.at)
	}
	return target, all[i], nil
}

func decideConnection(q *query, vars []string) (answer, *refusal) {
	target, pe, no := q.connectionAt(vars, "write")
	if no != nil {
		return answer{}, no
	}
	state := object(q.body, "properties.privateLinkServiceConnectionState")
	if !oneOf(text(state, "status"), []string{"Approved", "Rejected", "Disconnected"}) {
		return answer{}, badRequest("InvalidPrivateLinkServiceConnectionState", "The status of a connection is Approved, Rejected or Disconnected.")
	}
	initial(state, "actionsRequired", "None")
	q.s.decide(pe, cloneDoc(state))
	return ok(q.s.connectionView(target, q.s.records[pe.key()]))
}

func (s *Server) decide(pe *record, state doc) {
	s.amend(pe, func(d doc) {
		c, _ := connection(d)
		set(c, "properties.privateLinkServiceConnectionState", state)
	})
}
