package render

import "strings"

// grid says how an environment stands.
type grid struct {
	open, close string
	align       string // of the columns, over and over; empty: centred
	array       bool   // {…} says how the columns stand
}

// environment reads \begin{…} … \end{…}.
func (p *tex) environment() string {
	name := p.raw()
	g, ok := grids[strings.TrimSuffix(name, "*")]
	if !ok || p.bad {
		return p.fail()
	}
	if g.array {
		g.align = columns(p.raw())
	}
	table := p.table(g.align)
	if p.bad || p.command() != "end" {
		return p.fail()
	}
	p.take("end")
	if p.raw() != name {
		return p.fail()
	}
	if g.open+g.close == "" {
		return table
	}
	return mrow(`<mo fence="true">` + g.open + "</mo>" + table + fence(g.close))
}

func fence(text string) string {
	if text == "" {
		return ""
	}
	return `<mo fence="true">` + text + "</mo>"
}

// columns keeps l, c and r of an array's argument.
func columns(spec string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("lcr", r) {
			return r
		}
		return -1
	}, spec)
}

// table reads rows until something that is no & and no \\.
func (p *tex) table(align string) string {
	var rows, cells strings.Builder
	column := 0
	endRow := func() {
		rows.WriteString("<mtr>" + cells.String() + "</mtr>")
		cells.Reset()
		column = 0
	}
	for !p.bad {
		p.skipRules()
		content := p.row(false)
		cells.WriteString("<mtd" + alignment(align, column) + ">" + content + "</mtd>")
		column++
		switch {
		case p.pos < len(p.src) && p.src[p.pos] == '&':
			p.pos++
		case p.command() == "\\" || p.command() == "cr":
			p.take(p.command())
			p.gap()
			endRow()
			if p.skipRules(); p.command() == "end" {
				return "<mtable>" + rows.String() + "</mtable>"
			}
		default:
			endRow()
			return "<mtable>" + rows.String() + "</mtable>"
		}
	}
	return ""
}

func alignment(align string, column int) string {
	if align == "" {
		return ""
	}
	switch align[column%len(align)] {
	case 'l':
		return ` class="l"`
	case 'r':
		return ` class="r"`
	}
	return ""
}

// skipRules drops \hline: MathML Core draws no lines in tables.
func (p *tex) skipRules() {
	for p.skipSpace(); p.command() == "hline"; p.skipSpace() {
		p.take("hline")
	}
}

// gap drops the space that \\[2pt] asks for.
func (p *tex) gap() {
	p.skipSpace()
	if p.pos < len(p.src) && p.src[p.pos] == '[' {
		if n := strings.IndexByte(p.src[p.pos:], ']'); n > 0 && n < 12 {
			p.pos += n + 1
		}
	}
}

// lines is a formula of one line, or of several with \\ between them.
func (p *tex) lines() string {
	start := *p
	one := p.row(false)
	if p.bad || p.pos >= len(p.src) {
		return mrow(one)
	}
	*p = start
	return p.table("rl")
}
