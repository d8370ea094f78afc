package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/sink"
)

type ledgerQueryCmd struct {
	DB  string `name:"db" placeholder:"FILE" xor:"source" required:"" help:"Database that a sqlite sink keeps."`
	Dir string `placeholder:"DIR" xor:"source" required:"" help:"Or the ledger's directory: reads the whole log first."`
	callFilter
	Sum      bool     `help:"Show one sum of all, in place of the calls."`
	SumBy    []string `placeholder:"WHAT" help:"Show sums by workload, deployment, operation, model, backend, region, subject, name, app, member, tenant, status, hour, day, month …"`
	Bodies   bool     `help:"Add prompts and answers, as far as the sink has them; with --format json, and not with --dir."`
	Keys     string   `placeholder:"DIR" help:"Open sealed ones with the keys of this ledger's directory."`
	Identity string   `placeholder:"FILE" help:"And with this auditor's identity."`
	Limit    int      `default:"100" help:"How many calls at most, the latest; 0 shows all (${default}). Sums are of all."`
	Format   string   `enum:"table,csv,json" default:"table" help:"table, csv, or json: one object a line (${default})."`
}

// Help is shown by --help.
func (*ledgerQueryCmd) Help() string {
	return `Shows calls, or sums of calls, tokens and cost. Cost is there where prices are
configured. Days and hours are UTC. With --dir, no sink is needed.

Examples:
  ostiary ledger query --db calls.db --since 24h --status 4xx,5xx
  ostiary ledger query --db calls.db --since 2026-03-01 --sum-by workload,day --format csv
  ostiary ledger query --dir /var/lib/ostiary/ledger --sum-by deployment
  ostiary ledger query --db calls.db --bodies --format json --keys /var/lib/ostiary/ledger --identity auditor.identity`
}

// Validate is called by kong.
func (c *ledgerQueryCmd) Validate() error {
	switch {
	case c.Limit < 0:
		return fault.New(fault.Invalid, "a limit below 0").At("--limit").Fix("write 0 to show all")
	case c.Bodies && (c.Format != "json" || c.DB == ""):
		return fault.New(fault.Invalid, "bodies are shown of a database, as JSON").At("--bodies").
			Fix("use --db and --format json; of a log, ledger open and ledger export show them")
	case (c.Keys == "") != (c.Identity == ""):
		return fault.New(fault.Invalid, "--keys and --identity go together").Fix("give both or neither")
	}
	return nil
}

// Run queries.
func (c *ledgerQueryCmd) Run(env *node.Env) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	r, err := c.open(env.Ctx, f)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	if c.Sum || len(c.SumBy) > 0 {
		sums, err := r.Sums(env.Ctx, f, c.SumBy)
		if err != nil {
			return err
		}
		return c.sums(env, sums)
	}
	return c.calls(env, r, f)
}

func (c *ledgerQueryCmd) open(ctx context.Context, f sink.Filter) (*sink.Reader, error) {
	if c.Dir != "" {
		return sink.ReadLog(ctx, c.Dir, f)
	}
	return sink.OpenReader(ctx, c.DB)
}

func (c *ledgerQueryCmd) calls(env *node.Env, r *sink.Reader, f sink.Filter) error {
	var out interface {
		write(e *sink.Entry) error
		flush() error
	}
	switch c.Format {
	case "json":
		out = newJSONLines(env.Out)
	case "csv":
		out = newCSVLines(env.Out, sink.Columns())
	default:
		out = newTable(env.Out)
	}
	open, err := opener(c.Keys, c.Identity)
	if err != nil {
		return err
	}
	err = r.Rows(env.Ctx, f, c.Limit, c.Bodies, func(e *sink.Entry) error {
		if c.Identity != "" {
			if err := e.Unseal(open); err != nil {
				env.Log.Warn("a body does not open", "call", e.ID, "error", err)
			}
		}
		return out.write(e)
	})
	if err != nil {
		return err
	}
	return out.flush()
}

// sums prints a line a group. Costs have a column for each currency.
func (c *ledgerQueryCmd) sums(env *node.Env, sums []sink.Sum) error {
	currencies := map[string]bool{}
	for _, s := range sums {
		for currency := range s.Cost {
			currencies[currency] = true
		}
	}
	head := slices.Concat(c.SumBy, []string{
		"calls", "errors", "no_outcome", "prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens", "total_tokens", "estimated",
	})
	costs := slices.Sorted(maps.Keys(currencies))
	for _, currency := range costs {
		head = append(head, "cost_"+currency)
	}
	lines := [][]string{head}
	for _, s := range sums {
		line := slices.Clone(s.Group)
		for _, n := range []int64{s.Calls, s.Errors, s.NoOutcome, s.Prompt, s.Completion, s.Cached, s.Reasoning, s.Total, s.Estimated} {
			line = append(line, strconv.FormatInt(n, 10))
		}
		for _, currency := range costs {
			line = append(line, sink.Money(s.Cost[currency]))
		}
		lines = append(lines, line)
	}
	switch c.Format {
	case "csv":
		return writeCSV(env.Out, lines)
	case "json":
		return c.sumsJSON(env, lines)
	}
	w := tabwriter.NewWriter(env.Out, 0, 0, 2, ' ', 0)
	for _, line := range lines {
		printRow(w, line)
	}
	return w.Flush()
}

// sumsJSON gives each line as an object: groups are text, the rest numbers.
func (c *ledgerQueryCmd) sumsJSON(env *node.Env, lines [][]string) error {
	for _, line := range lines[1:] {
		object := map[string]any{}
		for i, cell := range line {
			if i < len(c.SumBy) {
				object[lines[0][i]] = cell
			} else {
				object[lines[0][i]] = json.Number(cell)
			}
		}
		text, err := json.Marshal(object)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(env.Out, "%s\n", text); err != nil {
			return err
		}
	}
	return nil
}
