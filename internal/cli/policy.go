package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/gateway"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/policy"
)

// policyCmd is `policy`.
type policyCmd struct {
	Explain policyExplainCmd `cmd:"" help:"Say whether a caller may do a thing, and why."`
}

type policyExplainCmd struct {
	node.ConfigFlag
	KeysFile string `placeholder:"FILE" help:"Look up key=NAME in this file in place of the configuration's keys_file."`
	As       string `required:"" placeholder:"CALLER" help:"The caller, as tenant=T,app=A,groups=G or key=NAME or certificate=SPIFFE or member=SPIFFE."`
	Call     string `required:"" placeholder:"CALL" help:"The call, as \"OPERATION on DEPLOYMENT max_tokens=4000 stream=true\"."`
	JSON     bool   `help:"Print JSON."`
}

// Help is shown by --help.
func (*policyExplainCmd) Help() string {
	return `The answer is the gateway's own: the same code decides. It tells which workloads
the caller belongs to and by which entry, and what each grant says of the call.
The exit code is 0 if the call is allowed, 1 if not.

A caller is NAME=VALUE with commas between: issuer, tenant, subject, name, app,
groups and roles of a token (groups and roles may stand several times); or
key=NAME; or certificate=SPIFFE; or member=SPIFFE with attribute.NAME=VALUE.

A call may say max_tokens, n, tools, tool_types, images, stream, body_bytes,
client, region, time, hour, weekday; and workload=NAME, if the call names one.
What it does not say is as in a request that does not say it. Whether a key has
expired or is revoked is not asked here: 'key list' shows it.

Examples:
  ostiary policy explain --config ostiary.yaml --as tenant=T,app=A,groups=G \
    --call "chat/completions on gpt-4o max_tokens=4000 stream=true tools=1"
  ostiary policy explain --config ostiary.yaml --as key=nightly --call models --json`
}

// Run answers.
func (c *policyExplainCmd) Run(env *node.Env) error {
	f, err := gatewayOf(c.Config)
	if err != nil {
		return err
	}
	rules, err := policy.New(f.Workloads)
	if err != nil {
		return err
	}
	who, err := c.caller(f.Keys, cmp.Or(c.KeysFile, f.KeysFile))
	if err != nil {
		return err
	}
	call, err := policy.ParseCall(c.Call, time.Now())
	if err != nil {
		return err
	}
	answer := rules.Explain(who, call)
	if c.JSON {
		err = json.NewEncoder(env.Out).Encode(answer)
	} else {
		err = printExplanation(env.Out, answer)
	}
	if err == nil && !answer.Allowed {
		err = fault.New(fault.No, "the call is denied")
	}
	return err
}

// gatewayOf reads the section gateway of a file whose secrets may be elsewhere.
func gatewayOf(path string) (*gateway.Settings, error) {
	var f file
	if err := config.Load(path, &f, config.Options{SkipSecrets: true}); err != nil {
		return nil, err
	}
	if f.Gateway == nil {
		return nil, fault.New(fault.Invalid, "the section gateway is missing").At(path).Fix("add 'gateway:' with its keys")
	}
	return f.Gateway, nil
}

// caller is who asks; a gateway key is looked up by its name, among those of
// the configuration and then in the file.
func (c *policyExplainCmd) caller(keys []identity.Key, keysFile string) (identity.Principal, error) {
	who, name, err := policy.ParseCaller(c.As)
	if err != nil || name == "" {
		return who, err
	}
	named := func(k identity.Key) bool { return k.Name == name }
	i := slices.IndexFunc(keys, named)
	if i < 0 && keysFile != "" {
		if keys, err = identity.ReadKeys(keysFile); err != nil {
			return who, err
		}
		i = slices.IndexFunc(keys, named)
	}
	if i < 0 {
		return who, fault.New(fault.NotFound, "no gateway key has this name").At("--as").
			Fix("'ostiary key list' shows those of a file; --keys-file names it")
	}
	return keys[i].Principal()
}

func printExplanation(w io.Writer, e policy.Explanation) error {
	verdict := "denied"
	if e.Allowed {
		verdict = "allowed"
	}
	out := &lines{w: w}
	out.printf("%s: %s\n", verdict, e.Why)
	for _, m := range e.Workloads {
		sign := "-"
		if m.Belongs {
			sign = "+"
		}
		out.printf("\n%s workload %s: %s\n", sign, m.Workload, m.Why)
		for _, t := range m.Grants {
			sign = "-"
			if t.Allows {
				sign = "+"
			}
			out.printf("  %s %s: %s\n", sign, t.Grant, t.Why)
		}
	}
	return out.err
}

// lines prints until a write fails.
type lines struct {
	w   io.Writer
	err error
}

func (l *lines) printf(format string, args ...any) {
	_, err := fmt.Fprintf(l.w, format, args...)
	l.err = cmp.Or(l.err, err)
}
