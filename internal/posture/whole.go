package posture

import (
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

func readWhole() row {
	return row{Check{
		ID:    "read-whole",
		Title: "Everything that decides was read",
		Level: Must,
		Looks: "errors and unread pages among the resources",
		Why:   "An account, a network or an endpoint in a place that could not be read may be the open one. What was not seen is not private.",
	}, (*scene).whole}
}

// whole finds the gaps that may hide an account or a network. A gap below one
// resource is the matter of the checks that need that resource.
func (s *scene) whole() []Finding {
	var all []Finding
	for _, g := range s.Gaps {
		f := Finding{Resource: g.ID, Evidence: []Evidence{{g.ID, s.pointer(g.At), g.Code, ""}}}
		switch {
		case g.ID == "":
			all = append(all, f.doubt("a page of the answer was not read: %s", g.Code))
		case !narrowScope(g.ID):
			all = append(all, f.doubt("%s could not be read (%s)", g.ID, g.Code).
				mended("", "az role assignment create --role Reader --assignee <reader> --scope "+shell(g.ID)))
		}
	}
	if len(all) == 0 {
		all = append(all, Finding{}.pass("the source names nothing that it could not read"))
	}
	return all
}

// narrowScope reports whether a scope can hold neither account nor network: it
// lies at or below one resource, or among settings and role assignments.
func narrowScope(id string) bool {
	id = strings.ToLower(id)
	i := strings.LastIndex(id, "/providers/")
	if i < 0 {
		return false
	}
	parts := strings.Split(strings.Trim(id[i+len("/providers/"):], "/"), "/")
	return len(parts) >= 3 || strings.HasPrefix(parts[0], "microsoft.insights") || strings.HasPrefix(parts[0], "microsoft.authorization")
}

func hasAccount() row {
	return row{Check{
		ID:    "has-account",
		Title: "There is an Azure OpenAI account to judge",
		Level: Must,
		Looks: "accounts of kind OpenAI or AIServices",
		Why:   "A report about nothing must not read as good news. The account may be in another subscription, another file, or not made yet.",
	}, (*scene).anyAccount}
}

func (s *scene) anyAccount() []Finding {
	f := Finding{}
	for _, a := range s.accounts {
		f.Evidence = append(f.Evidence, s.seen(a, estate.Mark{State: estate.Known, At: a.At}, a.Name, ""))
	}
	if s.others > 0 {
		s.note("%d accounts of other kinds were not judged: they serve no Azure OpenAI models", s.others)
	}
	if len(s.accounts) > 0 {
		return []Finding{f.pass("%s judged", count(len(s.accounts), "account was", "accounts were"))}
	}
	return []Finding{f.fail("the estate holds no account of kind OpenAI or AIServices")}
}
