package posture

import (
	"bytes"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/posture/corpus"
	"github.com/ostiary/ostiary/internal/topology"
)

// Whatever the reader accepts is judged without a panic, and every finding has
// words.
func FuzzJudge(f *testing.F) {
	for _, g := range corpus.Good() {
		f.Add(g.JSON, "snet-apps")
	}
	f.Add([]byte(small()), "10.0.1.0/24")
	f.Add([]byte(plan()), "")
	f.Fuzz(func(t *testing.T, doc []byte, client string) {
		e, err := estate.Read(bytes.NewReader(doc), estate.Options{MaxBytes: 1 << 20})
		if err != nil {
			return
		}
		o := Options{Now: now()}
		if client != "" {
			o.Clients = []string{client}
		}
		for _, finding := range Judge(e, topology.New(e, topology.Config{}), o).Findings {
			if lacks := incomplete(finding); lacks == "words" {
				t.Errorf("%+v", finding)
			}
		}
	})
}
