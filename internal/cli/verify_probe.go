package cli

import (
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/posture"
	"github.com/ostiary/ostiary/internal/probe"
)

// probeFlags are how verify looks with its own eyes.
type probeFlags struct {
	Probe  bool          `help:"Also look from here: names, TLS, HTTP. What is seen is held against what was modelled."`
	Inside bool          `help:"With --probe: this machine is meant to reach the model. Without it, it must not."`
	Wait   time.Duration `placeholder:"DURATION" help:"With --probe: repeat until it is as it should be; a change takes minutes in Azure."`
	DNS    []string      `placeholder:"SERVER" help:"With --probe: ask this DNS server too; may be repeated."`
	DoH    []string      `name:"doh" placeholder:"URL" help:"With --probe: ask this DNS-over-HTTPS resolver too; may be repeated."`
}

// look probes every account of the report and adds what was seen to it.
func (p *probeFlags) look(env *node.Env, r *posture.Report) error {
	if !p.Probe {
		return nil
	}
	endpoints, accounts := doors(*r, p.Inside)
	if len(endpoints) == 0 {
		return fault.New(fault.Invalid, "there is no account whose name could be looked at").At("--probe")
	}
	cfg := probe.Config{Endpoints: endpoints, Wait: p.Wait, Servers: p.DNS, DoH: p.DoH}
	if f, err := os.Open("/etc/resolv.conf"); err == nil {
		cfg.Servers = append(cfg.Servers, probe.Nameservers(f)...)
		_ = f.Close()
	}
	if p.Inside {
		login, err := azidentity.NewDefaultAzureCredential(nil)
		if err != nil {
			env.Log.Warn("no login: whether a token is let in is not looked at", "err", err)
		} else {
			cfg.Credential = login
		}
	}
	for _, seen := range probe.Run(env.Ctx, cfg) {
		r.Add(observed(seen, accounts))
	}
	return nil
}

// doors are the accounts' names and their endpoints' addresses, as the report
// has them.
func doors(r posture.Report, inside bool) ([]probe.Endpoint, map[string]string) {
	hosts, addresses := map[string]string{}, map[string][]netip.Addr{}
	for _, reached := range r.Reached {
		if reached.Endpoint == "" {
			hosts[reached.Account] = reached.Address
		} else if a, err := netip.ParseAddr(reached.Address); err == nil {
			addresses[reached.Account] = append(addresses[reached.Account], a)
		}
	}
	var all []probe.Endpoint
	accounts := map[string]string{}
	for _, account := range r.Accounts {
		host := hosts[account]
		if host == "" {
			continue
		}
		accounts[host] = account
		all = append(all, probe.Endpoint{Host: host, Inside: inside, Addresses: addresses[account]})
	}
	return all, accounts
}

// observed turns a look into a finding. One that could not be made advises;
// one that failed decides.
func observed(o probe.Observation, accounts map[string]string) posture.Finding {
	f := posture.Finding{
		ID: "probe-" + o.Name, Status: posture.Status(o.Status), Level: posture.Must,
		Title:   "What is seen from here is what should be seen",
		What:    o.Target + ": expected " + o.Expect + ", saw " + o.Got,
		Witness: strings.TrimSpace(o.Detail + " (" + o.Duration.Round(time.Millisecond).String() + ")"),
		Why:     "A configuration says what should happen, a look what does. Where they differ, the estate was not read whole, has changed since, or something stands between.",
	}
	if f.Status == posture.Unknown {
		f.Level = posture.Advice
	}
	for host, account := range accounts {
		// The private link name has the same first label, and is the account's too.
		if name, _, _ := strings.Cut(host, "."); strings.HasPrefix(o.Target, name+".") {
			f.Resource = account
		}
	}
	return f
}
