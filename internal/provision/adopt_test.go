package provision

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestExisting(t *testing.T) {
	for said, want := range map[string][2]string{
		`a resource with the ID "/subscriptions/s/x|ostiary" already exists - to be managed via Terraform this resource needs to be imported`:                                                    {"/subscriptions/s/x|ostiary", ""},
		`unexpected status 409 (409 Conflict) with error: RoleAssignmentExists: The role assignment already exists. The ID of the existing role assignment is 26ff2c4dee3cf262491f438e46fcb88e.`: {"", "26ff2c4d-ee3c-f262-491f-438e46fcb88e"},
		"quota exceeded": {"", ""},
	} {
		if id, role := existing(said); id != want[0] || role != want[1] {
			t.Errorf("%q: %q, %q", said, id, role)
		}
	}
}

const (
	begins = `{"type":"apply_start","hook":{"resource":{"addr":"%s"},"action":"create"}}`
	ends   = `{"type":"apply_complete","hook":{"resource":{"addr":"%s"},"action":"create"}}`
	exists = `{"type":"diagnostic","diagnostic":{"severity":"error","summary":"a resource with the ID \"/x/%s\" already exists","address":"%s"}}`
)

func ran(w workspace, lines ...string) *progress {
	p := &progress{left: w.unfinished("s"), exists: map[string]string{}, scopes: map[string]string{"role": "/scope"}}
	for _, line := range lines {
		_, _ = p.Write([]byte(line + "\n"))
	}
	return p
}

// What one run began and did not end is adopted by the next, and nothing else
// is: not what existed before any run of ours, nor what ended.
func TestUnfinishedIsAdopted(t *testing.T) {
	at := func(line, address string) string { return strings.ReplaceAll(line, "%s", address) }
	w := workspace(t.TempDir())

	first := ran(w, at(begins, "a"), at(begins, "b"), at(begins, "theirs"), at(ends, "a"), at(exists, "theirs"))
	if len(first.exists) > 0 {
		t.Errorf("a first run adopts %v", first.exists)
	}
	if left := slices.Sorted(maps.Keys(w.unfinished("s").before)); !slices.Equal(left, []string{"b"}) {
		t.Fatalf("left are %v", left)
	}

	second := ran(w, at(begins, "b"), at(exists, "b"), at(begins, "theirs"), at(exists, "theirs"))
	if want := map[string]string{"b": "/x/b"}; !maps.Equal(second.exists, want) {
		t.Errorf("adopted are %v", second.exists)
	}
	second.left.clear()
	if left := w.unfinished("s").before; len(left) > 0 {
		t.Errorf("after a good run %v are left", left)
	}
}

func TestRoleIsAdoptedByItsScope(t *testing.T) {
	w := workspace(t.TempDir())
	ran(w, strings.ReplaceAll(begins, "%s", "role"))
	p := ran(w, `{"type":"diagnostic","diagnostic":{"severity":"error","summary":"RoleAssignmentExists: The ID of the existing role assignment is 26ff2c4dee3cf262491f438e46fcb88e.","address":"role"}}`)
	if got := p.exists["role"]; got != "/scope/providers/Microsoft.Authorization/roleAssignments/26ff2c4d-ee3c-f262-491f-438e46fcb88e" {
		t.Error(got)
	}
}

// Whatever the tool says, reading it neither fails nor adopts what no run of
// ours began.
func FuzzProgress(f *testing.F) {
	f.Add([]byte(strings.ReplaceAll(begins, "%s", "a") + "\n" + strings.ReplaceAll(exists, "%s", "a") + "\n"))
	f.Add([]byte(`{"type":"diagnostic","diagnostic":{"severity":"error","detail":"The ID of the existing role assignment is 26ff2c4dee3cf262491f438e46fcb88e","address":"role"}}` + "\n"))
	f.Add([]byte("{\n\xff\n"))
	w := workspace(f.TempDir())
	f.Fuzz(func(t *testing.T, said []byte) {
		p := &progress{left: &unfinished{file: w.log("x"), before: map[string]bool{}, now: map[string]bool{}}, exists: map[string]string{}, scopes: map[string]string{"role": "/scope"}}
		if n, err := p.Write(said); n != len(said) || err != nil {
			t.Errorf("%d of %d, %v", n, len(said), err)
		}
		if len(p.exists) > 0 {
			t.Errorf("adopted are %v", p.exists)
		}
	})
}
