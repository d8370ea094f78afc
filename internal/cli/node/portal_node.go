package node

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/membership"
)

// RotateCmd is `portal rotate`.
type RotateCmd struct {
	Dir string `required:"" placeholder:"DIR" help:"The node's member directory."`
}

// Help is shown by --help.
func (*RotateCmd) Help() string {
	return `The new key is made here. The authority revokes the old one, with every
certificate that it signed for it; a node that runs on the directory takes the
new key up by itself, and whatever it carried under the old one is cut. If the
answer is lost on the way, run the command again.

Example:
  ostiary-node portal rotate --dir /var/lib/ostiary/member`
}

// Run rotates the key.
func (c *RotateCmd) Run(env *Env) error {
	me, err := membership.Load(c.Dir, env.Log)
	if err != nil {
		return err
	}
	if err := me.Rotate(env.Ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.Out, "%s has a new key; its certificate is good until %s\n", me.ID(), local(me.Expires()))
	return err
}

// StatusCmd is `portal status`.
type StatusCmd struct {
	Config string `xor:"admin" required:"" placeholder:"FILE" help:"Configuration file of the node, to find its private listener."`
	Admin  string `xor:"admin" required:"" placeholder:"ADDRESS" help:"The node's private listener itself, HOST:PORT or unix:PATH."`
	JSON   bool   `help:"Print JSON."`
}

// Help is shown by --help.
func (*StatusCmd) Help() string {
	return `It asks a relay, inlet or outlet that runs, by its private listener: by default
the socket admin.sock in its member directory. A node that is not ready is
exit code 1.

Examples:
  ostiary-node portal status --config inlet.yaml
  ostiary-node portal status --admin unix:/var/lib/ostiary/member/admin.sock --json`
}

// Run prints the status.
func (c *StatusCmd) Run(env *Env) error {
	address, err := c.address(env)
	if err != nil {
		return err
	}
	s, err := status(env, address)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(env.Out).Encode(s)
	} else {
		err = s.print(env.Out)
	}
	if err == nil && s.Ready != "yes" {
		err = fault.New(fault.No, "the node is not ready: "+s.Ready)
	}
	return err
}

func (c *StatusCmd) address(env *Env) (string, error) {
	if c.Admin != "" {
		return c.Admin, nil
	}
	all, err := env.Load(c.Config)
	switch {
	case err != nil:
		return "", err
	case all.Inlet != nil:
		return adminAddress(all.Inlet.Admin, all.Inlet.Directory), nil
	case all.Outlet != nil:
		return adminAddress(all.Outlet.Admin, all.Outlet.Directory), nil
	case all.Relay != nil:
		return adminAddress(all.Relay.Admin, all.Relay.Directory), nil
	}
	return "", fault.New(fault.Invalid, "the file has no section inlet, outlet or relay").At(c.Config)
}

func status(env *Env, address string) (s Status, err error) {
	client, base := adminClient(address)
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(env.Ctx, http.MethodGet, base+StatusPath, nil)
	if err != nil {
		return s, fault.New(fault.Invalid, "not a private listener").At(address).Because(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return s, fault.New(fault.Unavailable, "the node does not answer").At(address).
			Fix("start it first, and run this as the user that it runs as").Because(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return s, fault.New(fault.Invalid, "this listener tells no status: "+resp.Status).At(address)
	}
	return s, json.NewDecoder(io.LimitReader(resp.Body, 16<<20)).Decode(&s)
}

func (s Status) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	row := func(name, value string) { _, _ = io.WriteString(table, name+"\t"+value+"\n") }
	row("member", s.Member)
	row("attributes", pairs(s.Attributes))
	row("ready", s.Ready)
	row("certificate", "until "+local(s.Expires))
	r := s.Revocations
	trust := fmt.Sprintf("epoch %d, %d entries, heard %s ago", r.Epoch, r.Entries, r.Age.Round(time.Second))
	if r.Stale {
		trust += ": TOO OLD, nobody is trusted"
	}
	row("revocations", trust)
	if err := table.Flush(); err != nil {
		return err
	}
	if len(s.Sessions) == 0 {
		_, err := io.WriteString(out, "no sessions\n")
		return err
	}
	_, _ = io.WriteString(out, "\n")
	if s.Sessions[0].Outlet != "" {
		_, _ = io.WriteString(table, "INLET\tOUTLET\tSINCE\n")
		for _, at := range s.Sessions {
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", at.Peer, at.Outlet, local(at.Since))
		}
		return table.Flush()
	}
	_, _ = io.WriteString(table, "SESSION WITH\tBY RELAY\tSTREAMS\tSENT\tRECEIVED\tROUND TRIP\n")
	for _, at := range s.Sessions {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%s\n", at.Peer, at.Relay, at.Streams, at.Sent, at.Received, at.RoundTrip.Round(time.Microsecond))
	}
	return table.Flush()
}
