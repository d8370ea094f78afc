package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ostiary/ostiary/internal/authority"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/httpd"
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
	} `cmd:"" help:"Who belongs to the project."`
}

// AdminFlag finds the authority's private listener.
type AdminFlag struct {
	Config string `xor:"admin" required:"" placeholder:"FILE" help:"Configuration file of the authority, to find its private listener."`
	Admin  string `xor:"admin" required:"" placeholder:"unix:PATH" help:"The authority's private listener itself."`
}

// TicketCmd is `portal ticket create`.
type TicketCmd struct {
	AdminFlag
	Role      string            `required:"" enum:"inlet,outlet,relay,gateway" help:"What the node is to be: inlet, outlet, relay or gateway."`
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

Examples:
  ostiary portal ticket create --config authority.yaml --role outlet --name ai-corp --service openai
  ostiary portal ticket create --config authority.yaml --role inlet --name health-corp \
      --service openai --attribute team=research --expires-in 1h`
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
	var answer authority.Ticket
	err := c.call(env, http.MethodPost, authority.TicketsPath, authority.TicketRequest{
		Role: pki.Role(c.Role), Name: c.Name, Attributes: attributes, ExpiresIn: c.ExpiresIn.String(), Uses: c.Uses,
	}, &answer)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(env.Out, answer.Ticket)
	return err
}

// MemberListCmd is `portal member list`.
type MemberListCmd struct {
	AdminFlag
	JSON bool `help:"Print JSON."`
}

// Run prints the members.
func (c *MemberListCmd) Run(env *Env) error {
	var members []authority.Member
	if err := c.call(env, http.MethodGet, authority.MembersPath, nil, &members); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(env.Out).Encode(members)
	}
	table := tabwriter.NewWriter(env.Out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "MEMBER\tATTRIBUTES\tSINCE")
	for _, m := range members {
		pairs := make([]string, 0, len(m.Attributes))
		for k, v := range m.Attributes {
			pairs = append(pairs, k+"="+v)
		}
		slices.Sort(pairs)
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", m.ID, strings.Join(pairs, " "), m.Created.Local().Format(time.DateTime))
	}
	return table.Flush()
}

// call speaks to the admin API.
func (f *AdminFlag) call(env *Env, method, path string, in, out any) error {
	address := f.Admin
	if address == "" {
		s, err := section(env, f.Config, "authority", func(all Sections) *authority.Settings { return all.Authority })
		if err != nil {
			return err
		}
		address = s.AdminAddress()
	}
	socket, ok := strings.CutPrefix(address, "unix:")
	if !ok {
		return fault.New(fault.Invalid, "not a private listener").At(address).Fix("write unix:PATH")
	}
	return CallAdmin(env.Ctx, socket, method, path, in, out)
}

// CallAdmin calls the admin API behind a Unix socket: JSON in, JSON out.
func CallAdmin(ctx context.Context, socket, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://admin"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := httpd.UnixClient(socket).Do(req)
	if err != nil {
		return fault.New(fault.Unavailable, "the authority does not answer").At("unix:" + socket).
			Fix("start `authority` first, and run this as the user that it runs as").Because(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		var p membership.Problem
		if json.Unmarshal(answer, &p) != nil || p.Error == "" {
			p.Error = resp.Status
		}
		return fault.New(fault.Invalid, p.Error)
	}
	return json.Unmarshal(answer, out)
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
