package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/ostiary/ostiary/internal/ledger"
)

// TestChat goes through a day of two people in Debian's Chromium: sign in, ask,
// watch the answer come, stop it, change the question, reload, find it again,
// be refused by policy, hit a limit, sign out.
func TestChat(t *testing.T) {
	r := startChat(t, 15*time.Millisecond)
	one := newTab(t)
	one.signIn(r, "one@sample.example")

	// The picker has what the gateway lets a person use; the other model may be
	// refused, by its grant's condition.
	const picker = `[...document.querySelector("#model").options].map(o => o.innerText).join("|")`
	if got := one.is(picker); got != "GPT-4o mini|GPT-4o" {
		t.Errorf("one may pick %s", got)
	}

	// A giant paste is refused with a word, and stays in the box.
	said := one.is(`(t => { t.value = "x".repeat(200001); t.dispatchEvent(new Event("input")); return document.querySelector("#notice").innerText })(document.querySelector("#text"))`)
	if !strings.Contains(said, "200,001 characters, and 200,000 are taken") {
		t.Errorf("of a giant paste it is said: %q", said)
	}
	one.is(`document.querySelector("#composer").requestSubmit()`)
	if n := one.is(`document.querySelectorAll(".question").length + " " + document.querySelector("#text").value.length`); n != "0 200001" {
		t.Errorf("questions, and characters in the box: %s", n)
	}
	one.is(`(t => { t.value = ""; t.dispatchEvent(new Event("input")) })(document.querySelector("#text"))`)

	// The answer is seen to grow.
	one.ask("What is Ockham's Razor?")
	const length = `(document.querySelector(".writing .prose")?.innerText ?? "").length`
	one.until("a first piece", length+` > 10`)
	if one.is(length) == one.is(`(document.querySelector(".answer .prose")?.innerText ?? "").length * 1e6`) {
		t.Error("nothing is being written")
	}
	text := one.answered()
	if !strings.Contains(text, "Ockham") || !strings.Contains(text, "tokens") || !strings.Contains(text, "USD") {
		t.Errorf("the answer is %q", text)
	}
	first := one.is("location.pathname")

	// Stop: what has come stays.
	one.ask("Tell me about private endpoints")
	one.until("the answer to stop", `document.querySelectorAll(".answer").length == 2 && `+length+` > 20`)
	one.run(chromedp.Click("#stop"))
	if text := one.answered(); !strings.Contains(text, "Stopped.") {
		t.Errorf("the answer is %q", text)
	}

	// Edit: the question is taken back into the box, and what follows goes.
	one.run(chromedp.Focus("#text"), chromedp.KeyEvent(kb.ArrowUp))
	one.until("the question in the box", `document.querySelector("#text").value == "Tell me about private endpoints" && !document.querySelector("#editing").hidden`)
	one.run(chromedp.SendKeys("#text", ", shortly\r"))
	one.until("the changed question", `[...document.querySelectorAll(".question .text")].map(e => e.textContent).join("|") == "What is Ockham's Razor?|Tell me about private endpoints, shortly"`)
	one.answered()

	// Reload in the middle of an answer: the rest is seen.
	one.run(chromedp.Click(".new"), chromedp.WaitVisible(".hello"))
	one.ask("What is a doorkeeper?")
	one.until("a first piece", length+` > 10`)
	one.run(chromedp.Reload(), chromedp.WaitVisible("#composer"))
	if text := one.answered(); len(text) < 100 {
		t.Errorf("after a reload the answer is %q", text)
	}

	// A limit: four questions in a minute.
	one.ask("Does it stop?")
	if text := one.answered(); !strings.Contains(text, "Too many questions at once") || !strings.Contains(text, "Try again in") {
		t.Errorf("the fifth question: %q", text)
	}

	// Policy: the other model, whose condition a question without a bound does
	// not meet.
	one.run(chromedp.SetValue("#model", "gpt-4o"))
	one.ask("May I?")
	if text := one.answered(); !strings.Contains(text, "You are not allowed to use this model") || !strings.Contains(text, "Choose another model") {
		t.Errorf("refused by policy: %q", text)
	}
	one.run(chromedp.Reload(), chromedp.WaitVisible("#composer"))
	if options := one.is(`document.querySelector("#model").innerText`); !strings.Contains(options, "GPT-4o – not allowed for you") {
		t.Errorf("the picker: %q", options)
	}

	// Find: the keyboard goes to the search, and the search to the conversation.
	one.is(`document.activeElement.blur()`)
	one.run(chromedp.KeyEvent("/"))
	one.until("the search", `document.activeElement == document.querySelector(".search input")`)
	one.run(chromedp.SendKeys(".search input", "razor"))
	one.until("what was found", `[...document.querySelectorAll("#list a")].some(a => a.pathname == "`+first+`") && document.querySelectorAll("#list a").length == 1`)
	one.run(chromedp.Click("#list a"))
	one.until("the conversation", `location.pathname == "`+first+`" && document.querySelectorAll(".question").length == 2`)

	// Another person sees none of it, and may use the other model.
	two := newTab(t)
	two.signIn(r, "two@sample.example")
	if got := two.is(picker); got != "GPT-4o mini|GPT-4o|gpt-4.1" {
		t.Errorf("two may pick %s", got)
	}
	two.until("an empty list", `document.querySelectorAll("#list a").length == 0`)
	two.run(chromedp.Navigate(r.url+first), chromedp.WaitVisible("main"))
	if text := two.is("document.body.innerText"); !strings.Contains(text, "There is no such page") || strings.Contains(text, "Ockham") {
		t.Errorf("another's conversation: %q", text)
	}
	two.run(chromedp.Navigate(r.url+"/"), chromedp.WaitVisible("#composer"), chromedp.SetValue("#model", "gpt-4o"))
	notes := filepath.Join(t.TempDir(), "notes <b>.txt")
	if err := os.WriteFile(notes, []byte("<script>alert(1)</script>"), 0o600); err != nil {
		t.Fatal(err)
	}
	two.run(chromedp.SetUploadFiles("#pick", []string{notes}))
	two.until("the file", `document.querySelector("#files").innerText.includes("notes <b>.txt")`)
	two.ask("What is a private endpoint?")
	two.until("the file with the question", `document.querySelector(".question .files").innerText.includes("notes _b_.txt")`)
	if text := two.answered(); !strings.Contains(text, "GPT-4o") || strings.Contains(text, "not allowed") {
		t.Errorf("%q", text)
	}
	two.run(chromedp.Navigate(r.url+"/admin"), chromedp.WaitVisible("table"))
	if text := two.is("document.body.innerText"); !strings.Contains(text, "Sample Person One") || strings.Contains(text, "Ockham") {
		t.Errorf("the administrator sees %q", text)
	}

	// Sign out: here and at the login service.
	one.run(chromedp.Click("#signout"))
	one.until("the end", `document.body.innerText.includes("signed out") || document.body.innerText.includes("Pick an account") || location.origin != "`+r.url+`"`)
	one.run(chromedp.Navigate(r.url + first))
	one.until("the login service", `!!document.querySelector('button[value="one@sample.example"]')`)
	one.clean()
	two.clean()
	checkPeople(t, r)
}

// checkPeople wants the ledger to name who asked, and the log neither texts nor
// tokens.
func checkPeople(t *testing.T, r *chatRig) {
	t.Helper()
	names, denied := map[string]int{}, 0
	err := ledger.Read(filepath.Join(r.dir, "ledger"), 0, func(_ uint64, rec ledger.Record) error {
		if rec.Call != nil {
			names[rec.Call.Name]++
		}
		if rec.Kind == ledger.Refusal {
			denied++
		}
		return nil
	})
	if err != nil || names["Sample Person One"] < 4 || names["Sample Person Two"] < 1 || denied < 2 {
		t.Errorf("the ledger has %v, %d refusals: %v", names, denied, err)
	}
	for _, secret := range []string{"Ockham", "doorkeeper", "eyJ"} {
		if strings.Contains(string(r.logged.Bytes()), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

// TestChatExpiry: a session that ends while an answer comes, and while a
// question is typed: it is said, and after the next sign-in both are there.
func TestChatExpiry(t *testing.T) {
	r := startChat(t, 30*time.Millisecond)
	w := newTab(t)
	w.signIn(r, "one@sample.example")
	w.ask("What is Ockham's Razor?")
	w.until("a first piece", `(document.querySelector(".writing .prose")?.innerText ?? "").length > 10`)
	w.run(chromedp.SendKeys("#text", "and what I type meanwhile"))
	r.clock.Store(int64(48 * time.Hour))
	w.until("the notice", `document.querySelector("#notice").innerText.includes("You have been signed out")`)
	if kept := w.is(`document.querySelector("#text").value`); kept != "and what I type meanwhile" {
		t.Errorf("in the box is %q", kept)
	}
	r.clock.Store(0) // tokens are of today
	w.is(`window.old = true`)
	w.run(chromedp.Click("#notice a"))
	w.until("the conversation again", `!window.old && location.pathname.startsWith("/c/") && "ready" in document.documentElement.dataset`)
	if kept := w.is(`document.querySelector("#text").value`); kept != "and what I type meanwhile" {
		t.Errorf("after the sign-in in the box is %q", kept)
	}
	if text := w.answered(); !strings.Contains(text, "Ockham") || !strings.Contains(text, "tokens") {
		t.Errorf("the answer is %q", text)
	}
	w.clean()
}

// TestChatNoRole: who is in no group is told so.
func TestChatNoRole(t *testing.T) {
	r := startChat(t, 0)
	w := newTab(t)
	w.run(chromedp.Navigate(r.url+"/"), chromedp.WaitVisible(`button[value="three@sample.example"]`), chromedp.Click(`button[value="three@sample.example"]`))
	w.until("the page", `document.body.innerText.includes("You may not use this chat")`)
	w.clean()
}

// TestDemoChat: the demo's chat works at once, in the browser's own way.
func TestDemoChat(t *testing.T) {
	world := startDemo(t)
	w := newTab(t)
	w.signIn(&chatRig{url: world.ChatURL}, "one@sample.example")
	w.ask("What is Ockham's Razor?")
	if text := w.answered(); !strings.Contains(text, "William of Ockham") {
		t.Errorf("the answer is %q", text)
	}
	w.run(chromedp.Click("#signout"))
	w.until("the end", `document.body.innerText.includes("You are signed out")`)
	w.clean()
}

// TestChatAxe holds every page to axe-core's rules, light and dark, wide and
// narrow. It needs the network for npm.
func TestChatAxe(t *testing.T) {
	if os.Getenv("OSTIARY_TORTURE") == "" {
		t.Skip("NOT CHECKED: axe-core on the chat; set OSTIARY_TORTURE=1, with npm and chromium installed")
	}
	script := axeCore(t)
	r := startChat(t, 0)
	w := newTab(t)
	w.signIn(r, "two@sample.example")
	w.ask("What is Ockham's Razor?")
	w.answered()
	talk := w.is("location.pathname")
	for _, path := range []string{"/", talk, "/settings", "/admin", "/c/none", "/signed-out"} {
		for _, view := range []struct {
			width, height int64
			dark          bool
		}{{1280, 800, false}, {1280, 800, true}, {390, 844, false}, {390, 844, true}} {
			w.run(chromedp.EmulateViewport(view.width, view.height), colourScheme(view.dark), chromedp.Navigate(r.url+path), chromedp.WaitVisible("main"))
			w.is(`[...document.querySelectorAll("details")].forEach(d => d.open = true)`)
			if _, err := chromedp.Run(w.ctx, chromedp.Evaluate[string](script+"; ''")); err != nil {
				t.Fatal(err)
			}
			said, err := chromedp.Run(w.ctx, chromedp.Evaluate[string](`axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations.map(v => ({id: v.id, impact: v.impact, first: v.nodes[0].html}))))`, chromedp.EvalAwaitPromise))
			if err != nil {
				t.Fatal(err)
			}
			var found []struct{ ID, Impact, First string }
			if err := json.Unmarshal([]byte(said), &found); err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				report := t.Logf
				if f.Impact == "serious" || f.Impact == "critical" {
					report = t.Errorf
				}
				report("%s at %d, dark %v: %s %s at %s", path, view.width, view.dark, f.Impact, f.ID, f.First)
			}
		}
	}
}

// axeCore is the library's source, from npm, pinned as the report's is.
func axeCore(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("NOT CHECKED: axe-core on the chat: npm is not installed")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "internal", "report", "testdata", "axe"))); err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	source, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}
