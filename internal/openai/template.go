package openai

import "bytes"

// template is an event that was read. Most events of a stream are the one
// before with another word in it, and to see that costs a tenth of reading it
// as JSON (BenchmarkStreamEvent). What was read of such an event holds again:
// only the length of its text is new.
type template struct {
	event []byte   // to the end of its empty line; empty: there is none
	free  []scalar // what may be another in the next event, in order
	null  Span     // the value of a usage that is hidden; empty: there is none

	next  []scalar // of the event that has just ended; empty if it is no template
	nulls Span
}

// scalar is a string's content or a whole number whose value nobody asked for,
// or a text, of which only the length counts.
type scalar struct {
	from, to int32 // small: a thousand streams each look at theirs for every event
	kind     freedom
}

type freedom uint8

const (
	stringFree freedom = iota
	textFree
	numberFree
)

const (
	maxTemplate = 2 << 10 // bytes of an event
	maxFree     = 12      // scalars in it
)

// note remembers the scalar that ends at i.
func (s *scanner) note(kind freedom, i int) {
	if !s.notes || s.leaf != nowhere || kind == numberFree && s.state != numInt {
		return
	}
	from, to := s.textStart, s.offset+int64(i)
	if kind != numberFree {
		from++
	}
	if s.odd = s.odd || len(s.free) == maxFree || to > maxTemplate; !s.odd {
		s.free = append(s.free, scalar{int32(from), int32(to), kind}) //nolint:gosec // at most maxTemplate
	}
}

// learn prepares for keep, when an event has ended and before the next begins.
func (s *Stream) learn() {
	t, r := &s.last, &s.reader
	t.next, t.nulls = t.next[:0], Span{}
	if s.terminal || s.hidden || s.dataLines != 1 || r.odd || r.state != ended {
		return
	}
	base := s.dataFrom - s.eventFrom
	if base > maxTemplate {
		return
	}
	for _, f := range r.free {
		t.next = append(t.next, scalar{int32(base) + f.from, int32(base) + f.to, f.kind}) //nolint:gosec // base is at most maxTemplate
	}
	if n := len(s.cuts); n > 0 && s.cuts[n-1].from >= s.eventFrom {
		c := s.cuts[n-1]
		t.nulls = Span{int(c.from - s.eventFrom), int(c.to - s.eventFrom)}
	}
}

// keep takes the event that learn saw, if all of it came together.
func (t *template) keep(event []byte) {
	if len(t.next) == 0 || len(event) > maxTemplate || !bytes.HasSuffix(event, []byte("\n\n")) {
		return
	}
	t.event = append(t.event[:0], event...)
	t.free, t.next, t.null = t.next, t.free[:0], t.nulls
}

// again takes a whole event at the start of p that is like the last one, and
// gives its length. At 0 it is none, and is to be read; then the template is
// gone, for what an event says holds until the next that says otherwise.
func (s *Stream) again(p []byte) int {
	t := &s.last
	n, null, text := t.match(p)
	if n == 0 || n > maxHeld || s.terminal {
		t.event = t.event[:0]
		return 0
	}
	if t.null.End > 0 {
		from := s.position + int64(null)
		s.cuts = append(s.cuts, cut{from, from + int64(t.null.End-t.null.Start), true})
	}
	s.reader.found.TextBytes += int64(text)
	s.position += int64(n)
	s.eventFrom, s.holdFrom, s.hidden = s.position, s.position, false
	return n
}

// match gives the length of the event at the start of p if it is like t, where
// in it the value of usage begins, and the length of its texts.
func (t *template) match(p []byte) (n, null, text int) {
	at := 0 // in the template, as n is in p
	for k := 0; ; k++ {
		end := len(t.event)
		if k < len(t.free) && end > 0 {
			end = int(t.free[k].from)
		}
		if end == 0 || !bytes.HasPrefix(p[n:], t.event[at:end]) {
			return 0, 0, 0
		}
		if at <= t.null.Start && t.null.Start < end {
			null = n + t.null.Start - at
		}
		if n += end - at; end == len(t.event) {
			return n, null, text
		}
		free, from, spare := t.free[k], n, 0
		if at = int(free.to); free.kind == numberFree {
			n = skipNumber(p, n)
		} else {
			n, spare = skipString(p, n)
		}
		if n < 0 {
			return 0, 0, 0
		}
		if free.kind == textFree {
			text += n - from - spare
		}
	}
}

// skipNumber finds the end of a whole number that has no leading zero; -1 if
// there is none.
func skipNumber(p []byte, i int) int {
	if i == len(p) || p[i] < '1' || p[i] > '9' {
		return -1
	}
	for i < len(p) && p[i] >= '0' && p[i] <= '9' {
		i++
	}
	return i
}

// skipString finds the end of a string's content, and how many bytes its
// escapes take beyond what they stand for; -1 if it has no end or is wrong.
func skipString(p []byte, i int) (end, spare int) {
	for {
		if i = skipPlain(p, i); i+1 >= len(p) || p[i] < ' ' {
			return -1, 0
		}
		if p[i] == '"' {
			return i, spare
		}
		switch p[i+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			i, spare = i+2, spare+1
		case 'u':
			if i += 6; i > len(p) || !isHex(p[i-4]) || !isHex(p[i-3]) || !isHex(p[i-2]) || !isHex(p[i-1]) {
				return -1, 0
			}
			spare += 6 - int(escapedSize(hexDigit(p[i-4])<<4|hexDigit(p[i-3])))
		default:
			return -1, 0
		}
	}
}
