package cli

import (
	"net"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/cli/serve"
	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/httpd"
)

// gatewayCmd is `gateway`.
type gatewayCmd struct{ node.ConfigFlag }

// Help is shown by --help.
func (*gatewayCmd) Help() string {
	return `Every call goes one way: identify, authorize, admit, route, forward, meter,
record. What no grant allows is refused, and what cannot be recorded too.

Example:
  ostiary config check ostiary.yaml && ostiary gateway --config ostiary.yaml`
}

// Run serves until interrupted.
func (c *gatewayCmd) Run(env *node.Env) error {
	var f file
	if err := config.Load(c.Config, &f, config.Options{}); err != nil {
		return err
	}
	if f.Gateway == nil {
		return fault.New(fault.Invalid, "the section gateway is missing").At(c.Config).Fix("add 'gateway:' with its keys")
	}
	var main, members net.Listener
	var err error
	if f.Gateway.Listen != "" {
		if main, err = httpd.Listen(f.Gateway.Listen); err != nil {
			return err
		}
	}
	if f.Gateway.Members != nil {
		if members, err = httpd.Listen(f.Gateway.Members.Listen); err != nil {
			return err
		}
	}
	return serve.Gateway(env, *f.Gateway, main, members)
}
