package cli

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
)

// ledgerCmd is `ledger`.
type ledgerCmd struct {
	Tail   ledgerTailCmd   `cmd:"" help:"Show the latest calls, and follow."`
	Verify ledgerVerifyCmd `cmd:"" help:"Check every byte of the log against its chain, tree and checkpoint."`
}

type ledgerTailCmd struct {
	Dir    string `arg:"" help:"The ledger's directory."`
	Lines  uint64 `short:"n" default:"20" help:"How many records back to begin (${default})."`
	Follow bool   `short:"f" help:"Go on as new calls come, until interrupted."`
	JSON   bool   `help:"Print records as JSON, one a line."`
}

// Help is shown by --help.
func (*ledgerTailCmd) Help() string {
	return `A call shows as one line once its outcome is recorded; one that is in flight, or
was cut off by a crash, shows as "no outcome". Reading takes no lock.

Examples:
  ostiary ledger tail /var/lib/ostiary/ledger -n 100
  ostiary ledger tail /var/lib/ostiary/ledger -f --json | jq .result.usage`
}

// Run prints records.
func (c *ledgerTailCmd) Run(env *node.Env) error {
	total, err := ledger.Count(c.Dir)
	if err != nil {
		return err
	}
	from := total - min(c.Lines, total)
	var calls ledger.Calls
	show := func(_ uint64, r ledger.Record) error {
		if c.JSON {
			return json.NewEncoder(env.Out).Encode(r)
		}
		if whole, ok := calls.Add(r); ok {
			return c.print(env, whole)
		}
		return nil
	}
	if c.Follow {
		return ledger.Follow(env.Ctx, c.Dir, from, 0, show)
	}
	if err := ledger.Read(c.Dir, from, show); err != nil || c.JSON {
		return err
	}
	for _, r := range calls.NoOutcome() {
		if err := c.print(env, r); err != nil {
			return err
		}
	}
	return nil
}

func (*ledgerTailCmd) print(env *node.Env, r ledger.Record) error {
	_, err := fmt.Fprintln(env.Out, ledger.Line(r))
	return err
}

type ledgerVerifyCmd struct {
	Dir  string `arg:"" help:"The ledger's directory."`
	Raw  bool   `help:"The log holds something else than calls, as the authority's issuance log does: check the log alone."`
	Body string `placeholder:"FILE" help:"Also name the calls whose request or answer was exactly this file; needs the ledger's commitment key."`
	JSON bool   `help:"Print the report as JSON."`
}

// Help is shown by --help.
func (*ledgerVerifyCmd) Help() string {
	return `Reads the log offline; it needs no lock and no private key. The exit code is 1 if
anything is wrong, and each problem names the entry and the byte.

Example:
  ostiary ledger verify /var/lib/ostiary/ledger --body prompt.json
  ostiary ledger verify --raw /var/lib/ostiary/authority/issuance`
}

// Run verifies.
func (c *ledgerVerifyCmd) Run(env *node.Env) error {
	report, err := c.report()
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(env.Out).Encode(report)
	} else {
		err = c.print(env, report)
	}
	if err != nil {
		return err
	}
	if c.Body != "" {
		if err := c.find(env); err != nil {
			return err
		}
	}
	if !report.OK() {
		return fault.New(fault.No, "the log is not as it was written").At(c.Dir)
	}
	return nil
}

func (c *ledgerVerifyCmd) report() (ledger.Report, error) {
	if !c.Raw {
		return ledger.Verify(c.Dir)
	}
	report, err := ledger.VerifyLog(c.Dir)
	return ledger.Report{LogReport: report}, err
}

func (c *ledgerVerifyCmd) print(env *node.Env, r ledger.Report) error {
	for _, p := range r.Problems {
		if _, err := fmt.Fprintln(env.Out, p); err != nil {
			return err
		}
	}
	if r.Unlisted > 0 {
		_, _ = fmt.Fprintf(env.Out, "and %d problems more\n", r.Unlisted)
	}
	verdict := "verified"
	if !r.OK() {
		verdict = "DAMAGED"
	}
	_, err := fmt.Fprintf(env.Out, "%s: %d entries, %d calls (%d without an outcome), %d segments\ntree root %s, checkpoint over %d entries\nkey %s\n",
		verdict, r.Entries, r.Calls, len(r.NoOutcome), r.Segments, r.Root, r.Checkpoint, r.Key)
	return err
}

// maxBody bounds the file of --body, in bytes: the largest the gateway takes.
const maxBody = 64 << 20

func (c *ledgerVerifyCmd) find(env *node.Env) error {
	if info, err := os.Stat(c.Body); err != nil || info.Size() > maxBody {
		return fault.New(fault.Invalid, "cannot read the body, or it is over 64 MiB").At(c.Body).Because(err)
	}
	body, err := os.ReadFile(c.Body)
	if err != nil {
		return fault.New(fault.Invalid, "cannot read the body").Because(err)
	}
	matches, err := ledger.FindBody(c.Dir, body)
	if err != nil {
		return err
	}
	if len(matches) == 0 {
		_, err = fmt.Fprintln(env.Out, "no call had exactly this body")
	}
	for _, m := range matches {
		_, err = fmt.Fprintf(env.Out, "this was the %s of call %s\n", m.Part, m.ID)
	}
	return err
}
