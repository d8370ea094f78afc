package cli

import (
	"net"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/cli/serve"
	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/gateway"
	"github.com/ostiary/ostiary/internal/httpd"
)

// gatewayCmd is `gateway`.
type gatewayCmd struct {
	Serve  gatewayServeCmd  `cmd:"" default:"withargs" help:"Run the gateway; this is what gateway does without a word more."`
	Status gatewayStatusCmd `cmd:"" help:"Say how a gateway that runs is: backends, workloads, ledger."`
	Reload gatewayReloadCmd `cmd:"" help:"Have a gateway that runs read its configuration again, and say what came of it."`
}

const gatewayHelp = `Every call goes one way: identify, authorize, admit, route, forward, meter,
record. What no grant allows is refused, and what cannot be recorded too.

A change of the file takes effect while it runs, and so does SIGHUP, for callers,
workloads, limits, backends and prices; what is not right changes nothing, and
the log says why. Listeners, ledger and sizes need a new start.

Examples:
  ostiary config check ostiary.yaml && ostiary gateway --config ostiary.yaml
  ostiary gateway status --config ostiary.yaml
  ostiary gateway reload --config ostiary.yaml`

// Help is shown by gateway --help.
func (*gatewayCmd) Help() string { return gatewayHelp }

type gatewayServeCmd struct{ node.ConfigFlag }

// Help is shown by --help.
func (*gatewayServeCmd) Help() string { return gatewayHelp }

// Run serves until interrupted.
func (c *gatewayServeCmd) Run(env *node.Env, version node.Version) error {
	s, err := gatewaySettings(c.Config)
	if err != nil {
		return err
	}
	var main, members net.Listener
	if s.Listen != "" {
		if main, err = httpd.Listen(s.Listen); err != nil {
			return err
		}
	}
	if s.Members != nil {
		if members, err = httpd.Listen(s.Members.Listen); err != nil {
			return err
		}
	}
	from := serve.Source{Path: c.Config, Load: gatewaySettings, Version: string(version)}
	return serve.Gateway(env, s, from, main, members)
}

// gatewaySettings reads the section gateway of a file that is right as a whole.
func gatewaySettings(path string) (gateway.Settings, error) {
	var f file
	if err := config.Load(path, &f, config.Options{}); err != nil {
		return gateway.Settings{}, err
	}
	if f.Gateway == nil {
		return gateway.Settings{}, fault.New(fault.Invalid, "the section gateway is missing").At(path).Fix("add 'gateway:' with its keys")
	}
	return *f.Gateway, nil
}
