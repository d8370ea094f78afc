package topology_test

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/estate/estatetest"
	"github.com/ostiary/ostiary/internal/topology"
)

// big is the estate that the bounds are stated for: 10,000 networks, 100,000
// rules, 200 endpoints.
func big(b *testing.B) *estate.Estate {
	b.Helper()
	var doc bytes.Buffer
	if err := estatetest.Big(&doc, estatetest.Full); err != nil {
		b.Fatal(err)
	}
	e, err := estate.Read(&doc, estate.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return e
}

func heap(b *testing.B) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "heap-MiB")
}

func BenchmarkNew(b *testing.B) {
	e := big(b)
	for b.Loop() {
		topology.New(e, topology.Config{})
	}
	heap(b)
}

// BenchmarkFlow asks from a spoke's subnet through the peering to the
// endpoint in its hub.
func BenchmarkFlow(b *testing.B) {
	topo := topology.New(big(b), topology.Config{})
	from, ok := topo.AddressIn(estatetest.VNetID(150), addr("10.1.50.7"))
	to, ok2 := topo.TargetOf(estatetest.EndpointID(1, estatetest.Full.Hubs()))
	if f := topo.Flow(from, to, https); !ok || !ok2 || f.Verdict != topology.Allowed || len(f.Hops) < 4 {
		b.Fatalf("%v", f)
	}
	b.ReportAllocs()
	for b.Loop() {
		topo.Flow(from, to, https)
	}
}

// BenchmarkReach works out the sources of all 200 accounts, their endpoints
// included.
func BenchmarkReach(b *testing.B) {
	e := big(b)
	topo := topology.New(e, topology.Config{})
	groups := 0
	for b.Loop() {
		for _, a := range e.Accounts {
			to, _ := topo.TargetOf(a.ID)
			groups += len(topo.Reach(to, https).Groups)
		}
	}
	if groups == 0 {
		b.Fatal("no groups")
	}
	heap(b)
}

// BenchmarkWhole reads and judges: what a user waits for.
func BenchmarkWhole(b *testing.B) {
	var doc bytes.Buffer
	if err := estatetest.Big(&doc, estatetest.Full); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(doc.Len()))
	for b.Loop() {
		e, err := estate.Read(bytes.NewReader(doc.Bytes()), estate.Options{})
		if err != nil {
			b.Fatal(err)
		}
		topo := topology.New(e, topology.Config{})
		for _, a := range e.Accounts {
			to, _ := topo.TargetOf(a.ID)
			topo.Reach(to, https)
		}
	}
	heap(b)
}
