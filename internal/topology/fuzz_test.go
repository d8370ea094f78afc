package topology_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// Whatever the estate, every question has an answer, and Reach does not
// contradict Flow.
func FuzzTopology(f *testing.F) {
	for seed := range uint64(6) {
		f.Add(randomWorld(seed).doc, "a0.openai.azure.com", "10.0.0.5")
	}
	f.Add(example("Enabled"), "azopenai.openai.azure.com", "10.0.2.4")
	f.Add(scene{endpoint: true, peered: true, zone: "linked", records: "*", dns: `"10.3.0.53"`, admin: adminRule("Inbound", "Deny", "*", "*")}.doc(), "x.privatelink.openai.azure.com.", "::1")
	f.Fuzz(func(t *testing.T, doc, name, from string) {
		e, err := estate.Read(strings.NewReader(doc), estate.Options{MaxBytes: 1 << 16})
		if err != nil {
			return
		}
		topo := topology.New(e, topology.Config{})
		a, _ := netip.ParseAddr(from)
		var places []topology.Place
		for _, v := range e.VirtualNetworks {
			if p, ok := topo.AddressIn(v.ID, a); ok && a.IsValid() && a.Zone() == "" {
				places = append(places, p)
			}
		}
		for _, s := range e.Subnets {
			p, _ := topo.PlaceOf(s.ID)
			places = append(places, p)
		}
		for _, s := range e.LocalGateways {
			p, _ := topo.PlaceOf(s.ID)
			places = append(places, p)
		}
		places = append(places, topology.Internet(netip.Addr{}), topology.Place{})
		var targets []topology.Target
		for _, p := range e.PrivateEndpoints {
			to, _ := topo.TargetOf(p.ID)
			targets = append(targets, to)
		}
		for _, x := range e.Accounts {
			to, _ := topo.TargetOf(x.ID)
			targets = append(targets, to)
		}
		for _, x := range e.Interfaces {
			to, _ := topo.TargetOf(x.ID)
			targets = append(targets, to)
		}
		targets = append(targets, topology.Address(a), topology.Target{})
		for i, p := range places {
			if topo.Resolve(p, name); i > 8 {
				break
			}
			for k, to := range targets {
				if f := topo.Flow(p, to, https); len(f.Hops) == 0 || f.Decider() == nil || k > 8 {
					if len(f.Hops) == 0 {
						t.Fatalf("an answer without a reason from %q to %q", p.ID(), to.ID())
					}
					break
				}
			}
		}
		for i, to := range targets {
			for _, g := range topo.Reach(to, https).Groups {
				if _ = g.String(); g.Decider() == nil {
					t.Fatalf("a group without a reason: %v", g)
				}
			}
			if i > 8 {
				break
			}
		}
	})
}
