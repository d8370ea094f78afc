package cli

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/posture"
	"github.com/ostiary/ostiary/internal/probe"
	"github.com/ostiary/ostiary/internal/topology"
)

// probeFlags are how verify looks with its own eyes.
type probeFlags struct {
	Probe  bool          `help:"Also look from here: names, TLS, HTTP. What is seen is held against what is modelled of this place; a difference is a finding."`
	From   string        `placeholder:"PLACE" help:"With --probe: where this machine stands: id or name of a network, subnet, interface, app or site, or internet. Without it, the subnet that holds its address; else the internet."`
	Inside bool          `help:"With --probe: this machine is meant to reach the model, whatever the model says. Without it, it is meant to if it is modelled to reach an endpoint, and else must not."`
	Wait   time.Duration `placeholder:"DURATION" help:"With --probe: repeat until it is as it should be; a change takes minutes in Azure."`
	DNS    []string      `placeholder:"SERVER" help:"With --probe: ask this DNS server too; may be repeated."`
	DoH    []string      `name:"doh" placeholder:"URL" help:"With --probe: ask this DNS-over-HTTPS resolver too; may be repeated."`
}

// look probes every account of the report from where the machine stands, and
// adds what was seen: beside what should be, and beside what is modelled.
func (p *probeFlags) look(env *node.Env, t *topology.Topology, m Machine, o posture.Options, r *posture.Report) error {
	if !p.Probe {
		return nil
	}
	at, err := standAt(t, p.From, p.Inside, m.addresses())
	if err != nil {
		return err
	}
	subjects := subjectsOf(*r, t.Estate())
	if len(subjects) == 0 {
		return fault.New(fault.Invalid, "there is no account whose name could be looked at").At("--probe")
	}
	r.Notes = append(r.Notes, at.note)
	if _, err := fmt.Fprintln(env.Err, at.note); err != nil {
		return err
	}
	here := model{t, at}
	seen := probe.Run(env.Ctx, p.config(env, m, here, subjects))
	accounts := map[string]string{}
	for _, s := range subjects {
		accounts[s.host] = s.account
		r.Add(o, here.compare(s, seen, m.nameservers())...)
	}
	for _, look := range seen {
		r.Add(o, observed(look, accounts))
	}
	return nil
}

// config says what to look at, and what should be seen from here.
func (p *probeFlags) config(env *node.Env, m Machine, here model, subjects []subject) probe.Config {
	cfg := probe.Config{
		Wait: p.Wait, Servers: slices.Concat(p.DNS, m.nameservers()), DoH: p.DoH,
		Roots: m.Roots, Known: m.Known, Lookup: m.Lookup, Dial: m.Dial,
	}
	inside := false
	for _, s := range subjects {
		e := probe.Endpoint{Host: s.host, Inside: p.Inside || here.reaches(s), Within: here.at.within, Addresses: s.addresses()}
		cfg.Endpoints = append(cfg.Endpoints, e)
		inside = inside || e.Inside
	}
	if !inside {
		return cfg
	}
	login, err := m.credential()
	if err != nil {
		env.Log.Warn("no login: whether a token is let in is not looked at", "err", err)
		return cfg
	}
	cfg.Credential = login
	return cfg
}

// subjectsOf are the accounts that have a name, and their endpoints, as the
// report has them.
func subjectsOf(r posture.Report, e *estate.Estate) []subject {
	hosts := map[string]string{}
	doors := map[string][]posture.Reached{}
	for _, reached := range r.Reached {
		if reached.Endpoint == "" {
			hosts[reached.Account] = strings.ToLower(reached.Address)
		} else {
			doors[reached.Account] = append(doors[reached.Account], reached)
		}
	}
	var all []subject
	for _, account := range r.Accounts {
		s := subject{account: account, host: hosts[account]}
		for _, d := range doors[account] {
			s.doors = append(s.doors, doorways(d, s.host, e)...)
		}
		if s.host != "" {
			all = append(all, s)
		}
	}
	return all
}

// doorways are an endpoint's addresses for a name, where it has one for each;
// else the one that the report has.
func doorways(d posture.Reached, host string, e *estate.Estate) []doorway {
	var all []doorway
	if p, ok := e.Find(d.Endpoint).(*estate.PrivateEndpoint); ok {
		for _, n := range p.Names {
			if !strings.EqualFold(n.FQDN.V, host) {
				continue
			}
			for _, v := range n.Addresses.Items {
				if a, err := netip.ParseAddr(v.V); err == nil && v.State == estate.Known {
					all = append(all, doorway{d.Endpoint, a.Unmap()})
				}
			}
		}
	}
	if len(all) == 0 {
		a, _ := netip.ParseAddr(d.Address) // not valid where it is not known
		all = []doorway{{d.Endpoint, a}}
	}
	return all
}

// observed turns a look into a finding. One that could not be made advises;
// one that failed decides.
func observed(o probe.Observation, accounts map[string]string) posture.Finding {
	f := posture.Finding{
		ID: "probe-" + o.Name, Status: posture.Status(o.Status), Level: posture.Must, Resource: accounts[o.Host],
		Title:   "What is seen from here is what should be seen",
		What:    o.Target + ": expected " + o.Expect + ", saw " + o.Got,
		Witness: strings.TrimSpace(o.Detail + " (" + o.Duration.Round(time.Millisecond).String() + ")"),
		Why:     "What is meant to be private must be refused to strangers, and what is meant for a client must serve it. A configuration says what should happen, a look what does.",
	}
	if f.Status == posture.Unknown {
		f.Level = posture.Advice
	}
	return f
}
