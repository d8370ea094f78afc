package estate

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// mark is where a resource stands: element index of list.
type mark struct {
	at, end     At // end is the first place after it
	list, index int32
}

// marked reads the array at hand, whose elements are resources, and remembers
// where each stands. The parts of path make the array's pointer. Once pointers
// would outgrow the text, they are left to be scanned for.
func (r *reading) marked(path []string, read func(i int)) {
	for _, part := range path {
		r.pointers += len(part)
	}
	if r.pointers > len(r.text) {
		r.array(read)
		return
	}
	n := int32(len(r.e.lists)) //nolint:gosec // fewer lists than bytes
	r.e.lists = append(r.e.lists, strings.Join(path, ""))
	r.array(func(i int) {
		k := len(r.e.marks)
		r.e.marks = append(r.e.marks, mark{at: r.at(), list: n, index: int32(i)}) //nolint:gosec // fewer elements than bytes
		read(i)
		r.e.marks[k].end = At(r.pos) + 1 //nolint:gosec // a text is shorter than 4 GiB, see Options.MaxBytes
	})
}

// within is the innermost resource that holds a place; nil where none does.
func (e *Estate) within(at At) *mark {
	i, found := slices.BinarySearchFunc(e.marks, at, func(m mark, at At) int { return cmp.Compare(m.at, at) })
	if !found {
		i--
	}
	for i >= 0 && e.marks[i].end <= at {
		i--
	}
	if i < 0 {
		return nil
	}
	return &e.marks[i]
}

// Pointer is the RFC 6901 pointer of a place; empty for nowhere (and for the
// whole document). Its cost is a scan of the one resource that holds it.
func (e *Estate) Pointer(at At) string {
	if at == 0 || int(at) > len(e.text) {
		return ""
	}
	s := e.scanner()
	var b strings.Builder
	if m := e.within(at); m != nil {
		b.WriteString(e.lists[m.list] + "/" + strconv.Itoa(int(m.index)))
		s.pos = int(m.at) - 1
	}
	s.descend(int(at)-1, &b)
	return b.String()
}

// scanner begins to read the text anew. It was accepted, so that its depth
// needs no second look.
func (e *Estate) scanner() scanner {
	return scanner{text: e.text, limit: 1 << 20, pos: start(e.text)}
}

// descend walks from the value at hand to the one at offset to.
func (s *scanner) descend(to int, b *strings.Builder) {
	for s.peek() != 0 && s.pos < to {
		step := ""
		enter := func(name string) bool {
			s.peek()
			from := s.pos
			if s.leap(); to >= s.pos {
				return false
			}
			s.pos, step = from, "/"+name
			return true
		}
		switch s.peek() {
		case '{':
			s.open('{')
			for first := true; step == "" && s.more('}', first); first = false {
				enter(escape(s.key()))
			}
		case '[':
			s.open('[')
			for i := 0; step == "" && s.more(']', i == 0); i++ {
				enter(strconv.Itoa(i))
			}
		}
		if step == "" {
			return
		}
		b.WriteString(step)
	}
}

// leap passes the value at hand in a text that was read before, so that it
// need look for nothing but the end.
func (s *scanner) leap() {
	switch s.peek() {
	case '"':
		s.leapString()
	case '{', '[':
		for depth := 0; s.pos < len(s.text); {
			switch s.text[s.pos] {
			case '"':
				s.leapString()
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			if s.pos++; depth == 0 {
				return
			}
		}
	default:
		s.literal()
	}
}

// leapString finds the first quotation mark that no backslash escapes.
func (s *scanner) leapString() {
	for begin := s.pos + 1; ; {
		n := strings.IndexByte(s.text[s.pos+1:], '"')
		if n < 0 {
			s.pos = len(s.text)
			return
		}
		s.pos += n + 1
		inside := s.text[begin:s.pos]
		if (len(inside)-len(strings.TrimRight(inside, `\`)))%2 == 0 {
			s.pos++
			return
		}
	}
}

func escape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// Position is the line and the column, in bytes, of a place, both from 1;
// zeros for nowhere.
func (e *Estate) Position(at At) (line, column int) {
	if at == 0 || int(at) > len(e.text) {
		return 0, 0
	}
	return e.line(at), int(at) - 1 - strings.LastIndexByte(e.text[:at-1], '\n')
}

// Raw is the JSON of the value at a place; empty for nowhere.
func (e *Estate) Raw(at At) string {
	if at == 0 || int(at) > len(e.text) {
		return ""
	}
	s := e.scanner()
	s.pos = int(at) - 1
	s.leap()
	return e.text[at-1 : s.pos]
}
