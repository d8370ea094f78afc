// Package upstream is an HTTP/1.1 client for a gateway: one call has one
// connection to itself and is carried in the caller's own goroutine.
//
// It is a http.RoundTripper that costs less than http.Transport, which keeps
// two goroutines a connection and wakes both for each call. The heads of answers
// are parsed by net/http, whose parser is the hardened part; bodies in chunks are
// decoded here, and a fuzzer holds that to net/http too. Connections are kept alive
// and looked at before they are used again, so that a call is never sent into
// one that the server has closed, and never sent twice.
//
// It speaks no HTTP/2, uses no proxy, follows no redirect, keeps no cookie and
// asks for no compression: bytes pass as they come. It sends trailers of
// nobody, and "Expect: 100-continue" only if the caller's header has it,
// without waiting.
package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/ostiary/ostiary/internal/fault"
)

// Transport sends requests. Its zero value is ready; its fields must not be
// changed after the first call. It may be used from any goroutine.
type Transport struct {
	TLS         *tls.Config   // for https; nil means the system's authorities
	DialTimeout time.Duration // of connection and TLS handshake together; zero means 10 s
	// HeaderTimeout bounds the wait for an answer's header, after the request
	// is sent. Zero means none but the context's.
	HeaderTimeout time.Duration
	MaxHeader     int           // bytes of an answer's header; zero means 64 KiB
	MaxIdle       int           // connections kept for each host; zero means 256
	IdleTimeout   time.Duration // how long one is kept; zero means 90 s

	// Dial makes connections; nil means a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	mu   sync.Mutex
	idle map[target][]*conn // the last one used last

	writers sync.Pool // of *bufio.Writer
}

// target is where connections lead.
type target struct{ scheme, address string }

const (
	defaultDial   = 10 * time.Second
	defaultHeader = 64 << 10
	defaultIdle   = 256
	defaultKeep   = 90 * time.Second
	bufferSize    = 8 << 10
	readSize      = 4 << 10 // a body's larger reads pass it by
)

// RoundTrip sends the request and reads the answer's header. The caller reads
// the answer's body to its end, which frees the connection, or closes it,
// which breaks the connection off. The request's context ends all of it.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	where, err := t.check(req)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	c := t.take(where)
	if c == nil {
		if c, err = t.dial(req.Context(), where); err != nil {
			closeBody(req)
			return nil, err
		}
	}
	return c.exchange(req)
}

// check refuses what must not be written to a connection.
func (t *Transport) check(req *http.Request) (target, error) {
	if req.URL == nil || req.URL.Scheme != "http" && req.URL.Scheme != "https" || req.URL.Host == "" {
		return target{}, fault.New(fault.Invalid, "not an http or https URL")
	}
	if !httpguts.ValidHeaderFieldName(req.Method) { // a method is a token too
		return target{}, fault.New(fault.Invalid, "not an HTTP method")
	}
	if !httpguts.ValidHostHeader(host(req)) {
		return target{}, fault.New(fault.Invalid, "not a host name")
	}
	for name, values := range req.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return target{}, fault.New(fault.Invalid, "not a header's name")
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return target{}, fault.New(fault.Invalid, "a header's value holds a control character").At(name)
			}
		}
	}
	return target{req.URL.Scheme, address(req.URL)}, nil
}

func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func host(req *http.Request) string {
	if req.Host != "" {
		return req.Host
	}
	return req.URL.Host
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// dial opens a connection.
func (t *Transport) dial(ctx context.Context, where target) (*conn, error) {
	timeout := t.DialTimeout
	if timeout == 0 {
		timeout = defaultDial
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	dial := t.Dial
	if dial == nil {
		dial = (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext
	}
	raw, err := dial(ctx, "tcp", where.address)
	if err != nil {
		return nil, err
	}
	c := &conn{t: t, where: where, raw: raw, net: raw}
	if tcp, ok := raw.(*net.TCPConn); ok {
		if c.sys, err = tcp.SyscallConn(); err != nil {
			_ = raw.Close()
			return nil, err
		}
	}
	if where.scheme == "https" {
		if c.net, err = t.secure(ctx, raw, where); err != nil {
			_ = raw.Close()
			return nil, err
		}
	}
	c.limit.r = c.net
	c.r = bufio.NewReaderSize(&c.limit, readSize)
	return c, nil
}

// writer takes a buffer for the sending of one request: a connection needs none
// for the rest of the call.
func (t *Transport) writer(to io.Writer) *bufio.Writer {
	if w, ok := t.writers.Get().(*bufio.Writer); ok {
		w.Reset(to)
		return w
	}
	return bufio.NewWriterSize(to, bufferSize)
}

func (t *Transport) secure(ctx context.Context, raw net.Conn, where target) (net.Conn, error) {
	cfg := t.TLS.Clone()
	if cfg == nil {
		cfg = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if cfg.ServerName == "" {
		cfg.ServerName = strings.TrimSuffix(where.address[:strings.LastIndexByte(where.address, ':')], ".")
		cfg.ServerName = strings.Trim(cfg.ServerName, "[]")
	}
	cfg.NextProtos = []string{"http/1.1"}
	c := tls.Client(raw, cfg)
	return c, c.HandshakeContext(ctx)
}
