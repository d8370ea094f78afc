package cli

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/identity"
)

// keyCmd is `key`.
type keyCmd struct {
	Create keyCreateCmd `cmd:"" help:"Make a gateway key and the entry for the configuration file."`
}

type keyCreateCmd struct {
	Name      string        `required:"" help:"Who will hold the key; records name them so."`
	Workload  string        `required:"" help:"The workload that the key belongs to."`
	ExpiresIn time.Duration `placeholder:"DURATION" help:"When the key ends, for example 2160h; without it, never."`
	JSON      bool          `help:"Print JSON."`
}

// Help is shown by --help.
func (*keyCreateCmd) Help() string {
	return `The key is shown once and kept nowhere: the configuration holds its SHA-256.
To revoke it, take its entry out of the file.

Example:
  ostiary key create --name nightly-report --workload reports --expires-in 2160h`
}

// Run prints the key and its entry.
func (c *keyCreateCmd) Run(env *node.Env) error {
	key, hash := identity.NewKey()
	var expires time.Time
	if c.ExpiresIn > 0 {
		expires = time.Now().Add(c.ExpiresIn).UTC().Truncate(time.Second)
	}
	if c.JSON {
		return json.NewEncoder(env.Out).Encode(struct {
			Key      string    `json:"key"`
			Name     string    `json:"name"`
			Workload string    `json:"workload"`
			Hash     string    `json:"hash"`
			Expires  time.Time `json:"expires,omitzero"`
		}{key.Reveal(), c.Name, c.Workload, hash, expires})
	}
	until := ""
	if !expires.IsZero() {
		until = "\n      expires: " + expires.Format(time.RFC3339)
	}
	_, err := fmt.Fprintf(env.Out, `The key, shown once; give it to its holder:

%s

Its entry in the configuration file:

gateway:
  keys:
    - name: %q
      workload: %q
      hash: %s%s
`, key.Reveal(), c.Name, c.Workload, hash, until)
	return err
}
