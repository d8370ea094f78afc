package topology

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// The sets are held against plain maps of addresses in a small block that
// touches both ends of its family.
func TestSetsAgreeWithMaps(t *testing.T) {
	block := func(i int) netip.Addr {
		if i < 32 {
			return netip.AddrFrom4([4]byte{0, 0, 0, byte(i)})
		}
		return netip.AddrFrom4([4]byte{255, 255, 255, byte(192 + i)})
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	draw := func() (Set, map[netip.Addr]bool) {
		var ranges []Range
		in := map[netip.Addr]bool{}
		for range rnd.IntN(12) {
			p := rnd.IntN(64)
			end := min(p+rnd.IntN(10), p|31)
			ranges = append(ranges, Range{block(p), block(end)})
			for i := p; i <= end; i++ {
				in[block(i)] = true
			}
		}
		return SetOf(ranges...), in
	}
	for range 2000 {
		a, inA := draw()
		b, inB := draw()
		for name, got := range map[string]Set{"union": a.Union(b), "intersect": a.Intersect(b), "minus": a.Minus(b)} {
			for i := range 64 {
				x := block(i)
				want := map[string]bool{"union": inA[x] || inB[x], "intersect": inA[x] && inB[x], "minus": inA[x] && !inB[x]}[name]
				if got.Has(x) != want {
					t.Fatalf("%v %s %v: %v is %v", a, name, b, x, got.Has(x))
				}
			}
			for i := 1; i < len(got); i++ {
				if got[i].From.Compare(got[i-1].To) <= 0 || touches(got[i-1], got[i]) {
					t.Fatalf("%s is not in normal form: %v", name, got)
				}
			}
		}
		if a.Contains(b) != (len(b.Minus(a)) == 0) || a.Meets(b) != b.Meets(a) {
			t.Fatal("Contains or Meets")
		}
	}
}

func TestSetPrints(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.0.0/24":          "10.0.0.0/24",
		"10.0.0.4":             "10.0.0.4",
		"10.0.0.1-10.0.0.2":    "10.0.0.1–10.0.0.2",
		"0.0.0.0/0":            "0.0.0.0/0",
		"2001:db8::/32":        "2001:db8::/32",
		" 10.1.0.0-10.1.0.255": "10.1.0.0/24",
	} {
		r, ok := parseTerm(in)
		if got := SetOf(r).String(); !ok || got != want {
			t.Errorf("%q: %q, %v", in, got, ok)
		}
	}
	for _, bad := range []string{"", "10.0.0.0/33", "VirtualNetwork", "10.0.0.2-10.0.0.1", "10.0.0.1-::1", "fe80::1%eth0"} {
		if r, ok := parseTerm(bad); ok {
			t.Errorf("%q reads as %v", bad, r)
		}
	}
	if s := public(); s.Has(netip.MustParseAddr("10.0.0.1")) || !s.Has(netip.MustParseAddr("8.8.8.8")) || !s.Has(netip.MustParseAddr("2603:1000::1")) || s.Has(netip.MustParseAddr("fd00::1")) {
		t.Errorf("public is %v", s)
	}
}
