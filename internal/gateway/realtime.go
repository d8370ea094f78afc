package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/openai"
)

// sessionIdle ends a realtime session in which neither side says anything, not
// even a ping.
const sessionIdle = 10 * time.Minute

// checkSocket holds a request for a realtime session to RFC 6455 section 4.2.1.
func (c *call) checkSocket() *refusal {
	h := c.r.Header
	if c.r.ProtoMajor == 1 && strings.EqualFold(h.Get("Upgrade"), "websocket") && h.Get("Sec-Websocket-Version") == "13" && h.Get("Sec-Websocket-Key") != "" {
		return nil
	}
	c.w.Header().Set("Upgrade", "websocket")
	return &refusal{openai.Error{
		Status: http.StatusUpgradeRequired, Code: "UpgradeRequired", Message: "This operation is a WebSocket.",
	}, "no WebSocket was asked for"}
}

// tunnel: what the backend switched to passes both ways, byte for byte, and the
// server's events are read beside. The server's close frame waits until the
// outcome is durable; a session that broke off ends without one.
func (c *call) tunnel(resp *http.Response, cancel context.CancelFunc) {
	c.result.Status = http.StatusSwitchingProtocols
	c.result.UpstreamID = token(resp.Header.Get("Apim-Request-Id"), resp.Header.Get("X-Request-Id"))
	server, ok := resp.Body.(io.ReadWriteCloser)
	if !ok || resp.Header.Get("Sec-Websocket-Extensions") != "" { // of which we offered none
		c.attempt.End(false)
		c.result.Aborted = upstreamFailed
		c.fail(&refusal{openai.Error{Status: http.StatusBadGateway, Code: "BadGateway", Message: "The model's server did not answer."}, "the backend is no WebSocket that we understand"})
		return
	}
	conn, buffered, err := http.NewResponseController(c.w).Hijack()
	if err != nil { // HTTP/2 has no such thing; checkSocket has seen to that
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = conn.Close() }()
	s := &session{
		c: c, client: conn, from: buffered.Reader, server: server, cancel: cancel,
		events: openai.NewSession(), kept: c.g.cfg.Ledger.Body(c.id, ledger.Response, c.noted), up: make(chan struct{}),
	}
	if c.noted.Capture == ledger.Full {
		s.said = &said{kept: c.g.cfg.Ledger.Body(c.id, ledger.Request, c.noted)}
	}
	s.idle = time.AfterFunc(c.g.sessionIdle, s.leave)
	defer s.idle.Stop()
	s.pass(resp.Header)
	c.settle(s)
	s.finish()
}

// session is a realtime session under way.
type session struct {
	c      *call
	client net.Conn
	from   *bufio.Reader // the client's bytes
	server io.ReadWriteCloser
	cancel context.CancelFunc
	idle   *time.Timer

	events  *openai.Session
	kept    *ledger.BodyWriter
	said    *said         // nil: the client's events are not kept
	up      chan struct{} // closed when the client's direction has ended
	gone    atomic.Bool   // it broke off
	parted  atomic.Bool   // the client has said goodbye
	goodbye []byte        // the server's close frame
	aborted string
}

// leave is for a client that has gone, or that might as well have.
func (s *session) leave() {
	s.gone.Store(true)
	s.end()
}

// end breaks both directions off.
func (s *session) end() {
	s.cancel()
	_ = s.client.SetDeadline(time.Unix(1, 0))
}

// pass moves bytes until the server has said goodbye, or either side is gone.
func (s *session) pass(header http.Header) {
	if err := s.welcome(header); err != nil {
		s.aborted = clientLeft
		s.cancel()
		return
	}
	go func() {
		defer close(s.up)
		if s.upwards() != nil {
			s.leave()
		}
	}()
	err := s.downwards()
	switch {
	case err == nil, s.parted.Load() && errors.Is(err, io.EOF): // as good as a goodbye
	case isClient(err) || s.gone.Load() || s.c.r.Context().Err() != nil:
		s.aborted = clientLeft
	default:
		s.aborted = upstreamFailed
		s.c.g.cfg.Logger.Warn("a backend broke off a session", "call", s.c.id, "backend", s.c.backend.Name(), "error", err)
	}
}

// welcome tells the client that the protocol is switched.
func (s *session) welcome(from http.Header) error {
	h := backend.ForwardHeader(from)
	h["Connection"], h["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
	h["X-Ostiary-Call-Id"] = []string{s.c.id}
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = h.Write(&b) // to memory
	b.WriteString("\r\n")
	_, err := s.client.Write(b.Bytes())
	return err
}

// upwards moves the client's bytes to the server. Nil means that the client
// has said goodbye.
func (s *session) upwards() error {
	f := frames{masked: true}
	if s.said != nil {
		f.text = s.said.take
	}
	buf := make([]byte, bufferSize)
	for {
		n, err := s.from.Read(buf)
		s.idle.Reset(s.c.g.sessionIdle)
		if _, bad := f.feed(buf[:n]); bad != nil {
			return bad
		}
		if s.said != nil && s.said.err != nil {
			return s.said.err // the outcome cannot be recorded either
		}
		s.parted.Store(f.closed)
		_, failed := s.server.Write(buf[:n])
		if failed != nil || f.closed {
			return nil //nolint:nilerr // why it failed the other direction will say
		}
		if err != nil {
			return err
		}
	}
}

// downwards moves the server's bytes to the client, but for a close frame.
func (s *session) downwards() error {
	f := frames{text: func(p []byte, end bool) {
		s.events.Feed(p)
		if end {
			s.events.End()
		}
	}}
	buf := make([]byte, bufferSize)
	for {
		n, err := s.server.Read(buf)
		s.idle.Reset(s.c.g.sessionIdle)
		before, bad := f.feed(buf[:n])
		if sendErr := s.send(buf[:before]); sendErr != nil {
			return sendErr
		}
		switch {
		case bad != nil:
			return bad
		case f.closed:
			s.goodbye = f.goodbye
			return nil
		case err != nil:
			return err
		}
	}
}

func (s *session) send(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	s.c.began()
	if _, err := s.kept.Write(p); err != nil {
		return errClient // the outcome cannot be recorded either
	}
	if _, err := s.client.Write(p); err != nil {
		return errClient
	}
	return nil
}

// settle makes the outcome durable, or cuts the session off.
func (c *call) settle(s *session) {
	if s.aborted == "" {
		_, _ = s.kept.Write(s.goodbye)
	}
	c.attempt.End(s.aborted != upstreamFailed)
	found := s.events.Answer()
	c.result.Aborted, c.result.Model, c.result.FinishReasons, c.result.ErrorCode = s.aborted, found.Model, found.FinishReasons, found.ErrorCode
	u := found.Usage
	c.result.Usage = ledger.Usage{
		Prompt: u.Prompt, Completion: u.Completion + estimated(found.TextBytes), Cached: u.Cached, Reasoning: u.Reasoning,
		Total: u.Total + estimated(found.TextBytes), Estimated: s.events.Unsettled(),
	}
	c.result.Cost = c.rules.prices.of(found.Model, c.deployment, c.result.Usage)
	if s.said != nil {
		c.result.Request = s.said.end()
	}
	c.result.Response, c.result.End = s.kept.End(), c.g.cfg.Now()
	if c.outcome() != nil {
		s.end()
		panic(http.ErrAbortHandler)
	}
}

// finish passes the server's goodbye on, and gives the client's answer to it
// the time that a stream has to close.
func (s *session) finish() {
	if s.aborted == "" {
		_, _ = s.client.Write(s.goodbye)
		_ = s.client.SetReadDeadline(time.Now().Add(s.c.g.settle))
		<-s.up
	}
	s.end()
}

func isClient(err error) bool { return err == errClient } //nolint:errorlint // ours, and never wrapped
