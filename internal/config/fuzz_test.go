package config

import (
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/fault"
)

var problemLine = regexp.MustCompile(`^f:[1-9][0-9]*:[1-9][0-9]*: [^\pC]+$`)

// Whatever the text, Decode answers: it fills the target or leaves it alone
// and names places that exist, and says the same again.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"", "listen: x", "listen: \"a\\e\"\nzz: 1", "a: &a\nb: *a\n<<: *a", "? a\n: b", "---\n...\n---\n", "%TAG ! !\n---\na: !!binary x",
		"listen: |+2\n   a\n\n", "listen: >-\n a\n\tb", "backends:\n- url: https://one\n- ", "models: {a: , b}\n", "{a: [}", "- - - a", "[[[[", "tree: {children: [{children: []}]}",
		"a:\r\n  b: \r", "\ufeffa: \xff", "'a': 'b\n\n c'", "a: b # c\n#d", "timeout: 1e3\nport: -0\nlevel: 0x1\nshare: .5\nratio: 1.",
		"a: 1\nlist:\n- by_name: {b.c: {reports: [a, secrets.x]}}\n  reports: ['[0]', by_name.b.c.a]\nsecrets: {x: env:A}\nreports: [list, 'list[0].a', '']\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		answers(t, src, func() any { return &sample{} })
		answers(t, src, func() any { return &reporter{} }) // its Check reports any path
	})
}

func answers(t *testing.T, src []byte, fresh func() any) {
	c, again := fresh(), fresh()
	err := Decode("f", src, c, Options{SkipSecrets: true})
	if err2 := Decode("f", src, again, Options{SkipSecrets: true}); !reflect.DeepEqual(err, err2) || !reflect.DeepEqual(c, again) {
		t.Fatalf("two answers: %v, %v", err, err2)
	}
	if err == nil || fault.KindOf(err) == fault.TooLarge {
		return
	}
	if !reflect.DeepEqual(c, fresh()) {
		t.Fatalf("written in spite of %v", err)
	}
	ps, ok := errors.AsType[Problems](err)
	if !ok || len(ps) == 0 {
		t.Fatalf("no problems but %v", err)
	}
	lines := strings.Split(strings.ReplaceAll(string(src), "\r\n", "\n"), "\n")
	for _, p := range ps {
		if !problemLine.MatchString(p.String()) {
			t.Errorf("not one clean line: %q", p)
		}
		if p.Line > len(lines)+1 || p.Line <= len(lines) && p.Col > len([]rune(lines[p.Line-1]))+2 {
			t.Errorf("no such place: %v in %d lines", p, len(lines))
		}
	}
}

// What UnmarshalText accepts, MarshalText gives back in a form that means the
// same and is its own canonical form.
func FuzzSize(f *testing.F) {
	for _, s := range []string{"0", "1", "64MiB", "1024KiB", "8388607TiB", "9223372036854775807", "01", "1.5GiB", "-1KiB", "KiB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var a, b Size
		if a.UnmarshalText([]byte(s)) != nil {
			return
		}
		text, err := a.MarshalText()
		if err != nil || b.UnmarshalText(text) != nil || a != b || b.String() != string(text) {
			t.Errorf("%q is %d, written %q, read %d (%v)", s, a, text, b, err)
		}
	})
}
