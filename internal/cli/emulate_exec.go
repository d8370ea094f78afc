//go:build !production

package cli

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/emulator"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// What Node.js loads before a program: it has no proxy from the environment
// before version 24.
//
//go:embed emulate_node.cjs
var nodeProxy []byte

// standFlags say where in which emulator.
type standFlags struct {
	From  string `required:"" placeholder:"PLACE" help:"internet, internet:ADDRESS, or the name or id of a machine, a subnet (VNET/SUBNET), an interface, an app or a site."`
	State string `default:"ostiary-emulator" placeholder:"DIR" help:"State directory of the running emulator (${default})."`
}

type execCmd struct {
	standFlags
	Azure   bool     `help:"Also set what Terraform and Azure's SDKs need, with the credentials of the subscription's owner."`
	Listen  []string `placeholder:"PORT=ADDRESS" help:"Let a program of this machine stand at the place: who may reach the place's port reaches ADDRESS on loopback; may be repeated."`
	Command []string `arg:"" passthrough:"" help:"The command and its arguments, after --."`
}

// Help is shown by --help.
func (*execCmd) Help() string {
	return `The command gets proxy and CA variables, which curl, Go, Python and Node.js honour.
Names resolve as they do at the place, and connections pass or fail as the network
says; nothing else is reached. The exit code is the command's.

Examples:
  ostiary emulate exec --from client-vm -- curl https://NAME.openai.azure.com/openai/v1/models
  ostiary emulate exec --from internet --azure -- terraform apply
  ostiary emulate exec --from client-vm --azure -- ostiary verify --live --probe
  ostiary emulate exec --from gateway-vm --listen 8443=127.0.0.1:9000 -- ostiary gateway --config g.yaml`
}

// Run runs the command.
func (c *execCmd) Run(env *node.Env, exit *ExitCode) error {
	command := c.Command
	if len(command) > 0 && command[0] == "--" {
		command = command[1:]
	}
	if len(command) == 0 {
		return fault.New(fault.Invalid, "no command to run").Fix("write it after --")
	}
	r, err := emulator.ReadRehearsal(c.State)
	if err != nil {
		return err
	}
	at, err := standing(env.Ctx, r, c.From)
	if err != nil {
		return err
	}
	preload := filepath.Join(filepath.Dir(r.CA), "proxy.cjs")
	if err := pki.WriteFile(preload, nodeProxy, 0o600); err != nil {
		return err
	}
	vars, err := variables(r, at, preload, c.Azure)
	if err != nil {
		return err
	}
	ctx, done := context.WithCancel(context.WithoutCancel(env.Ctx))
	defer done()
	for _, l := range c.Listen {
		if err := listenAt(ctx, r, c.From, l); err != nil {
			return err
		}
	}
	*exit, err = run(ctx, env, command, vars)
	return err
}

// run passes streams and signals on, and ends as the command does. An interrupt
// of a terminal reaches the command by itself.
func run(ctx context.Context, env *node.Env, command, vars []string) (ExitCode, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // it is what the user asks for
	cmd.Env = append(os.Environ(), vars...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = env.In, env.Out, env.Err
	if err := cmd.Start(); err != nil {
		return 0, fault.New(fault.Invalid, "cannot run the command").At(command[0]).Because(err)
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	defer signal.Stop(signals)
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for {
			select {
			case s := <-signals:
				_ = cmd.Process.Signal(s)
			case <-ended:
				return
			}
		}
	}()
	err := cmd.Wait()
	if end, ok := errors.AsType[*exec.ExitError](err); ok {
		return exitCode(end), nil
	}
	return 0, err
}

// exitCode is as a shell has it: 128 and the signal for what a signal ended.
func exitCode(end *exec.ExitError) ExitCode {
	if s, ok := end.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return ExitCode(128 + int(s.Signal()))
	}
	return ExitCode(end.ExitCode())
}

// variables are what makes a client stand at the place.
func variables(r emulator.Rehearsal, at emulator.Standing, preload string, azure bool) ([]string, error) {
	proxy := (&url.URL{Scheme: "http", User: proxyUser(at.Place), Host: r.Places}).String()
	vars := map[string]string{
		"NO_PROXY": "localhost,127.0.0.1,::1", "no_proxy": "localhost,127.0.0.1,::1",
		"SSL_CERT_FILE": r.CA, "CURL_CA_BUNDLE": r.CA, "REQUESTS_CA_BUNDLE": r.CA, "GIT_SSL_CAINFO": r.CA, "NODE_EXTRA_CA_CERTS": r.CA,
		"NODE_OPTIONS":    strings.TrimSpace(os.Getenv("NODE_OPTIONS") + " --require=" + strconv.Quote(preload)),
		rehearsalVariable: filepath.Dir(r.CA), placeVariable: at.Place,
	}
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"} {
		vars[name], vars[strings.ToLower(name)] = proxy, proxy
	}
	if at.IdentityEndpoint != "" && !azure {
		vars["IDENTITY_ENDPOINT"], vars["IDENTITY_HEADER"] = at.IdentityEndpoint, at.IdentityHeader
	}
	if azure {
		secret, err := r.Secret()
		if err != nil {
			return nil, err
		}
		for _, prefix := range []string{"ARM", "AZURE"} {
			vars[prefix+"_TENANT_ID"] = r.Tenant
			vars[prefix+"_SUBSCRIPTION_ID"] = r.Subscription
			vars[prefix+"_CLIENT_ID"] = r.ClientID
			vars[prefix+"_CLIENT_SECRET"] = secret.Reveal()
		}
		vars["ARM_USE_CLI"], vars["ARM_USE_MSI"] = "false", "false"
		vars["GO_AZURE_SDK_SKIP_POLLING_DELAY"] = "true" // of Terraform's provider: nothing here takes its time
	}
	out := make([]string, 0, len(vars))
	for k, v := range vars {
		out = append(out, k+"="+v)
	}
	return out, nil
}

// proxyUser writes a place as the user of a proxy's URL: internet:ADDRESS has
// the colon that ends a user's name. Python's clients send no user without a
// password, so that there is always one.
func proxyUser(place string) *url.Userinfo {
	if name, addr, ok := strings.Cut(place, ":"); ok {
		return url.UserPassword(name, addr)
	}
	return url.UserPassword(place, "-")
}

// standing asks the emulator what a place is.
func standing(ctx context.Context, r emulator.Rehearsal, from string) (emulator.Standing, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var at emulator.Standing
	resp, err := askEmulator(ctx, r, http.MethodGet, "api/place", url.Values{"from": {from}})
	if err != nil {
		return at, err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&at); err != nil {
		return at, fault.New(fault.Upstream, "the emulator's answer is not readable").Because(err)
	}
	return at, nil
}

// listenAt puts a program of this machine into the network until ctx ends.
func listenAt(ctx context.Context, r emulator.Rehearsal, from, spec string) error {
	port, to, ok := strings.Cut(spec, "=")
	if !ok {
		return fault.New(fault.Invalid, "not a port and an address").At("--listen " + spec).Fix("write for example 8443=127.0.0.1:9000")
	}
	resp, err := askEmulator(ctx, r, http.MethodPost, "api/listen", url.Values{"from": {from}, "port": {port}, "to": {to}})
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = resp.Body.Close() })
	return nil
}

// askEmulator makes one request of the page's API. The emulator stands on
// loopback: no proxy of the environment has to do with it.
func askEmulator(ctx context.Context, r emulator.Rehearsal, method, path string, q url.Values) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.Page+path+"?"+q.Encode(), nil)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the state directory names no emulator").Because(err)
	}
	req.Header.Set("Ostiary-Token", r.Token)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the emulator does not answer").At(r.Page).Fix("start it again with 'ostiary emulate'").Because(err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	return nil, emulator.ReadFault(io.LimitReader(resp.Body, 64<<10))
}
