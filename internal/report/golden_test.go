package report

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/ostiary/ostiary/internal/posture"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with testdata/name, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("differs from %s; run with -update and read the difference", path)
	}
}

// format is one way of writing a report.
type format struct {
	ext   string
	write func(io.Writer, posture.Report) error
}

func formats() []format {
	lines := func(_, pointer string) int { return len(pointer) }
	return []format{
		{"txt", func(w io.Writer, r posture.Report) error { return Table(w, r, Options{Width: 100}) }},
		{"all.txt", func(w io.Writer, r posture.Report) error { return Table(w, r, Options{Color: true, All: true}) }},
		{"json", JSON},
		{"sarif", func(w io.Writer, r posture.Report) error {
			return SARIF(w, r, SARIFOptions{Lines: lines, Version: "1.2.3"})
		}},
		{"xml", func(w io.Writer, r posture.Report) error { return JUnit(w, r, JUnitOptions{}) }},
		{"strict.xml", func(w io.Writer, r posture.Report) error { return JUnit(w, r, JUnitOptions{Strict: true}) }},
		{"html", HTML},
	}
}

func samples() map[string]posture.Report {
	return map[string]posture.Report{"small": small(), "big": big(60), "empty": empty(), "hostile": hostile()}
}

func written(t *testing.T, f format, r posture.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.write(&b, r); err != nil {
		t.Fatalf("%s: %v", f.ext, err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	for name, r := range samples() {
		for _, f := range formats() {
			// The large forms of the large report are held by what must be true
			// of them, in the other tests.
			if name == "big" && (f.ext == "html" || f.ext == "json") {
				continue
			}
			t.Run(name+"."+f.ext, func(t *testing.T) { golden(t, name+"."+f.ext, written(t, f, r)) })
		}
	}
}

// Readers keep reports under version control: equal reports are equal bytes,
// whatever order they were made in.
func TestOrderDoesNotMatter(t *testing.T) {
	turned := func(r posture.Report) posture.Report {
		r = normal(r)
		reverse(r.Findings)
		reverse(r.Reached)
		for _, reached := range r.Reached {
			reverse(reached.Sources)
		}
		reverse(r.Map.Nodes)
		reverse(r.Map.Edges)
		return r
	}
	for _, f := range formats() {
		for _, r := range []posture.Report{small(), big(60)} {
			if !bytes.Equal(written(t, f, r), written(t, f, turned(r))) {
				t.Errorf("%s: the order of the findings shows", f.ext)
			}
		}
	}
}

func reverse[T any](list []T) {
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
}

// A writer may not touch what it was given: the caller writes it again.
func TestWritersLeaveTheReportAlone(t *testing.T) {
	r := big(20)
	reverse(r.Findings)
	before := r.Findings[0].ID
	sources := r.Reached[0].Sources
	reverse(sources)
	first := sources[0].Where
	for _, f := range formats() {
		written(t, f, r)
	}
	if r.Findings[0].ID != before || r.Reached[0].Sources[0].Where != first {
		t.Error("a writer sorted its caller's report")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWritersReportAFullDisk(t *testing.T) {
	for _, f := range formats() {
		if f.write(broken{}, small()) == nil {
			t.Errorf("%s: said nothing of a writer that failed", f.ext)
		}
	}
}
