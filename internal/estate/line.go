package estate

import (
	"strconv"
	"strings"
	"sync"
)

// lineBlock is how many bytes of text share one count of the lines before
// them: small enough to count within, large enough that the counts of the
// longest document fit in a few hundred kilobytes.
const lineBlock = 16 << 10

// lineIndex is what Line looks up, made when first asked for.
type lineIndex struct {
	count  sync.Once
	before []uint32 // line ends before each block

	place sync.Once
	lists map[string][]At // places of the elements, by the pointer of their list
}

// Line is the line, from 1, on which the value begins that an RFC 6901 pointer
// leads to; 0 where it leads nowhere. Of two members of one name it takes the
// first. Lines end in LF, with or without CR. Its cost is a scan of the one
// resource on the way, after a pass over the document at the first call.
func (e *Estate) Line(pointer string) int {
	if at := e.place(pointer); at != 0 {
		return e.line(at)
	}
	return 0
}

// line is the line of a place in the text.
func (e *Estate) line(at At) int {
	e.index.count.Do(func() {
		e.index.before = make([]uint32, 0, len(e.text)/lineBlock+1)
		n := uint32(0)
		for from := 0; from < len(e.text); from += lineBlock {
			e.index.before = append(e.index.before, n)
			n += uint32(strings.Count(e.text[from:min(from+lineBlock, len(e.text))], "\n")) //nolint:gosec // fewer than bytes
		}
	})
	offset := int(at) - 1
	block := offset / lineBlock
	return 1 + int(e.index.before[block]) + strings.Count(e.text[block*lineBlock:offset], "\n")
}

// place is where a pointer leads, or 0. It enters the text at the innermost
// resource on the way.
func (e *Estate) place(pointer string) At {
	e.index.place.Do(func() {
		e.index.lists = make(map[string][]At, len(e.lists))
		for _, m := range e.marks {
			if list := e.lists[m.list]; int(m.index) == len(e.index.lists[list]) {
				e.index.lists[list] = append(e.index.lists[list], m.at)
			}
		}
	})
	s, rest := e.scanner(), pointer
	for cut := strings.LastIndexByte(pointer, '/'); cut >= 0; cut = strings.LastIndexByte(pointer[:cut], '/') {
		list := e.index.lists[pointer[:cut]]
		token, after := first(pointer[cut:])
		if i, ok := arrayIndex(token); ok && i < len(list) {
			s.pos, rest = int(list[i])-1, after
			break
		}
	}
	if !s.follow(rest) {
		return 0
	}
	return At(s.pos) + 1 //nolint:gosec // a text is shorter than 4 GiB, see Options.MaxBytes
}

// follow goes from the value at hand to the one that pointer leads to, and
// reports whether there is one.
func (s *scanner) follow(pointer string) bool {
	for pointer != "" {
		if pointer[0] != '/' {
			return false
		}
		var token string
		if token, pointer = first(pointer); !s.step(token) {
			return false
		}
	}
	return s.peek() != 0
}

// step enters the member or element that a pointer's token names.
func (s *scanner) step(token string) bool {
	switch s.peek() {
	case '{':
		s.open('{')
		for first := true; s.more('}', first); first = false {
			if escape(s.key()) == token { // each key has one form, so that no token needs unescaping
				return true
			}
			s.leap()
		}
	case '[':
		n, ok := arrayIndex(token)
		s.open('[')
		for i := 0; ok && s.more(']', i == 0); i++ {
			if i == n {
				return true
			}
			s.leap()
		}
	}
	return false
}

// first splits the first token off a pointer that begins with a slash.
func first(pointer string) (token, rest string) {
	if i := strings.IndexByte(pointer[1:], '/'); i >= 0 {
		return pointer[1 : i+1], pointer[i+1:]
	}
	return pointer[1:], ""
}

// arrayIndex reads an index as RFC 6901, section 4, writes it: no sign, no
// leading zero.
func arrayIndex(token string) (int, bool) {
	n, err := strconv.Atoi(token)
	return n, err == nil && n >= 0 && strconv.Itoa(n) == token
}
