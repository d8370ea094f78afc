package cli

import (
	"github.com/ostiary/ostiary/internal/chat"
	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/cli/serve"
	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/httpd"
)

// chatCmd is `chat`.
type chatCmd struct{ node.ConfigFlag }

// Help is shown by --help.
func (*chatCmd) Help() string {
	return `People sign in with Entra, or another OpenID provider, and ask the gateway in
their own name: policy, limits and the ledger see who asked. Everything that the
page needs is in this binary, so it works in a closed network.

Register URL/signin/callback as the redirect URI, and URL/signed-out for logout.

Example:
  ostiary config check ostiary.yaml && ostiary chat --config ostiary.yaml`
}

// Run serves until interrupted.
func (c *chatCmd) Run(env *node.Env) error {
	s, err := chatSettings(c.Config)
	if err != nil {
		return err
	}
	ln, err := httpd.Listen(s.Listen)
	if err != nil {
		return err
	}
	return serve.Chat(env, s, ln)
}

// chatSettings reads the section chat of a file that is right as a whole.
func chatSettings(path string) (chat.Settings, error) {
	var f file
	if err := config.Load(path, &f, config.Options{}); err != nil {
		return chat.Settings{}, err
	}
	if f.Chat == nil {
		return chat.Settings{}, fault.New(fault.Invalid, "the section chat is missing").At(path).Fix("add 'chat:' with its keys")
	}
	return *f.Chat, nil
}
