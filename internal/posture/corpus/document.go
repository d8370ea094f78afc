package corpus

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// object is a JSON object, list a JSON array.
type (
	object = map[string]any
	list   = []any
)

// Document is an estate that is being written: resources as ARM returns them,
// and the clients that it is meant for.
//
// Mistakes in using it (a name that fits nothing, a path that leads nowhere)
// do not panic: they are kept in Problems, and a test wants that empty.
type Document struct {
	// Clients are the ids of the subnets that are meant to reach the model.
	Clients []string
	// Problems are mistakes made while writing.
	Problems []string

	resources []object
	sub       string // subscription of what is added next
	region    string // region of what is added next
}

func newDocument() *Document {
	return &Document{sub: subscriptionA, region: "swedencentral"}
}

// Add appends resources.
func (d *Document) Add(resources ...object) {
	d.resources = append(d.resources, resources...)
}

// add appends one resource and gives a handle on it.
func (d *Document) add(o object) Part {
	d.Add(o)
	return Part{d, o}
}

func (d *Document) problem(what string) {
	if d != nil {
		d.Problems = append(d.Problems, what)
	}
}

// At is the resource, or the child embedded in one, whose id ends in suffix,
// for example "subnets/snet-apps". Case does not matter. Where none or several
// do, that is a problem and the handle leads nowhere.
func (d *Document) At(suffix string) Part {
	found := d.ending(suffix)
	if len(found) == 1 {
		return Part{d, found[0]}
	}
	if len(found) == 0 {
		d.problem("no resource ends in " + suffix)
	} else {
		d.problem("several resources end in " + suffix)
	}
	return Part{d, object{}}
}

// ending lists the resources and embedded children whose ids end in suffix.
func (d *Document) ending(suffix string) []object {
	var found []object
	for _, r := range d.resources {
		visit(r, func(o object) {
			if idEnds(o, suffix) {
				found = append(found, o)
			}
		})
	}
	return found
}

// Delete removes the resource or embedded child whose id ends in suffix, and
// all that lies in it.
func (d *Document) Delete(suffix string) {
	gone := d.At(suffix).ID()
	if gone == "" {
		return
	}
	d.drop(func(id string) bool { return within(id, gone) })
}

// drop removes the resources and embedded children whose id fits.
func (d *Document) drop(fits func(id string) bool) {
	out := func(o object) bool {
		id, _ := o["id"].(string)
		return id != "" && fits(id)
	}
	d.resources = slices.DeleteFunc(d.resources, out)
	for _, r := range d.resources {
		prune(r, out)
	}
}

// within reports whether id is scope or lies in it.
func within(id, scope string) bool {
	id, scope = strings.ToLower(id), strings.ToLower(scope)
	return id == scope || strings.HasPrefix(id, scope+"/")
}

// idEnds reports whether a resource's id ends in suffix; any id does in an
// empty one.
func idEnds(o object, suffix string) bool {
	id, _ := o["id"].(string)
	return id != "" && (suffix == "" || endsIn(id, suffix))
}

// endsIn reports whether the last segments of an id are those of suffix,
// without case.
func endsIn(id, suffix string) bool {
	at := len(id) - len(suffix)
	return at > 0 && id[at-1] == '/' && strings.EqualFold(id[at:], suffix)
}

// visit calls f for a resource and for every child embedded in it. A child
// stands in an array and has properties; an object with an id alone is a
// reference.
func visit(o object, f func(object)) {
	f(o)
	properties, _ := o["properties"].(object)
	for _, k := range sortedKeys(properties) {
		children, _ := properties[k].(list)
		for _, c := range children {
			if child, is := c.(object); is && child["properties"] != nil {
				visit(child, f)
			}
		}
	}
}

// prune removes embedded children that are out.
func prune(v any, out func(object) bool) any {
	switch v := v.(type) {
	case object:
		for _, k := range sortedKeys(v) {
			v[k] = prune(v[k], out)
		}
	case list:
		return slices.DeleteFunc(v, func(e any) bool {
			o, is := prune(e, out).(object)
			_, child := o["properties"]
			return is && child && out(o)
		})
	}
	return v
}

// copied is a copy that shares nothing with d.
func (d *Document) copied() *Document {
	c := *d
	c.Clients, c.Problems = slices.Clone(d.Clients), slices.Clone(d.Problems)
	c.resources = make([]object, len(d.resources))
	for i, r := range d.resources {
		c.resources[i], _ = copyOf(r).(object)
	}
	return &c
}

// copyOf is a deep copy of a JSON value.
func copyOf(v any) any {
	switch v := v.(type) {
	case object:
		o := make(object, len(v))
		for k, e := range v {
			o[k] = copyOf(e)
		}
		return o
	case list:
		l := make(list, len(v))
		for i, e := range v {
			l[i] = copyOf(e)
		}
		return l
	}
	return v
}

func sortedKeys(o object) []string {
	keys := make([]string, 0, len(o))
	for k := range o {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// compact is the document as one line of JSON, the keys in order.
func (d *Document) compact() []byte { return d.encode("") }

// readable is the document as it stands in testdata.
func (d *Document) readable() []byte { return d.encode("  ") }

func (d *Document) encode(indent string) []byte {
	resources := d.resources
	if resources == nil {
		resources = []object{}
	}
	return encodeJSON(resources, indent, d.problem)
}

func encodeJSON(v any, indent string, problem func(string)) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		problem(err.Error())
	}
	return b.Bytes()
}
