package httpd

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

const host = "Host: h\r\n"

// badHeads are heads that are refused, and with what.
func badHeads() map[string]struct {
	head   string
	status int
} {
	type bad = struct {
		head   string
		status int
	}
	post := func(fields string) bad { return bad{"POST /x HTTP/1.1\r\n" + host + fields + "\r\n", 400} }
	is := func(b bad, status int) bad { b.status = status; return b }
	return map[string]bad{
		"length and chunked":       post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
		"chunked and length":       post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
		"two lengths":              post("Content-Length: 5\r\nContent-Length: 6\r\n"),
		"two equal lengths":        post("Content-Length: 5\r\nContent-Length: 5\r\n"),
		"list of lengths":          post("Content-Length: 5, 5\r\n"),
		"negative length":          post("Content-Length: -5\r\n"),
		"signed length":            post("Content-Length: +5\r\n"),
		"hexadecimal length":       post("Content-Length: 0x5\r\n"),
		"absurd length":            post("Content-Length: 99999999999999999999999\r\n"),
		"empty length":             post("Content-Length:\r\n"),
		"two codings":              post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
		"gzip, chunked":            is(post("Transfer-Encoding: gzip, chunked\r\n"), 501),
		"chunked, identity":        is(post("Transfer-Encoding: chunked, identity\r\n"), 501),
		"xchunked":                 is(post("Transfer-Encoding: xchunked\r\n"), 501),
		"coding, vertical tab":     post("Transfer-Encoding: \vchunked\r\n"),
		"blank before colon":       post("Transfer-Encoding : chunked\r\n"),
		"blank in name":            post("Content Length: 5\r\n"),
		"folded":                   post("X: a\r\n b\r\n"),
		"folded by tab":            post("X: a\r\n\tTransfer-Encoding: chunked\r\n"),
		"no colon":                 post("X\r\n"),
		"no name":                  post(": x\r\n"),
		"bare LF":                  post("X: a\n"),
		"bare LF hides a line":     post("X: a\nContent-Length: 5\r\n"),
		"bare CR":                  post("X: a\rY: b\r\n"),
		"NUL":                      post("X: a\x00b\r\n"),
		"NUL in name":              post("X\x00: a\r\n"),
		"two hosts":                post("Host: other\r\n"),
		"bad host":                 {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
		"no host":                  {"GET / HTTP/1.1\r\n\r\n", 400},
		"trailer":                  post("Transfer-Encoding: chunked\r\nTrailer: X\r\n"),
		"expectation":              is(post("Expect: more\r\n"), 417),
		"socket with body":         post("Upgrade: websocket\r\nContent-Length: 1\r\n"),
		"chunked in 1.0":           {"POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n", 501},
		"version 2":                {"GET / HTTP/2.0\r\n" + host + "\r\n", 505},
		"version 1.2":              {"GET / HTTP/1.2\r\n" + host + "\r\n", 505},
		"HTTP/2's preface":         {"PRI * HTTP/2.0\r\n\r\n", 400},
		"no version":               {"GET /\r\n\r\n", 400},
		"two blanks":               {"GET  / HTTP/1.1\r\n" + host + "\r\n", 400},
		"tab":                      {"GET\t/ HTTP/1.1\r\n" + host + "\r\n", 400},
		"four words":               {"GET / x HTTP/1.1\r\n" + host + "\r\n", 400},
		"absolute target":          {"GET http://h/ HTTP/1.1\r\n" + host + "\r\n", 400},
		"asterisk":                 {"OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 400},
		"bad escape":               {"GET /%zz HTTP/1.1\r\n" + host + "\r\n", 400},
		"cut escape":               {"GET /%2 HTTP/1.1\r\n" + host + "\r\n", 400},
		"not ASCII":                {"GET /\xc3\xa9 HTTP/1.1\r\n" + host + "\r\n", 400},
		"control in target":        {"GET /\x7f HTTP/1.1\r\n" + host + "\r\n", 400},
		"bad method":               {"GE(T / HTTP/1.1\r\n" + host + "\r\n", 400},
		"our own method":           {standIn, 400},
		"empty line first":         {"\r\nGET / HTTP/1.1\r\n" + host + "\r\n", 400},
		"bare LF in request line":  {"GET / HTTP/1.1\n" + host + "\r\n", 400},
		"nothing but bare LF":      {"GET / HTTP/1.1\nHost: h\n\n", 400},
		"one line feed":            {"\n", 400},
		"TLS, of a sort":           {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},
		"header too large":         {"GET / HTTP/1.1\r\n" + host + "X: " + strings.Repeat("x", headerBytes) + "\r\n\r\n", 431},
		"many headers":             {"GET / HTTP/1.1\r\n" + host + strings.Repeat("X: y\r\n", headerBytes/6) + "\r\n", 431},
		"header without an end":    {"GET / HTTP/1.1\r\n" + host + strings.Repeat("X: y\r\n", headerBytes/6+readSize/6+1), 431},
		"long line without an end": {"GET /" + strings.Repeat("x", headerBytes+readSize), 431},
	}
}

// TestBadHeads sends each over a connection on which a good request went
// before, and looks whether a handler sees anything but that one.
func TestBadHeads(t *testing.T) {
	seen := make(chan string, 10)
	addr, _ := start(t, "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.RequestURI
		_, _ = io.WriteString(w, "fine")
	}), nil, nil)
	for name, tt := range badHeads() {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", addr.String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go func() {
				_, _ = io.WriteString(conn, "GET /good HTTP/1.1\r\n"+host+"\r\n"+tt.head)
				_, _ = io.WriteString(conn, "5\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n"+host+"\r\n")
			}()
			r := bufio.NewReader(conn)
			good, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, _ := io.ReadAll(good.Body); good.StatusCode != http.StatusOK || string(body) != "fine" || <-seen != "/good" {
				t.Fatalf("%d %s", good.StatusCode, body)
			}
			bad, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(bad.Body)
			if bad.StatusCode != tt.status || !bad.Close || err != nil || !bytes.HasPrefix(body, []byte(`{"error":{"code":"`)) || !bytes.Contains(body, []byte(`","message": "`)) {
				t.Errorf("%d %q %v", bad.StatusCode, body, err)
			}
			if rest, _ := io.ReadAll(r); len(rest) > 0 {
				t.Errorf("then came %q", rest)
			}
			if len(seen) > 0 {
				t.Errorf("a handler saw %q", <-seen)
			}
		})
	}
}

// TestGoodHeads: what honest clients send passes, whole or byte by byte, with
// its body and with the next request behind it.
func TestGoodHeads(t *testing.T) {
	for name, head := range map[string]string{
		"plain":          "GET /x HTTP/1.1\r\nHost: h:8443\r\n\r\n",
		"1.0":            "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		"odd blanks":     "GET / HTTP/1.1\r\nHost:h\r\nX:\t a \t\r\nY:\r\n\r\n",
		"obs-text":       "GET / HTTP/1.1\r\nHost: h\r\nX: \xfc\r\n\r\n",
		"IPv6":           "GET / HTTP/1.1\r\nHost: [::1]:1\r\n\r\n",
		"escapes":        "GET /a%2fb?x=%zz&y=;{ HTTP/1.1\r\nHost: h\r\n\r\n",
		"two slashes":    "GET //openai HTTP/1.1\r\nHost: h\r\n\r\n",
		"length":         "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nGET / HTTP/\n",
		"no body":        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
		"chunked":        "POST / HTTP/1.1\r\nHost: h\r\ntransfer-encoding: Chunked\r\n\r\n5\r\nhello\r\n00c\r\n\r\n\r\nGET / HT\r\n0\r\n\r\n",
		"expects":        "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
		"another switch": "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
	} {
		if name == "length" {
			head = strings.TrimSuffix(head, "\n")
		}
		for mode, reader := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "by byte": iotest.OneByteReader, "by half": iotest.HalfReader,
		} {
			g := &gate{Conn: readConn{Reader: reader(strings.NewReader(head + head))}}
			got, err := io.ReadAll(g)
			if err != nil || string(got) != head+head {
				t.Errorf("%s, %s: %q %v", name, mode, got, err)
			}
		}
	}
}

func TestBadChunks(t *testing.T) {
	for _, chunked := range []string{
		"5\nhello\r\n0\r\n\r\n", "5;x=y\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n", "0\r\nX: y\r\n\r\n",
		"0x5\r\nhello\r\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n", "\r\nhello\r\n0\r\n\r\n", "fffffffffffffffff\r\n", "5\r\nhello\n0\r\n\r\n", "0\r\n\n",
		"g\r\n",
	} {
		head := "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		for _, reader := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader} {
			g := &gate{Conn: readConn{Reader: reader(strings.NewReader(head + chunked))}}
			if got, err := io.ReadAll(g); !errors.Is(err, errChunks) {
				t.Errorf("%q: %q %v", chunked, got, err)
			}
		}
	}
}

// readConn is a connection that is only read.
type readConn struct {
	net.Conn
	io.Reader
}

func (c readConn) Read(p []byte) (int, error)      { return c.Reader.Read(p) }
func (c readConn) SetReadDeadline(time.Time) error { return nil }
func (c readConn) SetDeadline(time.Time) error     { return nil }

// FuzzGate holds what passes to net/http's reading of it: every request parses,
// its body ends where the gate says, and all bytes come in their order.
func FuzzGate(f *testing.F) {
	for _, tt := range badHeads() {
		if len(tt.head) < 1000 {
			f.Add([]byte(tt.head))
		}
	}
	f.Add([]byte("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /%41 HTTP/1.0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		g := &gate{Conn: readConn{Reader: iotest.HalfReader(bytes.NewReader(stream))}}
		passed, err := io.ReadAll(g)
		if g.refused.Load() != nil {
			passed = bytes.TrimSuffix(passed, []byte(standIn))
		}
		if !bytes.HasPrefix(stream, passed) {
			t.Fatalf("%q became %q", stream, passed)
		}
		if err != nil || g.where == open {
			return
		}
		r := bufio.NewReader(bytes.NewReader(passed))
		for {
			if _, err := r.Peek(1); err != nil {
				return
			}
			req, err := http.ReadRequest(r)
			if err != nil {
				t.Fatalf("%q passed, and net/http says %v", passed, err)
			}
			if len(req.TransferEncoding) > 0 && req.Header.Get("Content-Length") != "" {
				t.Fatal("two lengths passed")
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil && g.where == inHead && g.refused.Load() == nil {
				t.Fatalf("%q passed, and its body: %v", passed, err)
			}
		}
	})
}
