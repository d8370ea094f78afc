package openai

import "bytes"

// cut is a part of a stream that its client must not see, by positions in the
// stream. A member is cut with its name and one comma.
type cut struct {
	from, to int64
	member   bool
}

// HideUsage makes Release leave out what a backend adds to a stream because it
// was asked for its usage: the event with the usage and no choices, and the
// member usage with the value null of all others (OpenAI's API reference, chat
// completion chunk, stream_options). It comes before the first Feed. What the
// backend then sends otherwise, a usage in an event with choices for example,
// is not what was asked for and stays.
func (s *Stream) HideUsage() {
	s.hide = true
	s.reader.counted = atChoices
}

// Release is told of the next bytes that may go to the client, in place, and
// gives those that do: what is to be hidden is taken out and the rest closes
// up. All that was fed must be released in order.
func (s *Stream) Release(ready []byte) []byte {
	base := s.released
	s.released += int64(len(ready))
	if len(s.cuts) == 0 {
		return ready
	}
	kept, from := ready[:0], 0
	for _, c := range s.cuts {
		start, end := int(c.from-base), int(c.to-base)
		if start < from || end > len(ready) {
			continue
		}
		if c.member {
			if start, end = memberAt(ready, start, end); start < from {
				continue
			}
		}
		kept = append(kept, ready[from:start]...)
		from = end
	}
	s.cuts = s.cuts[:0]
	return append(kept, ready[from:]...)
}

// memberAt widens a value to its member usage: name, value, and the comma
// before it, or else the one after it. Where the name is written in another way
// the start is -1.
func memberAt(p []byte, start, end int) (int, int) {
	const blank = " \t"
	before := func(i int) int { return len(bytes.TrimRight(p[:i], blank)) }
	colon := before(start) - 1
	if colon < 0 || p[colon] != ':' {
		return -1, 0
	}
	const name = `"usage"`
	head := p[:before(colon)]
	if !bytes.HasSuffix(head, []byte(name)) {
		return -1, 0
	}
	first := len(head) - len(name)
	if i := before(first) - 1; i >= 0 && p[i] == ',' {
		return i, end
	}
	rest := bytes.TrimLeft(p[end:], blank)
	if len(rest) > 0 && rest[0] == ',' {
		rest = bytes.TrimLeft(rest[1:], blank)
		return first, len(p) - len(rest)
	}
	return first, end
}

// note finds out what of the event that ends at position end is to be hidden.
func (s *Stream) note(end int64) {
	at := s.reader.usageAt
	switch {
	case !s.hide || s.terminal || s.dataLines != 1 || s.reader.usages != 1 || end-s.eventFrom > maxHeld || s.reader.finish() != nil:
	case s.reader.nullUsage:
		s.cuts = append(s.cuts, cut{s.dataFrom + int64(at.Start), s.dataFrom + int64(at.End), true})
	case s.reader.items == 1: // choices, and nothing in it
		s.cuts = append(s.cuts, cut{s.eventFrom, end, false})
		s.hidden = true
	}
}
