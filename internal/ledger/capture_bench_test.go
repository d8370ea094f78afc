//go:build unix

package ledger

import (
	"bytes"
	"fmt"
	"testing"
)

// BenchmarkBody takes a body of 1 KB as the gateway hands it over, up to what
// its record takes along. Sealing is what full costs over metadata.
func BenchmarkBody(b *testing.B) {
	for _, capture := range []Capture{None, Metadata, Full} {
		b.Run(string(capture), func(b *testing.B) {
			l := sealedTo(b, b.TempDir(), BodyConfig{}, newIdentity(b))
			id, body := l.NewID(), bytes.Repeat([]byte("0123456789abcdef"), 64)
			call := Call{Subject: "somebody", Capture: capture}
			b.ReportAllocs()
			cpu := cpuTime()
			for b.Loop() {
				w := l.Body(id, Request, call)
				_, _ = w.Write(body)
				if got := w.End(); got.Bytes != 1024 || (got.Pieces == 1) != (capture == Full) {
					b.Fatal(fmt.Sprint(got))
				}
			}
			b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
		})
	}
}
