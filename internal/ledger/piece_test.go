package ledger

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/seal"
)

func TestPieceHeader(t *testing.T) {
	whole := piece{
		sealed: true, part: Response, last: true, number: 7, stream: [16]byte{1}, subject: pseudonym{2},
		key: seal.KeyID{3}, id: "a call", body: make([]byte, seal.Overhead),
	}
	payload := append(whole.header(), whole.body...)
	got, err := parsePiece(payload)
	if err != nil || got.id != whole.id || got.number != 7 || !got.last || got.part != Response || got.key != whole.key || got.subject != whole.subject {
		t.Fatalf("%+v, %v", got, err)
	}
	for name, spoil := range map[string]func([]byte) []byte{
		"cut in its header":      func(b []byte) []byte { return b[:pieceHead-1] },
		"cut in its id":          func(b []byte) []byte { return b[:pieceHead+3] },
		"too short to be sealed": func(b []byte) []byte { return b[:len(b)-1] },
		"another tag":            func(b []byte) []byte { b[0] = 2; return b },
		"another form":           func(b []byte) []byte { b[1] = 2; return b },
		"another part":           func(b []byte) []byte { b[2] = 2; return b },
		"another end":            func(b []byte) []byte { b[3] = 2; return b },
		"too high a number":      func(b []byte) []byte { b[7] = 1; return b },
		"a key, and in clear":    func(b []byte) []byte { b[1] = 0; return b },
		"no id":                  func(b []byte) []byte { b[56] = 0; return b },
		"too long an id":         func(b []byte) []byte { b[56] = maxID + 1; return append(b, strings.Repeat("x", 99)...) },
	} {
		if _, err := parsePiece(spoil(bytes.Clone(payload))); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// Bodies of different calls, parts, logs and streams have keys of their own.
func TestPieceContexts(t *testing.T) {
	seen := map[string]bool{}
	for _, log := range []logID{{1}, {2}} {
		for _, stream := range [][16]byte{{1}, {2}} {
			for _, part := range []Part{Request, Response} {
				for _, id := range []string{"a", "b", "ab"} {
					seen[string(piece{part: part, stream: stream, id: id}.context(log))] = true
				}
			}
		}
	}
	if len(seen) != 24 {
		t.Errorf("%d contexts of 24", len(seen))
	}
}

func FuzzPiece(f *testing.F) {
	p := piece{part: Request, number: 1, id: "01997d5e-0000-7000-8000-000000000000", body: []byte("clear")}
	f.Add(append(p.header(), p.body...))
	p.sealed, p.key, p.body = true, seal.KeyID{1}, make([]byte, 20)
	f.Add(append(p.header(), p.body...))
	f.Fuzz(func(t *testing.T, payload []byte) {
		p, err := parsePiece(payload)
		if err == nil && !bytes.Equal(append(p.header(), p.body...), payload) {
			t.Error("not canonical")
		}
		if err == nil && !isPiece(payload) {
			t.Error("taken, and no piece")
		}
	})
}
