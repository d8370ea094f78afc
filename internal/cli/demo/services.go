package demo

import (
	"context"
	"net/http"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/ostiary/ostiary/internal/authority"
	"github.com/ostiary/ostiary/internal/chat"
	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/cli/serve"
	"github.com/ostiary/ostiary/internal/gateway"
	"github.com/ostiary/ostiary/internal/httpd"
	"github.com/ostiary/ostiary/internal/membership"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/portal"
	"github.com/ostiary/ostiary/internal/relay"
)

func (w *World) socket() string { return filepath.Join(w.Dir, "authority", "admin.sock") }

func (w *World) startAuthority() error {
	sections, err := load[struct {
		Authority *authority.Settings `yaml:"authority"`
	}](w.Dir, "authority")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(sections.Authority.Directory, 0o700); err != nil {
		return err
	}
	admin, err := httpd.Listen(sections.Authority.AdminAddress())
	if err != nil {
		return err
	}
	w.run("authority", func(env *node.Env) error {
		return node.Authority(env, *sections.Authority, w.listeners["authority"], admin)
	})
	return nil
}

// enrollAll makes a ticket for each member and redeems it, as an administrator
// and four machines would.
func (w *World) enrollAll() error {
	service := map[string]string{"service": "openai"}
	group, ctx := errgroup.WithContext(w.env.Ctx)
	for dir, req := range map[string]authority.TicketRequest{
		"relay":   {Role: pki.Relay, Name: "relay-1"},
		"gateway": {Role: pki.Gateway, Name: "ai-corp"},
		"outlet":  {Role: pki.Outlet, Name: "ai-corp", Attributes: service},
		"inlet":   {Role: pki.Inlet, Name: "health-corp", Attributes: map[string]string{"service": "openai", "team": "research"}},
	} {
		group.Go(func() error { return w.enroll(ctx, filepath.Join(w.Dir, "members", dir), req) })
	}
	return group.Wait()
}

func (w *World) enroll(ctx context.Context, dir string, req authority.TicketRequest) error {
	if _, err := os.Stat(filepath.Join(dir, "member.pem")); err == nil {
		return nil // an earlier demo with the same --state enrolled it
	}
	var answer authority.Ticket
	if err := node.CallAdmin(ctx, w.socket(), http.MethodPost, authority.TicketsPath, req, &answer); err != nil {
		return err
	}
	ticket, err := membership.ParseTicket(answer.Ticket)
	if err != nil {
		return err
	}
	_, err = membership.Enroll(ctx, ticket, dir)
	return err
}

// startRest starts what needs a membership.
func (w *World) startRest() error {
	between, err := load[struct {
		Relay *relay.Settings `yaml:"relay"`
	}](w.Dir, "relay")
	if err != nil {
		return err
	}
	owner, err := load[struct {
		Gateway *gateway.Settings      `yaml:"gateway"`
		Outlet  *portal.OutletSettings `yaml:"outlet"`
	}](w.Dir, "owner")
	if err != nil {
		return err
	}
	consumer, err := load[struct {
		Inlet *portal.InletSettings `yaml:"inlet"`
	}](w.Dir, "consumer")
	if err != nil {
		return err
	}
	w.run("relay", func(env *node.Env) error { return node.Relay(env, *between.Relay, w.listeners["relay"]) })
	w.run("gateway", func(env *node.Env) error {
		return serve.Gateway(env, *owner.Gateway, serve.Source{}, w.listeners["gateway"], w.listeners["members"])
	})
	w.run("outlet", func(env *node.Env) error { return node.Outlet(env, *owner.Outlet) })
	w.run("inlet", func(env *node.Env) error { return node.Inlet(env, *consumer.Inlet, w.listeners["inlet"]) })
	if w.ChatURL == "" {
		return nil
	}
	people, err := load[struct {
		Chat *chat.Settings `yaml:"chat"`
	}](w.Dir, "chat")
	if err != nil {
		return err
	}
	w.run("chat", func(env *node.Env) error { return serve.Chat(env, *people.Chat, w.listeners["chat"]) })
	return nil
}
