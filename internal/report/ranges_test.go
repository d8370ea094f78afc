package report

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestRanges(t *testing.T) {
	for _, c := range []struct{ name, a, b, minus, plus string }{
		{"the same", "10.0.0.0/16", "10.0.0.0/16", "", "10.0.0.0/16"},
		{"a hole", "10.0.0.0/24", "10.0.0.64-10.0.0.127", "10.0.0.0/26 10.0.0.128/25", "10.0.0.0/24"},
		{"the first address", "10.0.0.0/30", "10.0.0.0", "10.0.0.1-10.0.0.3", "10.0.0.0/30"},
		{"touching", "10.0.0.0/25 10.0.0.128/25", "", "10.0.0.0/24", "10.0.0.0/24"},
		{"not masked", "10.0.0.7/24", "", "10.0.0.0/24", "10.0.0.0/24"},
		{"everything", "0.0.0.0/0", "128.0.0.0/1", "0.0.0.0/1", "0.0.0.0/0"},
		{"the last address", "255.255.255.255", "255.255.255.254/31", "", "255.255.255.254/31"},
		{"both families", "10.0.0.0/8 fd00::/8", "fd00::/9", "10.0.0.0/8 fd80::/9", "10.0.0.0/8 fd00::/8"},
		{"families do not mix", "::/0", "0.0.0.0/0", "::/0", "0.0.0.0/0 ::/0"},
		{"words", "any 10.0.0.1", "any", "10.0.0.1", "10.0.0.1 any"},
		{"no range", "10.0.0.9-10.0.0.1 10.0.0.1-fd00::1 fe80::1%eth0", "", "10.0.0.1-fd00::1 10.0.0.9-10.0.0.1 fe80::1%eth0", "10.0.0.1-fd00::1 10.0.0.9-10.0.0.1 fe80::1%eth0"},
	} {
		a, b := setOf(strings.Fields(c.a)), setOf(strings.Fields(c.b))
		if got := strings.Join(a.minus(b).texts(), " "); got != c.minus {
			t.Errorf("%s: minus is %q, want %q", c.name, got, c.minus)
		}
		if got := strings.Join(a.plus(b).texts(), " "); got != c.plus {
			t.Errorf("%s: plus is %q, want %q", c.name, got, c.plus)
		}
	}
}

// members counts a set out, in the 256 addresses of 10.0.0.0/24.
func members(a addresses) (in [256]bool) {
	for _, s := range a.spans {
		for addr := s.first; addr.IsValid() && addr.Compare(s.last) <= 0; addr = addr.Next() {
			in[addr.As4()[3]] = true
		}
	}
	return in
}

// Interval arithmetic against counting, on sets small enough to count.
func TestRangesAgainstCounting(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	random := func() (ranges []string, in [256]bool) {
		for range rng.IntN(6) {
			from := rng.IntN(256)
			to := from + rng.IntN(256-from)
			ranges = append(ranges, fmt.Sprintf("10.0.0.%d-10.0.0.%d", from, to))
			for i := from; i <= to; i++ {
				in[i] = true
			}
		}
		return ranges, in
	}
	for range 5000 {
		ra, ma := random()
		rb, mb := random()
		a, b := setOf(ra), setOf(rb)
		var minus, plus [256]bool
		for i := range 256 {
			minus[i], plus[i] = ma[i] && !mb[i], ma[i] || mb[i]
		}
		if members(a.minus(b)) != minus || members(a.plus(b)) != plus {
			t.Fatalf("%v and %v: minus %v, plus %v", ra, rb, a.minus(b).texts(), a.plus(b).texts())
		}
		if back := setOf(a.minus(b).texts()); !reflect.DeepEqual(back, a.minus(b)) {
			t.Fatalf("%v reads back as %v", a.minus(b).texts(), back.texts())
		}
	}
}

func FuzzRanges(f *testing.F) {
	f.Add("10.0.0.0/8", "10.1.0.0-10.2.0.0")
	f.Add("::/0", "ffff::-ffff:ffff::")
	f.Add("any", "0.0.0.0/0")
	f.Fuzz(func(t *testing.T, x, y string) {
		a, b := setOf([]string{x}), setOf([]string{y})
		left := a.minus(b)
		if whole := left.plus(b); !slices.Equal(whole.texts(), a.plus(b).texts()) {
			t.Errorf("(%q minus %q) plus %q is %v, want %v", x, y, y, whole.texts(), a.plus(b).texts())
		}
		for _, s := range left.spans {
			if s.first.Compare(s.last) > 0 || s.first == (netip.Addr{}) {
				t.Errorf("%q minus %q has the span %v", x, y, s)
			}
		}
	})
}
