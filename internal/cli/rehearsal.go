//go:build !production

package cli

import (
	"github.com/ostiary/ostiary/internal/cli/demo"
	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/emulator"
)

// rehearsal is what a production build leaves out: the emulator signs tokens.
type rehearsal struct {
	Demo    demoCmd    `cmd:"" group:"try" help:"Run everything on loopback: one question from one company to a private model in another."`
	Emulate emulateCmd `cmd:"" group:"try" help:"Run an emulated Azure: its OpenAI, Entra and Resource Manager, and a network to stand in."`
}

// emulatorSettings is the section emulator of the configuration file.
type emulatorSettings = emulator.Settings

type demoCmd struct {
	Once     bool   `help:"End after the first answer."`
	Ask      string `default:"What is Ockham's Razor?" placeholder:"TEXT" help:"The question (${default})."`
	JSON     bool   `help:"Print one JSON object: answer, status_outside, status_inside, ledger_entry, timings_ms."`
	State    string `placeholder:"DIR" help:"Keep configuration, keys and ledger here; without it, a temporary directory that is removed at the end."`
	Upstream string `placeholder:"URL" help:"Use a real Azure OpenAI, or any server that speaks OpenAI's API, in place of the emulator."`
	Model    string `placeholder:"NAME" help:"Deployment or model to ask; needed with --upstream."`
}

// Help is shown by --help.
func (*demoCmd) Help() string {
	return `Nothing leaves this machine, unless --upstream says so. With --upstream, the key
comes from the variable OSTIARY_UPSTREAM_KEY; an Azure OpenAI also takes Entra:
AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET.

Examples:
  ostiary demo
  ostiary demo --once --ask "Why should a security group bind a private endpoint?"
  ostiary demo --once --json | jq .timings_ms
  ostiary demo --upstream http://localhost:11434/v1 --model llama3.2
  OSTIARY_UPSTREAM_KEY=… ostiary demo --upstream https://NAME.openai.azure.com --model gpt-4o-mini`
}

// Run runs the demo. Its services log warnings only, unless asked for more:
// the demo itself says what happens.
func (c *demoCmd) Run(env *node.Env, quiet QuietLog) error {
	inner := *env
	inner.Log = quiet()
	return demo.Run(&inner, demo.Options{
		Ask: c.Ask, Once: c.Once, JSON: c.JSON, State: c.State, Upstream: c.Upstream, Model: c.Model,
	})
}
