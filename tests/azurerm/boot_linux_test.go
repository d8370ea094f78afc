//go:build azurerm

package azurerm_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/pki"
)

const (
	authorityName = "authority.example.com"
	downloadName  = "downloads.example.com"
)

// The machines of the two companies come up from nothing but the custom data
// that Terraform gave them: their own cloud-init fetches the binary and checks
// it, reads the ticket from the vault by the private endpoint and with the
// machine's identity, enrols, and has systemd run the unit. The consumer's
// machine then asks its question, and the answer is on its console. A machine
// that is turned off and on again needs no ticket.
func TestBootTwoCompanies(t *testing.T) {
	machinesHere(t)
	w := newWorld(t)
	binary, sum := nodeBinary(t)
	c := w.meets(fmt.Sprintf(`{"url":"https://%s/ostiary-node","sha256":"%s"}`, downloadName, sum), authorityName+":7443")
	names := map[string]string{authorityName: c.meeting.output("authority"), downloadName: downloadAddress}
	release := w.downloads(binary)
	wired := func(place string) *wire { return w.plug(place, names, release) }

	given := c.meeting.customData()
	authority := w.boots("authority", given["meeting-authority"], wired("meeting-authority"))
	authority.wire.open(7443)
	relay := w.boots("relay", given["meeting-relay"], wired("meeting-relay"))
	relay.wire.open(443)
	authority.serves()
	c.invite(func(args ...string) string {
		return authority.until("ostiary-ticket-", append([]string{"runuser", "-u", "ostiary", "--", "ostiary-node", "portal", "ticket", "create", "--config", "/etc/ostiary/authority.yaml", "--expires-in", "60m"}, args...)...)
	})
	relay.serves()

	c.owns()
	w.replica("acmeown-workload", "acmeown-gateway", wired("acmeown-gateway"))

	c.consumes()
	inlet := w.boots("inlet", c.consumer.customData()["health-inlet"], wired("health-inlet"))
	inlet.saysOnConsole(`"choices"`)
	t.Logf("on the console of the consumer's machine: %s", lineWith(inlet.console.String(), `"choices"`))

	for _, m := range []*machine{authority, relay, inlet} {
		m.cameUpWell()
	}
	host := strings.TrimPrefix(w.outputs().Accounts["swedencentral"].Endpoint, "https://")
	for _, m := range []*machine{relay, inlet} { // the public door, which is shut, is all that they see of the model
		if _, out := m.inside("curl", "-s", "-m", "20", "-o", os.DevNull, "-w", "%{http_code}", "https://"+host+"/openai/models?api-version=2024-10-21"); out != "403" {
			t.Errorf("%s sees %s of the model", m.name, out)
		}
	}
	relay.off()
	relay.power()
	relay.serves()
	inlet.until(`"choices"`, "curl", "-sS", "-m", "20", "http://127.0.0.1:8443/openai/v1/chat/completions", "-H", "Content-Type: application/json",
		"-d", `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Who was William of Ockham?"}]}`)
}

// nodeBinary builds what machines fetch, and gives its SHA-256.
func nodeBinary(t *testing.T) (file, sum string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "ostiary-node")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", file, "../../cmd/ostiary-node")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(data)
	return file, hex.EncodeToString(hash[:])
}

// downloads is the server of the release: the first answer is an error, as it
// happens, and the next is the file.
func (w *world) downloads(file string) http.Handler {
	var asked atomic.Int32
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			http.Error(rw, "later", http.StatusServiceUnavailable)
			return
		}
		http.ServeFile(rw, r, file)
	})
}

// certified puts a server behind TLS with a certificate of the emulated roots.
func (x *wire) certified(name string) *tls.Config {
	x.t.Helper()
	ca, err := pki.LoadOrCreateCA(filepath.Dir(x.r.CA), "")
	if err != nil {
		x.t.Fatal(err)
	}
	certificate, err := ca.ServerCertificate(name)
	if err != nil {
		x.t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
}

// saysOnConsole waits for a word on the machine's console.
func (m *machine) saysOnConsole(want string) {
	m.w.t.Helper()
	for deadline := time.Now().Add(6 * time.Minute); !strings.Contains(m.console.String(), want); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.w.t.Fatalf("the console of %s does not show %s", m.name, want)
		}
	}
}

// cameUpWell demands that cloud-init found nothing to complain about, that the
// unit runs as its own user with its key to itself, that the machine listens
// where it says and nowhere else, and that no ticket is left anywhere.
func (m *machine) cameUpWell() {
	t := m.w.t
	t.Helper()
	if code, out := m.inside("cloud-init", "status", "--wait", "--long"); code != 0 || !strings.Contains(out, "status: done") {
		t.Errorf("%s: cloud-init ends with %d: %s", m.name, code, out)
	}
	if code, out := m.inside("cloud-init", "schema", "--system"); code != 0 {
		t.Errorf("%s: %s", m.name, out)
	}
	if _, out := m.inside("stat", "-c", "%U %a", "/var/lib/ostiary/member"); strings.TrimSpace(out) != "ostiary 700" {
		t.Errorf("%s: the member's directory is %s", m.name, out)
	}
	if _, out := m.inside("ps", "-C", "ostiary-node", "-o", "user="); strings.TrimSpace(out) != "ostiary" {
		t.Errorf("%s: ostiary-node runs as %q", m.name, out)
	}
	want := map[string]string{"authority": "*:7443", "relay": "*:443", "inlet": "127.0.0.1:8443"}[m.name]
	if _, out := m.inside("ss", "-Hltn"); len(strings.Split(strings.TrimSpace(out), "\n")) != 1 || !strings.Contains(out, want) {
		t.Errorf("%s listens on\n%s, want %s alone", m.name, out, want)
	}
	if code, out := m.inside("grep", "-rl", "ostiary-ticket-", "/etc", "/var/lib", "/var/log", "/run", "/root", "/tmp"); code != 1 {
		t.Errorf("%s: a ticket is left: %s", m.name, out)
	}
}

func lineWith(text, word string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
