package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ostiary/ostiary/internal/posture"
)

func sarifRunOf(t *testing.T, r posture.Report, o SARIFOptions) sarifRun {
	t.Helper()
	var b bytes.Buffer
	if err := SARIF(&b, r, o); err != nil {
		t.Fatal(err)
	}
	var log sarifLog
	dec := json.NewDecoder(&b)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || !strings.HasSuffix(log.Schema, "sarif-2.1.0.json") || len(log.Runs) != 1 {
		t.Fatalf("version %q, schema %q, %d runs", log.Version, log.Schema, len(log.Runs))
	}
	return log.Runs[0]
}

// What GitHub code scanning demands, of every sample; the comment at the head
// of sarif.go has its source.
func TestSARIFIsWhatGitHubTakes(t *testing.T) {
	for name, r := range samples() {
		run := sarifRunOf(t, r, SARIFOptions{})
		rules := map[string]bool{}
		for i, rule := range run.Tool.Driver.Rules {
			at := fmt.Sprintf("%s: rule %d %.20q", name, i, rule.ID)
			if rule.ID == "" || rule.Name == "" || rule.Short.Text == "" || rule.Full.Text == "" || rule.Help.Text == "" || rule.Help.Markdown == "" {
				t.Errorf("%s: a required text is empty: %+v", at, rule)
			}
			if utf8.RuneCountInString(rule.Short.Text) > 1024 || utf8.RuneCountInString(rule.Full.Text) > 1024 || utf8.RuneCountInString(rule.Name) > 255 {
				t.Errorf("%s: a text is too long", at)
			}
			if rules[rule.ID] || len(rule.Properties.Tags) > 10 {
				t.Errorf("%s: a second rule of that id, or too many tags", at)
			}
			rules[rule.ID] = true
		}
		prints := map[string]bool{}
		for i, result := range run.Results {
			at := fmt.Sprintf("%s: result %d", name, i)
			if result.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[result.RuleIndex].ID != result.RuleID {
				t.Errorf("%s: rule %d is not %q", at, result.RuleIndex, result.RuleID)
			}
			if result.Message.Text == "" || result.Fingerprints[fingerprint] == "" || len(result.Locations) != 1 {
				t.Errorf("%s: lacks message, fingerprint or its one location", at)
			}
			if prints[result.Fingerprints[fingerprint]] {
				t.Errorf("%s: two results have one fingerprint", at)
			}
			prints[result.Fingerprints[fingerprint]] = true
			for _, l := range append(result.Locations, result.Related...) {
				region := l.Physical.Region
				if region.StartLine < 1 || region.StartColumn < 1 || region.EndLine < region.StartLine || region.EndColumn <= region.StartColumn {
					t.Errorf("%s: region %+v", at, region)
				}
				if u, err := url.Parse(l.Physical.Artifact.URI); err != nil || u.String() == "" || u.IsAbs() {
					t.Errorf("%s: uri %q: %v", at, l.Physical.Artifact.URI, err)
				}
			}
		}
	}
}

func TestSARIFLevelsAndSuppressions(t *testing.T) {
	run := sarifRunOf(t, small(), SARIFOptions{})
	got := map[string]string{}
	for _, result := range run.Results {
		got[result.RuleID] = fmt.Sprintf("%s %d", result.Level, len(result.Suppressions))
	}
	want := map[string]string{"keys-off": "error 0", "reach-only-clients": "error 0", "zone-linked": "warning 0", "diagnostics-on": "warning 0", "customer-managed-key": "warning 1"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("results %v, want %v: what passed is none", got, want)
	}
	if len(run.Tool.Driver.Rules) != 7 {
		t.Errorf("%d rules, want one for each of 7 checks, those that passed too", len(run.Tool.Driver.Rules))
	}
	if n := run.Invocations[0].Notifications; len(n) != 2 || n[0].Level != "note" {
		t.Errorf("notes: %+v", n)
	}
	advice := small()
	advice.Findings = []posture.Finding{{ID: "x", Status: posture.Unknown, Level: posture.Advice}}
	if run := sarifRunOf(t, advice, SARIFOptions{}); run.Results[0].Level != "note" || run.Tool.Driver.Rules[0].Config.Level != "warning" {
		t.Errorf("unknown advice: %+v", run.Results[0])
	}
	// A check that advises on one resource and decides for another is a rule
	// that decides.
	advice.Findings = append(advice.Findings, posture.Finding{ID: "x", Status: posture.Pass, Level: posture.Must})
	if run := sarifRunOf(t, advice, SARIFOptions{}); run.Tool.Driver.Rules[0].Config.Level != "error" {
		t.Error("the rule has its weakest level")
	}
}

func TestSARIFPlaces(t *testing.T) {
	var asked []string
	run := sarifRunOf(t, small(), SARIFOptions{File: "infra/my estate.json", Version: "0.2.0", Lines: func(_, pointer string) int {
		asked = append(asked, pointer)
		return 42
	}})
	location := run.Results[0].Locations[0]
	if location.Physical.Artifact.URI != "infra/my%20estate.json" || location.Physical.Region.StartLine != 42 || location.Physical.Region.EndLine != 42 {
		t.Errorf("%+v", location.Physical)
	}
	if asked[0] != "/0/properties/disableLocalAuth" || run.Tool.Driver.Version != "0.2.0" {
		t.Error("the options are not used")
	}
	if l := location.Logical; len(l) != 2 || l[0].Full != account || l[1].Full != "/0/properties/disableLocalAuth" || l[1].Name != "disableLocalAuth" {
		t.Errorf("logical locations: %+v", l)
	}
	for path, want := range map[string]string{"": "estate", "a/b.json": "a/b.json", "C:/x y": "C%3A/x%20y", "/srv/plan.json": "file:///srv/plan.json", "//host/x": "file:///host/x", "a?b#c": "a%3Fb%23c"} {
		if got := fileURI(path); got != want {
			t.Errorf("fileURI(%q) = %q, want %q", path, got, want)
		}
	}
}

// The fingerprint follows the check and the resource, not where they stand.
func TestFingerprintsHold(t *testing.T) {
	moved := small()
	for i := range moved.Findings {
		f := &moved.Findings[i]
		f.Resource, f.What, f.Witness = strings.ToUpper(f.Resource), "Said otherwise.", ""
		for j := range f.Evidence {
			f.Evidence[j].Pointer = "/99" + f.Evidence[j].Pointer
		}
	}
	before, after := sarifRunOf(t, small(), SARIFOptions{}), sarifRunOf(t, moved, SARIFOptions{File: "other.json"})
	for i := range before.Results {
		if before.Results[i].Fingerprints[fingerprint] != after.Results[i].Fingerprints[fingerprint] {
			t.Errorf("%s: another alert after the file changed", before.Results[i].RuleID)
		}
	}
}

func TestSARIFSaysWhatItLeavesOut(t *testing.T) {
	run := sarifOf(normal(small()), SARIFOptions{}, 3).Runs[0]
	if len(run.Results) != 3 || run.Results[0].Level != "error" {
		t.Errorf("%d results, the first %s", len(run.Results), run.Results[0].Level)
	}
	notes := run.Invocations[0].Notifications
	if want := "2 further findings are left out: code scanning takes at most 3. The JSON report has them all."; len(notes) != 3 || notes[0].Message.Text != want {
		t.Errorf("notes %+v", notes)
	}
}

func TestMarkdown(t *testing.T) {
	if got := markdown("a_b [x](javascript:y) <b> `c`"); got != "a\\_b \\[x\\]\\(javascript:y\\) \\<b\\> \\`c\\`" {
		t.Errorf("%q", got)
	}
}
