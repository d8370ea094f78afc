package report

import (
	"bytes"
	"encoding/xml"
	"testing"

	"github.com/ostiary/ostiary/internal/posture"
)

func junitOf(t *testing.T, r posture.Report, o JUnitOptions) junitSuites {
	t.Helper()
	var b bytes.Buffer
	if err := JUnit(&b, r, o); err != nil {
		t.Fatal(err)
	}
	var all junitSuites
	if err := xml.Unmarshal(b.Bytes(), &all); err != nil {
		t.Fatalf("%v\n%s", err, b.Bytes())
	}
	return all
}

func TestJUnitCounts(t *testing.T) {
	for _, c := range []struct {
		name                             string
		r                                posture.Report
		strict                           bool
		suites                           int
		tests, failures, errors, skipped int
	}{
		{"small", small(), false, 2, 7, 2, 1, 2},
		{"small, strict", small(), true, 2, 7, 3, 1, 1},
		{"empty", empty(), false, 1, 1, 0, 1, 0},
		{"hostile", hostile(), false, 2, 8, 2, 2, 2},
	} {
		all := junitOf(t, c.r, JUnitOptions{Strict: c.strict})
		if len(all.Suites) != c.suites || all.Tests != c.tests || all.Failures != c.failures || all.Errors != c.errors || all.Skipped != c.skipped {
			t.Errorf("%s: %d suites, %d tests, %d failures, %d errors, %d skipped", c.name, len(all.Suites), all.Tests, all.Failures, all.Errors, all.Skipped)
		}
		for _, s := range all.Suites {
			names := map[string]bool{}
			for _, one := range s.Cases {
				if names[one.Classname+one.Name] {
					t.Errorf("%s: two cases are called %s", c.name, one.Name)
				}
				names[one.Classname+one.Name] = true
			}
			if s.Tests != len(s.Cases) {
				t.Errorf("%s: %s says %d tests and has %d", c.name, s.Name, s.Tests, len(s.Cases))
			}
		}
	}
}

func TestJUnitSuites(t *testing.T) {
	r := small()
	twice := r.Findings[0]
	r.Findings = append(r.Findings, twice, posture.Finding{ID: "x", Status: posture.Pass, Resource: account + "/deployments/gpt"}, posture.Finding{ID: "y", Status: posture.Pass, Resource: account + "-other"})
	all := junitOf(t, r, JUnitOptions{})
	where := map[string]string{}
	for _, s := range all.Suites {
		for _, c := range s.Cases {
			where[c.Name] = s.Name
		}
	}
	for name, want := range map[string]string{
		"keys-off: contoso-openai": "contoso-openai", "keys-off: contoso-openai (2)": "contoso-openai",
		"x: contoso-openai/gpt": "contoso-openai", "y: contoso-openai-other": "estate", "reach-only-clients: pe-openai": "estate",
	} {
		if where[name] != want {
			t.Errorf("%q is in suite %q, want %q", name, where[name], want)
		}
	}
}
