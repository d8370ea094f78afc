package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/ostiary/ostiary/internal/fault"
)

// maxProblems bounds what one run reports: enough for any file that a person
// wrote, few enough to survive the wrong file.
const maxProblems = 1000

// Problem is one mistake in a configuration.
type Problem struct {
	File      string
	Line, Col int    // from 1; columns count characters
	What      string // what is wrong, in one clause
	Fix       string // what to do about it, in one clause; may be empty
}

// String is "file:line:col: what; fix", on one line.
func (p Problem) String() string {
	s := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, p.What)
	if p.Fix != "" {
		s += "; " + p.Fix
	}
	return s
}

// Problems is every mistake found, sorted by position. As an error it is one
// line each, and a fault of kind Invalid.
type Problems []Problem //nolint:errname // a list of problems before it is an error

// Error is one line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// As lets errors.As, and so fault.KindOf and fault.PublicText, see a fault.
func (ps Problems) As(target any) bool {
	f, ok := target.(**fault.Error)
	if ok {
		*f = fault.New(fault.Invalid, ps.Error())
	}
	return ok
}

// pos is a place in the source, from 1.
type pos struct{ line, col int }

func (ps *Problems) add(at pos, what, fix string) {
	*ps = append(*ps, Problem{Line: at.line, Col: at.col, What: oneLine(what), Fix: oneLine(fix)})
}

// finish names the file, sorts, and returns nil when there is no problem.
func (ps Problems) finish(name string) error {
	if len(ps) == 0 {
		return nil
	}
	for i := range ps {
		ps[i].File = name
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	ps = slices.Compact(ps)
	if more := len(ps) - maxProblems; more > 0 {
		next := ps[maxProblems]
		next.What, next.Fix = fmt.Sprintf("%d more problems from here on", more), "mend those above first"
		ps = append(ps[:maxProblems:maxProblems], next)
	}
	return ps
}

// maxText bounds one part of a problem, in characters: a type's own error may
// repeat what the file said.
const maxText = 1000

// oneLine keeps a text from breaking the line or driving the terminal.
func oneLine(s string) string {
	r := []rune(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s))
	if len(r) > maxText {
		return string(r[:maxText]) + "…"
	}
	return string(r)
}
