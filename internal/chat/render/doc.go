// Package render turns the Markdown of an answer into HTML that is safe to put
// in a page: tables, task lists, links, code in colours, formulas as MathML.
//
// It guarantees that what comes out holds nothing but the elements and
// attributes of a short list, no script, no style, no picture, and links to
// http, https and mailto alone, whatever goes in: HTML in an answer is shown
// as the text that it is, and the result passes a sanitiser besides. Pictures
// become links, for an address that a page loads by itself is a way to carry
// out what was said.
//
// It does not guarantee that a link leads where its text says.
package render

import (
	"bytes"
	"html"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	goldhtml "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/util"
)

// MaxSource is the longest text that is laid out, in bytes; a longer one is
// shown as it is.
const MaxSource = 1 << 20

// Renderer is safe for use by many.
type Renderer struct {
	whole, quick goldmark.Markdown
	policy       *bluemonday.Policy
}

// New makes a renderer.
func New() *Renderer {
	return &Renderer{whole: markdown(maxColoured), quick: markdown(maxColouredQuick), policy: policy()}
}

// HTML lays out a text.
func (r *Renderer) HTML(text string) string { return r.html(r.whole, text) }

func (r *Renderer) html(m goldmark.Markdown, text string) string {
	var b bytes.Buffer
	if len(text) > MaxSource || m.Convert([]byte(text), &b) != nil {
		return "<pre>" + html.EscapeString(text) + "</pre>"
	}
	return r.policy.SanitizeReader(&b).String()
}

// markdown is CommonMark with GitHub's extensions and formulas, and without
// HTML. Code up to coloured bytes gets colours.
func markdown(coloured int) goldmark.Markdown {
	return goldmark.New(
		goldmark.WithParser(parser.NewParser(
			parser.WithBlockParsers(blockParsers()...),
			parser.WithInlineParsers(inlineParsers()...),
			parser.WithParagraphTransformers(parser.DefaultParagraphTransformers()...),
		)),
		goldmark.WithExtensions(
			extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
			extension.Strikethrough, extension.TaskList,
			extension.NewLinkify(extension.WithLinkifyAllowedProtocols([]string{"http:", "https:", "mailto:"})),
		),
		goldmark.WithRendererOptions(goldhtml.WithXHTML(), renderer.WithNodeRenderers(util.Prioritized(&nodes{coloured}, 1))),
	)
}

// blockParsers are CommonMark's, without HTML blocks.
func blockParsers() []util.PrioritizedValue {
	return []util.PrioritizedValue{
		util.Prioritized(mathBlocks{}, 90),
		util.Prioritized(parser.NewSetextHeadingParser(), 100),
		util.Prioritized(parser.NewThematicBreakParser(), 200),
		util.Prioritized(parser.NewListParser(), 300),
		util.Prioritized(parser.NewListItemParser(), 400),
		util.Prioritized(parser.NewCodeBlockParser(), 500),
		util.Prioritized(parser.NewATXHeadingParser(), 600),
		util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
		util.Prioritized(parser.NewBlockquoteParser(), 800),
		util.Prioritized(parser.NewParagraphParser(), 1000),
	}
}

// inlineParsers are CommonMark's, without HTML but for a line's break.
func inlineParsers() []util.PrioritizedValue {
	return []util.PrioritizedValue{
		util.Prioritized(mathInlines{}, 50),
		util.Prioritized(parser.NewCodeSpanParser(), 100),
		util.Prioritized(parser.NewLinkParser(), 200),
		util.Prioritized(parser.NewAutoLinkParser(), 300),
		util.Prioritized(breaks{}, 400),
		util.Prioritized(parser.NewEmphasisParser(), 500),
	}
}
