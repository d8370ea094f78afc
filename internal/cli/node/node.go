// Package node is the part of the command line that ostiary and ostiary-node
// share: relay, inlet, outlet, authority, and the portal commands. It imports
// no emulator, no Terraform and no Azure SDK, so that a stranger's network is
// asked to run little.
package node

import (
	"context"
	"io"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/ostiary/ostiary/internal/authority"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/httpd"
	"github.com/ostiary/ostiary/internal/portal"
	"github.com/ostiary/ostiary/internal/relay"
)

// Sections are the parts of the configuration file that this package runs.
type Sections struct {
	Authority *authority.Settings    `yaml:"authority" doc:"who belongs to the project"`
	Relay     *relay.Settings        `yaml:"relay" doc:"joins inlets and outlets, blind"`
	Inlet     *portal.InletSettings  `yaml:"inlet" doc:"the consumer's end of a portal"`
	Outlet    *portal.OutletSettings `yaml:"outlet" doc:"the owner's end of a portal"`
}

// Env is what a command has of the world.
type Env struct {
	Ctx      context.Context
	In       io.Reader
	Out, Err io.Writer
	Log      *slog.Logger
	// Load reads a configuration file; the two binaries know different sections.
	Load func(path string) (Sections, error)
}

// Commands are the commands that both binaries have.
type Commands struct {
	Authority AuthorityCmd `cmd:"" group:"services" help:"Run a project's authority: tickets, members, certificates."`
	Relay     RelayCmd     `cmd:"" group:"services" help:"Run a relay, which joins inlets and outlets and cannot read them."`
	Inlet     InletCmd     `cmd:"" group:"services" help:"Run the consumer's end of a portal."`
	Outlet    OutletCmd    `cmd:"" group:"services" help:"Run the owner's end of a portal."`
	Portal    PortalCmd    `cmd:"" group:"portal" help:"Make tickets, enrol nodes, list members."`
}

// ConfigFlag names the file of a service.
type ConfigFlag struct {
	Config string `required:"" placeholder:"FILE" help:"Configuration file; see 'config schema'."`
}

// section loads the file and picks one section, which must be there.
func section[T any](env *Env, file, name string, pick func(Sections) *T) (*T, error) {
	all, err := env.Load(file)
	if err != nil {
		return nil, err
	}
	s := pick(all)
	if s == nil {
		return nil, fault.New(fault.Invalid, "the section "+name+" is missing").At(file).
			Fix("add '" + name + ":' with its keys; 'config schema' lists them")
	}
	return s, nil
}

// Registry is a metrics registry with the process's own numbers.
func Registry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// Tasks run together until ctx ends or one of them fails, which ends all.
func Tasks(ctx context.Context, tasks ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, task := range tasks {
		group.Go(func() error { return task(ctx) })
	}
	return group.Wait()
}

// ServeAdmin runs the private listener; an empty address runs none.
func ServeAdmin(address string, reg prometheus.Gatherer, ready func() error, log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		if address == "" {
			return nil
		}
		ln, err := httpd.Listen(address)
		if err != nil {
			return err
		}
		return httpd.Serve(ctx, ln, httpd.Admin(reg, ready, nil), nil, log)
	}
}

func alwaysReady() error { return nil }
