package e2e

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// exchange is one request and its answer as they crossed a recorder: every
// byte of both heads as it stood on the wire, and the bodies without framing.
type exchange struct {
	Request string // its first line
	Asked   []byte // the request's body
	Status  string // the answer's first line
	Header  []string
	Body    []byte
	BodyErr error // of an answer that was cut
	begin   int64 // a tick of the clock that all recorders of a run share
}

// recorder stands between two hops and keeps what passes. It ends TLS, speaks
// HTTP/1.1 alone, so that bytes can be compared, and passes the bytes of an
// answer on as they come.
type recorder struct {
	t      *testing.T
	target string
	trust  *tls.Config
	clock  *atomic.Int64

	mu   sync.Mutex
	kept []*exchange
	busy sync.WaitGroup // exchanges that have not ended
}

// leaving is a client that may go before it has all: the recorder reads on.
type leaving struct{ net.Conn }

func (l leaving) Write(p []byte) (int, error) {
	_, _ = l.Conn.Write(p)
	return len(p), nil
}

// record starts a recorder before the server at target, and gives its address.
func (r *recorder) record(cert tls.Certificate) string {
	r.t.Helper()
	ln := tls.NewListener(listen(r.t), &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}})
	var open sync.WaitGroup
	r.t.Cleanup(func() { _ = ln.Close(); open.Wait() })
	open.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go r.serve(conn)
		}
	})
	return ln.Addr().String()
}

// serve passes one connection's exchanges on, each to its end.
func (r *recorder) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	var sent, received bytes.Buffer
	fromClient := bufio.NewReader(io.TeeReader(client, &sent))
	var server net.Conn
	var fromServer *bufio.Reader
	for {
		req, err := http.ReadRequest(fromClient)
		if err != nil {
			return // no more of them
		}
		if server == nil {
			if server, err = tls.Dial("tcp", r.target, r.trust); err != nil {
				r.t.Errorf("recorder: %v", err)
				return
			}
			defer func() { _ = server.Close() }()
			fromServer = bufio.NewReader(io.TeeReader(server, io.MultiWriter(&received, leaving{client})))
		}
		x := r.begin(req)
		err = x.pass(req, &sent, server, fromServer, &received)
		r.busy.Done()
		if err != nil {
			r.t.Errorf("recorder: %s: %v", x.Request, err)
			return
		}
	}
}

func (r *recorder) begin(req *http.Request) *exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := &exchange{Request: req.Method + " " + req.RequestURI, begin: r.clock.Add(1)}
	r.kept = append(r.kept, x)
	r.busy.Add(1)
	return x
}

// pass sends the request on, whose body the client may still be sending, and
// reads the answer, which goes to the client by the way.
func (x *exchange) pass(req *http.Request, sent *bytes.Buffer, server net.Conn, fromServer *bufio.Reader, received *bytes.Buffer) (err error) {
	if x.Asked, err = io.ReadAll(req.Body); err != nil {
		return err
	}
	if _, err = server.Write(sent.Bytes()); err != nil {
		return err
	}
	sent.Reset()
	resp, err := http.ReadResponse(fromServer, req)
	if err != nil {
		return err
	}
	x.Body, x.BodyErr = io.ReadAll(resp.Body)
	head, _, _ := bytes.Cut(received.Bytes(), []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\r\n")
	x.Status, x.Header = lines[0], lines[1:]
	received.Reset()
	return nil
}

// exchanges are all so far, each ended, in the order in which they began.
func (r *recorder) exchanges() []*exchange {
	r.busy.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.kept)
}
