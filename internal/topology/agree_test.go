package topology_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// The engine and the naive evaluator give the same answer for random packets
// in random estates: 10^6 of them, 10^8 with OSTIARY_TORTURE=1, a tenth under
// the race detector.
func TestTheNaiveEvaluatorAgrees(t *testing.T) {
	flows, perWorld := 1_000_000, 400
	if raceEnabled {
		flows /= 10
	}
	if os.Getenv("OSTIARY_TORTURE") == "1" {
		flows = 100_000_000
	}
	if testing.Short() {
		flows /= 100
	}
	counts := map[string]int{}
	var mu sync.Mutex
	var next atomic.Uint64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for seed := next.Add(1) - 1; seed < uint64(flows/perWorld) && !t.Failed(); seed = next.Add(1) - 1 {
				got := agree(t, seed, perWorld)
				mu.Lock()
				for k, n := range got {
					counts[k] += n
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for k, n := range counts {
		t.Log(k, n)
	}
	for _, kind := range []string{"host", "addr", "site", "acct", "inet"} {
		for _, v := range []string{"allowed", "denied", "unknown"} {
			if counts[kind+v] < flows/5000 {
				t.Errorf("only %d flows of kind %s are %s: the worlds are too dull", counts[kind+v], kind, v)
			}
		}
	}
}

// agree asks both evaluators about one world, and counts their answers.
func agree(t *testing.T, seed uint64, questions int) map[string]int {
	w := randomWorld(seed)
	e, err := estate.Read(strings.NewReader(w.doc), estate.Options{})
	if err != nil {
		t.Error(err)
		return nil
	}
	q := &questioner{Rand: rand.New(rand.NewPCG(seed, 3)), w: w, topo: topology.New(e, topology.Config{}), n: &naive{e: e, parsed: map[string][2]netip.Addr{}}}
	counts := map[string]int{}
	for range questions {
		text, got, want := q.ask()
		if counts[text[:4]+got.Verdict.String()]++; got.Verdict != want {
			t.Errorf("world %d, %s: %v, the naive evaluator says %v", seed, text, got, want)
			break
		}
	}
	return counts
}

type questioner struct {
	*rand.Rand
	w    world
	topo *topology.Topology
	n    *naive
}

// home is an address of a network, most often one that a subnet holds.
func (q *questioner) home(v string) netip.Addr {
	if q.IntN(20) == 0 {
		return addr(pick(q.Rand, q.w.addrs...))
	}
	base := q.n.e.Find(v).(*estate.VirtualNetwork).Space.Items[0].V
	a := netip.MustParsePrefix(base).Addr().As4()
	a[3] = byte(pick(q.Rand, 4, 5, 6, 20, 68, 69, 70, 90, 130, 200))
	return netip.AddrFrom4(a)
}

func (q *questioner) ask() (text string, got topology.Flow, want topology.Verdict) {
	port := topology.Port{Number: uint16(pick(q.Rand, 443, 443, 8080, 22))}
	p := int(port.Number)
	v := pick(q.Rand, q.w.vnets...)
	vnet := q.n.e.Find(v).(*estate.VirtualNetwork)
	from := q.home(v)
	place, _ := q.topo.AddressIn(v, from)
	switch k := q.IntN(10); {
	case k < 4 && len(q.w.endpoints) > 0:
		id := pick(q.Rand, q.w.endpoints...)
		to, _ := q.topo.TargetOf(id)
		return fmt.Sprintf("host %v in %s to %s:%d", from, v, id, p), q.topo.Flow(place, to, port), q.n.toEndpoint(vnet, from, q.n.e.Find(id).(*estate.PrivateEndpoint), p).verdict()
	case k < 6:
		to := addr(pick(q.Rand, q.w.addrs...))
		return fmt.Sprintf("addr %v in %s to %v:%d", from, v, to, p), q.topo.Flow(place, topology.Address(to), port), q.n.toAddress(vnet, from, to, p).verdict()
	case k < 7 && len(q.w.sites) > 0 && len(q.w.endpoints) > 0:
		site, id := pick(q.Rand, q.w.sites...), pick(q.Rand, q.w.endpoints...)
		src := addr(pick(q.Rand, "172.16.1.9", "172.16.1.200", "172.16.1.9", "10.77.0.1"))
		at, _ := q.topo.AddressAt(site, src)
		to, _ := q.topo.TargetOf(id)
		return fmt.Sprintf("site %s %v to %s:%d", site, src, id, p), q.topo.Flow(at, to, port), q.n.fromSite(q.n.e.Find(site).(*estate.LocalGateway), src, q.n.e.Find(id).(*estate.PrivateEndpoint), p).verdict()
	case k < 8:
		id := pick(q.Rand, q.w.accounts...)
		to, _ := q.topo.TargetOf(id)
		src := addr(pick(q.Rand, "8.8.8.8", "20.1.0.9", "20.1.2.3", "9.9.9.9"))
		return fmt.Sprintf("inet %v to %s:%d", src, id, p), q.topo.Flow(topology.Internet(src), to, port), q.n.account(q.n.e.Find(id).(*estate.Account), customer{addr: src}).verdict()
	case k < 9:
		id := pick(q.Rand, q.w.accounts...)
		to, _ := q.topo.TargetOf(id)
		return fmt.Sprintf("acct %v in %s to %s:%d", from, v, id, p), q.topo.Flow(place, to, port), q.n.toAccount(vnet, from, q.n.e.Find(id).(*estate.Account), p).verdict()
	}
	to := addr(pick(q.Rand, q.w.addrs...))
	return fmt.Sprintf("addr %v in %s to %v:%d", from, v, to, p), q.topo.Flow(place, topology.Address(to), port), q.n.toAddress(vnet, from, to, p).verdict()
}

// toAddress is the flow to an address as a network sees it: its own, a
// peer's, or one in no network.
func (n *naive) toAddress(v *estate.VirtualNetwork, from, to netip.Addr, port int) might {
	if s, _ := n.where(v, from); s == nil {
		if at := n.seenBy(v, to); at != nil && n.at(at, to) != nil {
			return both(nobody(v), status(n.at(at, to)))
		}
		return nobody(v)
	}
	at := n.seenBy(v, to)
	if at == nil {
		return n.leaving(v, from, to, port)
	}
	out := n.inside(v, from, at, to, port)
	if pe := n.at(at, to); pe != nil {
		return both(out, status(pe))
	}
	return out
}

func (n *naive) holds(v *estate.VirtualNetwork, a netip.Addr) bool {
	s, _ := n.where(v, a)
	if s != nil || n.at(v, a) != nil {
		return true
	}
	for _, f := range n.e.Firewalls {
		if f.IPs[0].Subnet.To != nil && f.IPs[0].Subnet.To.VNet == v && f.IPs[0].Address.V == a.String() {
			return true
		}
	}
	return false
}

func (n *naive) seenBy(v *estate.VirtualNetwork, a netip.Addr) *estate.VirtualNetwork {
	if n.holds(v, a) {
		return v
	}
	for _, m := range n.e.VirtualNetworks {
		if up, _, ok := n.peered(v, m); m != v && ok && up != falsely && n.holds(m, a) {
			return m
		}
	}
	for _, m := range n.e.VirtualNetworks {
		if m != v && n.meshed(v, m) && n.holds(m, a) {
			return m
		}
	}
	return nil
}
