package arm

import (
	"net/http"
	"strings"
	"time"
)

const (
	assignmentType = "Microsoft.Authorization/roleAssignments"
	definitionType = "Microsoft.Authorization/roleDefinitions"
)

// MayDo says whether a principal's own role assignments at scope or above
// grant an action; data asks for data actions. What one role's notActions take
// away, another role may give.
func (s *Server) MayDo(objectID, action string, data bool, scope string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.granted(objectID, action, data, scope)
}

func (s *Server) granted(objectID, action string, data bool, scope string) bool {
	for _, a := range s.ofType(assignmentType) {
		if strings.EqualFold(text(a.doc, "properties.principalId"), objectID) &&
			within(scope, text(a.doc, "properties.scope")) &&
			s.grants(text(a.doc, "properties.roleDefinitionId"), action, data) {
			return true
		}
	}
	return false
}

// grants says whether a role gives an action.
func (s *Server) grants(role, action string, data bool) bool {
	give, take := "actions", "notActions"
	if data {
		give, take = "dataActions", "notDataActions"
	}
	for _, p := range s.permissions(role) {
		if anyMatch(texts(p, give), action) && !anyMatch(texts(p, take), action) {
			return true
		}
	}
	return false
}

func (s *Server) permissions(role string) []doc {
	if b, ok := builtinRole(last(role)); ok {
		return objects(b.properties(), "permissions")
	}
	for _, r := range s.ofType(definitionType) {
		if strings.EqualFold(r.name(), last(role)) {
			return objects(r.doc, "properties.permissions")
		}
	}
	return nil
}

func anyMatch(patterns []string, action string) bool {
	for _, p := range patterns {
		if wild(strings.ToLower(p), strings.ToLower(action)) {
			return true
		}
	}
	return false
}

// wild matches a pattern in which a star stands for any text.
func wild(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	rest, ok := strings.CutPrefix(s, parts[0])
	if !ok || len(parts) == 1 {
		return ok && rest == ""
	}
	end := len(parts) - 1
	for _, part := range parts[1:end] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, parts[end])
}

// principals are the ids whose roles count for a caller.
func (c Caller) principals() []string { return append([]string{c.ObjectID}, c.Groups...) }

func (q *query) allowed(action, scope string) bool {
	for _, id := range q.by.principals() {
		if q.s.granted(id, action, false, scope) {
			return true
		}
	}
	return false
}

// anywhere says whether a caller may do the action somewhere below scope.
func (q *query) anywhere(action, scope string) bool {
	for _, a := range q.s.ofType(assignmentType) {
		for _, id := range q.by.principals() {
			if strings.EqualFold(text(a.doc, "properties.principalId"), id) &&
				within(text(a.doc, "properties.scope"), scope) &&
				q.s.grants(text(a.doc, "properties.roleDefinitionId"), action, false) {
				return true
			}
		}
	}
	return false
}

func (q *query) may(action, scope string) *refusal {
	if scope == "" || scope == "/" || q.at.sub == "" || q.allowed(action, scope) {
		return nil
	}
	client := q.by.AppID
	if client == "" {
		client = q.by.ObjectID
	}
	return refuse(http.StatusForbidden, "AuthorizationFailed",
		"The client '%s' with object id '%s' does not have authorization to perform action '%s' over scope '%s' or the scope is invalid. If access was recently granted, please refresh your credentials.",
		client, q.by.ObjectID, action, scope)
}

func roleKinds() []kind {
	return []kind{
		{typ: assignmentType, stateless: true, check: checkAssignment, updated: http.StatusCreated, defaults: `{"properties":{"principalType":"ServicePrincipal"}}`},
		{typ: definitionType, stateless: true, check: checkDefinition, updated: http.StatusCreated, defaults: `{"properties":{"type":"CustomRole"}}`},
		{typ: "Microsoft.Authorization/locks", stateless: true},
	}
}

func checkAssignment(w *writing) *refusal {
	if !isGUID(last(w.id)) {
		return badRequest("InvalidRoleAssignmentId", "The role assignment ID '%s' is not valid. The role assignment ID must be a GUID.", clip(last(w.id)))
	}
	p := object(w.doc, "properties")
	if p == nil || text(p, "roleDefinitionId") == "" || text(p, "principalId") == "" {
		return badRequest("InvalidCreateRoleAssignmentRequest", "The request to create role assignment '%s' is not valid. The role definition and the principal are required.", last(w.id))
	}
	a, _ := parsePath(w.id)
	role, scope, principal := text(p, "roleDefinitionId"), a.scope, text(p, "principalId")
	if w.s.permissions(role) == nil {
		return refuse(http.StatusNotFound, "RoleDefinitionDoesNotExist", "The specified role definition with ID '%s' does not exist.", strings.ReplaceAll(last(role), "-", ""))
	}
	p["roleDefinitionId"] = "/subscriptions/" + w.s.cfg.Subscription + "/providers/" + definitionType + "/" + last(role)
	for _, r := range w.s.ofType(assignmentType) {
		if r.key() != fold(w.id) && fold(text(r.doc, "properties.scope")) == fold(scope) &&
			strings.EqualFold(text(r.doc, "properties.principalId"), principal) && strings.EqualFold(last(text(r.doc, "properties.roleDefinitionId")), last(role)) {
			return conflict("RoleAssignmentExists", "The role assignment already exists. The ID of the existing role assignment is %s.", strings.ReplaceAll(r.name(), "-", ""))
		}
	}
	if w.old != nil && (text(w.old.doc, "properties.principalId") != principal || !strings.EqualFold(last(text(w.old.doc, "properties.roleDefinitionId")), last(role))) {
		return conflict("RoleAssignmentUpdateNotPermitted", "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.")
	}
	if r := w.s.records[fold(scope)]; r != nil {
		scope = r.id
	}
	p["scope"] = scope
	w.stamp()
	return nil
}

// stamp says who wrote a role, and when; clients compare these times.
func (w *writing) stamp() {
	now := w.s.cfg.Now().UTC().Format(time.RFC3339Nano)
	for _, k := range []string{"createdOn", "createdBy", "updatedOn", "updatedBy"} {
		unset(w.doc, prop(k))
	}
	w.keep("properties.createdOn", "properties.createdBy")
	initial(w.doc, "properties.createdOn", now)
	initial(w.doc, "properties.createdBy", w.by.ObjectID)
	set(w.doc, "properties.updatedOn", now)
	set(w.doc, "properties.updatedBy", w.by.ObjectID)
}

func checkDefinition(w *writing) *refusal {
	p := object(w.doc, "properties")
	if p == nil || text(p, "roleName") == "" || len(objects(p, "permissions")) == 0 {
		return badRequest("RoleDefinitionPermissionsInvalid", "The role definition needs a name and permissions.")
	}
	if _, builtin := builtinRole(last(w.id)); builtin {
		return refuse(http.StatusForbidden, "BuiltInRoleUpdateNotPermitted", "A built-in role cannot be changed.")
	}
	for _, r := range w.s.ofType(definitionType) {
		if r.key() != fold(w.id) && strings.EqualFold(text(r.doc, "properties.roleName"), text(p, "roleName")) {
			return conflict("RoleDefinitionWithSameNameExists", "A custom role with the same name already exists in this directory. Use a different name. RoleDefinition %s with name %s exists.", r.name(), text(p, "roleName"))
		}
	}
	w.stamp()
	return nil
}
