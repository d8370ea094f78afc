package upstream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// server counts the connections that it was given.
type server struct {
	*httptest.Server
	conns atomic.Int64
}

func serve(t testing.TB, secure bool, h http.HandlerFunc) *server {
	t.Helper()
	s := &server{Server: httptest.NewUnstartedServer(h)}
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.conns.Add(1)
		}
	}
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func (s *server) transport(t testing.TB) *Transport {
	t.Helper()
	tr := &Transport{}
	if s.TLS != nil {
		tr.TLS = s.Client().Transport.(*http.Transport).TLSClientConfig
	}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func post(t testing.TB, ctx context.Context, url string, body []byte) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	return req
}

// TestEcho sends bodies of many sizes and reads them back over one connection,
// in clear and over TLS, with a length and in chunks.
func TestEcho(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s := serve(t, secure, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("x") != "ä b" || r.Header.Get("X-Two") != "1" || r.Header.Get("Content-Type") != "application/json" || r.ProtoMajor != 1 {
				t.Errorf("query %q, header %v", r.URL.RawQuery, r.Header)
			}
			all, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			if len(all)%2 == 0 {
				w.Header().Set("Content-Length", fmt.Sprint(len(all)))
			}
			_, _ = w.Write(all)
		})
		tr := s.transport(t)
		for _, size := range []int{0, 1, 100, 4095, 4096, 8192, 70_000, 3_000_001} {
			want := bytes.Repeat([]byte("x"), size)
			req := post(t, t.Context(), s.URL+"/a?x=%C3%A4+b", want)
			req.Header.Set("X-Two", "1")
			if size == 100 || size == 70_000 {
				req.ContentLength, req.Body = -1, io.NopCloser(io.MultiReader(bytes.NewReader(want)))
			}
			resp, err := tr.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d bytes: got %d, %v", size, len(got), err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
		}
		if n := s.conns.Load(); n != 1 {
			t.Errorf("TLS %v: %d connections", secure, n)
		}
	}
}

// raw serves each connection by a function that plays the server.
func raw(t *testing.T, play func(c net.Conn, r *bufio.Reader)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				play(c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return "http://" + ln.Addr().String()
}

// request reads one whole request.
func request(t *testing.T, r *bufio.Reader) bool {
	req, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err == nil
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		status       int
		body         string
		again        bool // the connection serves another call
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", true},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 200, "abc", true},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", true},
		{"empty", "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", 500, "", true},
		{"interim", "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", 200, "a", true},
		{"until closed", "HTTP/1.1 200 OK\r\n\r\nabc", 200, "abc", false},
		{"says close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", false},
		{"1.0", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", false},
		{"more than it said", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc", 200, "a", false},
	} {
		var conns atomic.Int64
		url := raw(t, func(conn net.Conn, r *bufio.Reader) {
			conns.Add(1)
			for request(t, r) {
				_, _ = io.WriteString(conn, c.answer)
				if c.name == "until closed" {
					return
				}
			}
		})
		tr := &Transport{}
		for range 3 {
			resp, err := tr.RoundTrip(post(t, t.Context(), url, []byte("{}")))
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			got, err := io.ReadAll(resp.Body)
			if err != nil || string(got) != c.body || resp.StatusCode != c.status {
				t.Errorf("%s: %d %q %v", c.name, resp.StatusCode, got, err)
			}
			_ = resp.Body.Close()
		}
		tr.CloseIdleConnections()
		if n := conns.Load(); (n == 1) != c.again || !c.again && n != 3 {
			t.Errorf("%s: %d connections", c.name, n)
		}
	}
}

func TestBadAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing":         "",
		"no HTTP":         "SSH-2.0-x\r\n\r\n",
		"half a header":   "HTTP/1.1 200 OK\r\nContent-Le",
		"endless header":  "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 100) + "\r\n",
		"endless line":    "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", 100_000) + "\r\n\r\n",
		"endless interim": strings.Repeat("HTTP/1.1 103 Early\r\nX-A: b\r\n\r\n", 10_000),
		"two lengths":     "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"bad length":      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nab",
	} {
		url := raw(t, func(conn net.Conn, r *bufio.Reader) {
			if request(t, r) {
				_, _ = io.WriteString(conn, answer)
			}
		})
		tr := &Transport{}
		if resp, err := tr.RoundTrip(post(t, t.Context(), url, []byte("{}"))); err == nil {
			t.Errorf("%s: status %d", name, resp.StatusCode)
		}
	}
}

// TestCutAnswers break off inside the body: the reader is told.
func TestCutAnswers(t *testing.T) {
	for _, answer := range []string{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc"} {
		url := raw(t, func(conn net.Conn, r *bufio.Reader) {
			if request(t, r) {
				_, _ = io.WriteString(conn, answer)
			}
		})
		resp, err := (&Transport{}).RoundTrip(post(t, t.Context(), url, nil))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) || string(got) != "abc" {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// TestStale: a connection that the server closed while it was idle is not used
// again, so that no call is lost in it.
func TestStale(t *testing.T) {
	var conns atomic.Int64
	closed := make(chan struct{})
	url := raw(t, func(conn net.Conn, r *bufio.Reader) {
		conns.Add(1)
		if request(t, r) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")
		}
		_ = conn.Close()
		closed <- struct{}{}
	})
	tr := &Transport{}
	for range 20 {
		resp, err := tr.RoundTrip(post(t, t.Context(), url, []byte("{}")))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(resp.Body)
		<-closed
	}
	if n := conns.Load(); n != 20 {
		t.Errorf("%d connections", n)
	}
}

// TestRefusedEarly: a server that answers before it has read a large body, and
// closes, is heard.
func TestRefusedEarly(t *testing.T) {
	url := raw(t, func(conn net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
			_ = conn.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, io.LimitReader(r, 20<<20)) // or the kernel would reset
		}
	})
	resp, err := (&Transport{}).RoundTrip(post(t, t.Context(), url, make([]byte, 16<<20)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "no" || resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %q %v", resp.StatusCode, got, err)
	}
}

// TestCancel ends calls at every stage; the server sees the connection go.
func TestCancel(t *testing.T) {
	for _, stage := range []string{"before", "header", "body", "sending"} {
		gone := make(chan struct{})
		started := make(chan struct{})
		url := raw(t, func(conn net.Conn, r *bufio.Reader) {
			if stage == "sending" {
				_, _ = http.ReadRequest(r)
				close(started)
				time.Sleep(50 * time.Millisecond) // while the client fills the kernel's buffers
			} else if request(t, r) {
				if stage == "body" {
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
				}
				close(started)
			}
			_, _ = io.Copy(io.Discard, r) // until the client goes
			close(gone)
		})
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		size := 2
		switch stage {
		case "before":
			cancel(why)
		case "sending":
			size = 64 << 20
			fallthrough
		default:
			go func() { <-started; cancel(why) }()
		}
		resp, err := (&Transport{}).RoundTrip(post(t, ctx, url, make([]byte, size)))
		if stage == "body" && err == nil {
			_, err = io.ReadAll(resp.Body)
		}
		if ended := errors.Is(err, why) || stage == "before" && errors.Is(err, context.Canceled); !ended {
			t.Errorf("%s: %v", stage, err)
		}
		if stage != "before" {
			<-gone
		}
		cancel(nil)
	}
}

// TestClosedBody: whoever closes before the end breaks the call off, and the
// connection is not used again.
func TestClosedBody(t *testing.T) {
	gone := make(chan struct{})
	s := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "a")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(gone)
	})
	tr := s.transport(t)
	resp, err := tr.RoundTrip(post(t, t.Context(), s.URL, nil))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	<-gone
	if _, err := resp.Body.Read(make([]byte, 1)); err == nil {
		t.Error("read on after Close")
	}
	if len(tr.idle) != 0 {
		t.Error("the connection was kept")
	}
}

func TestHeaderTimeout(t *testing.T) {
	s := serve(t, false, func(http.ResponseWriter, *http.Request) { time.Sleep(200 * time.Millisecond) })
	tr := s.transport(t)
	tr.HeaderTimeout = 20 * time.Millisecond
	_, err := tr.RoundTrip(post(t, t.Context(), s.URL, nil))
	if e, ok := errors.AsType[net.Error](err); !ok || !e.Timeout() {
		t.Error(err)
	}
}

// TestRefusesToWrite: nothing of a caller's can end a line of the request.
func TestRefusesToWrite(t *testing.T) {
	url := raw(t, func(net.Conn, *bufio.Reader) { t.Error("dialled") })
	for name, change := range map[string]func(*http.Request){
		"value":  func(r *http.Request) { r.Header["X-A"] = []string{"a\r\nX-B: c"} },
		"name":   func(r *http.Request) { r.Header["X A"] = []string{"a"} },
		"host":   func(r *http.Request) { r.Host = "a b\r\n" },
		"method": func(r *http.Request) { r.Method = "GET /" },
		"scheme": func(r *http.Request) { r.URL.Scheme = "ftp" },
	} {
		req := post(t, t.Context(), url, nil)
		change(req)
		if _, err := (&Transport{}).RoundTrip(req); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSwitches hands over both directions.
func TestSwitches(t *testing.T) {
	url := raw(t, func(conn net.Conn, r *bufio.Reader) {
		req, err := http.ReadRequest(r)
		if err != nil || req.Header.Get("Connection") != "Upgrade" {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhello ")
		_, _ = io.Copy(conn, r)
	})
	req := post(t, t.Context(), url, nil)
	req.Method, req.Body, req.ContentLength = http.MethodGet, nil, 0
	req.Header.Set("Upgrade", "echo")
	req.Header.Set("Connection", "Upgrade")
	resp, err := (&Transport{}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	both, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		t.Fatal("one direction only")
	}
	_, _ = io.WriteString(both, "you")
	got := make([]byte, 9)
	if _, err := io.ReadFull(both, got); err != nil || string(got) != "hello you" {
		t.Errorf("%q %v", got, err)
	}
	_ = both.Close()
}

// TestManyAtOnce shares one transport, and leaves nothing running.
func TestManyAtOnce(t *testing.T) {
	before := runtime.NumGoroutine()
	s := serve(t, true, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	tr := s.transport(t)
	tr.MaxIdle = 4
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range 30 {
				want := fmt.Sprintf("writer %d call %d", w, i)
				resp, err := tr.RoundTrip(post(t, t.Context(), s.URL, []byte(want)))
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(resp.Body)
				if err != nil || string(got) != want {
					t.Errorf("%q, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(tr.idle[target{"https", strings.TrimPrefix(s.URL, "https://")}]); n > 4 {
		t.Errorf("%d idle connections", n)
	}
	tr.CloseIdleConnections()
	s.Close()
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
}

// BenchmarkRoundTrip sends 484 bytes and reads 1,535, beside http.Transport.
func BenchmarkRoundTrip(b *testing.B) {
	answer := make([]byte, 1535)
	s := serve(b, false, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(answer)
	})
	std := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	defer std.CloseIdleConnections()
	for name, tr := range map[string]http.RoundTripper{"ours": s.transport(b), "net-http": std} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			body := make([]byte, 484)
			for b.Loop() {
				resp, err := tr.RoundTrip(post(b, b.Context(), s.URL, body))
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
}
