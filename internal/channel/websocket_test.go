package channel

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// socketPair is a WebSocket made by both our ends on loopback.
func socketPair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	a, b := loopback(t)
	made := make(chan net.Conn, 1)
	go func() {
		conn, err := upgradeServer(context.Background(), b, new(Pool))
		if err != nil {
			t.Error(err)
		}
		made <- conn
	}()
	client, err := upgradeClient(t.Context(), a, "relay.example:443", new(Pool))
	if err != nil {
		t.Fatal(err)
	}
	return client, <-made
}

func TestWebSocketCarriesAStream(t *testing.T) {
	client, server := socketPair(t)
	var both sync.WaitGroup
	for _, ends := range [][2]net.Conn{{client, server}, {server, client}} {
		for _, size := range []int{0, 1, 125, 126, 65535, 65536, 3 * batch} {
			sent := make([]byte, size)
			_, _ = rand.Read(sent)
			both.Go(func() {
				if _, err := ends[0].Write(sent); err != nil {
					t.Error(err)
				}
			})
			got := make([]byte, size)
			if _, err := io.ReadFull(ends[1], got); err != nil || !bytes.Equal(got, sent) {
				t.Fatalf("%d bytes: changed, %v", size, err)
			}
			both.Wait()
		}
	}
	// A ping between is answered and not read; a close is the end.
	if err := server.(*socket).frame(opPing, []byte("there?")); err != nil {
		t.Fatal(err)
	}
	_, _ = server.Write([]byte("x"))
	_ = server.(*socket).CloseWrite()
	if got, err := io.ReadAll(client); string(got) != "x" || err != nil {
		t.Errorf("after a ping and a close: %q, %v", got, err)
	}
	_ = client.(*socket).CloseWrite()
	if got, err := io.ReadAll(server); len(got) > 0 || err != nil {
		t.Errorf("the pong and the close read as %q, %v", got, err)
	}
}

// The example of RFC 6455 section 1.3.
func TestSocketAccept(t *testing.T) {
	if got := socketAccept("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("accept = %s", got)
	}
}

func TestWebSocketBreachesAreErrors(t *testing.T) {
	for name, wire := range map[string][]byte{
		"text":               {0x81, 0x80, 0, 0, 0, 0},
		"unmasked":           {0x82, 0x01, 'x'},
		"reserved bit":       {0xc2, 0x80, 0, 0, 0, 0},
		"long control":       {0x89, 0xfe, 0, 126, 0, 0, 0, 0},
		"fragmented control": {0x09, 0x80, 0, 0, 0, 0},
		"too long":           {0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0},
		"cut in a header":    {0x82},
		"cut in a payload":   {0x82, 0x85, 0, 0, 0, 0, 'x'},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := net.Pipe()
			go func() { _, _ = b.Write(wire); _ = b.Close() }()
			_, err := io.ReadAll(newSocket(a, false, new(Pool)))
			if err == nil || errors.Is(err, io.EOF) {
				t.Errorf("read to a clean end: %v", err)
			}
		})
	}
}

func TestWebSocketWantsARequestThatIsALeg(t *testing.T) {
	good := "GET /ostiary-leg HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	for name, request := range map[string]string{
		"another path":  strings.Replace(good, "/ostiary-leg", "/", 1),
		"no upgrade":    strings.Replace(good, "Upgrade: websocket\r\n", "", 1),
		"other version": strings.Replace(good, "13", "8", 1),
		"no key":        strings.Replace(good, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 1),
		"a huge head":   strings.Replace(good, "Host: x", "Host: "+strings.Repeat("x", 2*maxHead), 1),
		"nonsense":      "\x00\x01\r\n\r\n",
	} {
		a, b := loopback(t)
		_, _ = io.WriteString(a, request)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if _, err := upgradeServer(ctx, b, new(Pool)); err == nil {
			t.Errorf("%s was taken for a leg", name)
		}
		cancel()
	}
}

// FuzzWebSocket: whatever a stranger sends ends in an error or in bytes, no more
// of them than were sent.
func FuzzWebSocket(f *testing.F) {
	f.Add([]byte{0x82, 0x85, 1, 2, 3, 4, 'h', 'e', 'l', 'l', 'o'}, false)
	f.Add([]byte{0x82, 0x03, 'a', 'b', 'c', 0x88, 0x00}, true)
	f.Add([]byte{0x89, 0x81, 0, 0, 0, 0, 'p', 0x00, 0x81, 0, 0, 0, 0, 'x'}, false)
	f.Fuzz(func(t *testing.T, wire []byte, client bool) {
		a, b := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, b) }()
		go func() { _, _ = b.Write(wire); _ = b.Close() }()
		if got, _ := io.ReadAll(newSocket(a, client, new(Pool))); len(got) > len(wire) {
			t.Errorf("%d bytes of %d", len(got), len(wire))
		}
		_ = a.Close()
	})
}
