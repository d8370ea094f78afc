package cli

import (
	"encoding/json"
	"fmt"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/ledger"
)

type ledgerRepairCmd struct {
	Dir  string `arg:"" help:"The directory of a ledger, or of the authority's issuance log."`
	JSON bool   `help:"Print what was done as JSON."`
}

// Help is shown by --help.
func (*ledgerRepairCmd) Help() string {
	return `For a log that is damaged, so that its service does not start. Restore the
damaged file from a copy if there is one. If there is none, this copies each
damaged segment whole into a file quarantine-…, and keeps of it every entry
whose checksum fits. What is lost is recorded under the log's key: ledger verify
names it from then on, and its exit code stays 1.

Stop the service first. A log that was altered, not damaged, is refused.

Example:
  ostiary ledger repair /var/lib/ostiary/ledger`
}

// Run repairs.
func (c *ledgerRepairCmd) Run(env *node.Env) error {
	done, err := ledger.RepairLog(ledger.LogConfig{Directory: c.Dir, Logger: env.Log})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(env.Out).Encode(done)
	}
	if len(done.SetAside) == 0 {
		_, err = fmt.Fprintln(env.Out, "nothing to repair")
		return err
	}
	for _, name := range done.SetAside {
		_, _ = fmt.Fprintln(env.Out, "set aside: "+name)
	}
	for _, p := range done.Lost {
		_, _ = fmt.Fprintln(env.Out, p)
	}
	_, err = fmt.Fprintf(env.Out, "the log can be used again; see ostiary ledger verify %s\n", c.Dir)
	return err
}
