package provision

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Summary is a plan for a person: how many of what. What is lost or interrupted
// is named, not counted.
func (p Plan) Summary() string {
	create, change, remove := p.Counts()
	if create+change+remove == 0 {
		return p.Stage + ": nothing to do\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d to create, %d to change, %d to delete\n", p.Stage, create, change, remove)
	kinds := map[string]map[string]int{}
	for _, c := range p.Changes {
		kind := strings.ReplaceAll(strings.TrimPrefix(c.Type, "azurerm_"), "_", " ")
		if kinds[kind] == nil {
			kinds[kind] = map[string]int{}
		}
		kinds[kind][c.Action]++
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		var parts []string
		for _, action := range slices.Sorted(maps.Keys(kinds[kind])) {
			parts = append(parts, fmt.Sprintf("%s %d", action, kinds[kind][action]))
		}
		fmt.Fprintf(&b, "  %-42s %s\n", kind, strings.Join(parts, ", "))
	}
	for _, c := range p.Changes {
		if c.Action == "delete" || c.Action == "replace" {
			fmt.Fprintf(&b, "  %s %s\n", c.Action, c.Address)
		}
	}
	return b.String()
}
