package sink

import (
	"path/filepath"
	"testing"
)

// One transaction of 500 calls; ns/op is for one call.
func BenchmarkSQLite(b *testing.B) {
	s, err := OpenSQLite(filepath.Join(b.TempDir(), "calls.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	batch := make([]Entry, 0, 500)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		e := someEntry(n, "")
		e.Bodies = ""
		if batch = append(batch, e); len(batch) == cap(batch) {
			if err := s.Write(b.Context(), "log", batch, Cursor{Next: uint64(n)}); err != nil {
				b.Fatal(err)
			}
			batch = batch[:0]
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	e := someEntry(1, "")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encode(&e, FormatOstiary); err != nil {
			b.Fatal(err)
		}
	}
}
