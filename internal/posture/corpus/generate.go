package corpus

import (
	"encoding/json"
	"fmt"
)

// generated makes mutations of the list of properties.
func generated() []made {
	var all []made
	for _, p := range Properties() {
		for _, at := range p.At {
			for _, v := range p.values() {
				all = append(all, p.mutation(at, v))
			}
		}
	}
	return all
}

// value is what is written for a property and what the finding must say.
type value struct {
	v      any
	absent bool // nothing is written: the property is taken away
	want   Status
}

func (p Property) values() []value {
	var all []value
	for _, group := range []struct {
		values list
		want   Status
	}{{p.Bad, Fail}, {p.Odd, NotPass}, {p.Undecided, Unknown}, {p.Wrong, Unknown}} {
		for _, v := range group.values {
			all = append(all, value{v: v, want: group.want})
		}
	}
	if p.Absent != "" {
		all = append(all, value{absent: true, want: p.Absent}, value{v: nil, want: p.Absent})
	}
	return all
}

func (p Property) mutation(at Place, v value) made {
	written, why := "absent", "nothing is said"
	if !v.absent {
		text, err := json.Marshal(v.v)
		written, why = string(text), "it is "+string(text)
		if err != nil {
			written = err.Error()
		}
	}
	names := p.Names
	if names == "" && p.Check != "has-account" {
		names = at.Resource
	}
	return made{Mutation{
		Name: fmt.Sprintf("%s/%s=%s@%s", at.Resource, p.Path, written, at.Estate),
		Why:  p.Path + ": " + why,
		Of:   at.Estate,
		Apply: func(d *Document) {
			if part := d.At(at.Resource); v.absent {
				part.Remove(p.Path)
			} else {
				part.Set(p.Path, copyOf(v.v))
			}
		},
		Want: []Want{{ID: p.Check, Status: v.want, Resource: names, Advice: p.Advice}},
	}, p.Path}
}
