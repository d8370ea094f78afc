package node

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ostiary/ostiary/internal/authority"
	"github.com/ostiary/ostiary/internal/fault"
)

// MemberListCmd is `portal member list`.
type MemberListCmd struct {
	AdminFlag
	JSON bool `help:"Print JSON."`
}

// Help is shown by --help.
func (*MemberListCmd) Help() string {
	return `Example:
  ostiary-node portal member list --config authority.yaml`
}

// Run prints the members.
func (c *MemberListCmd) Run(env *Env) error {
	members, err := c.members(env)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(env.Out).Encode(members)
	}
	table := tabwriter.NewWriter(env.Out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "MEMBER\tATTRIBUTES\tSINCE\tCERTIFICATE")
	for _, m := range members {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", m.ID, pairs(m.Attributes), local(m.Created), standing(m))
	}
	return table.Flush()
}

// standing is a member's certificate in a few words.
func standing(m authority.Member) string {
	switch {
	case m.Revoked != nil:
		return "revoked " + local(*m.Revoked)
	case m.Expires == nil:
		return "none"
	case m.Expires.Before(time.Now()):
		return "expired " + local(*m.Expires)
	}
	return "until " + local(*m.Expires)
}

func local(t time.Time) string { return t.Local().Format(time.DateTime) }

func pairs(attributes map[string]string) string {
	all := make([]string, 0, len(attributes))
	for k, v := range attributes {
		all = append(all, k+"="+v)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func (f *AdminFlag) members(env *Env) (all []authority.Member, err error) {
	return all, f.call(env, http.MethodGet, authority.MembersPath, nil, &all)
}

// member finds one by its whole name, or by ROLE/MEMBER.
func (f *AdminFlag) member(env *Env, name string) (authority.Member, error) {
	all, err := f.members(env)
	if err != nil {
		return authority.Member{}, err
	}
	for _, m := range all {
		if m.ID.String() == name || string(m.ID.Role)+"/"+m.ID.Member == name {
			return m, nil
		}
	}
	return authority.Member{}, fault.New(fault.NotFound, "no such member").At(name).
		Fix("'portal member list' has them all; write spiffe://PROJECT/ROLE/MEMBER or ROLE/MEMBER")
}

// MemberShowCmd is `portal member show`.
type MemberShowCmd struct {
	AdminFlag
	ID   string `arg:"" help:"The member, spiffe://PROJECT/ROLE/MEMBER or ROLE/MEMBER."`
	JSON bool   `help:"Print JSON."`
}

// Help is shown by --help.
func (*MemberShowCmd) Help() string {
	return `The serial number is that of the newest certificate.

Example:
  ostiary-node portal member show --config authority.yaml inlet/health-corp`
}

// Run prints the member.
func (c *MemberShowCmd) Run(env *Env) error {
	m, err := c.member(env, c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(env.Out).Encode(m)
	}
	table := tabwriter.NewWriter(env.Out, 0, 4, 2, ' ', 0)
	row := func(name, value string) { _, _ = io.WriteString(table, name+"\t"+value+"\n") }
	row("member", m.ID.String())
	row("attributes", pairs(m.Attributes))
	row("since", local(m.Created))
	row("certificate", standing(m))
	row("serial", m.Serial)
	row("key", "sha256:"+m.Key)
	if m.Reason != "" {
		row("reason", m.Reason)
	}
	return table.Flush()
}

// RevokeCmd is `portal revoke`.
type RevokeCmd struct {
	AdminFlag
	ID     string `arg:"" optional:"" help:"The member, spiffe://PROJECT/ROLE/MEMBER or ROLE/MEMBER."`
	Serial string `placeholder:"HEX" help:"Instead of a member, one certificate by its serial number."`
	Reason string `help:"Why, for the issuance log and for people; nodes do not learn it."`
	Above  uint64 `placeholder:"EPOCH" help:"Give the list an epoch above this one: for an authority that was restored from a backup."`
}

// Help is shown by --help.
func (*RevokeCmd) Help() string {
	return `A revoked member stays out: its name and its key are never taken again, and
coming back needs a new ticket with another name. The new list is signed, reaches
every node that is connected to the authority at once, and each relay, outlet,
inlet and gateway cuts what the member has open, also an answer that streams.

Examples:
  ostiary-node portal revoke --config authority.yaml inlet/health-corp --reason "laptop stolen"
  ostiary-node portal revoke --config authority.yaml --serial 4c3a40a0ddaef2e73ff622270c806a21`
}

// Run revokes, and prints the list's epoch.
func (c *RevokeCmd) Run(env *Env) error {
	if (c.ID == "") == (c.Serial == "") {
		return fault.New(fault.Invalid, "name a member, or a certificate with --serial")
	}
	req := authority.RevokeRequest{Serial: c.Serial, Reason: c.Reason, Above: c.Above}
	what := "certificate " + c.Serial
	if c.ID != "" {
		m, err := c.member(env, c.ID)
		if err != nil {
			return err
		}
		req.Member = m.ID.String()
		what = req.Member
	}
	var answer authority.Revocation
	if err := c.call(env, http.MethodPost, authority.RevokePath, req, &answer); err != nil {
		return err
	}
	_, err := fmt.Fprintf(env.Out, "revoked %s; the list is at epoch %d\n", what, answer.Epoch)
	return err
}
