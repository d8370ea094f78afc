package estate

import (
	"reflect"
	"slices"
	"strconv"
)

// decoder fills tagged structs from JSON.
type decoder struct {
	scanner
	shapes shapes
	// overlaid is set while reading a plan's after_unknown over values that
	// were read before: true there makes what it covers unknown.
	overlaid bool
	within   int  // arrays entered on the way to a field of the struct at hand
	misread  []At // values of the wrong kind, read as unknown
	// refer is told of each reference read.
	refer func(linker)
	// stated says whether the configuration of a planned resource mentions a
	// path. Nil means that it mentions all.
	stated func(path []string) bool
	prefix []string // the path of the part at hand
}

func newDecoder(text, tag string, o Options) *decoder {
	return &decoder{
		scanner: scanner{text: text, limit: o.depth()},
		shapes:  shapes{tag: tag, known: map[reflect.Type]*node{}},
	}
}

// field is what a leaf fills: a Value, List, Ref, Refs or Link.
type field interface {
	take(d *decoder, l leaf)
	lack(at At)
	doubt(at At)
}

// gatherer is a field that collects the elements of an array. more adds one
// that is not known, size counts them.
type gatherer interface {
	gather(at At)
	more(at At)
	size() int
}

// placed is a resource or a part of one.
type placed interface{ placeAt(at At) }

func (d *decoder) at() At {
	d.peek()
	return At(d.pos) + 1 //nolint:gosec // a text is shorter than 4 GiB, see Options.MaxBytes
}

// into decodes the object at hand into the struct that ptr points to.
func (d *decoder) into(ptr any) {
	v := reflect.ValueOf(ptr).Elem()
	if p, ok := ptr.(placed); ok && !d.overlaid {
		p.placeAt(d.at())
	}
	d.members(v, d.shapes.of(v.Type()))
}

// fill reads the value at hand, which stands at n, into v's fields.
func (d *decoder) fill(v reflect.Value, n *node) {
	switch {
	case n.part != nil:
		d.parts(v.FieldByIndex(n.part.index), n.part.path)
	case n.kids != nil:
		d.members(v, n)
	default:
		start := d.pos
		for i, l := range n.leaves {
			if i > 0 {
				d.pos = start // another field takes the same value
			}
			switch f := v.FieldByIndex(l.index).Addr().Interface().(type) {
			case field:
				f.take(d, l)
			case *string:
				d.plain(f)
			}
		}
	}
}

// plain reads a name or an id into a string; anything else leaves it as it is.
func (d *decoder) plain(into *string) {
	if d.peek() == '"' {
		*into = d.str()
	} else {
		d.skip()
	}
}

// members reads an object, or each object of an array, into v's fields.
func (d *decoder) members(v reflect.Value, n *node) {
	at := d.at()
	switch d.peek() {
	case '{':
		for _, l := range n.below {
			if f, ok := v.FieldByIndex(l.index).Addr().Interface().(field); ok && !d.overlaid {
				f.lack(at)
			}
		}
		d.keys(v, n)
	case '[':
		for _, l := range n.below {
			if f, ok := v.FieldByIndex(l.index).Addr().Interface().(gatherer); ok && !d.overlaid {
				f.gather(at)
			}
		}
		d.within++
		d.array(func(int) { d.element(v, n) })
		d.within--
	default:
		if d.obscure() {
			d.doubt(v, n, at)
		}
	}
}

// element reads one object of an array. Where the array stands for one list
// alone, an object that gives it nothing is an element that is not known.
func (d *decoder) element(v reflect.Value, n *node) {
	var list gatherer
	if len(n.below) == 1 && !d.overlaid && d.shapes.tag == "arm" {
		list, _ = v.FieldByIndex(n.below[0].index).Addr().Interface().(gatherer)
	}
	if list == nil {
		d.members(v, n)
		return
	}
	at, before := d.at(), list.size()
	if d.members(v, n); list.size() == before {
		list.more(at)
	}
}

func (d *decoder) keys(v reflect.Value, n *node) {
	if !d.open('{') {
		return
	}
	var seen uint64
	for first := true; d.more('}', first); first = false {
		key := d.key()
		kid := n.kids[key]
		if kid == nil {
			d.skip()
			continue
		}
		if seen&kid.bit != 0 {
			d.fail("the key "+strconv.Quote(key)+" stands twice in one object", "export the document again")
			return
		}
		seen |= kid.bit
		d.fill(v, kid)
	}
}

// obscure skips a value where an object or array was expected, and reports
// whether that makes what it holds unknown. Null does not.
func (d *decoder) obscure() bool {
	s := d.scalar()
	if d.overlaid {
		return s.kind == 'b' && s.yes
	}
	return s.kind != 'n'
}

// doubt makes every field under n unknown that is not known.
func (d *decoder) doubt(v reflect.Value, n *node, at At) {
	for _, l := range n.below {
		f := v.FieldByIndex(l.index).Addr().Interface()
		if g, ok := f.(gatherer); ok && d.within > 0 && !d.overlaid {
			g.more(at)
		} else if f, ok := f.(field); ok {
			f.doubt(at)
		}
	}
	if !d.overlaid {
		d.misread = append(d.misread, at)
	}
}

// parts reads an array of objects into a slice of struct pointers. While
// reading after_unknown the elements are those read before, in their order.
func (d *decoder) parts(slice reflect.Value, path []string) {
	elem := slice.Type().Elem().Elem()
	grow := func() reflect.Value {
		part := reflect.New(elem)
		if p, ok := part.Interface().(placed); ok {
			p.placeAt(d.at())
		}
		slice.Set(reflect.Append(slice, part))
		return part
	}
	one := func(i int) {
		outer, prefix := d.within, d.prefix
		d.within, d.prefix = 0, append(slices.Clip(prefix), path...)
		var part reflect.Value
		if d.overlaid && i < slice.Len() {
			part = slice.Index(i)
		} else {
			part = grow()
		}
		d.members(part.Elem(), d.shapes.of(elem))
		d.within, d.prefix = outer, prefix
	}
	switch d.peek() {
	case '[':
		d.array(one)
	case '{': // a block that is written without a list
		one(slice.Len())
	default:
		// Unknown parts, we cannot tell how many; unless they are blocks that
		// nobody wrote: then there will be none, or such as Azure makes.
		if at := d.at(); d.obscure() && (!d.overlaid || d.states(path)) {
			d.doubt(grow().Elem(), d.shapes.of(elem), at)
		}
	}
}

func (d *decoder) states(path []string) bool {
	return d.stated == nil || d.stated(append(slices.Clip(d.prefix), path...))
}

// scalar is a JSON string, boolean, number or null as read.
type scalar struct {
	kind byte // '"', 'b', '0', 'n', or 'x' for an object or array
	text string
	yes  bool
}

func (d *decoder) scalar() scalar {
	switch d.peek() {
	case '"':
		return scalar{kind: '"', text: d.str()}
	case '{', '[':
		d.skip()
		return scalar{kind: 'x'}
	}
	switch word := d.literal(); word {
	case "true", "false":
		return scalar{kind: 'b', yes: word == "true"}
	case "null":
		return scalar{kind: 'n'}
	default:
		return scalar{kind: '0', text: word}
	}
}

// nothing reports whether s states nothing. Terraform writes an empty string
// for a value that is not set.
func (d *decoder) nothing(s scalar) bool {
	return s.kind == 'n' || d.shapes.tag == "tf" && s.kind == '"' && s.text == ""
}

// converted applies the conversion that a tag asks for.
func (s scalar) converted(how string) scalar {
	if how == "" || how == "set" || s.kind != 'b' {
		return s
	}
	yes := s.yes != (how == "not" || how == "disabled")
	if how == "not" {
		return scalar{kind: 'b', yes: yes}
	}
	if yes {
		return scalar{kind: '"', text: "Enabled"}
	}
	return scalar{kind: '"', text: "Disabled"}
}

// put stores s where into points, if it is of that kind.
func (s scalar) put(into any) bool {
	switch p := into.(type) {
	case *string:
		*p = s.text
		return s.kind == '"'
	case *bool:
		*p = s.yes
		return s.kind == 'b'
	case *int:
		n, err := strconv.Atoi(s.text)
		*p = n
		return s.kind == '0' && err == nil
	}
	return false
}
