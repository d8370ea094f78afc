package bench

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"html"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	_ "modernc.org/sqlite" // to fill a conversation

	"github.com/ostiary/ostiary/internal/chat"
	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/emulator"
)

// chatBench is a chat before a stub gateway, whose every token is timed.
type chatBench struct {
	b    *testing.B
	url  string
	dir  string
	http *http.Client // has signed in

	mu    sync.Mutex
	sent  []time.Time
	pace  time.Duration
	words int
}

func startChatBench(b *testing.B) *chatBench {
	b.Helper()
	c := &chatBench{b: b, dir: b.TempDir(), pace: 20 * time.Millisecond, words: 200}
	gateway := httptest.NewServer(http.HandlerFunc(c.gateway))
	b.Cleanup(gateway.Close)
	server := httptest.NewUnstartedServer(nil)
	c.url = "http://" + server.Listener.Addr().String()
	loopback := func() net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		return ln
	}
	e, err := emulator.New(emulator.Config{
		Settings: emulator.Settings{State: c.dir, Directory: emulator.Directory{Apps: []emulator.App{
			{Name: "ostiary-chat", ClientID: "8a3d5e71-2c46-4f9b-b0d8-15e7c92f6a34", RedirectURIs: []string{c.url + "/signin/callback"}},
		}}},
		Public: loopback(), Private: loopback(), Issuer: loopback(),
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = e.Run(ctx) })
	login := httptest.NewServer(e.Issuer())
	file := filepath.Join(c.dir, "chat.yaml")
	text := fmt.Sprintf("chat:\n  listen: %s\n  url: %s\n  sign_in: {tenant: 0b5f1a4e-6d1c-4c8e-9a52-3f7d2e9c1b60, authority: %q, browser_url: %s, ca: %s, client_id: 8a3d5e71-2c46-4f9b-b0d8-15e7c92f6a34, client_secret: \"file:%s/ostiary-chat.secret\"}\n  users: {everyone: true}\n  gateway: {url: %s}\n  models: [{name: gpt-4o-mini}]\n  store: {sqlite: %s/chat.db}\n",
		strings.TrimPrefix(c.url, "http://"), c.url, e.URLs().Issuer, login.URL, e.CAFile(), c.dir, gateway.URL, c.dir)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	var s struct {
		Chat chat.Settings `yaml:"chat"`
	}
	if err := config.Load(file, &s, config.Options{}); err != nil {
		b.Fatal(err)
	}
	service, err := chat.New(chat.Config{Settings: s.Chat})
	if err != nil {
		b.Fatal(err)
	}
	server.Config.Handler = service.Handler()
	server.Start()
	b.Cleanup(func() {
		_ = service.Close()
		server.Close()
		login.Close()
		cancel()
		running.Wait()
	})
	c.signIn(login.URL)
	return c
}

// thinks is how long the stub waits before its first token; models take longer.
const thinks = 300 * time.Millisecond

// gateway streams words, and notes when it has sent each.
func (c *chatBench) gateway(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/openai/v1/chat/completions" { // it does not tell what people may use
		http.NotFound(w, r)
		return
	}
	_ = http.NewResponseController(w).Flush()
	time.Sleep(thinks)
	for i := range c.words {
		_, _ = fmt.Fprintf(w, "data: {\"choices\":[{\"delta\":{\"content\":\"word%d \"}}]}\n\n", i)
		_ = http.NewResponseController(w).Flush()
		c.mu.Lock()
		c.sent = append(c.sent, time.Now())
		c.mu.Unlock()
		time.Sleep(c.pace)
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}

func (c *chatBench) signIn(login string) {
	c.b.Helper()
	jar, _ := cookiejar.New(nil)
	c.http = &http.Client{Jar: jar}
	page := c.read(c.http.Get(c.url + "/"))
	request := regexp.MustCompile(`name="request" value="([^"]*)"`).FindStringSubmatch(page)
	action := regexp.MustCompile(`<form method="post" action="([^"]*)"`).FindStringSubmatch(page)
	if request == nil || action == nil {
		c.b.Fatalf("no page of people: %.500s", page)
	}
	form := url.Values{"request": {html.UnescapeString(request[1])}, "login": {"one@sample.example"}}
	to := html.UnescapeString(action[1])
	if strings.HasPrefix(to, "/") {
		to = login + to
	}
	if page = c.read(c.http.PostForm(to, form)); !strings.Contains(page, `id="composer"`) {
		c.b.Fatalf("no sign-in: %.500s", page)
	}
}

func (c *chatBench) read(resp *http.Response, err error) string {
	c.b.Helper()
	if err != nil {
		c.b.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.b.Fatal(err)
	}
	return string(body)
}

// ask begins an answer and gives its conversation.
func (c *chatBench) ask() string {
	c.b.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("text", "A question")
	_ = form.Close()
	req, _ := http.NewRequest(http.MethodPost, c.url+"/ask", &body)
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("Accept", "application/json")
	said := c.read(c.http.Do(req))
	at := regexp.MustCompile(`"url":"(/c/[a-z0-9]+)"`).FindStringSubmatch(said)
	if at == nil {
		c.b.Fatal(said)
	}
	return at[1]
}

// BenchmarkChatTokenDelay is the time from a token's leaving the gateway to its
// arrival in the browser's stream, laid out.
func BenchmarkChatTokenDelay(b *testing.B) {
	c := startChatBench(b)
	var delays []time.Duration
	for b.Loop() {
		c.sent = c.sent[:0]
		at := c.ask()
		resp, err := c.http.Get(c.url + at + "/stream")
		if err != nil {
			b.Fatal(err)
		}
		seen, buf, text := 0, make([]byte, 64<<10), ""
		for {
			n, err := resp.Body.Read(buf)
			now := time.Now()
			text += string(buf[:n])
			for strings.Contains(text, "word"+strconv.Itoa(seen)+" ") || strings.Contains(text, "word"+strconv.Itoa(seen)+"\\u003c") {
				c.mu.Lock()
				if seen < len(c.sent) {
					delays = append(delays, now.Sub(c.sent[seen]))
				}
				c.mu.Unlock()
				seen++
			}
			if err != nil {
				break
			}
		}
		_ = resp.Body.Close()
		if seen < c.words {
			b.Fatalf("%d of %d words were seen", seen, c.words)
		}
	}
	slices.Sort(delays)
	report(b, delays)
}

func report(b *testing.B, delays []time.Duration) {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(delays[len(delays)/2]), "ms-median")
	b.ReportMetric(ms(delays[len(delays)*99/100]), "ms-p99")
	b.ReportMetric(ms(delays[len(delays)-1]), "ms-max")
}

// BenchmarkChatTokenShown is the time from a token's leaving the gateway to its
// standing in the page of headless Chromium.
func BenchmarkChatTokenShown(b *testing.B) {
	c := startChatBench(b)
	ctx := c.chromium()
	run := c.steps(ctx)
	var delays []time.Duration
	for b.Loop() {
		c.mu.Lock()
		c.sent = nil
		c.mu.Unlock()
		run(chromedp.Navigate(c.url+"/"), chromedp.WaitVisible("#composer"))
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[string](`window.seen = []; new MutationObserver(() => {
			const text = document.querySelector(".writing .prose")?.textContent ?? "";
			while (text.includes("word" + seen.length + " ") || text.trim().endsWith("word" + seen.length)) seen.push(performance.timeOrigin + performance.now());
		}).observe(document.querySelector("#messages"), {subtree: true, childList: true, characterData: true}); ""`)); err != nil {
			b.Fatal(err)
		}
		run(chromedp.SendKeys("#text", "A question"), chromedp.SendKeys("#text", "\r"), chromedp.WaitVisible(".answer .acts"))
		seen, err := chromedp.Run(ctx, chromedp.Evaluate[[]float64]("seen"))
		if err != nil || len(seen) < c.words/2 {
			b.Fatalf("%d words were seen: %v", len(seen), err)
		}
		for i, at := range seen {
			delays = append(delays, time.UnixMicro(int64(at*1000)).Sub(c.sent[i]))
		}
	}
	slices.Sort(delays)
	report(b, delays)
}

// chromium is a tab that has signed in.
func (c *chatBench) chromium() context.Context {
	c.b.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		c.b.Skip("NOT MEASURED: chromium is not installed")
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU)...)
	c.b.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	c.b.Cleanup(cancel)
	c.steps(ctx)(chromedp.Navigate(c.url+"/"), chromedp.WaitVisible(`button[value="one@sample.example"]`), chromedp.Click(`button[value="one@sample.example"]`), chromedp.WaitVisible("#composer"))
	return ctx
}

func (c *chatBench) steps(ctx context.Context) func(...chromedp.Action[chromedp.Void]) {
	return func(steps ...chromedp.Action[chromedp.Void]) {
		c.b.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			c.b.Fatal(err)
		}
	}
}

// fill makes a conversation of 10,000 messages.
func (c *chatBench) fill() string {
	c.b.Helper()
	c.words, c.pace = 3, 0
	at := c.ask()
	c.read(c.http.Get(c.url + at + "/stream"))
	db, err := sql.Open("sqlite", "file:"+c.dir+"/chat.db?_pragma=busy_timeout(10000)")
	if err != nil {
		c.b.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		c.b.Fatal(err)
	}
	answer := "An answer of **some** length.\n\n" + strings.Repeat("It has sentences, and `code`, and goes on for a while. ", 8) + "\n\n- one\n- two\n\n```go\nfunc f() {}\n```\n"
	for i := range 9998 {
		role, text := "user", fmt.Sprintf("Question %d?", i)
		if i%2 == 1 {
			role, text = "assistant", answer
		}
		_, err := tx.Exec(`INSERT INTO chat_messages (conversation, seq, role, text, model, status, retry, detail, prompt, completion, cost, currency, first_ms, total_ms, at) VALUES (?, ?, ?, ?, 'gpt-4o-mini', '', 0, '', 10, 10, 0, '', 10, 10, 1795000000000)`,
			strings.TrimPrefix(at, "/c/"), i+3, role, text)
		if err != nil {
			c.b.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		c.b.Fatal(err)
	}
	return at
}

// BenchmarkChatPages measures pages in headless Chromium: what the first one
// weighs on the line, when it can be used, and the same of a conversation of
// 10,000 messages, with the time to the page before its last.
func BenchmarkChatPages(b *testing.B) {
	c := startChatBench(b)
	long := c.fill()
	ctx := c.chromium()
	run := c.steps(ctx)
	number := func(script string) float64 {
		b.Helper()
		n, err := chromedp.Run(ctx, chromedp.Evaluate[float64](script, chromedp.EvalAwaitPromise))
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	var weight, ready, longReady, earlier []float64
	const weigh = `performance.getEntries().filter(e => e.transferSize).reduce((n, e) => n + e.transferSize, 0)`
	const usable = `new Promise(done => { const look = () => "ready" in document.documentElement.dataset ? done(performance.getEntriesByName("ready")[0].startTime) : setTimeout(look, 1); look() })`
	for b.Loop() {
		if _, err := chromedp.Call(ctx, network.ClearBrowserCache, cdp.Empty{}); err != nil {
			b.Fatal(err)
		}
		run(chromedp.Navigate(c.url + "/"))
		ready = append(ready, number(usable))
		weight = append(weight, number(weigh))
		run(chromedp.Navigate(c.url + long))
		longReady = append(longReady, number(usable))
		earlier = append(earlier, number(`new Promise(done => { const begun = performance.now(), had = document.querySelectorAll(".msg").length; document.querySelector("[data-earlier]").click(); const look = () => document.querySelectorAll(".msg").length > had ? requestAnimationFrame(() => done(performance.now() - begun)) : setTimeout(look, 1); look() })`))
	}
	begun := time.Now()
	if found := c.read(c.http.Get(c.url + "/list?q=sentences")); !strings.Contains(found, "<a href") {
		b.Fatal(found)
	}
	b.ReportMetric(float64(time.Since(begun).Milliseconds()), "ms-search")
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(slices.Max(weight)/1000, "kB-first-page")
	b.ReportMetric(slices.Max(ready), "ms-first-page-max")
	b.ReportMetric(slices.Max(longReady), "ms-10000-messages-max")
	b.ReportMetric(slices.Max(earlier), "ms-earlier-max")
}
