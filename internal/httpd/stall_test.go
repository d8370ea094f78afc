package httpd

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ostiary/ostiary/internal/pki"
)

// certified is a server's TLS and a client's.
func certified(t *testing.T, protocols ...string) (server, client *tls.Config) {
	t.Helper()
	ca, err := pki.LoadOrCreateCA(t.TempDir(), "test")
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.ServerCertificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	today := time.Now() // a bubble's clock stands elsewhere
	return &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: protocols},
		&tls.Config{RootCAs: pki.Pool(ca.Certificate()), Time: func() time.Time { return today }}
}

// pipes is a listener in memory, for a bubble whose clock is ours.
type pipes struct {
	conns chan net.Conn
	ended chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), ended: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.ended) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

func (p *pipes) dial() net.Conn {
	near, far := net.Pipe()
	p.conns <- far
	return near
}

// inBubble serves h, with the bounds that everybody has, where time is ours.
func inBubble(t *testing.T, h http.Handler, config *tls.Config, test func(t *testing.T, p *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- Serve(ctx, p, h, config, nil) }()
		test(t, p)
		cancel()
		<-done
	})
}

// TestSlowRequestsAreEnded: each sends what it says and then nothing. All get
// to the connection's end within 10 s, some with an answer before it.
func TestSlowRequestsAreEnded(t *testing.T) {
	secure, _ := certified(t, "h2", "http/1.1")
	refuse := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	const get = "GET / HTTP/1.1\r\n" + host
	for name, tt := range map[string]struct {
		config  *tls.Config
		send    string
		answers int
	}{
		"nothing":                {nil, "", 0},
		"half a header":          {nil, get + "X: ", 0},
		"half a second header":   {nil, get + "\r\n" + get, 1},
		"one byte of a second":   {nil, get + "\r\nG", 1},
		"header without body":    {nil, "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\n", 1},
		"half a body":            {nil, "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nab", 1},
		"half a chunk":           {nil, "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n5\r\nab", 1},
		"no handshake":           {secure, "", 0},
		"half a handshake":       {secure, "\x16\x03\x01\x02\x00\x01", 0},
		"plain HTTP to TLS":      {secure, get + "\r\n", 0},
		"a thousand headers":     {nil, strings.Repeat(get+"\r\n", 1000) + get, 1000},
		"a body after a refusal": {nil, "POST / HTTP/1.1\r\n" + host + "X : y\r\nContent-Length: 5\r\n\r\nab", 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, refuse, tt.config, func(t *testing.T, p *pipes) {
				began := time.Now()
				conn := p.dial()
				defer conn.Close()
				go func() { _, _ = io.WriteString(conn, tt.send) }()
				got, _ := io.ReadAll(conn)
				if n := strings.Count(string(got), "HTTP/1.1 4"); n != tt.answers {
					t.Errorf("%d answers: %.300q", n, got)
				}
				if took := time.Since(began); took > 10*time.Second+lingerTime {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// overPipes is a client of HTTP.
func overPipes(p *pipes, client *tls.Config) *http.Transport {
	return &http.Transport{
		TLSClientConfig: client, ForceAttemptHTTP2: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return p.dial(), nil },
	}
}

func get(t *testing.T, transport *http.Transport, path string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://127.0.0.1"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// TestSlowReaders: a client that takes nothing for 10 s is dropped, so its
// handler is told; over HTTP/2 the connection's other streams live.
func TestSlowReaders(t *testing.T) {
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			server, client := certified(t, protocol)
			piece := make([]byte, 64<<10)
			var failed chan time.Duration
			inBubble(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/short" {
					return
				}
				for {
					last := time.Now()
					if _, err := w.Write(piece); err != nil {
						failed <- time.Since(last)
						return
					}
				}
			}), server, func(t *testing.T, p *pipes) {
				failed = make(chan time.Duration, 1) // of this bubble
				transport := overPipes(p, client)
				defer transport.CloseIdleConnections()
				defer get(t, transport, "/endless").Body.Close()
				if took := <-failed; took > 10*time.Second {
					t.Errorf("it took %v", took)
				}
				get(t, transport, "/short").Body.Close()
			})
		})
	}
}

// TestPausesAreNoStall: an answer lives through an hour of pauses, and is
// whole; so does one that a client takes in small bits.
func TestPausesAreNoStall(t *testing.T) {
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			server, client := certified(t, protocol)
			big := strings.Repeat("x", 6<<20) // more than a stream's window
			inBubble(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/big" {
					_, _ = io.WriteString(w, big)
					return
				}
				for range 3 {
					_, _ = io.WriteString(w, "data: x\n\n")
					_ = http.NewResponseController(w).Flush()
					time.Sleep(20 * time.Minute)
				}
			}), server, func(t *testing.T, p *pipes) {
				transport := overPipes(p, client)
				defer transport.CloseIdleConnections()
				resp := get(t, transport, "/events")
				got, err := io.ReadAll(resp.Body)
				if err != nil || string(got) != strings.Repeat("data: x\n\n", 3) {
					t.Errorf("%q %v", got, err)
				}
				resp.Body.Close()
				resp = get(t, transport, "/big")
				buf, n := make([]byte, 16<<10), 0
				for {
					m, err := io.ReadFull(resp.Body, buf)
					if n += m; err != nil {
						break
					}
					time.Sleep(9 * time.Second)
				}
				if n != len(big) {
					t.Errorf("a slow client got %d bytes of %d", n, len(big))
				}
				resp.Body.Close()
			})
		})
	}
}

// TestIdleConnectionsAreBounded: of three idle connections the one that is idle
// longest goes; one that is in use, or gone, does not count.
func TestIdleConnectionsAreBounded(t *testing.T) {
	i := newIdlers(2)
	var near, far [5]net.Conn
	for n := range near {
		near[n], far[n] = net.Pipe()
		i.state(far[n], http.StateNew)
		i.state(far[n], http.StateActive)
	}
	i.state(far[0], http.StateIdle)
	i.state(far[1], http.StateIdle)
	i.state(far[0], http.StateActive)
	i.state(far[0], http.StateIdle) // 1 is now idle longest
	i.state(far[2], http.StateIdle)
	i.state(far[2], http.StateIdle)
	i.state(far[3], http.StateIdle)
	i.state(far[3], http.StateClosed)
	for _, n := range []int{1, 0} {
		if _, err := io.ReadAll(near[n]); err != nil {
			t.Error(err)
		}
	}
	if i.order.Len() != 1 || len(i.at) != 1 || i.at[far[2]] == nil {
		t.Errorf("%d are idle", i.order.Len())
	}
}

// TestHijackedConnections: Serve tells their handlers that it ends, and waits.
// What a WebSocket carries is no HTTP, and passes.
func TestHijackedConnections(t *testing.T) {
	ended := false
	got := make(chan string, 1)
	addr, stop := start(t, "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		p := make([]byte, 5)
		_, _ = io.ReadFull(buffered, p)
		got <- string(p)
		<-r.Context().Done()
		time.Sleep(10 * time.Millisecond)
		ended = true
	}), nil, nil)
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\n"+host+"Upgrade: WebSocket\r\n\r\n\nx\x00\r\n")
	if frame := <-got; frame != "\nx\x00\r\n" {
		t.Errorf("%q", frame)
	}
	if err := stop(); err != nil || !ended {
		t.Errorf("%v; the handler had ended: %v", err, ended)
	}
}

// TestUpgradeRefused: a connection whose gate has opened carries no second
// request of HTTP.
func TestUpgradeRefused(t *testing.T) {
	seen := make(chan string, 3)
	addr, _ := start(t, "127.0.0.1:0", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.RequestURI }), nil, nil)
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET /1 HTTP/1.1\r\n"+host+"Upgrade: websocket\r\n\r\nGET /2 HTTP/1.1\r\n"+host+"\r\n")
	all, _ := io.ReadAll(conn)
	if n := strings.Count(string(all), "HTTP/1.1 "); n != 1 || <-seen != "/1" || len(seen) > 0 {
		t.Errorf("%d answers: %q", n, all)
	}
}

func TestClientThatLeavesIsNoticed(t *testing.T) {
	left := make(chan struct{})
	addr, _ := start(t, "127.0.0.1:0", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done(); close(left) }), nil, nil)
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\n"+host+"\r\nGET") // half a request in the pipe
	time.Sleep(20 * time.Millisecond)
	_ = conn.Close()
	<-left
}
