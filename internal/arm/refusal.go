package arm

import (
	"fmt"
	"net/http"
	"strings"
)

// refusal is ARM's answer where it does not do what was asked.
type refusal struct {
	status  int
	code    string
	message string
}

// Error makes a refusal an error of Put.
func (r *refusal) Error() string { return r.code + ": " + r.message }

func refuse(status int, code, format string, args ...any) *refusal {
	return &refusal{status, code, fmt.Sprintf(format, args...)}
}

func badRequest(code, format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, code, format, args...)
}

func conflict(code, format string, args ...any) *refusal {
	return refuse(http.StatusConflict, code, format, args...)
}

// missing is the 404 of an id, in the words of whichever part is not there.
func (s *Server) missing(a address) *refusal {
	group := groupOf(a.path)
	if group != "" && s.records[fold(group)] == nil {
		return refuse(http.StatusNotFound, "ResourceGroupNotFound", "Resource group '%s' could not be found.", a.group)
	}
	if len(a.types) > 1 {
		if s.records[fold(a.parent())] == nil {
			return refuse(http.StatusNotFound, "ParentResourceNotFound",
				"Failed to perform the operation on resource(s) of type '%s', because the parent resource '%s' could not be found.",
				strings.Join(a.types, "/"), a.parent())
		}
		return refuse(http.StatusNotFound, "NotFound", "Resource %s not found.", a.path)
	}
	where := ""
	if a.group != "" {
		where = fmt.Sprintf(" under resource group '%s'", a.group)
	}
	return refuse(http.StatusNotFound, "ResourceNotFound",
		"The Resource '%s/%s'%s was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
		a.typ(), a.name(), where)
}

func badPath() *refusal {
	return refuse(http.StatusNotFound, "InvalidResourceType", "The resource type could not be found: the path is not one of Azure Resource Manager's.")
}

func badContent(why string) *refusal {
	return badRequest("InvalidRequestContent", "The request content was invalid and could not be deserialized: '%s'.", why)
}

func notAllowed(method, path string) *refusal {
	return refuse(http.StatusMethodNotAllowed, "HttpMethodNotAllowed", "The HTTP method '%s' is not supported at '%s'.", method, path)
}
