package channel

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/pki/pkitest"
)

// taps keep what crosses a connection, as somebody on the wire sees it.
type tap struct {
	net.Conn
	mu  sync.Mutex
	in  bytes.Buffer
	out bytes.Buffer
}

func (c *tap) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in.Write(p[:n])
	return n, err
}

func (c *tap) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.out.Write(p)
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *tap) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

func (c *tap) seen() [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return [][]byte{bytes.Clone(c.in.Bytes()), bytes.Clone(c.out.Bytes())}
}

// relayed are an inlet's and an outlet's session through two legs that Couple
// joins, and the relay's view of the wires.
func relayed(t *testing.T, twice bool) (in, out *Session, wires []*tap, counted *atomic.Int64) {
	t.Helper()
	ca := pkitest.Project(t, "demo")
	inlet, outlet, relay := pkitest.Member(t, ca, inletID), pkitest.Member(t, ca, outletID), pkitest.Member(t, ca, relayID)
	counted = new(atomic.Int64)
	leg := func(me pki.Credentials) (node, atRelay *tls.Conn) {
		a, b := loopback(t)
		wire := &tap{Conn: b}
		wires = append(wires, wire)
		node = tls.Client(NewWire(a, new(Pool)), LegClient(me, pki.Exactly(relayID)))
		atRelay = tls.Server(NewWire(wire, new(Pool)), LegServer(relay))
		go func() { _ = atRelay.Handshake() }()
		if err := node.Handshake(); err != nil {
			t.Fatal(err)
		}
		return node, atRelay
	}
	inLeg, inRelay := leg(inlet)
	outLeg, outRelay := leg(outlet)
	go func() {
		_, _, _ = Couple(inRelay, outRelay, new(Pool), func(_ bool, n int) { counted.Add(int64(n)) })
	}()
	handOver := func(conn *tls.Conn) error {
		if twice {
			return nil
		}
		return HandOver(conn)
	}
	outs := make(chan *Session, 1)
	go func() {
		conn, peer, err := SecureOutlet(context.Background(), outLeg, outlet, pki.Exactly(inletID))
		if err = errors.Join(err, handOver(conn)); err != nil {
			t.Error(err)
		}
		outs <- NewOutlet(conn, peer, SessionConfig{})
	}()
	conn, peer, err := SecureInlet(t.Context(), inLeg, inlet, pki.Exactly(outletID))
	if err = errors.Join(err, handOver(conn)); err != nil {
		t.Fatal(err)
	}
	in, out = NewInlet(conn, peer, SessionConfig{}), <-outs
	t.Cleanup(func() { in.Close(); out.Close() })
	return in, out, wires, counted
}

// A session through a relay, handed over or not: nothing is lost, and the wire
// carries TLS records and nothing else, of which not one is in the clear after
// the leg's own handshake.
func TestHandOver(t *testing.T) {
	for _, twice := range []bool{false, true} {
		in, out, wires, counted := relayed(t, twice)
		a, b := openPair(t, in, out)
		sent := make([]byte, 5<<20)
		_, _ = rand.Read(sent)
		copy(sent, "a canary that nobody on the way may see")
		go func() { _, _ = a.Write(sent); _ = a.CloseWrite() }()
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, sent) {
			t.Fatalf("twice %v: %d bytes of %d came, %v", twice, len(got), len(sent), err)
		}
		_, _ = b.Write([]byte("back"))
		_ = b.CloseWrite()
		if got, err := io.ReadAll(a); string(got) != "back" || err != nil {
			t.Fatalf("twice %v: %q, %v", twice, got, err)
		}
		in.Leave()
		<-in.Done()
		<-out.Done()
		if counted.Load() < int64(len(sent)) {
			t.Errorf("twice %v: the relay counted %d bytes", twice, counted.Load())
		}
		for _, wire := range wires {
			for _, seen := range wire.seen() {
				if bytes.Contains(seen, []byte("a canary")) {
					t.Errorf("twice %v: the canary is on the wire", twice)
				}
				onlyTLS(t, seen)
			}
		}
	}
}

// onlyTLS wants whole TLS records: a handshake in the clear of one flight, as
// TLS 1.3 has it, and application data from then on.
func onlyTLS(t *testing.T, wire []byte) {
	t.Helper()
	began := false
	for len(wire) > 0 {
		if len(wire) < recordHeader {
			t.Errorf("%d odd bytes at the end", len(wire))
			return
		}
		kind, n := wire[0], int(binary.BigEndian.Uint16(wire[3:]))
		if wire[1] != 3 || len(wire) < recordHeader+n || kind != 23 && (began || kind != 22 && kind != 20) {
			t.Errorf("no TLS record, or one in the clear: % x", wire[:recordHeader])
			return
		}
		began = began || kind == 23
		wire = wire[recordHeader+n:]
	}
}

// A relay that ends a handed-over leg in good order still cuts the stream: the
// leg's own TLS is not there any more to say so, and need not be.
func TestTruncationAfterHandOver(t *testing.T) {
	in, out, wires, _ := relayed(t, false)
	a, b := openPair(t, in, out)
	_, _ = b.Write([]byte("half an answer"))
	got := make([]byte, 14)
	if _, err := io.ReadFull(a, got); err != nil {
		t.Fatal(err)
	}
	for _, wire := range wires {
		_ = wire.CloseWrite()
	}
	if _, err := a.Read(got); !errors.Is(err, ErrSessionEnded) {
		t.Errorf("the cut stream ended with %v", err)
	}
}

// What somebody puts between the records ends the session, and reaches no
// stream.
func TestInjectedBytesEndTheSession(t *testing.T) {
	in, out, wires, _ := relayed(t, false)
	a, _ := openPair(t, in, out)
	_, _ = wires[0].Conn.Write(append([]byte{23, 3, 3, 0, 32}, make([]byte, 32)...))
	if n, err := a.Read(make([]byte, 1)); n > 0 || !errors.Is(err, ErrSessionEnded) {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if in.Err() == nil {
		t.Error("the session goes on")
	}
}
