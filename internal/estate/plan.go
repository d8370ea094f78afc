package estate

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/ostiary/ostiary/internal/fault"
)

// looksPlanned tells the output of terraform show -json from an ARM document
// by its first telling key.
func looksPlanned(text string, o Options) bool {
	s := scanner{text: text, limit: o.depth(), pos: start(text)}
	if s.peek() != '{' || !s.open('{') {
		return false
	}
	for first := true; s.more('}', first); first = false {
		switch s.key() {
		case "format_version", "terraform_version", "planned_values", "resource_changes", "prior_state":
			return true
		case "value", "resources":
			return false
		}
		s.skip()
	}
	return false
}

// planned is a resource of a plan on its way to the estate.
type planned struct {
	address, typ, name, key, module string
	data                            bool
	actions                         []string
	at                              At
	values, unknown                 int // offsets of the values and of after_unknown; 0 where there is none
	thing                           any // what was made of it
	attrs                           map[string]Value[string]
	expr                            *expression // its configuration, nil where that was not found
}

// planReader reads a plan.
type planReader struct {
	*reading
	arm    *decoder // for azapi bodies
	config *module
	path   []string // the pointer of what is read, in parts
	all    []*planned
	byAddr map[string]*planned
}

// readPlan reads a plan, or a state, as terraform show -json prints it.
//
// https://developer.hashicorp.com/terraform/internals/json-format
func readPlan(text string, o Options) (*Estate, error) {
	r, err := newReading(text, "tf", o)
	if err != nil {
		return nil, err
	}
	r.e.Planned = true
	p := &planReader{reading: r, arm: newDecoder(text, "arm", o), byAddr: map[string]*planned{}}
	p.arm.refer = r.decoder.refer
	sections := map[string]int{}
	if r.peek() != '{' {
		r.unexpected("the object that terraform show -json prints")
	}
	r.object(func(key string) {
		r.peek()
		sections[key] = r.pos
		r.skip()
	})
	if r.end(); r.err != nil {
		return nil, r.err
	}
	p.sections(sections)
	if r.err == nil {
		r.err = p.arm.err
	}
	if r.err != nil {
		return nil, r.err
	}
	if len(sections) == 0 || sections["resource_changes"]+sections["planned_values"]+sections["values"] == 0 {
		return nil, fault.New(fault.Invalid, "neither a plan nor a state").Fix("give the output of: terraform show -json PLANFILE")
	}
	p.build()
	return r.finish(), nil
}

func (p *planReader) sections(at map[string]int) {
	read := func(key string, read func()) bool {
		pos, ok := at[key]
		if ok {
			p.pos = pos
			p.under("/"+key, read)
		}
		return ok
	}
	read("configuration", func() { p.config = p.configuration() })
	if !read("resource_changes", func() { p.resources(p.change) }) {
		read("planned_values", func() { p.state(false) })
	}
	read("prior_state", func() {
		if p.peek() == '{' {
			p.object(func(key string) {
				if key == "values" {
					p.under("/values", func() { p.state(true) })
				} else {
					p.skip()
				}
			})
		}
	})
	read("values", func() { p.state(false) })
	slices.SortFunc(p.e.marks, func(a, b mark) int { return cmp.Compare(a.at, b.at) })
}

// under reads what stands below the path at hand.
func (p *planReader) under(step string, read func()) {
	n := len(p.path)
	p.path = append(p.path, step)
	read()
	p.path = p.path[:n]
}

// resources reads an array of resources, if one is at hand.
func (p *planReader) resources(read func()) {
	if p.peek() == '[' {
		p.marked(p.path, func(int) { read() })
	} else {
		p.skip()
	}
}

// change notes one element of resource_changes.
func (p *planReader) change() {
	x := &planned{at: p.at()}
	if p.peek() != '{' {
		p.skip()
		return
	}
	before, after := 0, 0
	p.object(func(key string) {
		if p.head(x, key) {
			return
		}
		if key != "change" || p.peek() != '{' {
			p.skip()
			return
		}
		p.object(func(key string) {
			p.peek()
			switch {
			case key == "actions" && p.peek() == '[':
				p.array(func(int) {
					x.actions = append(x.actions, p.Text())
					p.skip()
				})
				return
			case key == "before":
				before = p.pos
			case key == "after":
				after = p.pos
			case key == "after_unknown":
				x.unknown = p.pos
			}
			p.skip()
		})
	})
	x.values = after
	switch {
	case slices.Equal(x.actions, []string{"delete"}):
		x.values = before
		p.goes(x)
		return
	case slices.Equal(x.actions, []string{"forget"}): // Terraform lets go; Azure keeps it
		x.values, x.unknown = before, 0
	}
	p.add(x)
}

// goes notes a child that the plan takes away: its parent's own list, which
// Terraform shows as it was, may still hold it.
func (p *planReader) goes(x *planned) {
	k := planTypes()[x.typ]
	if k.parent == nil {
		return
	}
	pos := p.pos
	p.attributes(x)
	p.pos = pos
	for _, attr := range k.parent {
		if v := x.attrs[attr]; v.State == Known {
			p.gone[goneKey(lastSegment(k.arm), lastSegment(v.V), x.attrs["name"].V)] = true
		}
	}
}

// head reads what changes and states say alike of a resource.
func (p *planReader) head(x *planned, key string) bool {
	into := map[string]*string{"address": &x.address, "type": &x.typ, "name": &x.name}[key]
	switch {
	case into != nil:
		p.plain(into)
	case key == "mode":
		x.data = p.Text() == "data"
		p.skip()
	default:
		return false
	}
	return true
}

// state notes the resources of a module tree; only the data sources where
// dataOnly is set.
func (p *planReader) state(dataOnly bool) {
	if p.peek() != '{' {
		p.skip()
		return
	}
	p.object(func(key string) {
		p.under("/"+key, func() {
			switch {
			case key == "root_module":
				p.state(dataOnly)
			case key == "child_modules" && p.peek() == '[':
				p.array(func(i int) { p.under("/"+strconv.Itoa(i), func() { p.state(dataOnly) }) })
			case key == "resources":
				p.resources(func() { p.held(dataOnly) })
			default:
				p.skip()
			}
		})
	})
}

func (p *planReader) held(dataOnly bool) {
	x := &planned{at: p.at()}
	if p.peek() != '{' {
		p.skip()
		return
	}
	p.object(func(key string) {
		if p.head(x, key) {
			return
		}
		if p.peek(); key == "values" {
			x.values = p.pos
		}
		p.skip()
	})
	if x.data || !dataOnly {
		p.add(x)
	}
}

func (p *planReader) add(x *planned) {
	if x.address == "" || x.values == 0 || p.err != nil || p.byAddr[x.address] != nil {
		return
	}
	x.module, x.key = splitAddress(x.address)
	x.expr = p.config.resource(x)
	p.all = append(p.all, x)
	p.byAddr[x.address] = x
}
