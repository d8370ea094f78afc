package channel

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"

	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/pki/pkitest"
)

// secured is a session over TLS on loopback, without a relay between.
func secured(tb testing.TB) (*Session, *Session) {
	tb.Helper()
	ca := pkitest.Project(tb, "demo")
	inlet, outlet := pkitest.Member(tb, ca, inletID), pkitest.Member(tb, ca, outletID)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer ln.Close()
	outs := make(chan *Session, 1)
	go func() {
		raw, err := ln.Accept()
		if err != nil {
			return
		}
		conn, peer, err := SecureOutlet(context.Background(), raw, outlet, pki.Exactly(inletID))
		if err != nil {
			tb.Error(err)
			close(outs)
			return
		}
		outs <- NewOutlet(conn, peer, SessionConfig{})
	}()
	raw, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	conn, peer, err := SecureInlet(context.Background(), raw, inlet, pki.Exactly(outletID))
	if err != nil {
		tb.Fatal(err)
	}
	if got := conn.ConnectionState().CurveID; got != tls.X25519MLKEM768 {
		tb.Fatalf("the session's key exchange is %s", got)
	}
	in, out := NewInlet(conn, peer, SessionConfig{}), <-outs
	tb.Cleanup(func() { in.Close(); out.Close() })
	return in, out
}

// TestSessionIsPostQuantum: an end that offers only classical key exchange is
// refused, so that nobody in the middle can talk the ends down.
func TestSessionIsPostQuantum(t *testing.T) {
	secured(t) // asserts the curve
	ca := pkitest.Project(t, "demo")
	inlet, outlet := pkitest.Member(t, ca, inletID), pkitest.Member(t, ca, outletID)
	a, b := loopback(t)
	go func() { _, _, _ = SecureOutlet(context.Background(), b, outlet, pki.Exactly(inletID)); _ = b.Close() }()
	classical := pki.MutualTLS(inlet, pki.Exactly(outletID), sessionProtocol)
	classical.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256}
	if err := tls.Client(a, classical).Handshake(); err == nil {
		t.Error("a classical key exchange was accepted")
	}
}

func BenchmarkStreamThroughput(b *testing.B) {
	in, out := secured(b)
	go func() {
		st, err := out.Accept(context.Background())
		if err == nil {
			_, _ = io.Copy(io.Discard, st)
		}
	}()
	st, err := in.Open("openai")
	if err != nil {
		b.Fatal(err)
	}
	block := make([]byte, 64<<10)
	b.SetBytes(int64(len(block)))
	for b.Loop() {
		if _, err := st.Write(block); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStreamOpenClose(b *testing.B) {
	in, out := secured(b)
	go func() {
		for {
			st, err := out.Accept(context.Background())
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(st, st); _ = st.CloseWrite() }()
		}
	}()
	one := make([]byte, 1)
	for b.Loop() {
		st, err := in.Open("openai")
		if err != nil {
			b.Fatal(err)
		}
		_, _ = st.Write(one)
		if _, err := io.ReadFull(st, one); err != nil {
			b.Fatal(err)
		}
		_ = st.CloseWrite()
		_, _ = io.Copy(io.Discard, st)
	}
}
