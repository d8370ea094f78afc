package provision

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
)

// Step is one thing that happened to one resource, for whoever shows progress.
type Step struct {
	Stage    string
	Resource string        // its address
	Action   string        // create, update, delete, read
	Done     bool          // ended; without it, it has begun or goes on
	Failed   bool          // ended in an error
	Took     time.Duration // so far
}

// progress reads the tool's machine-readable lines (its format version 1) as
// they come, tells of each resource, and keeps the errors.
type progress struct {
	stage  string
	tell   func(Step)
	rest   []byte
	errors []string

	// Of an apply alone.
	left   *unfinished
	exists map[string]string // ids by address: what an earlier run began to make
	scopes map[string]string // of role assignments, by address
}

// A line of the tool is bounded: a diagnostic may quote a document.
const (
	maxLine = 4 << 20
	maxSaid = 600 // bytes of one diagnostic that are repeated
)

// event is one line, as far as it is needed.
type event struct {
	Type string `json:"type"`
	Hook struct {
		Resource struct {
			Addr string `json:"addr"`
		} `json:"resource"`
		Action  string  `json:"action"`
		Elapsed float64 `json:"elapsed_seconds"`
	} `json:"hook"`
	Diagnostic diagnostic `json:"diagnostic"`
}

type diagnostic struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail"`
	Address  string `json:"address"`
}

// Write takes whatever comes; lines that are no events are passed over.
func (p *progress) Write(b []byte) (int, error) {
	p.rest = append(p.rest, b...)
	for {
		line, rest, found := bytes.Cut(p.rest, []byte("\n"))
		if !found {
			if len(p.rest) > maxLine {
				p.rest = nil
			}
			return len(b), nil
		}
		p.rest = append([]byte(nil), rest...)
		var e event
		if json.Unmarshal(line, &e) == nil {
			p.take(e)
		}
	}
}

func (p *progress) take(e event) {
	s := Step{Stage: p.stage, Resource: e.Hook.Resource.Addr, Action: e.Hook.Action, Took: time.Duration(e.Hook.Elapsed * float64(time.Second))}
	switch e.Type {
	case "apply_start", "apply_progress":
		if p.left != nil && e.Type == "apply_start" && s.Action == "create" && !p.left.before[s.Resource] {
			p.left.begin(s.Resource)
		}
	case "apply_complete":
		s.Done = true
		if p.left != nil {
			p.left.end(s.Resource)
		}
	case "apply_errored":
		s.Done, s.Failed = true, true
	case "diagnostic":
		if e.Diagnostic.Severity == "error" {
			p.errors = append(p.errors, e.Diagnostic.said())
			p.met(e.Diagnostic)
		}
		return
	default:
		return
	}
	if p.tell != nil {
		p.tell(s)
	}
}

// met notes a resource that exists: ours from an earlier run, or another's.
func (p *progress) met(d diagnostic) {
	id, role := existing(d.Summary + " " + d.Detail)
	if scope := p.scopes[d.Address]; role != "" && scope != "" {
		id = scope + "/providers/Microsoft.Authorization/roleAssignments/" + role
	}
	switch {
	case p.left == nil || id == "":
	case p.left.before[d.Address]:
		p.exists[d.Address] = id
	default:
		p.left.end(d.Address)
	}
}

// said is the diagnostic on one line, bounded.
func (d diagnostic) said() string {
	text := d.Summary
	if detail := strings.Join(strings.Fields(d.Detail), " "); detail != "" {
		text += ": " + detail
	}
	if d.Address != "" {
		text = d.Address + ": " + text
	}
	if len(text) > maxSaid {
		text = text[:maxSaid] + "…"
	}
	return text
}
