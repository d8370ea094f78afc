package arm

import (
	"encoding/json"
	"strings"
	"testing"
)

// A fault in the table would otherwise read as an empty row.
func TestTable(t *testing.T) {
	for key, k := range kinds() {
		if k.defaults != "" && !json.Valid([]byte(k.defaults)) {
			t.Errorf("the defaults of %s are no JSON", k.typ)
		}
		if key != strings.ToLower(k.typ) || len(strings.Split(k.typ, "/")) < 2 {
			t.Errorf("%q is no type", k.typ)
		}
		for _, name := range k.embeds {
			if kinds()[fold(k.typ+"/"+name)] == nil {
				t.Errorf("%s embeds %s, which has no row", k.typ, name)
			}
		}
		for name := range k.actions {
			if name != strings.ToLower(name) {
				t.Errorf("the action %s of %s would never be found", name, k.typ)
			}
		}
	}
	seen := map[string]bool{}
	for _, r := range builtinRoles() {
		if !isGUID(r.id) || seen[r.id] {
			t.Errorf("the id of the role %s is none, or another's", r.name)
		}
		seen[r.id] = true
	}
}

func TestPaths(t *testing.T) {
	for _, c := range []struct{ path, scope, typ, name, tail, parent string }{
		{"/subscriptions/s", "", "", "", "", ""},
		{"/subscriptions/s/resourceGroups/g", "", "", "", "", ""},
		{"/subscriptions/s/resourceGroups/g/providers/N.S/a/x", "/subscriptions/s/resourceGroups/g", "N.S/a", "x", "", "/subscriptions/s/resourceGroups/g"},
		{"/subscriptions/s/resourceGroups/g/providers/N.S/a/x/b/y", "/subscriptions/s/resourceGroups/g", "N.S/a/b", "y", "", "/subscriptions/s/resourceGroups/g/providers/N.S/a/x"},
		{"/subscriptions/s/resourceGroups/g/providers/N.S/a/x/b", "/subscriptions/s/resourceGroups/g", "N.S/a", "x", "b", "/subscriptions/s/resourceGroups/g"},
		{"/subscriptions/s/providers/N.S/a", "/subscriptions/s", "N.S", "", "a", "/subscriptions/s"},
		{"/subscriptions/s/resourceGroups/g/providers/N.S/a/x/providers/M.T/c/z", "/subscriptions/s/resourceGroups/g/providers/N.S/a/x", "M.T/c", "z", "", "/subscriptions/s/resourceGroups/g/providers/N.S/a/x"},
		{"/providers/M.T/c/z", "/", "M.T/c", "z", "", ""},
	} {
		a, ok := parsePath(c.path)
		if !ok || a.scope != c.scope || (a.namespace != "" && a.typ() != c.typ) || a.name() != c.name || a.tail != c.tail || (a.namespace != "" && a.parent() != c.parent) {
			t.Errorf("%s was read as %+v, type %s, parent %s", c.path, a, a.typ(), a.parent())
		}
	}
	for _, bad := range []string{"", "x", "/a//b", "/a/../b", "/a/\x00", "/subscriptions/s/resourceGroups/g/x/y", "/" + strings.Repeat("a", 3000)} {
		if a, ok := parsePath(bad); ok {
			t.Errorf("%q was read as %+v", bad, a)
		}
	}
}
