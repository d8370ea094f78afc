// Package serve runs the services that only the whole binary has. It is apart
// from the command line so that the demo can run them too.
package serve

import (
	"context"
	"net"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/gateway"
	"github.com/ostiary/ostiary/internal/httpd"
)

// Gateway serves callers with tokens and keys on main, and portal members on
// members; either may be nil. It closes both. Settings that change in their
// source are put in force as far as a running gateway can.
func Gateway(env *node.Env, s gateway.Settings, from Source, main, members net.Listener) error {
	for _, ln := range []net.Listener{main, members} {
		if ln != nil {
			defer func() { _ = ln.Close() }()
		}
	}
	reg := node.Registry()
	g, err := gateway.FromSettings(s, env.Log, reg)
	if err != nil {
		return err
	}
	defer func() { _ = g.Close() }()
	again := newReloads(from, g.Reload, env.Log)
	tasks := []func(context.Context) error{
		g.Run, again.run, serveAPI(s, g.AdminHandler(again.admin()), reg, g.Ready, env.Log),
	}
	if s.Admin != s.AdminSocket() {
		tasks = append(tasks, node.ServeAdmin(s.Admin, reg, g.Ready, env.Log))
	}
	if main != nil {
		public, err := s.ServerTLS(env.Log)
		if err != nil {
			return err
		}
		tasks = append(tasks, func(ctx context.Context) error {
			return httpd.Serve(ctx, main, g.Handler(), public, env.Log)
		})
	}
	if members != nil {
		mutual, err := g.MemberTLS()
		if err != nil {
			return err
		}
		tasks = append(tasks, func(ctx context.Context) error {
			return httpd.Serve(ctx, g.MemberListener(members), g.MemberHandler(), mutual, env.Log)
		})
	}
	env.Log.Info("gateway serves", "callers", s.Listen, "members", members != nil)
	return node.Tasks(env.Ctx, tasks...)
}
