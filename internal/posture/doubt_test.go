package posture

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/ostiary/ostiary/internal/posture/corpus"
)

// leaf is a value of a document and how to replace it.
type leaf struct {
	path string
	set  func(any)
	v    any
}

// leaves are the values under the properties and identities of resources:
// what checks read. Ids and names are what ties the document together.
func leaves(v any, path string, inside bool, set func(any)) []leaf {
	var all []leaf
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			in := inside || k == "properties" || k == "identity" || k == "kind"
			if k == "name" || k == "type" || k == "id" && !inside || k == "provisioningState" {
				continue
			}
			all = append(all, leaves(v[k], path+"/"+k, in, func(x any) { v[k] = x })...)
		}
		return all
	case []any:
		for i, e := range v {
			all = append(all, leaves(e, fmt.Sprint(path, "/", i), inside, func(x any) { v[i] = x })...)
		}
	}
	if inside {
		all = append(all, leaf{path, set, v})
	}
	return all
}

// unread is written in the place of a value: nothing that a check reads is of
// this kind, so that it becomes unknown.
func unread(v any) any {
	if _, list := v.([]any); list {
		return "unread"
	}
	return []any{map[string]any{"unread": true}}
}

// passes counts the passes of each check and tells which checks do not pass
// everywhere.
func passes(r Report) (count map[string]int, bad map[string]bool) {
	count, bad = map[string]int{}, map[string]bool{}
	for _, f := range r.Findings {
		if f.Status == Pass {
			count[f.ID]++
		} else {
			bad[f.ID] = true
		}
	}
	return count, bad
}

// A value that becomes unknown never makes a check pass more often, and never
// makes one pass that did not: every step-th value of each good estate, from
// another start in each.
func TestDoubtNeverPasses(t *testing.T) {
	const step = 127
	type doc struct {
		name    string
		json    []byte
		clients []string
	}
	var docs []doc
	for _, g := range corpus.Good() {
		docs = append(docs, doc{g.Name, g.JSON, g.Clients}, doc{g.Name + " without clients", g.JSON, nil})
	}
	tried, turned := 0, 0
	for n, d := range docs {
		var v any
		if err := json.Unmarshal(d.json, &v); err != nil {
			t.Fatal(err)
		}
		before, bad := passes(judgeJSON(t, d.json, d.clients))
		for i, l := range leaves(v, "", false, nil) {
			if (i+n)%step != 0 {
				continue
			}
			l.set(unread(l.v))
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			l.set(l.v)
			after, worse := passes(judgeJSON(t, text, d.clients))
			tried++
			if len(worse) > len(bad) {
				turned++
			}
			for id, count := range after {
				if count > before[id] || bad[id] && !worse[id] {
					t.Errorf("%s: with %s unread %s passes %d times, %d before", d.name, l.path, id, count, before[id])
				}
			}
		}
	}
	if tried < 150 || turned < tried/20 {
		t.Errorf("only %d values tried, of which %d turned a check", tried, turned)
	}
}
