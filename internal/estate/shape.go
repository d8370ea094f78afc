package estate

import (
	"reflect"
	"strings"
)

// A field's struct tag says where its value stands in a source: `arm` in an
// ARM document, `tf` in a resource of a Terraform plan. A tag holds one path
// or several, separated by spaces; a path's parts are separated by dots, and
// an array on the way is entered, so that "properties.ipRules.value" collects
// every rule's value. Lists unite what their paths give. A single value takes
// its first path where that states one, else the next. A path may end in
// "|not" (the opposite of a boolean), "|enabled" or "|disabled" (the word
// "Enabled" where the boolean is true, or false), or in "|set": a setting that
// a plan shows as unknown although nobody configured it will be as Azure makes
// it by default, and is absent.

// node is one JSON member on the way to fields.
type node struct {
	kids   map[string]*node
	bit    uint64 // this node's bit among its siblings, to notice duplicate keys
	leaves []leaf // fields that the member's value fills
	below  []leaf // every field that the member or its members fill
	part   *leaf  // a slice of parts that the member's elements fill
	parts  []leaf // of a struct's own node: all its slices of parts
}

// leaf is a field and how it takes its value.
type leaf struct {
	index   []int    // as in reflect.Value.FieldByIndex
	path    []string // where the value stands
	convert string
	first   bool // the tag's first path
}

// shapes compiles struct types to nodes, once each, for one source.
type shapes struct {
	tag   string
	known map[reflect.Type]*node
}

func (s *shapes) of(t reflect.Type) *node {
	if n, ok := s.known[t]; ok {
		return n
	}
	root := &node{}
	s.known[t] = root
	s.add(root, t, nil)
	root.gather()
	return root
}

func (s *shapes) add(root *node, t reflect.Type, index []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(append([]int(nil), index...), i)
		tag, tagged := f.Tag.Lookup(s.tag)
		switch {
		case f.Anonymous:
			s.add(root, f.Type, at)
		case tagged:
			for k, path := range strings.Fields(tag) {
				path, convert, _ := strings.Cut(path, "|")
				parts := strings.Split(path, ".")
				n := root.grow(parts)
				l := leaf{index: at, path: parts, convert: convert, first: k == 0}
				if f.Type.Kind() == reflect.Slice {
					n.part = &l
					root.parts = append(root.parts, l)
				} else {
					n.leaves = append(n.leaves, l)
				}
			}
		}
	}
}

func (n *node) grow(path []string) *node {
	for _, name := range path {
		kid, ok := n.kids[name]
		if !ok {
			if n.kids == nil {
				n.kids = map[string]*node{}
			}
			kid = &node{bit: 1 << (len(n.kids) % 64)}
			n.kids[name] = kid
		}
		n = kid
	}
	return n
}

func (n *node) gather() []leaf {
	n.below = append(n.below, n.leaves...)
	for _, kid := range n.kids {
		n.below = append(n.below, kid.gather()...)
	}
	return n.below
}
