package sink

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
)

// Sum is what a group of calls used together.
type Sum struct {
	Group      []string // the values of what was grouped by; empty where a call has none
	Calls      int64    // refusals among them
	Errors     int64    // status 400 and above
	NoOutcome  int64    // cut off by a crash, or under way
	Prompt     int64    // tokens
	Completion int64
	Cached     int64
	Reasoning  int64
	Total      int64
	Estimated  int64            // calls whose tokens are estimated
	Cost       map[string]int64 // in millionths, by currency
}

// dimensions are what calls can be grouped by, and the SQL that gives it. Days
// begin at midnight UTC.
func dimensions() map[string]string {
	all := map[string]string{
		"day": "substr(time, 1, 10)", "hour": "substr(time, 1, 13) || ':00Z'", "month": "substr(time, 1, 7)",
	}
	for _, name := range []string{
		"workload", "deployment", "operation", "model", "backend", "region", "subject", "name", "app", "member",
		"tenant", "api_version", "status", "error_code", "kind", "log",
	} {
		all[name] = name
	}
	return all
}

// Dimensions are the names that Sums can group by, sorted.
func Dimensions() []string { return slices.Sorted(maps.Keys(dimensions())) }

// Sums adds up the calls that the filter selects, by group, in the order of
// the groups. Without a dimension there is one sum, of all.
func (r *Reader) Sums(ctx context.Context, f Filter, by []string) ([]Sum, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	groups, err := groupBy(by)
	if err != nil {
		return nil, err
	}
	where, values := f.where()
	// Costs of two currencies are never added: a group has a row for each.
	text := fmt.Sprintf( //nolint:gosec // the groups are expressions of dimensions, and where holds no value
		`SELECT %s coalesce(currency, ''), count(*), coalesce(sum(status >= 400), 0), coalesce(sum(kind = 'no-outcome'), 0),
  coalesce(sum(prompt_tokens), 0), coalesce(sum(completion_tokens), 0), coalesce(sum(cached_tokens), 0),
  coalesce(sum(reasoning_tokens), 0), coalesce(sum(total_tokens), 0), coalesce(sum(estimated), 0), coalesce(sum(cost_micros), 0)
FROM calls WHERE %s GROUP BY %s currency ORDER BY %[1]s currency`,
		leading(groups), where, leading(groups))
	rows, err := r.db.QueryContext(ctx, text, values...)
	if err != nil {
		return nil, unavailable(r.file, err)
	}
	defer func() { _ = rows.Close() }()
	var sums []Sum
	for rows.Next() {
		row := Sum{Group: make([]string, len(groups))}
		var currency string
		var micros int64
		targets := make([]any, 0, len(groups)+11)
		for i := range row.Group {
			targets = append(targets, &row.Group[i])
		}
		targets = append(targets, &currency, &row.Calls, &row.Errors, &row.NoOutcome, &row.Prompt, &row.Completion,
			&row.Cached, &row.Reasoning, &row.Total, &row.Estimated, &micros)
		if err := rows.Scan(targets...); err != nil {
			return nil, unavailable(r.file, err)
		}
		if n := len(sums); n == 0 || !slices.Equal(sums[n-1].Group, row.Group) {
			sums = append(sums, Sum{Group: row.Group, Cost: map[string]int64{}})
		}
		sums[len(sums)-1].add(row, currency, micros)
	}
	if err := rows.Err(); err != nil {
		return nil, unavailable(r.file, err)
	}
	if len(groups) == 0 && len(sums) == 0 {
		sums = []Sum{{}} // of no calls
	}
	return sums, nil
}

func (s *Sum) add(row Sum, currency string, micros int64) {
	s.Calls, s.Errors, s.NoOutcome = s.Calls+row.Calls, s.Errors+row.Errors, s.NoOutcome+row.NoOutcome
	s.Prompt, s.Completion, s.Total = s.Prompt+row.Prompt, s.Completion+row.Completion, s.Total+row.Total
	s.Cached, s.Reasoning, s.Estimated = s.Cached+row.Cached, s.Reasoning+row.Reasoning, s.Estimated+row.Estimated
	if currency != "" {
		s.Cost[currency] += micros
	}
}

func groupBy(by []string) ([]string, error) {
	known := dimensions()
	var groups []string
	for _, name := range by {
		expression, ok := known[name]
		if !ok {
			return nil, fault.New(fault.Invalid, fmt.Sprintf("cannot sum by %q", name)).Fix("sum by " + strings.Join(Dimensions(), ", "))
		}
		groups = append(groups, "coalesce("+expression+", '')")
	}
	return groups, nil
}

// leading is a list of expressions that another follows.
func leading(expressions []string) string {
	if len(expressions) == 0 {
		return ""
	}
	return strings.Join(expressions, ", ") + ","
}

// Money is millionths as a decimal number, exact, with at least two places.
func Money(micros int64) string {
	sign, n := "", uint64(micros) //nolint:gosec // the sign is taken apart
	if micros < 0 {
		sign, n = "-", -n
	}
	text := fmt.Sprintf("%s%d.%06d", sign, n/1e6, n%1e6)
	for strings.HasSuffix(text, "0") && text[len(text)-3] != '.' {
		text = text[:len(text)-1]
	}
	return text
}
