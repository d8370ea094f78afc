package corpus

import (
	"slices"
	"strings"
)

// Mutation makes one fault in a good estate.
type Mutation struct {
	Name string // unique; ends in "@" and the estate
	Why  string // what the fault is and what it does, in a line
	Of   string // the good estate
	// Apply makes the fault.
	Apply func(d *Document)
	// Want are the findings that must tell of it. Here a resource may be named
	// by the end of its id, for example "subnets/snet-apps".
	Want []Want
}

// Mutant is a good estate with one fault.
type Mutant struct {
	Name, Why, Of string
	JSON          []byte // an array of resources as ARM returns them, on one line
	Clients       []string
	// Want are the findings that must tell of the fault. Resources are whole
	// ids.
	Want []Want
	// May are the ids of all checks that may turn, those of Want included. A
	// finding of another check that does not pass here and does in the parent is
	// a false alarm.
	May []string
	// Private is true where the fault is only advised on, so that the verdict
	// stays private.
	Private bool
	// Path is the property that was changed, for a mutant made from Properties.
	Path string
}

// fault is a row of a table: a mutation of one estate or of several.
type fault struct {
	name, why string
	of        []string
	apply     func(d *Document)
	want      []Want
}

// Mutations are the hand-written mutations, always the same and in the same
// order.
func Mutations() []Mutation {
	faults := slices.Concat(
		doorFaults(), credentialFaults(), dataFaults(), logFaults(), roleFaults(), perimeterFaults(),
		endpointFaults(), bindFaults(), ruleFaults(), sourceFaults(), reachFaults(), routeFaults(), managerFaults(),
		recordFaults(), zoneFaults(), linkFaults(), serverFaults(), forwardFaults(),
		appFaults(), unseenFaults(),
	)
	var all []Mutation
	for _, f := range faults {
		for _, of := range f.of {
			all = append(all, Mutation{f.name + "@" + of, f.why, of, f.apply, f.want})
		}
	}
	return all
}

// Mutants are all mutants: the hand-written ones, and those made from the list
// of properties that are not among them already.
func Mutants() []Mutant {
	all, _ := mutants()
	return all
}

// mutants makes the mutants, and lists what could not be made as meant.
func mutants() (all []Mutant, problems []string) {
	parents, ids := map[string]*Document{}, map[string][]string{}
	for _, g := range goods() {
		parents[g.name] = g.write()
		ids[g.name] = parents[g.name].ids()
	}
	seen := map[string]bool{}
	for _, m := range slices.Concat(wrap(Mutations()), generated()) {
		parent := parents[m.Of]
		if parent == nil {
			problems = append(problems, m.Name+": no good estate "+m.Of)
			continue
		}
		d := parent.copied()
		m.Apply(d)
		for _, p := range d.Problems {
			problems = append(problems, m.Name+": "+p)
		}
		mutant := Mutant{
			Name: m.Name, Why: m.Why, Of: m.Of, JSON: d.compact(), Clients: d.Clients,
			Want: resolve(resolve(m.Want, ids[m.Of]), d.ids()), Private: private(m.Want), Path: m.path,
		}
		mutant.May = may(mutant.Want)
		if key := mutant.key(); m.path == "" || !seen[key] {
			seen[key] = true
			all = append(all, mutant)
		}
	}
	return all, problems
}

// key is what makes a mutant another one than the rest.
func (m Mutant) key() string {
	return m.Of + string(m.JSON) + strings.Join(m.Clients, " ")
}

// made is a mutation and, if it was generated, the path that it changes.
type made struct {
	Mutation
	path string
}

func wrap(mutations []Mutation) []made {
	all := make([]made, len(mutations))
	for i, m := range mutations {
		all[i] = made{m, ""}
	}
	return all
}

// ids lists the ids of all resources and embedded children.
func (d *Document) ids() []string {
	var ids []string
	for _, o := range d.ending("") {
		ids = append(ids, Part{d, o}.ID())
	}
	return ids
}

// resolve completes the resources that wants name by the end of their ids.
// One that fits nothing is left as it is; a test finds it.
func resolve(wants []Want, ids []string) []Want {
	out := slices.Clone(wants)
	for i, w := range out {
		if w.Resource == "" || w.Resource[0] == '/' {
			continue
		}
		if at := slices.IndexFunc(ids, func(id string) bool { return endsIn(id, w.Resource) }); at >= 0 {
			out[i].Resource = ids[at]
		}
	}
	return out
}

func fails(id, resource, witness string) Want {
	return Want{ID: id, Status: Fail, Resource: resource, Witness: witness}
}

func unsure(id, resource, witness string) Want {
	return Want{ID: id, Status: Unknown, Resource: resource, Witness: witness}
}

func notPass(id, resource string) Want {
	return Want{ID: id, Status: NotPass, Resource: resource}
}

// advised makes a finding advice.
func (w Want) advised() Want {
	w.Advice = true
	return w
}
