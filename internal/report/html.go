package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/ostiary/ostiary/internal/posture"
)

//go:embed page.html drawing.html page.css page.js
var pageFiles embed.FS

// What the page shows at most; the JSON report has everything, and the page
// says so where it had to stop.
const (
	findingsMax = 500  // findings of one chapter
	evidenceMax = 2000 // rows of the table of evidence
)

// HTML writes r as one page that needs nothing else: no request leaves it, and
// its policy (Content-Security-Policy, level 3, hashes) lets nothing run but
// its own style and script. It can be read without the script.
func HTML(w io.Writer, r posture.Report) error {
	r = normal(r)
	t, err := template.New("page.html").Funcs(template.FuncMap{"plural": plural}).ParseFS(pageFiles, "page.html", "drawing.html")
	if err != nil {
		return err
	}
	view, err := viewOf(r)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := t.Execute(&page, view); err != nil {
		return err
	}
	_, err = page.WriteTo(w)
	return err
}

// view is what the template shows, every text cleaned.
type view struct {
	Word, Key, Text, Source string
	Policy                  string
	Style                   template.CSS
	Script                  template.JS
	Tiles                   []tile
	Drawings                []drawn
	Legend                  []legend
	Summary                 string
	Groups                  []chapter
	Matrices                []matrix
	DoorsLeft               int
	Evidence                []proof
	EvidenceLeft            int
	Notes                   []string
}

type tile struct {
	Key, Label string
	N          int
}

type legend struct {
	Kind, Text string
	N          int // networks; -1: not counted
}

type chapter struct {
	Key, Title string
	N, Left    int
	Open       bool
	Findings   []entry
}

// entry is one finding as the page shows it.
type entry struct {
	Anchor, State, Word     string
	ID, Title, Name, Full   string
	What, Witness, Why      string
	Terraform, Az           string
	Equal, Waiver, Haystack string
	Evidence                []proof
}

// proof is one place that decided something.
type proof struct {
	Anchor, ID, State, Name, Full string
	Pointer, Value, Default       string
	Of                            string // Name, where it is not the finding's own resource
}

func viewOf(r posture.Report) (*view, error) {
	names := newNamer(r)
	v := &view{Word: verdictWord(r.Verdict), Text: verdictText(r), Source: sourceText(r)}
	v.Key = strings.ToLower(v.Word)
	if err := v.files(); err != nil {
		return nil, err
	}
	anchors := v.findings(r, names)
	var places map[string]string
	v.Matrices, places, v.DoorsLeft = matrices(r, names)
	v.draw(r.Map, places, anchors)
	for _, note := range r.Notes {
		v.Notes = append(v.Notes, clean(note))
	}
	return v, nil
}

// files takes style and script in, and makes the policy that allows them.
func (v *view) files() error {
	style, err := pageFiles.ReadFile("page.css")
	if err != nil {
		return err
	}
	script, err := pageFiles.ReadFile("page.js")
	if err != nil {
		return err
	}
	v.Style = template.CSS(style)  //nolint:gosec // our own file
	v.Script = template.JS(script) //nolint:gosec // our own file
	v.Policy = fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hash(style), hash(script))
	return nil
}

func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// findings fills chapters, tiles and evidence, and returns the first anchor of
// each resource by its lower-case id.
func (v *view) findings(r posture.Report, names namer) map[string]string {
	anchors := map[string]string{}
	n := 0
	for _, g := range groups(r) {
		c := chapter{Key: g.Key, Title: g.Title, N: len(g.Findings), Left: max(0, len(g.Findings)-findingsMax), Open: g.Key == "must" && len(g.Findings) <= 4}
		for _, f := range g.Findings[:len(g.Findings)-c.Left] {
			e := entryOf(f, StateOf(f), names)
			e.Anchor = fmt.Sprintf("f-%d", n)
			if id := strings.ToLower(f.Resource); anchors[id] == "" {
				anchors[id] = e.Anchor
			}
			n++
			c.Findings = append(c.Findings, e)
			for _, p := range e.Evidence {
				if p.Anchor = e.Anchor; len(v.Evidence) < evidenceMax {
					v.Evidence = append(v.Evidence, p)
				} else {
					v.EvidenceLeft++
				}
			}
		}
		v.Groups = append(v.Groups, c)
		v.Tiles = append(v.Tiles, tile{g.Key, g.Title, c.N})
	}
	return anchors
}

func entryOf(f posture.Finding, state State, names namer) entry {
	e := entry{
		State: string(state), ID: clean(f.ID), Title: clean(f.Title), Name: names.of(f.Resource), Full: clean(f.Resource),
		What: clean(f.What), Witness: clean(f.Witness), Why: clean(f.Why),
		Terraform: cleanLines(f.Mend.Terraform), Az: cleanLines(f.Mend.Az), Equal: listText(f.Equal, 40),
	}
	e.Word = map[State]string{Fail: "fails", Unknown: "unknown", Waived: "waived", Pass: "passes"}[state]
	if f.Level == posture.Advice && state != Waived {
		e.Word = "advice, " + e.Word
	}
	if f.Waiver != nil {
		e.Waiver = "until " + f.Waiver.Expires.UTC().Format("2006-01-02") + ": " + clean(f.Waiver.Reason)
	}
	for _, p := range f.Evidence {
		of := cmp.Or(p.Resource, f.Resource)
		shown := proof{ID: e.ID, State: e.Word, Name: names.of(of), Full: clean(of), Pointer: clean(p.Pointer), Value: clean(p.Value), Default: clean(p.Default)}
		if !strings.EqualFold(of, f.Resource) {
			shown.Of = shown.Name
		}
		e.Evidence = append(e.Evidence, shown)
	}
	e.Haystack = strings.ToLower(strings.Join([]string{e.ID, e.Title, e.Full, e.What, e.Witness}, " "))
	return e
}
