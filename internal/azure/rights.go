package azure

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

const permissionsType = "Microsoft.Authorization/permissions"

// rights is what the login may do at a subscription.
type rights []struct {
	Actions    []string `json:"actions"`
	NotActions []string `json:"notActions"`
}

// rights reads the login's permissions at scope. Deny assignments are not in
// them.
func (c *client) rights(ctx context.Context, scope string) (rights, *refusal, error) {
	items, why, err := c.list(ctx, c.url(scope+"/providers/"+permissionsType, permissionsVersion, ""), nil)
	if why != nil || err != nil {
		return nil, why, err
	}
	all := make(rights, len(items))
	for i, raw := range items {
		if !decode(raw, &all[i]) {
			return nil, malformed(), nil
		}
	}
	return all, nil, nil
}

// cover reports whether action is granted by one role, as Azure reckons: what
// a role's notActions take away, another role may give.
func (r rights) cover(action string) bool {
	for _, p := range r {
		match := func(pattern string) bool { return Covers(pattern, action) }
		if slices.ContainsFunc(p.Actions, match) && !slices.ContainsFunc(p.NotActions, match) {
			return true
		}
	}
	return false
}

// Covers says whether an action of a role means another. Case does not count,
// and a star stands for any text.
func Covers(pattern, action string) bool {
	parts := strings.Split(strings.ToLower(pattern), "*")
	rest, ok := strings.CutPrefix(strings.ToLower(action), parts[0])
	if !ok || len(parts) == 1 {
		return ok && rest == ""
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, parts[last])
}

// partial is the gaps of lists that may leave something out in silence.
func (r rights) partial(scope string, all []row) []Gap {
	var gaps []Gap
	for _, row := range all {
		if !r.cover(row.typ + "/read") {
			gaps = append(gaps, partialGap(scope+"/providers/"+row.typ, row.typ))
		}
	}
	if len(gaps) == len(all) {
		return []Gap{partialGap(scope, "")}
	}
	return gaps
}

func partialGap(scope, typ string) Gap {
	return Gap{
		ID: scope, Type: typ, Status: http.StatusOK, Code: "PartialRights",
		Message: "the login may not read all of it at the subscription; what it may not see is left out in silence",
	}
}
