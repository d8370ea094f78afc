package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/secret"
)

// reporter lets a test say what Check reports.
type reporter struct {
	A       int                   `yaml:"a"`
	List    []reporter            `yaml:"list"`
	ByName  map[string]reporter   `yaml:"by_name"`
	Pointer *reporter             `yaml:"pointer"`
	Secrets map[string]secret.Ref `yaml:"secrets"`
	Reports []string              `yaml:"reports"`
}

func (r *reporter) Check(report func(path, what, fix string)) {
	for _, path := range r.Reports {
		report(path, "bad "+path, "")
	}
}

func TestCheck(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"scalar", "a: 1\nreports: [a]", "f:1:4: bad a"},
		{"itself", "a: 1\nreports: ['']", "f:1:1: bad "},
		{"absent", "\na: 1\nreports: [pointer.a]", "f:1:1: bad pointer.a"},
		{"absent below", "list:\n- a: 1\n- a: 2\nreports: ['list[1].pointer.list[3].a']", "f:3:1: bad list[1].pointer.list[3].a"},
		{"past the end", "list:\n- a: 1\nreports: ['list[1].a', 'list[x]', 'list[']", "f:1:1: bad list[1].a\nf:1:1: bad list[x]\nf:1:1: bad list["},
		{"in a list", "list:\n- a: 1\n- {a: 2, reports: [a]}", "f:3:7: bad a"},
		{"brackets alone", "list: [{}, {reports: [a]}]\nreports: ['list[0]']", "f:1:8: bad list[0]\nf:1:12: bad a"},
		{"in a map", "by_name:\n  a: {}\n  b: {reports: [list, reports]}", "f:3:3: bad list\nf:3:7: bad reports"},
		{"keys with dots", "by_name:\n  gpt-4:\n    a: 1\n  gpt-4.1:\n    a: 2\n    reports: [a]\nreports: [by_name.gpt-4.a, by_name.gpt-4.1.a, by_name.gpt-4.2]",
			"f:2:3: bad by_name.gpt-4.2\nf:3:8: bad by_name.gpt-4.a\nf:5:8: bad a\nf:5:8: bad by_name.gpt-4.1.a"},
		{"behind a pointer", "pointer:\n  pointer:\n    reports: [a]", "f:2:3: bad a"},
		{"told already", "pointer: {a: x, reports: [a, list]}\nreports: [pointer.a, pointer.a.b]",
			"f:1:1: bad list\nf:1:14: pointer.a wants a whole number, found text; write it in decimal, without quotes or a leading zero"},
		{"told twice", "a: 1\nreports: [a, a]", "f:1:4: bad a"},
		{"text of a check", "a: 1\nreports: [\"\\e[31m\\nx\"]", "f:1:1: bad  [31m x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Decode("f", []byte(tt.src), &reporter{}, Options{})
			if err == nil || err.Error() != tt.want {
				t.Errorf("got\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}

// A preset value that contains itself must not be walked for ever.
func TestCheckCycle(t *testing.T) {
	var r reporter
	r.Pointer = &r
	if err := Decode("f", []byte("a: 1"), &r, Options{}); err != nil {
		t.Error(err)
	}
}

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	good, empty := filepath.Join(dir, "good"), filepath.Join(dir, "empty")
	for path, content := range map[string]string{good: "value\n", empty: "\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("OSTIARY_TEST_SET", "value")
	t.Setenv("OSTIARY_TEST_EMPTY", "")
	src := "secrets:\n  a: env:OSTIARY_TEST_SET\n  b: file:" + good + "\n  c: env:OSTIARY_TEST_EMPTY\n  d: file:" + empty + "\n  e.f: file:" + dir + "/absent\n"
	const ref = ", or name another reference"
	want := "f:4:6: secret env:OSTIARY_TEST_EMPTY: not set or empty; set the variable OSTIARY_TEST_EMPTY" + ref + "\n" +
		"f:5:6: secret file:" + empty + ": not set or empty; write the secret to that file" + ref + "\n" +
		"f:6:8: secret file:" + dir + "/absent: open " + dir + "/absent: no such file or directory; write the secret to that file" + ref
	var r reporter
	if err := Decode("f", []byte(src), &r, Options{}); err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if err := Decode("f", []byte(src), &r, Options{SkipSecrets: true}); err != nil || len(r.Secrets) != 5 {
		t.Errorf("skipped: %v, %v", err, r.Secrets)
	}
}

// A secret pasted in any place but a key must not print.
func TestNoValueInProblems(t *testing.T) {
	const canary = "sk-canary-7Qx9"
	for _, src := range []string{
		"backends: [{url: https://one, key: CANARY}]",
		"models: {m: {capacity: 1, token: CANARY}}",
		"models: {m: {capacity: 1, token: \"CANARY",
		"models: {m: {capacity: 1, token: {CANARY: 1}}}",
		"models: {m: {capacity: 1, token: [CANARY]}}",
		"models: {m: {capacity: 1, token: a: CANARY",
		"models:\n  m:\n    token: CANARY\n   capacity: 1",
		"models:\n  m:\n    token: \"CANARY\\q\"",
		"models:\n  m:\n    token: |CANARY\n      CANARY",
		"models:\n  m:\n    token: \tCANARY",
		"models:\n  m:\n    token: CANARY\xff",
		"models:\n  m:\n    token:CANARY",
		"models:\n  m:\n    token:CANARY\n    capacity: 1",
		"models:\n  m:\n    token:CANARY:\n    capacity: 1",
		"models:\n  m:\n    token: !CANARY x",
		"models:\n  m:\n    token: &CANARY x",
		"models:\n  m:\n    token: *CANARY",
		"models:\n  m:\n    token: @CANARY",
		"models:\n  m:\n    token: %CANARY",
		"models:\n  m:\n    capacity: CANARY",
		"timeout: CANARY", "max_body: CANARY", "verbose: CANARY", "share: CANARY", "hosts: CANARY", "tree: CANARY",
		"CANARY", "- CANARY", "%CANARY", "--- CANARY", "a: b\n--- !CANARY\n",
	} {
		err := Decode("f", []byte(strings.ReplaceAll(src, "CANARY", canary)), &sample{}, Options{})
		if err == nil {
			t.Errorf("accepted: %s", src)
		} else if strings.Contains(err.Error(), "7Qx9") {
			t.Errorf("%q prints the value:\n%v", src, err)
		}
	}
}
