//go:build azurerm

package azurerm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binaries names the directory of what tests build, for as long as they run.
const binaries = "OSTIARY_TEST_BINARIES"

// program is ostiary, built once for all tests that run it.
var program = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(os.Getenv(binaries), "ostiary")
	build := exec.Command("go", "build", "-trimpath", "-o", binary, "../../cmd/ostiary")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
})

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "ostiary-azurerm")
	if err == nil {
		err = os.Setenv(binaries, dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// world is an emulated Azure in a process of its own, and a directory with an
// estate's file.
type world struct {
	t      *testing.T
	binary string
	state  string // of the emulator
	dir    string // of the estate
	env    []string
	wide   []string // flags of every deploy command
}

// newWorld starts `ostiary emulate` with an empty subscription; settings are
// further members of the section emulator, as flow YAML.
func newWorld(t *testing.T, settings ...string) *world {
	t.Helper()
	tools := mirror(t)
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, binary: binary, state: t.TempDir(), dir: t.TempDir()}
	rc := filepath.Join(w.dir, "terraformrc")
	w.write("terraformrc", fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", tools))
	w.write("emulator.yaml", fmt.Sprintf("emulator: {listen_public: '127.0.0.1:0', listen_private: '127.0.0.1:0', listen_issuer: '127.0.0.1:0', state: %q, network: {listen: '127.0.0.1:0', listen_page: '127.0.0.1:0'}%s}\n", w.state, strings.Join(append([]string{""}, settings...), ", ")))
	w.env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+rc, "CHECKPOINT_DISABLE=1")
	w.start("places (proxy user = place)", "emulate", "--config", filepath.Join(w.dir, "emulator.yaml"))
	return w
}

func (w *world) write(name, text string) {
	w.t.Helper()
	file := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// output collects what a running program says.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// start runs ostiary until the test ends, and waits until it says a word.
func (w *world) start(until string, args ...string) *output {
	w.t.Helper()
	c := exec.Command(w.binary, args...)
	c.Env, c.Dir = w.env, w.dir
	return w.startCommand(until, c)
}

// startCommand runs a command until the test ends, and waits as start does.
func (w *world) startCommand(until string, c *exec.Cmd) *output {
	w.t.Helper()
	said := &output{}
	c.Stdout, c.Stderr = said, said
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	w.t.Cleanup(func() {
		c.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			c.Process.Kill()
		}
		if w.t.Failed() {
			w.t.Logf("%v said:\n%s", c.Args, tail(said.String()))
		}
	})
	w.waitFor(said, until, ended)
	return said
}

func (w *world) waitFor(said *output, until string, ended <-chan error) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(said.String(), until); {
		select {
		case err := <-ended:
			w.t.Fatalf("it ended: %v\n%s", err, said)
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("it did not say %q:\n%s", until, said)
		}
	}
}

// at is a command as if it stood at a place.
func (w *world) at(place string, args ...string) *exec.Cmd {
	exe := append([]string{"emulate", "exec", "--state", w.state, "--from", place}, args...)
	c := exec.Command(w.binary, exe...)
	c.Env, c.Dir = w.env, w.dir
	return c
}

// run runs a command to its end and gives its exit code and what it said.
func (w *world) run(c *exec.Cmd) (int, string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 12*time.Minute)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.Process.Signal(syscall.SIGTERM) })
	defer stop()
	out, err := c.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), string(out)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return 0, string(out)
}

// command is `ostiary deploy WHAT` with the owner's login.
func (w *world) command(what string, flags ...string) *exec.Cmd {
	args := append([]string{"--azure", "--", w.binary, "deploy", what, "estate.yaml", "--binary", w.binary}, w.wide...)
	return w.at("internet", append(args, flags...)...)
}

// deploy runs a deploy command, which must end as it should.
func (w *world) deploy(want int, what string, flags ...string) string {
	w.t.Helper()
	began := time.Now()
	code, out := w.run(w.command(what, flags...))
	w.t.Logf("deploy %s %v: %.1f s, exit code %d", what, flags, time.Since(began).Seconds(), code)
	if code != want {
		w.t.Fatalf("deploy %s ended with %d:\n%s", what, code, tail(out))
	}
	return out
}

// arm asks the Resource Manager with the owner's login.
func (w *world) arm(method, path, body string) string {
	w.t.Helper()
	_, out := w.run(w.at("internet", "--azure", "--", "sh", "-c", `
t=$(curl -s "https://login.microsoftonline.com/$AZURE_TENANT_ID/oauth2/v2.0/token" -d grant_type=client_credentials -d client_id="$AZURE_CLIENT_ID" \
  -d scope=https://management.azure.com/.default --data-urlencode client_secret="$AZURE_CLIENT_SECRET" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
exec curl -s -X "$0" -H "Authorization: Bearer $t" -H "Content-Type: application/json" -d "$2" "https://management.azure.com$(echo "$1" | sed "s/SUBSCRIPTION/$AZURE_SUBSCRIPTION_ID/")"`, method, path, body))
	return out
}

// nothingLeft demands that ARM lists no resource and no group.
func (w *world) nothingLeft() {
	w.t.Helper()
	for _, list := range []string{"/subscriptions/SUBSCRIPTION/resources?api-version=2021-04-01", "/subscriptions/SUBSCRIPTION/resourcegroups?api-version=2021-04-01"} {
		if out := strings.Join(strings.Fields(w.arm("GET", list, "")), ""); !strings.Contains(out, `"value":[]`) {
			w.t.Errorf("left after destroy: %s", tail(out))
		}
	}
}

// asks demands what a client at a place sees of an account: an HTTP status, or
// "refused".
func (w *world) asks(place, host, want string) {
	w.t.Helper()
	key := "Bearer none"
	code, out := w.run(w.at(place, "--", "curl", "-s", "-m", "20", "-o", os.DevNull, "-w", "%{http_code}",
		"https://"+host+"/openai/models?api-version=2024-10-21", "-H", "Authorization: "+key))
	got := out
	if code != 0 {
		got = "refused"
	}
	if got != want {
		w.t.Errorf("%s sees %s of %s, want %s", place, got, host, want)
	}
}

func tail(s string) string {
	const most = 6000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}
