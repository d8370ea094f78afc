package arm

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// pageOf answers one page of a list. Who may not read the whole scope sees
// what he may, without a word about the rest, as in Azure.
func (q *query) pageOf(found []*record, action, scope string) (answer, *refusal) {
	if no := q.may(action, scope); no != nil {
		if !q.anywhere(action, scope) {
			return answer{}, no
		}
		var seen []*record
		for _, r := range found {
			if q.allowed(action, r.id) {
				seen = append(seen, r)
			}
		}
		found = seen
	}
	from, no := q.skip()
	if no != nil {
		return answer{}, no
	}
	size := q.s.cfg.PageSize
	if top, err := strconv.Atoi(q.params.Get("$top")); err == nil && top > 0 {
		size = min(size, top)
	}
	from = min(from, len(found))
	to := min(from+size, len(found))
	items := make([]any, 0, to-from)
	for _, r := range found[from:to] {
		items = append(items, q.s.view(r))
	}
	page := doc{"value": items}
	if to < len(found) {
		page["nextLink"] = q.next(to)
	}
	return answer{http.StatusOK, page}, nil
}

func (q *query) skip() (int, *refusal) {
	token := q.params.Get("$skiptoken")
	if token == "" {
		token = q.params.Get("$skipToken")
	}
	if token == "" {
		return 0, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	n, err2 := strconv.Atoi(strings.TrimPrefix(string(raw), "from:"))
	if err != nil || err2 != nil || n < 0 {
		return 0, badRequest("InvalidSkipToken", "The skip token '%s' is invalid.", clip(token))
	}
	return n, nil
}

func (q *query) next(from int) string {
	params := url.Values{}
	for k, v := range q.params {
		if !strings.EqualFold(k, "$skiptoken") {
			params[k] = v
		}
	}
	params.Set("$skiptoken", base64.RawURLEncoding.EncodeToString([]byte("from:"+strconv.Itoa(from))))
	return q.base + (&url.URL{Path: q.at.path}).EscapedPath() + "?" + params.Encode()
}
