package report

import "bufio"

// indenter indents compact JSON by two spaces a level, as json.Indent does,
// while it passes through. A large report is thus not held a second time, and
// not parsed again: what it is given must be what json.Encoder writes.
type indenter struct {
	to     *bufio.Writer
	depth  int
	text   bool // inside a string
	escape bool // after a backslash in it
	open   bool // after a bracket that nothing has followed yet
}

// Write never fails: the writer below keeps its first error until it is
// flushed.
func (in *indenter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if in.text {
			rest = rest[in.string(rest):]
			continue
		}
		in.byte(rest[0])
		rest = rest[1:]
	}
	return len(p), nil
}

// string copies what of p belongs to the string at hand, and says how much.
func (in *indenter) string(p []byte) int {
	n := 0
	for n < len(p) && in.text {
		switch c := p[n]; {
		case in.escape:
			in.escape = false
		case c == '\\':
			in.escape = true
		case c == '"':
			in.text = false
		}
		n++
	}
	_, _ = in.to.Write(p[:n])
	return n
}

// byte copies one byte outside strings, with the white space around it.
func (in *indenter) byte(c byte) {
	end := c == '}' || c == ']'
	if end {
		in.depth--
	}
	if in.open != end { // the first value within, or the end after the last
		in.line()
	}
	in.open = false
	_ = in.to.WriteByte(c)
	switch c {
	case '"':
		in.text = true
	case '{', '[':
		in.depth++
		in.open = true
	case ',':
		in.line()
	case ':':
		_ = in.to.WriteByte(' ')
	}
}

func (in *indenter) line() {
	_ = in.to.WriteByte('\n')
	for range in.depth {
		_, _ = in.to.WriteString("  ")
	}
}
