package channel

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

// maxHead bounds the head of an HTTP answer or request, in bytes.
const maxHead = 8 << 10

// Proxy is an egress proxy that knows CONNECT (RFC 9110 section 9.3.6).
type Proxy struct {
	Address  string // host:port
	TLS      bool   // speak HTTPS to the proxy itself
	User     string // for Basic authentication (RFC 7617); empty sends none
	Password secret.String
}

// connect reaches target through the proxy.
func (p *Proxy) connect(ctx context.Context, target string, roots *x509.CertPool) (net.Conn, error) {
	away := fault.New(fault.Unavailable, "cannot reach the proxy").At(p.Address).
		Fix("check proxy.address, and that this machine may use it")
	conn, err := dialTCP(ctx, p.Address)
	if err != nil {
		return nil, away.Because(err)
	}
	defer deadlineOf(ctx, conn)()
	if p.TLS {
		host, _, err := net.SplitHostPort(p.Address)
		if err != nil {
			return nil, away.Because(err)
		}
		secure := tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host, RootCAs: roots})
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, away.Because(err)
		}
		conn = secure
	}
	through, err := p.ask(conn, target)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return through, nil
}

// ask sends the CONNECT and reads the answer's head.
func (p *Proxy) ask(conn net.Conn, target string) (net.Conn, error) {
	head := "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n"
	if p.User != "" {
		head += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(p.User+":"+p.Password.Reveal())) + "\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n"); err != nil {
		return nil, fault.New(fault.Unavailable, "the proxy does not listen").At(p.Address).Because(err)
	}
	answer, rest, err := readAnswer(conn, http.MethodConnect) //nolint:bodyclose // it has none: what follows is the tunnel
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the proxy gave no proper answer").At(p.Address).Because(err)
	}
	switch {
	case answer.StatusCode/100 == 2:
		return rest, nil
	case answer.StatusCode == http.StatusProxyAuthRequired:
		return nil, fault.New(fault.Denied, "the proxy wants other credentials").At(p.Address).
			Fix("set proxy.user and proxy.password; Basic is what is spoken")
	default:
		return nil, fault.New(fault.Denied, fmt.Sprintf("the proxy answered %d to CONNECT %s", answer.StatusCode, target)).
			At(p.Address).Fix("have the proxy allow this host and port")
	}
}

// readAnswer reads the head of an HTTP answer that has no body, and returns the
// connection as it stands behind it.
func readAnswer(conn net.Conn, method string) (*http.Response, net.Conn, error) {
	limited := &io.LimitedReader{R: conn, N: maxHead}
	in := bufio.NewReaderSize(limited, maxHead)
	answer, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		return nil, nil, err
	}
	_ = answer.Body.Close()
	return answer, unread(conn, in), nil
}

// unread puts what a reader has read ahead before what conn still brings.
func unread(conn net.Conn, in *bufio.Reader) net.Conn {
	ahead, err := in.Peek(in.Buffered())
	if err != nil || len(ahead) == 0 {
		return conn
	}
	return &headed{Conn: conn, ahead: ahead}
}

// headed is a connection with a first piece in front.
type headed struct {
	net.Conn
	ahead []byte
}

func (c *headed) Read(p []byte) (int, error) {
	if len(c.ahead) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.ahead)
	c.ahead = c.ahead[n:]
	return n, nil
}

// NetConn is the connection.
func (c *headed) NetConn() net.Conn { return c.Conn }

// deadlineOf bounds reads and writes by ctx until lift is called.
func deadlineOf(ctx context.Context, conn net.Conn) (lift func()) {
	if at, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(at)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	return func() {
		if stop() {
			_ = conn.SetDeadline(time.Time{})
		}
	}
}
