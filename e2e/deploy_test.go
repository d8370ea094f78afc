package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/config"
)

// The configuration in every cloud-init file is right.
func TestCloudInit(t *testing.T) {
	files, _ := filepath.Glob("../deploy/cloud-init/*.yaml")
	if len(files) < 3 {
		t.Errorf("only %v", files)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) { checkCloudInit(t, name) })
	}
}

func checkCloudInit(t *testing.T, name string) {
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		WriteFiles []struct{ Path, Content string } `yaml:"write_files"`
		RunCmd     [][]string                       `yaml:"runcmd"`
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	checked := false
	for _, f := range file.WriteFiles {
		if !strings.HasSuffix(f.Path, ".yaml") {
			continue
		}
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(f.Content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := config.Load(path, new(node.Sections), config.Options{}); err != nil {
			t.Errorf("%s: %v", f.Path, err)
		}
		checked = true
	}
	if !checked || len(file.RunCmd) == 0 {
		t.Error("nothing was checked")
	}
}

// systemd understands every line of the unit.
func TestSystemdUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("NOT CHECKED: the systemd unit: systemd-analyze is not installed")
	}
	unit, err := os.ReadFile("../deploy/systemd/ostiary-node@.service")
	if err != nil {
		t.Fatal(err)
	}
	// It verifies that the program is there, too.
	path := filepath.Join(t.TempDir(), "ostiary-node@inlet.service")
	text := strings.ReplaceAll(string(unit), "/usr/local/bin/ostiary-node", "/bin/sh")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", path).CombinedOutput(); err != nil || strings.Contains(string(out), "ostiary-node@") {
		t.Errorf("%v\n%s", err, out)
	}
}
