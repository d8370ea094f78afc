package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"testing"
)

// What the encoder writes is indented as encoding/json would, in whatever
// pieces it comes.
func FuzzIndent(f *testing.F) {
	for _, doc := range []string{`{}`, `[]`, `[[],{},[{}],{"":[]}]`, `{"a":[1,-2.5e3,true,null,"x"],"b":{"c":"{[,:]}\\\"\n\\\\"}}`, `"\\"`, `7`} {
		f.Add(doc, 1)
		f.Add(doc, 1000)
	}
	f.Fuzz(func(t *testing.T, doc string, piece int) {
		var v any
		if json.Unmarshal([]byte(doc), &v) != nil {
			return
		}
		var compact, want, got bytes.Buffer
		enc := json.NewEncoder(&compact)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
		if err := json.Indent(&want, compact.Bytes(), "", "  "); err != nil {
			t.Fatal(err)
		}
		in := &indenter{to: bufio.NewWriterSize(&got, 16)}
		for rest := compact.Bytes(); len(rest) > 0; {
			n := min(max(piece, 1), len(rest))
			if _, err := in.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := in.to.Flush(); err != nil || got.String() != want.String() {
			t.Fatalf("%q, want %q (%v)", got.String(), want.String(), err)
		}
	})
}

// full takes some bytes and then no more.
type full struct{ left int }

func (w *full) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errors.New("no space left")
	}
	return len(p), nil
}

func TestAFullDiskIsAnError(t *testing.T) {
	for _, f := range formats() {
		for _, left := range []int{0, 100} {
			if err := f.write(&full{left}, big(60)); err == nil {
				t.Errorf("%s: %d bytes were enough", f.ext, left)
			}
		}
	}
}
