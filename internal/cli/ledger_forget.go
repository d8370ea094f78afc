package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/ledger"
)

type ledgerForgetCmd struct {
	Dir     string        `arg:"" help:"The ledger's directory."`
	Subject string        `arg:"" help:"Whose bodies: call.subject of the records; where that is empty call.member, else call.app, else call.workload."`
	Wait    time.Duration `default:"1m" help:"How long to wait for a writer at work (${default})."`
}

// Help is shown by --help.
func (*ledgerForgetCmd) Help() string {
	return `Destroys every key of the subject, so that no prompt and no answer that was sealed
under it opens again, and records that this was done. The log stays whole and
verifiable; what records themselves say of the subject stays in clear.

It works beside a gateway at work, which does it within seconds. The exit code is
0 only when it is done and recorded. Copies of the directory "keys" undo it:
backups must lose them too.

Example:
  ostiary ledger forget /var/lib/ostiary/ledger 8d0f4a1e-0000-4000-8000-5f6c2b7a9d10`
}

// Run forgets.
func (c *ledgerForgetCmd) Run(env *node.Env) error {
	ctx, cancel := context.WithTimeout(env.Ctx, c.Wait)
	defer cancel()
	n, err := ledger.ForgetSubject(ctx, c.Dir, c.Subject)
	if err != nil {
		return err
	}
	keys := "keys"
	if n == 1 {
		keys = "key"
	}
	_, err = fmt.Fprintf(env.Out, "forgotten: %d %s destroyed\n", n, keys)
	return err
}
