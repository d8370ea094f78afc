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

// whole finds the gaps that may hide an account, a source or an app. Other
// gaps are the matter of the checks that need what is not there.
func (s *scene) whole() []Finding {
	var all []Finding
	for _, g := range s.Gaps {
		f := Finding{Resource: g.ID, Evidence: []Evidence{{g.ID, s.pointer(g.At), g.Code, ""}}}
		switch {
		case g.ID == "":
			all = append(all, f.doubt("a page of the answer was not read: %s", g.Code))
		case hides(g.ID):
			all = append(all, f.doubt("%s could not be read (%s)", g.ID, g.Code).
				mended("", `az role assignment create --role Reader --assignee "$READER" --scope `+shell(g.ID)))
		}
	}
	if len(all) == 0 {
		all = append(all, Finding{}.pass("the source names nothing that it could not read and that others do not name"))
	}
	return all
}

// hides reports whether what could not be read may hold something that nothing
// else names: a whole scope, a list of accounts, networks, endpoints, zones,
// gateways or apps, or one account or app. What is named elsewhere is missed
// there, and is unknown.
func hides(id string) bool {
	typ, single, below := gapType(id)
	switch typ {
	case "microsoft.cognitiveservices/accounts", "microsoft.app/containerapps", "microsoft.web/sites":
		return !below
	case "microsoft.network/virtualnetworks", "microsoft.network/privateendpoints", "microsoft.network/privatednszones",
		"microsoft.network/virtualnetworkgateways", "microsoft.network/connections", "microsoft.network/networkinterfaces",
		"microsoft.network/routetables", "microsoft.app/managedenvironments":
		return !single && !below
	case "":
		return true
	}
	return false
}

// gapType is the type that an id says, in lower case; empty for a scope around
// resources. single is true of one resource, below of what lies below one.
func gapType(id string) (typ string, single, below bool) {
	id = strings.ToLower(id)
	i := strings.LastIndex(id, "/providers/")
	if i < 0 {
		return "", false, false
	}
	parts := strings.Split(strings.Trim(id[i+len("/providers/"):], "/"), "/")
	if len(parts) < 2 {
		return "", false, false
	}
	return parts[0] + "/" + parts[1], len(parts) == 3, len(parts) > 3
}

// veiled reports whether a list below a resource could not be read.
func (s *scene) veiled(t estate.Thing, child string) bool {
	return len(s.Gaps) > 0 && s.Missing(idOf(t)+"/"+child) != nil
}

// unlisted reports whether a resource may exist though it is not there: its
// scope, or the list of its type in its subscription, could not be read.
func (s *scene) unlisted(id string) bool {
	if len(s.Gaps) == 0 {
		return false
	}
	typ, _, _ := gapType(id)
	return s.Missing(id) != nil || s.Missing("/subscriptions/"+subscriptionOf(id)+"/providers/"+typ) != nil
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
