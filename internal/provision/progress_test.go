package provision

import (
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/azure"
)

// Lines come in pieces, beside others that are no events; an error is kept.
func TestProgress(t *testing.T) {
	lines := `{"@level":"info","type":"version","terraform":"1.11.4"}
not json at all
{"type":"apply_start","hook":{"resource":{"addr":"module.a.azurerm_subnet.x"},"action":"create"}}
{"type":"apply_progress","hook":{"resource":{"addr":"module.a.azurerm_subnet.x"},"action":"create","elapsed_seconds":10}}
{"type":"apply_complete","hook":{"resource":{"addr":"module.a.azurerm_subnet.x"},"action":"create","elapsed_seconds":12}}
{"type":"apply_errored","hook":{"resource":{"addr":"module.a.azurerm_subnet.y"},"action":"create","elapsed_seconds":1}}
{"type":"diagnostic","diagnostic":{"severity":"warning","summary":"old"}}
{"type":"diagnostic","diagnostic":{"severity":"error","summary":"creating","detail":"the subnet\n  is in use","address":"module.a.azurerm_subnet.y"}}
`
	for _, size := range []int{1, 7, 4096} {
		var told []Step
		p := &progress{stage: "global", tell: func(s Step) { told = append(told, s) }}
		for rest := lines; rest != ""; {
			n := min(size, len(rest))
			if _, err := p.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if len(told) != 4 || !told[2].Done || told[2].Took != 12*time.Second || !told[3].Failed || told[0].Stage != "global" {
			t.Errorf("in pieces of %d: %+v", size, told)
		}
		if len(p.errors) != 1 || p.errors[0] != "module.a.azurerm_subnet.y: creating: the subnet is in use" {
			t.Errorf("in pieces of %d: %q", size, p.errors)
		}
	}
}

// A line without an end does not fill the memory.
func TestProgressIsBounded(t *testing.T) {
	p := &progress{}
	piece := []byte(strings.Repeat("x", 1<<20))
	for range 20 {
		if _, err := p.Write(piece); err != nil {
			t.Fatal(err)
		}
		if len(p.rest) > maxLine+len(piece) {
			t.Fatalf("%d bytes are kept", len(p.rest))
		}
	}
}

func TestActionsWithStars(t *testing.T) {
	for _, c := range []struct {
		pattern, action string
		want            bool
	}{
		{"*", "Microsoft.Authorization/roleAssignments/write", true},
		{"*/read", "Microsoft.Authorization/roleAssignments/write", false},
		{"*/write", "Microsoft.Authorization/roleAssignments/write", true},
		{"microsoft.authorization/*", "Microsoft.Authorization/roleAssignments/write", true},
		{"Microsoft.Authorization/*/Write", "Microsoft.Authorization/roleAssignments/write", true},
		{"Microsoft.Network/*", "Microsoft.Authorization/roleAssignments/write", false},
		{"Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/roleAssignments/write", true},
		{"Microsoft.Authorization/roleAssignments/*/write", "Microsoft.Authorization/roleAssignments/write", false},
	} {
		if got := azure.Covers(c.pattern, c.action); got != c.want {
			t.Errorf("%s covers %s: %v", c.pattern, c.action, got)
		}
	}
}
