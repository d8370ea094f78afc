package cli

import (
	"bufio"
	"io"
	"os"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/seal"
	"github.com/ostiary/ostiary/internal/sink"
)

type ledgerExportCmd struct {
	Dir string `arg:"" help:"The ledger's directory."`
	callFilter
	Format   string `enum:"json,csv,seed" default:"json" help:"json: one entry a line; csv; or seed: the eight fields of the APIM policy, one object a line (${default})."`
	Bodies   bool   `help:"Add prompts and answers that the ledger keeps, as far as they open."`
	Identity string `placeholder:"FILE" help:"Open sealed ones with this auditor's identity; implies --bodies."`
	Out      string `placeholder:"FILE" help:"Write to this file in place of standard output; it appears when it is whole."`
}

// Help is shown by --help.
func (*ledgerExportCmd) Help() string {
	return `Writes whole calls, in the order in which they ended, with the fields that sinks
have (docs/ledger.md); those without an outcome come last. It reads the log once
and needs little memory, however long the log is. Where a body does not open,
its entry says "unreadable". In CSV a cell that a
spreadsheet would take for a formula begins with an apostrophe.

Examples:
  ostiary ledger export /var/lib/ostiary/ledger --since 7d --out week.json
  ostiary ledger export /var/lib/ostiary/ledger --format csv --workload research
  ostiary ledger export /var/lib/ostiary/ledger --identity auditor.identity --out whole.json`
}

// Run exports.
func (c *ledgerExportCmd) Run(env *node.Env) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	if c.Out == "" {
		return c.export(env, env.Out, f)
	}
	tmp := c.Out + ".tmp"
	file, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fault.New(fault.Invalid, "cannot write the file").At(c.Out).Because(err)
	}
	err = c.export(env, file, f)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp, c.Out)
	}
	if err != nil {
		_ = os.Remove(tmp)
	}
	return err
}

func (c *ledgerExportCmd) export(env *node.Env, w io.Writer, f sink.Filter) error {
	out := bufio.NewWriterSize(w, 1<<16)
	var lines interface {
		write(e *sink.Entry) error
		flush() error
	}
	switch c.Format {
	case "csv":
		lines = newCSVLines(out, sink.Columns())
	case "seed":
		lines = seedLines{newJSONLines(out)}
	default:
		lines = newJSONLines(out)
	}
	var open func([][]byte) ([]byte, error)
	if c.Bodies || c.Identity != "" {
		var err error
		if open, err = opener(c.Dir, c.Identity); err != nil {
			return err
		}
	}
	if err := sink.Each(env.Ctx, c.Dir, f, open, lines.write); err != nil {
		return err
	}
	if err := lines.flush(); err != nil {
		return err
	}
	return out.Flush()
}

// opener opens bodies with a ledger's keys and an auditor's identity; without
// one, only what is kept in clear.
func opener(dir, identityFile string) (func([][]byte) ([]byte, error), error) {
	var identity *seal.Identity
	if identityFile != "" {
		var err error
		if identity, err = readIdentity(identityFile); err != nil {
			return nil, err
		}
	}
	return func(pieces [][]byte) ([]byte, error) { return ledger.OpenPieces(dir, pieces, identity) }, nil
}

// seedLines prints the eight fields.
type seedLines struct{ jsonLines }

func (l seedLines) write(e *sink.Entry) error { return l.enc.Encode(sink.Seed(e)) }
