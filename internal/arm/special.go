package arm

import (
	"net/http"
	"strings"
)

// route is a path that is not simply a resource, a collection or an action of
// one. A star stands for one segment, two at the start for any scope.
type route struct {
	method  string
	pattern string
	// action is the permission that is asked for at the path's scope; empty
	// means none.
	action string
	answer func(q *query, vars []string) (answer, *refusal)
}

const inSubscription = "/subscriptions/*"

func routes() []route {
	var all []route
	for _, group := range [][]route{subscriptionRoutes(), authorizationRoutes(), dnsRoutes(), cognitiveRoutes(), connectionRoutes(),
		vaultRoutes(), registryRoutes(), logRoutes(), computeRoutes(), operationRoutes(), templateRoutes(),
		{nameRoute("Microsoft.Storage", storageType, "nameAvailable"), nameRoute("Microsoft.EventHub", namespaceType, "nameAvailable")},
	} {
		all = append(all, group...)
	}
	return all
}

// special answers by a route of its own, if there is one.
func (q *query) special() (answer, *refusal, bool) {
	for i := range q.s.routes {
		r := &q.s.routes[i]
		if r.method != q.method {
			continue
		}
		vars, scope, ok := r.match(q.at.path)
		if !ok {
			continue
		}
		if r.action != "" {
			if no := q.may(r.action, scope); no != nil {
				return answer{}, no, true
			}
		}
		a, no := r.answer(q, vars)
		return a, no, true
	}
	return answer{}, nil, false
}

// match gives the segments that stars stand for; of a pattern that begins with
// two, the first is the whole scope.
func (r *route) match(path string) (vars []string, scope string, ok bool) {
	rest, floating := strings.CutPrefix(r.pattern, "**")
	want, have := strings.Split(rest, "/")[1:], strings.Split(path, "/")[1:]
	if floating {
		cut := len(have) - len(want)
		if cut < 0 {
			return nil, "", false
		}
		scope = "/" + strings.Join(have[:cut], "/")
		vars, have = append(vars, scope), have[cut:]
	}
	if len(want) != len(have) {
		return nil, "", false
	}
	for i, w := range want {
		if w == "*" {
			vars = append(vars, have[i])
		} else if !strings.EqualFold(w, have[i]) {
			return nil, "", false
		}
	}
	if scope == "" {
		scope, _, _ = strings.Cut(strings.ToLower(path), "/providers/")
	}
	return vars, scope, true
}

func ok(body any) (answer, *refusal) { return answer{http.StatusOK, body}, nil }

func values(items []any) (answer, *refusal) {
	if items == nil {
		items = []any{}
	}
	return ok(doc{"value": items})
}

func authorizationRoutes() []route {
	const base = "**/providers/Microsoft.Authorization/"
	return []route{
		{method: http.MethodGet, pattern: base + "permissions", answer: listPermissions},
		{method: http.MethodGet, pattern: base + "roleAssignments", answer: listAssignments},
		{method: http.MethodGet, pattern: base + "roleDefinitions", action: definitionType + "/read", answer: listDefinitions},
		{method: http.MethodGet, pattern: base + "roleDefinitions/*", action: definitionType + "/read", answer: getDefinition},
		{method: http.MethodPut, pattern: base + "roleDefinitions/*", action: definitionType + "/write", answer: putDefinition},
		{method: http.MethodDelete, pattern: base + "roleDefinitions/*", action: definitionType + "/delete", answer: deleteDefinition},
	}
}

// listPermissions tells what the caller may do at a scope.
func listPermissions(q *query, vars []string) (answer, *refusal) {
	var out []any
	for _, a := range q.s.ofType(assignmentType) {
		for _, id := range q.by.principals() {
			if !strings.EqualFold(text(a.doc, "properties.principalId"), id) || !within(vars[0], text(a.doc, "properties.scope")) {
				continue
			}
			for _, p := range q.s.permissions(text(a.doc, "properties.roleDefinitionId")) {
				out = append(out, cloneDoc(p))
			}
		}
	}
	return values(out)
}

// listAssignments lists the assignments at a scope: with the filter atScope()
// those at it and above, else those below it too. Beyond that the filters
// principalId eq 'ID' and assignedTo('ID') are known.
func listAssignments(q *query, vars []string) (answer, *refusal) {
	scope, filter := vars[0], q.params.Get("$filter")
	principal := between(filter, "'")
	found := q.s.all(func(r *record) bool {
		if !strings.EqualFold(r.typ, assignmentType) {
			return false
		}
		where := text(r.doc, "properties.scope")
		if !within(scope, where) && (strings.Contains(filter, "atScope()") || !within(where, scope)) {
			return false
		}
		return principal == "" || strings.EqualFold(text(r.doc, "properties.principalId"), principal)
	})
	return q.pageOf(found, assignmentType+"/read", scope)
}

// between is what stands in the first pair of marks.
func between(s, mark string) string {
	_, rest, _ := strings.Cut(s, mark)
	inside, _, _ := strings.Cut(rest, mark)
	return inside
}

func listDefinitions(q *query, vars []string) (answer, *refusal) {
	filter := q.params.Get("$filter")
	name := ""
	if strings.Contains(strings.ToLower(filter), "rolename") {
		name = between(filter, "'")
	}
	var out []any
	for _, r := range builtinRoles() {
		if name == "" || strings.EqualFold(r.name, name) {
			out = append(out, r.view(q.definitionScope()))
		}
	}
	for _, r := range q.s.ofType(definitionType) {
		if name == "" || strings.EqualFold(text(r.doc, "properties.roleName"), name) {
			out = append(out, q.s.view(r))
		}
	}
	return values(out)
}

// definitionScope is the prefix of a role definition's id: the subscription's,
// however deep the scope lies that was asked about.
func (q *query) definitionScope() string {
	if q.at.sub == "" {
		return ""
	}
	return "/subscriptions/" + q.s.cfg.Subscription
}

func (q *query) definitionID(name string) string {
	return "/subscriptions/" + q.s.cfg.Subscription + "/providers/" + definitionType + "/" + name
}

func getDefinition(q *query, vars []string) (answer, *refusal) {
	if r, builtin := builtinRole(vars[1]); builtin {
		return ok(r.view(q.definitionScope()))
	}
	r := q.s.records[fold(q.definitionID(vars[1]))]
	if r == nil {
		return answer{}, refuse(http.StatusNotFound, "RoleDefinitionDoesNotExist", "The specified role definition with ID '%s' does not exist.", clip(vars[1]))
	}
	return ok(q.s.view(r))
}

func putDefinition(q *query, vars []string) (answer, *refusal) {
	if q.body == nil {
		return answer{}, badContent("the content is empty")
	}
	a, _ := parsePath(q.definitionID(vars[1]))
	r, no := q.s.put(a, q.body, q.by)
	if no != nil {
		return answer{}, no
	}
	return answer{http.StatusCreated, q.s.view(r)}, nil
}

func deleteDefinition(q *query, vars []string) (answer, *refusal) {
	r := q.s.records[fold(q.definitionID(vars[1]))]
	if r == nil {
		return answer{http.StatusNoContent, nil}, nil
	}
	for _, a := range q.s.ofType(assignmentType) {
		if strings.EqualFold(last(text(a.doc, "properties.roleDefinitionId")), r.name()) {
			return answer{}, badRequest("RoleDefinitionHasAssignments", "There are existing role assignments referencing role (code: %s).", r.name())
		}
	}
	q.s.remove(r)
	return ok(q.s.view(r))
}
