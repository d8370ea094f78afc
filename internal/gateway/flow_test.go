package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/ledger"
)

// TestOrder: the intent is durable before the backend sees the call, and the
// outcome before the client has the end of the answer. The client is a writer
// in memory, so that what it has at any moment is certain.
func TestOrder(t *testing.T) {
	tests := map[string]struct {
		stub   http.HandlerFunc
		before string // what the client may have when the outcome is recorded
		after  string
	}{
		"whole":  {whole, "", chatAnswer},
		"stream": {streamed(chatStream, chatUsage, chatDone), chatStream + chatUsage, chatDone},
		"one piece": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, chatStream+chatDone)
		}, chatStream, chatDone},
		"responses": {streamed("event: response.created\ndata: {}\n\n", "event: response.completed\nda", "ta: {\"type\":\"response.completed\"}\n\n"),
			"event: response.created\ndata: {}\n\n", "event: response.completed\ndata: {\"type\":\"response.completed\"}\n\n"},
		"known length": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "6")
			_, _ = io.WriteString(w, "abc")
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "def")
		}, "", "abcdef"}, // or "abc" before: see below
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var intended atomic.Bool
			r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
				if !intended.Load() {
					t.Error("the backend saw the call before its intent was durable")
				}
				tt.stub(w, req)
			})
			client := httptest.NewRecorder()
			atOutcome := ""
			r.book.intent = func(ledger.Call) error { intended.Store(true); return nil }
			r.book.outcome = func(ledger.Result) error { atOutcome = client.Body.String(); return nil }
			if p := r.direct(client, chatPath, streamBody); p != nil {
				t.Fatal(p)
			}
			if name == "known length" && atOutcome == "abc" { // two reads of the body rather than one
				tt.before, tt.after = "abc", "def"
			}
			if atOutcome != tt.before || client.Body.String() != tt.before+tt.after {
				t.Errorf("when the outcome was recorded the client had %q; at last %q", atOutcome, client.Body)
			}
		})
	}
}

func TestLedgerFailsOnIntent(t *testing.T) {
	var forwarded atomic.Int64
	r := newRig(t, func(http.ResponseWriter, *http.Request) { forwarded.Add(1) })
	r.book.intent = func(ledger.Call) error { return errDisk }
	resp, body := r.do(r.request("POST", chatPath, chatBody))
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || !strings.HasPrefix(body, `{"error":{"code":"ServiceUnavailable","message": "`) || forwarded.Load() != 0 {
		t.Errorf("%d %v %s; forwarded %d times", resp.StatusCode, resp.Header, body, forwarded.Load())
	}
	if r.Ready() == nil {
		t.Error("ready, though the ledger takes nothing")
	}
	r.book.intent = nil
	r.do(r.request("POST", chatPath, chatBody))
	if err := r.Ready(); err != nil {
		t.Error(err)
	}
}

func TestLedgerFailsOnRefusal(t *testing.T) {
	r := newRig(t, whole)
	r.book.refusal = func(ledger.Call) error { return errDisk }
	if resp, _ := r.do(r.request("POST", "/openai/v1/nothing", chatBody)); resp.StatusCode != http.StatusServiceUnavailable {
		t.Error(resp.StatusCode)
	}
}

// TestLedgerFailsOnOutcome: no client may take the answer for a whole one.
func TestLedgerFailsOnOutcome(t *testing.T) {
	tests := map[string]http.HandlerFunc{
		"whole":    whole,
		"streamed": streamed(chatStream, chatDone),
		"no end":   streamed(chatStream),
		"chunked":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 100000)) },
		"empty":    func(http.ResponseWriter, *http.Request) {},
	}
	for name, stub := range tests {
		for _, h2 := range []bool{false, true} {
			r := newRig(t, stub)
			r.book.outcome = func(ledger.Result) error { return errDisk }
			server := httptest.NewUnstartedServer(r.Handler())
			server.EnableHTTP2 = h2
			server.StartTLS()
			req := r.request("POST", chatPath, streamBody)
			req.URL.Scheme, req.URL.Host = "https", server.Listener.Addr().String()
			resp, err := server.Client().Transport.RoundTrip(req)
			if err == nil {
				if h2 != (resp.ProtoMajor == 2) {
					t.Errorf("spoke HTTP/%d", resp.ProtoMajor)
				}
				var body []byte
				body, err = io.ReadAll(resp.Body)
				if strings.Contains(string(body), "[DONE]") || len(body) == 100000 {
					t.Errorf("%s: the end was sent", name)
				}
			}
			if err == nil {
				t.Errorf("%s, h2 %v: the answer ended cleanly", name, h2)
			}
			server.Close()
		}
	}
}

// hanging sends start, tells began, and waits for its caller to leave.
func hanging(start string, began, left chan<- struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		if start != "" {
			streamed(start)(w, req)
		}
		began <- struct{}{}
		<-req.Context().Done()
		left <- struct{}{}
	}
}

func TestClientLeaves(t *testing.T) {
	tests := map[string]struct {
		start  string
		status int
		want   ledger.Usage
	}{
		"in the stream":        {chatStream, 200, ledger.Usage{Prompt: 6, Completion: 3, Total: 9, Estimated: true}},
		"before the stream":    {"", 0, ledger.Usage{Prompt: 6, Total: 6, Estimated: true}},
		"in the midst of DONE": {chatStream + "data: [DO", 200, ledger.Usage{Prompt: 6, Completion: 3, Total: 9, Estimated: true}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			began, left := make(chan struct{}, 1), make(chan struct{}, 1)
			r := newRig(t, hanging(tt.start, began, left))
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			req := r.request("POST", chatPath, streamBody).WithContext(ctx)
			if tt.start == "" {
				go func() { <-began; leave() }()
				if _, err := http.DefaultTransport.RoundTrip(req); err == nil {
					t.Fatal("there was an answer")
				}
			} else {
				resp, err := http.DefaultTransport.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				got := make([]byte, len(chatStream))
				if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != chatStream {
					t.Fatalf("%q %v", got, err)
				}
				leave()
				resp.Body.Close()
			}
			<-left // the backend saw it
			_, result, kind := r.book.last(t)
			if kind != ledger.Outcome || result.Aborted != clientLeft || result.Usage != tt.want || result.Status != tt.status {
				t.Errorf("%s %+v", kind, result)
			}
			if tt.start != "" && result.Response.Bytes != int64(len(chatStream)) {
				t.Errorf("%d bytes recorded", result.Response.Bytes)
			}
		})
	}
}

// TestEventsAreNotHeldUp: the backend sends the next event only after the
// client has the last one.
func TestEventsAreNotHeldUp(t *testing.T) {
	next := make(chan struct{})
	events := []string{"data: {\"n\":1}\n\n", "data: {\"n\":2}\n\n", ": comment\n\n", "data: {\"n\":3}\n\n"}
	r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		for _, e := range events {
			<-next
			streamed(e)(w, req)
		}
	})
	resp, err := http.DefaultTransport.RoundTrip(r.request("POST", chatPath, streamBody)) // the header comes before any event
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for _, e := range events {
		next <- struct{}{}
		got := make([]byte, len(e))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != e {
			t.Fatalf("%q %v", got, err)
		}
	}
}

func TestUpstreamFails(t *testing.T) {
	abort := func(start string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			if start != "" {
				_, _ = io.WriteString(w, start)
				_ = http.NewResponseController(w).Flush()
			}
			panic(http.ErrAbortHandler)
		}
	}
	const sse = "text/event-stream"
	tests := map[string]struct {
		stub   http.HandlerFunc
		status int // 502: nothing came; 200: the answer was cut
	}{
		"before the header": {abort(""), 502},
		"in a stream":       {abort(chatStream, "Content-Type", sse), 200},
		"in half an event":  {abort(chatStream+"data: {\"a", "Content-Type", sse), 200},
		"in a whole answer": {abort(`{"choices":[`, "Content-Length", "500"), 200},
		"in chunks":         {abort(`{"choices":[`), 200},
		"protocol switch": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
			_ = conn.Close()
		}, 502},
		"nonsense": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			_, _ = io.WriteString(conn, "SSH-2.0-x\r\n\r\n")
			_ = conn.Close()
		}, 502},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tt.stub)
			// A short answer of known length may be cut before its header has left us.
			resp, err := http.DefaultTransport.RoundTrip(r.request("POST", chatPath, streamBody))
			var body []byte
			if err == nil {
				body, err = io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode != tt.status {
					t.Errorf("status %d", resp.StatusCode)
				}
			}
			if (err == nil) != (tt.status == 502) {
				t.Errorf("%q %v", body, err)
			}
			if tt.status == 502 && string(body) != `{"error":{"code":"BadGateway","message": "The model's server did not answer."}}` {
				t.Errorf("%s", body)
			}
			_, result, kind := r.book.last(t)
			if kind != ledger.Outcome || result.Aborted != upstreamFailed || result.Status != tt.status {
				t.Errorf("%s %+v", kind, result)
			}
		})
	}
	r := newRig(t, whole)
	r.upstream.Close()
	if resp, _ := r.do(r.request("POST", chatPath, chatBody)); resp.StatusCode != http.StatusBadGateway {
		t.Errorf("nobody listens: %d", resp.StatusCode)
	}
}

// TestStreamThatNeverCloses: a backend that says DONE and stays is not waited
// for; one that says DONE and breaks off has said all.
func TestStreamThatNeverCloses(t *testing.T) {
	stays := make(chan struct{}, 1)
	tests := map[string]http.HandlerFunc{
		"stays": func(w http.ResponseWriter, req *http.Request) {
			streamed(chatStream+chatDone)(w, req)
			<-req.Context().Done()
			stays <- struct{}{}
		},
		"breaks": func(w http.ResponseWriter, req *http.Request) {
			streamed(chatStream+chatDone)(w, req)
			panic(http.ErrAbortHandler)
		},
	}
	for name, stub := range tests {
		r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
			_, _ = io.Copy(io.Discard, req.Body)
			stub(w, req)
		})
		r.settle = 10 * time.Millisecond
		_, body := r.do(r.request("POST", chatPath, streamBody))
		if _, result, _ := r.book.last(t); body != chatStream+chatDone || result.Aborted != "" {
			t.Errorf("%s: %q %+v", name, body, result)
		}
	}
	<-stays
}

func TestEndlessEnd(t *testing.T) {
	r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
		streamed(chatDone)(w, req)
		for req.Context().Err() == nil {
			_, _ = io.WriteString(w, strings.Repeat(":", 1<<16))
		}
	})
	resp, err := http.DefaultTransport.RoundTrip(r.request("POST", chatPath, streamBody))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil || len(body) != 0 {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	if _, result, _ := r.book.last(t); result.Aborted != upstreamFailed {
		t.Errorf("%+v", result)
	}
}

func TestBodyBounds(t *testing.T) {
	r := newRig(t, whole, func(c *Config) { c.MaxBody, c.BodyBudget = 1000, 1500 })
	sized := func(n int) string { return chatBody[:len(chatBody)-1] + strings.Repeat(" ", n-len(chatBody)) + "}" }
	for _, tt := range []struct {
		n, status int
		chunked   bool
	}{{1000, 200, false}, {1001, 413, false}, {1000, 200, true}, {1001, 413, true}, {100000, 413, true}} {
		req := r.request("POST", chatPath, sized(tt.n))
		if tt.chunked {
			req.ContentLength, req.Body = -1, io.NopCloser(strings.NewReader(sized(tt.n)))
		}
		if resp, body := r.do(req); resp.StatusCode != tt.status {
			t.Errorf("%+v: %d %s", tt, resp.StatusCode, body)
		}
		r.book.last(t)
	}
	if !r.budget.TryAcquire(1500) {
		t.Error("the budget was not given back")
	}
}

func TestBudget(t *testing.T) {
	began, left := make(chan struct{}, 1), make(chan struct{}, 1)
	r := newRig(t, hanging(chatStream, began, left), func(c *Config) { c.MaxBody, c.BodyBudget, c.BudgetWait = 1000, 1000, time.Millisecond })
	big := chatBody[:len(chatBody)-1] + strings.Repeat(" ", 800) + "}"
	ctx, leave := context.WithCancel(t.Context())
	resp, err := http.DefaultTransport.RoundTrip(r.request("POST", chatPath, big).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	<-began
	second, body := r.do(r.request("POST", chatPath, big))
	if second.StatusCode != http.StatusServiceUnavailable || second.Header.Get("Retry-After") != "1" || !strings.Contains(body, "ServiceUnavailable") {
		t.Errorf("%d %s", second.StatusCode, body)
	}
	r.book.last(t)
	leave()
	<-left
	r.book.last(t)
}

func TestStalledBody(t *testing.T) {
	r := newRig(t, whole, func(c *Config) { c.BodyStall = 20 * time.Millisecond })
	conn, err := net.Dial("tcp", r.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "POST "+chatPath+" HTTP/1.1\r\nHost: g\r\nApi-Key: "+r.key+"\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"a")
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusRequestTimeout {
		t.Fatalf("%+v %v", resp, err)
	}
	if _, result, kind := r.book.last(t); kind != ledger.Refusal || result.Status != 408 {
		t.Errorf("%s %+v", kind, result)
	}
}

// TestSlowHonestBody takes longer as a whole than a stall may, and its
// connection serves another call afterwards.
func TestSlowHonestBody(t *testing.T) {
	r := newRig(t, whole, func(c *Config) { c.BodyStall = 5 * time.Second })
	pr, pw := io.Pipe()
	go func() {
		for _, b := range []byte(chatBody) {
			_, _ = pw.Write([]byte{b})
		}
		_ = pw.Close()
	}()
	req := r.request("POST", chatPath, chatBody)
	req.Body, req.ContentLength = pr, -1
	for range 2 {
		if resp, _ := r.do(req); resp.StatusCode != http.StatusOK {
			t.Error(resp.StatusCode)
		}
		r.book.last(t)
		req = r.request("POST", chatPath, chatBody)
	}
}

func TestCutBody(t *testing.T) {
	r := newRig(t, whole)
	conn, err := net.Dial("tcp", r.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(conn, "POST "+chatPath+" HTTP/1.1\r\nHost: g\r\nApi-Key: "+r.key+"\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"a")
	if err = errors.Join(err, conn.Close()); err != nil {
		t.Fatal(err)
	}
	if _, result, kind := r.book.last(t); kind != ledger.Refusal || result.Status != 400 {
		t.Errorf("%s %+v", kind, result)
	}
}
