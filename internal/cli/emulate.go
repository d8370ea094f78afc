//go:build !production

package cli

import (
	"fmt"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/emulator"
	"github.com/ostiary/ostiary/internal/fault"
)

// emulateCmd is `emulate`.
type emulateCmd struct {
	Serve    emulateServeCmd `cmd:"" default:"withargs" help:"Run the emulator; this is what emulate does without a word more."`
	Exec     execCmd         `cmd:"" help:"Run a command as if it stood at a place of the emulated network."`
	Nslookup nslookupCmd     `cmd:"" help:"Say what a name resolves to at a place of the emulated network."`
}

// Help is shown by emulate --help.
func (*emulateCmd) Help() string { return emulateHelp }

type emulateServeCmd struct {
	Config string `placeholder:"FILE" help:"Configuration file with a section emulator; without it, the defaults and an empty network."`
	State  string `placeholder:"DIR" help:"Directory of the certificate authority and the keys; in place of the file's."`
	Seed   string `placeholder:"FILE" help:"Resources that the network begins with, as ARM returns them or as verify --save keeps them."`
}

const emulateHelp = `It answers as Azure does: with public access off, the public front refuses
everybody with Azure's own 403, and the private front serves. Around it stands an
Azure with a Resource Manager: what Terraform makes there is a network, and 'emulate
exec' runs any client at a place of it.

Examples:
  ostiary emulate --state ~/.ostiary/emulator
  ostiary emulate exec --from internet --azure -- terraform apply
  ostiary emulate exec --from client-vm -- curl https://NAME.openai.azure.com/openai/v1/models
  ostiary emulate nslookup --from client-vm NAME.openai.azure.com`

// Help is shown by --help.
func (*emulateServeCmd) Help() string { return emulateHelp }

// Run serves until interrupted.
func (c *emulateServeCmd) Run(env *node.Env) error {
	settings, err := c.settings()
	if err != nil {
		return err
	}
	e, err := emulator.New(emulator.Config{Settings: settings, Logger: env.Log})
	if err != nil {
		return err
	}
	urls := e.URLs()
	_, err = fmt.Fprintf(env.Out, `Azure OpenAI, emulated; Ctrl-C ends it

  from the internet           %s
  by the private endpoint     %s
  Entra                       %s
  trust this CA               %s
`, urls.Public, urls.Private, urls.Issuer, e.CAFile())
	if err == nil && urls.Page != "" {
		_, err = fmt.Fprintf(env.Out, `  the network, drawn          %s
  places (proxy user = place) %s
`, urls.Page, urls.Places)
	}
	if err != nil {
		return err
	}
	return e.Run(env.Ctx)
}

// settings are the file's, or the defaults with an empty network.
func (c *emulateServeCmd) settings() (emulator.Settings, error) {
	settings := emulator.Settings{Network: &emulator.Network{}}
	if c.Config != "" {
		var f file
		if err := config.Load(c.Config, &f, config.Options{}); err != nil {
			return settings, err
		}
		if f.Emulator == nil {
			return settings, fault.New(fault.Invalid, "the section emulator is missing").At(c.Config).Fix("add 'emulator: {}'")
		}
		settings = *f.Emulator
	}
	if c.State != "" {
		settings.State = c.State
	}
	if c.Seed != "" {
		if settings.Network == nil {
			settings.Network = &emulator.Network{}
		}
		settings.Network.Seed = c.Seed
	}
	return settings, nil
}
