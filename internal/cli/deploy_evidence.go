package cli

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/provision"
)

// deployEvidenceCmd is `deploy evidence`.
type deployEvidenceCmd struct {
	deployFlags
	probeFlags
	Out string `required:"" placeholder:"FILE" help:"Write the evidence here."`
}

// Help is shown by deploy evidence --help.
func (*deployEvidenceCmd) Help() string {
	return `The file has the versions that made the estate, the estate as the Resource Manager
gives it, the verdict on it with every finding and what decided it, and with
--probe what names, TLS and HTTP look like from this machine, held against what
is modelled of it. It has ids, names and addresses, and no secret. Run it from
outside and from a client's place, and keep both. In a rehearsal it says emulated.

Examples:
  ostiary deploy evidence --probe --out outside.json
  ostiary deploy evidence --probe --from snet-apps --out inside.json`
}

// Run gathers and writes. It says the verdict, and fails only where nothing
// could be read: a bad verdict is evidence, too.
func (c *deployEvidenceCmd) Run(env *node.Env, version node.Version, here Machine) error {
	d, err := c.open(env, version)
	if err != nil {
		return err
	}
	e := provision.Evidence{Format: provision.EvidenceFormat, Emulated: os.Getenv("OSTIARY_REHEARSAL") != ""}
	if e.Versions, err = d.Versions(env.Ctx); err != nil {
		return err
	}
	if e.Status, err = d.Status(env.Ctx); err != nil {
		return err
	}
	p, err := d.Prove(env.Ctx)
	if err != nil {
		return err
	}
	if err := c.look(env, p.Topology, here, p.Options, &p.Report); err != nil {
		return err
	}
	e.Endpoint, e.Report = p.Snapshot.Endpoint, p.Report
	whole, err := p.Snapshot.JSON()
	if err != nil {
		return err
	}
	if e.Snapshot, err = provision.Bare(whole); err != nil {
		return err
	}
	data, err := json.MarshalIndent(e, "", " ")
	if err != nil {
		return err
	}
	if err := pki.WriteFile(c.Out, append(data, '\n'), 0o600); err != nil {
		return fault.New(fault.Unavailable, "the evidence could not be written").At(c.Out).Because(err)
	}
	_, err = fmt.Fprintf(env.Out, "%s: %s, %d findings\n", c.Out, p.Report.Verdict, len(p.Report.Findings))
	return err
}
