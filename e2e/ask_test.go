package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/cli/demo"
	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/emulator"
	"github.com/ostiary/ostiary/internal/identity"
)

const (
	tenantID  = "0b5f1a4e-6d1c-4c8e-9a52-3f7d2e9c1b60"
	cliID     = "3f6c2b58-70ad-4e19-9c84-d25e61b7a0f3"
	gatewayID = "e2a94d16-7b58-4f03-a1cc-6d90b8f4e273"
	groupID   = "10000000-0000-4000-8000-000000000001"
)

// askers are people before a gateway, each with a home directory of their own.
type askers struct {
	t       *testing.T
	e       *emulator.Emulator
	dir     string
	gateway string
	key     string
	said    *bytes.Buffer // everything that any command of theirs has printed
}

const askGatewayYAML = `gateway:
  listen: %[1]s
  entra:
    - {tenant: %[3]s, authority: %[4]q, ca: %[2]s/ca.pem, audiences: [%[5]s]}
  keys:
    - {name: terminal, workload: by-key, hash: %[6]s}
  workloads:
    - name: researchers
      groups: [%[7]s]
      grants:
        - {deployments: ["gpt-4o-mini"], operations: [chat/completions]}
    - name: administrators
      roles: [Admin]
      limits: {requests_per_minute: 1}
      grants:
        - {deployments: ["gpt-4o-mini"], operations: [chat/completions]}
    - name: by-key
      grants:
        - {deployments: ["gpt-4o-mini"], operations: [chat/completions]}
  backends:
    - name: azure
      url: %[8]s
      ca: %[2]s/ca.pem
      api_key: file:%[2]s/ostiary-demo.key
      deployments: [gpt-4o-mini]
  ledger:
    directory: %[2]s/ledger
`

// startAskers starts the emulator and, as the command does, the gateway. Tokens
// live for a minute, so that every command must renew them.
func startAskers(t *testing.T) *askers {
	t.Helper()
	a := &askers{t: t, dir: t.TempDir(), said: &bytes.Buffer{}}
	e, err := emulator.New(emulator.Config{
		Settings: emulator.Settings{State: a.dir, TokenDelay: 8 * time.Millisecond, Directory: emulator.Directory{
			TokenLifetime: time.Minute, DevicePoll: time.Second,
			Groups: []emulator.Group{{Name: "Sample Researchers", ObjectID: groupID}},
			Users: []emulator.User{
				{Login: "one@sample.example", DisplayName: "Sample Person One", Groups: []string{"Sample Researchers"}},
				{Login: "two@sample.example", DisplayName: "Sample Person Two", Roles: []string{"Admin"}},
				{Login: "three@sample.example", DisplayName: "Sample Person Three"},
			},
		}},
		Public: listen(t), Private: listen(t), Issuer: listen(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	a.e = e
	background(t, e.Run)
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	shown, hash := identity.NewKey()
	a.key, a.gateway = filepath.Join(a.dir, "terminal.key"), "127.0.0.1:"+port
	file := filepath.Join(a.dir, "gateway.yaml")
	yaml := fmt.Sprintf(askGatewayYAML, a.gateway, a.dir, tenantID, e.URLs().Issuer, gatewayID, hash, groupID, e.URLs().Private)
	if err := errors.Join(os.WriteFile(file, []byte(yaml), 0o600), os.WriteFile(a.key, []byte(shown.Reveal()), 0o600)); err != nil {
		t.Fatal(err)
	}
	(&twins{t: t, state: a.dir}).serve(file, a.gateway)
	return a
}

// home is a person's home directory.
func (a *askers) home(who string) string {
	dir := filepath.Join(a.dir, "home-"+who)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		a.t.Fatal(err)
	}
	return dir
}

// tokens is the file that a person's tokens are kept in.
func (a *askers) tokens(who string) string {
	return filepath.Join(a.home(who), ".config", "ostiary", "tokens.json")
}

// command is ostiary as a person runs it.
func (a *askers) command(ctx context.Context, who, in string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "ostiary", args...)
	cmd.Env = append(os.Environ(), "HOME="+a.home(who), "XDG_CONFIG_HOME=", "OSTIARY_MODEL=gpt-4o-mini")
	cmd.Stdin = strings.NewReader(in)
	return cmd
}

// run runs it to its end.
func (a *askers) run(who, in string, args ...string) (out, errOut string, code int) {
	a.t.Helper()
	cmd := a.command(a.t.Context(), who, in, args...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		a.t.Fatal(err)
	}
	a.said.Write(o.Bytes())
	a.said.Write(e.Bytes())
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

func (a *askers) loginArgs(more ...string) []string {
	return append([]string{
		"login", "--gateway", "http://" + a.gateway, "--tenant", tenantID, "--authority", a.e.URLs().Issuer, "--login-ca", a.e.CAFile(), "--client-id", cliID,
	}, more...)
}

// login signs a person in at a browser: BROWSER is a program that leaves the
// address where we, the browser, find it.
func (a *askers) login(who string) {
	a.t.Helper()
	address, program := filepath.Join(a.home(who), "address"), filepath.Join(a.home(who), "browser")
	script := "#!/bin/sh\nprintf %s \"$1\" > '" + address + ".new' && mv '" + address + ".new' '" + address + "'\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		a.t.Fatal(err)
	}
	cmd := a.command(a.t.Context(), who, "", a.loginArgs()...)
	cmd.Env = append(cmd.Env, "BROWSER="+program)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		if to, err := os.ReadFile(address); err == nil {
			page := newSurfer(a.t, a.e).pick(string(to), who+"@sample.example")
			if !strings.Contains(page, "You are signed in") {
				a.t.Errorf("the browser shows %s", page)
			}
			break
		}
		select {
		case err := <-ended:
			a.t.Fatalf("login ended: %v\n%s", err, &said)
		case <-time.After(5 * time.Millisecond):
		}
	}
	if err := <-ended; err != nil || !strings.Contains(said.String(), "Signed in as Sample Person") {
		a.t.Fatalf("%v\n%s", err, &said)
	}
	a.said.Write(said.Bytes())
}

// surfer is a browser without scripts.
type surfer struct {
	t *testing.T
	*http.Client
}

func newSurfer(t *testing.T, e *emulator.Emulator) surfer {
	t.Helper()
	c := trusting(t, e.CAFile())
	var err error
	if c.Jar, err = cookiejar.New(nil); err != nil {
		t.Fatal(err)
	}
	return surfer{t, c}
}

var (
	pageAction = regexp.MustCompile(`<form method="post"(?: action="([^"]*)")?>`)
	pageHidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// open fetches a page.
func (s surfer) open(address string) (*url.URL, string) {
	s.t.Helper()
	resp, err := s.Get(address)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.Request.URL, s.body(resp)
}

func (s surfer) body(resp *http.Response) string {
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(body)
}

// press sends the page's form with a button or a field.
func (s surfer) press(at *url.URL, page, name, value string) (*url.URL, string) {
	s.t.Helper()
	action := pageAction.FindStringSubmatch(page)
	if action == nil {
		s.t.Fatalf("no form in %s", page)
	}
	to, err := at.Parse(html.UnescapeString(action[1]))
	if err != nil {
		s.t.Fatal(err)
	}
	form := url.Values{name: {value}}
	for _, field := range pageHidden.FindAllStringSubmatch(page, -1) {
		form.Set(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	resp, err := s.PostForm(to.String(), form)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.Request.URL, s.body(resp)
}

// pick opens a sign-in and clicks on a person, and ends on the client's page.
func (s surfer) pick(address, login string) string {
	s.t.Helper()
	at, page := s.open(address)
	_, page = s.press(at, page, "login", login)
	return page
}

// The whole way of a person at a terminal, through the real command, against
// the emulated Entra, the gateway and the emulated model.
func TestAskAsAPerson(t *testing.T) {
	a := startAskers(t)
	if _, errOut, code := a.run("one", "", "ask", "--gateway", "http://"+a.gateway, "Anybody there?"); code != 1 || !strings.Contains(errOut, "ostiary login") {
		t.Errorf("nobody signed in: %d %s", code, errOut)
	}
	a.login("one")
	for path, mode := range map[string]os.FileMode{a.tokens("one"): 0o600, filepath.Dir(a.tokens("one")): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", path, info, err)
		}
	}
	secrets := a.secrets("one")

	out, errOut, code := a.run("one", "", "ask", "What is", "Ockham's Razor?") // settings from ask.yaml, which login wrote
	if code != 0 || !strings.Contains(out, "William of Ockham") || errOut != "" {
		t.Errorf("%d %s %s", code, out, errOut)
	}
	secrets = append(secrets, a.secrets("one")...)
	if secrets[0] == secrets[2] {
		t.Error("the access token was not renewed") // it lives for a minute, and two are asked for
	}
	out, _, code = a.run("one", "What is a private endpoint?\n", "ask", "--json", "--no-stream")
	var got struct {
		Answer, Model, Finish string
		Call                  string `json:"call_id"`
		Usage                 struct {
			Total int `json:"total_tokens"`
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || !strings.Contains(got.Answer, "network interface") || got.Call == "" || got.Usage.Total == 0 {
		t.Errorf("%d %v %s", code, err, out)
	}
	if who := a.ledger(got.Call); !strings.Contains(who, "Sample Person One") || !strings.Contains(who, `"researchers"`) {
		t.Errorf("the ledger has %s", who)
	}
	note := filepath.Join(a.dir, "note.txt")
	if err := os.WriteFile(note, []byte("Ockham's Razor"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _, code = a.run("one", "", "ask", "-f", note, "What is this?"); code != 0 || !strings.Contains(out, "William of Ockham") {
		t.Errorf("a file: %d %s", code, out)
	}
	if out, _, code = a.run("one", "", "login", "--status"); code != 0 || !strings.Contains(out, "Sample Person One (one@sample.example)") {
		t.Errorf("status: %d %s", code, out)
	}
	a.deviceLogin("three")
	if _, errOut, code = a.run("three", "", "ask", "May I?"); code != 1 || !strings.Contains(errOut, "policy does not let you") || !strings.Contains(errOut, "(call ") {
		t.Errorf("no grant: %d %s", code, errOut)
	}
	a.login("two")
	a.run("two", "", "ask", "What is a VNet?")
	if _, errOut, code = a.run("two", "", "ask", "And a subnet?"); code != 3 || !strings.Contains(errOut, "a limit is reached") || !strings.Contains(errOut, "try again in ") {
		t.Errorf("a limit: %d %s", code, errOut)
	}
	out, _, code = a.run("two", "", "ask", "--json", "And a subnet?")
	if code != 3 || !strings.Contains(out, `"retry_after_s":`) || strings.Count(out, "\n") != 1 {
		t.Errorf("a limit, as JSON: %d %s", code, out)
	}
	for _, who := range []string{"one", "two", "three"} {
		secrets = append(secrets, a.secrets(who)...)
	}
	if _, errOut, code = a.run("one", "", "--log-level", "debug", "ask", "What is a relay?"); code != 0 {
		t.Errorf("%d %s", code, errOut)
	}
	a.spoil("one")
	if _, errOut, code = a.run("one", "", "ask", "Still me?"); code != 1 || !strings.Contains(errOut, "your sign-in has ended") || !strings.Contains(errOut, "run 'ostiary login'") {
		t.Errorf("an ended sign-in: %d %s", code, errOut)
	}
	if _, errOut, code = a.run("one", "", "login", "--forget"); code != 0 || len(a.secrets("one")) != 0 {
		t.Errorf("forget: %d %s", code, errOut)
	}
	for _, s := range secrets {
		if s == "" || bytes.Contains(a.said.Bytes(), []byte(s)) {
			t.Fatal("a token was printed, or none was found")
		}
	}
}

// secrets are a person's tokens as they are kept.
func (a *askers) secrets(who string) (all []string) {
	a.t.Helper()
	data, err := os.ReadFile(a.tokens(who))
	if err != nil {
		a.t.Fatal(err)
	}
	var kept struct {
		Logins []struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
		}
	}
	if err := json.Unmarshal(data, &kept); err != nil {
		a.t.Fatal(err)
	}
	for _, l := range kept.Logins {
		all = append(all, l.Access, l.Refresh)
	}
	return all
}

// spoil makes a person's refresh token one that the issuer never gave.
func (a *askers) spoil(who string) {
	a.t.Helper()
	data, err := os.ReadFile(a.tokens(who))
	if err != nil {
		a.t.Fatal(err)
	}
	data = regexp.MustCompile(`("refresh_token": "...)[^"]*`).ReplaceAll(data, []byte("${1}spoilt"))
	if err := os.WriteFile(a.tokens(who), data, 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// ledger is the entry of a call.
func (a *askers) ledger(call string) string {
	a.t.Helper()
	out, err := exec.CommandContext(a.t.Context(), "ostiary", "ledger", "query", "--dir", filepath.Join(a.dir, "ledger"), "--format", "json").Output()
	if err != nil {
		a.t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, call) {
			return line
		}
	}
	return "no entry in " + string(out)
}

// deviceLogin signs a person in by a code.
func (a *askers) deviceLogin(who string) {
	a.t.Helper()
	cmd := a.command(a.t.Context(), who, "", a.loginArgs("--device")...)
	pipe, err := cmd.StderrPipe()
	if err != nil {
		a.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	line := make([]byte, 4096)
	n, err := pipe.Read(line)
	found := regexp.MustCompile(`Open (\S+) in any browser, and enter the code (\S+)`).FindSubmatch(line[:n])
	if err != nil || found == nil {
		a.t.Fatalf("%v %s", err, line[:n])
	}
	s := newSurfer(a.t, a.e)
	at, page := s.open(string(found[1]))
	at, page = s.press(at, page, "code", string(found[2]))
	if _, page = s.press(at, page, "login", who+"@sample.example"); !strings.Contains(page, "You are signed in") {
		a.t.Error(page)
	}
	_, _ = io.Copy(a.said, pipe)
	if err := cmd.Wait(); err != nil {
		a.t.Fatal(err)
	}
}

// Ctrl-C ends the answer with exit code 130, and the ledger has what was used.
func TestCtrlCEndsAnAnswer(t *testing.T) {
	a := startAskers(t)
	cmd := a.command(t.Context(), "key", "", "ask", "--gateway", "http://"+a.gateway, "--key", "file:"+a.key, "What is Ockham's Razor?")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(pipe, make([]byte, 20)); err != nil { // the answer has begun
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(pipe)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 || strings.Contains(string(rest), "Source:") {
		t.Errorf("%d after %s", code, rest)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if entry := a.ledger(`"client-left"`); !strings.HasPrefix(entry, "no entry") {
			if !regexp.MustCompile(`"completion_tokens":[1-9]`).MatchString(entry) || !strings.Contains(entry, `"by-key"`) {
				t.Errorf("the ledger has %s", entry)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the ledger has no interrupted call")
		}
	}
}

// An inlet is asked like a gateway, and needs no sign-in: the company on the
// other side knows the portal's member.
func TestAskThroughAPortal(t *testing.T) {
	var said buffer
	w, err := demo.Start(&node.Env{Ctx: t.Context(), Out: &said, Err: &said, Log: slog.New(slog.DiscardHandler)}, demo.Options{State: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	cmd := exec.CommandContext(t.Context(), "ostiary", "ask", "--gateway", w.InletURL, "--ca", w.CAFile, "-m", w.Model, "What is Ockham's Razor?")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_CONFIG_HOME=")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "William of Ockham") {
		t.Errorf("%v %s", err, out)
	}
}
