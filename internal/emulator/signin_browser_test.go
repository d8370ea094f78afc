package emulator

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A real browser signs in by the keyboard, its policy lets the person back to
// the client in each response mode, and it has nothing to complain of. With
// AXE naming axe-core's axe.min.js, the pages are held to its rules too.
func TestSignInInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT CHECKED: the sign-in page in a browser; -short is set")
	}
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Skip("NOT CHECKED: the sign-in page in a browser: chromium is not installed (Debian: apt-get install chromium)")
	}
	e := newTest(t, Config{Settings: withChat()})
	run(t, e)
	answers := make(chan url.Values, 10)
	client := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" && r.ParseForm() == nil {
			answers <- r.Form
		}
	}))
	defer client.Close()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.IgnoreCertErrors)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	err := chromedp.Listen(ctx, func(event any) {
		// A remark on autofocus depends on which came first, the page or the test.
		if said, ok := event.(*log.EventEntryAdded); ok && !strings.Contains(said.Entry.URL, "favicon") && !strings.HasPrefix(said.Entry.Text, "Autofocus processing was blocked") {
			t.Errorf("the browser says %s (%s)", said.Entry.Text, said.Entry.URL)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	to := func(mode, prompt string) string {
		return request(e, func(v url.Values) {
			v.Set("redirect_uri", strings.Replace(client.URL, "127.0.0.1", "localhost", 1)+"/")
			v.Set("response_mode", mode)
			v.Set("prompt", prompt)
		})
	}
	for _, step := range []struct {
		name    string
		actions []chromedp.Action[chromedp.Void]
	}{
		{"by the keyboard", []chromedp.Action[chromedp.Void]{arrive(to("query", "")), axe(t), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter)}},
		{"by a form that a script sends", []chromedp.Action[chromedp.Void]{overtaken(to("form_post", ""))}},
		{"by a click", []chromedp.Action[chromedp.Void]{arrive(to("form_post", "login")), chromedp.Click(`button[value="one@sample.example"]`)}},
	} {
		if err := chromedp.Do(ctx, step.actions...); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		select {
		case got := <-answers:
			if got.Get("code") == "" || got.Get("state") != "the state" {
				t.Errorf("%s: %v", step.name, got)
			}
		case <-ctx.Done():
			t.Fatalf("%s: the person was not sent back", step.name)
		}
	}
	err = chromedp.Do(ctx, arrive(e.URLs().Issuer+"/common/oauth2/deviceauth"), axe(t),
		chromedp.SendKeys("#code", "BBBBBBBBB"+kb.Enter), chromedp.WaitVisible("[role=alert]"), axe(t))
	if err != nil {
		t.Error(err)
	}
}

// arrive opens a page, again if the one before was still on its way.
func arrive(url string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := chromedp.Navigate(url)(ctx, target)
		for n := 0; err != nil && strings.Contains(err.Error(), "net::ERR_ABORTED") && n < 5; n++ {
			time.Sleep(200 * time.Millisecond)
			_, err = chromedp.Navigate(url)(ctx, target)
		}
		return err
	})
}

// overtaken opens a page whose script sends a form at once, which may end the
// page before it was there.
func overtaken(url string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := chromedp.Navigate(url)(ctx, target)
		if err != nil && strings.Contains(err.Error(), "net::ERR_ABORTED") {
			return nil
		}
		return err
	})
}

// axe holds the page to axe-core's rules, where it is at hand.
func axe(t *testing.T) chromedp.Action[chromedp.Void] {
	path := os.Getenv("AXE")
	if path == "" {
		t.Log("NOT CHECKED: axe-core's rules; AXE names no axe.min.js")
		return chromedp.Steps()
	}
	script, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := chromedp.Evaluate[int](string(script)+";1")(ctx, target); err != nil {
			return err
		}
		found, err := chromedp.Evaluate[[]any](`axe.run().then(r => r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html).join(" ")))`,
			chromedp.EvalAwaitPromise, chromedp.EvalAsValue)(ctx, target)
		for _, v := range found {
			t.Errorf("axe: %v", v)
		}
		return err
	})
}
