package corpus

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var (
	update = flag.Bool("update", false, "write testdata/estates")
	mutant = flag.String("mutant", "", "print the mutant of this name")
)

const estates = "../../../testdata/estates"

// The estates stand in testdata for people, and for tests of the command
// line. What stands there is what the corpus gives.
func TestFilesAreTheCorpus(t *testing.T) {
	files := map[string][]byte{}
	clients := map[string][]string{}
	for _, g := range Good() {
		files["good/"+g.Name+".json"] = g.JSON
		clients[g.Name] = g.Clients
	}
	expected := map[string][]Want{}
	sourceClients := map[string][]string{}
	for _, s := range Sources() {
		files["sources/"+s.Name+".json"] = s.JSON
		expected[s.Name], sourceClients[s.Name] = s.Want, s.Clients
	}
	problem := func(what string) { t.Error(what) }
	files["clients.json"] = encodeJSON(clients, "  ", problem)
	files["sources-clients.json"] = encodeJSON(sourceClients, "  ", problem)
	files["sources-expected.json"] = encodeJSON(expected, "  ", problem)

	for name, text := range files {
		path := filepath.Join(estates, name)
		if *update {
			write(t, path, text)
			continue
		}
		has, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(has, text) {
			t.Errorf("%s is not what the corpus gives (%v): run go test ./internal/posture/corpus -update", name, err)
		}
	}
	for _, dir := range []string{"good", "sources"} {
		entries, err := os.ReadDir(filepath.Join(estates, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if _, ours := files[dir+"/"+e.Name()]; !ours {
				t.Errorf("%s/%s is of no estate: delete it", dir, e.Name())
			}
		}
	}
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// The README names every estate with what it shows.
func TestReadmeNamesEveryEstate(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(estates, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, g := range goods() {
		lines = append(lines, "- `"+g.name+"`: "+g.shows)
	}
	for _, s := range sources() {
		lines = append(lines, "- `"+s.name+"`: "+s.shows)
	}
	for _, line := range lines {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("README.md lacks the line %q", line)
		}
	}
	if *update {
		t.Log(strings.Join(lines, "\n"))
	}
}

func TestPrintMutant(t *testing.T) {
	if *mutant == "" {
		t.Skip("no -mutant named")
	}
	for _, m := range allMutants() {
		if m.Name == *mutant {
			var text bytes.Buffer
			if err := json.Indent(&text, m.JSON, "", "  "); err != nil {
				t.Fatal(err)
			}
			t.Logf("%s\nwant %+v\nmay %v\nclients %v\n%s", m.Why, m.Want, m.May, m.Clients, text.String())
			return
		}
	}
	t.Errorf("no mutant %s", *mutant)
}
