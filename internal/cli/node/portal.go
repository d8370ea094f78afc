package node

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/ostiary/ostiary/internal/authority"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/membership"
	"github.com/ostiary/ostiary/internal/pki"
)

// PortalCmd is `portal`.
type PortalCmd struct {
	Ticket struct {
		Create TicketCmd `cmd:"" help:"Make a one-time ticket that lets a node join the project."`
	} `cmd:"" help:"Invitations to a project."`
	Enroll EnrollCmd `cmd:"" help:"Redeem a ticket on the node that is to join."`
	Member struct {
		List MemberListCmd `cmd:"" help:"List the project's members."`
		Show MemberShowCmd `cmd:"" help:"Show one member."`
	} `cmd:"" help:"Who belongs to the project."`
	Revoke RevokeCmd `cmd:"" help:"Put a member out: its sessions are cut within seconds."`
	Rotate RotateCmd `cmd:"" help:"Give this node a new key, and revoke the old one."`
	Status StatusCmd `cmd:"" help:"Show a running node: certificate, sessions, bytes, round trip."`
}

// TicketCmd is `portal ticket create`.
type TicketCmd struct {
	Config    string            `xor:"admin" required:"" placeholder:"FILE" help:"Configuration file of the authority, to find its private listener."`
	Admin     string            `xor:"admin" required:"" placeholder:"unix:PATH" help:"The authority's private listener itself."`
	Dir       string            `xor:"admin" required:"" placeholder:"DIR" help:"Directory of a member of role enroller, to ask the authority from afar."`
	Role      string            `required:"" enum:"inlet,outlet,relay,gateway,enroller" help:"What the node is to be: inlet, outlet, relay, gateway or enroller."`
	Name      string            `help:"Name of the member; without it the authority chooses one."`
	Service   string            `help:"Service that an inlet may open or an outlet serves."`
	Attribute map[string]string `placeholder:"KEY=VALUE" help:"Attribute for the member's certificate; may be repeated."`
	ExpiresIn time.Duration     `default:"10m" help:"How long the ticket is valid (${default})."`
	Uses      int               `default:"1" help:"How many nodes may redeem it (${default})."`
}

// Help is shown by --help.
func (*TicketCmd) Help() string {
	return `The ticket is printed once and kept only as a hash. It carries the authority's
address and the fingerprint of its key, so the node needs nothing else.

An enroller makes tickets from another machine, with its own certificate: for
inlets of its own service alone, with attributes that it has itself, for an hour
and ten uses at most.

Examples:
  ostiary portal ticket create --config authority.yaml --role outlet --name ai-corp --service openai
  ostiary portal ticket create --config authority.yaml --role inlet --name health-corp \
      --service openai --attribute team=research --expires-in 1h
  ostiary-node portal ticket create --dir /var/lib/ostiary/enroller --role inlet --service openai --uses 10`
}

// Run prints the ticket.
func (c *TicketCmd) Run(env *Env) error {
	attributes := c.Attribute
	if c.Service != "" {
		if attributes == nil {
			attributes = map[string]string{}
		}
		attributes[authority.ServiceAttribute] = c.Service
	}
	req := authority.TicketRequest{
		Role: pki.Role(c.Role), Name: c.Name, Attributes: attributes, ExpiresIn: c.ExpiresIn.String(), Uses: c.Uses,
	}
	var answer authority.Ticket
	var err error
	if c.Dir != "" {
		err = c.fromAfar(env, req, &answer)
	} else {
		flag := AdminFlag{c.Config, c.Admin}
		err = flag.call(env, http.MethodPost, authority.TicketsPath, req, &answer)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(env.Out, answer.Ticket)
	return err
}

// fromAfar asks as an enroller.
func (c *TicketCmd) fromAfar(env *Env, req authority.TicketRequest, answer *authority.Ticket) error {
	me, err := membership.Load(c.Dir, env.Log)
	if err != nil {
		return err
	}
	return me.Ask(env.Ctx, membership.TicketsPath, req, answer)
}

// EnrollCmd is `portal enroll`.
type EnrollCmd struct {
	Dir    string `required:"" placeholder:"DIR" help:"Directory to keep the node's key and certificate in."`
	Ticket string `default:"-" placeholder:"FILE" help:"File with the ticket; '-' reads standard input (${default})."`
}

// Help is shown by --help.
func (*EnrollCmd) Help() string {
	return `The key is made here and never leaves the directory. If the answer is lost on the
way, run the command again: the same key gets the same member, and the ticket is
not used up twice.

Example:
  ostiary-node portal enroll --dir /var/lib/ostiary/inlet --ticket ticket.txt`
}

// Run enrols the node.
func (c *EnrollCmd) Run(env *Env) error {
	in := env.In
	if c.Ticket != "-" {
		f, err := os.Open(c.Ticket)
		if err != nil {
			return fault.New(fault.Invalid, "cannot read the ticket").Because(err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, 4096))
	if err != nil {
		return fault.New(fault.Invalid, "cannot read the ticket").Because(err)
	}
	ticket, err := membership.ParseTicket(string(text))
	if err != nil {
		return err
	}
	id, err := membership.Enroll(env.Ctx, ticket, c.Dir)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.Out, "enrolled %s in %s\n", id, c.Dir)
	return err
}
