package place

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// serve reads what one client wants, and makes its tunnel. The first byte tells
// the protocols apart: SOCKS 5 begins with 5, HTTP with a letter.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	_ = conn.SetDeadline(time.Now().Add(negotiateTime))
	r := bufio.NewReaderSize(conn, maxHead)
	first, err := r.Peek(1)
	switch {
	case err != nil:
	case first[0] == 5:
		s.serveSOCKS(ctx, conn, r)
	case 'A' <= first[0] && first[0] <= 'Z':
		s.serveHTTP(ctx, conn, r)
	default:
		s.log.Debug("a client speaks neither SOCKS 5 nor HTTP")
	}
}

func (s *Server) serveSOCKS(ctx context.Context, conn net.Conn, r *bufio.Reader) {
	place, err := socksGreeting(r, conn)
	if err != nil {
		s.log.Warn("no place", "err", err)
		return
	}
	if _, err := s.now().stand(place); err != nil {
		_, _ = conn.Write([]byte{1, 1}) // RFC 1929: a status other than 0 refuses
		s.log.Warn("no place", "err", err)
		return
	}
	if _, err := conn.Write([]byte{1, 0}); err != nil {
		return
	}
	q, reply, err := socksRequest(r)
	if err != nil {
		_ = socksReply(conn, reply)
		s.log.Warn("no request", "place", place, "err", err)
		return
	}
	t, no := s.open(ctx, place, q)
	if no != nil {
		_ = socksReply(conn, no.why.socks())
		return
	}
	defer s.end(t)
	if socksReply(conn, socksOK) == nil {
		t.carry(conn, r)
	}
}

func (s *Server) serveHTTP(ctx context.Context, conn net.Conn, r *bufio.Reader) {
	place, q, status, text, err := connectAsk(r)
	if err != nil {
		s.log.Debug("no request", "err", err)
		return
	}
	if status == http.StatusOK {
		if _, err := s.now().stand(place); err != nil {
			status, text = http.StatusForbidden, err.Error()
		}
	}
	if status != http.StatusOK {
		s.log.Warn("no tunnel", "why", text)
		s.refuse(conn, r, status, text)
		return
	}
	t, no := s.open(ctx, place, q)
	if no != nil {
		s.refuse(conn, r, http.StatusBadGateway, no.text)
		return
	}
	defer s.end(t)
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err == nil {
		t.carry(conn, r)
	}
}

// refuse answers, and waits a moment for the client to read it: closed with
// bytes unread, the kernel would take the answer back.
func (s *Server) refuse(conn net.Conn, r io.Reader, status int, text string) {
	if connectRefused(conn, status, text) != nil {
		return
	}
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = io.CopyN(io.Discard, r, maxHead)
}

// open decides and dials. A refusal is logged with what decides.
func (s *Server) open(ctx context.Context, place string, q ask) (*tunnel, *refusal) {
	d, no := s.decide(place, q)
	var conn net.Conn
	if no == nil {
		var err error
		if conn, err = s.dial(ctx, d); err != nil {
			no = refuse(whyClosed, "nothing answers there")
			s.log.Debug("cannot dial", "err", err)
		}
	}
	to := q.host
	if to == "" {
		to = q.addr.String()
	}
	if no != nil {
		s.log.Info("refused", "place", place, "to", to, "port", q.port, "why", no.text)
		return nil, no
	}
	s.log.Info("connected", "place", place, "to", to, "port", q.port, "address", d.Address.String(), "private", d.Endpoint != "")
	t := &tunnel{ask: q, to: d, conn: conn}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		t.close()
	}
	s.tunnels[t] = true
	return t, nil
}

func (s *Server) dial(ctx context.Context, d Destination) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	if d.Service != "" {
		return (&net.Dialer{}).DialContext(ctx, "tcp", d.Service)
	}
	return s.cfg.Cloud.Dial(ctx, d)
}

func (s *Server) end(t *tunnel) {
	t.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tunnels, t)
}

// watch ends tunnels that the network no longer allows, or that would lead
// elsewhere now.
func (s *Server) watch(ctx context.Context) {
	for {
		changed := s.cfg.Changed()
		s.mu.Lock()
		open := make([]*tunnel, 0, len(s.tunnels))
		for t := range s.tunnels {
			open = append(open, t)
		}
		s.mu.Unlock()
		for _, t := range open {
			if d, no := s.decide(t.to.Place, t.ask); no != nil || d != t.to {
				s.log.Info("ended by a change of the network", "place", t.to.Place, "to", t.to.Host)
				t.close()
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}
