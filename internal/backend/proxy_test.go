package backend

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/secret"
)

// connectProxy answers one CONNECT after another with a status, and joins what
// it lets through to the target.
func connectProxy(t *testing.T, status, target string) (address string, heads chan *http.Request) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	heads = make(chan *http.Request, 4)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				heads <- r
				_, _ = io.WriteString(conn, "HTTP/1.1 "+status+"\r\n\r\n")
				if !strings.HasPrefix(status, "200") {
					return
				}
				out, err := net.Dial("tcp", target)
				if err != nil {
					return
				}
				defer func() { _ = out.Close() }()
				go func() { _, _ = io.Copy(out, conn) }()
				_, _ = io.Copy(conn, out)
			}()
		}
	}()
	return ln.Addr().String(), heads
}

func TestProxy(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = echo.Close() })
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	address, heads := connectProxy(t, "200 Connection established", echo.Addr().String())
	t.Setenv("PROXY_PASSWORD", "canary-7f3a")
	var password secret.Ref
	if err := password.UnmarshalText([]byte("env:PROXY_PASSWORD")); err != nil {
		t.Fatal(err)
	}
	dial, err := (&Proxy{Address: address, User: "gateway", Password: password}).dialer()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dial(t.Context(), "tcp", "model.openai.azure.com:443")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	r := <-heads
	user, pass, ok := parseProxyLogin(r)
	if r.Method != http.MethodConnect || r.Host != "model.openai.azure.com:443" || !ok || user != "gateway" || pass != "canary-7f3a" {
		t.Errorf("%s %s, %s %v", r.Method, r.Host, user, ok)
	}
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

// A proxy that refuses is named, its password is not; one that says nothing is
// left when the call ends.
func TestProxyRefuses(t *testing.T) {
	address, _ := connectProxy(t, "407 Proxy Authentication Required", "")
	dial, err := (&Proxy{Address: address, User: "gateway"}).dialer()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t.Context(), "tcp", "model:443"); err == nil || !strings.Contains(err.Error(), "407") || !strings.Contains(err.Error(), address) {
		t.Error(err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	dial, err = (&Proxy{Address: silent.Addr().String()}).dialer()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		c, err := silent.Accept()
		if err == nil {
			cancel()
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}()
	if _, err := dial(ctx, "tcp", "model:443"); err == nil {
		t.Error("a silent proxy gave a connection")
	}
}

func parseProxyLogin(r *http.Request) (user, password string, ok bool) {
	as := &http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
	return as.BasicAuth()
}
