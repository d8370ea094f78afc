package chat

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// window is a headless browser with one tab. It notes what the page complains
// of.
type window struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string
}

func newWindow(t *testing.T) *window {
	t.Helper()
	if testing.Short() {
		t.Skip("NOT CHECKED: the pages in a browser; -short is set")
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("NOT CHECKED: the pages in a browser: chromium is not installed (Debian: apt-get install chromium)")
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.IgnoreCertErrors, chromedp.Flag("hide-scrollbars", true), chromedp.Flag("lang", "en"))...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	w := &window{t: t, ctx: ctx}
	must(t, chromedp.Listen(ctx, w.hear))
	_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	must(t, err)
	return w
}

func (w *window) hear(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && !strings.Contains(e.Entry.Text, "Failed to load resource") {
			w.complaints = append(w.complaints, e.Entry.Text)
		}
	case *cdpruntime.EventExceptionThrown:
		w.complaints = append(w.complaints, e.ExceptionDetails.Text+" "+fmt.Sprint(e.ExceptionDetails.Exception))
	}
}

func (w *window) run(actions ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		w.t.Fatalf("%v\n%v", err, w.complaints)
	}
}

func (w *window) eval(script string) string {
	w.t.Helper()
	value, err := chromedp.Run(w.ctx, chromedp.Evaluate[string]("String("+script+")"))
	must(w.t, err)
	return value
}

func (w *window) size(width, height int64, dark bool) {
	w.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	w.run(chromedp.EmulateViewport(width, height))
	_, err := chromedp.Call(w.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	must(w.t, err)
}

func (w *window) shoot(path string) {
	w.t.Helper()
	w.run(chromedp.Sleep(300 * time.Millisecond))
	picture, err := chromedp.Run(w.ctx, chromedp.CaptureScreenshot())
	must(w.t, err)
	must(w.t, os.WriteFile(path, picture, 0o600))
}

const sample = "Ockham’s razor prefers, of two explanations that **fit equally well**, the one that assumes less. It does not say that the simpler one is true, only where to look first.\n\n" +
	"In probability it falls out by itself. Let $M_1$ and $M_2$ be models of the same data $D$:\n\n\\[\n\\frac{P(M_1 \\mid D)}{P(M_2 \\mid D)} = \\frac{P(D \\mid M_1)}{P(D \\mid M_2)} \\cdot \\frac{P(M_1)}{P(M_2)}, \\qquad P(D \\mid M) = \\int p(D \\mid \\theta, M)\\, p(\\theta \\mid M)\\, d\\theta\n\\]\n\n" +
	"A model with more freedom spreads its prior over more outcomes, so each gets less.\n\n| Model | Parameters | Evidence |\n|---|--:|--:|\n| straight line | 2 | −41.2 |\n| polynomial | 9 | −57.8 |\n\n" +
	"```go\n// Prefer the shorter of two explanations that fit alike.\nfunc razor(a, b Model, d Data) Model {\n\tif math.Abs(a.Fit(d)-b.Fit(d)) < 1e-6 && len(a.Params) < len(b.Params) {\n\t\treturn a\n\t}\n\treturn b // \"fits better\"\n}\n```\n\n1. Write down what each explanation assumes.\n2. Strike what both share.\n3. Keep the shorter rest, and `test` it.\n"

// TestShots makes pictures to look at: OSTIARY_CHAT_SHOTS names a directory.
func TestShots(t *testing.T) {
	dir := os.Getenv("OSTIARY_CHAT_SHOTS")
	if dir == "" {
		t.Skip("no pictures were asked for: OSTIARY_CHAT_SHOTS is not set")
	}
	r := newRig(t, func(s *Settings) { s.Users = Access{Everyone: true} })
	r.answer(func(w http.ResponseWriter, _ *http.Request) {
		for _, word := range strings.SplitAfter(sample, " ") {
			say(w, word)
		}
		end(w, 412, 287)
	})
	b := r.signIn()
	for _, text := range []string{"Why does a security group bind a private endpoint?", "Draft a polite reminder to the hospital’s data office", "Compare PTU and pay-as-you-go for 40 people", "Erkläre mir den Zielkonflikt zwischen Bias und Varianz"} {
		b.ask("/ask", map[string]string{"text": text})
	}
	at, _ := b.ask("/ask", map[string]string{"text": "What is Ockham’s razor, and can you write it as a formula?"})
	r.answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "12")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	b.ask(at+"/ask", map[string]string{"text": "And what would Popper say?"})
	w := newWindow(t)
	w.size(1280, 800, false)
	w.run(chromedp.Navigate(r.url+"/"), chromedp.WaitVisible("#composer"))
	for _, view := range []struct {
		name          string
		width, height int64
		dark          bool
	}{{"light", 1280, 800, false}, {"dark", 1280, 800, true}, {"light-narrow", 390, 844, false}, {"dark-narrow", 390, 844, true}} {
		w.size(view.width, view.height, view.dark)
		shot := func(page string) { w.shoot(filepath.Join(dir, page+"-"+view.name+".png")) }
		w.run(chromedp.Navigate(r.url+"/"), chromedp.WaitVisible("#composer"))
		shot("home")
		w.run(chromedp.Navigate(r.url+at), chromedp.WaitVisible("#composer"))
		shot("end")
		w.eval(`document.querySelector("#thread").scrollTop = 0`)
		shot("talk")
		w.run(chromedp.Click("#tune summary"))
		shot("tune")
		w.run(chromedp.Navigate(r.url+"/settings"), chromedp.WaitVisible("main"))
		shot("settings")
		if view.width < 700 {
			w.run(chromedp.Navigate(r.url+at), chromedp.WaitVisible("#composer"), chromedp.Click(".top [data-side]"))
			shot("side")
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.complaints) > 0 {
		t.Errorf("the pages complain: %v", w.complaints)
	}
}
