package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
)

func TestDecode(t *testing.T) {
	t.Setenv("OSTIARY_TEST_KEY", "x")
	var key secret.Ref
	if err := key.UnmarshalText([]byte("env:OSTIARY_TEST_KEY")); err != nil {
		t.Fatal(err)
	}
	src := `# a comment
---
listen: "127.0.0.1:0"
timeout: 1h30m
max_body: 64MiB
verbose: True
port: 8443
level: -3
share: 1e-3
ratio: 2
member: spiffe://p/inlet/m
hosts: [a, "10", 'b: c']
backends:
- url: https://one
  key: env:OSTIARY_TEST_KEY
- url: >-
    https://two
models:
  gpt-4.1: {capacity: 5}
  "10": {capacity: 1}
weights: {}
`
	var c sample
	if err := Decode("f.yaml", []byte(src), &c, Options{}); err != nil {
		t.Fatal(err)
	}
	wanted := sample{
		Listen: "127.0.0.1:0", Timeout: 90 * time.Minute, MaxBody: 64 << 20, Verbose: true,
		Port: 8443, Level: -3, Share: 1e-3, Ratio: 2,
		Member:   pki.ID{Project: "p", Role: pki.Inlet, Member: "m"},
		Hosts:    []string{"a", "10", "b: c"},
		Backends: []backend{{"https://one", &key}, {"https://two", nil}},
		Models:   map[string]*model{"gpt-4.1": {Capacity: 5}, "10": {Capacity: 1}},
		Weights:  map[string]float64{},
	}
	if !reflect.DeepEqual(c, wanted) {
		t.Errorf("got  %+v\nwant %+v", c, wanted)
	}
}

// Each case is one document and every line of its error.
func TestProblems(t *testing.T) {
	const known = "known here: listen, timeout, max_body, verbose, port, level, share, ratio, member, hosts, backends, models, weights, tree"
	const syntax = "; check the indentation, the quotes and the space after each colon"
	const isList = "; write each item on a line of its own after a dash, or [] for none"
	const isMapping = "; write key: value lines below it, or {} for none"
	const isText = "; put quotes around it"
	const isWhole = "; write it in decimal, without quotes or a leading zero"
	const isNumber = "; write a decimal number such as 0.5, without quotes"
	const isBool = "; write true or false, without quotes"
	const isDuration = "; write a number and a unit, such as 300ms, 10s or 1h30m"
	const missing = "f:1:1: missing required key listen; add it: address to listen on"
	tests := []struct{ name, src, want string }{
		{"empty", "", missing},
		{"comment", "# nothing\n", missing},
		{"null", "~", missing},
		{"list", "- a", "f:1:1: the document wants a mapping, found a list" + isMapping},
		{"text", "\n hello", "f:2:2: the document wants a mapping, found text" + isMapping},
		{"required and empty", `listen: ""`, "f:1:9: listen is empty; write a value: address to listen on"},
		{"required and null", `listen:`, "f:1:1: listen is empty; write a value: address to listen on"},

		{"unknown", "listen: x\nzzz: 1", `f:2:1: unknown key "zzz"; delete it; ` + known},
		{"near", "listen: x\nprot: 1", `f:2:1: unknown key "prot"; write "port"; ` + known},
		{"folded", "listen: x\nmaxBody: 1", `f:2:1: unknown key "maxBody"; write "max_body"; ` + known},
		{"unknown below", "listen: x\nmodels:\n  m:\n    capacity: 1\n    x: 1", `f:5:5: unknown key "x" in models.m; delete it; known here: capacity, token`},
		{"odd key", "listen: x\n\"a\\e[1m\": 1", "f:2:1: unknown key (not shown); delete it; " + known},
		{"duplicate", "listen: x\nport: 1\nlisten: y", `f:3:1: key "listen" is already on line 1; keep one of the two`},

		{"number for text", "listen: 1e3", "f:1:9: listen wants text, found a number" + isText},
		{"bool for text", "listen: true", "f:1:9: listen wants text, found true or false" + isText},
		{"list for text", "listen: [a]", "f:1:1: listen wants text, found a list" + isText},
		{"yes for bool", "listen: x\nverbose: yes", "f:2:10: verbose wants true or false, found text" + isBool},
		{"quoted bool", "listen: x\nverbose: 'true'", "f:2:10: verbose wants true or false, found text" + isBool},
		{"quoted int", "listen: x\nport: '1'", "f:2:7: port wants a whole number, found text" + isWhole},
		{"octal", "listen: x\nport: 010", "f:2:7: port wants a whole number, found a number" + isWhole},
		{"fraction", "listen: x\nport: 1.5", "f:2:7: port wants a whole number, found a number" + isWhole},
		{"underscore", "listen: x\nport: 1_000", "f:2:7: port wants a whole number, found text" + isWhole},
		{"over uint16", "listen: x\nport: 65536", "f:2:7: port is out of range; write a number from 0 to 65535"},
		{"negative", "listen: x\nport: -1", "f:2:7: port is out of range; write a number from 0 to 65535"},
		{"under int8", "listen: x\nlevel: -129", "f:2:8: level is out of range; write a number from -128 to 127"},
		{"over everything", "listen: x\nlevel: 99999999999999999999", "f:2:8: level is out of range; write a number from -128 to 127"},
		{"over float", "listen: x\nshare: 1e999", "f:2:8: share is out of range; write a number from -1.7976931348623157e+308 to 1.7976931348623157e+308"},
		{"over float32", "listen: x\nratio: 1e39", "f:2:8: ratio is out of range; write a number from -3.4028234663852886e+38 to 3.4028234663852886e+38"},
		{"infinity", "listen: x\nshare: .inf", "f:2:8: share wants a number, found a number" + isNumber},
		{"duration without unit", "listen: x\ntimeout: 10", "f:2:10: timeout is not a duration" + isDuration},
		{"duration list", "listen: x\ntimeout: []", "f:2:1: timeout wants a duration, found a list" + isDuration},
		{"size", "listen: x\nmax_body: 64MB", "f:2:11: max_body: not a size; write bytes, or a whole number of KiB, MiB, GiB or TiB, such as 64MiB"},
		{"fault of a type", "listen: x\nmember: me", `f:2:9: member: not a member's name: "me"; write spiffe://PROJECT/ROLE/MEMBER in lower case`},
		{"mapping for a type", "listen: x\nmember: {a: b}", "f:2:1: member wants a single value, found a mapping; write it on the line of its key"},
		{"mapping for list", "listen: x\nhosts: {a: b}", "f:2:1: hosts wants a list, found a mapping" + isList},
		{"list for mapping", "listen: x\nweights: [a]", "f:2:1: weights wants a mapping, found a list" + isMapping},
		{"text for struct", "listen: x\ntree: oak", "f:2:7: tree wants a mapping, found text" + isMapping},
		{"no list", "listen: x\nhosts:", "f:2:1: hosts has no value; write one, [] for none, or delete the key"},
		{"no mapping", "listen: x\nweights: # none\nport: 1", "f:2:1: weights has no value; write one, {} for none, or delete the key"},
		{"no struct", "listen: x\ntree: null", "f:2:1: tree has no value; write one, {} for none, or delete the key"},
		{"no number", "listen: x\nport: ~", "f:2:1: port has no value; write one, or delete the key"},
		{"no item", "listen: x\nhosts:\n  -\n  - [b]", "f:3:3: hosts[0] has no value; write one, \"\" for empty text, or delete the key\n" +
			"f:4:3: hosts[1] wants text, found a list" + isText},
		{"missing in item", "listen: x\nbackends:\n- key: env:X\n- {}", "f:3:1: missing required key backends[0].url; add it: base address\n" +
			"f:3:8: secret env:X: not set or empty; set the variable X, or name another reference\n" +
			"f:4:1: missing required key backends[1].url; add it: base address"},
		{"required collections", "listen: x\ntree: {name: a, by/name: {}, hosts: []}", "f:2:17: tree.by/name is empty; write a value\nf:2:30: tree.hosts is empty; write a value"},

		{"anchor and alias", "listen: &a x\nhosts: [*a]", "f:1:9: an anchor (&); write the value out at each place; put quotes around text that begins with &\n" +
			"f:2:9: an alias (*); write the value out; put quotes around text that begins with *"},
		{"unknown alias", "listen: *a\nport: b", "f:1:9: an alias (*); write the value out; put quotes around text that begins with *\n" +
			"f:2:7: port wants a whole number, found text" + isWhole},
		{"merge key", "listen: x\ntree:\n  <<: {}\n  name: a\n  hosts: [b]\n  by/name: {}", "f:3:3: a merge key (<<); write the keys out\nf:6:3: tree.by/name is empty; write a value"},
		{"tags", "listen: !!str x\nport: !up 1", "f:1:9: a tag (!); delete it; put quotes around text that begins with !\n" +
			"f:2:7: a tag (!); delete it; put quotes around text that begins with !"},
		{"tag at the end", "listen: x\nport: !up", "f:2:1: port has no value; write one, or delete the key\n" +
			"f:2:7: a tag (!); delete it; put quotes around text that begins with !"},
		{"complex key", "? listen\n: x\n", "f:1:1: a complex key (?); write key: value"},
		{"alias for a key", "listen: x\nweights: {*a : 1}", "f:2:11: an alias (*); write the value out; put quotes around text that begins with *"},
		{"block for a key", "listen: x\n? |\n  a\n: 1", "f:2:1: a complex key (?); write key: value"},
		{"block for a first key", "|\n  a\n: x", "f:1:1: a key that is not plain text; write it as key: value\n" + missing},
		{"anchor on a key", "&a listen: x", "f:1:1: an anchor (&); write the value out at each place; put quotes around text that begins with &"},
		{"tag on a key", "!a listen: x", "f:1:1: a tag (!); delete it; put quotes around text that begins with !"},
		{"tag on a list", "listen: x\nweights: !a [d]", "f:2:1: weights wants a mapping, found a list" + isMapping + "\n" +
			"f:2:10: a tag (!); delete it; put quotes around text that begins with !"},
		{"directive", "%YAML 1.2\n---\nlisten: x\n", "f:1:1: a directive (%); delete it; put quotes around text that begins with %"},
		{"two documents", "listen: x\nport: a\n---\nport: b\n---\nport: c\n", "f:2:7: port wants a whole number, found text" + isWhole + "\nf:3:1: a second document; keep one document in a file"},
		{"after the end", "listen: x\n...\nport: b\n", "f:3:1: a second document; keep one document in a file"},

		{"no space after a colon", "listen: x\nverbose:true", "f:2:1: not valid YAML: non-map value is specified" + syntax},
		{"tabs", "listen: x\n\tport: 1\nhosts:\t[]", "f:2:1: a tab; use spaces, or \\t inside double quotes\nf:3:7: a tab; use spaces, or \\t inside double quotes"},
		{"control character", "listen: x\x1b[31m", "f:1:10: a control character (U+001B); delete it"},
		{"carriage return alone", "listen: x\rport: 1", "f:1:10: a control character (U+000D); delete it"},
		{"not UTF-8", "listen: é\xff", "f:1:10: a byte that is not UTF-8; save the file as UTF-8"},
		{"open quote", "listen: x\nport: \"1", "f:2:7: not valid YAML: could not find end character of double-quoted text" + syntax},
		{"second colon", "listen: a: b", "f:1:9: not valid YAML: mapping value is not allowed in this context" + syntax},
		{"quoting library", "listen: |x\n  a", "f:1:9: not valid YAML" + syntax},
		{"open bracket", "listen: x\nhosts: [a", "f:2:8: not valid YAML: sequence end token ']' not found" + syntax},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c sample
			err := Decode("f", []byte(tt.src), &c, Options{})
			if err == nil {
				t.Fatal("accepted")
			}
			if got := err.Error(); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
			if !reflect.DeepEqual(c, sample{}) {
				t.Errorf("written in spite of the problem: %+v", c)
			}
			if k := fault.KindOf(err); k != fault.Invalid || fault.PublicText(err) != err.Error() {
				t.Errorf("kind %v, public text %q", k, fault.PublicText(err))
			}
		})
	}
}

// Six mistakes of six kinds, six lines, in order.
func TestSixMistakes(t *testing.T) {
	src := `listen: 127.0.0.1:8443
timeout: soon
backends:
  - url: https://one.example
    key: env:OSTIARY_TEST_ABSENT
  - {}
models:
  gpt-4.1:
    capacity: many
    tokn: env:X
timeout: 5s
`
	want := `gateway.yaml:2:10: timeout is not a duration; write a number and a unit, such as 300ms, 10s or 1h30m
gateway.yaml:5:10: secret env:OSTIARY_TEST_ABSENT: not set or empty; set the variable OSTIARY_TEST_ABSENT, or name another reference
gateway.yaml:6:3: missing required key backends[1].url; add it: base address
gateway.yaml:9:15: models.gpt-4.1.capacity wants a whole number, found text; write it in decimal, without quotes or a leading zero
gateway.yaml:10:5: unknown key "tokn" in models.gpt-4.1; write "token"; known here: capacity, token
gateway.yaml:11:1: key "timeout" is already on line 2; keep one of the two`
	for _, src := range []string{src, strings.ReplaceAll(src, "\n", "\r\n"), "\ufeff" + src} {
		err := Decode("gateway.yaml", []byte(src), &sample{}, Options{})
		if err == nil || err.Error() != want {
			t.Errorf("got\n%v\nwant\n%s", err, want)
		}
		if ps, ok := errors.AsType[Problems](err); !ok || len(ps) != 6 || ps[0].Line != 2 || ps[0].Col != 10 {
			t.Errorf("problems: %#v", ps)
		}
	}
}

// What the document does not name stays; what it names replaces; a refused
// document changes nothing, not even behind a pointer.
func TestDefaults(t *testing.T) {
	old := func() sample {
		return sample{Port: 1, Hosts: []string{"old"}, Models: map[string]*model{"old": {Capacity: 1}}, Tree: &branch{Name: "old", Children: []branch{{Name: "kept"}}}}
	}
	c := old()
	tree := c.Tree
	src := "listen: x\nhosts: [new]\nmodels: {new: {capacity: 2}}\ntree: {name: new, hosts: [a], by/name: {b: {name: c, hosts: [d], by/name: {e: f}}}}\n"
	if err := Decode("f", []byte(src), &c, Options{}); err == nil {
		t.Fatal("accepted text for a mapping")
	}
	if !reflect.DeepEqual(c, old()) || c.Tree != tree {
		t.Errorf("a refused document changed the target: %+v", c)
	}
	if err := Decode("f", []byte(src[:strings.Index(src, "tree:")]), &c, Options{}); err != nil {
		t.Fatal(err)
	}
	want := old()
	want.Listen, want.Hosts, want.Models = "x", []string{"new"}, map[string]*model{"new": {Capacity: 2}}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	var deep struct {
		P *struct {
			A int `yaml:"a"`
			B int `yaml:"b"`
		} `yaml:"p"`
	}
	for _, src := range []string{"p: {a: 1}", "p: {b: 2}"} {
		if err := Decode("f", []byte(src), &deep, Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if deep.P.A != 1 || deep.P.B != 2 {
		t.Errorf("defaults behind a pointer are lost: %+v", deep.P)
	}
}

func TestTarget(t *testing.T) {
	var nilTarget *sample
	tests := map[string]any{
		"nil":        nil,
		"nil struct": nilTarget,
		"value":      sample{},
		"no struct":  new(int),
		"channel": &struct {
			A chan int `yaml:"a"`
		}{},
		"interface": &struct {
			A []any `yaml:"a"`
		}{},
		"int keys": &struct {
			A map[int]string `yaml:"a"`
		}{},
		"two pointers": &struct {
			A **int `yaml:"a"`
		}{},
		"same key": &struct {
			A int `yaml:"a"`
			B int `yaml:"a"`
		}{},
		"unexported": &struct {
			a int `yaml:"a"`
		}{},
	}
	for name, into := range tests {
		if err := Decode("f", nil, into, Options{}); err == nil || fault.KindOf(err) != fault.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var c sample
	if err := Load(file("good", "listen: x\n"), &c, Options{}); err != nil || c.Listen != "x" {
		t.Errorf("good: %v, %+v", err, c)
	}
	if err := Load(file("padded", "listen: x\n#"+strings.Repeat("x", MaxFileSize-11)), &c, Options{}); err != nil {
		t.Errorf("exactly MaxFileSize: %v", err)
	}
	bad := file("bad", "port: x\n")
	tests := []struct {
		path, want string
		kind       fault.Kind
	}{
		{bad, bad + ":1:1: missing required key listen; add it: address to listen on\n" + bad + ":1:7: port wants a whole number, found text; write it in decimal, without quotes or a leading zero", fault.Invalid},
		{dir + "/absent", dir + "/absent: no such configuration file; check the path given with --config", fault.NotFound},
		{dir, dir + ": cannot read the configuration: is a directory; check that it is a file this user may read", fault.Invalid},
		{file("large", strings.Repeat("#", MaxFileSize+1)), dir + "/large: configuration over 1048576 bytes; split it, or check that it is the right file", fault.TooLarge},
	}
	for _, tt := range tests {
		if err := Load(tt.path, &c, Options{}); err == nil || err.Error() != tt.want || fault.KindOf(err) != tt.kind || tt.kind.ExitCode() != 2 {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
	if err := Decode("f", make([]byte, MaxFileSize+1), &c, Options{}); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("Decode of too much: %v", err)
	}
}
