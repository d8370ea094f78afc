package render

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of one formula. A formula beyond them is shown as its source.
const (
	maxTeX      = 8 << 10 // bytes
	maxTeXDepth = 32      // groups within groups
	maxTeXNodes = 4000
)

// TeX turns a formula into MathML Core. It knows what people and models write
// in chats: fractions, roots, scripts, Greek, operators, delimiters, accents,
// matrices, cases, aligned lines, text. False for a formula that it does not
// know all of, or that is too large: half a formula would say something else.
//
// What it returns is built of its own elements and escaped text alone.
func TeX(src string, display bool) (string, bool) {
	if len(src) > maxTeX || !utf8.ValidString(src) {
		return "", false
	}
	p := &tex{src: src}
	body := p.lines()
	if p.bad || p.pos < len(p.src) {
		return "", false
	}
	open := "<math>"
	if display {
		open = `<math display="block">`
	}
	return open + body + "</math>", true
}

// tex is a recursive descent over one formula. Once bad is set every method
// returns soon; what was built is dropped.
type tex struct {
	src   string
	pos   int
	depth int
	nodes int
	bad   bool
}

// atom is a piece that scripts can be attached to.
type atom struct {
	ml     string
	limits bool // scripts go below and above
}

func (p *tex) fail() string { p.bad = true; return "" }

func (p *tex) enter() bool {
	p.depth++
	p.nodes++
	if p.depth > maxTeXDepth || p.nodes > maxTeXNodes {
		p.bad = true
	}
	return !p.bad
}

func (p *tex) skipSpace() {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		case '%': // a comment, to the end of its line
			n := strings.IndexByte(p.src[p.pos:], '\n')
			if n < 0 {
				p.pos = len(p.src)
				return
			}
			p.pos += n
		default:
			return
		}
	}
}

// command reads what follows a backslash, letters or one character, without
// moving on; empty at no backslash.
func (p *tex) command() string {
	rest := p.src[p.pos:]
	if len(rest) < 2 || rest[0] != '\\' {
		return ""
	}
	n := 1
	for n < len(rest) && isLetter(rest[n]) {
		n++
	}
	if n == 1 {
		_, size := utf8.DecodeRuneInString(rest[1:])
		return rest[1 : 1+size]
	}
	return rest[1:n]
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// take moves over a command.
func (p *tex) take(command string) { p.pos += 1 + len(command) }

// ends says whether the row in hand ends here.
func (p *tex) ends(bracket bool) bool {
	p.skipSpace()
	if p.bad || p.pos >= len(p.src) {
		return true
	}
	switch p.src[p.pos] {
	case '}', '&':
		return true
	case ']':
		return bracket
	}
	switch p.command() {
	case "\\", "end", "right", "middle", "cr":
		return true
	}
	return false
}

// row reads until something ends it, and gives the pieces one after another.
func (p *tex) row(bracket bool) string {
	defer func() { p.depth-- }()
	if !p.enter() {
		return ""
	}
	var b strings.Builder
	for !p.ends(bracket) {
		b.WriteString(p.scripted())
	}
	return b.String()
}

func mrow(ml string) string { return "<mrow>" + ml + "</mrow>" }

// scripted is an atom with what is below and above it.
func (p *tex) scripted() string {
	p.nodes++
	if p.nodes > maxTeXNodes {
		return p.fail()
	}
	var a atom
	if c := p.src[p.pos]; c == '_' || c == '^' || c == '\'' {
		a.ml = "<mrow></mrow>" // a script of nothing, as in {}_n
	} else {
		a = p.atom()
	}
	var sub, sup, primes string
	for !p.bad {
		p.skipSpace()
		if p.pos >= len(p.src) {
			break
		}
		switch c := p.src[p.pos]; {
		case c == '\'':
			p.pos++
			primes += "′"
			continue
		case c == '_' && sub == "":
			p.pos++
			sub = p.argument()
			continue
		case c == '^' && sup == "":
			p.pos++
			sup = p.argument()
			continue
		case c == '_' || c == '^':
			return p.fail() // twice
		}
		if command := p.command(); command == "limits" || command == "nolimits" {
			p.take(command)
			a.limits = command == "limits"
			continue
		}
		break
	}
	if primes != "" {
		sup = mrow("<mo>" + primes + "</mo>" + sup)
	}
	return a.with(sub, sup)
}

func (a atom) with(sub, sup string) string {
	tag := "sub"
	switch {
	case sub == "" && sup == "":
		return a.ml
	case sub != "" && sup != "":
		tag = "subsup"
		if a.limits {
			tag = "underover"
		}
	case sup != "":
		tag = "sup"
		if a.limits {
			tag = "over"
		}
	case a.limits:
		tag = "under"
	}
	return "<m" + tag + ">" + a.ml + sub + sup + "</m" + tag + ">"
}

// argument is a group, a command, or one character.
func (p *tex) argument() string {
	p.skipSpace()
	if p.pos >= len(p.src) || strings.IndexByte("}&_^", p.src[p.pos]) >= 0 {
		return p.fail()
	}
	if c := p.src[p.pos]; c >= '0' && c <= '9' { // x^23 is x² and a 3
		p.pos++
		return "<mn>" + string(c) + "</mn>"
	}
	return p.atom().ml
}

// group reads {…}.
func (p *tex) group() string {
	p.pos++
	inner := p.row(false)
	if !p.expect('}') {
		return ""
	}
	return mrow(inner)
}

func (p *tex) expect(c byte) bool {
	p.skipSpace()
	if p.bad || p.pos >= len(p.src) || p.src[p.pos] != c {
		p.bad = true
		return false
	}
	p.pos++
	return true
}

// atom reads the smallest whole piece.
func (p *tex) atom() atom {
	defer func() { p.depth-- }()
	if !p.enter() {
		return atom{}
	}
	switch c := p.src[p.pos]; {
	case c == '{':
		return atom{ml: p.group()}
	case c == '\\':
		return p.operation()
	case c >= '0' && c <= '9' || c == '.' && p.pos+1 < len(p.src) && p.src[p.pos+1] >= '0' && p.src[p.pos+1] <= '9':
		return atom{ml: p.number()}
	case isLetter(c):
		p.pos++
		return atom{ml: "<mi>" + string(c) + "</mi>"}
	case c == '~':
		p.pos++
		return atom{ml: `<mspace width="0.333em"></mspace>`}
	case c == '-':
		p.pos++
		return atom{ml: "<mo>−</mo>"}
	case strings.IndexByte("#$`\"", c) >= 0:
		return atom{ml: p.fail()}
	}
	r, size := utf8.DecodeRuneInString(p.src[p.pos:])
	p.pos += size
	switch {
	case unicode.IsLetter(r):
		return atom{ml: "<mi>" + string(r) + "</mi>"}
	case unicode.IsControl(r) || !unicode.IsPrint(r):
		return atom{ml: p.fail()}
	case strings.ContainsRune("()[]|", r): // as they stand; \left and \right make them grow
		return atom{ml: `<mo stretchy="false">` + string(r) + "</mo>"}
	}
	return atom{ml: "<mo>" + html.EscapeString(string(r)) + "</mo>"}
}

// number reads digits, with points and commas between them.
func (p *tex) number() string {
	start := p.pos
	for p.pos < len(p.src) {
		c := p.src[p.pos]
		digit := c >= '0' && c <= '9'
		between := (c == '.' || c == ',') && p.pos+1 < len(p.src) && p.src[p.pos+1] >= '0' && p.src[p.pos+1] <= '9'
		if !digit && !between {
			break
		}
		p.pos++
	}
	return "<mn>" + p.src[start:p.pos] + "</mn>"
}
