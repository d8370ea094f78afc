package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/secret"
	"github.com/ostiary/ostiary/internal/sink"
)

type ledgerForgetCmd struct {
	Dir     string        `arg:"" help:"The ledger's directory."`
	Subject string        `arg:"" help:"Whose bodies: call.subject of the records; where that is empty call.member, else call.app, else call.workload."`
	Wait    time.Duration `default:"1m" help:"How long to wait for a writer at work (${default})."`

	Postgres secret.Ref `placeholder:"env:NAME|file:PATH" help:"Of a ledger with a remote and no gateway at work: where the URL of its database is written."`
	CA       string     `name:"ca" placeholder:"FILE" help:"PEM file of the only authority trusted for the database's server."`
}

// Help is shown by --help.
func (*ledgerForgetCmd) Help() string {
	return `Destroys every key of the subject, so that no prompt and no answer that was sealed
under it opens again, and records that this was done. The log stays whole and
verifiable; what records themselves say of the subject stays in clear.

It works beside a gateway at work, which does it within seconds. The exit code is
0 only when it is done and recorded. Copies of the directory "keys" undo it:
backups must lose them too.

A ledger with a remote keeps keys in its database too. A gateway at work sees to
that; without one, and for a directory that ledger restore made, name the
database. A restored log cannot record that it was done.

Examples:
  ostiary ledger forget /var/lib/ostiary/ledger 8d0f4a1e-0000-4000-8000-5f6c2b7a9d10
  ostiary ledger forget ./restored 8d0f4a1e-0000-4000-8000-5f6c2b7a9d10 --postgres file:/run/secrets/ledger-url`
}

// Run forgets.
func (c *ledgerForgetCmd) Run(env *node.Env) error {
	ctx, cancel := context.WithTimeout(env.Ctx, c.Wait)
	defer cancel()
	n, err := c.forget(ctx)
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

// forget goes to the writer, or to where the keys of a ledger without one are.
func (c *ledgerForgetCmd) forget(ctx context.Context) (int, error) {
	if c.Postgres.IsZero() {
		return ledger.ForgetSubject(ctx, c.Dir, c.Subject)
	}
	keys, err := sink.RemoteKeys(sink.RemoteSettings{Postgres: &sink.PostgresSettings{URL: c.Postgres, CA: c.CA}})
	if err != nil {
		return 0, err
	}
	defer keys.Close()
	if ledger.Restored(c.Dir) {
		return ledger.ForgetRestored(ctx, c.Dir, c.Subject, keys)
	}
	return ledger.ForgetSubjectAt(ctx, c.Dir, c.Subject, keys)
}
