package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/ostiary/ostiary/internal/chat"
	"github.com/ostiary/ostiary/internal/cli/node"
	services "github.com/ostiary/ostiary/internal/cli/serve"
	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/emulator"
	"github.com/ostiary/ostiary/internal/gateway"
	"github.com/ostiary/ostiary/internal/httpd"
)

const (
	chatClientID  = "8a3d5e71-2c46-4f9b-b0d8-15e7c92f6a34"
	chatTenant    = "0b5f1a4e-6d1c-4c8e-9a52-3f7d2e9c1b60"
	researchers   = "3d1f6b0a-7c52-4e0b-8a66-0f4c9d2b7e11"
	administrator = "91c4e2d7-5a38-4f6e-b1d9-6e0a2c8f4b53"
)

// chatYAML is what an administrator would write: two groups of people, one of
// them with fewer models and a limit.
const chatYAML = `
gateway:
  listen: GATEWAY
  entra: [{tenant: TENANT, authority: "ISSUER", ca: CA, audiences: [api://ostiary-gateway, e2a94d16-7b58-4f03-a1cc-6d90b8f4e273]}]
  workloads:
    - name: administrators
      groups: [ADMINISTRATORS]
      grants: [{deployments: ["*"], operations: ["*"]}]
    - name: researchers
      groups: [RESEARCHERS]
      limits: {requests_per_minute: 4}
      grants:
        - {deployments: [gpt-4o-mini], operations: [chat/completions]}
        - {deployments: [gpt-4o], operations: [chat/completions], when: max_tokens <= 1000}
  backends:
    - {name: model, deployments: [gpt-4o-mini, gpt-4o, gpt-4.1], url: PRIVATE, ca: CA, api_key: "file:DIR/rehearsal/ostiary-demo.key"}
  ledger: {directory: DIR/ledger}
chat:
  listen: CHAT
  url: http://CHAT
  sign_in: {tenant: TENANT, authority: "ISSUER", ca: CA, client_id: CLIENT, client_secret: "file:DIR/rehearsal/ostiary-chat.secret"}
  users: {groups: [RESEARCHERS]}
  admins: {groups: [ADMINISTRATORS]}
  gateway: {url: "http://GATEWAY"}
  models:
    - {name: gpt-4o-mini, label: GPT-4o mini, currency: USD, prompt: 0.15, completion: 0.6}
    - {name: gpt-4o, label: GPT-4o, images: true}
  discover: true
  store: {sqlite: DIR/chat.db}
`

// chatRig is a chat before a gateway before an emulated model, with the
// emulated Entra; each behind its real door.
type chatRig struct {
	dir    string
	url    string
	issuer string
	clock  atomic.Int64 // added to the chat's time
	logged buffer
}

// startChat runs one. The emulated model pauses between tokens for so long.
func startChat(t testing.TB, pace time.Duration) *chatRig {
	t.Helper()
	r := &chatRig{dir: t.TempDir()}
	front := map[string]net.Listener{}
	for _, name := range []string{"public", "private", "issuer", "gateway", "chat"} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		front[name] = ln
	}
	r.url = "http://" + front["chat"].Addr().String()
	e, err := emulator.New(emulator.Config{
		Settings: emulator.Settings{
			State: filepath.Join(r.dir, "rehearsal"), TokenDelay: pace,
			Accounts: []emulator.Account{{Name: "ostiary-demo", Deployments: []emulator.Deployment{{Name: "gpt-4o-mini"}, {Name: "gpt-4o"}, {Name: "gpt-4.1"}}}},
			Directory: emulator.Directory{
				Tenant: chatTenant,
				Apps:   []emulator.App{{Name: "ostiary-chat", ClientID: chatClientID, RedirectURIs: []string{r.url + "/signin/callback", r.url + "/signed-out"}}},
				Groups: []emulator.Group{{Name: "Sample Researchers", ObjectID: researchers}, {Name: "Sample Administrators", ObjectID: administrator}},
				Users: []emulator.User{
					{Login: "one@sample.example", DisplayName: "Sample Person One", Groups: []string{"Sample Researchers"}},
					{Login: "two@sample.example", DisplayName: "Sample Person Two", Groups: []string{"Sample Administrators"}},
					{Login: "three@sample.example", DisplayName: "Sample Person Three"},
				},
			},
		},
		Public: front["public"], Private: front["private"], Issuer: front["issuer"],
	})
	if err != nil {
		t.Fatal(err)
	}
	r.issuer = e.URLs().Issuer
	r.service(t, e.Run)
	file := filepath.Join(r.dir, "ostiary.yaml")
	text := strings.NewReplacer("TENANT", chatTenant, "ISSUER", e.URLs().Issuer, "PRIVATE", e.URLs().Private, "CA", e.CAFile(), "DIR", r.dir, "CLIENT", chatClientID,
		"GATEWAY", front["gateway"].Addr().String(), "CHAT", front["chat"].Addr().String(), "RESEARCHERS", researchers, "ADMINISTRATORS", administrator).Replace(chatYAML)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var s struct {
		Gateway gateway.Settings `yaml:"gateway"`
		Chat    chat.Settings    `yaml:"chat"`
	}
	if err := config.Load(file, &s, config.Options{}); err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(&r.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c, err := chat.New(chat.Config{Settings: s.Chat, Logger: logger, Now: func() time.Time { return time.Now().Add(time.Duration(r.clock.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	r.service(t, func(ctx context.Context) error {
		return services.Gateway(&node.Env{Ctx: ctx, Log: logger}, s.Gateway, services.Source{}, front["gateway"], nil)
	})
	r.service(t, func(ctx context.Context) error { return httpd.Serve(ctx, front["chat"], c.Handler(), nil, logger) })
	r.service(t, c.Run)
	return r
}

// service runs until the test ends.
func (r *chatRig) service(t testing.TB, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
}

// tab is a tab of Debian's Chromium. It notes what the pages complain of, and
// where requests go.
type tab struct {
	t   testing.TB
	ctx context.Context

	mu         sync.Mutex
	complaints []string
	elsewhere  []string // requests that leave loopback
	requests   int
}

// newTab opens a browser with a profile of its own.
func newTab(t testing.TB) *tab {
	t.Helper()
	if testing.Short() {
		t.Skip("NOT CHECKED: the chat in a browser; -short is set")
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("NOT CHECKED: the chat in a browser: chromium is not installed (Debian: apt-get install chromium)")
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.IgnoreCertErrors, chromedp.Flag("lang", "en"))...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	w := &tab{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, w.hear); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	w.run(chromedp.EmulateViewport(1280, 800))
	return w
}

func (w *tab) hear(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		w.requests++
		u, err := url.Parse(e.Request.URL)
		if err != nil || u.Scheme != "data" && u.Scheme != "blob" && u.Scheme != "about" && u.Hostname() != "127.0.0.1" {
			w.elsewhere = append(w.elsewhere, e.Request.URL)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && !strings.Contains(e.Entry.Text, "Failed to load resource") {
			w.complaints = append(w.complaints, e.Entry.Text)
		}
	case *cdpruntime.EventExceptionThrown:
		w.complaints = append(w.complaints, e.ExceptionDetails.Text+" "+fmt.Sprint(e.ExceptionDetails.Exception))
	}
}

// clean wants no complaint, of the policy or of a script, and no request that
// left loopback.
func (w *tab) clean() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.complaints) > 0 {
		w.t.Errorf("the page complains: %s", strings.Join(w.complaints, "\n"))
	}
	if len(w.elsewhere) > 0 || w.requests < 5 {
		w.t.Errorf("%d requests, of these elsewhere: %v", w.requests, w.elsewhere)
	}
}

func (w *tab) run(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 90*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		text, _ := chromedp.Run(w.ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText"))
		w.t.Fatalf("%v\n%v\n%s", err, w.complaints, text)
	}
}

// is gives what a script says.
func (w *tab) is(script string) string {
	w.t.Helper()
	text, err := chromedp.Run(w.ctx, chromedp.Evaluate[string]("String("+script+")"))
	if err != nil {
		w.t.Fatalf("%s: %v", script, err)
	}
	return text
}

// until waits for a script to say true.
func (w *tab) until(what, script string) {
	w.t.Helper()
	// Between two pages there is no document to ask.
	calm := "(() => { try { return " + script + " } catch { return false } })()"
	for deadline := time.Now().Add(60 * time.Second); w.is(calm) != "true"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("not seen: %s\n%v\n%s", what, w.complaints, w.is("location.href + '\\n' + document.body.innerText"))
		}
	}
}

// signIn signs a sample person in on the login service's page.
func (w *tab) signIn(r *chatRig, login string) {
	w.t.Helper()
	w.run(chromedp.Navigate(r.url+"/"), chromedp.WaitVisible(`button[value="`+login+`"]`))
	w.run(chromedp.Click(`button[value="` + login + `"]`))
	w.until("the chat", `!!document.querySelector("#composer") && "ready" in document.documentElement.dataset`)
}

// ask types a question and sends it.
func (w *tab) ask(text string) {
	w.t.Helper()
	before := w.is(`document.querySelectorAll(".question").length`)
	w.run(chromedp.SendKeys("#text", text), chromedp.SendKeys("#text", "\r"))
	w.until("the question", `document.querySelectorAll(".question").length == `+before+` + 1`)
}

// answered waits for the last answer to be whole, and gives its text.
func (w *tab) answered() string {
	w.t.Helper()
	w.until("an answer", `!document.querySelector(".writing") && !!document.querySelector(".answer:last-of-type .acts") && document.querySelector("#stop").hidden`)
	return w.is(`[...document.querySelectorAll(".answer")].at(-1).innerText`)
}

// colourScheme makes pages light or dark.
func colourScheme(dark bool) chromedp.Action[chromedp.Void] {
	value := "light"
	if dark {
		value = "dark"
	}
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}})
		return err
	})
}
