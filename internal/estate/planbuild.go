package estate

import (
	"reflect"
	"strings"
)

// build makes resources of what was noted: first all, then what joins them.
func (p *planReader) build() {
	kinds := planTypes()
	for _, x := range p.all {
		p.attributes(x)
		p.make(x, kinds[x.typ])
	}
	p.foresee(kinds)
	for _, x := range p.all {
		p.link(x)
		p.file(x, kinds[x.typ])
	}
	for _, x := range p.all {
		p.associate(x)
	}
}

// attributes reads the scalar attributes of a resource, which say what it lies
// in and what it joins.
func (p *planReader) attributes(x *planned) {
	x.attrs = map[string]Value[string]{}
	read := func(pos int, unknown bool) {
		if p.pos = pos; pos == 0 || p.peek() != '{' {
			return
		}
		p.object(func(key string) {
			at := p.at()
			switch s := p.scalar(); {
			case !unknown && s.kind == '"' && s.text != "":
				x.attrs[key] = Value[string]{s.text, Mark{Known, at}}
			case unknown && s.kind == 'b' && s.yes:
				if _, known := x.attrs[key]; !known {
					x.attrs[key] = Value[string]{Mark: Mark{Unknown, at}}
				}
			}
		})
	}
	read(x.values, false)
	read(x.unknown, true)
}

// make decodes a resource into its struct.
func (p *planReader) make(x *planned, k planType) {
	if !strings.HasPrefix(x.typ, "azurerm_") && !strings.HasPrefix(x.typ, "azapi_") || k.joins {
		return
	}
	zero, arm := k.zero, k.arm
	var body int
	if strings.HasPrefix(x.typ, "azapi_") {
		arm, _, _ = strings.Cut(x.attrs["type"].V, "@")
		if c := p.classes.byName[strings.ToLower(arm)]; c != nil {
			zero = reflect.Zero(c.t).Interface()
		}
		body = p.body(x)
	}
	if zero == nil {
		zero = Other{}
		if arm == "" {
			arm = x.typ
		}
	}
	v := reflect.New(reflect.TypeOf(zero))
	shape := p.shapes.of(v.Type().Elem())
	if body != 0 {
		p.arm.pos = body
		p.arm.into(v.Interface())
		v.Interface().(placed).placeAt(x.at)
	} else {
		p.decode(x, v, shape)
		if strings.HasPrefix(x.typ, "azapi_") {
			p.doubt(v.Elem(), p.arm.shapes.of(v.Type().Elem()), x.at)
		}
	}
	p.name1(x, v, arm)
	x.thing = v.Interface()
}

func (p *planReader) decode(x *planned, v reflect.Value, shape *node) {
	p.stated = func(path []string) bool { return x.expr == nil || x.expr.has(path) }
	p.pos = x.values
	if p.peek() == '{' {
		p.into(v.Interface())
	}
	if x.unknown != 0 {
		if p.pos = x.unknown; p.peek() == '{' {
			p.overlaid = true
			p.members(v.Elem(), shape)
			p.overlaid = false
		}
	}
	if x.data {
		p.doubt(v.Elem(), shape, x.at)
		p.misread = p.misread[:len(p.misread)-1] // that was no mistake of the document's
	}
	p.stated = nil
	v.Interface().(placed).placeAt(x.at)
}

// body is the offset of an azapi resource's body, where it is an object.
func (p *planReader) body(x *planned) int {
	at := 0
	p.pos = x.values
	if p.peek() == '{' {
		p.object(func(key string) {
			if p.peek() == '{' && key == "body" {
				at = p.pos
			}
			p.skip()
		})
	}
	return at
}

// name1 gives a resource its id, name, type and address. One that has no id
// yet is known by its address.
func (p *planReader) name1(x *planned, v reflect.Value, arm string) {
	id := x.attrs["id"]
	part := v.Interface().(interface{ part() *Part }).part()
	if part.ID = id.V; id.State != Known || !strings.HasPrefix(id.V, "/") {
		part.ID = x.address
	}
	if name := x.attrs["name"]; name.State == Known {
		part.Name = name.V
	} else if part.Name == "" {
		part.Name = x.name
	}
	if t, ok := v.Interface().(Thing); ok {
		b := t.Base()
		b.Address, b.Type, b.Partial = x.address, arm, x.data
	}
}

// file puts a resource into the estate, under its parent where it has one.
func (p *planReader) file(x *planned, k planType) {
	if x.thing == nil {
		return
	}
	v := reflect.ValueOf(x.thing)
	c := p.classes.byType[v.Type().Elem()]
	if c == nil {
		o := x.thing.(*Other)
		if p.register(o) == Thing(o) {
			p.e.Others = append(p.e.Others, o)
		}
		return
	}
	if k.fix != nil {
		k.fix(p, x)
	}
	part := v.Interface().(interface{ part() *Part }).part()
	if strings.HasPrefix(x.typ, "azapi_") {
		k.parent = []string{"parent_id"}
	}
	if c.up >= 0 && k.parent != nil {
		up := p.parentOf(x, c.parent, k.parent)
		if !c.thing {
			p.later = append(p.later, func() { p.joinPart(c, v, up) })
			return
		}
		p.adopt(c, v, up)
	}
	p.keep(c, v, part.ID)
	if t, ok := x.thing.(Thing); ok && p.e.byID[fold(x.address)] == nil {
		p.e.byID[fold(x.address)] = t
	}
}

// parentOf finds what a resource lies in: by the reference that its
// configuration makes, by id, or by name.
func (p *planReader) parentOf(x *planned, c *class, attrs []string) reflect.Value {
	for _, attr := range attrs {
		for _, t := range p.referred(x, []string{attr}).things {
			if reflect.TypeOf(t.thing).Elem() == c.t {
				return reflect.ValueOf(t.thing)
			}
		}
		v := x.attrs[attr]
		if v.State != Known {
			continue
		}
		if t := p.e.byID[fold(v.V)]; t != nil && reflect.TypeOf(t).Elem() == c.t {
			return reflect.ValueOf(t)
		}
		for _, o := range p.all {
			if o.thing != nil && reflect.TypeOf(o.thing).Elem() == c.t && strings.EqualFold(o.attrs["name"].V, v.V) && o.groupMatches(x) {
				return reflect.ValueOf(o.thing)
			}
		}
	}
	return p.unplanned(x, c, attrs)
}

// groupMatches compares the resource groups of two resources, as far as they
// are known.
func (x *planned) groupMatches(o *planned) bool {
	a, b := x.attrs["resource_group_name"], o.attrs["resource_group_name"]
	return a.State != Known || b.State != Known || strings.EqualFold(a.V, b.V)
}

// unplanned makes a stub for a parent that the plan does not hold.
func (p *planReader) unplanned(x *planned, c *class, attrs []string) reflect.Value {
	id := x.address + "/" + c.segment()
	for _, attr := range attrs {
		if v := x.attrs[attr]; v.State == Known {
			id = v.V
			if !strings.HasPrefix(id, "/") {
				id = "resourceGroups/" + x.attrs["resource_group_name"].V + "/providers/" + c.name + "/" + v.V
			}
		}
	}
	if t := p.e.byID[fold(id)]; t != nil && reflect.TypeOf(t).Elem() == c.t {
		return reflect.ValueOf(t)
	}
	v := reflect.New(c.t)
	b := v.Interface().(Thing).Base()
	b.ID, b.Name, b.Type, b.At, b.Stub = id, lastSegment(id), c.name, x.at, true
	p.keep(c, v, id)
	return v
}
