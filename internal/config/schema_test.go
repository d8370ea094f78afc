package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/fault"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestSchema(t *testing.T) {
	const golden = "testdata/sample.schema.json"
	got, err := Schema("Sample", &sample{})
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("differs from %s; run with -update and read the difference\n%s", golden, got)
	}
	for range 20 {
		if again, err := Schema("Sample", sample{}); err != nil || !bytes.Equal(again, got) {
			t.Fatal("another schema for the same type")
		}
	}
}

// Every $ref of a schema leads to a place in it.
func TestSchemaRefs(t *testing.T) {
	src, err := Schema("Sample", sample{})
	if err != nil {
		t.Fatal(err)
	}
	var root any
	if err := json.Unmarshal(src, &root); err != nil {
		t.Fatal(err)
	}
	refs := 0
	var walk func(v any)
	walk = func(v any) {
		m, ok := v.(map[string]any)
		if !ok {
			return
		}
		if ref, ok := m["$ref"].(string); ok {
			refs++
			at := root
			for _, step := range strings.Split(ref, "/")[1:] {
				at = at.(map[string]any)[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
			}
			if at.(map[string]any)["type"] != "object" {
				t.Errorf("%s leads to %v", ref, at)
			}
		}
		for _, below := range m {
			walk(below)
		}
	}
	walk(root)
	if refs != 2 {
		t.Errorf("%d references, want 2", refs)
	}
}

func TestSchemaTarget(t *testing.T) {
	for _, v := range []any{nil, 1, new(int), struct {
		A any `yaml:"a"`
	}{}} {
		if s, err := Schema("", v); err == nil || fault.KindOf(err) != fault.Internal {
			t.Errorf("%T: %s, %v", v, s, err)
		}
	}
}

func TestEscape(t *testing.T) {
	if got := escape("a/b~c%d e"); got != "a~1b~0c%25d%20e" {
		t.Error(got)
	}
}
