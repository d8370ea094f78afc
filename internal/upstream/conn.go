package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// conn is one connection. One goroutine has it at a time.
type conn struct {
	t     *Transport
	where target
	raw   net.Conn        // beneath TLS
	sys   syscall.RawConn // of raw; nil if it is somebody else's making, in tests
	net   net.Conn
	limit limiter
	r     *bufio.Reader
	since time.Time // idle since then
	stray bool      // bytes came after an answer's end
}

// errHeader is an answer's header that is longer than it may be.
var errHeader = errors.New("the answer's header is too long")

// limiter bounds what is read until it is told otherwise.
type limiter struct {
	r     io.Reader
	left  int
	bound bool
}

func (l *limiter) Read(p []byte) (int, error) {
	if !l.bound {
		return l.r.Read(p)
	}
	if l.left <= 0 {
		return 0, errHeader
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// past is a deadline that ends whatever waits on a connection.
func past() time.Time { return time.Unix(1, 0) }

// bigBody is the size in bytes from which a body is sent beside the reading of
// the answer: a server may refuse it before it has read it, and neither side
// may wait for the other for ever. Smaller ones fit the buffers of the kernel.
const bigBody = 64 << 10

// exchange sends the request and reads the answer's header.
func (c *conn) exchange(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	stop := context.AfterFunc(ctx, func() { _ = c.net.SetDeadline(past()) })
	var sent sending
	if req.ContentLength >= 0 && req.ContentLength < bigBody {
		sent.err = c.send(req)
	} else {
		sent.under = make(chan error, 1)
		go func() { sent.under <- c.send(req) }()
	}
	resp, err := c.receive(req, sent)
	if err != nil {
		stop()
		_ = c.net.Close() // ends the sending too
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body = &tunnel{c: c, stop: stop}
		return resp, nil
	}
	if len(resp.TransferEncoding) > 0 && resp.Body != http.NoBody { // "chunked": net/http knows no other
		resp.Body = &chunked{c: c}
		c.delayAcks()
	}
	resp.Body = &body{c: c, in: resp.Body, ctx: ctx, stop: stop, sent: sent, keep: !resp.Close && !req.Close}
	if resp.ContentLength == 0 || resp.Body.(*body).in == http.NoBody {
		_ = resp.Body.(*body).finish()
	}
	return resp, nil
}

// send writes the request.
func (c *conn) send(req *http.Request) error {
	defer closeBody(req)
	w := c.t.writer(c.net)
	defer c.t.writers.Put(w)
	head(w, req)
	if req.Body != nil && req.Body != http.NoBody {
		if err := content(w, req); err != nil {
			return err
		}
	}
	return w.Flush()
}

// head writes the request's line and header; check has seen them. The errors
// of a bufio.Writer stay until Flush.
func head(w *bufio.Writer, req *http.Request) {
	write := func(parts ...string) {
		for _, s := range parts {
			_, _ = w.WriteString(s)
		}
	}
	write(req.Method, " ", req.URL.RequestURI(), " HTTP/1.1\r\nHost: ", host(req), "\r\n")
	for name, values := range req.Header {
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
			continue // ours to say
		case "Connection":
			if req.Header["Upgrade"] == nil {
				continue
			}
		case "User-Agent":
			if len(values) == 1 && values[0] == "" {
				continue // as net/http has it: an empty one is none
			}
		}
		for _, v := range values {
			write(name, ": ", v, "\r\n")
		}
	}
	switch {
	case req.ContentLength > 0 || req.Body == http.NoBody && hasContent(req.Method):
		write("Content-Length: ", strconv.FormatInt(max(req.ContentLength, 0), 10), "\r\n")
	case req.ContentLength == 0 && req.Body == nil && hasContent(req.Method):
		write("Content-Length: 0\r\n")
	case req.Body != nil && req.Body != http.NoBody:
		write("Transfer-Encoding: chunked\r\n")
	}
	if req.Close {
		write("Connection: close\r\n")
	}
	write("\r\n")
}

func hasContent(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

// content writes a body of the length that was promised, or in chunks.
func content(w *bufio.Writer, req *http.Request) error {
	if req.ContentLength > 0 {
		n, err := io.Copy(w, io.LimitReader(req.Body, req.ContentLength))
		if err == nil && n < req.ContentLength {
			err = fault.New(fault.Internal, "the request's body is shorter than its length")
		}
		return err
	}
	buf := make([]byte, bufferSize)
	for {
		n, err := req.Body.Read(buf)
		if n > 0 {
			if _, err := fmt.Fprintf(w, "%x\r\n%s\r\n", n, buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			_, err = w.WriteString("0\r\n\r\n")
			return err
		}
		if err != nil {
			return err
		}
	}
}

// receive reads the answer's header, passing over interim answers. A server
// may answer before it has read the whole request, and close: so a failure to
// send counts only if no answer comes.
func (c *conn) receive(req *http.Request, sent sending) (*http.Response, error) {
	most := c.t.MaxHeader
	if most == 0 {
		most = defaultHeader
	}
	if c.t.HeaderTimeout > 0 {
		_ = c.net.SetReadDeadline(time.Now().Add(c.t.HeaderTimeout))
		if req.Context().Err() != nil { // whose deadline this may have undone
			return nil, context.Cause(req.Context())
		}
	}
	c.limit.bound, c.limit.left = true, most
	for {
		resp, err := http.ReadResponse(c.r, req)
		if err != nil {
			return nil, failed(err, sent)
		}
		if resp.StatusCode >= http.StatusOK || resp.StatusCode == http.StatusSwitchingProtocols {
			c.limit.bound = false
			if c.t.HeaderTimeout > 0 {
				_ = c.net.SetReadDeadline(time.Time{})
				if req.Context().Err() != nil {
					return nil, context.Cause(req.Context())
				}
			}
			return resp, nil
		}
	}
}

// sending is how the writing of a request goes.
type sending struct {
	under chan error // gets its end; nil if it has ended
	err   error      // of one that has
}

// ended says whether it has, waiting a little.
func (s sending) ended(wait time.Duration) (done bool, err error) {
	if s.under == nil {
		return true, s.err
	}
	select {
	case err := <-s.under:
		return true, err
	default:
	}
	grace := time.NewTimer(wait)
	defer grace.Stop()
	select {
	case err := <-s.under:
		return true, err
	case <-grace.C:
		return false, nil
	}
}

// failed is why no answer came: what went wrong first.
func failed(err error, sent sending) error {
	if done, sendErr := sent.ended(0); done && sendErr != nil {
		return sendErr
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.New(fault.Upstream, "the server closed the connection before it answered")
	}
	return err
}
