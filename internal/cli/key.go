package cli

import (
	"cmp"
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
	"github.com/ostiary/ostiary/internal/policy"
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
	keysFlags
	JSON bool `help:"Print JSON."`
}

// Help is shown by --help.
func (*keyCreateCmd) Help() string {
	return `The key is shown once and kept nowhere: the file, or the configuration, holds its
SHA-256. Keys in a file come into effect, and are revoked, within seconds while
the gateway runs. With --config the file is the gateway's own keys_file, and the
workload must be one of its workloads; with neither --config nor --keys-file the
key's entry for the configuration is printed.

Examples:
  ostiary key create --config ostiary.yaml --name nightly-report --workload reports --expires-in 2160h
  ostiary key create --config ostiary.yaml --name ci --workload build --deployment 'text-embedding-*' --operation embeddings`
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
	file, err := c.store(key)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(env.Out).Encode(struct {
			Shown string `json:"key"`
			identity.Key
		}{shown.Reveal(), key})
	}
	_, err = fmt.Fprintf(env.Out, "The key, shown once; give it to its holder:\n\n%s\n", shown.Reveal())
	if err == nil && file == "" {
		_, err = io.WriteString(env.Out, "\nIts entry in the configuration file:\n\n"+entry(key))
	}
	return err
}

// store adds the key to the file that is named, if one is, and gives its path.
// A name is never used again, not that of a revoked key either: records name
// callers so.
func (c *keyCreateCmd) store(key identity.Key) (path string, err error) {
	if c.Config == "" && c.KeysFile == "" {
		return "", nil
	}
	path, workloads, err := c.find()
	if err != nil {
		return "", err
	}
	if c.Config != "" && !slices.ContainsFunc(workloads, func(w policy.Workload) bool { return w.Name == key.Workload }) {
		return "", fault.New(fault.Invalid, "the configuration has no such workload").At("--workload").Fix("name one of its workloads")
	}
	return path, identity.ChangeKeys(path, func(keys []identity.Key) ([]identity.Key, error) {
		if slices.ContainsFunc(keys, func(k identity.Key) bool { return k.Name == key.Name }) {
			return nil, fault.New(fault.Conflict, "a gateway key of this name is there already").At(path).Fix("choose another name")
		}
		return append(keys, key), nil
	})
}

// keysFlags name the file of keys, by itself or by the configuration.
type keysFlags struct {
	Config   string `placeholder:"FILE" help:"Configuration file: its gateway's keys_file is meant."`
	KeysFile string `placeholder:"FILE" help:"The file of gateway keys, in place of the configuration's keys_file."`
}

// find gives the file's path, and the configuration's workloads if there is one.
func (f *keysFlags) find() (path string, workloads []policy.Workload, err error) {
	if f.Config != "" {
		s, err := gatewayOf(f.Config)
		if err != nil {
			return "", nil, err
		}
		path, workloads = s.KeysFile, s.Workloads
	}
	path = cmp.Or(f.KeysFile, path)
	switch {
	case path != "":
		return path, workloads, nil
	case f.Config != "":
		return "", nil, fault.New(fault.Invalid, "the gateway has no keys_file").At(f.Config).Fix("add gateway.keys_file, or name a file with --keys-file")
	}
	return "", nil, fault.New(fault.Invalid, "no file of keys is named").Fix("name the configuration with --config, or a file with --keys-file")
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

type keyListCmd struct {
	keysFlags
	JSON bool `help:"Print JSON, one key a line."`
}

// Help is shown by --help.
func (*keyListCmd) Help() string {
	return `A key shows by the first eight digits of its SHA-256.

Example:
  ostiary key list --config ostiary.yaml`
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
	path, _, err := c.find()
	if err != nil {
		return err
	}
	keys, err := identity.ReadKeys(path)
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
	keysFlags
}

// Help is shown by --help.
func (*keyRevokeCmd) Help() string {
	return `The entry stays, with the time, so that records of the key can be explained.
Revoking a key twice changes nothing. A call that is under way goes on.

Example:
  ostiary key revoke nightly-report --config ostiary.yaml`
}

// Run revokes the key.
func (c *keyRevokeCmd) Run(env *node.Env) error {
	path, _, err := c.find()
	if err != nil {
		return err
	}
	when := time.Now().UTC().Truncate(time.Second)
	err = identity.ChangeKeys(path, func(keys []identity.Key) ([]identity.Key, error) {
		i := slices.IndexFunc(keys, func(k identity.Key) bool { return k.Name == c.Name })
		if i < 0 {
			return nil, fault.New(fault.NotFound, "no gateway key has this name").At(path).Fix("'ostiary key list' shows the names")
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
