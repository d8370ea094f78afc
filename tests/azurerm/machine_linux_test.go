//go:build azurerm

package azurerm_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// machineRoot names the directory that scripts/machine.sh made.
const machineRoot = "OSTIARY_TEST_MACHINE"

const systemPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// machine is a virtual machine's system without its hardware: systemd as the
// first process of namespaces of its own, on Ubuntu's root, with its network
// card plugged into the emulated network. Its disk is gone with the test.
type machine struct {
	w       *world
	wire    *wire
	name    string
	root    string
	console *output
	spawn   *exec.Cmd
	ended   chan error
}

// boots starts a machine with what Terraform gave it as custom data and nothing
// else. Where Azure hands that over on a disk, a seed on the root does it here.
func (w *world) boots(name string, data []byte, x *wire) *machine {
	w.t.Helper()
	m := &machine{w: w, wire: x, name: name}
	m.disk()
	m.write("var/lib/cloud/seed/nocloud/user-data", data)
	m.write("var/lib/cloud/seed/nocloud/meta-data", []byte("instance-id: "+name+"\nlocal-hostname: "+name+"\n"))
	m.write("etc/cloud/cloud.cfg.d/99-wire.cfg", []byte("network: {config: disabled}\n")) // the card is there already
	m.power()
	return m
}

// disk lays what the machine writes over the common root, with the roots of
// trust and the resolver that a machine of Azure's has.
func (m *machine) disk() {
	t := m.w.t
	t.Helper()
	dir := t.TempDir()
	m.root = filepath.Join(dir, "root")
	for _, d := range []string{"root", "upper", "work"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	layers := fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%[2]s/work", os.Getenv(machineRoot), dir)
	if out, err := exec.Command("mount", "-t", "overlay", "overlay", "-o", layers, m.root).CombinedOutput(); err != nil {
		t.Fatalf("mount: %s", out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "--recursive", m.root).CombinedOutput(); err != nil {
			t.Logf("umount: %s", out)
		}
	})
	ca, err := os.ReadFile(m.wire.r.CA)
	if err != nil {
		t.Fatal(err)
	}
	m.write("usr/local/share/ca-certificates/emulated.crt", ca)
	trust := exec.Command("chroot", m.root, "update-ca-certificates")
	trust.Env = []string{systemPath}
	if out, err := trust.CombinedOutput(); err != nil {
		t.Fatalf("update-ca-certificates: %v %s", err, out)
	}
	m.write("etc/resolv.conf", []byte("nameserver "+platformDNS+"\n"))
	m.write("var/log/journal/.keep", nil)
}

func (m *machine) write(name string, data []byte) {
	m.w.t.Helper()
	file := filepath.Join(m.root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		m.w.t.Fatal(err)
	}
	os.Remove(file)
	if err := os.WriteFile(file, data, 0o644); err != nil {
		m.w.t.Fatal(err)
	}
}

func (m *machine) read(name string) string {
	m.w.t.Helper()
	data, err := os.ReadFile(filepath.Join(m.root, name))
	if err != nil {
		m.w.t.Error(err)
	}
	return string(data)
}

// power turns the machine on, until the test ends or it is turned off.
func (m *machine) power() {
	t := m.w.t
	t.Helper()
	m.console, m.ended = &output{}, make(chan error, 1)
	m.spawn = exec.Command("systemd-nspawn", "--quiet", "--directory", m.root, "--boot", "--register=no", "--keep-unit", "--link-journal=no",
		"--machine", fmt.Sprintf("%s-%d", m.name, os.Getpid()), "--hostname", m.name, "--resolv-conf=off", "--timezone=off",
		"--network-namespace-path", "/run/netns/"+m.wire.machine, "--console=read-only")
	m.spawn.Env = append(os.Environ(), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1")
	m.spawn.Stdout, m.spawn.Stderr = m.console, m.console
	if err := m.spawn.Start(); err != nil {
		t.Fatal(err)
	}
	ended, spawn := m.ended, m.spawn
	go func() { ended <- spawn.Wait() }()
	t.Cleanup(func() {
		if m.spawn == spawn {
			m.off()
		}
		if t.Failed() {
			t.Logf("%s:\nconsole: %s\ncloud-init: %s\nostiary-node: %s", m.name, tail(m.console.String()), tail(m.read("var/log/cloud-init-output.log")), tail(m.journal()))
		}
	})
}

// off presses the button, and pulls the plug where that does not help.
func (m *machine) off() {
	m.w.t.Helper()
	if m.spawn == nil {
		return
	}
	m.spawn.Process.Signal(syscall.SIGTERM)
	select {
	case <-m.ended:
	case <-time.After(30 * time.Second):
		m.spawn.Process.Kill()
		<-m.ended
		m.w.t.Errorf("%s did not go down by itself", m.name)
	}
	m.spawn = nil
}

func (m *machine) journal() string {
	out, _ := exec.Command("journalctl", "--directory", filepath.Join(m.root, "var/log/journal"), "--no-pager", "--unit", "ostiary-node").CombinedOutput()
	return string(out)
}

// inside runs a command on the machine, as an administrator does with a bastion.
func (m *machine) inside(args ...string) (int, string) {
	m.w.t.Helper()
	pid := m.spawn.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	first, _, _ := strings.Cut(strings.TrimSpace(string(children)), " ")
	if err != nil || first == "" {
		return -1, "it is not up"
	}
	c := exec.Command("nsenter", append([]string{"--target", first, "--all", "--root", "--wd", "--"}, args...)...)
	c.Env = []string{systemPath}
	return m.w.run(c)
}

// until runs a command on the machine until it ends well and says a word, and
// gives all that it says.
func (m *machine) until(want string, args ...string) string {
	m.w.t.Helper()
	var code int
	var out string
	for deadline := time.Now().Add(4 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		if code, out = m.inside(args...); code == 0 && strings.Contains(out, want) {
			return out
		}
	}
	m.w.t.Fatalf("%s: %v ends with %d and does not say %q: %s", m.name, args, code, want, out)
	return ""
}

// serves waits until the machine's unit runs.
func (m *machine) serves() {
	m.w.t.Helper()
	m.until("active", "systemctl", "is-active", "ostiary-node")
}

// customData is what Terraform gave each machine of a root, by its name.
func (r *root) customData() map[string][]byte {
	t := r.w.t
	t.Helper()
	type module struct {
		Resources []struct {
			Type   string
			Values struct {
				Name       string
				CustomData string `json:"custom_data"`
			}
		}
		Children []json.RawMessage `json:"child_modules"`
	}
	var state struct {
		Values struct {
			Root json.RawMessage `json:"root_module"`
		}
	}
	if err := json.Unmarshal([]byte(r.run("show", "-json", "-no-color")), &state); err != nil {
		t.Fatal(err)
	}
	found := map[string][]byte{}
	for todo := []json.RawMessage{state.Values.Root}; len(todo) > 0; todo = todo[1:] {
		var m module
		if err := json.Unmarshal(todo[0], &m); err != nil {
			t.Fatal(err)
		}
		for _, x := range m.Resources {
			if x.Type == "azurerm_linux_virtual_machine" {
				data, err := base64.StdEncoding.DecodeString(x.Values.CustomData)
				if err != nil {
					t.Fatal(err)
				}
				found[x.Values.Name] = data
			}
		}
		todo = append(todo, m.Children...)
	}
	return found
}

// machinesHere skips a test where machines cannot be made.
func machinesHere(t *testing.T) {
	t.Helper()
	if os.Getenv(machineRoot) == "" || os.Geteuid() != 0 {
		t.Skip("NOT CHECKED: that the machines of the two companies come up from their custom data alone; `make test-boot` does it, as root")
	}
	for _, tool := range []string{"ip", "nft", "systemd-nspawn", "nsenter", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("NOT CHECKED: that machines come up from their custom data alone: %s is missing", tool)
		}
	}
}
