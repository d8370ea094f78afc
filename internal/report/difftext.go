package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/ostiary/ostiary/internal/posture"
)

// JSON writes c whole, indented, in stable order.
func (c Change) JSON(w io.Writer) error { return writeJSON(w, c) }

// Table writes c for people: the verdict, what opened and closed, then the
// findings. Without All it leaves out passes that came or went with their
// resources, and counts them.
func (c Change) Table(w io.Writer, o Options) error {
	p := &page{colour: o.Color, width: o.Width}
	word := func(v posture.Verdict) string { return p.tint(verdictPaint(v), strings.ToUpper(verdictWord(v))) }
	if c.Old.Verdict == c.New.Verdict {
		p.line(0, "Verdict  ", "still "+word(c.New.Verdict))
	} else {
		p.line(0, "Verdict  ", word(c.Old.Verdict)+" -> "+word(c.New.Verdict))
	}
	p.line(0, "Old      ", sideText(c.Old))
	p.line(0, "New      ", sideText(c.New))
	if c.Empty() {
		p.line(0, "", "Nothing changed.")
		return p.flush(w)
	}
	names := c.names()
	for _, r := range c.Reach {
		p.reachChange(r, names)
	}
	p.moves("Changed", c.Moved, names, o.All)
	p.moves("Appeared", c.Appeared, names, o.All)
	p.moves("Vanished", c.Vanished, names, o.All)
	return p.flush(w)
}

func sideText(s Side) string {
	text := clean(s.Source)
	if !s.Taken.IsZero() {
		text += ", read " + s.Taken.UTC().Format("2006-01-02 15:04 UTC")
	}
	return text + fmt.Sprintf(", %d to mend, %d could not be told", s.Counts.MustFail, s.Counts.MustUnknown)
}

// names borrows the namer of reports.
func (c Change) names() namer {
	var r posture.Report
	for _, list := range [][]Moved{c.Moved, c.Appeared, c.Vanished} {
		for _, m := range list {
			r.Findings = append(r.Findings, m.Finding)
		}
	}
	for _, reached := range c.Reach {
		of := posture.Reached{Account: reached.Account, Endpoint: reached.Endpoint}
		for _, place := range reached.Places {
			of.Sources = append(of.Sources, posture.Sources{Where: place.Where})
		}
		r.Reached = append(r.Reached, of)
	}
	return newNamer(r)
}

func (p *page) reachChange(r Door, names namer) {
	title := names.of(r.Account)
	if r.Endpoint != "" {
		title += " by " + names.of(r.Endpoint)
	} else {
		title += " by its public door"
	}
	p.out.WriteByte('\n')
	p.line(0, "", p.tint(bold, fmt.Sprintf("Who reaches %s, port %d", title, r.Port)))
	for _, change := range []struct {
		mark string
		as   paint
		set  func(Place) []string
	}{
		{"+ reaches  ", red, func(at Place) []string { return at.Opened }},
		{"? unknown  ", yellow, func(at Place) []string { return at.Doubt }},
		{"- blocked  ", green, func(at Place) []string { return at.Closed }},
	} {
		for _, place := range r.Places {
			if set := change.set(place); len(set) > 0 {
				p.line(2, p.tint(change.as, change.mark)+placeName(place.Where, names)+"  ", listText(set, 20))
			}
		}
	}
}

// listText joins at most n texts and counts the others.
func listText(texts []string, n int) string {
	out := make([]string, 0, n)
	for _, text := range texts[:min(n, len(texts))] {
		out = append(out, clean(text))
	}
	joined := strings.Join(out, ", ")
	if left := len(texts) - n; left > 0 {
		joined += fmt.Sprintf(" and %d more", left)
	}
	return joined
}

func (p *page) moves(title string, list []Moved, names namer, all bool) {
	if len(list) == 0 {
		return
	}
	p.heading(title, len(list))
	quiet := 0
	for _, m := range list {
		if !all && (m.From == Pass && m.To == "" || m.To == Pass && m.From == "") {
			quiet++
			continue
		}
		lead := p.tint(m.paint(), m.text()) + "  " + p.tint(bold, clean(m.Finding.ID)) + "  "
		p.line(2, lead, names.of(m.Finding.Resource))
		p.line(6, "", clean(m.Finding.What))
	}
	if quiet > 0 {
		p.line(2, "", fmt.Sprintf("%d that passed, not listed.", quiet))
	}
}

func (m Moved) text() string {
	switch {
	case m.From == "":
		return string(m.To)
	case m.To == "":
		return "was " + string(m.From)
	default:
		return string(m.From) + " -> " + string(m.To)
	}
}

func (m Moved) paint() paint {
	switch m.To {
	case Fail:
		return red
	case Unknown:
		return yellow
	case Pass, "":
		return green
	default:
		return faint
	}
}
