package posture

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated part of docs/posture.md anew")

const (
	page  = "../../docs/posture.md"
	begin = "<!-- checks: written by go test ./internal/posture -run Documented -update -->\n"
	end   = "<!-- end of checks -->\n"
)

// The page shows the checks as the code has them.
func TestChecksAreDocumented(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(text), begin)
	was, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatal("docs/posture.md has no part for the checks")
	}
	now := tables(Checks())
	if was == now {
		return
	}
	if !*update {
		t.Fatal("docs/posture.md does not show the checks as they are: run this test with -update")
	}
	if err := os.WriteFile(page, []byte(head+begin+now+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

func tables(checks []Check) string {
	var b strings.Builder
	b.WriteString("| Check | Level | What it looks at | Absent means |\n|---|---|---|---|\n")
	for _, c := range checks {
		b.WriteString("| `" + c.ID + "` | " + string(c.Level) + " | " + c.Looks + " | " + or(c.Default, "–") + " |\n")
	}
	b.WriteString("\n| Check | Checkov | Azure Policy | PSRule | Prowler | azqr |\n|---|---|---|---|---|---|\n")
	for _, c := range checks {
		b.WriteString("| `" + c.ID + "`")
		for _, ids := range [][]string{c.Equal.Checkov, c.Equal.Policy, c.Equal.PSRule, c.Equal.Prowler, c.Equal.Azqr} {
			b.WriteString(" | " + or(strings.Join(ids, ", "), "none"))
		}
		b.WriteString(" |\n")
	}
	for _, c := range checks {
		b.WriteString("\n**`" + c.ID + "`** – " + c.Title + ". " + c.Why + "\n")
	}
	return b.String()
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// Every check says all that a finding needs, in two sentences where it says
// why, and no two share an id.
func TestChecksAreWhole(t *testing.T) {
	id := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	sentence := regexp.MustCompile(`[.!?]( |$)`)
	seen := map[string]bool{}
	for _, c := range Checks() {
		if !id.MatchString(c.ID) || seen[c.ID] {
			t.Errorf("%q is no id, or stands twice", c.ID)
		}
		seen[c.ID] = true
		if c.Title == "" || c.Looks == "" || c.Level != Must && c.Level != Advice {
			t.Errorf("%s is not whole: %+v", c.ID, c)
		}
		if n := len(sentence.FindAllString(c.Why, -1)); n != 2 {
			t.Errorf("%s says why in %d sentences", c.ID, n)
		}
	}
}
