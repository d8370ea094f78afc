package channel

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

var (
	inletID  = pki.ID{Project: "demo", Role: pki.Inlet, Member: "consumer"}
	outletID = pki.ID{Project: "demo", Role: pki.Outlet, Member: "owner"}
)

// loopback is a pair of connected TCP connections.
func loopback(t *testing.T) (a, b net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, _ := ln.Accept()
		accepted <- c
	}()
	if a, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	b = <-accepted
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b
}

func sessions(t *testing.T) (*Session, *Session) {
	t.Helper()
	a, b := loopback(t)
	in, out := NewInlet(a, outletID, SessionConfig{}), NewOutlet(b, inletID, SessionConfig{})
	t.Cleanup(func() { in.Close(); out.Close() })
	return in, out
}

func openPair(t *testing.T, in, out *Session) (*Stream, *Stream) {
	t.Helper()
	a, err := in.Open("openai")
	if err != nil {
		t.Fatal(err)
	}
	b, err := out.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

func TestStreamCarriesBothWaysAndEndsCleanly(t *testing.T) {
	in, out := sessions(t)
	a, b := openPair(t, in, out)
	if b.Service() != "openai" {
		t.Errorf("service = %q", b.Service())
	}
	up, down := make([]byte, 3<<20), make([]byte, 1<<20)
	_, _ = rand.Read(up)
	_, _ = rand.Read(down)
	var wg sync.WaitGroup
	send := func(st *Stream, data []byte) {
		if _, err := st.Write(data); err != nil {
			t.Error(err)
		}
		if err := st.CloseWrite(); err != nil {
			t.Error(err)
		}
	}
	wg.Go(func() { send(a, up) })
	wg.Go(func() { send(b, down) })
	var got [2][]byte
	wg.Go(func() { got[0], _ = io.ReadAll(b) })
	wg.Go(func() { got[1], _ = io.ReadAll(a) })
	wg.Wait()
	if !bytes.Equal(got[0], up) || !bytes.Equal(got[1], down) {
		t.Fatalf("got %d and %d bytes back, changed or short", len(got[0]), len(got[1]))
	}
	if n := in.Stats().Streams + out.Stats().Streams; n != 0 {
		t.Errorf("%d streams remembered after both ends ended", n)
	}
}

func TestManyStreamsAtOnce(t *testing.T) {
	in, out := sessions(t)
	go func() {
		for {
			st, err := out.Accept(t.Context())
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(st, st); _ = st.CloseWrite() }()
		}
	}()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			st, err := in.Open("openai")
			if err != nil {
				t.Error(err)
				return
			}
			data := make([]byte, 600<<10)
			_, _ = rand.Read(data)
			go func() { _, _ = st.Write(data); _ = st.CloseWrite() }()
			if got, err := io.ReadAll(st); err != nil || !bytes.Equal(got, data) {
				t.Errorf("echo of %d bytes: %d, %v", len(data), len(got), err)
			}
		})
	}
	wg.Wait()
}

// A stream without its End frame was cut, however cleanly the transport ended.
func TestTruncationIsAnError(t *testing.T) {
	a, b := loopback(t)
	in := NewInlet(a, outletID, SessionConfig{})
	defer in.Close()
	st, err := in.Open("openai")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = b.Write(appendFrame(nil, Data, 1, []byte("half an answer")))
	_ = b.(*net.TCPConn).CloseWrite() // a clean end of the transport
	got, err := io.ReadAll(st)
	if string(got) != "half an answer" {
		t.Errorf("got %q", got)
	}
	if !errors.Is(err, ErrSessionEnded) {
		t.Errorf("a cut stream ended with %v", err)
	}
}

func TestOwnerCannotOpen(t *testing.T) {
	a, b := loopback(t)
	out := NewOutlet(b, inletID, SessionConfig{})
	defer out.Close()
	if _, err := out.Open("openai"); fault.KindOf(err) != fault.Denied {
		t.Errorf("Open on the owner's side: %v", err)
	}
	in := NewInlet(a, outletID, SessionConfig{})
	// A hostile outlet does not ask its own code.
	_, _ = b.Write(appendFrame(nil, Open, 1, []byte("openai")))
	<-in.Done()
	if !strings.Contains(in.Err().Error(), "the owner's side tried to open a stream") {
		t.Errorf("the inlet's session ended with %v", in.Err())
	}
}

func TestBreachesEndTheSession(t *testing.T) {
	open := appendFrame(nil, Open, 1, []byte("openai"))
	with := func(frames ...[]byte) []byte { return bytes.Join(append([][]byte{open}, frames...), nil) }
	flood := func() []byte {
		all := with()
		for range initialWindow/MaxPayload + 1 {
			all = appendFrame(all, Data, 1, make([]byte, MaxPayload))
		}
		return all
	}
	for name, c := range map[string]struct {
		wire []byte
		want string
	}{
		"version":          {[]byte{9, byte(Ping), 0, 9, 0, 0, 0, 0}, "frame version 9"},
		"unknown type":     {appendFrame(nil, 99, 0, nil), "frame type 99"},
		"leg frame inside": {appendFrame(nil, Dial, 0, []byte("x")), "inside a session"},
		"even id":          {appendFrame(nil, Open, 2, []byte("openai")), "stream 2 opened"},
		"id again":         {with(open), "stream 1 opened after stream 1"},
		"bad service":      {appendFrame(nil, Open, 1, []byte("NOT A LABEL")), "without a proper name"},
		"never opened":     {appendFrame(nil, Data, 7, []byte("x")), "never opened"},
		"data after end":   {with(appendFrame(nil, End, 1, nil), appendFrame(nil, Data, 1, []byte("x"))), "after the end"},
		"over the window":  {flood(), "more data than the window"},
		"window overflow":  {with(appendFrame(nil, Window, 1, []byte{0xff, 0xff, 0xff, 0xff})), "window over"},
		"short window":     {with(appendFrame(nil, Window, 1, []byte{1})), "with 1 bytes"},
		"end on stream 0":  {appendFrame(nil, End, 0, nil), "on stream 0"},
		"odd ping":         {appendFrame(nil, Ping, 0, append([]byte{7}, make([]byte, 8)...)), "neither asks nor answers"},
		"cut in a frame":   {open[:10], "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := loopback(t)
			out := NewOutlet(b, inletID, SessionConfig{})
			defer out.Close()
			_, _ = a.Write(c.wire)
			_ = a.(*net.TCPConn).CloseWrite()
			<-out.Done()
			if !strings.Contains(out.Err().Error(), c.want) {
				t.Errorf("ended with %v, want %q", out.Err(), c.want)
			}
		})
	}
}

// A peer that reads nothing stops the writer at the window, and no other stream.
func TestWindowHoldsOneStreamOnly(t *testing.T) {
	in, out := sessions(t)
	slow, _ := openPair(t, in, out)
	_ = slow.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	n, err := slow.Write(make([]byte, 2*initialWindow))
	if n != initialWindow || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("wrote %d bytes to a peer that reads nothing, %v", n, err)
	}
	a, b := openPair(t, in, out)
	if _, err := a.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(b, got); err != nil || string(got) != "hello" {
		t.Fatalf("beside a stalled stream: %q, %v", got, err)
	}
}

func TestAbortReachesThePeerAsAnError(t *testing.T) {
	in, out := sessions(t)
	a, b := openPair(t, in, out)
	b.Abort(Denied, "not allowed")
	_, err := a.Read(make([]byte, 1))
	reset, ok := errors.AsType[*ResetError](err)
	if !ok || reset.Code != Denied || !strings.Contains(reset.Error(), "denied") {
		t.Fatalf("the peer read %v", err)
	}
	if _, err := a.Write([]byte("x")); err == nil {
		t.Error("a reset stream still takes bytes")
	}
}

func TestLeaveLetsStreamsFinish(t *testing.T) {
	in, out := sessions(t)
	a, b := openPair(t, in, out)
	in.Leave()
	if _, err := in.Open("openai"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Open on a leaving session: %v", err)
	}
	if !in.Spent() {
		t.Error("a leaving session is not spent")
	}
	if _, err := a.Write([]byte("last words")); err != nil {
		t.Fatal(err)
	}
	_ = a.CloseWrite()
	if got, err := io.ReadAll(b); err != nil || string(got) != "last words" {
		t.Fatalf("the stream of a leaving session: %q, %v", got, err)
	}
	_ = b.CloseWrite()
	if _, err := io.ReadAll(a); err != nil {
		t.Fatal(err)
	}
	<-in.Done()
	<-out.Done()
}

func TestReadDeadlineMoves(t *testing.T) {
	in, out := sessions(t)
	a, b := openPair(t, in, out)
	_ = a.SetReadDeadline(time.Now().Add(-time.Second))
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("past deadline: %v", err)
	}
	_ = a.SetReadDeadline(time.Time{})
	_, _ = b.Write([]byte("x"))
	if _, err := a.Read(make([]byte, 1)); err != nil {
		t.Fatalf("after the deadline was lifted: %v", err)
	}
}

// A peer that keeps its connection but answers nothing is noticed.
func TestSilentPeerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, b) }()
		start := time.Now()
		s := NewInlet(a, outletID, SessionConfig{})
		<-s.Done()
		if d := time.Since(start); d < 2*PingEvery || d > 4*PingEvery {
			t.Errorf("given up after %s", d)
		}
		_ = b.Close()
	})
}

func TestOpenIsBounded(t *testing.T) {
	a, b := loopback(t)
	in := NewInlet(a, outletID, SessionConfig{MaxStreams: 2})
	out := NewOutlet(b, inletID, SessionConfig{MaxStreams: 1})
	defer in.Close()
	defer out.Close()
	first, _ := openPair(t, in, out)
	second, err := in.Open("openai")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "over a limit") {
		t.Errorf("the peer's bound: %v", err)
	}
	_ = first
}

func TestAcceptEndsWithItsContext(t *testing.T) {
	_, out := sessions(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := out.Accept(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Accept = %v", err)
	}
}

// FuzzSession throws bytes at an outlet's session: it must end, never panic,
// and never hand out more than it was sent.
func FuzzSession(f *testing.F) {
	f.Add(appendFrame(nil, Open, 1, []byte("openai")))
	f.Add(appendFrame(appendFrame(nil, Open, 1, []byte("openai")), Data, 1, []byte("hello")))
	f.Add(appendFrame(appendFrame(nil, Open, 1, []byte("a")), Reset, 1, appendReason(Cancelled, "x")))
	f.Add(appendFrame(nil, GoAway, 0, appendReason(Leaving, "")))
	f.Add(pingFrame(0, 1))
	f.Fuzz(func(t *testing.T, wire []byte) {
		a, b := net.Pipe()
		out := NewOutlet(b, inletID, SessionConfig{MaxStreams: 4})
		go func() { _, _ = io.Copy(io.Discard, a) }()
		_, _ = a.Write(wire)
		_ = a.Close()
		<-out.Done()
		if out.Stats().Received > int64(len(wire)) {
			t.Errorf("received %d bytes of %d", out.Stats().Received, len(wire))
		}
	})
}

// FuzzFrame: what the reader accepts lays out to the same bytes again.
func FuzzFrame(f *testing.F) {
	f.Add(appendFrame(nil, Data, 3, []byte("hello")))
	f.Add(appendFrame(nil, Refuse, 0, appendReason(Denied, "no")))
	f.Add([]byte{1, 8, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := &reader{src: bytes.NewReader(wire), block: new(block)}
		var again []byte
		for {
			fr, err := r.next()
			if err != nil {
				break
			}
			again = appendFrame(again, fr.Type, fr.Stream, fr.Payload)
		}
		if !bytes.HasPrefix(wire, again) {
			t.Errorf("%x read as %x", wire, again)
		}
	})
}
