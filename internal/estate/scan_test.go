package estate

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func scans(text string) bool {
	s := scanner{text: text, limit: 64}
	s.skip()
	s.end()
	return s.err == nil
}

// The scanner accepts what encoding/json accepts, halves of surrogate pairs
// and deep nesting apart, and reads strings as it does.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-0.5e+7,true,false,null,"x\u00e9\n\"\\\/"],"b":{}}`, `[`, `"\ud83d\ude00"`, `"\ud800"`, `01`, `-`, `1.`, `.5`, `1e`, `[1,]`, `{"a"}`, `{"a":1,}`,
		"\"\x00\"", `"\x"`, `nul`, ` [ ] `, `[]]`, `{"a":1 "b":2}`, strings.Repeat("[", 70) + strings.Repeat("]", 70), `"\u12"`, "1 2",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ours, theirs := scans(text), json.Valid([]byte(text))
		if ours && !theirs {
			t.Fatalf("accepted %q", text)
		}
		if theirs && !ours && utf8.ValidString(text) && !strings.Contains(text, `\u`) && strings.Count(text, "[")+strings.Count(text, "{") <= 64 {
			t.Fatalf("refused %q", text)
		}
		if s := (&scanner{text: text, limit: 64}); ours && s.peek() == '"' {
			var want string
			if err := json.Unmarshal([]byte(text), &want); err == nil && utf8.ValidString(text) && s.str() != want {
				t.Fatalf("%q reads otherwise than %q", text, want)
			}
		}
	})
}

// A node tells its members apart by one bit each.
func TestNoStructHasTooManyMembers(t *testing.T) {
	for _, tag := range []string{"arm", "tf"} {
		s := shapes{tag: tag, known: nil}
		s.known = newDecoder("", tag, Options{}).shapes.known
		for typ := range newClasses().byType {
			var walk func(n *node)
			walk = func(n *node) {
				if len(n.kids) > 64 || len(n.kids) > 0 && (len(n.leaves) > 0 || n.part != nil) {
					t.Errorf("%v, %s: a node with %d members", typ, tag, len(n.kids))
				}
				for _, k := range n.kids {
					walk(k)
				}
			}
			walk(s.of(typ))
		}
	}
}
