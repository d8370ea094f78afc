package channel

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
)

// The vectors of docs/portal-protocol.md: another implementation that reads
// and writes these lines speaks the same frames. Each line is the wire in hex,
// then type, stream and payload; or the wire and "refused".
func TestVectors(t *testing.T) {
	file, err := os.Open("testdata/frames.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	n := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		n++
		wire, err := hex.DecodeString(words[0])
		if err != nil {
			t.Fatal(err)
		}
		r := &reader{src: bytes.NewReader(wire), block: new(block)}
		f, err := r.next()
		if words[1] == "refused" {
			if err == nil {
				t.Errorf("%s was accepted", words[0])
			}
			continue
		}
		kind, _ := strconv.Atoi(words[1])
		stream, _ := strconv.ParseUint(words[2], 10, 32)
		payload := ""
		if len(words) > 3 {
			payload = words[3]
		}
		if err != nil || int(f.Type) != kind || uint64(f.Stream) != stream || hex.EncodeToString(f.Payload) != payload {
			t.Errorf("%s read as %v, %v", words[0], f, err)
			continue
		}
		if again := appendFrame(nil, f.Type, f.Stream, f.Payload); !bytes.Equal(again, wire) {
			t.Errorf("%s written as %x", words[0], again)
		}
	}
	if n < 20 {
		t.Errorf("only %d vectors", n)
	}
}

// What a dial may name, and what not.
func TestDialNamesAServiceAndPerhapsAnOutlet(t *testing.T) {
	for payload, want := range map[string][2]string{"openai": {"openai", ""}, "openai owner": {"openai", "owner"}} {
		if service, outlet, err := ParseDial(payload); err != nil || service != want[0] || outlet != want[1] {
			t.Errorf("%q names %q, %q: %v", payload, service, outlet, err)
		}
	}
	for _, payload := range []string{"", " ", "openai ", " owner", "openai  owner", "openai a b", "OPENAI", "openai/owner"} {
		if service, outlet, err := ParseDial(payload); err == nil {
			t.Errorf("%q names %q, %q", payload, service, outlet)
		}
	}
}

// FuzzLeg throws bytes at a leg: it must end, and never panic.
func FuzzLeg(f *testing.F) {
	f.Add(appendFrame(nil, Listen, 0, []byte("openai")))
	f.Add(appendFrame(pingFrame(0, 1), Dial, 0, []byte("openai owner")))
	f.Add(appendFrame(nil, GoAway, 0, appendReason(Leaving, "")))
	f.Fuzz(func(_ *testing.T, wire []byte) {
		a, b := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, b) }()
		go func() { _, _ = b.Write(wire); _ = b.Close() }()
		leg := NewLeg(a)
		for {
			what, payload, err := leg.Next()
			if err != nil {
				break
			}
			if what == Dial {
				_, _, _ = ParseDial(payload)
			}
		}
		_ = a.Close()
	})
}
