package render

import (
	"bytes"
	"strconv"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// nodes writes what differs from goldmark's own HTML.
type nodes struct{ coloured int }

// RegisterFuncs is goldmark's.
func (n *nodes) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindHeading, heading)
	r.Register(ast.KindImage, image)
	r.Register(ast.KindFencedCodeBlock, n.code)
	r.Register(ast.KindCodeBlock, n.code)
	r.Register(extast.KindTable, table)
	r.Register(extast.KindTaskCheckBox, task)
	r.Register(kindMath, formula)
	r.Register(kindMathBlock, formulaBlock)
	r.Register(kindBreak, lineBreak)
}

// heading stands below the page's own headings.
func heading(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	tag := "h" + strconv.Itoa(min(n.(*ast.Heading).Level+2, 6))
	if entering {
		_, _ = w.WriteString("<" + tag + ">")
	} else {
		_, _ = w.WriteString("</" + tag + ">\n")
	}
	return ast.WalkContinue, nil
}

// image is a link to the picture: nothing is loaded that nobody asked for.
func image(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		_, _ = w.WriteString("</a>")
		return ast.WalkContinue, nil
	}
	_, _ = w.WriteString(`<a href="`)
	_, _ = w.Write(util.EscapeHTML(util.URLEscape(n.(*ast.Image).Destination, true)))
	_, _ = w.WriteString(`">🖼 `)
	return ast.WalkContinue, nil
}

// table may be wider than the page.
func table(w util.BufWriter, _ []byte, _ ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		_, _ = w.WriteString("<div class=\"table\"><table>\n")
	} else {
		_, _ = w.WriteString("</tbody></table></div>\n")
	}
	return ast.WalkContinue, nil
}

func task(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		box := "☐ "
		if n.(*extast.TaskCheckBox).IsChecked {
			box = "☑ "
		}
		_, _ = w.WriteString(`<span class="task">` + box + "</span>")
	}
	return ast.WalkContinue, nil
}

// code is a figure: its caption names the language.
func (n *nodes) code(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	var language string
	if fenced, ok := node.(*ast.FencedCodeBlock); ok {
		language = languageName(fenced.Language(source))
	}
	var body bytes.Buffer
	lines := node.Lines()
	for i := range lines.Len() {
		line := lines.At(i)
		body.Write(line.Value(source))
	}
	_, _ = w.WriteString(`<figure class="code"><figcaption>`)
	_, _ = w.Write(util.EscapeHTML([]byte(language)))
	_, _ = w.WriteString("</figcaption><pre><code>")
	colour(w, language, body.String(), n.coloured)
	_, _ = w.WriteString("</code></pre></figure>\n")
	return ast.WalkSkipChildren, nil
}

const maxLanguage = 30 // bytes

func languageName(name []byte) string {
	if len(name) > maxLanguage {
		return ""
	}
	return string(name)
}

// breaks knows <br>, the one tag that answers use in tables.
type breaks struct{}

type breakNode struct{ ast.BaseInline }

var kindBreak = ast.NewNodeKind("Break") //nolint:gochecknoglobals // goldmark's way to number kinds

func (*breakNode) Kind() ast.NodeKind              { return kindBreak }
func (b *breakNode) Dump(source []byte, level int) { ast.DumpHelper(b, source, level, nil, nil) }

// Trigger is goldmark's.
func (breaks) Trigger() []byte { return []byte{'<'} }

// Parse is goldmark's.
func (breaks) Parse(_ ast.Node, block text.Reader, _ parserContext) ast.Node {
	line, _ := block.PeekLine()
	for _, tag := range []string{"<br>", "<br/>", "<br />"} {
		if bytes.HasPrefix(line, []byte(tag)) {
			block.Advance(len(tag))
			return &breakNode{}
		}
	}
	return nil
}

func lineBreak(w util.BufWriter, _ []byte, _ ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		_, _ = w.WriteString("<br />")
	}
	return ast.WalkContinue, nil
}
