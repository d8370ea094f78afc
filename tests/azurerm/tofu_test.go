//go:build azurerm

package azurerm_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tofu is what scripts/tofu.sh built. It takes minutes to build, so that only
// OSTIARY_TOFU=1 (make test-azurerm TOFU=1) demands it.
func tofu(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", `cd ../.. && ls "${XDG_CACHE_HOME:-$HOME/.cache}/ostiary/tofu/$(sed -n 's/^version=//p' scripts/tofu.sh)/tofu"`).Output()
	if err != nil {
		if os.Getenv("OSTIARY_TOFU") == "1" {
			t.Fatal("OpenTofu is not here: run scripts/tofu.sh")
		}
		t.Skip("NOT CHECKED: OpenTofu. Build it with `make tofu`, or run `make test-azurerm TOFU=1`")
	}
	return strings.TrimSpace(string(out))
}

// All that Terraform does, OpenTofu does from nothing to nothing. What it wrote
// is not Terraform's to go on with, and that is said before anything is done.
func TestDeployWithOpenTofu(t *testing.T) {
	t.Parallel()
	tool := tofu(t)
	w := newWorld(t)
	w.wide = []string{"--tool", tool}
	w.write("estate.yaml", example(t, "one-region"))
	w.deploy(0, "apply", "--yes")
	w.built("acmeai", map[string]string{"acmeai-vnet/apps": "401", "acmeai-vnet/portal": "refused", "internet": "403"})
	w.answered("acmeai-gateway")
	w.evidence()
	var e struct{ Versions struct{ Tool string } }
	data, err := os.ReadFile(filepath.Join(w.dir, "evidence.json"))
	if err == nil {
		err = json.Unmarshal(data, &e)
	}
	if err != nil || !strings.HasPrefix(e.Versions.Tool, "OpenTofu ") {
		t.Errorf("the evidence does not name the tool: %q, %v", e.Versions.Tool, err)
	}
	w.wide = []string{"--tool", "terraform"}
	for _, what := range []string{"plan", "destroy"} {
		code, out := w.run(w.command(what, map[string][]string{"destroy": {"--yes"}}[what]...))
		if code != 2 || !strings.Contains(out, "OpenTofu wrote this state") {
			t.Errorf("%s with Terraform ends with %d: %s", what, code, tail(out))
		}
	}
	w.wide = []string{"--tool", tool}
	w.deploy(0, "destroy", "--yes")
	w.nothingLeft()
}

// What Terraform built, OpenTofu takes over without a change, and takes down.
func TestOpenTofuTakesOver(t *testing.T) {
	t.Parallel()
	tool := tofu(t)
	w := newWorld(t)
	w.write("estate.yaml", example(t, "one-region"))
	w.deploy(0, "apply", "--yes")
	w.wide = []string{"--tool", tool}
	w.built("acmeai", map[string]string{"acmeai-vnet/apps": "401", "internet": "403"})
	w.deploy(0, "destroy", "--yes")
	w.nothingLeft()
}
