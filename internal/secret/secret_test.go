package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/secret"
)

const canary = "canary-7f3a"

// Every way Go has of printing a value prints the redaction, also from inside
// a struct, a pointer, a map and an error.
func TestNeverPrints(t *testing.T) {
	s := secret.New(canary)
	nested := struct {
		A secret.String
		B *secret.String
		C map[string]secret.String
	}{s, &s, map[string]secret.String{"k": s}}
	var all strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v"} {
		args := []any{s, &s, nested, []secret.String{s}, fmt.Errorf("wrapped: %v", s)}
		for _, a := range args {
			fmt.Fprintf(&all, verb, a)
			fmt.Fprintf(&all, verb, a, a)
		}
	}
	if b, err := json.Marshal(nested); err != nil {
		t.Fatal(err)
	} else {
		all.Write(b)
	}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("m", "s", s, "p", &s, "n", nested)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("m", "s", s, "p", &s, "n", nested)
	all.Write(logged.Bytes())
	if strings.Contains(all.String(), canary) || strings.Contains(all.String(), fmt.Sprintf("%x", canary)) {
		t.Errorf("the secret printed: %s", all.String())
	}
	if !strings.Contains(all.String(), secret.Redacted) {
		t.Error("nothing printed at all")
	}
	if s.Reveal() != canary || !s.Equal(canary) || s.Equal("other") || s.Empty() {
		t.Error("the value itself is lost")
	}
}

func TestRef(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("OSTIARY_TEST_SECRET", canary)
	t.Setenv("OSTIARY_TEST_EMPTY", "")
	for ref, want := range map[string]string{
		"env:OSTIARY_TEST_SECRET":                                    canary,
		"file:" + write("good", canary+"\r\n"):                       canary,
		"env:OSTIARY_TEST_EMPTY":                                     "",
		"file:" + write("empty", "\n"):                               "",
		"file:" + write("huge", strings.Repeat("x", 65<<10)):         "",
		"file:" + filepath.Join(dir, "absent"):                       "",
		"env:OSTIARY_TEST_SURELY_UNSET_" + strings.ToUpper(t.Name()): "",
	} {
		var r secret.Ref
		if err := r.UnmarshalText([]byte(ref)); err != nil {
			t.Fatal(err)
		}
		got, err := r.Resolve()
		if got.Reveal() != want || (err == nil) != (want != "") {
			t.Errorf("%s: %v, %v", ref, got, err)
		}
		if want == "" && !strings.Contains(err.Error(), r.String()) {
			t.Errorf("%s: the error does not name the reference: %v", ref, err)
		}
	}
	for _, literal := range []string{canary, "env:", "file:", "vault:x", ""} {
		var r secret.Ref
		if err := r.UnmarshalText([]byte(literal)); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%q: %v", literal, err)
		}
	}
}
