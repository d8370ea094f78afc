package report

import (
	"io"
	"strings"
	"unicode"

	"github.com/ostiary/ostiary/internal/posture"
)

// paint is the escape sequence (ECMA-48 SGR) of one kind of text.
type paint string

const (
	bold   paint = "1"
	red    paint = "1;31"
	yellow paint = "33"
	green  paint = "32"
	faint  paint = "2"
)

// page writes lines of text, coloured and wrapped as its options say.
type page struct {
	out    strings.Builder
	colour bool
	width  int
}

func (p *page) tint(as paint, s string) string {
	if !p.colour || s == "" {
		return s
	}
	return "\x1b[" + string(as) + "m" + s + "\x1b[0m"
}

// line writes text as one paragraph with a hanging indent: lead stands before
// its first line. The text is wrapped at spaces where it is wider than the
// page.
func (p *page) line(indent int, lead, text string) {
	hang := indent + cells(lead)
	p.out.WriteString(strings.Repeat(" ", indent) + lead)
	at := hang
	for i, word := range strings.Fields(text) {
		wide := cells(word)
		switch {
		case i == 0:
		case p.width > 0 && at+1+wide > p.width:
			p.out.WriteString("\n" + strings.Repeat(" ", hang))
			at = hang
		default:
			p.out.WriteByte(' ')
			at++
		}
		p.out.WriteString(word)
		at += wide
	}
	p.out.WriteByte('\n')
}

// verbatim writes lines that are made to be pasted: indented, never wrapped.
func (p *page) verbatim(indent int, lead, text string) {
	for i, line := range strings.Split(strings.Trim(cleanLines(text), "\n"), "\n") {
		if i > 0 {
			lead = strings.Repeat(" ", cells(lead))
		}
		p.out.WriteString(strings.TrimRight(strings.Repeat(" ", indent)+lead+line, " ") + "\n")
	}
}

func (p *page) flush(w io.Writer) error {
	_, err := io.WriteString(w, p.out.String())
	return err
}

// cells is how many columns a terminal gives s: two to the wide scripts of
// East Asia, none to combining marks and to our own colours.
func cells(s string) int {
	n, escape := 0, false
	for _, r := range s {
		switch {
		case escape:
			escape = r != 'm'
		case r == '\x1b':
			escape = true
		case unicode.In(r, unicode.Mn, unicode.Me):
		case wide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

func wide(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana) || r >= 0xff01 && r <= 0xff60 || r >= 0x1f300 && r <= 0x1faff
}

// verdictWord and verdictText say a verdict aloud.
func verdictWord(v posture.Verdict) string {
	switch v {
	case posture.Private:
		return "Private"
	case posture.Open:
		return "Open"
	default:
		return "Undecided"
	}
}

func verdictPaint(v posture.Verdict) paint {
	switch v {
	case posture.Private:
		return green
	case posture.Open:
		return red
	default:
		return yellow
	}
}

// verdictText is the reason of the verdict in one or two sentences.
func verdictText(r posture.Report) string {
	c := CountsOf(r)
	var text string
	switch {
	case r.Verdict == posture.Private:
		text = "Every check that decides passes, for " + plural(len(r.Accounts), "account") + "."
		if c.Waived > 0 {
			text = strings.Replace(text, "passes", "passes or is waived", 1)
		}
	case r.Verdict == posture.Open && c.MustFail > 0:
		text = plural(c.MustFail, "finding") + " to mend."
	case r.Verdict == posture.Open:
		text = "A finding that decides fails."
	case len(r.Accounts) == 0:
		text = "No Azure OpenAI account was found, and without one nothing can be called private."
	default:
		text = "Nothing that decides fails, but not everything could be told."
	}
	if c.MustUnknown > 0 {
		text += " " + plural(c.MustUnknown, "finding") + " could not be told."
	}
	if c.Waived > 0 {
		text += " " + plural(c.Waived, "finding") + " waived."
	}
	return text
}

// sourceText says what was judged, and when it was read.
func sourceText(r posture.Report) string {
	text := clean(r.Source)
	if text == "" {
		text = "unnamed source"
	}
	if !r.Taken.IsZero() {
		text += ", read " + r.Taken.UTC().Format("2006-01-02 15:04 UTC")
	}
	return text + ", " + plural(len(r.Accounts), "account")
}
