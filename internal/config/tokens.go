package config

import (
	"fmt"

	"github.com/goccy/go-yaml/token"
)

// plainly is what a refused mark is, and what to write in its place. A
// configuration is read by people in a hurry: what stands in a line is what
// holds, whatever the lines around it say.
func plainly(t token.Type) (what, fix string) {
	switch t {
	case token.AnchorType:
		return "an anchor (&)", "write the value out at each place; put quotes around text that begins with &"
	case token.AliasType:
		return "an alias (*)", "write the value out; put quotes around text that begins with *"
	case token.MergeKeyType:
		return "a merge key (<<)", "write the keys out"
	case token.TagType:
		return "a tag (!)", "delete it; put quotes around text that begins with !"
	case token.DirectiveType:
		return "a directive (%)", "delete it; put quotes around text that begins with %"
	case token.MappingKeyType:
		return "a complex key (?)", "write key: value"
	}
	return "", ""
}

// accept reports every refused token, and says whether the tokens are few and
// shallow enough for the parser, which recurses.
func (t *tree) accept(tokens token.Tokens) bool {
	var nest nesting
	var docs documents
	count := 0
	for _, tk := range tokens {
		if tk.Type == token.CommentType {
			continue
		}
		if count++; count > maxTokens {
			t.problems.add(position(tk), fmt.Sprintf("over %d keys, values and marks", maxTokens), "check that it is the right file")
			return false
		}
		if nest.next(tk) > maxDepth {
			t.tooDeep(position(tk))
			return false
		}
		if what, fix := plainly(tk.Type); what != "" {
			t.problems.add(position(tk), what, fix)
		}
		if docs.next(tk) == 2 {
			t.problems.add(position(tk), "a second document", "keep one document in a file")
			docs.told = true
		}
	}
	return true
}

func (t *tree) tooDeep(at pos) {
	t.problems.add(at, fmt.Sprintf("nested over %d deep", maxDepth), "flatten it")
}

// nesting is how deep the tokens of one line can nest. Over several lines
// depth costs indentation, which the size of the file bounds.
type nesting struct{ flow, line, inLine int }

func (n *nesting) next(tk *token.Token) int {
	if line := position(tk).line; line != n.line {
		n.line, n.inLine = line, 0
	}
	switch tk.Type {
	case token.MappingStartType, token.SequenceStartType:
		n.flow++
	case token.MappingEndType, token.SequenceEndType:
		n.flow--
	case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
		n.inLine++
	}
	return n.flow + n.inLine
}

// documents tells the first document's tokens from those of a second.
type documents struct {
	content, ended, told bool
	directive            int // line of the last directive
}

// next is 2 at the first token of a second document, and less elsewhere.
func (d *documents) next(tk *token.Token) int {
	line := position(tk).line
	if tk.Type == token.DirectiveType {
		d.directive = line
	}
	switch {
	case d.told || line == d.directive:
	case tk.Type == token.DocumentHeaderType && d.content, tk.Type != token.DocumentEndType && d.ended:
		return 2
	case tk.Type == token.DocumentEndType:
		d.ended = true
	default:
		d.content = true
	}
	return 1
}
