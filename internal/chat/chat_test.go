package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/identity"
)

// principal is somebody whom the stub issuer signs in.
func (r *rig) principal(subject string) identity.Principal {
	return identity.Principal{Issuer: r.issuer.url, Subject: subject}
}

func TestAsk(t *testing.T) {
	r := newRig(t)
	b := r.signIn()
	at, end := b.ask("/ask", map[string]string{"text": "What is Ockham's Razor?", "model": "gpt-4o-mini", "system": "Be brief.", "temperature": "0,5"})
	if end.Status != Done || !strings.Contains(end.HTML, "Entities shall not be multiplied.") {
		t.Fatalf("%+v", end)
	}
	_, page := b.get(at)
	for _, want := range []string{"Entities shall not be multiplied.", "What is Ockham&#39;s Razor?", "11 → 6 tokens", "0.00001 USD", "GPT-4o mini", "Be brief.", `value="0.5"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if strings.Contains(page, `"o3"`) {
		t.Error("a model of administrators is offered")
	}
	asked, shown := r.lastAsked()
	if shown != "Bearer canary-token-one" || asked.Model != "gpt-4o-mini" || len(asked.Messages) != 2 || !asked.Options.Usage || *asked.Temperature != 0.5 || asked.Messages[0].Content != "Be brief." {
		t.Errorf("%q %+v", shown, asked)
	}
	b.ask(at+"/ask", map[string]string{"text": "And why?"})
	if asked, _ := r.lastAsked(); len(asked.Messages) != 3 || asked.Messages[1].Content != "Entities shall not be multiplied." || asked.Temperature != nil {
		t.Errorf("%+v", asked)
	}
	if log := r.log.String(); strings.Contains(log, "canary") || strings.Contains(log, "Ockham") || strings.Contains(log, "Entities") {
		t.Errorf("the log says too much:\n%s", log)
	}
	all, err := r.reg.Gather()
	must(t, err)
	if text := fmt.Sprint(all); strings.Contains(text, "Ockham") || strings.Contains(text, "Sample") || !strings.Contains(text, "ostiary_chat_answers_total") {
		t.Errorf("%s", text)
	}
}

// TestWithoutScript: a browser without one gets its answer as a page.
func TestWithoutScript(t *testing.T) {
	r := newRig(t)
	b := r.signIn()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/ask", strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nHello\r\n--x--\r\n"))
	req.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	if resp, body := b.do(req); resp.StatusCode != http.StatusOK || !strings.Contains(body, "Entities shall not be multiplied.") {
		t.Errorf("%d at %s", resp.StatusCode, resp.Request.URL)
	}
}

// TestRefusals: every refusal is said in words of both languages, with what to
// do.
func TestRefusals(t *testing.T) {
	r := newRig(t)
	b := r.signIn()
	refuse := func(status int, body, retry string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if retry != "" {
				w.Header().Set("Retry-After", retry)
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for name, c := range map[string]struct {
		model  http.HandlerFunc
		status Status
		words  string
	}{
		"policy":     {refuse(401, `{"error":{"code":"PermissionDenied","message":"Principal does not have access to API/Operation."}}`, ""), Policy, "Choose another model"},
		"a token":    {refuse(401, `{"statusCode":401,"message":"Unauthorized."}`, ""), Expired, "Sign in again"},
		"a limit":    {refuse(429, `{"error":{"code":"429","message":"slow"}}`, "17"), Limit, "Try again in 17 seconds"},
		"a long one": {refuse(429, ``, "600"), Limit, "Try again in 10 minutes"},
		"no advice":  {refuse(429, ``, "soon"), Limit, "Wait a minute"},
		"a filter":   {refuse(400, `{"error":{"code":"content_filter","message":"filtered"}}`, ""), Filter, "Say it in another way"},
		"length":     {refuse(400, `{"error":{"code":"context_length_exceeded","message":"long"}}`, ""), Context, "Begin a new chat"},
		"other":      {refuse(400, `{"error":{"code":null,"message":"temperature <b>1.9</b> is odd"}}`, ""), Invalid, "temperature &lt;b&gt;1.9&lt;/b&gt; is odd"},
		"missing":    {refuse(404, `{"error":{"code":"DeploymentNotFound","message":"x"}}`, ""), Missing, "This model is not there"},
		"large":      {refuse(413, `x`, ""), Large, "fewer or smaller files"},
		"down":       {refuse(502, `<html>`, ""), Backend, "It is not your question"},
		"cut":        {func(w http.ResponseWriter, _ *http.Request) { say(w, "half an ans") }, Cut, "The answer broke off"},
		"cut hard": {func(w http.ResponseWriter, _ *http.Request) {
			say(w, "half an ans")
			panic(http.ErrAbortHandler)
		}, Cut, "half an ans"},
		"nonsense": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("data: {nonsense\n\n")) }, Cut, "The answer broke off"},
		"censored": {func(w http.ResponseWriter, _ *http.Request) {
			say(w, "half")
			_, _ = w.Write([]byte("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\ndata: [DONE]\n\n"))
		}, Censor, "stopped the answer here"},
		"the longest": {func(w http.ResponseWriter, _ *http.Request) {
			say(w, "long")
			_, _ = w.Write([]byte("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n"))
		}, Length, "Ask it to go on"},
		"without an end": {func(w http.ResponseWriter, _ *http.Request) {
			for range 2 * maxAnswer / 65536 {
				say(w, strings.Repeat("x ", 32768))
			}
		}, Length, "reached the longest"},
	} {
		r.answer(c.model)
		at, end := b.ask("/ask", map[string]string{"text": "What is Ockham's Razor?"})
		if end.Status != c.status || !strings.Contains(end.HTML, c.words) || strings.Contains(end.HTML, "status-") {
			t.Errorf("%s: %q, %.600s", name, end.Status, end.HTML)
		}
		if _, page := b.get(at, "Accept-Language", "de"); !strings.Contains(page, r.chat.texts["de"].say("status-"+string(c.status))) {
			t.Errorf("%s: the page says nothing in German", name)
		}
	}
	r.chat.s.Gateway.URL = "http://127.0.0.1:1"
	if _, end := b.ask("/ask", map[string]string{"text": "Hello"}); end.Status != Away || !strings.Contains(end.HTML, "The gateway cannot be reached") {
		t.Errorf("%+v", end)
	}
}

// TestRefusedModel: a model that policy refused is marked in the picker, and
// what was refused is not sent along with the next question.
func TestRefusedModel(t *testing.T) {
	r := newRig(t)
	b := r.signIn()
	r.answer(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	})
	at, _ := b.ask("/ask", map[string]string{"text": "the refused one"})
	if _, page := b.get(at); !strings.Contains(page, "GPT-4o mini – not allowed for you") {
		t.Error("the picker offers it as before")
	}
	r.answer(answers("fine"))
	b.ask(at+"/ask", map[string]string{"text": "another"})
	if asked, _ := r.lastAsked(); len(asked.Messages) != 1 || asked.Messages[0].Content != "another" {
		t.Errorf("%+v", asked)
	}
	if _, page := b.get(at); strings.Contains(page, "not allowed") && !strings.Contains(page, "You are not allowed") {
		t.Error("the picker still says so after an answer")
	}
}

// held is a model that says one piece at a time, as it is told.
type held struct {
	say  chan string
	left chan struct{}
}

func newHeld() *held { return &held{make(chan string), make(chan struct{}, 1)} }

func (h *held) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	for {
		select {
		case piece, ok := <-h.say:
			if !ok {
				end(w, 5, 5)
				return
			}
			say(w, piece)
		case <-r.Context().Done():
			h.left <- struct{}{}
			return
		}
	}
}

// begin asks and does not wait.
func (b *browser) begin(path, text string) (at string) {
	b.t.Helper()
	resp, body := b.send(path, map[string]string{"text": text})
	var begun struct{ URL string }
	if err := json.Unmarshal([]byte(body), &begun); err != nil || resp.StatusCode != http.StatusAccepted {
		b.t.Fatalf("%d %s", resp.StatusCode, body)
	}
	return begun.URL
}

// open is a stream that is read event by event.
func (b *browser) open(at string) (next func() (string, string), leave func()) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, b.url+at+"/stream", nil)
	req.Header.Set("Accept", "text/event-stream")
	resp, err := b.http.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.t.Fatalf("%v %v", resp, err)
	}
	text, buf := "", make([]byte, 4096)
	return func() (string, string) {
		for {
			if event, rest, ok := strings.Cut(text, "\n\n"); ok {
				text = rest
				name, data, _ := strings.Cut(strings.TrimPrefix(event, "event: "), "\ndata: ")
				return name, data
			}
			n, err := resp.Body.Read(buf)
			if text += string(buf[:n]); err != nil && n == 0 {
				return "", ""
			}
		}
	}, func() { cancel(); _ = resp.Body.Close() }
}

// TestStop: what has come stays, and the work upstream ends.
func TestStop(t *testing.T) {
	r := newRig(t)
	b := r.signIn()
	h := newHeld()
	r.answer(h.ServeHTTP)
	at := b.begin("/ask", "Tell me everything")
	next, leave := b.open(at)
	defer leave()
	h.say <- "So far "
	if name, data := next(); name != "piece" || !strings.Contains(data, "So far") {
		t.Errorf("%s %s", name, data)
	}
	if resp, _ := b.send(at+"/ask", map[string]string{"text": "and more"}); resp.StatusCode != http.StatusConflict {
		t.Errorf("a second question at once: %d", resp.StatusCode)
	}
	if resp, _ := b.post(at+"/stop", nil); resp.StatusCode != http.StatusNoContent {
		t.Errorf("%d", resp.StatusCode)
	}
	<-h.left
	for name, data := next(); ; name, data = next() {
		if name == "done" {
			if !strings.Contains(data, "So far") || !strings.Contains(data, "Stopped.") {
				t.Error(data)
			}
			break
		}
		if name == "" {
			t.Fatal("no end")
		}
	}
	if _, page := b.get(at); !strings.Contains(page, "So far") || !strings.Contains(page, "Stopped.") {
		t.Error("what had come is gone")
	}
}

// TestReload: an answer goes on when its browser leaves, and who comes back
// sees all of it.
func TestReload(t *testing.T) {
	r := newRig(t)
	b := r.signIn()
	h := newHeld()
	r.answer(h.ServeHTTP)
	at := b.begin("/ask", "Tell me everything")
	next, leave := b.open(at)
	h.say <- "First paragraph.\n\nSecond "
	next()
	leave()
	if _, page := b.get(at); !strings.Contains(page, "data-running") || !strings.Contains(page, "msg answer writing") {
		t.Error("the page does not say that an answer is being written")
	}
	h.say <- "paragraph."
	next, leave = b.open(at)
	defer leave()
	_, data := next()
	if !strings.Contains(data, "First paragraph.") {
		t.Errorf("who comes back sees %s", data)
	}
	close(h.say)
	end := b.follow(at)
	if _, page := b.get(at); end.Status != Done || !strings.Contains(page, "<p>Second paragraph.</p>") {
		t.Errorf("%+v", end)
	}
}

// TestExpiryInMidStream: it is said, and the answer is written and kept.
func TestExpiryInMidStream(t *testing.T) {
	r := newRig(t)
	b := r.signIn()
	h := newHeld()
	r.answer(h.ServeHTTP)
	at := b.begin("/ask", "Tell me everything")
	next, leave := b.open(at)
	defer leave()
	h.say <- "Half of it"
	next()
	r.clock.Store(int64(2 * defaultLife))
	if name, data := next(); name != "expired" || !strings.Contains(data, "what you have typed is kept") {
		t.Errorf("%s %s", name, data)
	}
	if resp, body := b.send(at+"/ask", map[string]string{"text": "more"}); resp.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "what you have typed is kept") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	h.say <- ", and the rest."
	close(h.say)
	again := r.signIn()
	again.follow(at)
	if _, page := again.get(at); !strings.Contains(page, "Half of it, and the rest.") {
		t.Error("the answer is lost")
	}
}

// TestEdit: a changed question takes the place of the old one and of what
// followed, once the model answers; if it does not, all stays.
func TestEdit(t *testing.T) {
	r := newRig(t)
	b := r.signIn()
	at, _ := b.ask("/ask", map[string]string{"text": "first question"}, upload{"notes.txt", "the notes"})
	b.ask(at+"/ask", map[string]string{"text": "second question"})
	r.answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) })
	if _, end := b.ask(at+"/ask", map[string]string{"text": "changed question", "from": "1"}); !end.Kept || end.Status != Limit {
		t.Errorf("%+v", end)
	}
	if _, page := b.get(at); !strings.Contains(page, "first question") || !strings.Contains(page, "second question") || strings.Contains(page, "changed question") {
		t.Error("a refused change has changed something")
	}
	r.answer(answers("a new answer"))
	if _, end := b.ask(at+"/ask", map[string]string{"text": "changed question", "from": "1"}); end.Kept || end.Status != Done || end.Asked != 1 {
		t.Errorf("%+v", end)
	}
	_, page := b.get(at)
	if strings.Contains(page, `dir="auto">first question</div>`) || strings.Contains(page, "second question") || !strings.Contains(page, "changed question") || !strings.Contains(page, "a new answer") || !strings.Contains(page, "notes.txt") {
		t.Error("what was replaced is there, or the new is not")
	}
	if asked, _ := r.lastAsked(); len(asked.Messages) != 1 || !strings.Contains(fmt.Sprint(asked.Messages[0].Content), "the notes") {
		t.Errorf("%+v", asked)
	}
	r.answer(answers("once more"))
	if _, end := b.ask(at+"/ask", map[string]string{"again": "2"}); end.Status != Done {
		t.Errorf("%+v", end)
	}
	if _, page := b.get(at); !strings.Contains(page, "once more") || strings.Contains(page, "a new answer") || !strings.Contains(page, "changed question") {
		t.Error("again gives no new answer in the old one's place")
	}
	for _, from := range []string{"2", "99"} { // an answer, and nothing
		if resp, _ := b.send(at+"/ask", map[string]string{"text": "x", "from": from}); resp.StatusCode != http.StatusConflict {
			t.Errorf("from %s: %d", from, resp.StatusCode)
		}
	}
}

// TestOthersConversation: another person's is a 404, whatever is done with it.
func TestOthersConversation(t *testing.T) {
	r := newRig(t)
	one := r.signIn()
	at, _ := one.ask("/ask", map[string]string{"text": "private words"}, upload{"private.txt", "private file"})
	r.issuer.sign("two", "Sample Person Two", "administrators", "researchers")
	two := r.signIn()
	for _, path := range []string{"", "/messages", "/stream", "/files/1/0", "/export?format=md", "/export?format=json"} {
		if resp, body := two.get(at + path); resp.StatusCode != http.StatusNotFound || strings.Contains(body, "private") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	for _, path := range []string{"/rename", "/delete"} {
		if resp, _ := two.post(at+path, url.Values{"title": {"x"}}); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	if resp, _ := two.send(at+"/ask", map[string]string{"text": "x"}); resp.StatusCode != http.StatusNotFound {
		t.Errorf("%d", resp.StatusCode)
	}
	if _, list := two.get("/list?q=private"); strings.Contains(list, "private") {
		t.Error(list)
	}
	two.post(at+"/stop", nil)
	if _, page := one.get(at); !strings.Contains(page, "private words") {
		t.Error("it has changed")
	}
}

func TestBounds(t *testing.T) {
	r := newRig(t)
	b := r.signIn()
	png := "\x89PNG\r\n\x1a\n" + strings.Repeat("x", 100)
	for name, c := range map[string]struct {
		fields map[string]string
		files  []upload
		status int
		words  string
	}{
		"nothing":            {nil, nil, 400, "Type a question first"},
		"blanks":             {map[string]string{"text": " \n "}, nil, 400, "Type a question first"},
		"a giant paste":      {map[string]string{"text": strings.Repeat("ä", maxText+1)}, nil, 413, "200001 characters, and 200000 are taken"},
		"just fits":          {map[string]string{"text": strings.Repeat("ä", maxText)}, nil, 202, ""},
		"no text at all":     {map[string]string{"text": "\xff\xfe"}, nil, 400, "characters that are none"},
		"temperature":        {map[string]string{"text": "x", "temperature": "3"}, nil, 400, "from 0 to 2"},
		"temperature NaN":    {map[string]string{"text": "x", "temperature": "NaN"}, nil, 400, "from 0 to 2"},
		"a model":            {map[string]string{"text": "x", "model": "o3"}, nil, 403, "not offered to you"},
		"system prompt":      {map[string]string{"text": "x", "system": strings.Repeat("x", maxSystem+1)}, nil, 413, "too long"},
		"a large text":       {map[string]string{"text": "x"}, []upload{{"a.txt", strings.Repeat("x", maxTextFile+1)}}, 413, "a.txt is too large: 256 KiB"},
		"a binary":           {map[string]string{"text": "x"}, []upload{{"a.zip", "PK\x03\x04\x00\x00"}}, 415, "neither text nor a picture"},
		"an empty file":      {map[string]string{"text": "x"}, []upload{{"a.txt", ""}}, 400, "is empty"},
		"a picture":          {map[string]string{"text": "x"}, []upload{{"a.png", png}}, 415, "does not take pictures"},
		"a picture it takes": {map[string]string{"text": "x", "model": "gpt-4o"}, []upload{{"a.png", png}}, 202, ""},
		"many files":         {map[string]string{"text": "x"}, []upload{{"1", "x"}, {"2", "x"}, {"3", "x"}, {"4", "x"}, {"5", "x"}, {"6", "x"}, {"7", "x"}, {"8", "x"}, {"9", "x"}}, 413, "8 are taken"},
		"too much at once":   {map[string]string{"text": "x"}, []upload{{"a.txt", strings.Repeat("x", maxUpload)}}, 413, "24 MiB are taken"},
	} {
		resp, body := b.send("/ask", c.fields, c.files...)
		if resp.StatusCode != c.status || !strings.Contains(body, c.words) {
			t.Errorf("%s: %d %.300s", name, resp.StatusCode, body)
		}
	}
	if resp, _ := b.post("/ask", url.Values{"text": {"x"}}); resp.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("another kind of form: %d", resp.StatusCode)
	}
}

// TestFiles: texts go into the question by their names, pictures beside it, and
// neither can run anything when it is looked at.
func TestFiles(t *testing.T) {
	r := newRig(t)
	b := r.signIn()
	png := "\x89PNG\r\n\x1a\n" + strings.Repeat("x", 100)
	at, _ := b.ask("/ask", map[string]string{"text": "What is this?", "model": "gpt-4o"},
		upload{`..\..\<script>"a".html`, "<script>alert(1)</script>\n```\nx"}, upload{"p.png", png})
	asked, _ := r.lastAsked()
	parts := fmt.Sprint(asked.Messages[0].Content)
	if !strings.Contains(parts, "File _script__a_.html:\n````\n<script>") || !strings.Contains(parts, "data:image/png;base64,iVBOR") || !strings.Contains(parts, "What is this?") {
		t.Error(parts)
	}
	_, page := b.get(at)
	if strings.Contains(page, "<script>alert") || strings.Contains(page, `"a"`) {
		t.Error("a file's name or text is in the page as it came")
	}
	resp, body := b.get(at + "/files/1/0")
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") || !strings.HasPrefix(resp.Header.Get("Content-Disposition"), "attachment") || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "sandbox") || !strings.Contains(body, "<script>") {
		t.Errorf("%v", resp.Header)
	}
	if resp, body := b.get(at + "/files/1/1"); resp.Header.Get("Content-Type") != "image/png" || body != png {
		t.Errorf("%v", resp.Header)
	}
	if resp, _ := b.get(at + "/files/1/2"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("%d", resp.StatusCode)
	}
	// A later question sends them along still; a model that takes no pictures
	// gets the text alone.
	b.ask(at+"/ask", map[string]string{"text": "And now?", "model": "gpt-4o-mini"})
	asked, _ = r.lastAsked()
	if first := fmt.Sprint(asked.Messages[0].Content); !strings.Contains(first, "File _script") || strings.Contains(first, "base64") {
		t.Error(first)
	}
}

// TestScriptsEverywhere: what people and models write runs nowhere.
func TestScriptsEverywhere(t *testing.T) {
	r := newRig(t)
	b := r.signIn()
	const bad = `<script>alert(1)</script><img src=x onerror=alert(1)>`
	r.answer(answers(bad, " [x](javascript:alert(1)) ", "![p](https://evil.example/?q=1)"))
	at, end := b.ask("/ask", map[string]string{"text": bad, "system": `"><script>alert(1)</script>`})
	b.post(at+"/rename", url.Values{"title": {bad}})
	_, page := b.get(at)
	_, list := b.get("/list?q=alert")
	for name, html := range map[string]string{"end": end.HTML, "page": page, "list": list} {
		for _, sign := range []string{"<script>alert", "<img src=x", `href="javascript`, `src="https://evil`} {
			if strings.Contains(html, sign) {
				t.Errorf("%s: %s", name, sign)
			}
		}
	}
	if !strings.Contains(list, "&lt;script&gt;") {
		t.Error("it is not found, or not shown")
	}
}

func TestConversations(t *testing.T) {
	r := newRig(t)
	b := r.signIn()
	at, _ := b.ask("/ask", map[string]string{"text": "What is a doorkeeper?\nSay it shortly."})
	b.ask("/ask", map[string]string{"text": "Something else"})
	if _, list := b.get("/list?q=entit"); strings.Count(list, "<a href") != 2 || !strings.Contains(list, `class="excerpt"`) {
		t.Error(list)
	}
	if _, list := b.get("/list?q=doorkeeper"); strings.Count(list, "<a href") != 1 || !strings.Contains(list, "What is a doorkeeper? Say it shortly.") {
		t.Error(list)
	}
	if resp, _ := b.post(at+"/rename", url.Values{"title": {"  Door\tkeepers "}}); resp.StatusCode != http.StatusNoContent {
		t.Errorf("%d", resp.StatusCode)
	}
	for _, title := range []string{"", "   ", strings.Repeat("x", 161), "\xff"} {
		if resp, _ := b.post(at+"/rename", url.Values{"title": {title}}); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %d", title, resp.StatusCode)
		}
	}
	resp, md := b.get(at + "/export?format=md")
	if !strings.Contains(resp.Header.Get("Content-Disposition"), "Door keepers.md") || !strings.Contains(md, "# Door keepers") || !strings.Contains(md, "## You\n\nWhat is a doorkeeper?") || !strings.Contains(md, "Entities shall not be multiplied.") {
		t.Errorf("%v\n%s", resp.Header, md)
	}
	var e exported
	_, text := b.get(at + "/export?format=json")
	if err := json.Unmarshal([]byte(text), &e); err != nil || len(e.Messages) != 2 || e.Messages[1].Completion != 6 || e.Title != "Door keepers" {
		t.Errorf("%v %s", err, text)
	}
	if _, lines := b.get("/settings/export"); strings.Count(lines, "\n") != 2 {
		t.Error(lines)
	}
	if resp, _ := b.post(at+"/delete", nil); resp.StatusCode != http.StatusNoContent {
		t.Errorf("%d", resp.StatusCode)
	}
	if resp, _ := b.get(at); resp.StatusCode != http.StatusNotFound {
		t.Errorf("%d", resp.StatusCode)
	}
	b.post("/settings/delete", nil)
	if _, list := b.get("/list"); !strings.Contains(list, "Nothing here yet") {
		t.Error(list)
	}
}

func TestPreferences(t *testing.T) {
	r := newRig(t)
	b := r.signIn()
	if _, page := b.get("/", "Accept-Language", "fr;q=0.9, de-AT;q=0.8, en;q=0.1"); !strings.Contains(page, `<html lang="de">`) || !strings.Contains(page, "Was möchten Sie wissen?") {
		t.Error("the browser's language is not heard")
	}
	b.post("/settings", url.Values{"language": {"de"}, "theme": {"dark"}, "model": {"gpt-4o"}, "system": {"Kurz!"}})
	_, page := b.get("/")
	for _, want := range []string{`<html lang="de" data-theme="dark">`, `value="gpt-4o" selected`, "Kurz!"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	b.post("/settings", url.Values{"language": {"../x"}, "theme": {`"><script>`}, "model": {"o3"}})
	if _, page := b.get("/"); !strings.Contains(page, `<html lang="de" data-theme="dark">`) || strings.Contains(page, "o3") {
		t.Error("nonsense is taken")
	}
}

// TestHistory: a long conversation comes in pages.
func TestHistory(t *testing.T) {
	r := newRig(t, func(s *Settings) { s.History = 10 })
	b := r.signIn()
	owner := r.chat.personOf(r.principal("one")).owner
	must(t, r.chat.store.create(t.Context(), owner, Conversation{ID: "long", Title: "long", Model: "gpt-4o", Created: noon()}))
	var all []Message
	for i := range 100 {
		all = append(all, Message{Role: fromUser, Text: fmt.Sprintf("question-%d-", i+1), At: noon()}, Message{Role: fromModel, Text: fmt.Sprintf("answer-%d-", i+1), At: noon()})
	}
	_, err := r.chat.store.add(t.Context(), owner, "long", 0, all...)
	must(t, err)
	_, page := b.get("/c/long")
	if strings.Count(page, `<article class="msg q`)+strings.Count(page, `<article class="msg answer"`) != pageOfMessages || !strings.Contains(page, "answer-100-") || strings.Contains(page, "answer-80-") || !strings.Contains(page, `data-earlier="161"`) {
		t.Error("the last page is another")
	}
	_, more := b.get("/c/long/messages?before=161")
	if !strings.Contains(more, "answer-80-") || !strings.Contains(more, `data-earlier="121"`) {
		t.Error("the page before is another")
	}
	if _, first := b.get("/c/long/messages?before=41"); strings.Contains(first, "data-earlier") || !strings.Contains(first, "question-1-") {
		t.Error("the first page is another")
	}
	b.ask("/c/long/ask", map[string]string{"text": "and now?"})
	if asked, _ := r.lastAsked(); len(asked.Messages) != 11 || asked.Messages[10].Content != "and now?" || asked.Messages[9].Content != "answer-100-" {
		t.Errorf("%d messages are sent", len(asked.Messages))
	}
}

// TestRestart: an answer that was being written is kept as far as it came.
func TestRestart(t *testing.T) {
	r := newRig(t)
	b := r.signIn()
	h := newHeld()
	r.answer(h.ServeHTTP)
	at := b.begin("/ask", "Tell me everything")
	next, leave := b.open(at)
	defer leave()
	h.say <- "Half of it"
	next()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, r.chat.Run(ctx))
	if _, page := b.get(at); !strings.Contains(page, "Half of it") || !strings.Contains(page, "restarted while this was being written") {
		t.Error("it is lost, or nothing is said")
	}
}

// TestPieces: what a browser puts together is what the server has.
func TestPieces(t *testing.T) {
	r := newRig(t)
	s := r.chat.render.Stream()
	var at seen
	var html, closed string
	for _, piece := range strings.SplitAfter(sample+"\n\n😀 a**b**😀c", " ") {
		s.Add(piece)
		now := view{closed: s.Closed()[at.closed:], open: s.Open()}
		p := next(at, now)
		at = seen{at.closed + len(now.closed), now.open}
		if len(p.Closed) > 0 {
			closed, html = closed+strings.Join(p.Closed, ""), ""
		}
		units := []rune{}
		for _, r := range html {
			units = append(units, r)
			if r > 0xffff {
				units = append(units, -1) // the second half of a pair
			}
		}
		html = strings.ReplaceAll(string(units[:p.Keep]), string(rune(-1)), "") + p.Open
		if html != now.open {
			t.Fatalf("%q, want %q", html, now.open)
		}
	}
	if closed+html == "" {
		t.Error("nothing came")
	}
}

func TestTextsAreWhole(t *testing.T) {
	all, err := loadTexts(files)
	must(t, err)
	if len(all) < 2 {
		t.Fatalf("%d languages", len(all))
	}
	for tag, w := range all {
		for key, text := range all[fallback] {
			other, ok := w[key]
			if !ok {
				t.Errorf("%s has no %s", tag, key)
			}
			for _, mark := range []string{"{0}", "{1}"} {
				if strings.Contains(text, mark) != strings.Contains(other, mark) {
					t.Errorf("%s: %s: %s is in one language alone", tag, key, mark)
				}
			}
		}
		if len(w) != len(all[fallback]) {
			t.Errorf("%s has texts that English has not", tag)
		}
	}
}

// TestTextsAreThere: what pages and scripts say is in the texts, and so is
// every status with what to do.
func TestTextsAreThere(t *testing.T) {
	english := func() words { all, err := loadTexts(files); must(t, err); return all[fallback] }()
	for dir, call := range map[string]*regexp.Regexp{"page": regexp.MustCompile(`\.T "([a-z-]+)"`), "assets": regexp.MustCompile(`say\("([a-z-]+)"`)} {
		entries, err := files.ReadDir(dir)
		must(t, err)
		for _, e := range entries {
			text, err := files.ReadFile(dir + "/" + e.Name())
			must(t, err)
			for _, m := range call.FindAllStringSubmatch(string(text), -1) {
				key := m[1]
				if dir == "assets" {
					key = "js-" + key
				}
				if _, ok := english[key]; !ok {
					t.Errorf("%s says %q, which is no text", e.Name(), key)
				}
			}
		}
	}
	for _, s := range []Status{Stopped, Length, Policy, Limit, Filter, Censor, Context, Missing, Large, Invalid, Expired, Backend, Away, Cut, Lost} {
		for _, key := range []string{"status-" + string(s), "status-" + string(s) + "-do"} {
			if _, ok := english[key]; !ok {
				t.Errorf("there is no text %q", key)
			}
		}
	}
}

// TestMoney: two digits that say something.
func TestMoney(t *testing.T) {
	for cost, want := range map[float64]string{12.3456: "12.35", 0.1234: "0.123", 0.00123: "0.00123", 0.000001: "<0.00001", 0: "0.00000"} {
		if got := money(cost); got != want {
			t.Errorf("%v: %s, want %s", cost, got, want)
		}
	}
}

func TestWait(t *testing.T) {
	for header, want := range map[string]int64{"17": 17, "": 0, "-1": 0, "999999999": 0, "x": 0} {
		if got := retryAfter(http.Header{"Retry-After": {header}}); got != want {
			t.Errorf("%q: %d", header, got)
		}
	}
	if time.Duration(retryAfter(http.Header{"Retry-After": {"86400"}}))*time.Second != maxRetry {
		t.Error("a day is too long")
	}
}
