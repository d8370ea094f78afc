package posture

import (
	"bytes"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/estate/estatetest"
	"github.com/ostiary/ostiary/internal/topology"
)

// Reading included, as the bound is stated.
func BenchmarkJudge(b *testing.B) {
	for name, size := range map[string]estatetest.Size{
		"usual": {VNets: 60, Rules: 600, Endpoints: 3},
		"full":  estatetest.Full,
	} {
		b.Run(name, func(b *testing.B) {
			var doc bytes.Buffer
			if err := estatetest.Big(&doc, size); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(doc.Len()))
			b.ReportAllocs()
			for b.Loop() {
				e, err := estate.Read(bytes.NewReader(doc.Bytes()), estate.Options{})
				if err != nil {
					b.Fatal(err)
				}
				r := Judge(e, topology.New(e, topology.Config{}), Options{Now: now()})
				if len(r.Accounts) != size.Endpoints {
					b.Fatalf("%d accounts", len(r.Accounts))
				}
			}
		})
	}
}
