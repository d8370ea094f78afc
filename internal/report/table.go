package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/ostiary/ostiary/internal/posture"
)

// Options say how text is shown. The zero value is plain, unwrapped, and
// counts what passed.
type Options struct {
	Color bool // escape sequences; for terminals only
	Width int  // columns; 0: lines are not wrapped. What is meant to be pasted never is
	All   bool // list what passed and what is blocked, instead of counting it
}

// Table writes r for people: the verdict, what must be mended and how, what
// could not be told, advice, what is waived, who reaches the model, what
// passed.
func Table(w io.Writer, r posture.Report, o Options) error {
	r = normal(r)
	p := &page{colour: o.Color, width: o.Width}
	names := newNamer(r)
	p.line(0, p.tint(verdictPaint(r.Verdict), strings.ToUpper(verdictWord(r.Verdict)))+"  ", sourceText(r))
	p.line(0, "", verdictText(r))
	for _, g := range groups(r) {
		p.group(g, names, o.All)
	}
	for _, reached := range r.Reached {
		p.reached(reached, names, o.All)
	}
	if len(r.Notes) > 0 {
		p.heading("Notes", len(r.Notes))
		for _, note := range r.Notes {
			p.line(2, "- ", clean(note))
		}
	}
	return p.flush(w)
}

func (p *page) heading(title string, n int) {
	p.out.WriteString("\n" + p.tint(bold, fmt.Sprintf("%s (%d)", title, n)) + "\n")
}

func (p *page) group(g group, names namer, all bool) {
	if len(g.Findings) == 0 {
		return
	}
	p.heading(g.Title, len(g.Findings))
	if g.Key == "pass" {
		if all {
			p.passed(g.Findings, names)
		}
		return
	}
	for _, f := range g.Findings {
		p.finding(g.Key, f, names)
	}
}

func (p *page) passed(findings []posture.Finding, names namer) {
	widest := 0
	for _, f := range findings {
		widest = max(widest, cells(clean(f.ID)))
	}
	for _, f := range findings {
		id := clean(f.ID)
		p.line(2, p.tint(green, "pass")+"  "+id+strings.Repeat(" ", widest-cells(id)+2), names.of(f.Resource))
	}
}

func (p *page) finding(key string, f posture.Finding, names namer) {
	word, as := "FAIL", red
	switch {
	case key == "waived":
		word, as = "waived", faint
	case f.Status == posture.Unknown:
		word, as = "unknown", yellow
	case key == "advice":
		word, as = "advice", yellow
	}
	p.line(2, p.tint(as, word)+"  "+p.tint(bold, clean(f.ID))+"  ", names.of(f.Resource))
	const indent = 6
	p.line(indent, "", clean(f.What))
	if f.Waiver != nil {
		p.line(indent, p.tint(faint, "waiver     "), "until "+f.Waiver.Expires.UTC().Format("2006-01-02")+": "+clean(f.Waiver.Reason))
	}
	if key == "waived" {
		return
	}
	if f.Witness != "" {
		p.line(indent, p.tint(faint, "witness    "), clean(f.Witness))
	}
	for _, e := range f.Evidence {
		p.line(indent, p.tint(faint, "at         "), evidenceText(e, f.Resource, names))
	}
	if f.Mend.Terraform != "" {
		p.verbatim(indent, p.tint(faint, "terraform  "), f.Mend.Terraform)
	}
	if f.Mend.Az != "" {
		p.verbatim(indent, p.tint(faint, "command    "), f.Mend.Az)
	}
}

// evidenceText names the resource only where it is another than the finding's.
func evidenceText(e posture.Evidence, of string, names namer) string {
	text := clean(e.Pointer) + " = " + clean(e.Value)
	if e.Default != "" {
		text += " (Azure takes " + clean(e.Default) + ")"
	}
	if e.Resource != "" && !strings.EqualFold(e.Resource, of) {
		text += ", of " + names.of(e.Resource)
	}
	return text
}

func (p *page) reached(r posture.Reached, names namer, all bool) {
	p.out.WriteByte('\n')
	p.line(0, "", p.tint(bold, "Who reaches "+door(r, names)))
	held := 0
	for _, s := range r.Sources {
		c := classOf(s.Allowed, s.Status)
		if c == blocked && !all {
			held++
			continue
		}
		p.line(2, p.tint(c.paint(), fmt.Sprintf("%-10s", c.word()))+"  ", clean(s.Sentence))
	}
	switch {
	case len(r.Sources) == 0:
		p.line(2, "", "No source was judged.")
	case held == len(r.Sources):
		p.line(2, "", "Nobody: every source that was judged is blocked ("+plural(held, "group")+").")
	case held > 0:
		p.line(2, "", plural(held, "more group")+" blocked.")
	}
}

// door names what is reached.
func door(r posture.Reached, names namer) string {
	text := names.of(r.Account)
	if r.Endpoint != "" {
		text += " by " + names.of(r.Endpoint)
	} else {
		text += " by its public door"
	}
	return text + ", " + clean(r.Address) + fmt.Sprintf(" port %d", r.Port)
}

func (c class) word() string {
	return [...]string{"NOT MEANT", "CUT OFF", "unknown", "meant", "blocked", "not judged"}[c]
}

func (c class) paint() paint { return [...]paint{red, red, yellow, green, faint, faint}[c] }
