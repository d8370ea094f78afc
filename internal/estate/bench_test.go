package estate_test

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/estate/estatetest"
)

// BenchmarkReadARM reads the estate that the bounds are stated for.
func BenchmarkReadARM(b *testing.B) {
	var doc bytes.Buffer
	if err := estatetest.Big(&doc, estatetest.Full); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(doc.Len()))
	b.ReportAllocs()
	for b.Loop() {
		e, err := estate.Read(bytes.NewReader(doc.Bytes()), estate.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "heap-MiB")
		if len(e.Accounts) != estatetest.Full.Endpoints {
			b.Fatalf("%d accounts read", len(e.Accounts))
		}
		b.StartTimer()
	}
}
