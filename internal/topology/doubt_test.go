package topology_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// spoil calls with for each value below some properties, after making that one
// value unreadable; what was there is put back.
func spoil(v any, path string, inside bool, with func(path string)) {
	garble := func(old any, set func(any), at string) {
		spoil(old, at, inside, with)
		if !inside {
			return
		}
		if _, ok := old.(float64); ok {
			set(true) // neither a number nor, where a number stands for a text, a text
		} else {
			set(7.5)
		}
		with(at)
		set(old)
	}
	switch v := v.(type) {
	case map[string]any:
		for key, old := range v {
			switch {
			case key == "properties" || key == "value":
				spoil(old, path+"/"+key, true, with)
			case key == "name" || key == "id" && !strings.Contains(path, "properties"):
			default:
				garble(old, func(x any) { v[key] = x }, path+"/"+key)
			}
		}
	case []any:
		for i, old := range v {
			garble(old, func(x any) { v[i] = x }, fmt.Sprintf("%s/%d", path, i))
		}
	}
}

// without calls with for every estate that doc becomes when one value of it is
// made unreadable, with the value's path.
func without(t *testing.T, doc string, with func(e *estate.Estate, path string)) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(doc), &v); err != nil {
		t.Fatal(err)
	}
	spoil(v, "", false, func(path string) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		e, err := estate.Read(strings.NewReader(string(text)), estate.Options{})
		if err == nil { // no estate, no answer
			with(e, path)
		}
	})
}

// An answer stays as it is or becomes unknown when any one value of the estate
// becomes unreadable. A certain one never turns into its opposite, and an
// unknown one never becomes certain: what was read is one way in which the
// unreadable value may turn out.
func TestDoubtNeverTurnsAnAnswerRound(t *testing.T) {
	spoiled, unknown := 0, 0
	for _, c := range observedFlows() {
		without(t, c.in.doc(), func(e *estate.Estate, path string) {
			f := c.ask(topology.New(e, topology.Config{}))
			spoiled++
			if f.Verdict == topology.Unknown {
				unknown++
			} else if f.Verdict != c.want {
				t.Errorf("%s: with %s unreadable the answer is %v", c.what, path, f)
			}
		})
	}
	if spoiled < 2000 || unknown < 200 {
		t.Errorf("only %d values spoiled, %d of them with an effect", spoiled, unknown)
	}
	t.Log(spoiled, unknown)
}

// The same for names: another result is a wrong one.
func TestDoubtNeverTurnsANameRound(t *testing.T) {
	spoiled, unknown := 0, 0
	for _, c := range observedNames() {
		without(t, c.in.doc(), func(e *estate.Estate, path string) {
			a := c.ask(topology.New(e, c.cfg))
			spoiled++
			if a.Result == topology.Unresolved {
				unknown++
			} else if a.Result != c.want {
				t.Errorf("%s: with %s unreadable the answer is %v", c.what, path, a)
			}
		})
	}
	if spoiled < 400 || unknown < 50 {
		t.Errorf("only %d values spoiled, %d of them with an effect", spoiled, unknown)
	}
	t.Log(spoiled, unknown)
}

// And for random estates and packets.
func TestDoubtNeverTurnsARandomAnswerRound(t *testing.T) {
	worlds := uint64(8)
	switch {
	case os.Getenv("OSTIARY_TORTURE") == "1":
		worlds = 1000
	case raceEnabled || testing.Short():
		worlds = 2
	}
	asked, consistent := 0, 0
	for seed := range worlds {
		w := randomWorld(20_000_000 + seed)
		q := &questioner{Rand: rand.New(rand.NewPCG(seed, 4)), w: w, topo: topology.New(read(t, w.doc), topology.Config{}), n: &naive{}}
		q.n.e = q.topo.Estate()
		whole := q.n.consistent()
		if whole {
			consistent++
		}
		questions := make([]question, 40)
		before := make([]topology.Flow, len(questions))
		for i := range questions {
			questions[i] = q.question()
			before[i] = questions[i].put(q.topo)
		}
		without(t, w.doc, func(e *estate.Estate, path string) {
			topo := topology.New(e, topology.Config{})
			for i, x := range questions {
				if a, err := netip.ParseAddr(x.to); err == nil && isInternet(a) {
					continue // an address is the internet's unless the estate says whose it is
				}
				after := x.put(topo)
				asked++
				if after.Verdict != topology.Unknown && after.Verdict != before[i].Verdict && (whole || before[i].Verdict != topology.Unknown) {
					t.Fatalf("world %d, %+v: %v\nwith %s unreadable: %v", seed, x, before[i], path, after)
				}
			}
		})
	}
	t.Logf("%d answers, %d of %d estates consistent", asked, consistent, worlds)
}

// consistent says whether an estate can be: every peering has its other side,
// and the effective members of a network group include the static ones. What
// contradicts itself is unknown, and may be less so with one side unreadable.
func (n *naive) consistent() bool {
	for _, v := range n.e.VirtualNetworks {
		for _, p := range v.Peerings {
			if p.Remote.To != nil && n.other(p) == nil {
				return false
			}
		}
	}
	for _, g := range n.e.NetworkGroups {
		for _, m := range g.Members {
			if g.Effective.State == estate.Known && !slices.ContainsFunc(g.Effective.Items, func(r estate.Ref[estate.VirtualNetwork]) bool { return strings.EqualFold(r.ID, m.Member.ID) }) {
				return false
			}
		}
	}
	return true
}

// question is a flow to ask about, by ids.
type question struct {
	vnet, site, from, to string
	port                 uint16
}

func (q *questioner) question() question {
	v := pick(q.Rand, q.w.vnets...)
	x := question{vnet: v, from: q.home(v).String(), port: uint16(pick(q.Rand, 443, 443, 8080, 22))}
	targets := append(append([]string{pick(q.Rand, q.w.addrs...)}, q.w.endpoints...), q.w.accounts...)
	x.to = pick(q.Rand, append(targets, q.w.nics...)...)
	switch k := q.IntN(8); {
	case k == 0 && len(q.w.sites) > 0:
		x.site, x.from = pick(q.Rand, q.w.sites...), "172.16.1.9"
	case k == 1:
		x.vnet, x.from = "", pick(q.Rand, "8.8.8.8", "20.1.0.9", "9.9.9.9")
	}
	return x
}

func (x question) put(topo *topology.Topology) topology.Flow {
	var from topology.Place
	switch {
	case x.site != "":
		from, _ = topo.AddressAt(x.site, addr(x.from))
	case x.vnet != "":
		from, _ = topo.AddressIn(x.vnet, addr(x.from))
	default:
		from = topology.Internet(addr(x.from))
	}
	to, ok := topo.TargetOf(x.to)
	if !ok {
		if strings.HasPrefix(x.to, "/") {
			return topology.Flow{} // the target is gone
		}
		to = topology.Address(addr(x.to))
	}
	return topo.Flow(from, to, topology.Port{Number: x.port})
}
