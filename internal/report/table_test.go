package report

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"github.com/ostiary/ostiary/internal/posture"
)

func table(t *testing.T, r posture.Report, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Table(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A stranger's name must not move the cursor, ring the bell or turn the line.
func TestTableIsOnlyText(t *testing.T) {
	for _, r := range table(t, hostile(), Options{Width: 80, All: true}) {
		if r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf) {
			t.Fatalf("the table holds %U", r)
		}
	}
}

func TestTableColours(t *testing.T) {
	plain, coloured := table(t, small(), Options{}), table(t, small(), Options{Color: true})
	if strings.Contains(plain, "\x1b") {
		t.Error("colour where none was asked for")
	}
	for i, part := range strings.Split(coloured, "\x1b[") {
		if i == 0 {
			plain = strings.TrimPrefix(plain, part)
			continue
		}
		_, text, found := strings.Cut(part, "m")
		if !found {
			t.Fatalf("a broken escape: %q", part)
		}
		if !strings.HasPrefix(plain, text) {
			t.Fatalf("colour changes the text near %q", text)
		}
		plain = strings.TrimPrefix(plain, text)
	}
	if plain != "" {
		t.Errorf("colour loses text: %q", plain)
	}
}

func TestTableWraps(t *testing.T) {
	const width = 60
	for line := range strings.SplitSeq(table(t, small(), Options{Width: width, All: true}), "\n") {
		pasted := strings.Contains(line, "command    ") || strings.Contains(line, "terraform  ")
		if cells(line) > width && !pasted && len(strings.Fields(line)) > 2 {
			t.Errorf("%d columns: %q", cells(line), line)
		}
	}
	// What is meant to be pasted stands whole on its line.
	if f := smallFindings()[0]; !strings.Contains(table(t, small(), Options{Width: width}), f.Mend.Az+"\n") {
		t.Error("the command is broken into pieces")
	}
}

func TestTableSaysWhoReaches(t *testing.T) {
	got := table(t, small(), Options{})
	for _, want := range []string{"NOT MEANT   VNet vnet-spoke-dev", "1 more group blocked.", "Nobody: every source that was judged is blocked (1 group)."} {
		if !strings.Contains(got, want) {
			t.Errorf("does not say %q", want)
		}
	}
	if all := table(t, small(), Options{All: true}); !strings.Contains(all, "blocked     Site head-office") {
		t.Error("All does not list what is blocked")
	}
	none := small()
	none.Reached[0].Sources = nil
	if got := table(t, none, Options{}); !strings.Contains(got, "No source was judged.") || strings.Contains(got, "pe-openai, 10.0.1.4 port 443\n  Nobody") {
		t.Error("an endpoint without a judged source must not be called unreached")
	}
}

func TestCells(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "仮想": 4, "e\u0301": 1, "\x1b[1;31mFAIL\x1b[0m": 4, "é": 1} {
		if got := cells(s); got != want {
			t.Errorf("cells(%q) = %d, want %d", s, got, want)
		}
	}
}
