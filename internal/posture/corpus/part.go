package corpus

import (
	"strconv"
	"strings"
)

// Part is a resource of a Document, or a child embedded in one.
//
// Its methods take paths of names joined by dots, with places in arrays in
// brackets: "properties.networkAcls.ipRules[0].value".
type Part struct {
	doc *Document
	o   object
}

// ID is the part's ARM id.
func (p Part) ID() string {
	id, _ := p.o["id"].(string)
	return id
}

// name is the last segment of the id.
func (p Part) name() string { return lastOf(p.ID()) }

// Get is what stands at path; nil where nothing does.
func (p Part) Get(path string) any {
	v, _ := look(p.o, steps(path))
	return v
}

// text is the string at path.
func (p Part) text(path string) string {
	s, _ := p.Get(path).(string)
	return s
}

// Set writes v at path and makes the objects on the way.
func (p Part) Set(path string, v any) Part {
	way := steps(path)
	in, last := any(p.o), len(way)-1
	for _, step := range way[:last] {
		next, ok := look(in, []string{step})
		if o, is := in.(object); is && (!ok || next == nil) {
			next = object{}
			o[step] = next
		}
		in = next
	}
	switch in := in.(type) {
	case object:
		in[way[last]] = v
	case list:
		if i, err := strconv.Atoi(way[last]); err == nil && i < len(in) {
			in[i] = v
			return p
		}
		p.fails("set", path)
	default:
		p.fails("set", path)
	}
	return p
}

// Remove takes away what stands at path, which must be a member of an object.
func (p Part) Remove(path string) Part {
	way := steps(path)
	last := len(way) - 1
	in, _ := look(p.o, way[:last])
	o, is := in.(object)
	if _, there := o[way[last]]; !is || !there {
		p.fails("remove", path)
		return p
	}
	delete(o, way[last])
	return p
}

// Append adds v to the array at path, which is made where there is none.
func (p Part) Append(path string, v ...any) Part {
	old := p.Get(path)
	l, is := old.(list)
	if old != nil && !is {
		p.fails("append to", path)
		return p
	}
	return p.Set(path, append(l, v...))
}

func (p Part) fails(what, path string) {
	p.doc.problem("cannot " + what + " " + path + " of " + p.ID())
}

// steps splits a path.
func steps(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

func look(in any, way []string) (any, bool) {
	for _, step := range way {
		switch v := in.(type) {
		case object:
			next, ok := v[step]
			if !ok {
				return nil, false
			}
			in = next
		case list:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v) {
				return nil, false
			}
			in = v[i]
		default:
			return nil, false
		}
	}
	return in, true
}

func lastOf(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

func lower(s string) string { return strings.ToLower(s) }
