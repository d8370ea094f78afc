package posture

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/posture/corpus"
	"github.com/ostiary/ostiary/internal/topology"
)

// judgeJSON judges an estate of the corpus. Its documents list deleted
// accounts where there are any.
func judgeJSON(t testing.TB, doc []byte, clients []string) Report {
	t.Helper()
	e, err := estate.Read(bytes.NewReader(doc), estate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return Judge(e, topology.New(e, topology.Config{}), Options{
		Clients: clients, Now: now(), Listed: []string{"Microsoft.CognitiveServices/deletedAccounts"},
	})
}

// Every good estate is private, with its clients named and with its clients
// inferred, and nothing is advised but what the estate itself says.
func TestGoodEstatesArePrivate(t *testing.T) {
	for _, g := range corpus.Good() {
		for name, clients := range map[string][]string{"named": g.Clients, "inferred": nil} {
			t.Run(g.Name+"/"+name, func(t *testing.T) {
				r := judgeJSON(t, g.JSON, clients)
				if r.Verdict != Private {
					t.Errorf("%s", r.Verdict)
				}
				for _, f := range r.Findings {
					if f.Status != Pass && !slices.Contains(g.Advice, f.ID) {
						t.Errorf("%s %s %s: %s [%s] %v", f.Status, f.ID, f.Resource, f.What, f.Witness, f.Evidence)
					}
				}
			})
		}
	}
}

// Every mutant has the findings that must tell of its fault, with the resource
// and the witness, and no check turns that the fault has nothing to do with.
func TestMutantsAreCaught(t *testing.T) {
	advice := map[string][]string{}
	for _, g := range corpus.Good() {
		advice[g.Name] = g.Advice
	}
	for _, m := range corpus.Mutants() {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			r := judgeJSON(t, m.JSON, m.Clients)
			for _, w := range m.Want {
				if !slices.ContainsFunc(r.Findings, func(f Finding) bool { return tells(f, w) }) {
					t.Errorf("%s: wanted %+v, got %s", m.Why, w, about(r, w.ID))
				}
			}
			for _, f := range r.Findings {
				turned := f.Status != Pass && f.ID != "read-whole"
				if turned && !slices.Contains(m.May, f.ID) && !slices.Contains(advice[m.Of], f.ID) {
					t.Errorf("false alarm: %s %s %s: %s [%s]", f.Status, f.ID, f.Resource, f.What, f.Witness)
				}
			}
			for _, f := range r.Findings {
				if lacks := incomplete(f); lacks != "" {
					t.Errorf("%s %s %s lacks %s: %s", f.Status, f.ID, f.Resource, lacks, f.What)
				}
			}
			if private := r.Verdict == Private; private != m.Private {
				t.Errorf("%s", r.Verdict)
			}
		})
	}
}

// incomplete is what a finding lacks that a reader needs: a failure shows its
// evidence, where that stands, and how to mend it.
func incomplete(f Finding) string {
	switch {
	case f.What == "" || f.Title == "" || f.Why == "" || f.Level == "":
		return "words"
	case f.Status == Fail && f.ID != "has-account" && f.Resource == "":
		return "a resource"
	case f.Status == Fail && f.ID != "has-account" && len(f.Evidence) == 0:
		return "evidence"
	case f.Status == Fail && f.ID != "has-account" && !slices.ContainsFunc(f.Evidence, func(e Evidence) bool { return e.Pointer != "" }):
		return "a pointer"
	case f.Status == Fail && !slices.Contains(unmendable(), f.ID) && f.Mend == Mend{}:
		return "a mend"
	}
	return ""
}

// unmendable are checks whose failures no line of Terraform or az mends.
func unmendable() []string {
	return []string{"has-account", "content-logging-off"}
}

// tells reports whether a finding is the one wanted.
func tells(f Finding, w corpus.Want) bool {
	status := f.Status == Status(w.Status) || w.Status == corpus.NotPass && f.Status != Pass
	level := !w.Advice || f.Level == Advice
	return f.ID == w.ID && status && level && names(f, w.Resource) &&
		strings.Contains(strings.ToLower(f.Witness), strings.ToLower(w.Witness))
}

// names reports whether a finding names a resource: as its own, in its
// evidence, or in its words.
func names(f Finding, id string) bool {
	id = strings.ToLower(id)
	for _, text := range []string{f.Resource, f.What, f.Witness} {
		if strings.Contains(strings.ToLower(text), id) {
			return true
		}
	}
	return slices.ContainsFunc(f.Evidence, func(e Evidence) bool {
		return strings.Contains(strings.ToLower(e.Resource), id) || strings.Contains(strings.ToLower(e.Value), id)
	})
}

// about is every finding of a check, for a message.
func about(r Report, id string) string {
	var b strings.Builder
	for _, f := range r.Findings {
		if f.ID == id {
			b.WriteString("\n\t" + string(f.Status) + " " + f.Resource + ": " + f.What + " [" + f.Witness + "]")
		}
	}
	return b.String()
}

// The published examples, as they stand.
func TestSourcesAreJudged(t *testing.T) {
	for _, s := range corpus.Sources() {
		t.Run(s.Name, func(t *testing.T) {
			r := judgeJSON(t, s.JSON, s.Clients)
			for _, w := range s.Want {
				if !slices.ContainsFunc(r.Findings, func(f Finding) bool { return tells(f, w) }) {
					t.Errorf("wanted %+v, got %s", w, about(r, w.ID))
				}
			}
			if r.Verdict == Private {
				t.Errorf("%s", r.Verdict)
			}
		})
	}
}

// A site is known by its local gateway's id or name, by its connection's, or
// by its addresses; a network that was not read by its id.
func TestSitesAreClientsUnderAllTheirNames(t *testing.T) {
	var m corpus.Mutant
	for _, x := range corpus.Mutants() {
		if x.Name == "extra-site@on-premises" {
			m = x
		}
	}
	for _, name := range []string{"", "lgw-office", "cn-lgw-office", "192.168.0.0/16"} {
		clients := slices.Clone(m.Clients)
		want := Fail
		if name != "" {
			clients, want = append(clients, name), Pass
		}
		r := judgeJSON(t, m.JSON, clients)
		if f := find(t, r, "reach-only-clients", ""); f.Status != want {
			t.Errorf("%q: %s %s [%s]", name, f.Status, f.What, f.Witness)
		}
		if f := find(t, r, "clients-reach", ""); name != "" && f.Status != Pass {
			t.Errorf("%q: %s %s [%s]", name, f.Status, f.What, f.Witness)
		}
	}
}
