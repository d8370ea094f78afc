//go:build azurerm

package azurerm_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The modules' own tests pass, with the real provider's schemas and mocked
// answers.
func TestModuleTests(t *testing.T) {
	t.Parallel()
	moduleTests(t, "terraform")
}

// So they do with OpenTofu.
func TestModuleTestsWithOpenTofu(t *testing.T) {
	t.Parallel()
	moduleTests(t, tofu(t))
}

func moduleTests(t *testing.T, tool string) {
	files, err := filepath.Glob("../../modules/*/tests/*.tftest.hcl")
	if err != nil || len(files) < 8 {
		t.Fatalf("only %d modules have tests: %v", len(files), err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../modules")); err != nil {
		t.Fatal(err)
	}
	rc := filepath.Join(dir, "terraformrc")
	if err := os.WriteFile(rc, []byte(fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		module := filepath.Base(filepath.Dir(filepath.Dir(file)))
		t.Run(module, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			for _, args := range [][]string{{"init", "-input=false", "-no-color"}, {"test", "-no-color"}} {
				c := exec.CommandContext(ctx, tool, args...)
				c.Dir, c.Env = filepath.Join(dir, module), append(os.Environ(), "TF_CLI_CONFIG_FILE="+rc, "CHECKPOINT_DISABLE=1")
				out, err := c.CombinedOutput()
				if err != nil {
					t.Fatalf("%s %s: %v\n%s", tool, args[0], err, tail(string(out)))
				}
				if args[0] == "test" {
					t.Log(strings.TrimSpace(string(out[strings.LastIndex(strings.TrimSpace(string(out)), "\n")+1:])))
				}
			}
		})
	}
}
