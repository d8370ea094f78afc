package estate

import (
	"slices"
	"strconv"
	"strings"
)

// mark is where a resource stands: element index of list.
type mark struct {
	at          At
	list, index int32
}

// Pointer is the RFC 6901 pointer of a place; empty for nowhere (and for the
// whole document). Its cost is a scan of the one resource that holds it.
func (e *Estate) Pointer(at At) string {
	if at == 0 || int(at) > len(e.text) {
		return ""
	}
	s := scanner{text: e.text, limit: 1 << 20}
	var b strings.Builder
	i, found := slices.BinarySearchFunc(e.marks, at, func(m mark, at At) int { return int(int64(m.at) - int64(at)) })
	if !found {
		i--
	}
	if i >= 0 {
		b.WriteString(e.lists[e.marks[i].list] + "/" + strconv.Itoa(int(e.marks[i].index)))
		s.pos = int(e.marks[i].at) - 1
	}
	s.descend(int(at)-1, &b)
	return b.String()
}

// descend walks from the value at hand to the one at offset to.
func (s *scanner) descend(to int, b *strings.Builder) {
	for s.peek() != 0 && s.pos < to {
		step := ""
		enter := func(name string) bool {
			s.peek()
			from := s.pos
			if s.skip(); s.err != nil || to >= s.pos {
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

func escape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// Position is the line and the column, in bytes, of a place, both from 1;
// zeros for nowhere.
func (e *Estate) Position(at At) (line, column int) {
	if at == 0 || int(at) > len(e.text) {
		return 0, 0
	}
	before := e.text[:at-1]
	return 1 + strings.Count(before, "\n"), len(before) - strings.LastIndexByte(before, '\n')
}

// Raw is the JSON of the value at a place; empty for nowhere.
func (e *Estate) Raw(at At) string {
	if at == 0 || int(at) > len(e.text) {
		return ""
	}
	s := scanner{text: e.text, limit: 1 << 20, pos: int(at) - 1}
	s.skip()
	return e.text[at-1 : s.pos]
}
