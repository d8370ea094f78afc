package cli

import (
	"strconv"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/sink"
)

// callFilter is the flags by which ledger tail, query and export select calls.
type callFilter struct {
	Since      string   `placeholder:"TIME" help:"From this time on: RFC 3339, a date (UTC), or how long ago, such as 24h or 7d."`
	Until      string   `placeholder:"TIME" help:"Before this time; the same forms."`
	Workload   []string `placeholder:"NAME" help:"Of these workloads."`
	Deployment []string `placeholder:"NAME" help:"Of these deployments."`
	Operation  []string `placeholder:"NAME" help:"Of these operations, such as chat/completions."`
	Model      []string `placeholder:"NAME" help:"Of these models, as the backend names them."`
	Subject    []string `placeholder:"NAME" help:"Of these callers: subject, name, application or member."`
	Status     []string `placeholder:"STATUS" help:"With these statuses: 429, 5xx, or none for a call without an outcome."`
}

func (c callFilter) any() bool {
	return c.Since+c.Until != "" ||
		len(c.Workload)+len(c.Deployment)+len(c.Operation)+len(c.Model)+len(c.Subject)+len(c.Status) > 0
}

func (c callFilter) filter() (sink.Filter, error) {
	f := sink.Filter{
		Workload: c.Workload, Deployment: c.Deployment, Operation: c.Operation,
		Model: c.Model, Subject: c.Subject, Status: c.Status,
	}
	now := time.Now()
	since, err := parseTime("--since", c.Since, now)
	if err != nil {
		return f, err
	}
	until, err := parseTime("--until", c.Until, now)
	if err != nil {
		return f, err
	}
	f.Since, f.Until = since, until
	return f, f.Check()
}

// parseTime reads a time of the command line; an empty text is the zero time.
func parseTime(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fault.New(fault.Invalid, "not a time: "+strconv.Quote(text)).At(flag).
		Fix("write 2026-03-01T09:00:00Z, 2026-03-01, or how long ago: 24h, 7d")
}
