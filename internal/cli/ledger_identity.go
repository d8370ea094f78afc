package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/seal"
)

// ledgerIdentityCmd is `ledger identity`.
type ledgerIdentityCmd struct {
	Create ledgerIdentityCreateCmd `cmd:"" help:"Make an auditor's secret identity, and print its recipient."`
}

type ledgerIdentityCreateCmd struct {
	Out string `required:"" placeholder:"FILE" help:"The new file for the secret; it must not exist."`
}

// Help is shown by --help.
func (*ledgerIdentityCreateCmd) Help() string {
	return `The file opens every body that is sealed to it: make it where only the auditor
reads, keep a copy offline, and never take it to the gateway. The recipient that
is printed is no secret; it goes into gateway.ledger.auditors.

Example:
  ostiary ledger identity create --out auditor.identity > auditor.recipient`
}

// Run makes the identity.
func (c *ledgerIdentityCreateCmd) Run(env *node.Env) error {
	identity, err := seal.NewIdentity()
	if err != nil {
		return err
	}
	text, err := identity.Encode()
	if err != nil {
		return err
	}
	if err := writeSecret(c.Out, text.Reveal()+"\n"); err != nil {
		return err
	}
	_, err = fmt.Fprintln(env.Out, identity.Recipient())
	return err
}

// writeSecret makes a file for its owner alone. It is durable before anything
// is sealed to what it opens.
func writeSecret(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.Conflict, "the file exists, and a secret is never overwritten").At(path).Fix("name another")
	}
	if err != nil {
		return fault.New(fault.Unavailable, "cannot make the file").Because(err)
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = syncDirectory(filepath.Dir(path))
	}
	if err != nil {
		_ = os.Remove(path)
		return fault.New(fault.Unavailable, "cannot write the file").At(path).Because(err)
	}
	return nil
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}

// readIdentity reads an identity's file; nil without one.
func readIdentity(path string) (*seal.Identity, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // bodies in clear open without
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() > 4<<10 {
		return nil, fault.New(fault.Invalid, "cannot read the identity, or it is none").At(path).Because(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the identity").Because(err)
	}
	i, err := seal.ParseIdentity(string(data))
	if err != nil {
		if f, ok := errors.AsType[*fault.Error](err); ok {
			err = f.At(path)
		}
		return nil, err
	}
	return &i, nil
}
