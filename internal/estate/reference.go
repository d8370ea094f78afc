package estate

import (
	"reflect"
	"slices"
	"strings"
)

// found is what a configuration's references lead to.
type found struct {
	things []*planned
	opaque bool // something else may be meant: a local value
	at     At
	steps  int
	over   *expression // what each.value stands for here; nil where that is not known
}

// maxSteps bounds how many references are followed for one value; a
// configuration that goes round in circles is opaque.
const maxSteps = 1000

// referred follows what a resource's configuration says at a path.
func (p *planReader) referred(x *planned, path []string) found {
	f := found{over: x.over()}
	for _, e := range x.expr.find(path) {
		p.follow(e, x.module, x.key, &f, 0)
	}
	return f
}

func (x *planned) over() *expression {
	if x.expr == nil {
		return nil
	}
	return x.expr.over
}

// follow collects the resources that an expression refers to. Terraform lists
// for each reference the whole and its shorter forms, the longest first.
func (p *planReader) follow(e *expression, module, key string, f *found, depth int) {
	if f.steps++; e == nil || depth > 32 || f.steps > maxSteps {
		f.opaque = true
		return
	}
	if f.at == 0 {
		f.at = e.at
	}
	for i, ref := range e.refs {
		if i > 0 && shorter(ref, e.refs[i-1]) {
			continue
		}
		p.reference(ref, e.refs, module, key, f, depth)
	}
	for _, k := range e.kids {
		p.follow(k, module, key, f, depth+1)
	}
	for _, b := range e.many {
		p.follow(b, module, key, f, depth+1)
	}
}

// shorter reports whether ref is a shorter form of the one before it.
func shorter(ref, before string) bool {
	rest, ok := strings.CutPrefix(before, ref)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func (p *planReader) reference(ref string, all []string, module, key string, f *found, depth int) {
	head, rest, _ := strings.Cut(ref, ".")
	switch head {
	case "each", "count":
		if rest != "key" && rest != "index" {
			p.value(module, key, f, depth)
		}
	case "var":
		name, _, _ := strings.Cut(rest, ".")
		p.argument(name, module, f, depth)
	case "module":
		p.output(rest, all, module, key, f, depth)
	case "local", "path", "terraform", "self":
		f.opaque = true
	default:
		typ, name := head, rest
		if head == "data" {
			typ, name, _ = strings.Cut(rest, ".")
		}
		s, _ := cutSegment(name)
		p.instances(head == "data", typ, s, all, module, key, f)
	}
}

// value follows each.value to what for_each goes over: of a resource with
// instances by the same keys, the instance of the referrer's own key.
func (p *planReader) value(module, key string, f *found, depth int) {
	over := f.over
	if over == nil || len(over.refs) == 0 {
		f.opaque = true
		return
	}
	f.over = nil
	keyed := append(slices.Clone(over.refs), "each.key")
	for i, ref := range over.refs {
		if i == 0 || !shorter(ref, over.refs[i-1]) {
			p.reference(ref, keyed, module, key, f, depth+1)
		}
	}
	f.over = over
}

// argument follows a variable to what the module's caller gave.
func (p *planReader) argument(name, module string, f *found, depth int) {
	all := segments(module)
	if len(all) == 0 {
		return // a variable of the root: a value that somebody typed
	}
	last := all[len(all)-1]
	outer := strings.TrimSuffix(strings.TrimSuffix(module, "module."+last.name+last.key), ".")
	in := p.config.at(outer)
	if in == nil || in.calls[last.name] == nil || in.calls[last.name].args == nil {
		f.opaque = true
		return
	}
	if arg := in.calls[last.name].args.kids[name]; arg != nil {
		p.elsewhere(arg, outer, last.key, f, depth)
	}
}

// output follows an output of a module called here.
func (p *planReader) output(rest string, all []string, module, key string, f *found, depth int) {
	s, rest := cutSegment(rest)
	name, _, _ := strings.Cut(strings.TrimPrefix(rest, "."), ".")
	name, _, _ = strings.Cut(name, "[")
	in := p.config.at(module)
	if name == "" || in == nil || in.calls[s.name] == nil || in.calls[s.name].module == nil {
		f.opaque = true
		return
	}
	inner := "module." + s.name + pick(s.key, all, key)
	if module != "" {
		inner = module + "." + inner
	}
	p.elsewhere(in.calls[s.name].module.outputs[name], inner, "", f, depth)
}

// elsewhere follows an expression of another module, where each is another's.
func (p *planReader) elsewhere(e *expression, module, key string, f *found, depth int) {
	over := f.over
	f.over = nil
	p.follow(e, module, key, f, depth+1)
	f.over = over
}

// pick is the instance key that a reference means: the one it names, or the
// referrer's own where it is indexed by that.
func pick(named string, all []string, own string) string {
	if named == "" && (slices.Contains(all, "each.key") || slices.Contains(all, "count.index")) {
		return own
	}
	return named
}

// instances collects the instances of a resource that a reference may mean.
// One that is indexed by the referrer's own key means the instance of that
// key, where there is one.
func (p *planReader) instances(data bool, typ string, s segment, all []string, module, key string, f *found) {
	want := pick(s.key, all, key)
	var matching []*planned
	for _, x := range p.all {
		if x.data != data || x.typ != typ || x.name != s.name || x.module != module {
			continue
		}
		if x.key == want {
			matching = []*planned{x}
			break
		}
		matching = append(matching, x)
	}
	if len(matching) == 0 {
		f.opaque = true
	}
	for _, x := range matching {
		if x.thing != nil && !slices.Contains(f.things, x) {
			f.things = append(f.things, x)
		}
	}
}

// pending is a reference field that the configuration may complete.
type pending interface {
	complete(f found, of func(*planned) bool, id func(*planned) string) bool
	wants() reflect.Type
}

// link completes the references that the plan shows as unknown.
func (p *planReader) link(x *planned) {
	if x.thing == nil || x.expr == nil {
		return
	}
	v := reflect.ValueOf(x.thing).Elem()
	p.linkFields(x, v, p.shapes.of(v.Type()), nil, -1)
}

// linkFields completes the references of a struct whose members stand under
// prefix; block is its number among the blocks there, or -1.
func (p *planReader) linkFields(x *planned, v reflect.Value, n *node, prefix []string, block int) {
	for _, l := range n.below {
		f, ok := v.FieldByIndex(l.index).Addr().Interface().(pending)
		if !ok {
			continue
		}
		got := p.referredIn(x, append(slices.Clip(prefix), l.path...), prefix, block)
		of := func(t *planned) bool {
			return f.wants() == nil || reflect.TypeOf(t.thing).Elem() == f.wants()
		}
		id := func(t *planned) string { return t.thing.(interface{ part() *Part }).part().ID }
		if f.complete(got, of, id) {
			p.decoder.refer(f.(linker))
		}
	}
	for _, l := range n.parts {
		list := v.FieldByIndex(l.index)
		for i := range list.Len() {
			part := list.Index(i).Elem()
			p.linkFields(x, part, p.shapes.of(part.Type()), append(slices.Clip(prefix), l.path...), i)
		}
	}
}

// referredIn is referred within the block of a number, where the path leads
// through several.
func (p *planReader) referredIn(x *planned, path, prefix []string, block int) found {
	f := found{over: x.over()}
	all := x.expr.find(prefix)
	if block >= 0 && block < len(all) && len(all) > 1 && len(prefix) > 0 {
		for _, e := range all[block].find(path[len(prefix):]) {
			p.follow(e, x.module, x.key, &f, 0)
		}
		return f
	}
	return p.referred(x, path)
}

// single is the one thing that references can mean, or nil.
func (f found) single(of func(*planned) bool) *planned {
	var one *planned
	for _, t := range f.things {
		if of(t) {
			if one != nil {
				return nil
			}
			one = t
		}
	}
	if f.opaque {
		return nil
	}
	return one
}

func (r *Ref[T]) wants() reflect.Type { return reflect.TypeFor[T]() }

func (r *Ref[T]) complete(f found, of func(*planned) bool, id func(*planned) string) bool {
	if t := f.single(of); r.State == Unknown && t != nil {
		r.ID, r.Mark = id(t), Mark{Known, f.at}
		return true
	}
	return false
}

func (l *Link) wants() reflect.Type { return nil }

func (l *Link) complete(f found, of func(*planned) bool, id func(*planned) string) bool {
	if t := f.single(of); l.State == Unknown && t != nil {
		l.ID, l.Mark = id(t), Mark{Known, f.at}
		return true
	}
	return false
}

func (r *Refs[T]) wants() reflect.Type { return reflect.TypeFor[T]() }

// complete takes the things in the order of the references where there are as
// many as the list has unknown elements.
func (r *Refs[T]) complete(f found, of func(*planned) bool, id func(*planned) string) bool {
	var things []*planned
	for _, t := range f.things {
		if of(t) {
			things = append(things, t)
		}
	}
	var holes []*Ref[T]
	for i := range r.Items {
		if r.Items[i].State == Unknown {
			holes = append(holes, &r.Items[i])
		}
	}
	if len(things) == 0 || f.opaque || len(holes) != len(things) {
		return false
	}
	for i, h := range holes {
		h.ID, h.Mark = id(things[i]), Mark{Known, f.at}
	}
	return true
}
