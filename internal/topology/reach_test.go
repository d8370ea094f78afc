package topology_test

import (
	"net/netip"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// Reach says of every address of every network what Flow says of it.
func TestReachAgreesWithFlowForEveryAddress(t *testing.T) {
	worlds, asked := uint64(300), 0
	if raceEnabled || testing.Short() {
		worlds = 6
	}
	for seed := range worlds {
		w := randomWorld(10_000_000 + seed)
		e := read(t, w.doc)
		topo := topology.New(e, topology.Config{})
		for _, id := range append(w.endpoints, w.nics...) {
			to, _ := topo.TargetOf(id)
			reach := topo.Reach(to, https)
			if len(reach.Groups) == 1 && reach.Groups[0].From == topology.FromAnywhere {
				continue // an interface whose address is not known
			}
			for _, v := range e.VirtualNetworks {
				for _, s := range v.Subnets {
					for _, x := range s.Prefixes.Items {
						p, err := netip.ParsePrefix(x.V)
						for a := p.Addr(); err == nil && p.Contains(a); a = a.Next() {
							from, _ := topo.AddressIn(v.ID, a)
							want := topo.Flow(from, to, https).Verdict
							got, n := verdictOf(reach, topology.FromNetwork, v, "", a)
							asked++
							if got != want || n > 1 || n == 0 && want != topology.Denied {
								t.Fatalf("world %d: %v in %s to %s: Flow says %+v, Reach says %v in %d groups: %v", seed, a, v.ID, id, topo.Flow(from, to, https), got, n, reach)
							}
						}
					}
				}
			}
			for _, site := range w.sites {
				for _, a := range []string{"172.16.1.0", "172.16.1.9", "172.16.1.255", "10.77.0.1", "10.0.0.4"} {
					from, _ := topo.AddressAt(site, addr(a))
					want := topo.Flow(from, to, https).Verdict
					if got, _ := verdictOf(reach, topology.FromSite, nil, e.Find(site).Base().Name, addr(a)); got != want {
						t.Fatalf("world %d: %s behind %s to %s: Flow says %v, Reach says %v", seed, a, site, id, want, got)
					}
				}
			}
		}
		for _, id := range w.accounts {
			to, _ := topo.TargetOf(id)
			reach := topo.Reach(to, https)
			for _, a := range []string{"0.255.255.255", "8.8.8.7", "8.8.8.8", "8.8.8.9", "20.0.255.255", "20.1.0.0", "20.1.0.255", "20.1.1.0", "20.1.2.0", "20.1.2.127", "20.1.2.128", "20.1.255.255", "20.2.0.0", "223.0.0.1", "2603::1"} {
				ip := addr(a)
				want := topo.Flow(topology.Internet(ip), to, https).Verdict
				got, n := verdictOf(reach, topology.FromInternet, nil, "", ip)
				if a == "0.255.255.255" { // no address of the internet
					want, n = topology.Denied, n+1
				}
				if asked++; got != want || n != 1 {
					t.Fatalf("world %d: %s to %s: Flow says %v, Reach says %v in %d groups", seed, a, id, want, got, n)
				}
			}
		}
	}
	if asked < 10_000 {
		t.Errorf("only %d questions asked", asked)
	}
	t.Log(asked, "addresses")
}

// verdictOf is what a reach says of one source, and how many groups hold it.
func verdictOf(r topology.Reach, from topology.Origin, v *estate.VirtualNetwork, site string, a netip.Addr) (topology.Verdict, int) {
	out, n := topology.Denied, 0
	for _, g := range r.Groups {
		if g.From == from && g.Network == v && g.Site == site && g.Set.Has(a) && len(g.Set) > 0 {
			out = g.Verdict
			n++
		}
	}
	return out, n
}
