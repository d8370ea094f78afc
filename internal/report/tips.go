package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/internal/posture"
)

// drawn is a drawing for one width of the page.
type drawn struct {
	Width string // wide, medium or narrow
	*drawing
}

// ShowW is how wide it is shown where there is room: a small drawing is
// enlarged.
func (d drawn) ShowW() int { return max(d.W, min(d.W*5/4, wideDrawing*19/20)) }

// The widths for which the page has a drawing, in pixels.
const (
	wideDrawing   = 1320
	mediumDrawing = 760
	narrowDrawing = 372
)

// draw lays the map out for three widths and says in words what it shows.
func (v *view) draw(m posture.Map, places, findings map[string]string) {
	if len(m.Nodes) == 0 {
		return
	}
	p := planOf(m)
	t := tipsOf(p)
	for _, size := range []struct {
		word  string
		width int
	}{{"wide", wideDrawing}, {"medium", mediumDrawing}, {"narrow", narrowDrawing}} {
		d := p.draw(size.width)
		for _, b := range d.Boxes {
			b.Tip, b.Href = t.of(b.item), hrefOf(b.item, places, findings)
		}
		for i := range d.Lines {
			d.Lines[i].Tip, d.Lines[i].Keys = bondTip(d.Lines[i].Bond), bondKeys(d.Lines[i].Bond)
		}
		v.Drawings = append(v.Drawings, drawn{size.word, d})
	}
	v.Legend, v.Summary = p.legend(), p.summary()
}

// legend explains what the drawing has, and no more.
func (p *plan) legend() []legend {
	var all []legend
	for _, l := range []legend{
		{"intruder", "reaches the model, and is not meant to", p.counts[intruder]},
		{"cutoff", "blocked, but meant to reach it", p.counts[cutOff]},
		{"doubt", "could not be told", p.counts[doubt]},
		{"meant", "reaches the model, as meant", p.counts[meant]},
		{"blocked", "blocked", p.counts[blocked]},
	} {
		if l.N > 0 {
			all = append(all, l)
		}
	}
	for _, l := range []legend{{"peering", "peering", -1}, {"link", "private link", -1}} {
		if slices.ContainsFunc(p.bonds, func(b *bond) bool { return b.track.word() == l.Kind }) {
			all = append(all, l)
		}
	}
	return all
}

// summary says in one sentence what the drawing shows.
func (p *plan) summary() string {
	total := 0
	var parts []string
	for c, words := range [...][2]string{
		intruder: {"reaches the model and is not meant to", "reach the model and are not meant to"},
		cutOff:   {"is meant to reach the model and is blocked", "are meant to reach the model and are blocked"},
		doubt:    {"could not be told", "could not be told"},
		meant:    {"reaches the model as meant", "reach the model as meant"},
		blocked:  {"is blocked", "are blocked"},
		none:     {"was not judged", "were not judged"},
	} {
		n := p.counts[c]
		total += n
		switch {
		case n == 1:
			parts = append(parts, "1 "+words[0])
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", n, words[1]))
		}
	}
	if total == 0 {
		return "No network was judged."
	}
	return "Of " + plural(total, "network") + " and other places, " + strings.Join(parts, ", ") + ". Each box leads to the rule that decided, in the table below."
}

// hrefOf leads to the place's row in the matrix, to a finding that concerns
// it, or to the matrix.
func hrefOf(it *item, places, findings map[string]string) string {
	for up := it; up != nil; up = up.parent {
		if a := places[strings.ToLower(up.node.ID)]; a != "" {
			return a
		}
	}
	if a := findings[strings.ToLower(it.node.ID)]; a != "" {
		return a
	}
	return "reach"
}

// bondKeys are the numbers of everything that a line belongs to.
func bondKeys(b *bond) string {
	var keys []string
	for _, end := range []*item{b.from, b.to} {
		for ; end != nil; end = end.parent {
			keys = append(keys, strconv.Itoa(end.key))
		}
	}
	return strings.Join(keys, " ")
}

// bondText says in words what a line shows.
func bondText(b *bond) string {
	to := b.to.node.Name
	switch b.track {
	case link:
		return "private link to " + to
	case peering:
		if b.refused {
			return "peered with " + to + ", but not connected"
		}
		return "peered with " + to
	case trackIntruder:
		return "reaches " + to + ", and is not meant to"
	case trackCutOff:
		return "is blocked from " + to + ", and is meant to reach it"
	case trackDoubt:
		return "whether it reaches " + to + " could not be told"
	case trackMeant:
		return "reaches " + to + ", as meant"
	default:
		return "is blocked from " + to
	}
}

func bondTip(b *bond) string {
	tip := b.from.node.Name + " " + bondText(b)
	if len(b.rules) > 0 {
		tip += "\n" + rulesText(b)
	}
	return tip
}

func rulesText(b *bond) string { return "by " + listText(b.rules, 3) }

// tips are what each item does and has done to it.
type tips struct {
	out map[*item][]*bond
	in  map[*item]*[none + 1]int
}

func tipsOf(p *plan) tips {
	t := tips{map[*item][]*bond{}, map[*item]*[none + 1]int{}}
	gravest := slices.Clone(p.bonds)
	slices.SortStableFunc(gravest, func(a, b *bond) int { return cmp.Compare(b.track, a.track) })
	for _, b := range gravest {
		for it := b.from; it != nil; it = it.parent {
			t.out[it] = append(t.out[it], b)
		}
		if b.track == peering {
			t.out[b.to] = append(t.out[b.to], b)
		}
		if b.track > peering {
			if t.in[b.to] == nil {
				t.in[b.to] = &[none + 1]int{}
			}
			t.in[b.to][trackIntruder-b.track] += max(1, b.from.stands)
		}
	}
	return t
}

// inside are the names of what an item holds.
func (it *item) inside() []string {
	var names []string
	for _, kid := range it.kids {
		names = append(names, kid.node.Name)
	}
	return names
}

// of is the tip of one box: who it is, what it reaches, by which rule.
func (t tips) of(it *item) string {
	lines := []string{it.node.Name + " " + kindWord(it.node.Kind)}
	if it.node.Detail != "" {
		lines = append(lines, it.node.Detail)
	}
	const most = 6
	if inside := it.inside(); it.node.Kind == "vnet" && len(inside) > 0 {
		lines = append(lines, "holds "+listText(inside, 6))
	}
	for i, b := range t.out[it] {
		if i == most {
			lines = append(lines, fmt.Sprintf("and %d more", len(t.out[it])-most))
			break
		}
		text := bondText(b)
		switch {
		case b.from == it:
		case b.to == it:
			text = bondText(&bond{from: b.to, to: b.from, track: b.track, refused: b.refused})
		default:
			text = b.from.node.Name + " " + text
		}
		if len(b.rules) > 0 {
			text += ", " + rulesText(b)
		}
		lines = append(lines, text)
	}
	if in := t.in[it]; in != nil {
		lines = append(lines, fmt.Sprintf("reached by %d as meant and %d not meant; %d could not be told; %d blocked", in[meant], in[intruder], in[doubt], in[blocked]+in[cutOff]))
	}
	switch it.node.Status {
	case posture.Fail:
		lines = append(lines, "a finding that concerns it fails")
	case posture.Unknown:
		lines = append(lines, "a finding that concerns it could not be told")
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
