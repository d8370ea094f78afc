package render

import "strings"

// Stream lays out a text that is still being written. Blocks that are finished
// are laid out once; the one in hand again whenever it is asked for, so that
// the work does not grow with what came before. Where a block is cut off its
// neighbours may differ a little from the whole (a loose list); HTML lays the
// finished text out anew.
//
// It is for one goroutine.
type Stream struct {
	r      *Renderer
	text   strings.Builder
	closed []string // laid out

	start   int    // of the block in hand
	scanned int    // up to here its lines were looked at
	fence   string // of the code that the last line stands in
	math    string // what ends the formula that the last line stands in
	mathAt  int    // where it began
	blank   bool   // the last line was empty
	list    bool   // the block in hand is a list
}

// Stream begins a text.
func (r *Renderer) Stream() *Stream { return &Stream{r: r} }

// Add takes the next piece.
func (s *Stream) Add(piece string) {
	s.text.WriteString(piece)
	all := s.text.String()
	for {
		n := strings.IndexByte(all[s.scanned:], '\n')
		if n < 0 {
			return
		}
		s.line(all, all[s.scanned:s.scanned+n], s.scanned+n+1)
	}
}

// Text is all of it.
func (s *Stream) Text() string { return s.text.String() }

// Closed are the blocks that are finished. They do not change any more.
func (s *Stream) Closed() []string { return s.closed }

// Open is the block in hand, as far as it has come; empty for none.
func (s *Stream) Open() string {
	rest := s.text.String()[s.start:]
	if strings.TrimSpace(rest) == "" {
		return ""
	}
	return s.r.html(s.r.quick, rest)
}

// line looks at one line, which ends at next.
func (s *Stream) line(all, line string, next int) {
	begin := s.scanned
	s.scanned = next
	trimmed := strings.TrimSpace(line)
	switch {
	case s.fence != "":
		if marks := fenceOf(trimmed); strings.HasPrefix(marks, s.fence) && marks == trimmed {
			s.fence = ""
			if !s.list {
				s.close(all, next)
			}
		}
		return
	case s.math != "":
		if strings.Contains(trimmed, s.math) || begin-s.mathAt > maxTeX {
			s.math = ""
		}
		return
	case trimmed == "":
		s.blank = true
		return
	}
	item := isItem(trimmed)
	if s.blank && line[0] != ' ' && line[0] != '\t' && (!s.list || !item) {
		s.close(all, begin)
	}
	if begin == s.start || s.start == next {
		s.list = item
	}
	s.blank = false
	if s.fence = fenceOf(trimmed); s.fence == "" {
		s.math, s.mathAt = mathOf(trimmed), begin
	}
}

// close finishes the block in hand, which ends where given.
func (s *Stream) close(all string, end int) {
	if block := all[s.start:end]; strings.TrimSpace(block) != "" {
		s.closed = append(s.closed, s.r.html(s.r.whole, block))
	}
	s.start, s.blank, s.list = end, false, false
}

// fenceOf is the row of ``` or ~~~ that a line begins with.
func fenceOf(line string) string {
	for _, mark := range []string{"`", "~"} {
		n := len(line) - len(strings.TrimLeft(line, mark))
		if n >= 3 && (mark == "~" || !strings.Contains(line[n:], "`")) {
			return line[:n]
		}
	}
	return ""
}

// mathOf is what ends the formula that a line leaves open.
func mathOf(line string) string {
	for open, closer := range map[string]string{"$$": "$$", `\[`: `\]`} {
		if rest, ok := strings.CutPrefix(line, open); ok && !strings.Contains(rest, closer) {
			return closer
		}
	}
	return ""
}

// isItem says whether a line begins an item of a list.
func isItem(line string) bool {
	if len(line) > 1 && strings.IndexByte("-*+", line[0]) >= 0 && line[1] == ' ' {
		return true
	}
	digits := strings.TrimLeft(line, "0123456789")
	return len(digits) < len(line) && len(digits) > 1 && strings.IndexByte(".)", digits[0]) >= 0 && digits[1] == ' '
}
