package ledger

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Calls joins the halves of calls while records are read in order. The zero
// value is ready; it holds one record for each call that has no outcome yet.
type Calls struct{ open map[string]Record }

// Add takes the next record. It returns the whole call, with both halves, when
// r completes one; an outcome whose intent was not read has no Call.
func (c *Calls) Add(r Record) (whole Record, ok bool) {
	switch r.Kind {
	case Intent:
		if c.open == nil {
			c.open = map[string]Record{}
		}
		c.open[r.ID] = r
		return Record{}, false
	case Outcome:
		r.Call = c.open[r.ID].Call
		delete(c.open, r.ID)
	}
	return r, true
}

// NoOutcome is the intents without an outcome so far, in the order of their
// times: calls in flight, or cut off by a crash.
func (c *Calls) NoOutcome() []Record {
	var all []Record
	for _, r := range c.open {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Record) int {
		if n := a.Time.Compare(b.Time); n != 0 {
			return n
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

// Line is a record in one line for people: time, who, what, deployment,
// status, tokens, duration. What a record of one half does not know is "-"; an
// intent alone has "no outcome". It holds no control character.
func Line(r Record) string {
	if f := r.Forget; f != nil {
		return fmt.Sprintf("%s  forgotten  subject %s  %d keys", lineTime(r.Time), printable(f.Subject), f.Keys)
	}
	at, who, what, deployment := r.Time, "-", "-", "-"
	if c := r.Call; c != nil {
		at, who, what = c.Received, caller(*c), or(c.Operation)
		deployment = or(c.Deployment)
	}
	status, tokens, took := "no outcome", "-", "-"
	if res := r.Result; res != nil {
		status, tokens = outcome(*res), res.Usage.String()
		if r.Call != nil {
			took = res.End.Sub(r.Call.Received).Round(time.Millisecond).String()
		}
	}
	return strings.Join([]string{
		lineTime(at), who, what, deployment, status, tokens, took,
	}, "  ")
}

func lineTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// caller is the name a person would recognise best, and the workload.
func caller(c Call) string {
	who := "-"
	for _, name := range []string{c.Client, c.Member, c.Subject, c.Name} {
		if name != "" {
			who = printable(name)
		}
	}
	if c.Workload != "" {
		who += " (" + printable(c.Workload) + ")"
	}
	return who
}

func outcome(r Result) string {
	s := strconv.Itoa(r.Status)
	if r.ErrorCode != "" {
		s += " " + printable(r.ErrorCode)
	}
	if r.Aborted != "" {
		s += " " + printable(r.Aborted)
	}
	return s
}

// String is "12+34 tokens", with a tilde if they were estimated.
func (u Usage) String() string {
	if u == (Usage{}) {
		return "-"
	}
	s := fmt.Sprintf("%d+%d tokens", u.Prompt, u.Completion)
	if u.Estimated {
		s = "~" + s
	}
	return s
}

func or(s string) string {
	if s == "" {
		return "-"
	}
	return printable(s)
}

// maxShown bounds a field in a line, in runes.
const maxShown = 80

// printable shows a stranger's text: what could move the cursor, hide or
// reorder text is escaped as in a Go string, and the rest cut at maxShown.
func printable(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > maxShown {
			b.WriteString("…")
			break
		}
		if r == utf8.RuneError || r == '\\' || !unicode.IsPrint(r) {
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Printable is a stranger's text, fit for a terminal: one line, bounded, with
// nothing that moves the cursor, hides or reorders text.
func Printable(s string) string { return printable(s) }
