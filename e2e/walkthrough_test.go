//go:build unix

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fence is a fenced block of a page.
type fence struct{ lang, file, text string }

var (
	fenced = regexp.MustCompile("(?ms)^```(\\w+)(?: file=(\\S+))?\n(.*?)^```$")
	onPort = regexp.MustCompile(`127\.0\.0\.1:(\d+)`)
)

const divided = "=== the end of block %d ==="

// TestWalkthrough does what docs/walkthrough.md says: it writes the files, runs
// every command in one shell, in order, and compares what they print with what
// the page shows. Only the ports are others, so that it may run beside
// anything.
func TestWalkthrough(t *testing.T) {
	for _, program := range []string{"bash", "curl", "python3"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("NOT CHECKED: docs/walkthrough.md: %s is not installed", program)
		}
	}
	dir := t.TempDir()
	blocks := walkthrough(t)
	script := "set -e -o pipefail\nexec 2>&1\n"
	for i, b := range blocks {
		switch {
		case b.file != "":
			path := filepath.Join(dir, b.file)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
		case b.lang == "sh":
			script += b.text
		}
		script += fmt.Sprintf("echo '"+divided+"'\n", i)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+smallBinary(t)+":"+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	cmd.Stdout = &out
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what a script that failed left behind
	}
	if err != nil {
		logs, _ := filepath.Glob(filepath.Join(dir, "*", "*log"))
		for _, name := range logs {
			text, _ := os.ReadFile(name)
			t.Logf("%s:\n%s", name, text)
		}
		t.Fatalf("%v\n%s", err, &out)
	}
	checkShown(t, blocks, out.String())
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("after cleaning up there is %v", left)
	}
}

// walkthrough reads the page, with ports that are free.
func walkthrough(t *testing.T) (blocks []fence) {
	t.Helper()
	page, err := os.ReadFile("../docs/walkthrough.md")
	if err != nil {
		t.Fatal(err)
	}
	ports := map[string]string{}
	page = onPort.ReplaceAllFunc(page, func(address []byte) []byte {
		was := string(address)
		if ports[was] == "" {
			port, err := freePort()
			if err != nil {
				t.Fatal(err)
			}
			ports[was] = "127.0.0.1:" + port
		}
		return []byte(ports[was])
	})
	for _, m := range fenced.FindAllStringSubmatch(string(page), -1) {
		blocks = append(blocks, fence{m[1], m[2], m[3]})
	}
	if len(blocks) < 20 {
		t.Fatalf("only %d blocks found", len(blocks))
	}
	// The emulator has no file in the page, and so its usual ports.
	fronts := fmt.Sprintf("emulator: {state: ai-corp/model, listen_public: %q, listen_private: %q, listen_issuer: '127.0.0.1:0'}\n",
		ports["127.0.0.1:8441"], ports["127.0.0.1:8442"])
	for i := range blocks {
		blocks[i].text = strings.ReplaceAll(blocks[i].text, "ostiary emulate --state ai-corp/model", "ostiary emulate --config emulator.yaml")
	}
	return append([]fence{{"yaml", "emulator.yaml", fronts}}, append(blocks, fence{lang: "sh", text: "rm emulator.yaml\n"})...)
}

// smallBinary is a directory with ostiary-node; ostiary is in the path already.
func smallBinary(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "ostiary-node"), "../cmd/ostiary-node")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// checkShown wants every line of a text block, in order, in what the block of
// commands before it printed. An ellipsis stands for anything.
func checkShown(t *testing.T, blocks []fence, out string) {
	t.Helper()
	printed := make([]string, len(blocks))
	for i := range blocks {
		var found bool
		if printed[i], out, found = strings.Cut(out, fmt.Sprintf(divided+"\n", i)); !found {
			t.Fatalf("block %d did not end: %s", i, out)
		}
	}
	for i, b := range blocks {
		if b.lang != "text" {
			continue
		}
		rest := printed[i-1]
		for line := range strings.Lines(b.text) {
			parts := strings.Split(strings.TrimSuffix(line, "\n"), "…")
			for j := range parts {
				parts[j] = regexp.QuoteMeta(parts[j])
			}
			at := regexp.MustCompile(`(?m)^` + strings.Join(parts, ".*") + `\s*$`).FindStringIndex(rest)
			if at == nil {
				t.Errorf("the page shows %q after\n%s\nwhich printed\n%s", line, blocks[i-1].text, printed[i-1])
				continue
			}
			rest = rest[at[1]:]
		}
	}
}
