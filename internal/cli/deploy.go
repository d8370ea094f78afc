package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/azure"
	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/posture"
	"github.com/ostiary/ostiary/internal/provision"
	"github.com/ostiary/ostiary/internal/report"
)

// deployCmd is `deploy`.
type deployCmd struct {
	Plan     deployPlanCmd     `cmd:"" help:"Say what would be made, and whether it is private. Changes nothing."`
	Apply    deployApplyCmd    `cmd:"" help:"Make it: what exists once, the image, the workload, and the proof."`
	Destroy  deployDestroyCmd  `cmd:"" help:"Take it all down, in order."`
	Status   deployStatusCmd   `cmd:"" help:"Say how far it is."`
	Output   deployOutputCmd   `cmd:"" help:"Print where things are."`
	Evidence deployEvidenceCmd `cmd:"" help:"Write what stands there, and what is seen of it from here, into one file."`
	Modules  deployModulesCmd  `cmd:"" help:"Write a copy of the Terraform modules, to change and to give with --modules."`
	Image    deployImageCmd    `cmd:"" help:"Build the image without a container engine; print its digest, and push it if told where."`
}

// Help is shown by deploy --help.
func (*deployCmd) Help() string {
	return `One file says what is wanted (docs/deploy.md); modules of Terraform that come with
this binary say how. Nothing is applied that is not private, unless the file
accepts a finding until a day.

Example, estate.yaml:
  name: acmeai
  region: swedencentral
  models: [{name: gpt-4o-mini, version: "2024-07-18", capacity: 50}]
  workloads:
    - name: research
      groups: [22222222-3333-4444-5555-666666666666]
      grants: [{deployments: [gpt-4o-mini], operations: [chat/completions]}]

Examples:
  az login && ostiary deploy plan
  ostiary deploy apply --yes
  ostiary deploy output --json | jq -r .gateway.url
  ostiary emulate exec --from internet --azure -- ostiary deploy apply --yes   # rehearse it`
}

// deployFlags are what every deploy command takes.
type deployFlags struct {
	File   string `arg:"" optional:"" default:"estate.yaml" placeholder:"FILE" help:"What is wanted (${default})."`
	Dir    string `placeholder:"DIR" help:"Working directory; default .ostiary/NAME beside the file."`
	Tool   string `placeholder:"PATH" help:"terraform or tofu, 1.9 or later; default whichever is found."`
	Binary string `placeholder:"FILE" help:"Static Linux binary for the image; default this one."`

	Modules string `placeholder:"DIR" help:"Your own copy of the modules; default those of this binary."`
}

// open reads the file and finds tool, login and subscription.
func (f deployFlags) open(env *node.Env, version node.Version) (*provision.Deployment, error) {
	var s provision.Settings
	if err := config.Load(f.File, &s, config.Options{}); err != nil {
		return nil, err
	}
	login, err := azureLogin()
	if err != nil {
		return nil, err
	}
	dir := f.Dir
	if dir == "" {
		dir = filepath.Join(filepath.Dir(f.File), ".ostiary", s.Name)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	shown := steps{out: env.Err, terminal: isTerminal(env.Err)}
	return provision.New(env.Ctx, provision.Config{
		Settings: s, Directory: dir, Tool: f.Tool, Modules: f.Modules, Logger: env.Log,
		Azure: azure.Config{Credential: login, Log: env.Log},
		Image: provision.Image{Binary: f.Binary, Version: string(version)},
		Tell:  shown.step,
		Say:   shown.say,
	})
}

// preflight asks first, and says everything that is wrong at once.
func preflight(env *node.Env, d *provision.Deployment) error {
	problems, err := d.Preflight(env.Ctx)
	if err != nil || len(problems) == 0 {
		return err
	}
	for _, p := range problems {
		_, _ = fmt.Fprintf(env.Err, "✗ %s; %s\n", p.What, p.Fix)
	}
	return fault.New(fault.Invalid, fmt.Sprintf("preflight found %d", len(problems))).Fix("mend what is named; nothing was touched")
}

type deployPlanCmd struct {
	deployFlags
	Format string `default:"table" enum:"table,json,sarif" help:"How findings are reported: table, json or sarif (${default})."`
	Out    string `placeholder:"FILE" help:"Write the findings here."`
}

// Run plans both stages and judges the second.
func (c *deployPlanCmd) Run(env *node.Env, version node.Version) error {
	d, err := c.open(env, version)
	if err != nil {
		return err
	}
	if err := preflight(env, d); err != nil {
		return err
	}
	plans, err := d.Plan(env.Ctx)
	if err != nil {
		return err
	}
	for _, p := range plans {
		if _, err := fmt.Fprint(env.Out, p.Summary()); err != nil {
			return err
		}
	}
	last := plans[len(plans)-1]
	if err := c.write(env, last.Report, version); err != nil {
		return err
	}
	return last.Refusal()
}

func (c *deployPlanCmd) write(env *node.Env, r posture.Report, version node.Version) error {
	out := env.Out
	if c.Out != "" {
		f, err := os.OpenFile(c.Out, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return fault.New(fault.Invalid, "cannot write the report").Because(err)
		}
		defer func() { _ = f.Close() }()
		out = f
	}
	switch c.Format {
	case "json":
		return report.JSON(out, r)
	case "sarif":
		return report.SARIF(out, r, report.SARIFOptions{File: c.File, Version: string(version)})
	}
	return report.Table(out, r, report.Options{Color: isTerminal(out)})
}

type deployApplyCmd struct {
	deployFlags
	Yes bool `help:"Do not ask."`
}

// Run applies and proves.
func (c *deployApplyCmd) Run(env *node.Env, version node.Version) error {
	d, err := c.open(env, version)
	if err != nil {
		return err
	}
	if err := preflight(env, d); err != nil {
		return err
	}
	if !c.Yes && !agreed(env, "Apply "+c.File+" to subscription "+d.Settings.Subscription+"?") {
		return fault.New(fault.Invalid, "nothing was applied").Fix("answer yes, or give --yes")
	}
	if err := d.Apply(env.Ctx); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(env.Err, "reading what Azure has now")
	p, err := d.Prove(env.Ctx)
	if err != nil {
		return err
	}
	if err := p.Snapshot.WriteFile(filepath.Join(d.Directory, "proof.json")); err != nil {
		return err
	}
	if err := report.Table(env.Out, p.Report, report.Options{Color: isTerminal(env.Out)}); err != nil {
		return err
	}
	return (&judgeCmd{}).verdict(p.Report)
}

type deployDestroyCmd struct {
	deployFlags
	Yes bool `help:"Do not ask."`
}

// Run destroys.
func (c *deployDestroyCmd) Run(env *node.Env, version node.Version) error {
	d, err := c.open(env, version)
	if err != nil {
		return err
	}
	if !c.Yes && !agreed(env, "Destroy everything of "+d.Settings.Name+" in subscription "+d.Settings.Subscription+", its ledger included?") {
		return fault.New(fault.Invalid, "nothing was destroyed").Fix("answer yes, or give --yes")
	}
	return d.Destroy(env.Ctx)
}

type deployStatusCmd struct {
	deployFlags
	JSON bool `help:"Print JSON."`
}

// Run says how far it is.
func (c *deployStatusCmd) Run(env *node.Env, version node.Version) error {
	d, err := c.open(env, version)
	if err != nil {
		return err
	}
	s, err := d.Status(env.Ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(env.Out).Encode(s)
	}
	state := "on this machine alone"
	if s.State != nil {
		state = "in the storage account " + s.State.Account
	}
	_, err = fmt.Fprintf(env.Out, "subscription  %s\nstate         %s\nglobal        %d resources\nworkload      %d resources\ncomplete      %v\n",
		s.Subscription, state, s.Resources["global"], s.Resources["workload"], s.Complete)
	if err != nil || s.SignIn == nil {
		return err
	}
	said := strings.Join(slices.Sorted(maps.Keys(s.SignIn.Applications)), ", ")
	if s.SignIn.Unknown != "" {
		said = "not known: " + s.SignIn.Unknown
	}
	for _, left := range s.SignIn.Left {
		said += "\n              " + left
	}
	_, err = fmt.Fprintln(env.Out, "sign-in       "+said)
	return err
}

type deployOutputCmd struct {
	deployFlags
	JSON bool `help:"Print JSON."`
}

// Run prints the workload's outputs.
func (c *deployOutputCmd) Run(env *node.Env, version node.Version) error {
	d, err := c.open(env, version)
	if err != nil {
		return err
	}
	out, err := d.Outputs(env.Ctx)
	if err != nil {
		return err
	}
	e := json.NewEncoder(env.Out)
	if !c.JSON {
		e.SetIndent("", "  ")
	}
	return e.Encode(out)
}

type deployModulesCmd struct {
	Dir string `arg:"" placeholder:"DIR" help:"Where to; it must be empty, or not be there."`
}

// Run writes the modules.
func (c *deployModulesCmd) Run(*node.Env) error { return provision.Modules(c.Dir) }
