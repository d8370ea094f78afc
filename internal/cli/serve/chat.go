package serve

import (
	"context"
	"net"

	"github.com/ostiary/ostiary/internal/chat"
	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/httpd"
)

// Chat serves the web page for people on ln, which it closes.
func Chat(env *node.Env, s chat.Settings, ln net.Listener) error {
	defer func() { _ = ln.Close() }()
	reg := node.Registry()
	c, err := chat.New(chat.Config{Settings: s, Logger: env.Log, Metrics: reg})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	public, err := s.ServerTLS(env.Log)
	if err != nil {
		return err
	}
	env.Log.Info("chat serves", "url", s.URL, "listen", ln.Addr().String())
	return node.Tasks(env.Ctx, c.Run, node.ServeAdmin(s.Admin, reg, c.Ready, env.Log),
		func(ctx context.Context) error { return httpd.Serve(ctx, ln, c.Handler(), public, env.Log) })
}
