// Package cli is the command line of ostiary: one file a command. It is the
// only place that composes services.
package cli

import (
	"cmp"
	"io"
	"log/slog"

	"github.com/ostiary/ostiary/internal/authority"
	"github.com/ostiary/ostiary/internal/chat"
	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/gateway"
	"github.com/ostiary/ostiary/internal/portal"
	"github.com/ostiary/ostiary/internal/relay"
)

// commands is the whole command line.
type commands struct {
	node.Global
	rehearsal
	Verify  verifyCmd  `cmd:"" group:"try" help:"Judge whether an Azure OpenAI is private: who can reach it, by which rule."`
	Deploy  deployCmd  `cmd:"" group:"try" help:"Make a private Azure OpenAI with Terraform, and prove it."`
	Gateway gatewayCmd `cmd:"" group:"services" help:"Run the gateway in front of a private Azure OpenAI."`
	Chat    chatCmd    `cmd:"" group:"services" help:"Run the web page on which people talk to the model."`
	node.Commands
	Login   loginCmd        `cmd:"" group:"Ask:" help:"Sign in, so that the gateway knows who asks."`
	Ask     askCmd          `cmd:"" group:"Ask:" help:"Ask a model through the gateway, or an inlet."`
	Key     keyCmd          `cmd:"" group:"operate" help:"Make, list and revoke gateway keys."`
	Policy  policyCmd       `cmd:"" group:"operate" help:"Say who may call what, and why."`
	Ledger  ledgerCmd       `cmd:"" group:"operate" help:"Read and verify the log of calls."`
	Config  node.ConfigCmd  `cmd:"" group:"operate" help:"Check a configuration file, or print its schema."`
	Version node.VersionCmd `cmd:"" group:"operate" help:"Print the version."`
}

// file is the configuration file: one section a service.
type file struct {
	Gateway   *gateway.Settings      `yaml:"gateway" doc:"who may call which deployment, and where it is"`
	Chat      *chat.Settings         `yaml:"chat" doc:"the web page on which people talk to the model"`
	Authority *authority.Settings    `yaml:"authority" doc:"who belongs to the project"`
	Relay     *relay.Settings        `yaml:"relay" doc:"joins inlets and outlets, blind"`
	Inlet     *portal.InletSettings  `yaml:"inlet" doc:"the consumer's end of a portal"`
	Outlet    *portal.OutletSettings `yaml:"outlet" doc:"the owner's end of a portal"`
	Emulator  *emulatorSettings      `yaml:"emulator" doc:"an emulated Azure OpenAI, for rehearsal"`
}

// QuietLog makes the logger of a command that speaks for itself: warnings and
// worse, unless --log-level asked for more.
type QuietLog func() *slog.Logger

// Main runs one command and returns the exit code.
func Main(version string, args []string, in io.Reader, out, errOut io.Writer) int {
	return hereAndNow().Main(version, args, in, out, errOut)
}

// Main runs one command on a machine and returns the exit code.
func (m Machine) Main(version string, args []string, in io.Reader, out, errOut io.Writer) int {
	var c commands
	var exit ExitCode
	code := node.App{
		Name:     "ostiary",
		About:    "A doorkeeper for a private Azure OpenAI: rehearse it, govern it call by call, share it without opening a port.",
		Version:  version,
		Commands: &c,
		Level:    func() slog.Level { return c.LogLevel },
		Load: func(path string) (node.Sections, error) {
			var f file
			err := config.Load(path, &f, config.Options{})
			return node.Sections{Authority: f.Authority, Relay: f.Relay, Inlet: f.Inlet, Outlet: f.Outlet}, err
		},
		Bind: []any{m, &exit, node.Version(version), node.File(func() any { return &file{} }), QuietLog(func() *slog.Logger {
			level := c.LogLevel
			if level == slog.LevelInfo {
				level = slog.LevelWarn
			}
			return slog.New(slog.NewTextHandler(errOut, &slog.HandlerOptions{Level: level}))
		})},
	}.Main(args, in, out, errOut)
	return cmp.Or(code, int(exit))
}
