// Command ostiary-node is the part of Ostiary that stands in other people's
// networks: relay, inlet, outlet and authority, and nothing else.
package main

import (
	"log/slog"
	"os"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/config"
)

// version is stamped by the build.
var version = "unknown"

func main() {
	var c struct {
		node.Global
		node.Commands
		Config  node.ConfigCmd  `cmd:"" group:"operate" help:"Check a configuration file, or print its schema."`
		Version node.VersionCmd `cmd:"" group:"operate" help:"Print the version."`
	}
	os.Exit(node.App{
		Name: "ostiary-node", About: "Ends, relay and authority of Ostiary's portals.", Version: version,
		Commands: &c,
		Level:    func() slog.Level { return c.LogLevel },
		Load: func(path string) (all node.Sections, err error) {
			return all, config.Load(path, &all, config.Options{})
		},
		Bind: []any{node.Version(version), node.File(func() any { return &node.Sections{} })},
	}.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
