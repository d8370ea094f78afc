package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/ostiary/ostiary/internal/posture"
)

// JUnitOptions say what fails a build. The zero value is the exit code's own
// rule: must decides, advice does not.
type JUnitOptions struct {
	Strict bool // advice that fails is a failure, and unknown advice an error, as with --strict
}

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Timestamp string      `xml:"timestamp,attr,omitempty"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name      string     `xml:"name,attr"`
	Classname string     `xml:"classname,attr"`
	Failure   *junitText `xml:"failure"`
	Error     *junitText `xml:"error"`
	Skipped   *junitText `xml:"skipped"`
}

type junitText struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Body    string `xml:",chardata"`
}

// JUnit writes r as the XML that build servers read: a suite for each account
// and one for the rest of the estate, a case for each check of a resource. A
// fail is a failure, an unknown an error, a waived finding skipped; so is
// advice, unless it is strict.
func JUnit(w io.Writer, r posture.Report, o JUnitOptions) error {
	r = normal(r)
	all := junitSuites{Name: "ostiary verify"}
	names := newNamer(r)
	suites := make(map[string]int, len(r.Accounts)) // by id, in lower case
	for i, account := range r.Accounts {
		suites[strings.ToLower(account)] = i
		all.Suites = append(all.Suites, junitSuite{Name: names.of(account), Timestamp: r.Taken.UTC().Format("2006-01-02T15:04:05")})
	}
	suites[""] = len(r.Accounts)
	all.Suites = append(all.Suites, junitSuite{Name: "estate", Timestamp: r.Taken.UTC().Format("2006-01-02T15:04:05")})
	seen := map[string]int{}
	for _, f := range r.Findings {
		s := &all.Suites[suiteOf(f.Resource, suites)]
		c := junitCaseOf(f, StateOf(f), names, o)
		// Readers take cases of one name for one case.
		key := s.Name + "\x00" + c.Classname + "\x00" + c.Name
		if seen[key]++; seen[key] > 1 {
			c.Name += fmt.Sprintf(" (%d)", seen[key])
		}
		s.Cases = append(s.Cases, c)
	}
	for i := range all.Suites {
		s := &all.Suites[i]
		s.count()
		all.Tests, all.Failures, all.Errors, all.Skipped = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors, all.Skipped+s.Skipped
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// suiteOf is the suite of the account that a resource is or is part of, or the
// one of the empty id.
func suiteOf(resource string, suites map[string]int) int {
	id := strings.ToLower(resource)
	for end := len(id); end > 0; end = strings.LastIndexByte(id[:end], '/') {
		if i, ok := suites[id[:end]]; ok {
			return i
		}
	}
	return suites[""]
}

func (s *junitSuite) count() {
	s.Tests = len(s.Cases)
	for _, c := range s.Cases {
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
}

func junitCaseOf(f posture.Finding, state State, names namer, o JUnitOptions) junitCase {
	c := junitCase{Name: clean(f.ID) + ": " + names.of(f.Resource), Classname: "verify." + clean(string(f.Level))}
	text := &junitText{Type: clean(f.ID), Message: clean(f.What), Body: plainText(f, names)}
	switch {
	case state == Pass:
	case state == Waived:
		text.Message = "waived until " + f.Waiver.Expires.UTC().Format("2006-01-02") + ": " + clean(f.Waiver.Reason)
		c.Skipped = &junitText{Message: text.Message}
	case f.Level == posture.Advice && !o.Strict:
		c.Skipped = &junitText{Message: "advice: " + text.Message}
	case state == Unknown:
		c.Error = text
	default:
		c.Failure = text
	}
	return c
}

// plainText is all that a finding says, for places without a layout.
func plainText(f posture.Finding, names namer) string {
	p := &page{}
	p.line(0, "", clean(f.What))
	if f.Witness != "" {
		p.line(0, "witness: ", clean(f.Witness))
	}
	for _, e := range f.Evidence {
		p.line(0, "at: ", evidenceText(e, f.Resource, names))
	}
	p.line(0, "why: ", clean(f.Why))
	if f.Mend.Terraform != "" {
		p.verbatim(0, "terraform: ", f.Mend.Terraform)
	}
	if f.Mend.Az != "" {
		p.verbatim(0, "command: ", f.Mend.Az)
	}
	return p.out.String()
}
