package render

import (
	"bytes"
	"html"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

type parserContext = parser.Context

// Formulas stand between $…$ or \(…\) in a line, and between $$…$$ or \[…\] on
// their own. A dollar opens one only where the dollar that closes it follows
// in the same paragraph, by Pandoc's rule (its manual, tex_math_dollars):
// no blank inside of either, no digit after the second. So "$5 and $6" stays
// money.

//nolint:gochecknoglobals // goldmark's way to number kinds
var (
	kindMath      = ast.NewNodeKind("Math")
	kindMathBlock = ast.NewNodeKind("MathBlock")
)

type mathNode struct {
	ast.BaseInline
	source  []byte
	display bool
}

func (*mathNode) Kind() ast.NodeKind              { return kindMath }
func (m *mathNode) Dump(source []byte, level int) { ast.DumpHelper(m, source, level, nil, nil) }

type mathBlock struct {
	ast.BaseBlock
	closer []byte
	source bytes.Buffer
	closed bool
}

func (*mathBlock) Kind() ast.NodeKind              { return kindMathBlock }
func (m *mathBlock) Dump(source []byte, level int) { ast.DumpHelper(m, source, level, nil, nil) }
func (*mathBlock) IsRaw() bool                     { return true }

// mathInlines finds formulas in a line of text.
type mathInlines struct{}

// Trigger is goldmark's.
func (mathInlines) Trigger() []byte { return []byte{'$', '\\'} }

// Parse is goldmark's.
func (mathInlines) Parse(_ ast.Node, block text.Reader, _ parserContext) ast.Node {
	line, _ := block.PeekLine()
	for _, d := range []struct {
		open, close string
		display     bool
	}{{"$$", "$$", true}, {"$", "$", false}, {`\(`, `\)`, false}, {`\[`, `\]`, true}} {
		if !bytes.HasPrefix(line, []byte(d.open)) {
			continue
		}
		source, size := within(block, d.open, d.close)
		if size == 0 || d.open == "$" && !dollars(source, line[size:]) {
			return nil
		}
		block.Advance(size)
		return &mathNode{source: source, display: d.display}
	}
	return nil
}

// within gives the formula that begins here and ends in the same line, and the
// bytes that it takes with its delimiters; none gives 0.
func within(block text.Reader, open, closer string) (source []byte, size int) {
	line, _ := block.PeekLine()
	rest := line[len(open):]
	n := bytes.Index(rest, []byte(closer))
	if n <= 0 || n > maxTeX {
		return nil, 0
	}
	return bytes.TrimSpace(rest[:n]), len(open) + n + len(closer)
}

func dollars(source, after []byte) bool {
	blank := func(c byte) bool { return c == ' ' || c == '\t' }
	return len(source) > 0 && !blank(source[0]) && !blank(source[len(source)-1]) &&
		(len(after) == 0 || after[0] < '0' || after[0] > '9')
}

// mathBlocks finds formulas that begin a line.
type mathBlocks struct{}

// Trigger is goldmark's.
func (mathBlocks) Trigger() []byte { return []byte{'$', '\\'} }

// CanInterruptParagraph is goldmark's.
func (mathBlocks) CanInterruptParagraph() bool { return true }

// CanAcceptIndentedLine is goldmark's.
func (mathBlocks) CanAcceptIndentedLine() bool { return false }

// Open is goldmark's.
func (mathBlocks) Open(_ ast.Node, reader text.Reader, _ parserContext) (ast.Node, parser.State) {
	line, segment := reader.PeekLine()
	trimmed := bytes.TrimLeft(line, " ")
	var closer []byte
	switch {
	case bytes.HasPrefix(trimmed, []byte("$$")):
		closer = []byte("$$")
	case bytes.HasPrefix(trimmed, []byte(`\[`)):
		closer = []byte(`\]`)
	default:
		return nil, parser.NoChildren
	}
	// The whole is looked at, for a formula that never ends would swallow the
	// rest of the answer.
	start := segment.Start + len(line) - len(trimmed) + 2 - segment.Padding
	if start < 0 || start > len(reader.Source()) {
		return nil, parser.NoChildren
	}
	ahead := reader.Source()[start:]
	n := bytes.Index(ahead, closer)
	if n <= 0 || n > maxTeX || bytes.Contains(ahead[:n], []byte("```")) {
		return nil, parser.NoChildren
	}
	block := &mathBlock{closer: closer}
	content := trimmed[2:]
	if at := bytes.Index(content, closer); at >= 0 {
		if len(bytes.TrimSpace(content[at+len(closer):])) > 0 {
			return nil, parser.NoChildren // text follows: it stands in a line
		}
		block.source.Write(content[:at])
		block.closed = true
	} else {
		block.source.Write(content)
	}
	reader.AdvanceToEOL()
	return block, parser.NoChildren
}

// Continue is goldmark's.
func (mathBlocks) Continue(node ast.Node, reader text.Reader, _ parserContext) parser.State {
	block := node.(*mathBlock)
	if block.closed {
		return parser.Close
	}
	line, _ := reader.PeekLine()
	if at := bytes.Index(line, block.closer); at >= 0 {
		block.source.Write(line[:at])
		block.closed = true
	} else {
		block.source.Write(line)
	}
	reader.AdvanceToEOL()
	return parser.Continue | parser.NoChildren
}

// Close is goldmark's.
func (mathBlocks) Close(ast.Node, text.Reader, parserContext) {}

func formula(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		m := n.(*mathNode)
		writeFormula(w, m.source, m.display)
	}
	return ast.WalkContinue, nil
}

func formulaBlock(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		_, _ = w.WriteString(`<div class="math">`)
		writeFormula(w, n.(*mathBlock).source.Bytes(), true)
		_, _ = w.WriteString("</div>\n")
	}
	return ast.WalkSkipChildren, nil
}

// writeFormula shows what is not known as code.
func writeFormula(w util.BufWriter, source []byte, display bool) {
	if ml, ok := TeX(string(source), display); ok {
		_, _ = w.WriteString(ml)
		return
	}
	_, _ = w.WriteString("<code>" + html.EscapeString(string(source)) + "</code>")
}
