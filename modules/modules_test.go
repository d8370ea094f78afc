package modules_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/ostiary/ostiary/modules"
)

// Every file parses, and is formatted as `terraform fmt` does it.
func TestModulesAreParsedAndFormatted(t *testing.T) {
	n := 0
	check := func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".tf") && !strings.HasSuffix(path, ".tftest.hcl") && !strings.HasSuffix(path, ".tfvars") {
			return err
		}
		n++
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if _, diags := hclparse.NewParser().ParseHCL(src, path); diags.HasErrors() {
			t.Errorf("%s: %s", path, diags)
		}
		if !bytes.Equal(hclwrite.Format(src), src) {
			t.Errorf("%s is not formatted: run terraform fmt -recursive modules examples", path)
		}
		return nil
	}
	for _, root := range []string{".", filepath.Join("..", "examples")} {
		if err := filepath.WalkDir(root, check); err != nil {
			t.Fatal(err)
		}
	}
	if n < 40 {
		t.Fatalf("only %d files", n)
	}
}

// The binary carries what a stack needs: every source of a module is there.
func TestEveryModuleIsEmbedded(t *testing.T) {
	source := regexp.MustCompile(`source\s*=\s*"(\.[^"]+)"`)
	err := fs.WalkDir(modules.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(modules.Files, path)
		if err != nil {
			return err
		}
		for _, m := range source.FindAllSubmatch(data, -1) {
			target := filepath.ToSlash(filepath.Join(filepath.Dir(path), string(m[1])))
			if _, err := fs.Stat(modules.Files, target+"/main.tf"); err != nil {
				t.Errorf("%s names %s, which is not embedded", path, target)
			}
		}
		for _, m := range regexp.MustCompile(`\$\{path\.module\}/([a-z.-]+)`).FindAllSubmatch(data, -1) {
			if _, err := fs.Stat(modules.Files, filepath.ToSlash(filepath.Join(filepath.Dir(path), string(m[1])))); err != nil {
				t.Errorf("%s reads %s, which is not embedded", path, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The table that Data Explorer gets is the one that docs/sinks.md describes.
func TestTableIsTheDocumentedOne(t *testing.T) {
	kql, err := os.ReadFile("audit/calls.kql")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../docs/sinks.md")
	if err != nil {
		t.Fatal(err)
	}
	table := regexp.MustCompile(`(?m)^\.create-merge table Calls .*$`)
	if a, b := table.Find(kql), table.Find(doc); len(a) == 0 || !bytes.Equal(a, b) {
		t.Errorf("the tables differ:\n%s\n%s", a, b)
	}
	var inKQL, inDoc any
	mapping := regexp.MustCompile(`(?m)mapping "Entry" '(.*)'$`).FindSubmatch(kql)
	fence := regexp.MustCompile("(?s)json mapping \"Entry\"` with:\n\n```json\n(.*?)```").FindSubmatch(doc)
	if mapping == nil || fence == nil {
		t.Fatal("a mapping is missing")
	}
	if err := json.Unmarshal(mapping[1], &inKQL); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(fence[1], &inDoc); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(inKQL)
	b, _ := json.Marshal(inDoc)
	if !bytes.Equal(a, b) {
		t.Error("the mappings differ")
	}
}
