package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/fault"
)

// Global flags of both binaries.
type Global struct {
	LogLevel slog.Level `default:"info" placeholder:"LEVEL" help:"What services log to standard error: debug, info, warn or error (${default})."`
}

// App is one of the two binaries.
type App struct {
	Name, About string
	Version     string
	Commands    any // pointer to the kong model, which embeds Global
	Level       func() slog.Level
	Load        func(path string) (Sections, error)
	Bind        []any // further values for commands
}

// stop is what kong's --help unwinds with.
type stop struct{ code int }

// Main runs one command and returns the exit code: 0 done, 1 the answer is no,
// 2 a usage or configuration error, 3 could not find out. An interrupt ends a
// service cleanly.
func (a App) Main(args []string, in io.Reader, out, errOut io.Writer) (code int) {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	defer func() {
		if s, ok := recover().(stop); ok {
			code = s.code
		}
	}()
	parser, err := kong.New(a.Commands,
		kong.Name(a.Name), kong.Description(a.About), kong.Writers(out, errOut),
		kong.Exit(func(code int) { panic(stop{code}) }),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.Vars{"version": a.Version},
		kong.ExplicitGroups([]kong.Group{
			{Key: "try", Title: "Try it:"}, {Key: "services", Title: "Services:"},
			{Key: "portal", Title: "Portals:"}, {Key: "operate", Title: "Operate:"},
		}),
	)
	if err != nil {
		return a.fail(errOut, err)
	}
	kctx, err := parser.Parse(args)
	if err != nil {
		command := a.Name
		if at, ok := errors.AsType[*kong.ParseError](err); ok && at.Context.Selected() != nil {
			command += " " + at.Context.Selected().Path()
		}
		_, _ = fmt.Fprintf(errOut, "%s: %v; see '%s --help'\n", a.Name, err, command)
		return fault.Invalid.ExitCode()
	}
	env := &Env{
		Ctx: ctx, In: in, Out: out, Err: errOut, Load: a.Load,
		Log: slog.New(slog.NewTextHandler(errOut, &slog.HandlerOptions{Level: a.Level()})),
	}
	if err := kctx.Run(append([]any{env}, a.Bind...)...); err != nil {
		return a.fail(errOut, err)
	}
	return 0
}

// fail prints why, and maps the kind to the exit code.
func (a App) fail(errOut io.Writer, err error) int {
	if problems, ok := errors.AsType[config.Problems](err); ok {
		_, _ = fmt.Fprintln(errOut, problems) // file:line:col says more than our name would
	} else {
		_, _ = fmt.Fprintf(errOut, "%s: %v\n", a.Name, err)
	}
	return fault.KindOf(err).ExitCode()
}

// VersionCmd is `version`.
type VersionCmd struct{}

// Run prints the version.
func (VersionCmd) Run(env *Env, version Version) error {
	_, err := fmt.Fprintln(env.Out, version)
	return err
}

// Version is what the build was stamped with.
type Version string

// ConfigCmd is `config`.
type ConfigCmd struct {
	Check  CheckCmd  `cmd:"" help:"Check a configuration file and report every mistake at once."`
	Schema SchemaCmd `cmd:"" help:"Print the JSON Schema of the configuration file, for editors."`
}

// File makes an empty configuration of the binary's own sections.
type File func() any

// CheckCmd is `config check`.
type CheckCmd struct {
	File        string `arg:"" help:"Configuration file."`
	SkipSecrets bool   `help:"Do not look whether the secrets that the file refers to are there."`
}

// Help is shown by --help.
func (*CheckCmd) Help() string {
	return `Every mistake is one line, file:line:col: what; fix. The exit code is 2 if there
is one.

Example:
  ostiary config check ostiary.yaml --skip-secrets`
}

// Run checks the file.
func (c *CheckCmd) Run(env *Env, file File) error {
	if err := config.Load(c.File, file(), config.Options{SkipSecrets: c.SkipSecrets}); err != nil {
		return err
	}
	_, err := fmt.Fprintf(env.Out, "%s is right\n", c.File)
	return err
}

// SchemaCmd is `config schema`.
type SchemaCmd struct{}

// Help is shown by --help.
func (*SchemaCmd) Help() string {
	return `Example, for an editor that speaks YAML:
  ostiary config schema > ostiary.schema.json
and as the first line of the file:
  # yaml-language-server: $schema=ostiary.schema.json`
}

// Run prints the schema.
func (SchemaCmd) Run(env *Env, file File) error {
	schema, err := config.Schema("Configuration of Ostiary", file())
	if err != nil {
		return err
	}
	_, err = env.Out.Write(schema)
	return err
}
