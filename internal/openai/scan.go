package openai

import (
	"encoding/binary"
	"errors"
)

// place is a position in a document that a reader cares for, for example
// "usage". A place below firstValue is only passed through; one from
// firstValue on is handed over whole; one from firstText on has the lengths of
// its strings counted.
type place uint8

const (
	nowhere    place = 0
	top        place = 1
	firstValue place = 64
	firstText  place = 128
)

// visitor is told of the places that it asked for.
type visitor interface {
	// member says which place the member key of an object at parent is.
	member(parent place, key []byte) place
	// value hands over the text of a JSON value; raw is nil where it was over
	// maxKept bytes, and valid only during the call. start and end count from
	// the first byte scanned.
	value(at place, raw []byte, start, end int64)
	// text reports a string at a text place: n bytes in UTF-8, however it is
	// written.
	text(at place, n int64)
}

const (
	maxDepth  = 512  // of nesting; real requests stay far below 64
	maxPlaces = 8    // nesting below which no place is looked for
	maxKept   = 4096 // bytes kept of one value that comes in pieces
)

var (
	errSyntax = errors.New("not valid JSON")
	errDepth  = errors.New("JSON nested too deeply")
)

type state uint8

const (
	wantValue   state = iota // a value must come
	wantElement              // after '[': a value or ']'
	wantMember               // after '{': a key or '}'
	wantKey                  // after ',' in an object
	wantColon
	wantNext // after a value: ',' or the end of its container
	ended    // after the whole document: white space only
	inString
	inEscape
	inHex // hex counts the digits still to come
	inLiteral
	numMinus // these eight follow the number grammar of RFC 8259 section 6
	numZero
	numInt
	numDot
	numFraction
	numE
	numSign
	numPower
	broken
)

// scanner checks a JSON document against RFC 8259 as its bytes arrive, cut
// anywhere, and hands a visitor the few values it wants. It decodes nothing
// and keeps nothing else. The zero value with visit set is ready.
type scanner struct {
	visit   visitor
	state   state
	isKey   bool // the string being read is a key
	hex     uint8
	point   uint8  // the first two hex digits of an escape: the upper half of its code point
	literal string // the rest of true, false or null
	err     error

	depth  int
	object [maxDepth / 64]uint64 // bit d: the container at depth d is an object
	places [maxPlaces]place      // of the container at each depth
	next   place                 // of the value about to begin

	offset    int64 // bytes scanned before this chunk
	leaf      place // the value being kept, nowhere if none
	leafDepth int
	leafStart int64
	textStart int64
	escaped   int64 // bytes that the escapes of the string in hand take beyond what they stand for

	counted place // values that begin here are counted, the container too
	items   int

	notes bool     // scalars are noted
	free  []scalar // those that nobody asked for, and texts, as they stand here
	odd   bool     // one of them is not plain, or they are too many

	keeping bool
	from    int    // where in this chunk the kept text begins
	carry   []byte // what earlier chunks held of it
	over    bool   // it is too long to keep
}

// reset makes the scanner ready for another document; buffers are reused.
func (s *scanner) reset() {
	*s = scanner{visit: s.visit, counted: s.counted, carry: s.carry[:0], notes: s.notes, free: s.free[:0]}
}

// write scans the next piece of the document.
func (s *scanner) write(p []byte) error {
	for i := 0; i < len(p) && s.state != broken; i++ {
		if s.state == inString {
			if i = skipPlain(p, i); i == len(p) {
				break
			}
		}
		s.step(p, i)
	}
	if s.keeping && s.state != broken {
		s.keep(p[s.from:])
		s.from = 0
	}
	s.offset += int64(len(p))
	return s.err
}

// finish says whether the document was whole.
func (s *scanner) finish() error {
	if s.state >= numMinus && s.state < broken && s.depth == 0 {
		s.step([]byte{' '}, 0) // a number at the top ends only with the input
	}
	if s.err == nil && s.state != ended {
		return errSyntax
	}
	return s.err
}

// skipPlain finds the first byte from i on that is special inside a string.
// Eight bytes are looked at together while none of them is: x-k·ones borrows
// into the top bit of a byte below k (Hacker's Delight, section 6-1).
func skipPlain(p []byte, i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(p); i += 8 {
		x := binary.LittleEndian.Uint64(p[i:])
		quote, escape := x^'"'*ones, x^'\\'*ones
		if ((x-' '*ones)&^x|(quote-ones)&^quote|(escape-ones)&^escape)&tops != 0 {
			break
		}
	}
	for i < len(p) && p[i] >= ' ' && p[i] != '"' && p[i] != '\\' {
		i++
	}
	return i
}

// step takes one byte: the whole state machine.
func (s *scanner) step(p []byte, i int) {
	c := p[i]
	switch s.state {
	case inString:
		switch c {
		case '"':
			s.endString(p, i)
		case '\\':
			s.state = inEscape
		default: // a raw control character
			s.fail(errSyntax)
		}
	case inEscape:
		switch c {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			s.state = inString
			s.escaped++
		case 'u':
			s.state, s.hex, s.point = inHex, 4, 0
		default:
			s.fail(errSyntax)
		}
	case inHex:
		if !isHex(c) {
			s.fail(errSyntax)
		} else if s.hex--; s.hex >= 2 {
			s.point = s.point<<4 | hexDigit(c)
		} else if s.hex == 0 {
			s.state = inString
			s.escaped += 6 - escapedSize(s.point)
		}
	case inLiteral:
		if c != s.literal[0] {
			s.fail(errSyntax)
		} else if s.literal = s.literal[1:]; s.literal == "" {
			s.endValue(p, i+1)
		}
	case numMinus, numZero, numInt, numDot, numFraction, numE, numSign, numPower:
		if s.number(c) {
			return
		}
		if s.state == numMinus || s.state == numDot || s.state == numE || s.state == numSign {
			s.fail(errSyntax)
			return
		}
		s.note(numberFree, i)
		s.endValue(p, i) // c itself comes after the number
		s.step(p, i)
	default:
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			s.structure(p, i)
		}
	}
}

// structure takes a byte outside strings, numbers and literals that is not
// white space.
func (s *scanner) structure(p []byte, i int) {
	c := p[i]
	switch {
	case c == ']' && (s.state == wantElement || s.state == wantNext && !s.inObject()),
		c == '}' && (s.state == wantMember || s.state == wantNext && s.inObject()):
		s.depth--
		s.endValue(p, i+1)
	case c == ',' && s.state == wantNext && s.inObject():
		s.state = wantKey
	case c == ',' && s.state == wantNext:
		s.state, s.next = wantValue, s.here()
	case c == ':' && s.state == wantColon:
		s.state = wantValue
	case c == '"' && (s.state == wantMember || s.state == wantKey):
		s.state, s.isKey = inString, true
		if s.here() != nowhere && s.leaf == nowhere {
			s.startKeeping(i)
		}
	case s.state == wantValue || s.state == wantElement:
		if s.state == wantValue && s.depth == 0 {
			s.next = top
		}
		s.startValue(p, i)
	default:
		s.fail(errSyntax)
	}
}

func (s *scanner) startValue(p []byte, i int) {
	if s.next == s.counted {
		s.items++
	}
	if s.leaf == nowhere && s.next >= firstValue && s.next < firstText {
		s.leaf, s.leafDepth, s.leafStart = s.next, s.depth, s.offset+int64(i)
		s.startKeeping(i)
	}
	switch c := p[i]; {
	case c == '{' || c == '[':
		s.open(c == '{')
	case c == '"':
		s.state, s.isKey, s.textStart, s.escaped = inString, false, s.offset+int64(i), 0
	case c == '-':
		s.state, s.textStart = numMinus, s.offset+int64(i)
	case c == '0':
		s.state = numZero
	case c >= '1' && c <= '9':
		s.state, s.textStart = numInt, s.offset+int64(i)
	case c == 't':
		s.state, s.literal = inLiteral, "true"[1:]
	case c == 'f':
		s.state, s.literal = inLiteral, "false"[1:]
	case c == 'n':
		s.state, s.literal = inLiteral, "null"[1:]
	default:
		s.fail(errSyntax)
	}
}

// open enters an object or an array; an array's elements are at its own place.
func (s *scanner) open(object bool) {
	if s.depth == maxDepth {
		s.fail(errDepth)
		return
	}
	word, bit := s.depth/64, uint64(1)<<(s.depth%64)
	s.object[word] &^= bit
	s.state = wantElement
	if object {
		s.object[word] |= bit
		s.state = wantMember
	}
	if s.leaf != nowhere || s.depth >= maxPlaces {
		s.next = nowhere
	} else {
		s.places[s.depth] = s.next
	}
	s.depth++
}

func (s *scanner) inObject() bool {
	d := s.depth - 1
	return s.object[d/64]>>(d%64)&1 == 1
}

// here is the place of the innermost container.
func (s *scanner) here() place {
	if s.depth == 0 || s.depth > maxPlaces || s.leaf != nowhere {
		return nowhere
	}
	return s.places[s.depth-1]
}

func (s *scanner) endString(p []byte, i int) {
	if s.isKey {
		s.state, s.next = wantColon, nowhere
		if s.keeping && s.leaf == nowhere {
			s.next = s.visit.member(s.here(), unquote(s.take(p, i+1)))
		}
		return
	}
	if s.next >= firstText && s.leaf == nowhere {
		s.visit.text(s.next, s.offset+int64(i)-s.textStart-1-s.escaped)
		s.note(textFree, i)
	} else {
		s.note(stringFree, i)
	}
	s.endValue(p, i+1)
}

func (s *scanner) endValue(p []byte, end int) {
	if s.leaf != nowhere && s.depth == s.leafDepth {
		s.visit.value(s.leaf, s.take(p, end), s.leafStart, s.offset+int64(end))
		s.leaf = nowhere
	}
	s.state = wantNext
	if s.depth == 0 {
		s.state = ended
	}
	// Inside an array every element is at the array's own place.
	s.next = s.here()
}

func (s *scanner) fail(err error) {
	s.state, s.err, s.keeping = broken, err, false
}

func (s *scanner) startKeeping(i int) {
	s.keeping, s.from, s.carry, s.over = true, i, s.carry[:0], false
}

// keep carries text over to the next chunk, up to maxKept bytes.
func (s *scanner) keep(text []byte) {
	if s.over = s.over || len(s.carry)+len(text) > maxKept; !s.over {
		s.carry = append(s.carry, text...)
	}
}

// take ends the keeping and gives the whole text, nil if it was too long. A
// text that lies within one chunk is not copied, but is held to the same bound.
func (s *scanner) take(p []byte, end int) []byte {
	s.keeping = false
	if len(s.carry) == 0 && !s.over && end-s.from <= maxKept {
		return p[s.from:end]
	}
	if s.keep(p[s.from:end]); s.over {
		return nil
	}
	return s.carry
}
