package render

import (
	"html"
	"strings"
	"unicode"
)

// operation reads a command and what it takes.
func (p *tex) operation() atom {
	name := p.command()
	if name == "" {
		return atom{ml: p.fail()}
	}
	p.take(name)
	if s, ok := symbols[name]; ok {
		return s.atom()
	}
	if style, ok := alphabets[name]; ok {
		return atom{ml: p.lettered(style)}
	}
	if mark, ok := accents[name]; ok {
		return atom{ml: "<mover accent=\"true\">" + p.argument() + "<mo" + mark.stretchy() + ">" + mark.text + "</mo></mover>"}
	}
	if width, ok := spaces[name]; ok {
		return atom{ml: `<mspace width="` + width + `"></mspace>`}
	}
	if functions[name] {
		return atom{ml: `<mi>` + name + "</mi>"}
	}
	if below, ok := limitFunctions[name]; ok {
		return atom{ml: `<mo movablelimits="true" lspace="0" rspace="0.167em">` + below + "</mo>", limits: true}
	}
	if _, ok := sizes[name]; ok {
		return atom{ml: p.delimiter(true)}
	}
	return p.structure(name)
}

// structure reads the commands that have arguments.
func (p *tex) structure(name string) atom {
	switch name {
	case "frac", "dfrac", "tfrac", "cfrac":
		return atom{ml: "<mfrac>" + p.argument() + p.argument() + "</mfrac>"}
	case "binom", "dbinom", "tbinom":
		return atom{ml: mrow(`<mo>(</mo><mfrac linethickness="0">` + p.argument() + p.argument() + "</mfrac><mo>)</mo>")}
	case "sqrt":
		return atom{ml: p.root()}
	case "left":
		return atom{ml: p.fenced()}
	case "begin":
		return atom{ml: p.environment()}
	case "text", "textrm", "textnormal", "mbox", "textit", "textbf", "texttt", "textsf":
		return atom{ml: "<mtext>" + html.EscapeString(p.raw()) + "</mtext>"}
	case "operatorname":
		limits := p.pos < len(p.src) && p.src[p.pos] == '*'
		if limits {
			p.pos++
		}
		return atom{ml: "<mi>" + html.EscapeString(p.raw()) + "</mi>", limits: limits}
	case "overline":
		return atom{ml: `<mover>` + p.argument() + "<mo>‾</mo></mover>"}
	case "underline":
		return atom{ml: `<munder>` + p.argument() + "<mo>_</mo></munder>"}
	case "overbrace":
		return atom{ml: "<mover>" + p.argument() + "<mo>⏞</mo></mover>", limits: true}
	case "underbrace":
		return atom{ml: "<munder>" + p.argument() + "<mo>⏟</mo></munder>", limits: true}
	case "overset", "stackrel":
		over := p.argument()
		return atom{ml: "<mover>" + p.argument() + over + "</mover>"}
	case "underset":
		under := p.argument()
		return atom{ml: "<munder>" + p.argument() + under + "</munder>"}
	case "boxed":
		return atom{ml: `<mrow class="boxed">` + p.argument() + "</mrow>"}
	case "pmod":
		return atom{ml: mrow(`<mspace width="0.444em"></mspace><mo stretchy="false">(</mo><mi>mod</mi><mspace width="0.333em"></mspace>` + p.argument() + `<mo stretchy="false">)</mo>`)}
	case "bmod", "mod":
		return atom{ml: "<mo>mod</mo>"}
	case "not":
		return atom{ml: p.negated()}
	case "displaystyle", "textstyle", "scriptstyle", "nonumber", "notag":
		return atom{}
	}
	return atom{ml: p.fail()}
}

func (p *tex) root() string {
	if p.pos < len(p.src) && p.src[p.pos] == '[' {
		p.pos++
		index := p.row(true)
		if !p.expect(']') {
			return ""
		}
		return "<mroot>" + p.argument() + mrow(index) + "</mroot>"
	}
	return "<msqrt>" + p.argument() + "</msqrt>"
}

// raw reads {…} as text: braces nest, a backslash makes the next character
// plain.
func (p *tex) raw() string {
	if !p.expect('{') {
		return ""
	}
	var b strings.Builder
	for level := 1; p.pos < len(p.src); p.pos++ {
		switch c := p.src[p.pos]; c {
		case '\\', '$':
			if c == '\\' && p.pos+1 < len(p.src) && strings.IndexByte("{}$%&#_ \\", p.src[p.pos+1]) >= 0 {
				p.pos++
				b.WriteByte(p.src[p.pos])
				continue
			}
			return p.fail()
		case '{':
			level++
		case '}':
			if level--; level == 0 {
				p.pos++
				return p.printable(b.String())
			}
		default:
			b.WriteByte(c)
		}
	}
	return p.fail()
}

func (p *tex) printable(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) && !unicode.IsSpace(r) }) {
		return p.fail()
	}
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsControl(r) }), " ")
}

// fenced reads \left … \middle … \right.
func (p *tex) fenced() string {
	var b strings.Builder
	b.WriteString(p.delimiter(false))
	for !p.bad {
		b.WriteString(mrow(p.row(false)))
		switch name := p.command(); name {
		case "middle":
			p.take(name)
			b.WriteString(p.delimiter(false))
		case "right":
			p.take(name)
			b.WriteString(p.delimiter(false))
			return mrow(b.String())
		default:
			return p.fail()
		}
	}
	return ""
}

// delimiter reads what may stand after \left, and after \big and its like.
func (p *tex) delimiter(fixed bool) string {
	p.skipSpace()
	if p.pos >= len(p.src) {
		return p.fail()
	}
	attributes := ` fence="true"`
	if fixed {
		attributes = ` stretchy="false"`
	}
	if name := p.command(); name != "" {
		text, ok := delimiters[name]
		if !ok {
			return p.fail()
		}
		p.take(name)
		return "<mo" + attributes + ">" + text + "</mo>"
	}
	c := p.src[p.pos]
	if strings.IndexByte("()[]|/.<>", c) < 0 {
		return p.fail()
	}
	p.pos++
	switch c {
	case '.':
		return ""
	case '<':
		return "<mo" + attributes + ">⟨</mo>"
	case '>':
		return "<mo" + attributes + ">⟩</mo>"
	}
	return "<mo" + attributes + ">" + string(c) + "</mo>"
}

// negated reads what \not strikes out.
func (p *tex) negated() string {
	p.skipSpace()
	name := p.command()
	if name == "" && p.pos < len(p.src) {
		name = p.src[p.pos : p.pos+1]
		p.pos++
	} else if name != "" {
		p.take(name)
	}
	if text, ok := negations[name]; ok {
		return "<mo>" + text + "</mo>"
	}
	return p.fail()
}

// lettered reads an argument in one of Unicode's mathematical alphabets. Core
// has no other way to write them.
func (p *tex) lettered(style alphabet) string {
	p.skipSpace()
	var text string
	if p.pos < len(p.src) && p.src[p.pos] == '{' {
		if end := strings.IndexAny(p.src[p.pos:], "}\\_^"); style.heavy() && (end < 0 || p.src[p.pos+end] != '}') {
			return `<mrow class="b">` + p.argument() + "</mrow>" // more than letters
		}
		text = p.raw()
	} else if p.command() != "" && style.heavy() {
		return `<mrow class="b">` + p.argument() + "</mrow>"
	} else if p.pos < len(p.src) && (isLetter(p.src[p.pos]) || p.src[p.pos] >= '0' && p.src[p.pos] <= '9') {
		text = p.src[p.pos : p.pos+1]
		p.pos++
	} else {
		return p.fail()
	}
	var b strings.Builder
	for _, r := range text {
		if r != ' ' {
			b.WriteString(style.letter(r))
		}
	}
	if style.upright {
		return `<mi mathvariant="normal">` + html.EscapeString(b.String()) + "</mi>"
	}
	return "<mi>" + html.EscapeString(b.String()) + "</mi>"
}
