package sink

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// Filter selects calls. What is zero selects all; of several values of one
// field any will do.
type Filter struct {
	Since time.Time // inclusive, by Entry.Time
	Until time.Time // exclusive

	Workload   []string
	Deployment []string
	Operation  []string
	Model      []string
	Subject    []string // matches subject, name, app or member
	Status     []string // a status such as 429, a class such as 5xx, or none for a call without an outcome
}

// Check finds a status that is none; a fault of kind Invalid.
func (f Filter) Check() error {
	for _, s := range f.Status {
		if _, _, err := statusRange(s); err != nil {
			return err
		}
	}
	if !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return fault.New(fault.Invalid, "the time to end is not after the time to begin").Fix("give --until a later time than --since")
	}
	return nil
}

// statusRange is the statuses that a text means, both ends included.
func statusRange(s string) (low, high int, err error) {
	if s == "none" {
		return 0, 0, nil
	}
	class, isClass := strings.CutSuffix(strings.ToLower(s), "xx")
	n, err := strconv.Atoi(class)
	switch {
	case err == nil && isClass && n >= 1 && n <= 5:
		return n * 100, n*100 + 99, nil
	case err == nil && !isClass && n >= 100 && n <= 599:
		return n, n, nil
	}
	return 0, 0, fault.New(fault.Invalid, "not a status: "+strconv.Quote(s)).Fix("write a number such as 429, a class such as 5xx, or none")
}

// Match says whether an entry is selected. A forgotten entry never is: it is
// no call.
func (f Filter) Match(e *Entry) bool {
	at := stored(e.Time)
	switch {
	case e.Kind == KindForgotten,
		!f.Since.IsZero() && at.Before(stored(f.Since)),
		!f.Until.IsZero() && !at.Before(stored(f.Until)),
		!oneOf(f.Workload, e.Workload), !oneOf(f.Deployment, e.Deployment),
		!oneOf(f.Operation, e.Operation), !oneOf(f.Model, e.Model),
		!oneOf(f.Subject, e.Subject, e.Name, e.App, e.Member):
		return false
	}
	return len(f.Status) == 0 || slices.ContainsFunc(f.Status, func(s string) bool {
		low, high, err := statusRange(s)
		return err == nil && e.Status >= low && e.Status <= high
	})
}

// stored is a time as precise as tables have it.
func stored(t time.Time) time.Time { return t.Truncate(time.Microsecond) }

func oneOf(wanted []string, have ...string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(have, func(s string) bool { return s != "" && slices.Contains(wanted, s) })
}

// where is the same for SQL: a condition, and the values of its parameters.
// No value is ever part of the text.
func (f Filter) where() (string, []any) {
	w := clause{text: "TRUE"}
	if !f.Since.IsZero() {
		w.and("time >= ?", f.Since.UTC().Format(timeLayout))
	}
	if !f.Until.IsZero() {
		w.and("time < ?", f.Until.UTC().Format(timeLayout))
	}
	w.oneOf(f.Workload, "workload")
	w.oneOf(f.Deployment, "deployment")
	w.oneOf(f.Operation, "operation")
	w.oneOf(f.Model, "model")
	w.oneOf(f.Subject, "subject", "name", "app", "member")
	var status clause
	for _, s := range f.Status {
		low, high, _ := statusRange(s) // Check has refused what is none
		status.or("coalesce(status, 0) BETWEEN ? AND ?", low, high)
	}
	w.group(status)
	return w.text, w.values
}

// clause is a piece of SQL with its values.
type clause struct {
	text   string
	values []any
}

func (c *clause) and(text string, values ...any) { c.add(" AND ", text, values) }
func (c *clause) or(text string, values ...any)  { c.add(" OR ", text, values) }

func (c *clause) add(link, text string, values []any) {
	if c.text != "" {
		c.text += link
	}
	c.text += text
	c.values = append(c.values, values...)
}

func (c *clause) oneOf(wanted []string, columns ...string) {
	var any clause
	for _, column := range columns {
		for _, v := range wanted {
			any.or(column+" = ?", v)
		}
	}
	c.group(any)
}

func (c *clause) group(inner clause) {
	if inner.text != "" {
		c.and("("+inner.text+")", inner.values...)
	}
}
