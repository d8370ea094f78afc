package estate

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/ostiary/ostiary/internal/fault"
)

// scanner reads one JSON text (RFC 8259) in a single pass over a string, so
// that the strings it returns share the text's memory and every value's place
// is its offset. It is strict (no comments, no trailing commas, no raw control
// characters), bounded in depth, and its first error sticks: afterwards every
// method returns zero values at once, so that callers need not check each.
type scanner struct {
	text  string
	pos   int
	depth int
	limit int // deepest nesting accepted
	err   *fault.Error
}

func (s *scanner) fail(what, fix string) {
	if s.err == nil {
		s.err = fault.New(fault.Invalid, what).At("byte " + strconv.Itoa(s.pos)).Fix(fix)
	}
}

// peek skips white space and returns the next byte, or 0 at the end or after
// an error.
func (s *scanner) peek() byte {
	if s.err != nil {
		return 0
	}
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// expect consumes c or fails.
func (s *scanner) expect(c byte) bool {
	if s.peek() == c && s.err == nil {
		s.pos++
		return true
	}
	s.unexpected("'" + string(rune(c)) + "'")
	return false
}

func (s *scanner) unexpected(wanted string) {
	if s.pos >= len(s.text) {
		s.fail("the JSON ends too early, where "+wanted+" was expected", "export the document again, whole")
		return
	}
	s.fail("malformed JSON: "+strconv.QuoteRune(rune(s.text[s.pos]))+" where "+wanted+" was expected", "export the document again as JSON")
}

// open enters an object or array.
func (s *scanner) open(c byte) bool {
	if !s.expect(c) {
		return false
	}
	if s.depth++; s.depth > s.limit {
		s.fail("nested deeper than "+strconv.Itoa(s.limit)+" levels", "this is no document of Azure or Terraform")
		return false
	}
	return true
}

// more reports whether another element follows in the object or array that
// ends in end, and consumes the separator or the end. first is true before
// the first element.
func (s *scanner) more(end byte, first bool) bool {
	switch c := s.peek(); {
	case s.err != nil:
	case c == end:
		s.pos++
		s.depth--
	case first:
		return true
	case c == ',':
		s.pos++
		if s.peek() != end {
			return true
		}
		s.unexpected("another element")
	default:
		s.unexpected("',' or '" + string(rune(end)) + "'")
	}
	return false
}

// key reads an object's key and its colon.
func (s *scanner) key() string {
	if s.peek() != '"' {
		s.unexpected("a key")
		return ""
	}
	k := s.str()
	s.expect(':')
	return k
}

// object calls field for each key; field must consume the value.
func (s *scanner) object(field func(key string)) {
	if !s.open('{') {
		return
	}
	for first := true; s.more('}', first); first = false {
		if k := s.key(); s.err == nil {
			field(k)
		}
	}
}

// array calls element with each index; element must consume the value.
func (s *scanner) array(element func(i int)) {
	if !s.open('[') {
		return
	}
	for i := 0; s.more(']', i == 0); i++ {
		element(i)
	}
}

// str reads a string. Without escapes it shares the text's memory.
func (s *scanner) str() string {
	if !s.expect('"') {
		return ""
	}
	start, text := s.pos, s.text
	for i := start; i < len(text); i++ { // in locals: most of a document passes here
		switch c := text[i]; {
		case c > '\\':
		case c == '"':
			s.pos = i + 1
			return text[start:i]
		case c == '\\':
			s.pos = i
			return s.escaped(start)
		case c < ' ':
			s.pos = i
			s.fail("a raw control character in a string", "export the document again as JSON")
			return ""
		}
	}
	s.pos = len(text)
	s.unexpected("the end of a string")
	return ""
}

// escaped reads the rest of a string whose first escape is at pos.
func (s *scanner) escaped(start int) string {
	var b strings.Builder
	b.WriteString(s.text[start:s.pos])
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		switch {
		case c == '"':
			s.pos++
			return b.String()
		case c < ' ':
			s.fail("a raw control character in a string", "export the document again as JSON")
			return ""
		case c == '\\':
			s.pos++
			s.escape(&b)
			if s.err != nil {
				return ""
			}
		default:
			b.WriteByte(c)
			s.pos++
		}
	}
	s.unexpected("the end of a string")
	return ""
}

func (s *scanner) escape(b *strings.Builder) {
	if s.pos >= len(s.text) {
		s.unexpected("an escape")
		return
	}
	const names, bytes = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if i := strings.IndexByte(names, s.text[s.pos]); i >= 0 {
		b.WriteByte(bytes[i])
		s.pos++
		return
	}
	if s.text[s.pos] != 'u' {
		s.unexpected("an escape")
		return
	}
	r := s.hex4()
	if utf16.IsSurrogate(r) {
		low := rune(utf8.RuneError)
		if strings.HasPrefix(s.text[s.pos:], `\u`) {
			s.pos++
			low = s.hex4()
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError && s.err == nil {
			s.fail("half a surrogate pair in a string", "export the document again as JSON")
		}
	}
	b.WriteRune(r)
}

// hex4 reads the letter u and four hexadecimal digits.
func (s *scanner) hex4() rune {
	if len(s.text)-s.pos < 5 {
		s.pos = len(s.text)
		s.unexpected("four hexadecimal digits")
		return 0
	}
	n, err := strconv.ParseUint(s.text[s.pos+1:s.pos+5], 16, 16)
	if err != nil {
		s.unexpected("four hexadecimal digits")
		return 0
	}
	s.pos += 5
	return rune(n)
}

// literal reads a number, true, false or null and returns its text.
func (s *scanner) literal() string {
	s.peek()
	start := s.pos
	for s.pos < len(s.text) && isLiteral(s.text[s.pos]) {
		s.pos++
	}
	word := s.text[start:s.pos]
	if s.err != nil || word == "true" || word == "false" || word == "null" || isNumber(word) {
		return word
	}
	s.pos = start
	s.unexpected("a value")
	return ""
}

func isLiteral(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'E'
}

// isNumber follows the grammar of RFC 8259, section 6.
func isNumber(w string) bool {
	w = strings.TrimPrefix(w, "-")
	whole, rest := digits(w)
	if whole == "" || len(whole) > 1 && whole[0] == '0' {
		return false
	}
	if after, ok := strings.CutPrefix(rest, "."); ok {
		var frac string
		if frac, rest = digits(after); frac == "" {
			return false
		}
	}
	if rest == "" {
		return true
	}
	if rest[0] != 'e' && rest[0] != 'E' {
		return false
	}
	rest = rest[1:]
	if rest != "" && (rest[0] == '+' || rest[0] == '-') {
		rest = rest[1:]
	}
	exp, rest := digits(rest)
	return exp != "" && rest == ""
}

func digits(w string) (head, rest string) {
	i := 0
	for i < len(w) && '0' <= w[i] && w[i] <= '9' {
		i++
	}
	return w[:i], w[i:]
}

// skip reads one value of any kind and drops it.
func (s *scanner) skip() {
	switch s.peek() {
	case '{':
		if s.open('{') {
			for first := true; s.more('}', first); first = false {
				s.key()
				s.skip()
			}
		}
	case '[':
		if s.open('[') {
			for first := true; s.more(']', first); first = false {
				s.skip()
			}
		}
	case '"':
		s.str()
	default:
		s.literal()
	}
}

// end fails if anything but white space follows.
func (s *scanner) end() {
	if s.peek(); s.err == nil && s.pos < len(s.text) {
		s.fail("something follows the JSON document", "give one document")
	}
}
