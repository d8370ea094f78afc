package report

import (
	"net/netip"
	"slices"
	"strings"
)

// span is a run of addresses of one family, both ends included.
type span struct{ first, last netip.Addr }

// addresses is a set of addresses as sorted spans that do not touch, and the
// texts that are no addresses ("any"), which compare as they stand.
type addresses struct {
	spans []span
	words []string
}

// setOf reads ranges: a prefix, an address, or first-last.
func setOf(ranges []string) addresses {
	var set addresses
	for _, text := range ranges {
		if s, ok := parseSpan(text); ok {
			set.spans = append(set.spans, s)
		} else {
			set.words = append(set.words, text)
		}
	}
	set.spans = union(set.spans)
	slices.Sort(set.words)
	set.words = slices.Compact(set.words)
	return set
}

func parseSpan(text string) (span, bool) {
	text = strings.TrimSpace(text)
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return span{prefix.Masked().Addr(), lastOf(prefix)}, true
	}
	first, last, ranged := strings.Cut(text, "-")
	if !ranged {
		last = first
	}
	from, err1 := netip.ParseAddr(strings.TrimSpace(first))
	to, err2 := netip.ParseAddr(strings.TrimSpace(last))
	if err1 != nil || err2 != nil || from.Zone() != "" || to.Zone() != "" {
		return span{}, false
	}
	return span{from, to}, from.BitLen() == to.BitLen() && from.Compare(to) <= 0
}

// lastOf is the highest address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	bytes := p.Addr().AsSlice()
	for i := range bytes {
		if keep := p.Bits() - 8*i; keep < 8 {
			bytes[i] |= 0xff >> max(0, keep)
		}
	}
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}

// union sorts spans and joins those that overlap or touch. netip orders IPv4
// before IPv6, so that families never mix.
func union(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return a.first.Compare(b.first) })
	var out []span
	for _, s := range spans {
		n := len(out)
		if n > 0 && sameFamily(out[n-1], s) && (s.first.Compare(out[n-1].last) <= 0 || s.first == out[n-1].last.Next()) {
			if out[n-1].last.Less(s.last) {
				out[n-1].last = s.last
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

func sameFamily(a, b span) bool { return a.first.BitLen() == b.first.BitLen() }

func (a addresses) plus(b addresses) addresses {
	words := slices.Concat(a.words, b.words)
	slices.Sort(words)
	return addresses{union(slices.Concat(a.spans, b.spans)), slices.Compact(words)}
}

func (a addresses) minus(b addresses) addresses {
	var out addresses
	for _, word := range a.words {
		if _, found := slices.BinarySearch(b.words, word); !found {
			out.words = append(out.words, word)
		}
	}
	next := 0
	for _, s := range a.spans {
		for next < len(b.spans) && b.spans[next].last.Less(s.first) {
			next++
		}
		out.spans = append(out.spans, cutSpan(s, b.spans[next:])...)
	}
	return out
}

// cutSpan is s without holes, which are sorted and end after s begins.
func cutSpan(s span, holes []span) []span {
	var out []span
	for _, hole := range holes {
		if s.last.Less(hole.first) {
			break
		}
		if !sameFamily(s, hole) {
			continue
		}
		if s.first.Less(hole.first) {
			out = append(out, span{s.first, hole.first.Prev()})
		}
		if !hole.last.Less(s.last) {
			return out
		}
		s.first = hole.last.Next()
	}
	return append(out, s)
}

func (a addresses) empty() bool { return len(a.spans) == 0 && len(a.words) == 0 }

// texts writes the set as setOf reads it: as a prefix where a span is one.
func (a addresses) texts() []string {
	out := []string{}
	for _, s := range a.spans {
		out = append(out, s.String())
	}
	return append(out, a.words...)
}

func (s span) String() string {
	if s.first == s.last {
		return s.first.String()
	}
	for bits := range s.first.BitLen() {
		if p, err := s.first.Prefix(bits); err == nil && p.Addr() == s.first && lastOf(p) == s.last {
			return p.String()
		}
	}
	return s.first.String() + "-" + s.last.String()
}
