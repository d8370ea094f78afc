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
	Tail     ledgerTailCmd     `cmd:"" help:"Show the latest calls, and follow."`
	Query    ledgerQueryCmd    `cmd:"" help:"Show calls, or sums of tokens and cost, from a sink's database or the log."`
	Export   ledgerExportCmd   `cmd:"" help:"Write calls as JSON or CSV."`
	Verify   ledgerVerifyCmd   `cmd:"" help:"Check every byte of the log against its chain, tree and checkpoint."`
	Repair   ledgerRepairCmd   `cmd:"" help:"Set damaged segments aside, so that a log can be used again."`
	Prove    ledgerProveCmd    `cmd:"" help:"Prove what the log says of a call, to somebody without the log; or check such a proof."`
	Witness  ledgerWitnessCmd  `cmd:"" help:"Bind a log to its past, by somebody who does not keep it."`
	Open     ledgerOpenCmd     `cmd:"" help:"Show the prompt and the answer of a call, to an auditor."`
	Forget   ledgerForgetCmd   `cmd:"" help:"Destroy the keys of a subject's prompts and answers."`
	Restore  ledgerRestoreCmd  `cmd:"" help:"Bring a log back from PostgreSQL or Kafka, when the disk is gone."`
	Identity ledgerIdentityCmd `cmd:"" help:"Make an auditor's identity."`
}

type ledgerTailCmd struct {
	Dir    string `arg:"" help:"The ledger's directory."`
	Lines  uint64 `short:"n" default:"20" help:"How many records back to begin (${default})."`
	Follow bool   `short:"f" help:"Go on as new calls come, until interrupted."`
	JSON   bool   `help:"Print records as JSON, one a line."`
	callFilter
}

// Help is shown by --help.
func (*ledgerTailCmd) Help() string {
	return `A call shows as one line once its outcome is recorded; one that is in flight, or
was cut off by a crash, shows as "no outcome". Reading takes no lock. With flags
that select calls, -n counts those, and JSON has both halves of a call in one.

Examples:
  ostiary ledger tail /var/lib/ostiary/ledger -n 100
  ostiary ledger tail /var/lib/ostiary/ledger -f --workload research --status 4xx,5xx
  ostiary ledger tail /var/lib/ostiary/ledger -f --json | jq .result.usage`
}

// Run prints records.
func (c *ledgerTailCmd) Run(env *node.Env) error {
	if c.any() {
		return c.selected(env)
	}
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
	witnessFlags
}

// Help is shown by --help.
func (*ledgerVerifyCmd) Help() string {
	return `Reads the log offline; it needs no lock and no private key. The exit code is 1 if
anything is wrong, and each problem names the entry and the byte.

Checkpoints that witnesses cosigned and that lie beside the log are checked
always. What only a witness elsewhere can show is that the whole directory was
put back to an earlier state, or written anew and signed anew.

Example:
  ostiary ledger verify /var/lib/ostiary/ledger --body prompt.json
  ostiary ledger verify --raw /var/lib/ostiary/authority/issuance
  ostiary ledger verify /var/lib/ostiary/ledger --witness https://witness.example --witness-key witness.pub
  ostiary ledger verify /var/lib/ostiary/ledger --witness /mnt/append-only/checkpoints`
}

// Run verifies.
func (c *ledgerVerifyCmd) Run(env *node.Env) error {
	found, err := c.collect(env.Ctx, c.Dir)
	if err != nil {
		return err
	}
	report, err := c.report(found.against)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(env.Out).Encode(struct {
			ledger.Report
			Cosigned []cosigned `json:"cosigned,omitempty"`
		}{report, found.cosigned})
	} else {
		err = c.print(env, report, found)
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

func (c *ledgerVerifyCmd) report(against []ledger.Witnessed) (ledger.Report, error) {
	if !c.Raw {
		return ledger.Verify(c.Dir, against...)
	}
	report, err := ledger.VerifyLog(c.Dir, against...)
	return ledger.Report{LogReport: report}, err
}

func (c *ledgerVerifyCmd) print(env *node.Env, r ledger.Report, found *evidence) error {
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
	if r.Pruned > 0 {
		_, _ = fmt.Fprintf(env.Out, "pruned: %d entries, of which signed notes and hashes are left\n", r.Pruned)
	}
	if len(found.against) > 0 || r.Witnessed > 0 {
		_, _ = fmt.Fprintf(env.Out, "witnessed: %d entries\n", r.Witnessed)
	}
	for _, c := range found.cosigned {
		_, _ = fmt.Fprintln(env.Out, c)
	}
	for _, n := range found.notes {
		_, _ = fmt.Fprintln(env.Out, n)
	}
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
