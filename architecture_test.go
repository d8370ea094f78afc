package ostiary_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The trace of one request in ARCHITECTURE.md names files and functions: each
// function named after a file must be in it.
func TestArchitectureIsTrue(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.MustCompile("`([^`]+)`")
	file := regexp.MustCompile(`^[a-z0-9/_-]+\.go$`)
	function := regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*$`)
	fence := regexp.MustCompile("(?s)```.*?```")
	_, trace, _ := strings.Cut(fence.ReplaceAllString(string(text), ""), "## One verdict, followed")
	var files []string // as they are named; a function belongs to one of the last three
	var last []map[string]bool
	checked := 0
	for _, m := range quoted.FindAllStringSubmatch(trace, -1) {
		switch word := m[1]; {
		case file.MatchString(word):
			files = append(files, word)
			last = append(last[max(0, len(last)-2):], functionsOf(t, word))
		case function.MatchString(word) && len(last) > 0:
			has := func(in map[string]bool) bool { return in[word] }
			if !slices.ContainsFunc(last, has) {
				t.Errorf("ARCHITECTURE.md names %s: it is in none of %v", word, files[max(0, len(files)-3):])
			}
			checked++
		}
	}
	if checked < 40 || len(files) < 20 {
		t.Errorf("only %d functions in %d files were checked", checked, len(files))
	}
}

func functionsOf(t *testing.T, path string) map[string]bool {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Errorf("ARCHITECTURE.md names %s: %v", path, err)
		return map[string]bool{}
	}
	names := map[string]bool{}
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			names[f.Name.Name] = true
		}
	}
	return names
}
