package provision

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// scripted is a tool that answers three questions.
func scripted(t *testing.T, text, state string) *tool {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "tool")
	script := `#!/bin/sh
case "$*" in
"version -json") echo '{"terraform_version":"1.12.6","provider_selections":{}}' ;;
version) echo '` + text + `' ;;
"state pull") cat state.json ;;
*) exit 1 ;;
esac
`
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	if state != "" {
		if err := os.WriteFile(filepath.Join(dir, "state.json"), []byte(state), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tool, err := newTool(path, dir, filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tool.close)
	return tool
}

// The two tools read each other's state in one direction only.
func TestStateOfTheOtherTool(t *testing.T) {
	const terraform, tofu = "Terraform v1.11.4\non linux_amd64", "OpenTofu v1.12.6\non linux_amd64"
	of := func(registry string) string {
		return `{"version":4,"resources":[{"mode":"managed","provider":"module.a.provider[\"` + registry + `/hashicorp/azurerm\"]"}]}`
	}
	for name, c := range map[string]struct {
		tool, state string
		refused     bool
	}{
		"Terraform's by Terraform":  {terraform, of("registry.terraform.io"), false},
		"Terraform's by OpenTofu":   {tofu, of("registry.terraform.io"), false},
		"OpenTofu's by OpenTofu":    {tofu, of("registry.opentofu.org"), false},
		"OpenTofu's by Terraform":   {terraform, of("registry.opentofu.org"), true},
		"none yet":                  {terraform, "", false},
		"its name in another place": {terraform, `{"version":4,"outputs":{"a":{"value":"registry.opentofu.org/hashicorp/azurerm"}}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			tool := scripted(t, c.tool, c.state)
			err := tool.mayRead(t.Context())
			if (err != nil) != c.refused || err != nil && !strings.Contains(err.Error(), "--tool tofu") {
				t.Error(err)
			}
			if log, err := os.ReadFile(tool.log.Name()); err != nil || strings.Contains(string(log), "version") {
				t.Errorf("the state stands in the log: %s, %v", log, err)
			}
		})
	}
}

func TestToolSaysItsName(t *testing.T) {
	for text, want := range map[string]string{"Terraform v1.12.6": "Terraform 1.12.6", "OpenTofu v1.12.6": "OpenTofu 1.12.6"} {
		got, err := scripted(t, text, "").checkVersion(t.Context())
		if err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}
