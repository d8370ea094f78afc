package config

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// Random documents that write down, as they grow, where each key and value
// stands and what it says; the parser must say the same.
func TestPositions(t *testing.T) {
	for seed := range uint64(400) {
		w := writer{r: rand.New(rand.NewPCG(seed, 1)), want: map[string]pos{}}
		w.mapping(0, 3)
		src := w.b.String()
		if seed%2 == 1 {
			src = strings.ReplaceAll(src, "\n", "\r\n")
		}
		root, problems := parse([]byte(src))
		if len(problems) > 0 {
			t.Fatalf("seed %d: %v\n%s", seed, problems, src)
		}
		got := map[string]pos{}
		collect(root, got)
		for text, at := range w.want {
			if got[text] != at {
				t.Fatalf("seed %d: %q is at %v, not %v\n%s", seed, text, at, got[text], src)
			}
		}
		if len(got) != len(w.want) {
			t.Fatalf("seed %d: %d places, not %d\n%s", seed, len(w.want), len(got), src)
		}
	}
}

func collect(n *node, into map[string]pos) {
	if n.kind == text {
		into[n.text] = n.at
	}
	for _, item := range n.items {
		collect(item, into)
	}
	for _, e := range n.entries {
		into[e.key+":"] = e.at
		collect(e.value, into)
	}
}

// writer writes a random document in block and flow style, with every sort of
// scalar, comments, blank lines and characters of several bytes.
type writer struct {
	r    *rand.Rand
	b    strings.Builder
	n    int
	want map[string]pos
}

func (w *writer) put(s ...string) {
	for _, s := range s {
		w.b.WriteString(s)
	}
}

func (w *writer) here() pos {
	s := w.b.String()
	last := strings.LastIndexByte(s, '\n') + 1
	return pos{strings.Count(s, "\n") + 1, utf8.RuneCountInString(s[last:]) + 1}
}

func (w *writer) name() string { w.n++; return fmt.Sprintf("v%dé", w.n) }

func (w *writer) end() {
	if w.r.IntN(4) == 0 {
		w.put(" # é comment: x - y")
	}
	w.put("\n")
	for w.r.IntN(5) == 0 {
		w.put([]string{"\n", "   \n", "# full: line\n", "      # indented\n"}[w.r.IntN(4)])
	}
}

func (w *writer) key() {
	k := w.name()
	w.want[k+":"] = w.here()
	if w.r.IntN(4) == 0 {
		w.put(`"`, k, `":`)
	} else {
		w.put(k, ":")
	}
}

// scalar writes one value; in block style it may take several lines.
func (w *writer) scalar(indent int, block bool) {
	v, at, below := w.name(), w.here(), "\n"+strings.Repeat(" ", indent+2)
	k := w.r.IntN(8)
	if !block {
		k = w.r.IntN(3)
	}
	switch k {
	case 0:
		w.put(`"`, v, ` \" # : x"`)
		v += ` " # : x`
	case 1:
		w.put(`'`, v, ` '' - x'`)
		v += ` ' - x`
	case 3:
		w.put("|", below, v, below, "b: c\n")
		v += "\nb: c\n"
	case 4:
		w.put(">-", below, v, below, "x\n\n")
		v += " x"
	case 5:
		w.put(v, below, "more")
		v += " more"
	case 6:
		w.put(`"`, v, below, `more"`)
		v += " more"
	default:
		w.put(v)
	}
	w.want[v] = at
	if block && k != 3 && k != 4 {
		w.end()
	}
}

func (w *writer) flow(depth int) {
	kind := w.r.IntN(5)
	if depth <= 0 || kind > 1 {
		w.scalar(0, false)
		return
	}
	w.put([]string{"[", "{"}[kind])
	for i := range w.r.IntN(4) {
		if i > 0 {
			w.put(", ")
		}
		if kind == 1 {
			w.key()
			w.put(" ")
		}
		w.flow(depth - 1)
	}
	w.put([]string{"]", "}"}[kind])
}

func (w *writer) mapping(indent, depth int) {
	for i := range w.r.IntN(4) + 1 {
		if i > 0 || w.here().col == 1 {
			w.put(strings.Repeat(" ", indent))
		}
		w.key()
		switch k := w.r.IntN(6); {
		case depth > 0 && k == 0:
			w.end()
			w.mapping(indent+1+w.r.IntN(4), depth-1)
		case depth > 0 && k == 1:
			w.end()
			w.list(indent+w.r.IntN(3), depth-1)
		case k == 2:
			w.put(" ")
			w.flow(2)
			w.end()
		default:
			w.put(strings.Repeat(" ", 1+w.r.IntN(2)))
			w.scalar(indent, true)
		}
	}
}

func (w *writer) list(indent, depth int) {
	for range w.r.IntN(3) + 1 {
		w.put(strings.Repeat(" ", indent), "- ")
		if depth > 0 && w.r.IntN(2) == 0 {
			w.mapping(indent+2, depth-1)
		} else {
			w.scalar(indent, true)
		}
	}
}

func TestGuard(t *testing.T) {
	tr := tree{problems: Problems{{Line: 3, Col: 1, What: "before"}}}
	root := tr.guard(func() *node { panic("a secret") })
	const want = "f:1:1: not valid YAML: the YAML library cannot read it; write it more plainly\nf:3:1: before"
	if err := tr.problems.finish("f"); root != nil || err.Error() != want {
		t.Errorf("%v, %v", root, err)
	}
}

// numbered repeats format n times with its number, where it takes one.
func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(format, "%d", strconv.Itoa(i)))
	}
	return b.String()
}

// Each text is made to cost more than its size; without the bounds some take
// minutes, and the deepest would exhaust the stack.
func TestHostile(t *testing.T) {
	const size = MaxFileSize / 8
	fill := func(head, body, tail string) string {
		n := (size - len(head) - len(tail)) / len(body)
		return head + strings.Repeat(body, n) + tail
	}
	staircase := func(step string) string {
		var b strings.Builder
		for i := 0; b.Len()+i+len(step) < size; i++ {
			b.WriteString(strings.Repeat(" ", i) + step)
		}
		return b.String()
	}
	tests := []struct{ name, src, want string }{
		{"keys", fill("", "a:\n", ""), "over 32768 keys, values and marks"},
		{"items", fill("hosts: [", "a,", "]"), "over 32768 keys, values and marks"},
		{"documents", fill("", "---\n", ""), "f:2:1: a second document; keep one document in a file"},
		{"flow", fill("hosts: ", "[", ""), "nested over 32 deep"},
		{"mixed flow", fill("hosts: ", "[{a: ", ""), "nested over 32 deep"},
		{"dashes", fill("hosts:\n", "- ", ""), "nested over 32 deep"},
		{"questions", fill("", "? ", ""), "nested over 32 deep"},
		{"tags", fill("", "!a ", ""), "nested over 32 deep"},
		{"anchors", fill("", "&a ", ""), "nested over 32 deep"},
		{"staircase of keys", staircase("a:\n"), "nested over 32 deep"},
		{"staircase of dashes", staircase("-\n"), "nested over 32 deep"},
		{"blank lines in a block", fill("listen: |\n  a\n", "\n", ""), "over 100 blank lines in a row"},
		{"blank lines with spaces", fill("listen: |\n  a\n", "    \n", ""), "over 100 blank lines in a row"},
		{"angles", fill("listen: x\nweights: {", "<", "}"), "over 64 times < in a row"},
		{"short angles", fill("listen: x\nweights: {", strings.Repeat("<", 64)+" ", ": 1}"), "a merge key (<<)"},
		{"tabs in quotes", fill("listen: \"", "\t", "\""), "a tab"},
		{"tab lines", fill("", "\t\n", ""), "64536 more problems from here on; mend those above first"},
		{"short blanks in a block", fill("listen: |\n", "  a"+strings.Repeat("\n", 100), ""), ""},
		{"long text", fill("listen: ", "a", ""), ""},
		{"long lines of text", fill("listen: a\n", "  a\n", ""), ""},
		{"long block", fill("listen: |\n", "  a\n", ""), ""},
		{"long folded block", fill("listen: >-\n", "  a\n", ""), ""},
		{"long quotes", fill("listen: \"", "a\n ", "\""), ""},
		{"long quotes with spaces", fill("listen: '", "   \n a", "'"), ""},
		{"long comment", fill("listen: a #", "#", ""), ""},
		{"colons", fill("listen: a", ":", "a"), ""},
		{"pipes", fill("listen: ", "|", ""), "not valid YAML"},
		{"quotes", fill("listen: ", "''", ""), ""},
		{"bangs", fill("listen: ", "!", ""), "a tag (!)"},
		{"unknown keys", numbered(5000, "k%d: b\n"), "4001 more problems"},
		{"empty keys", numbered(5000, "k%d:\n"), "4001 more problems"},
		{"same keys", numbered(5000, "a:\n"), "4001 more problems"},
		{"empty flow keys", "weights: {" + numbered(5000, "k%d: ,") + "}", "4001 more problems"},
		{"checks and secrets", "listen: a\nbackends:\n" + numbered(2000, "- url: a\n  key: env:OSTIARY_TEST_%d\n"), "3000 more problems"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Decode("f", []byte(tt.src), &sample{}, Options{})
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				text := fmt.Sprint(err)
				t.Errorf("got %.300s, want %q", text, tt.want)
			}
			if ps, ok := err.(Problems); ok && len(ps) > maxProblems+1 {
				t.Errorf("%d problems", len(ps))
			}
		})
	}
}
