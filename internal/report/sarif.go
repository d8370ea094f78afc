package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/ostiary/ostiary/internal/posture"
)

// What GitHub code scanning asks of a SARIF file beyond the standard, as its
// page "SARIF support for code scanning" says:
//   - $schema, version, and for each run tool.driver with name and rules;
//   - for each rule id, shortDescription and fullDescription of at most 1024
//     characters, and help.text, none of them empty; a name of at most 255;
//     20 tags; security-severity makes it a security rule;
//   - for each result message.text and one location with uri, startLine,
//     startColumn, endLine and endColumn; the uri relative to the repository;
//   - partialFingerprints.primaryLocationLineHash, the only one it reads;
//   - at most 25,000 results a run and 1,000 locations a result.
//
// It shows every result as an alert, so what passed is no result here. It does
// not close an open alert because of suppressions (github/codeql-action issue
// 1230): whoever uploads there and waives findings filters them first.
const (
	sarifSchema    = "https://json.schemastore.org/sarif-2.1.0.json"
	sarifText      = 1024
	sarifResults   = 25_000
	sarifLocations = 100
	fingerprint    = "primaryLocationLineHash"
)

// SARIFOptions say where the source is. The zero value points to the first
// line of the file that the report names.
type SARIFOptions struct {
	File    string // path relative to the repository's root, with slashes; empty: Report.Source
	Version string // of this build; empty: left out
	// Lines is the line, from 1, where a JSON pointer leads or, without one,
	// where the resource stands. Nil or 0: the first.
	Lines func(resource, pointer string) int
}

// SARIF writes r as SARIF 2.1.0 (OASIS): a rule for each check, a result for
// each finding that did not pass. A must that fails is an error, an unknown
// must and failing advice a warning, unknown advice a note; a waived finding
// carries an accepted suppression.
func SARIF(w io.Writer, r posture.Report, o SARIFOptions) error {
	return writeJSON(w, sarifOf(normal(r), o, sarifResults))
}

func sarifOf(r posture.Report, o SARIFOptions, most int) sarifLog {
	if o.File == "" {
		o.File = r.Source
	}
	b := &sarifBuilder{options: o, names: newNamer(r), rule: map[string]int{}, seen: map[string]int{}}
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "ostiary verify", Version: o.Version, Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{{Successful: true}},
		Results:     []sarifResult{},
	}
	for _, f := range r.Findings {
		b.addRule(&run.Tool.Driver, f)
	}
	left := 0
	for _, f := range r.Findings {
		switch state := StateOf(f); {
		case state == Pass:
		case len(run.Results) == most:
			left++
		default:
			run.Results = append(run.Results, b.result(f, state))
		}
	}
	if left > 0 {
		r.Notes = append([]string{fmt.Sprintf("%d further findings are left out: code scanning takes at most %d. The JSON report has them all.", left, most)}, r.Notes...)
	}
	for _, note := range r.Notes {
		run.Invocations[0].Notifications = append(run.Invocations[0].Notifications, sarifNotification{Level: "note", Message: sarifMessage{clean(note)}})
	}
	return sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}}
}

type sarifBuilder struct {
	options SARIFOptions
	names   namer
	rule    map[string]int // index of a check's rule
	seen    map[string]int // results with one fingerprint so far
}

// addRule makes one rule of each check. Its words are the check's own, never a
// resource's: rules should change only with the tool.
func (b *sarifBuilder) addRule(driver *sarifDriver, f posture.Finding) {
	i, known := b.rule[f.ID]
	if known {
		// A check may decide for one resource and advise for another.
		if f.Level != posture.Advice {
			driver.Rules[i].judge(f.Level)
		}
		return
	}
	b.rule[f.ID] = len(driver.Rules)
	title, why := orElse(clean(f.Title), clean(f.ID)), orElse(clean(f.Why), clean(f.Title), clean(f.ID))
	rule := sarifRule{
		ID: orElse(clean(f.ID), "check"), Name: cut(orElse(clean(f.ID), "check"), 255),
		Short: sarifMessage{cut(title, sarifText)}, Full: sarifMessage{cut(why, sarifText)},
		Help: sarifHelp{Text: why, Markdown: markdown(why)},
	}
	if len(f.Equal) > 0 {
		rule.Help.Text += "\n\nEqual rules elsewhere: " + clean(strings.Join(f.Equal, ", "))
		rule.Help.Markdown += "\n\nEqual rules elsewhere: " + markdown(clean(strings.Join(f.Equal, ", ")))
	}
	rule.Properties.Equal = f.Equal
	rule.judge(f.Level)
	driver.Rules = append(driver.Rules, rule)
}

// judge sets what GitHub sorts by: 8.0 is high, 3.0 is low.
func (r *sarifRule) judge(level posture.Level) {
	r.Properties.Tags = []string{"security", "network", "azure-openai"}
	r.Properties.Precision = "very-high"
	r.Config.Level, r.Properties.Severity = "error", "8.0"
	if level == posture.Advice {
		r.Config.Level, r.Properties.Severity = "warning", "3.0"
	}
}

func (b *sarifBuilder) result(f posture.Finding, state State) sarifResult {
	result := sarifResult{
		RuleID: orElse(clean(f.ID), "check"), RuleIndex: b.rule[f.ID], Level: sarifLevel(f),
		Message:      sarifMessage{orElse(b.message(f), clean(f.ID))},
		Fingerprints: map[string]string{fingerprint: b.fingerprint(f)},
		Properties:   sarifResultProperties{Status: string(f.Status), Decides: string(f.Level), Resource: f.Resource, Terraform: f.Mend.Terraform, Az: f.Mend.Az},
	}
	evidence := f.Evidence
	if len(evidence) == 0 {
		evidence = []posture.Evidence{{Resource: f.Resource}}
	}
	for i, e := range evidence[:min(len(evidence), sarifLocations)] {
		location := b.location(e)
		if i == 0 {
			result.Locations = []sarifLocation{location}
			continue
		}
		location.ID = i
		location.Message = &sarifMessage{evidenceText(e, f.Resource, b.names)}
		result.Related = append(result.Related, location)
	}
	if state == Waived {
		result.Suppressions = []sarifSuppression{{Kind: "external", Status: "accepted", Justification: clean(f.Waiver.Reason) + " (until " + f.Waiver.Expires.UTC().Format("2006-01-02") + ")"}}
	}
	return result
}

func sarifLevel(f posture.Finding) string {
	switch advice := f.Level == posture.Advice; {
	case f.Status == posture.Fail && !advice:
		return "error"
	case f.Status == posture.Fail || !advice:
		return "warning"
	default:
		return "note"
	}
}

// message begins with the sentence that names the resource: GitHub shows the
// first one alone where there is little room.
func (b *sarifBuilder) message(f posture.Finding) string {
	p := &page{}
	p.line(0, "", clean(f.What))
	if f.Status != posture.Fail {
		p.line(0, "", "This could not be told from the data.")
	}
	if f.Witness != "" {
		p.line(0, "Witness: ", clean(f.Witness))
	}
	if f.Mend.Terraform != "" {
		p.verbatim(0, "Terraform: ", f.Mend.Terraform)
	}
	if f.Mend.Az != "" {
		p.verbatim(0, "Command: ", f.Mend.Az)
	}
	return strings.TrimSpace(p.out.String())
}

// fingerprint holds as long as the check and the resource are the same: lines,
// pointers and words may change between two snapshots.
func (b *sarifBuilder) fingerprint(f posture.Finding) string {
	sum := sha256.Sum256([]byte(f.ID + "\x00" + strings.ToLower(f.Resource)))
	key := hex.EncodeToString(sum[:8])
	b.seen[key]++
	return fmt.Sprintf("%s:%d", key, b.seen[key])
}

func (b *sarifBuilder) location(e posture.Evidence) sarifLocation {
	line := 0
	if b.options.Lines != nil {
		line = b.options.Lines(e.Resource, e.Pointer)
	}
	line = max(1, line)
	location := sarifLocation{Physical: sarifPhysical{
		Artifact: sarifArtifact{fileURI(b.options.File)},
		Region:   sarifRegion{StartLine: line, StartColumn: 1, EndLine: line, EndColumn: 2},
	}}
	if e.Resource != "" {
		location.Logical = append(location.Logical, sarifLogical{Name: b.names.of(e.Resource), Full: e.Resource, Kind: "resource"})
	}
	if e.Pointer != "" {
		location.Logical = append(location.Logical, sarifLogical{Name: clean(e.Pointer[strings.LastIndex(e.Pointer, "/")+1:]), Full: e.Pointer, Kind: "property"})
	}
	return location
}

// fileURI is a path as a relative reference (RFC 3986, 4.2). A first segment
// with a colon would read as a scheme; PathEscape leaves colons.
func fileURI(path string) string {
	if path == "" {
		return "estate"
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(url.PathEscape(part), ":", "%3A")
	}
	uri := strings.Join(parts, "/")
	if strings.HasPrefix(uri, "/") {
		return "file://" + "/" + strings.TrimLeft(uri, "/")
	}
	return uri
}

func orElse(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return "unnamed"
}

func cut(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}

// markdown escapes what CommonMark would read as more than text (2.4).
func markdown(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_{}[]()<>#+-.!|&~", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
