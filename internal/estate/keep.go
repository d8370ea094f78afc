package estate

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// name completes a resource's name: in ARM the last part of its id.
func (r *reading) name(b *Resource) {
	if b.ID != "" && b.Address == "" {
		b.Name = lastSegment(strings.TrimSuffix(b.ID, "/"))
	}
}

// keep files what was read, and what it holds, in the estate.
func (r *reading) keep(c *class, x reflect.Value, id string) {
	if !c.thing {
		p := x.Interface().(interface{ part() *Part }).part()
		p.ID, p.Name = id, lastSegment(id)
		r.later = append(r.later, func() { r.joinPart(c, x, r.parent(c, id, p.At)) })
		return
	}
	t := x.Interface().(Thing)
	r.name(t.Base())
	if f, ok := t.(interface{ complete() }); ok {
		f.complete()
	}
	was := r.register(t)
	x = reflect.ValueOf(was)
	if was == t && c.all >= 0 {
		push(reflect.ValueOf(r.e).Elem().Field(c.all), x)
	}
	r.hold(c, x)
	if c.up >= 0 && x.Elem().Field(c.up).IsNil() {
		// The parent may follow in the document.
		r.later = append(r.later, func() {
			if x.Elem().Field(c.up).IsNil() {
				r.adopt(c, x, r.parent(c, id, t.Base().At))
			}
		})
	}
}

// adopt makes p the parent of x, a child of class c.
func (r *reading) adopt(c *class, x, p reflect.Value) {
	x.Elem().Field(c.up).Set(p)
	for _, k := range c.parent.kids {
		if k.class == c && k.field >= 0 {
			push(p.Elem().Field(k.field), x)
		}
	}
}

// hold files the children that x embeds. What was read on its own before
// takes the embedded one in.
func (r *reading) hold(c *class, x reflect.Value) {
	for _, k := range c.kids {
		if k.field < 0 {
			continue
		}
		list := x.Elem().Field(k.field)
		if k.class.thing {
			r.holdThings(k.class, x, list)
		} else {
			r.holdParts(k.class, x, list)
		}
	}
}

func (r *reading) holdThings(c *class, parent, list reflect.Value) {
	base := parent.Interface().(Thing).Base()
	kept := 0
	for i := range list.Len() {
		child := list.Index(i)
		t := child.Interface().(Thing)
		b := t.Base()
		if b.ID == "" {
			b.ID = base.ID + "/" + c.segment() + "/" + b.Name
		}
		if b.Type == "" {
			b.Type = c.name
		}
		r.name(b)
		if len(r.gone) > 0 && b.Address == "" && r.gone[goneKey(c.segment(), base.Name, b.Name)] {
			continue
		}
		if !child.Elem().Field(c.up).IsNil() { // held before the merge of its parent
			list.Index(kept).Set(child)
			kept++
			continue
		}
		was := r.register(t)
		if was == t && c.all >= 0 {
			push(reflect.ValueOf(r.e).Elem().Field(c.all), child)
		}
		child = reflect.ValueOf(was)
		r.hold(c, child)
		if up := child.Elem().Field(c.up); up.IsNil() {
			up.Set(parent)
			list.Index(kept).Set(child)
			kept++
		}
	}
	list.SetLen(kept)
}

// holdParts names the parent of embedded rules or routes and merges those of
// one name.
func (r *reading) holdParts(c *class, parent, list reflect.Value) {
	base := parent.Interface().(Thing).Base()
	seen := make(map[string]reflect.Value, list.Len())
	kept := 0
	for i := range list.Len() {
		part := list.Index(i)
		p := part.Interface().(interface{ part() *Part }).part()
		if p.ID == "" {
			p.ID = base.ID + "/" + c.segment() + "/" + p.Name
		}
		if up := part.Elem().Field(c.up); up.IsNil() {
			up.Set(parent)
			if len(r.gone) > 0 && p.ID == base.ID+"/"+c.segment()+"/"+p.Name && r.gone[goneKey(c.segment(), base.Name, p.Name)] {
				continue
			}
		}
		name := strings.ToLower(p.Name)
		if was, twice := seen[name]; twice && was != part {
			r.merge(was, part, p.ID)
			continue
		}
		seen[name] = part
		list.Index(kept).Set(part)
		kept++
	}
	list.SetLen(kept)
}

// goneKey names a child by what it is, its parent's name and its own.
func goneKey(segment, parent, name string) string {
	return strings.ToLower(segment + "|" + parent + "|" + name)
}

// joinPart adds a rule or route that was read on its own to its table.
func (r *reading) joinPart(c *class, part, parent reflect.Value) {
	for _, k := range c.parent.kids {
		if k.class == c {
			push(parent.Elem().Field(k.field), part)
			r.touched[parent.Interface().(Thing)] = func() { r.holdParts(c, parent, parent.Elem().Field(k.field)) }
		}
	}
}

// parent finds the resource that a child of class c with this id lies in, or
// makes a stub of it.
func (r *reading) parent(c *class, id string, at At) reflect.Value {
	up := parentID(id)
	if t := r.e.byID[fold(up)]; t != nil && reflect.TypeOf(t).Elem() == c.parent.t {
		return reflect.ValueOf(t)
	}
	x := reflect.New(c.parent.t)
	b := x.Interface().(Thing).Base()
	b.ID, b.Type, b.At, b.Stub = up, c.parent.name, at, true
	r.keep(c.parent, x, up)
	return x
}

// register files a resource under its id; the one that was there before is
// merged with it and returned.
func (r *reading) register(t Thing) Thing {
	key := fold(t.Base().ID)
	was, ok := r.e.byID[key]
	switch {
	case !ok:
		r.e.byID[key] = t
		return t
	case was == t:
		return t
	case reflect.TypeOf(was) != reflect.TypeOf(t):
		// One id, two types: neither can be trusted.
		was.Base().Doubt, t.Base().Doubt = t.Base().At, was.Base().At
		r.e.Conflicts = append(r.e.Conflicts, Conflict{t.Base().ID, was.Base().At, t.Base().At})
		return t
	}
	r.merge(reflect.ValueOf(was), reflect.ValueOf(t), t.Base().ID)
	return was
}

// finish links what was read.
func (r *reading) finish() *Estate {
	for len(r.later) > 0 {
		now := r.later
		r.later = nil
		for _, f := range now {
			f()
		}
	}
	for _, f := range r.touched {
		f()
	}
	for _, l := range r.refs {
		l.link(r.e.byID)
	}
	for _, d := range r.e.DiagnosticSettings {
		d.Target.link(r.e.byID)
	}
	for _, p := range r.e.PrivateEndpoints {
		for _, g := range p.ZoneGroups {
			g.settle()
		}
	}
	r.e.callEndpoints()
	slices.SortFunc(r.e.Conflicts, func(a, b Conflict) int { return cmp.Compare(a.Second, b.Second) })
	r.e.Misread = r.misread
	return r.e
}

func push(list, x reflect.Value) { list.Set(reflect.Append(list, x)) }
