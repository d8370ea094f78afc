package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds on a document. Time and memory of the YAML library grow with the
// square of both.
const (
	maxDepth  = 32
	maxTokens = 1 << 15
)

// node is one value of the document, free of the YAML library.
type node struct {
	kind    kind
	at      pos    // of a scalar itself; of the key or dash that holds a list, a mapping or nothing
	text    string // of a scalar, unquoted
	items   []*node
	entries []entry
	index   map[string]int // of entries by key
}

type entry struct {
	key   string
	at    pos
	value *node
}

// parse reads one document. The node is nil where nothing can be bound; the
// problems may hold more than what made it so.
func parse(src []byte) (*node, Problems) {
	text, problems := readable(src)
	if len(problems) > 0 {
		return nil, problems
	}
	var t tree
	root := t.guard(func() *node { return t.document(text) })
	return root, t.problems
}

// tree turns the library's tokens and nodes into ours.
type tree struct{ problems Problems }

// guard turns a panic of the YAML library, which has panicked on odd input,
// into a problem. Only what touches the library runs inside.
func (t *tree) guard(read func() *node) (root *node) {
	defer func() {
		if recover() != nil {
			root = nil
			t.problems.add(pos{1, 1}, "not valid YAML: the YAML library cannot read it", "write it more plainly")
		}
	}()
	return read()
}

func (t *tree) document(text string) *node {
	// Without the last newline the library's lexer drops a tag at the end.
	tokens := lexer.Tokenize(text + "\n")
	if !t.accept(tokens) {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		t.syntax(err)
		return nil
	}
	top := pos{1, 1}
	for _, doc := range file.Docs {
		if _, ok := doc.Body.(*ast.DirectiveNode); ok {
			continue // reported by accept; a document of its own to the library
		}
		if root := t.node(doc.Body, top, 0); root.kind != null {
			return root
		}
		break
	}
	return &node{kind: mapping, at: top}
}

// syntax reports the library's error. Its text carries the source lines, which
// may hold a secret; its message alone does not, but for what it quotes.
func (t *tree) syntax(err error) {
	const fix = "check the indentation, the quotes and the space after each colon"
	var e interface {
		error
		GetToken() *token.Token
		GetMessage() string
	}
	at, what := pos{1, 1}, "not valid YAML"
	if errors.As(err, &e) {
		at = position(e.GetToken())
		if m := e.GetMessage(); m != "" && !strings.Contains(m, `"`) {
			what += ": " + m
		}
	}
	t.unlessTold(at, what, fix)
}

// unlessTold reports a problem where its line has none yet: after what accept
// refused there, it would most likely be an echo.
func (t *tree) unlessTold(at pos, what, fix string) {
	if !slices.ContainsFunc(t.problems, func(p Problem) bool { return p.Line == at.line }) {
		t.problems.add(at, what, fix)
	}
}

// node converts n; under is the place of the key or dash that holds it, zero
// inside a list in brackets.
func (t *tree) node(n ast.Node, under pos, depth int) *node {
	at := position(tokenOf(n))
	if under == (pos{}) {
		under = at
	}
	if depth > maxDepth {
		t.tooDeep(under)
		return &node{kind: refused, at: under}
	}
	switch n := n.(type) {
	case nil, *ast.CommentGroupNode:
		return &node{kind: null, at: under}
	case *ast.MappingNode:
		return t.mapping(n, under, depth)
	case *ast.SequenceNode:
		l := &node{kind: list, at: under}
		for i, v := range n.Values {
			dash := pos{}
			if !n.IsFlowStyle {
				dash = position(n.Entries[i].Start)
			}
			l.items = append(l.items, t.node(v, dash, depth+1))
		}
		return l
	case *ast.LiteralNode:
		return &node{kind: text, at: at, text: n.Value.Value}
	case *ast.AnchorNode: // reported by accept, as are tags and aliases
		return t.node(n.Value, under, depth+1)
	case *ast.TagNode:
		return t.node(n.Value, under, depth+1)
	case *ast.AliasNode:
		return &node{kind: refused, at: under}
	case ast.ScalarNode:
		return t.scalar(n.GetToken(), under)
	}
	t.unlessTold(under, "not a plain value, list or mapping", "write it more plainly")
	return &node{kind: refused, at: under}
}

func (t *tree) mapping(n *ast.MappingNode, under pos, depth int) *node {
	m := &node{kind: mapping, at: under, index: map[string]int{}}
	for _, v := range n.Values {
		if v.Key.IsMergeKey() {
			continue // reported by accept
		}
		key := keyOf(v.Key)
		at := position(key)
		if key == nil {
			t.unlessTold(position(v.Key.GetToken()), "a key that is not plain text", "write it as key: value")
			continue
		}
		if i, ok := m.index[key.Value]; ok {
			t.problems.add(at, fmt.Sprintf("key %s is already on line %d", quoteKey(key.Value), m.entries[i].at.line), "keep one of the two")
			continue
		}
		m.index[key.Value] = len(m.entries)
		m.entries = append(m.entries, entry{key.Value, at, t.node(v.Value, at, depth+1)})
	}
	return m
}

// scalar places an absent value at its key: there is nothing else to point at.
func (t *tree) scalar(tk *token.Token, under pos) *node {
	k := text
	if tk.Type != token.SingleQuoteType && tk.Type != token.DoubleQuoteType {
		k = plainKind(tk.Value)
	}
	if k == null || tk.Type == token.ImplicitNullType {
		return &node{kind: null, at: under}
	}
	return &node{kind: k, at: position(tk), text: tk.Value}
}

// keyOf is the token of a key's text, nil where it has none. What accept
// refused around it is taken off.
func keyOf(n ast.Node) *token.Token {
	switch n := n.(type) {
	case *ast.MappingKeyNode:
		return keyOf(n.Value)
	case *ast.AnchorNode:
		return keyOf(n.Value)
	case *ast.TagNode:
		return keyOf(n.Value)
	case *ast.LiteralNode, *ast.AliasNode, *ast.MergeKeyNode:
		return nil
	case ast.ScalarNode:
		return n.GetToken()
	}
	return nil
}

// tokenOf guards against the typed nils and empty documents of the library.
func tokenOf(n ast.Node) *token.Token {
	if n == nil {
		return nil
	}
	return n.GetToken()
}

func position(t *token.Token) pos {
	if t == nil || t.Position == nil {
		return pos{1, 1}
	}
	return pos{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}
