package posture

import (
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

func rolesNarrow() row {
	return row{Check{
		ID:    "roles-narrow",
		Title: "Nobody holds a broad role, and nobody can list the keys",
		Level: Advice,
		Looks: "roleAssignments at the account and at the scopes around it",
		Why:   "Owner, Contributor and a few roles with harmless names may list the account's keys or turn its network open. Whoever only asks the model needs Cognitive Services OpenAI User.",
	}, each(roles)}
}

// Built-in roles by the guid of their definition.
// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
func builtIn() map[string]struct {
	name  string
	broad bool
} {
	type role = struct {
		name  string
		broad bool
	}
	return map[string]role{
		"8e3af657-a8ff-443c-a75c-2fe8c4bcb635": {"Owner", true},
		"b24988ac-6180-42a0-ab88-20f7382dd24c": {"Contributor", true},
		"18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": {"User Access Administrator", true},
		"f58310d9-a9f6-439a-9e8d-f62e7b41a168": {"Role Based Access Control Administrator", true},
		"25fbc0a9-bd7c-42a3-aa1a-3b75d497ee68": {"Cognitive Services Contributor", true},
		"a97b65f3-24c7-4388-baec-2e87135dc908": {"Cognitive Services User", true}, // holds accounts/listkeys/action
		"5e0bd9bd-7b93-4f28-af87-19fc36ad61bd": {"Cognitive Services OpenAI User", false},
		"a001fd3d-188f-4b5d-821b-7da978bf7442": {"Cognitive Services OpenAI Contributor", false},
		"b59867f0-fa02-499b-be73-45a86b5b3e1c": {"Cognitive Services Data Reader", false},
		"bba48692-92b0-4667-a9ad-c31c7b334ac2": {"Cognitive Services Usages Reader", false},
		"acdd72a7-3385-48ef-bd42-f606fba81ae7": {"Reader", false},
		"43d0d8ad-25c7-4714-9337-8ba259a9fe05": {"Monitoring Reader", false},
	}
}

func roles(s *scene, a *subject) Finding {
	f := s.on(a)
	status, seen := Pass, 0
	if s.veiled(a, "providers/Microsoft.Authorization/roleAssignments") {
		status = Unknown
	}
	var broad []string
	for _, r := range s.RoleAssignments {
		switch covers(r, a) {
		case estate.Absent:
			continue
		case estate.Unknown:
			status = worse(status, Unknown)
			continue
		}
		seen++
		name, answer := s.role(r)
		if answer == Fail {
			broad = append(broad, name+" to "+orState(r.Principal.Mark, r.Principal.V))
			f = f.mended("", azFor(r, "az role assignment delete --ids"))
		}
		if answer != Pass {
			f.Evidence = append(f.Evidence, saw(s, r, r.Role, ""))
		}
		status = worse(status, answer)
	}
	switch {
	case status == Fail:
		mend := f.Mend
		f = f.fail("%s of %s may list its keys or change its network", count(len(broad), "role assignment", "role assignments"), a.Name).
			by("%s", few(broad, 5))
		f.Mend = mend
		return f
	case status == Unknown || seen == 0 && !s.listed("Microsoft.Authorization/roleAssignments"):
		return f.doubt("who holds a role on %s cannot be told", a.Name)
	default:
		return f.pass("the %s on %s are narrow", count(seen, "role assignment", "role assignments"), a.Name)
	}
}

// covers says whether an assignment holds for the account: known where it
// does, absent where it does not.
func covers(r *estate.RoleAssignment, a *subject) estate.State {
	scope := r.Scope
	if scope.State == estate.Absent { // ARM says it by the assignment's own id
		if i := strings.LastIndex(strings.ToLower(r.ID), "/providers/microsoft.authorization/"); i >= 0 {
			scope.State, scope.V = estate.Known, r.ID[:i]
		}
	}
	if scope.State != estate.Known {
		return estate.Unknown
	}
	around := strings.ToLower(strings.Trim(scope.V, "/"))
	id := strings.ToLower(strings.Trim(idOf(a), "/"))
	switch {
	case around == "", id == around, strings.HasPrefix(id, around+"/"):
		return estate.Known
	case strings.HasPrefix(around, "providers/microsoft.management/managementgroups/"):
		return estate.Known // read because the subscription lies below it
	}
	return estate.Absent
}

// role is the name of an assignment's role and whether it is narrow.
func (s *scene) role(r *estate.RoleAssignment) (name string, answer Status) {
	known := builtIn()
	if r.Role.State == estate.Known {
		guid := strings.ToLower(r.Role.V[strings.LastIndexByte(r.Role.V, '/')+1:])
		if b, ok := known[guid]; ok {
			return b.name, narrowIf(!b.broad)
		}
		if d, ok := s.Find(r.Role.V).(*estate.RoleDefinition); ok {
			return orState(d.Title.Mark, d.Title.V), s.definition(d)
		}
	}
	if r.RoleName.State == estate.Known {
		for _, b := range known {
			if strings.EqualFold(b.name, r.RoleName.V) {
				return b.name, narrowIf(!b.broad)
			}
		}
	}
	return "a role that was not read", Unknown
}

// definition judges a role by its actions: broad is what writes the account,
// lists its keys or assigns roles.
func (s *scene) definition(d *estate.RoleDefinition) Status {
	dangers := []string{
		"microsoft.cognitiveservices/accounts/listkeys/action",
		"microsoft.cognitiveservices/accounts/regeneratekey/action",
		"microsoft.cognitiveservices/accounts/write",
		"microsoft.authorization/roleassignments/write",
	}
	for _, danger := range dangers {
		if matchesAny(d.Actions, danger) && !matchesAny(d.NotActions, danger) {
			return Fail
		}
	}
	if d.Stub || d.Actions.State != estate.Known || !d.Actions.Complete() || !d.NotActions.Complete() {
		return Unknown
	}
	return Pass
}

// matchesAny reports whether a known action of the list, with its wildcards,
// covers the operation.
func matchesAny(actions estate.List[string], operation string) bool {
	for _, a := range actions.Items {
		if a.State == estate.Known && wildcard(strings.ToLower(a.V), operation) {
			return true
		}
	}
	return false
}

// wildcard matches a pattern in which each * stands for any text.
func wildcard(pattern, text string) bool {
	head, rest, more := strings.Cut(pattern, "*")
	if !more {
		return pattern == text
	}
	if !strings.HasPrefix(text, head) {
		return false
	}
	text = text[len(head):]
	parts := strings.Split(rest, "*")
	for _, p := range parts[:len(parts)-1] {
		i := strings.Index(text, p)
		if i < 0 {
			return false
		}
		text = text[i+len(p):]
	}
	return strings.HasSuffix(text, parts[len(parts)-1])
}

func narrowIf(narrow bool) Status {
	if narrow {
		return Pass
	}
	return Fail
}
