//go:build !production

package cli

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/emulator"
	"github.com/ostiary/ostiary/internal/fault"
)

type nslookupCmd struct {
	standFlags
	Name string `arg:"" help:"The name to look up."`
}

// Help is shown by --help.
func (*nslookupCmd) Help() string {
	return `It asks a DNS server that answers as the place's would, and prints what nslookup
prints. Any other client can ask the same server: its address is the second line.

Example:
  ostiary emulate nslookup --from client-vm NAME.openai.azure.com`
}

// Run asks, and prints the chain. The exit code is 1 where there is no address.
func (c *nslookupCmd) Run(env *node.Env, exit *ExitCode) error {
	r, err := emulator.ReadRehearsal(c.State)
	if err != nil {
		return err
	}
	at, err := standing(env.Ctx, r, c.From)
	if err != nil {
		return err
	}
	q := new(dns.Msg).SetQuestion(dns.Fqdn(c.Name), dns.TypeA)
	client := dns.Client{Timeout: 5 * time.Second}
	m, _, err := client.ExchangeContext(env.Ctx, q, at.DNS)
	if err != nil {
		return fault.New(fault.Unavailable, "the place's DNS server does not answer").At(at.DNS).Because(err)
	}
	text, found := lookedUp(c.Name, at.DNS, m)
	if _, err := fmt.Fprint(env.Out, text); err != nil {
		return err
	}
	if !found {
		*exit = 1
	}
	return nil
}

// lookedUp is what nslookup prints of an answer.
func lookedUp(name, server string, m *dns.Msg) (text string, found bool) {
	var b strings.Builder
	host, port, _ := net.SplitHostPort(server)
	fmt.Fprintf(&b, "Server:\t\t%s\nAddress:\t%s#%s\n\n", host, host, port)
	if m.Rcode != dns.RcodeSuccess {
		fmt.Fprintf(&b, "** server can't find %s: %s\n", name, dns.RcodeToString[m.Rcode])
		return b.String(), false
	}
	fmt.Fprintln(&b, "Non-authoritative answer:")
	for _, rr := range m.Answer {
		switch x := rr.(type) {
		case *dns.CNAME:
			fmt.Fprintf(&b, "%s\tcanonical name = %s\n", strings.TrimSuffix(x.Hdr.Name, "."), x.Target)
		case *dns.A:
			fmt.Fprintf(&b, "Name:\t%s\nAddress: %s\n", strings.TrimSuffix(x.Hdr.Name, "."), x.A)
			found = true
		}
	}
	if !found {
		fmt.Fprintf(&b, "*** Can't find %s: No answer\n", name)
	}
	return b.String(), found
}
