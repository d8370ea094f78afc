package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/identity"
)

// keyCmd is `key`.
type keyCmd struct {
	Create keyCreateCmd `cmd:"" help:"Make a gateway key."`
	List   keyListCmd   `cmd:"" help:"List the gateway keys of a file."`
	Revoke keyRevokeCmd `cmd:"" help:"Revoke a gateway key; a running gateway refuses it within seconds."`
}

type keyCreateCmd struct {
	Name       string        `required:"" help:"Who will hold the key; records name them so."`
	Workload   string        `required:"" help:"The workload that the key belongs to."`
	Deployment []string      `placeholder:"GLOB" help:"Narrow the workload's grants to these deployments; may be repeated."`
	Operation  []string      `placeholder:"GLOB" help:"Narrow the workload's grants to these operations; may be repeated."`
	ExpiresIn  time.Duration `placeholder:"DURATION" help:"When the key ends, for example 2160h; without it, never."`
	KeysFile   string        `placeholder:"FILE" help:"Add the key to this file, the gateway's keys_file; without it, print an entry for the configuration."`
	JSON       bool          `help:"Print JSON."`
}

// Help is shown by --help.
func (*keyCreateCmd) Help() string {
	return `The key is shown once and kept nowhere: the file, or the configuration, holds its
SHA-256. Keys in a file come into effect, and are revoked, while the gateway
runs; the configuration's are read when it starts.

Examples:
  ostiary key create --keys-file /var/lib/ostiary/keys --name nightly-report --workload reports --expires-in 2160h
  ostiary key create --keys-file /var/lib/ostiary/keys --name ci --workload build --deployment 'text-embedding-*' --operation embeddings`
}

// Run makes the key.
func (c *keyCreateCmd) Run(env *node.Env) error {
	if c.ExpiresIn < 0 {
		return fault.New(fault.Invalid, "a key that has expired already").At("--expires-in")
	}
	shown, hash := identity.NewKey()
	now := time.Now().UTC().Truncate(time.Second)
	key := identity.Key{
		Name: c.Name, Workload: c.Workload, Hash: hash, Deployments: c.Deployment, Operations: c.Operation, Created: now,
	}
	if c.ExpiresIn > 0 {
		key.Expires = now.Add(c.ExpiresIn)
	}
	if _, err := key.Principal(); err != nil {
		return err
	}
	if c.KeysFile != "" {
		if err := c.store(key); err != nil {
			return err
		}
	}
	if c.JSON {
		return json.NewEncoder(env.Out).Encode(struct {
			Shown string `json:"key"`
			identity.Key
		}{shown.Reveal(), key})
	}
	_, err := fmt.Fprintf(env.Out, "The key, shown once; give it to its holder:\n\n%s\n", shown.Reveal())
	if err == nil && c.KeysFile == "" {
		_, err = io.WriteString(env.Out, "\nIts entry in the configuration file:\n\n"+entry(key))
	}
	return err
}

// store adds the key. A name is never used again, not that of a revoked key
// either: records name callers so.
func (c *keyCreateCmd) store(key identity.Key) error {
	return identity.ChangeKeys(c.KeysFile, func(keys []identity.Key) ([]identity.Key, error) {
		if slices.ContainsFunc(keys, func(k identity.Key) bool { return k.Name == key.Name }) {
			return nil, fault.New(fault.Conflict, "a gateway key of this name is there already").At(c.KeysFile).Fix("choose another name")
		}
		return append(keys, key), nil
	})
}

// entry is the key as YAML.
func entry(k identity.Key) string {
	var b strings.Builder
	fmt.Fprintf(&b, "gateway:\n  keys:\n    - name: %q\n      workload: %q\n      hash: %s\n", k.Name, k.Workload, k.Hash)
	for _, list := range []struct {
		name  string
		globs []string
	}{{"deployments", k.Deployments}, {"operations", k.Operations}} {
		if len(list.globs) > 0 {
			fmt.Fprintf(&b, "      %s: [%s]\n", list.name, `"`+strings.Join(list.globs, `", "`)+`"`)
		}
	}
	if !k.Expires.IsZero() {
		fmt.Fprintf(&b, "      expires: %s\n", k.Expires.Format(time.RFC3339))
	}
	return b.String()
}

// keysFileFlag names the file.
type keysFileFlag struct {
	KeysFile string `required:"" placeholder:"FILE" help:"The file of gateway keys, the gateway's keys_file."`
}

type keyListCmd struct {
	keysFileFlag
	JSON bool `help:"Print JSON, one key a line."`
}

// Help is shown by --help.
func (*keyListCmd) Help() string {
	return `A key shows by the first eight digits of its SHA-256.

Example:
  ostiary key list --keys-file /var/lib/ostiary/keys`
}

// listed is a key as the list shows it.
type listed struct {
	Name        string    `json:"name"`
	Workload    string    `json:"workload"`
	Deployments []string  `json:"deployments,omitempty"`
	Operations  []string  `json:"operations,omitempty"`
	Created     time.Time `json:"created,omitzero"`
	Expires     time.Time `json:"expires,omitzero"`
	Revoked     time.Time `json:"revoked,omitzero"`
	State       string    `json:"state"`
	Hash        string    `json:"hash"` // its beginning
}

const shownDigits = 8

// Run lists the keys.
func (c *keyListCmd) Run(env *node.Env) error {
	keys, err := identity.ReadKeys(c.KeysFile)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(env.Out, 0, 0, 2, ' ', 0)
	out := &lines{w: table}
	if !c.JSON {
		out.printf("NAME\tWORKLOAD\tSTATE\tDEPLOYMENTS\tOPERATIONS\tCREATED\tEXPIRES\tREVOKED\tHASH\n")
	}
	for _, k := range keys {
		l := listed{
			k.Name, k.Workload, k.Deployments, k.Operations, k.Created, k.Expires, k.Revoked, k.State(time.Now()), k.Hash[:shownDigits],
		}
		if c.JSON {
			if err := json.NewEncoder(env.Out).Encode(l); err != nil {
				return err
			}
			continue
		}
		out.printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Name, l.Workload, l.State, globs(l.Deployments), globs(l.Operations),
			day(l.Created), day(l.Expires), day(l.Revoked), l.Hash)
	}
	if out.err != nil {
		return out.err
	}
	return table.Flush()
}

func globs(patterns []string) string {
	if len(patterns) == 0 {
		return "all"
	}
	return strings.Join(patterns, ",")
}

func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04Z")
}

type keyRevokeCmd struct {
	Name string `arg:"" help:"Name of the key."`
	keysFileFlag
}

// Help is shown by --help.
func (*keyRevokeCmd) Help() string {
	return `The entry stays, with the time, so that records of the key can be explained.
Revoking a key twice changes nothing. A call that is under way goes on.

Example:
  ostiary key revoke nightly-report --keys-file /var/lib/ostiary/keys`
}

// Run revokes the key.
func (c *keyRevokeCmd) Run(env *node.Env) error {
	when := time.Now().UTC().Truncate(time.Second)
	err := identity.ChangeKeys(c.KeysFile, func(keys []identity.Key) ([]identity.Key, error) {
		i := slices.IndexFunc(keys, func(k identity.Key) bool { return k.Name == c.Name })
		if i < 0 {
			return nil, fault.New(fault.NotFound, "no gateway key has this name").At(c.KeysFile).Fix("'ostiary key list' shows the names")
		}
		if !keys[i].Revoked.IsZero() {
			when = keys[i].Revoked
			return keys, nil
		}
		keys[i].Revoked = when
		return keys, nil
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.Out, "%s is revoked since %s\n", c.Name, when.Format(time.RFC3339))
	return err
}
