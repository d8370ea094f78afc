package cli

import (
	"fmt"
	"os"
	"runtime"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/signin"
)

// loginCmd is `login`.
type loginCmd struct {
	personFlags
	Device bool `xor:"how" help:"Sign in at a browser on another device, by a code."`
	Forget bool `xor:"how" help:"Remove the tokens from this machine."`
	Status bool `xor:"how" help:"Say who is signed in."`
}

// Help is shown by --help.
func (*loginCmd) Help() string {
	return `It opens the browser, and waits. The tokens are kept in a file that only you can
read, and renewed by themselves until the tenant ends the sign-in. Where there
is no file of settings yet, one is written, so that 'ostiary ask' needs no flags.

Examples:
  ostiary login --gateway https://ostiary.corp.example --tenant 11111111-2222-3333-4444-555555555555 --client-id 66666666-7777-8888-9999-000000000000
  ostiary login --device
  ostiary login --status`
}

// Run signs a person in.
func (c *loginCmd) Run(env *node.Env) error {
	settings, err := c.settings()
	if err != nil {
		return err
	}
	s, err := settings.signIn()
	if err != nil {
		return err
	}
	switch {
	case c.Forget:
		return s.Forget()
	case c.Status:
		who, err := s.Person()
		if err == nil {
			_, err = fmt.Fprintf(env.Out, "Signed in as %s\n", who)
		}
		return err
	}
	who, err := c.signIn(env, s)
	if env.Ctx.Err() != nil {
		return fault.New(fault.Denied, "the sign-in was cancelled")
	}
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(env.Out, "Signed in as %s\n", who); err != nil {
		return err
	}
	return c.remember(env, settings)
}

func (c *loginCmd) signIn(env *node.Env, s *signin.SignIn) (signin.Person, error) {
	if c.Device {
		return s.Device(env.Ctx, func(p signin.Prompt) {
			_, _ = fmt.Fprintf(env.Err, "Open %s in any browser, and enter the code %s\n", p.Address, p.Code)
		})
	}
	return s.Browser(env.Ctx, func(address string) {
		command := signin.OpenCommand(runtime.GOOS, os.Getenv("BROWSER"), address)
		if err := signin.Start(command); err != nil {
			_, _ = fmt.Fprintf(env.Err, "No browser could be opened (%s). Open this address on this machine, or use --device:\n%s\n", command[0], address)
			return
		}
		_, _ = fmt.Fprintf(env.Err, "Sign in at the browser. If none has opened, open this address on this machine:\n%s\n", address)
	})
}

// remember writes the settings where there are none yet.
func (c *loginCmd) remember(env *node.Env, s askSettings) error {
	path, err := c.file()
	if err != nil {
		return err
	}
	written, err := s.write(path)
	if err == nil && written {
		_, err = fmt.Fprintf(env.Err, "The settings are in %s\n", path)
	}
	return err
}
