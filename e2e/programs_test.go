package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// javaScript gives a directory and the command that runs a program there.
func javaScript(program string) func(*testing.T) []string {
	return func(t *testing.T) []string {
		return []string{npm(t, "the JavaScript clients against emulator and gateway"), "node", program}
	}
}

// npm gives a directory with the programs of npm/ and their packages, or skips
// the test. The packages are installed once for each lockfile, into bin/, which
// `make clean` removes.
func npm(t *testing.T, what string) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("NOT CHECKED: %s: %s is not installed", what, tool)
		}
	}
	if version, err := exec.CommandContext(t.Context(), "node", "-p", "process.versions.node.split('.')[0]").Output(); err != nil || atoi(version) < 20 {
		t.Skipf("NOT CHECKED: %s: it needs node 20, here is %s", what, version)
	}
	lock, err := os.ReadFile("npm/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	packages, err := filepath.Abs("../bin/npm-" + hex.EncodeToString(sum[:6]))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(packages); err != nil {
		install(t, what, packages)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("npm")); err != nil {
		t.Fatal(err)
	}
	_ = os.RemoveAll(filepath.Join(dir, "node_modules"))
	if err := os.Symlink(filepath.Join(packages, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// install puts the packages beside their place first: half an installation is
// never taken for a whole one.
func install(t *testing.T, what, packages string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(packages), 0o755); err != nil {
		t.Fatal(err)
	}
	half, err := os.MkdirTemp(filepath.Dir(packages), "npm-half-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(half) }()
	for _, name := range []string{"package.json", "package-lock.json"} {
		data, err := os.ReadFile(filepath.Join("npm", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(half, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = half
	if out, err := cmd.CombinedOutput(); unreachable(out) && err != nil {
		t.Skipf("NOT CHECKED: %s: the npm registry cannot be reached", what)
	} else if err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	if err := os.Rename(half, packages); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
}

// goClient gives a directory and the command for one of the clients for Go.
// They are a module of their own, of which nothing is fetched once it is in the
// module cache; their first build takes most of a minute of two cores.
func goClient(client string) func(*testing.T) []string {
	return func(t *testing.T) []string {
		t.Helper()
		dir, err := filepath.Abs("clients")
		if err != nil {
			t.Fatal(err)
		}
		program := filepath.Join(t.TempDir(), "clients")
		for _, step := range []struct {
			proxy []string
			args  []string
		}{
			{nil, []string{"mod", "download"}},
			{[]string{"GOPROXY=off"}, []string{"build", "-o", program, "."}},
		} {
			cmd := exec.CommandContext(t.Context(), "go", step.args...)
			cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly"), step.proxy...)
			if out, err := cmd.CombinedOutput(); unreachable(out) && err != nil {
				t.Skipf("NOT CHECKED: %s against emulator and gateway: the module proxy cannot be reached", client)
			} else if err != nil {
				t.Fatalf("go %v: %v\n%s", step.args, err, out)
			}
		}
		return []string{dir, program, client}
	}
}
