package topology

import (
	"net/netip"
	"slices"
	"sort"
	"strings"
)

// Range is a range of addresses of one family, both ends included.
type Range struct{ From, To netip.Addr }

// Set is an exact set of addresses: ranges in ascending order, IPv4 before
// IPv6, that neither overlap nor touch. The zero value is empty. A Set is
// never changed once made.
type Set []Range

// everything is every address of both families.
func everything() Set {
	return Set{
		{netip.AddrFrom4([4]byte{}), netip.AddrFrom4([4]byte{255, 255, 255, 255})},
		{netip.IPv6Unspecified(), lastOf(netip.PrefixFrom(netip.IPv6Unspecified(), 0))},
	}
}

// SetOf makes a set of ranges in any order.
func SetOf(ranges ...Range) Set {
	s := slices.Clone(ranges)
	slices.SortFunc(s, func(a, b Range) int { return a.From.Compare(b.From) })
	out := s[:0]
	for _, r := range s {
		if n := len(out); n > 0 && touches(out[n-1], r) {
			if out[n-1].To.Less(r.To) {
				out[n-1].To = r.To
			}
			continue
		}
		out = append(out, r)
	}
	return Set(out)
}

// touches reports whether b, which starts no earlier than a, overlaps a or
// follows it without a gap.
func touches(a, b Range) bool {
	if a.To.BitLen() != b.From.BitLen() {
		return false
	}
	return b.From.Compare(a.To) <= 0 || a.To.Next() == b.From
}

// PrefixRange is the range that a prefix covers.
func PrefixRange(p netip.Prefix) Range {
	p = p.Masked()
	return Range{p.Addr().Unmap(), lastOf(p).Unmap()}
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// One is the set of a single address.
func One(a netip.Addr) Set { return Set{{a, a}} }

// Has reports whether a is in the set.
func (s Set) Has(a netip.Addr) bool {
	if len(s) < 8 {
		for i := range s {
			if s[i].From.Compare(a) <= 0 && a.Compare(s[i].To) <= 0 {
				return true
			}
		}
		return false
	}
	i := sort.Search(len(s), func(i int) bool { return a.Compare(s[i].To) <= 0 })
	return i < len(s) && s[i].From.Compare(a) <= 0
}

// Empty reports whether the set has no address.
func (s Set) Empty() bool { return len(s) == 0 }

// Equal reports whether both sets hold the same addresses.
func (s Set) Equal(o Set) bool { return slices.Equal(s, o) }

// Union is every address of either set.
func (s Set) Union(o Set) Set {
	if len(s) == 0 {
		return o
	}
	if len(o) == 0 {
		return s
	}
	return SetOf(append(slices.Clone(s), o...)...)
}

// Intersect is every address of both sets.
func (s Set) Intersect(o Set) Set {
	var out Set
	for i, j := s.from(o), 0; i < len(s) && j < len(o); {
		if s[i].To.Less(o[j].From) {
			i++
			continue
		}
		if o[j].To.Less(s[i].From) {
			if len(o)-j > 16 {
				j += sort.Search(len(o)-j, func(k int) bool { return !o[j+k].To.Less(s[i].From) })
			} else {
				j++
			}
			continue
		}
		r := Range{later(s[i].From, o[j].From), earlier(s[i].To, o[j].To)}
		out = append(out, r)
		if s[i].To.Less(o[j].To) {
			i++
		} else {
			j++
		}
	}
	return out
}

// from is the first range of s that does not end before o begins.
func (s Set) from(o Set) int {
	if len(o) == 0 || len(s) < 16 {
		return 0
	}
	return sort.Search(len(s), func(i int) bool { return !s[i].To.Less(o[0].From) })
}

// Minus is every address of s that is not in o.
func (s Set) Minus(o Set) Set {
	if len(o) == 0 || len(s) == 0 {
		return s
	}
	var out Set
	j := o.from(s)
	for _, r := range s {
		from, open := r.From, true
		for j < len(o) && o[j].To.Less(from) {
			j++
		}
		for k := j; open && k < len(o) && !r.To.Less(o[k].From); k++ {
			if from.Less(o[k].From) {
				out = append(out, Range{from, o[k].From.Prev()})
			}
			if !o[k].To.Less(r.To) {
				open = false
			} else {
				from = o[k].To.Next()
			}
		}
		if open {
			out = append(out, Range{from, r.To})
		}
	}
	return out
}

// Contains reports whether every address of o is in s.
func (s Set) Contains(o Set) bool { return len(o.Minus(s)) == 0 }

// Meets reports whether the sets share an address.
func (s Set) Meets(o Set) bool { return len(s.Intersect(o)) > 0 }

// String is the set as prefixes and ranges, for people.
func (s Set) String() string {
	if len(s) == 0 {
		return "no address"
	}
	parts := make([]string, len(s))
	for i, r := range s {
		parts[i] = r.String()
	}
	return strings.Join(parts, ", ")
}

// String is the range as a prefix where it is one, else as both ends.
func (r Range) String() string {
	if r.From == r.To {
		return r.From.String()
	}
	for bits := r.From.BitLen(); bits >= 0; bits-- {
		p := netip.PrefixFrom(r.From, bits)
		if p.Masked().Addr() != r.From {
			break
		}
		if lastOf(p) == r.To {
			return p.String()
		}
	}
	return r.From.String() + "–" + r.To.String()
}

func later(a, b netip.Addr) netip.Addr {
	if a.Less(b) {
		return b
	}
	return a
}

func earlier(a, b netip.Addr) netip.Addr {
	if a.Less(b) {
		return a
	}
	return b
}

// parseTerm reads what a rule's field holds: a prefix, an address, or a range
// of addresses with a hyphen.
func parseTerm(s string) (Range, bool) {
	s = strings.TrimSpace(s)
	if p, err := netip.ParsePrefix(s); err == nil {
		return PrefixRange(p), true
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return Range{a.Unmap(), a.Unmap()}, true
	}
	if from, to, ok := strings.Cut(s, "-"); ok {
		a, err1 := netip.ParseAddr(strings.TrimSpace(from))
		b, err2 := netip.ParseAddr(strings.TrimSpace(to))
		if err1 == nil && err2 == nil && a.BitLen() == b.BitLen() && a.Compare(b) <= 0 && a.Zone() == "" && b.Zone() == "" {
			return Range{a.Unmap(), b.Unmap()}, true
		}
	}
	return Range{}, false
}

// public is the address space of the internet: everything but the blocks
// that are not routed there (RFC 6890 and, for 100.64.0.0/10, RFC 6598).
func public() Set {
	var private []Range
	for _, p := range [...]string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
		"172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3", "::/3", "4000::/2", "8000::/1",
	} {
		private = append(private, PrefixRange(netip.MustParsePrefix(p)))
	}
	return everything().Minus(SetOf(private...))
}
