package channel

import (
	"bufio"
	"bytes"
	"encoding/hex"
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
