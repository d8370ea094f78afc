package ostiary_test

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/ostiary/ostiary/"

// ranks is the house's order: a package imports only packages of a lower rank,
// so services (rank 3) never import one another and only the command line
// composes them. A new package is given its rank here before it compiles in
// CI.
func ranks() map[string]int {
	return map[string]int{
		"docs": 0, "internal/secret": 0, "internal/fault": 0, "internal/openai": 1, "internal/pki": 1,
		"internal/pki/pkitest": 2, "internal/revocation": 2, "internal/seal": 1, "internal/upstream": 1, "internal/config": 2, "internal/identity": 2, "internal/ledger": 2, "internal/channel": 2, "internal/httpd": 2,
		"internal/estate": 1, "internal/estate/estatetest": 2, "internal/topology": 2, "internal/azure": 2, "internal/probe": 2,
		"internal/posture/corpus": 1, "internal/posture": 3, "internal/report": 4,
		"internal/policy": 3, "internal/limit": 3, "internal/limit/shared": 4, "internal/limit/redistest": 1, "internal/login": 3, "internal/backend": 4, "internal/membership": 3, "internal/witness": 3, "internal/sink": 4, "internal/sink/sinktest": 1,
		"modules": 0, "internal/arm": 3, "internal/place": 3, "internal/cloud": 4, "internal/signin": 3, "internal/chat/render": 1, "internal/chat": 5, "internal/provision": 5,
		"internal/gateway": 5, "internal/relay": 5, "internal/authority": 5, "internal/portal": 5, "internal/emulator": 5,
		"internal/cli/node": 6, "internal/cli/serve": 7, "internal/cli/demo": 8, "internal/cli": 9,
		"cmd/ostiary": 10, "cmd/ostiary-node": 10, "e2e": 11, "bench": 11,
	}
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func TestImportsRunDownTheRanks(t *testing.T) {
	rank := ranks()
	for _, line := range goList(t, "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...") {
		names := strings.Fields(line)
		from := strings.TrimPrefix(names[0], module)
		if from == strings.TrimSuffix(module, "/") {
			continue // this test's own package
		}
		fromRank, ok := rank[from]
		if !ok {
			t.Errorf("%s has no rank: give it one in layers_test.go", from)
		}
		for _, name := range names[1:] {
			to, ours := strings.CutPrefix(name, module)
			if !ours {
				continue
			}
			if toRank, ok := rank[to]; ok && toRank >= fromRank {
				t.Errorf("%s (rank %d) imports %s (rank %d): imports go down only", from, fromRank, to, toRank)
			}
		}
	}
}

// What a binary must never contain, for a reason that someone relies on.
func TestBinariesLeaveOutWhatTheyMust(t *testing.T) {
	for _, c := range []struct {
		name      string
		args      []string
		forbidden []string
	}{
		{
			"ostiary-node asks a stranger's network to run little",
			[]string{"-deps", "./cmd/ostiary-node"},
			[]string{module + "internal/emulator", module + "internal/gateway", module + "internal/cli/demo", "github.com/Azure/", "github.com/hashicorp/", "github.com/go-jose/"},
		},
		{
			"a production build contains no token issuer",
			[]string{"-deps", "-tags", "production", "./cmd/ostiary"},
			[]string{module + "internal/emulator", module + "internal/cli/demo", "github.com/go-jose/"},
		},
		{
			"the gateway shares no wire types with the emulator",
			[]string{"-deps", "./internal/emulator"},
			[]string{module + "internal/openai", module + "internal/gateway", module + "internal/identity"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			deps := goList(t, c.args...)
			if len(deps) < 50 {
				t.Fatalf("only %d packages listed", len(deps))
			}
			for _, dep := range deps {
				for _, bad := range c.forbidden {
					if strings.HasPrefix(dep, bad) {
						t.Errorf("contains %s", dep)
					}
				}
			}
		})
	}
}
