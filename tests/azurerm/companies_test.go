//go:build azurerm

package azurerm_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Two companies and a place to meet, each built by Terraform. Then the programs
// that their machines would run stand at their places: relay, gateway, outlet
// and inlet, the gateway with the configuration that the module wrote for it and
// the identity that Azure gives it. The consumer's question is answered, and
// nobody else's place, nor the consumer's own, reaches the model.
func TestDeployTwoCompanies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := os.CopyFS(filepath.Join(w.dir, "modules"), os.DirFS("../../modules")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(w.dir, "examples"), os.DirFS("../../examples")); err != nil {
		t.Fatal(err)
	}
	key := sshKey(t)
	node := `{"url":"https://example.com/ostiary-node","sha256":"` + strings.Repeat("0", 64) + `"}`
	meeting := w.root("examples/two-companies/meeting", map[string]string{"ssh_public_key": key, "node": node})
	meeting.apply()
	relay, vault := meeting.output("relay"), meeting.output("vault")

	fill := strings.NewReplacer("ssh-ed25519 AAAA…", key, "RELAY", relay, "VAULT_ID", meeting.output("vault_id"), "VAULT", vault)
	w.write("estate.yaml", fill.Replace(example(t, "two-companies/owner")))
	w.deploy(0, "apply", "--yes")
	w.built("acmeown", map[string]string{"acmeown-vnet/apps": "401", "acmeown-vnet/portal": "refused", "internet": "403"})

	vars, err := os.ReadFile("../../examples/two-companies/consumer/consumer.tfvars")
	if err != nil {
		t.Fatal(err)
	}
	consumer := w.root("modules/stacks/consumer", nil)
	consumer.write("consumer.auto.tfvars", fill.Replace(string(vars)))
	consumer.apply()

	w.members(relay)
	w.question()

	host := strings.TrimPrefix(w.outputs().Accounts["swedencentral"].Endpoint, "https://")
	w.asks("health-inlet", host, "403") // the public door, which is shut: no way leads to the owner's network
	w.asks("meeting-relay", host, "403")

	w.together(consumer.command("destroy", "-auto-approve", "-input=false", "-no-color"), w.command("destroy", "--yes"),
		meeting.command("destroy", "-auto-approve", "-input=false", "-no-color"))
	w.nothingLeft()
}

// root is a Terraform root that is applied as the owner of the subscription.
type root struct {
	w    *world
	dir  string
	vars []string
}

func (w *world) root(dir string, vars map[string]string) *root {
	r := &root{w: w, dir: dir}
	for name, value := range vars {
		r.vars = append(r.vars, "TF_VAR_"+name+"="+value)
	}
	r.run("init", "-input=false", "-no-color")
	return r
}

func (r *root) write(name, text string) { r.w.write(filepath.Join(r.dir, name), text) }

func (r *root) command(args ...string) *exec.Cmd {
	c := r.w.at("internet", append([]string{"--azure", "--", "terraform", "-chdir=" + r.dir}, args...)...)
	c.Env = append(slices.Clone(c.Env), r.vars...)
	return c
}

func (r *root) run(args ...string) string {
	r.w.t.Helper()
	began := time.Now()
	code, out := r.w.run(r.command(args...))
	r.w.t.Logf("%s: terraform %s: %.1f s", r.dir, args[0], time.Since(began).Seconds())
	if code != 0 {
		r.w.t.Fatalf("terraform %v: %s", args, tail(out))
	}
	return out
}

func (r *root) apply() { r.run("apply", "-auto-approve", "-input=false", "-no-color") }

// together runs commands side by side: the provider waits two minutes for each
// batch of links that it takes down.
func (w *world) together(commands ...*exec.Cmd) {
	w.t.Helper()
	var all sync.WaitGroup
	for _, c := range commands {
		all.Go(func() {
			if out, err := c.CombinedOutput(); err != nil {
				w.t.Errorf("%v: %v\n%s", c.Args[7:], err, tail(string(out)))
			}
		})
	}
	all.Wait()
}

func (r *root) output(name string) string {
	return strings.TrimSpace(r.run("output", "-raw", "-no-color", name))
}

// members founds the project and starts every member at its place.
func (w *world) members(relay string) {
	w.t.Helper()
	authority, inside, plain, admin := free(w.t), free(w.t), free(w.t), free(w.t)
	w.write("authority.yaml", fmt.Sprintf("authority: {project: meeting, directory: authority, listen: %q, address: %q}\n", authority, authority))
	w.start("authority serves", "authority", "--config", "authority.yaml")
	enroll := func(role, name, dir string, more ...string) {
		args := append([]string{"portal", "ticket", "create", "--config", "authority.yaml", "--role", role, "--name", name}, more...)
		for _, step := range [][]string{args, {"portal", "enroll", "--dir", dir, "--ticket", dir + ".ticket"}} {
			c := exec.Command(w.binary, step...)
			c.Env, c.Dir = w.env, w.dir
			out, err := c.Output()
			if err != nil {
				w.t.Fatalf("%v: %v %s", step, err, out)
			}
			if step[1] == "ticket" {
				w.write(dir+".ticket", string(out))
			}
		}
	}
	enroll("relay", "meeting", "relay")
	enroll("gateway", "acmeown", "member-gateway")
	enroll("outlet", "acmeown", "member-outlet", "--service", "openai")
	enroll("inlet", "health", "inlet", "--service", "openai")

	listen := free(w.t)
	w.write("relay.yaml", fmt.Sprintf("relay: {directory: relay, listen: %q}\n", listen))
	w.stand("relay serves", "meeting-relay", "443="+listen, "relay", "--config", "relay.yaml")

	// The module's own words, but for the volume, the ports of this machine, and
	// the way to the relay, which leads through the emulated network.
	w.configured("acmeown")
	text, err := os.ReadFile(filepath.Join(w.dir, "gateway.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("password", "-")
	leg := func(place string) string {
		return fmt.Sprintf("leg: {proxy: {address: %q, user: %q, password: \"file:password\"}}", w.places(), place)
	}
	account := w.outputs().Accounts["swedencentral"].Endpoint
	own := strings.NewReplacer(account, w.bridge(account, "acmeown-gateway"), "/var/lib/ostiary/", w.dir+"/", "127.0.0.1:8444", inside, "0.0.0.0:8443", plain, "0.0.0.0:9444", admin,
		`"outlet":`+"\n", `"outlet":`+"\n  "+leg("acmeown-gateway")+"\n").Replace(string(text))
	w.write("gateway.yaml", own)
	w.stand("gateway serves", "acmeown-gateway", "8443="+plain, "gateway", "--config", "gateway.yaml")
	w.stand("outlet serves", "acmeown-gateway", "", "outlet", "--config", "gateway.yaml")

	asks := free(w.t)
	w.write("asks", asks)
	w.write("inlet.yaml", fmt.Sprintf(`inlet:
  directory: inlet
  listen: %q
  relays: ["%s:443"]
  service: openai
  outlet: spiffe://meeting/outlet/acmeown
  gateway: spiffe://meeting/gateway/acmeown
  %s
`, asks, relay, leg("health-inlet")))
	w.stand("inlet serves", "health-inlet", "", "inlet", "--config", "inlet.yaml")
}

// bridge is an address on loopback from which requests go to a host of the
// emulated network, as from a place there: a gateway follows no proxy of its
// environment.
func (w *world) bridge(target, place string) string {
	w.t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		w.t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(w.state, "ca.pem"))
	if err != nil {
		w.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: &http.Transport{
			Proxy:           http.ProxyURL(&url.URL{Scheme: "http", User: url.UserPassword(place, "-"), Host: w.places()}),
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		},
		FlushInterval: -1,
	})
	w.t.Cleanup(server.Close)
	return server.URL
}

// stand runs ostiary at a place until the test ends.
func (w *world) stand(until, place, listen string, args ...string) {
	w.t.Helper()
	exe := []string{"emulate", "exec", "--state", w.state, "--from", place}
	if listen != "" {
		exe = append(exe, "--listen", listen)
	}
	w.start(until, append(append(exe, "--", w.binary), args...)...)
}

// places is the address of the emulated network's proxy.
func (w *world) places() string {
	w.t.Helper()
	_, out := w.run(w.at("internet", "--", "sh", "-c", "echo $HTTPS_PROXY"))
	_, address, ok := strings.Cut(strings.TrimSpace(out), "@")
	if !ok {
		w.t.Fatal(out)
	}
	return address
}

// question is the consumer's, by plain HTTP on its own machine, without a key.
func (w *world) question() {
	w.t.Helper()
	asks, err := os.ReadFile(filepath.Join(w.dir, "asks"))
	if err != nil {
		w.t.Fatal(err)
	}
	if _, env := w.run(w.at("health-inlet", "--", "env")); strings.Contains(env, "AZURE_CLIENT") || strings.Contains(env, "ARM_CLIENT") {
		w.t.Error("the consumer's side has a credential of Azure")
	}
	body := `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"What is Ockham's Razor?"}]}`
	var code int
	var out string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		c := exec.Command("curl", "-sS", "-m", "30", "http://"+string(asks)+"/openai/v1/chat/completions", "-H", "Content-Type: application/json", "-d", body)
		if code, out = w.run(c); code == 0 && strings.Contains(out, `"choices"`) {
			break
		}
	}
	var answer struct {
		Choices []struct{ Message struct{ Content string } }
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil || len(answer.Choices) == 0 || answer.Choices[0].Message.Content == "" {
		w.t.Fatalf("no answer: exit code %d, %s", code, out)
	}
	w.t.Logf("answered: %s", answer.Choices[0].Message.Content)
}

func free(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// sshKey is a public key in OpenSSH's form (RFC 4253, section 6.6).
func sshKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, part := range [][]byte{[]byte("ssh-rsa"), {1, 0, 1}, append([]byte{0}, key.N.Bytes()...)} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return "ssh-rsa " + base64.StdEncoding.EncodeToString(b) + " sample"
}
