package arm_test

import (
	"net/http"
	"testing"

	"github.com/ostiary/ostiary/internal/arm"
)

const (
	ann         = "00000000-0000-0000-0000-00000000000a"
	team        = "00000000-0000-0000-0000-00000000000b"
	reader      = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
	contributor = "b24988ac-6180-42a0-ab88-20f7382dd24c"
	user        = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"
)

func assignment(role, principal string) string {
	return `{"properties":{"roleDefinitionId":"/providers/Microsoft.Authorization/roleDefinitions/` + role + `","principalId":"` + principal + `"}}`
}

func roles(n string) string {
	return "/providers/Microsoft.Authorization/roleAssignments/00000000-0000-0000-0000-0000000000" + n
}

// people lets the token be the name of who asks.
func people(c *arm.Config) {
	c.Verify = func(token string) (arm.Caller, bool) {
		switch token {
		case "owner":
			return arm.Caller{ObjectID: owner}, true
		case "ann":
			return arm.Caller{ObjectID: ann, Groups: []string{team}}, true
		}
		return arm.Caller{}, false
	}
}

func TestRoleAssignmentsCount(t *testing.T) {
	r := newRig(t, people)
	r.token = "owner"
	r.put(rg, `{"location":"westeurope"}`)
	r.put(net+"routeTables/rt", `{"location":"westeurope"}`)
	r.put(net+"routeTables/other", `{"location":"westeurope"}`)
	as := func(who string, do func()) { r.token = who; do(); r.token = "owner" }
	as("", func() { r.refused(http.MethodGet, rg, "", 401, "AuthenticationFailed") })
	as("forged", func() { r.refused(http.MethodGet, rg, "", 401, "InvalidAuthenticationToken") })
	as("ann", func() {
		r.refused(http.MethodGet, rg, "", 403, "AuthorizationFailed")
		r.refused(http.MethodGet, net+"routeTables", "", 403, "AuthorizationFailed")
		if n := len(r.get("/subscriptions")["value"].([]any)); n != 0 {
			t.Errorf("who has no role sees %d subscriptions", n)
		}
	})
	r.put(net+"routeTables/rt"+roles("01"), assignment(reader, ann))
	as("ann", func() {
		r.get(net + "routeTables/rt")
		r.refused(http.MethodPut, net+"routeTables/rt", `{"location":"westeurope"}`, 403, "AuthorizationFailed")
		if n := len(r.get(net + "routeTables")["value"].([]any)); n != 1 {
			t.Errorf("a list shows %d resources to who may read one", n)
		}
	})
	r.put(rg+roles("02"), assignment(contributor, team)) // by the group
	as("ann", func() {
		r.put(net+"routeTables/rt", `{"location":"westeurope"}`)
		r.refused(http.MethodPut, rg+roles("03"), assignment(reader, ann), 403, "AuthorizationFailed") // notActions
	})
	r.refused(http.MethodPut, rg+roles("04"), assignment(contributor, team), 409, "RoleAssignmentExists")
	r.refused(http.MethodPut, rg+roles("05"), assignment("12121212-0000-0000-0000-000000000000", team), 404, "RoleDefinitionDoesNotExist")
	r.ask(http.MethodDelete, rg+roles("02"), "")
	as("ann", func() {
		r.refused(http.MethodPut, net+"routeTables/rt", `{"location":"westeurope"}`, 403, "AuthorizationFailed")
	})
}

func TestMayDo(t *testing.T) {
	r := network(t, nil)
	id := r.account("aoai")
	const ask = "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action"
	if r.MayDo(owner, ask, true, id) {
		t.Error("Owner holds no data action, and is granted one")
	}
	r.put(id+roles("01"), assignment(user, ann))
	for _, c := range []struct {
		action string
		data   bool
		scope  string
		want   bool
	}{
		{ask, true, id, true},
		{ask, false, id, false},
		{ask, true, cog + "aoai2", false},
		{ask, true, rg, false},
		{"Microsoft.CognitiveServices/accounts/OpenAI/deployments/write", true, id, false},
		{"Microsoft.CognitiveServices/accounts/read", false, id, true},
		{"Microsoft.CognitiveServices/accounts/listKeys/action", false, id, false},
	} {
		if got := r.MayDo(ann, c.action, c.data, c.scope); got != c.want {
			t.Errorf("MayDo(%s, data %v, %s) is %v", c.action, c.data, c.scope, got)
		}
	}
}
