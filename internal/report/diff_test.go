package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/posture"
)

// mended is small, after somebody worked on it: keys are off, the group denies
// half of dev, the office gets in, the waiver ran out, a check came and one
// went, one network cannot be told any more.
func mended() posture.Report {
	r := small()
	r.Taken = day(40)
	r.Findings[4].Waiver = nil
	r.Findings[0].Status, r.Findings[0].What = posture.Pass, "The account contoso-openai refuses API keys."
	r.Findings[6].ID = "subnet-has-group"
	dev, app, office := &r.Reached[0].Sources[2], &r.Reached[0].Sources[1], &r.Reached[0].Sources[3]
	dev.Ranges = []string{"10.2.128.0/17"}
	app.Status = posture.Unknown
	office.Allowed, office.Ranges = true, []string{"192.168.7.0/24", "192.168.8.0-192.168.8.9"}
	return r
}

func TestDiff(t *testing.T) {
	c := Diff(small(), mended())
	said := func(list []Moved) string {
		var out []string
		for _, m := range list {
			out = append(out, fmt.Sprintf("%s %s>%s", m.Finding.ID, m.From, m.To))
		}
		return strings.Join(out, ", ")
	}
	for name, c := range map[string][2]string{
		"moved":    {said(c.Moved), "customer-managed-key waived>fail, keys-off fail>pass"},
		"appeared": {said(c.Appeared), "subnet-has-group >pass"},
		"vanished": {said(c.Vanished), "endpoint-subnet-binds pass>"},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: %s, want %s", name, c[0], c[1])
		}
	}
	if len(c.Reach) != 1 || c.Reach[0].Account != account || c.Reach[0].Endpoint != pe {
		t.Fatalf("doors that changed: %+v", c.Reach)
	}
	var places []string
	for _, p := range c.Reach[0].Places {
		places = append(places, fmt.Sprintf("%s +%v -%v ?%v", short(p.Where), p.Opened, p.Closed, p.Doubt))
	}
	want := "vnet-spoke-app +[] -[] ?[10.1.0.0/16]\nvnet-spoke-dev +[] -[10.2.0.0/17] ?[]\nhead-office +[192.168.7.0-192.168.8.9] -[] ?[]"
	if got := strings.Join(places, "\n"); got != want {
		t.Errorf("places:\n%s\nwant\n%s", got, want)
	}
	for _, f := range []struct {
		name  string
		write func(*bytes.Buffer) error
	}{
		{"diff.txt", func(b *bytes.Buffer) error { return c.Table(b, Options{Width: 100}) }},
		{"diff.json", func(b *bytes.Buffer) error { return c.JSON(b) }},
	} {
		var b bytes.Buffer
		if err := f.write(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, f.name, b.Bytes())
	}
}

// Every way in which the answer for an address can change is in exactly one
// list, and none is in two.
func TestDiffHasEveryChangeOnce(t *testing.T) {
	answers := []struct {
		name    string
		allowed bool
		status  posture.Status
		absent  bool
	}{{"reaches", true, posture.Pass, false}, {"unknown", false, posture.Unknown, false}, {"blocked", false, posture.Pass, false}, {"absent", false, "", true}}
	report := func(i int) posture.Report {
		r := posture.Report{Reached: []posture.Reached{{Account: "a", Port: 443}}}
		if a := answers[i]; !a.absent {
			r.Reached[0].Sources = []posture.Sources{{Where: "w", Ranges: []string{"10.0.0.0/8"}, Allowed: a.allowed, Status: a.status}}
		}
		return r
	}
	for i, from := range answers {
		for j, to := range answers {
			got := ""
			if c := Diff(report(i), report(j)); len(c.Reach) > 0 {
				p := c.Reach[0].Places[0]
				got = fmt.Sprintf("+%d -%d ?%d", len(p.Opened), len(p.Closed), len(p.Doubt))
			}
			want := ""
			switch {
			case from.name == to.name || i >= 2 && j >= 2:
			case to.name == "reaches":
				want = "+1 -0 ?0"
			case to.name == "unknown":
				want = "+0 -0 ?1"
			default:
				want = "+0 -1 ?0"
			}
			if got != want {
				t.Errorf("%s to %s: %q, want %q", from.name, to.name, got, want)
			}
		}
	}
}

func TestDiffOfEqualReports(t *testing.T) {
	upper := small()
	for i := range upper.Findings {
		upper.Findings[i].Resource = strings.ToUpper(upper.Findings[i].Resource)
	}
	for i := range upper.Reached {
		upper.Reached[i].Account = strings.ToUpper(upper.Reached[i].Account)
	}
	for name, pair := range map[string][2]posture.Report{
		"itself":           {small(), small()},
		"another spelling": {small(), upper},
		"empty":            {empty(), empty()},
		"hostile":          {hostile(), hostile()},
	} {
		c := Diff(pair[0], pair[1])
		if !c.Empty() {
			t.Errorf("%s: %+v", name, c)
		}
		var b bytes.Buffer
		if err := c.Table(&b, Options{}); err != nil || !strings.Contains(b.String(), "Nothing changed.") {
			t.Errorf("%s: %v\n%s", name, err, b.String())
		}
	}
}

// Two findings of one check and resource are told apart by what they say.
func TestDiffPairsWhatSaysTheSame(t *testing.T) {
	two := func(a, b posture.Status) posture.Report {
		return posture.Report{Findings: []posture.Finding{{ID: "x", Resource: "r", What: "one", Status: a}, {ID: "x", Resource: "r", What: "two", Status: b}}}
	}
	c := Diff(two(posture.Fail, posture.Pass), two(posture.Fail, posture.Fail))
	if len(c.Moved) != 1 || c.Moved[0].Finding.What != "two" || len(c.Appeared)+len(c.Vanished) != 0 {
		t.Errorf("%+v", c)
	}
	one := two(posture.Fail, posture.Pass)
	one.Findings = one.Findings[:1]
	if c := Diff(two(posture.Fail, posture.Pass), one); len(c.Vanished) != 1 || c.Vanished[0].Finding.What != "two" || len(c.Moved) != 0 {
		t.Errorf("%+v", c)
	}
}
