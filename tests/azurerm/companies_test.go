//go:build azurerm

package azurerm_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
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
// the identity that Azure gives it. Their tickets wait in the vaults, and each
// is read from its own place with its own identity. The consumer's question is
// answered, and nobody else's place, nor the consumer's own, reaches the model.
func TestDeployTwoCompanies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.meets(`{"url":"https://example.com/ostiary-node","sha256":"`+strings.Repeat("0", 64)+`"}`, "authority.example.com:7443")
	c.invite(w.authority())
	c.owns()
	w.built("acmeown", map[string]string{"acmeown-vnet/apps": "401", "acmeown-vnet/portal": "refused", "internet": "403"})
	c.consumes()

	c.members()
	w.question()
	c.ticketsAreSafe()

	host := strings.TrimPrefix(w.outputs().Accounts["swedencentral"].Endpoint, "https://")
	w.asks("health-inlet", host, "403") // the public door, which is shut: no way leads to the owner's network
	w.asks("meeting-relay", host, "403")

	w.together(c.consumer.command("destroy", "-auto-approve", "-input=false", "-no-color"), w.command("destroy", "--yes"))
	c.meeting.run("destroy", "-auto-approve", "-input=false", "-no-color") // last: the owner has an endpoint of its vault
	w.nothingLeft()
}

// companies are the parts of examples/two-companies, in the order in which they
// are made.
type companies struct {
	w                 *world
	meeting, consumer *root
	relay             string // its public address
	vault, theirs     string // the vaults' names: of the place to meet, of the consumer
	inlet             string // the ticket that the consumer was sent
	fill              *strings.Replacer
}

// meets makes the place to meet. node is where machines take their binary from,
// authority how members find it.
func (w *world) meets(node, authority string) *companies {
	w.t.Helper()
	for _, tree := range []string{"modules", "examples"} {
		if err := os.CopyFS(filepath.Join(w.dir, tree), os.DirFS(filepath.Join("../..", tree))); err != nil {
			w.t.Fatal(err)
		}
	}
	var from struct{ URL, SHA256 string }
	if err := json.Unmarshal([]byte(node), &from); err != nil {
		w.t.Fatal(err)
	}
	key := sshKey(w.t)
	c := &companies{w: w, meeting: w.root("examples/two-companies/meeting", map[string]string{
		"ssh_public_key": key, "node": node, "authority": authority, "operators": `["` + operator + `/32"]`,
	})}
	c.meeting.apply()
	c.relay, c.vault = c.meeting.output("relay"), c.meeting.output("vault")
	c.fill = strings.NewReplacer("ssh-ed25519 AAAA…", key, "OPERATOR", operator, "RELAY", c.relay, "VAULT_ID", c.meeting.output("vault_id"), "VAULT", c.vault,
		"https://example.com/ostiary-node-linux-amd64", from.URL, strings.Repeat("0", 64), from.SHA256)
	return c
}

// invite puts a ticket for each member where the member reads it, all but the
// consumer's, whose vault is yet to be made.
func (c *companies) invite(ticket func(args ...string) string) {
	c.w.t.Helper()
	c.w.deposit(c.vault, "relay-ticket", ticket("--role", "relay", "--name", "meeting"))
	c.w.deposit(c.vault, "gateway-ticket", ticket("--role", "gateway", "--name", "acmeown"))
	c.w.deposit(c.vault, "outlet-ticket", ticket("--role", "outlet", "--name", "acmeown", "--service", "openai"))
	c.inlet = ticket("--role", "inlet", "--name", "health", "--service", "openai")
}

// owns makes what the company with the model has.
func (c *companies) owns() {
	c.w.t.Helper()
	c.w.write("estate.yaml", c.fill.Replace(example(c.w.t, "two-companies/owner")))
	c.w.deploy(0, "apply", "--yes")
}

// consumes makes what the company that asks has.
func (c *companies) consumes() {
	c.w.t.Helper()
	vars, err := os.ReadFile("../../examples/two-companies/consumer/consumer.tfvars")
	if err != nil {
		c.w.t.Fatal(err)
	}
	c.consumer = c.w.root("modules/stacks/consumer", nil)
	c.consumer.write("consumer.auto.tfvars", c.fill.Replace(string(vars)))
	c.consumer.apply()
	var made struct {
		VaultName string `json:"vault_name"`
	}
	if err := json.Unmarshal([]byte(c.consumer.run("output", "-json", "-no-color", "consumer")), &made); err != nil {
		c.w.t.Fatal(err)
	}
	c.theirs = made.VaultName
	c.w.deposit(c.theirs, "inlet-ticket", c.inlet)
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

// authority founds the project on loopback, and gives what makes tickets.
func (w *world) authority() func(args ...string) string {
	w.t.Helper()
	at := free(w.t)
	w.write("authority.yaml", fmt.Sprintf("authority: {project: meeting, directory: authority, listen: %q, address: %q}\n", at, at))
	w.start("authority serves", "authority", "--config", "authority.yaml")
	return func(args ...string) string {
		return w.ostiary(append([]string{"portal", "ticket", "create", "--config", "authority.yaml", "--expires-in", "60m"}, args...)...)
	}
}

// ostiary runs a command that must end well, and gives what it prints.
func (w *world) ostiary(args ...string) string {
	w.t.Helper()
	c := exec.Command(w.binary, args...)
	c.Env, c.Dir = w.env, w.dir
	out, err := c.Output()
	if err != nil {
		w.t.Fatalf("%v: %v %s", args, err, out)
	}
	return string(out)
}

// members enrols every member with the ticket that its place finds in its
// vault, and starts it there.
func (c *companies) members() {
	w := c.w
	w.t.Helper()
	inside, plain, admin := free(w.t), free(w.t), free(w.t)
	enroll := func(place, vault, secret, dir string) {
		w.write(dir+".ticket", w.redeemed(place, "https://"+vault+".vault.azure.net/secrets/"+secret))
		w.ostiary("portal", "enroll", "--dir", dir, "--ticket", dir+".ticket")
	}
	enroll("meeting-relay", c.vault, "relay-ticket", "relay")
	enroll("acmeown-gateway", c.vault, "gateway-ticket", "member-gateway")
	enroll("acmeown-gateway", c.vault, "outlet-ticket", "member-outlet")
	enroll("health-inlet", c.theirs, "inlet-ticket", "inlet")

	listen := free(w.t)
	w.write("relay.yaml", fmt.Sprintf("relay: {directory: relay, listen: %q}\n", listen))
	w.stand("relay serves", "meeting-relay", "443="+listen, "relay", "--config", "relay.yaml")

	w.gateway("acmeown", func(gateway, all map[string]any) {
		gateway["listen"], gateway["admin"] = plain, admin
		gateway["ledger"] = map[string]any{"directory": filepath.Join(w.dir, "ledger")}
		gateway["members"] = map[string]any{"listen": inside, "directory": filepath.Join(w.dir, "member-gateway")}
		outlet := all["outlet"].(map[string]any)
		outlet["directory"], outlet["target"] = filepath.Join(w.dir, "member-outlet"), inside
		outlet["leg"] = map[string]any{"proxy": w.proxied("acmeown-gateway")}
	})
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
  leg: {proxy: {address: %q, user: health-inlet, password: "file:password"}}
`, asks, c.relay, w.places()))
	w.stand("inlet serves", "health-inlet", "", "inlet", "--config", "inlet.yaml")
}

// ticketsAreSafe demands that a machine reads its own ticket alone, and that
// nobody reads one from elsewhere.
func (c *companies) ticketsAreSafe() {
	c.w.t.Helper()
	secrets := "https://" + c.vault + ".vault.azure.net/secrets/"
	for _, no := range []struct{ place, secret, status, why string }{
		{"meeting-relay", secrets + "gateway-ticket", "403", "ForbiddenByRbac"},
		{"acmeown-gateway", secrets + "relay-ticket", "403", "ForbiddenByRbac"},
		{"health-inlet", secrets + "relay-ticket", "000", ""}, // its own zone of that name does not know the other's vault
		{"internet", secrets + "relay-ticket", "401", ""},
	} {
		if body, status := c.w.asMachine(no.place, no.secret); status != no.status || !strings.Contains(body, no.why) {
			c.w.t.Errorf("%s reads %s: %s %s", no.place, no.secret, status, body)
		}
	}
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
