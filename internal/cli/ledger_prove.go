package cli

import (
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/witness"
)

// ledgerProveCmd is `ledger prove`.
type ledgerProveCmd struct {
	Dir string `arg:"" optional:"" help:"The ledger's directory."`
	ID  string `arg:"" optional:"" help:"The call's id, which the client got as x-ostiary-call-id."`
	Out string `placeholder:"FILE" help:"Write the proof here; without it, to standard output."`

	Check      string   `placeholder:"FILE" help:"Check this proof; no log is needed."`
	Key        string   `placeholder:"KEY|FILE" help:"With --check: public key of the log, or its checkpoint.pub, got from elsewhere than the proof."`
	WitnessKey []string `placeholder:"KEY|FILE" sep:"none" help:"With --check: public key of a witness that must have cosigned, or its witness.pub; may be repeated."`
	JSON       bool     `help:"With --check: print the call and what is proven as JSON."`
}

// Help is shown by --help.
func (*ledgerProveCmd) Help() string {
	return `A proof holds the records of one call as they stand in the log, their paths in
its tree, and the signed checkpoint that these lead to. It shows who called what
and when, and no body.

Examples:
  ostiary ledger prove /var/lib/ostiary/ledger 0197c1f0-7c1e-7d3a-b0d4-3f8a5d0c9e11 --out call.proof
  ostiary ledger prove --check call.proof --key checkpoint.pub --witness-key witness.pub`
}

// Run makes a proof, or checks one.
func (c *ledgerProveCmd) Run(env *node.Env) error {
	making := c.Dir != "" && c.ID != "" && c.Key == "" && len(c.WitnessKey) == 0
	checking := c.Check != "" && c.Dir == "" && c.Key != "" && c.Out == ""
	switch {
	case making && c.Check == "":
		return c.make(env)
	case checking:
		return c.check(env)
	}
	return fault.New(fault.Invalid, "it is not clear what to prove or to check").
		Fix("give a directory and a call's id; or --check FILE and --key KEY")
}

func (c *ledgerProveCmd) make(env *node.Env) error {
	p, err := ledger.Prove(c.Dir, c.ID)
	if err != nil {
		return err
	}
	data, err := p.Encode()
	if err != nil {
		return err
	}
	if c.Out == "" {
		_, err = env.Out.Write(data)
		return err
	}
	if err := os.WriteFile(c.Out, data, 0o600); err != nil {
		return fault.New(fault.Invalid, "cannot write the proof").At(c.Out).Because(err)
	}
	return nil
}

func (c *ledgerProveCmd) check(env *node.Env) error {
	data, err := readBounded(c.Check, ledger.MaxProof)
	if err != nil {
		return fault.New(fault.Invalid, "cannot read the proof").Because(err)
	}
	p, err := ledger.ParseProof(data)
	if err != nil {
		return err
	}
	log, err := logKey(c.Key)
	if err != nil {
		return err
	}
	keys := make([]note.Verifier, 0, len(c.WitnessKey))
	for _, text := range c.WitnessKey {
		key, err := witnessKey(text)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	proven, err := p.Check(log, keys...)
	if err != nil {
		return err
	}
	if len(proven.Witnesses) < len(keys) {
		return fault.New(fault.No, fmt.Sprintf("%d of %d witnesses cosigned the proof's checkpoint", len(proven.Witnesses), len(keys))).At(c.Check).
			Fix("make the proof once the witness has the log's checkpoint")
	}
	return c.print(env, proven)
}

func (c *ledgerProveCmd) print(env *node.Env, p ledger.Proven) error {
	signed := make([]cosigned, 0, len(p.Witnesses))
	for _, sig := range p.Witnesses {
		signed = append(signed, cosigned{sig.Name, p.Size, witness.Time(sig)})
	}
	if c.JSON {
		return json.NewEncoder(env.Out).Encode(struct {
			ledger.Proven
			Cosigned []cosigned `json:"cosigned,omitempty"`
		}{p, signed})
	}
	_, err := fmt.Fprintf(env.Out, "proven: call %s\n%s\nrecords are entries %v of %s, signed when it had %d entries\n",
		p.Call.ID, ledger.Line(p.Call), p.Entries, p.Log, p.Size)
	if len(p.Pieces) > 0 {
		_, _ = fmt.Fprintf(env.Out, "%d more entries are there by hash; the proof says that they hold its bodies\n", len(p.Pieces))
	}
	for _, s := range signed {
		_, _ = fmt.Fprintln(env.Out, s)
	}
	return err
}
