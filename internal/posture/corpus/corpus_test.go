package corpus

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
)

// madeOnce makes the mutants once for all tests.
var madeOnce = sync.OnceValues(mutants)

func allMutants() []Mutant {
	all, _ := madeOnce()
	return all
}

func TestPromisedCounts(t *testing.T) {
	for _, c := range []struct {
		what         string
		got, atLeast int
	}{
		{"good estates", len(Good()), 22},
		{"hand-written mutants", len(Mutations()), 130},
		{"generated mutants", len(allMutants()) - len(Mutations()), 200},
		{"sources", len(Sources()), 4},
	} {
		t.Logf("%d %s", c.got, c.what)
		if c.got < c.atLeast {
			t.Errorf("%d %s, promised are %d", c.got, c.what, c.atLeast)
		}
	}
}

func TestEveryCheckHasMutants(t *testing.T) {
	count, estates := map[string]int{}, map[string]map[string]bool{}
	for _, m := range allMutants() {
		for _, w := range m.Want {
			if estates[w.ID] == nil {
				estates[w.ID] = map[string]bool{}
			}
			count[w.ID]++
			estates[w.ID][m.Of] = true
		}
	}
	for _, c := range Checks() {
		t.Logf("%-26s %3d mutants of %2d estates", c.ID, count[c.ID], len(estates[c.ID]))
		if count[c.ID] < 3 {
			t.Errorf("%s has %d mutants, want 3 or more", c.ID, count[c.ID])
		}
		delete(count, c.ID)
	}
	if len(count) > 0 {
		t.Errorf("wanted findings of no check: %v", count)
	}
}

func TestGoodEstatesAreWhole(t *testing.T) {
	for _, g := range goods() {
		t.Run(g.name, func(t *testing.T) {
			d := g.write()
			checkDocument(t, d, d.readable())
			if len(d.Clients) == 0 {
				t.Error("nobody is meant to reach the model")
			}
			for _, c := range d.Clients {
				if !slices.ContainsFunc(d.ids(), func(id string) bool { return strings.EqualFold(id, c) }) {
					t.Errorf("client %s is not there", c)
				}
			}
			for _, id := range g.advice {
				if c := checkOf(id); c.ID == "" || c.Must && id != "default-deny" {
					t.Errorf("%s is no advice", id)
				}
			}
			for _, id := range d.dangling() {
				t.Errorf("a reference leads to %s, which is not there", id)
			}
		})
	}
}

// dangling lists references by id that lead nowhere.
func (d *Document) dangling() []string {
	var lost []string
	ids := map[string]bool{}
	for _, id := range d.ids() {
		ids[strings.ToLower(id)] = true
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case object:
			if id, is := v["id"].(string); is && len(v) == 1 && !ids[strings.ToLower(id)] {
				lost = append(lost, id)
			}
			for _, k := range sortedKeys(v) {
				walk(v[k])
			}
		case list:
			for _, e := range v {
				walk(e)
			}
		}
	}
	for _, r := range d.resources {
		walk(r)
	}
	return lost
}

func checkDocument(t *testing.T, d *Document, text []byte) {
	t.Helper()
	for _, p := range d.Problems {
		t.Error(p)
	}
	if !json.Valid(text) {
		t.Error("not JSON")
	}
	seen := map[string]bool{}
	for _, r := range d.resources {
		id, _ := r["id"].(string)
		if !strings.HasPrefix(id, "/subscriptions/") {
			t.Errorf("a resource with the id %q", id)
		}
		if key := strings.ToLower(id); seen[key] {
			t.Errorf("%s stands twice", id)
		} else {
			seen[key] = true
		}
	}
}

func TestMutantsAreMutants(t *testing.T) {
	parents := map[string]Estate{}
	for _, g := range Good() {
		parents[g.Name] = g
	}
	names, texts := map[string]bool{}, map[string]string{}
	for _, m := range allMutants() {
		parent, ok := parents[m.Of]
		if !ok {
			t.Errorf("%s: no good estate %s", m.Name, m.Of)
			continue
		}
		if names[m.Name] {
			t.Errorf("%s: the name is taken", m.Name)
		}
		names[m.Name] = true
		var compact bytes.Buffer
		if err := json.Compact(&compact, parent.JSON); err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(bytes.TrimSpace(m.JSON), compact.Bytes()) && slices.Equal(m.Clients, parent.Clients) {
			t.Errorf("%s: does not differ from its parent", m.Name)
		}
		if other, twice := texts[m.key()]; twice {
			t.Errorf("%s: is %s", m.Name, other)
		}
		texts[m.key()] = m.Name
		checkWants(t, m.Name, m.Want, m.Why)
		for _, w := range m.Want {
			if !slices.Contains(m.May, w.ID) {
				t.Errorf("%s: must turn %s and may not", m.Name, w.ID)
			}
		}
	}
}

func checkWants(t *testing.T, name string, wants []Want, why string) {
	t.Helper()
	if len(wants) == 0 || why == "" {
		t.Errorf("%s: nothing wanted, or no reason", name)
	}
	for _, w := range wants {
		if checkOf(w.ID).ID == "" {
			t.Errorf("%s: wants a finding of %q, which is no check", name, w.ID)
		}
		if w.Resource != "" && !strings.HasPrefix(w.Resource, "/subscriptions/") {
			t.Errorf("%s: %s: no resource ends in %s", name, w.ID, w.Resource)
		}
		if !slices.Contains([]Status{Pass, Fail, Unknown, NotPass}, w.Status) {
			t.Errorf("%s: %s: status %q", name, w.ID, w.Status)
		}
	}
}

// A mutation that could not be made is a problem of its document.
func TestMutationsAreMadeWithoutProblems(t *testing.T) {
	_, problems := madeOnce()
	for _, p := range problems {
		t.Error(p)
	}
}

// The end of an id must mean one resource, or a want would mean any of them.
func TestWantsMeanOneResource(t *testing.T) {
	for _, m := range Mutations() {
		for _, g := range goods() {
			if g.name != m.Of {
				continue
			}
			d := g.write()
			m.Apply(d)
			for _, w := range m.Want {
				found := map[string]bool{}
				for _, o := range d.ending(w.Resource) {
					found[strings.ToLower(Part{d, o}.ID())] = true
				}
				if w.Resource != "" && len(found) > 1 {
					t.Errorf("%s: %s means %d resources", m.Name, w.Resource, len(found))
				}
			}
		}
	}
}

// What the list of properties calls good is what the good estates have.
func TestPropertiesAreAsTheyStand(t *testing.T) {
	for _, p := range Properties() {
		for _, at := range p.At {
			d := newDocument()
			for _, g := range goods() {
				if g.name == at.Estate {
					d = g.write()
				}
			}
			has, err := json.Marshal(d.At(at.Resource).Get(p.Path))
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range d.Problems {
				t.Errorf("%s of %s: %s", p.Path, at.Estate, problem)
			}
			if len(p.Good) == 0 {
				continue
			}
			if !slices.ContainsFunc(p.Good, func(v any) bool {
				good, err := json.Marshal(v)
				return err == nil && bytes.Equal(good, has)
			}) {
				t.Errorf("%s: %s of %s is %s, none of %v", at.Estate, p.Path, at.Resource, has, p.Good)
			}
			if len(p.values()) == 0 {
				t.Errorf("%s: nothing is made of %s", at.Estate, p.Path)
			}
		}
	}
}

func TestSourcesAreWhole(t *testing.T) {
	for _, s := range sources() {
		t.Run(s.name, func(t *testing.T) {
			d := s.write()
			checkDocument(t, d, d.readable())
			for _, id := range d.dangling() {
				t.Errorf("a reference leads to %s, which is not there", id)
			}
		})
	}
	for _, s := range Sources() {
		checkWants(t, s.Name, s.Want, s.Shows)
	}
}

func TestSameEveryTime(t *testing.T) {
	a, b := allMutants(), Mutants()
	for i := range a {
		if a[i].Name != b[i].Name || !bytes.Equal(a[i].JSON, b[i].JSON) {
			t.Fatalf("%s is not the same twice", a[i].Name)
		}
	}
}

func BenchmarkMutants(b *testing.B) {
	for b.Loop() {
		Mutants()
	}
}
