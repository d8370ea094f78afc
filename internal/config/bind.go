package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/internal/fault"
)

// fail reports a problem with the value at path.
func (d *decoder) fail(at pos, path, what, fix string) {
	d.broken[path] = true
	d.problems.add(at, what, fix)
}

// named is how a problem names the value at path.
func named(path string) string {
	if path == "" {
		return "the document"
	}
	return path
}

// bind sets v from n. No value of the document is repeated in a problem: it
// may be a secret in the wrong place.
func (d *decoder) bind(n *node, v reflect.Value, path string) {
	t := v.Type()
	switch {
	case n.kind == refused:
		d.broken[path] = true
	case t.Kind() == reflect.Pointer:
		d.pointer(n, v, path)
	case n.kind == null:
		d.fail(n.at, path, named(path)+" has no value", emptyFix(t))
	case isLeaf(t):
		d.leaf(n, v, path)
	case t.Kind() == reflect.Struct && n.kind == mapping:
		d.fields(n, v, path)
	case t.Kind() == reflect.Map && n.kind == mapping:
		d.mapping(n, v, path)
	case t.Kind() == reflect.Slice && n.kind == list:
		d.list(n, v, path)
	case isScalar(n.kind) && scalarInto(n, v):
	default:
		d.mismatch(n, t, path)
	}
}

func emptyFix(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice:
		return "write one, [] for none, or delete the key"
	case reflect.Map, reflect.Struct:
		if !isLeaf(t) {
			return "write one, {} for none, or delete the key"
		}
	case reflect.String:
		return `write one, "" for empty text, or delete the key`
	}
	return "write one, or delete the key"
}

func (d *decoder) mismatch(n *node, t reflect.Type, path string) {
	if !isLeaf(t) && wellFormed(n, t) {
		low, high := span(t)
		d.fail(n.at, path, named(path)+" is out of range", "write a number from "+low+" to "+high)
		return
	}
	what, how := want(t)
	d.fail(n.at, path, fmt.Sprintf("%s wants %s, found %s", named(path), what, n.kind), how)
}

// pointer binds into a fresh copy, so that what the caller's value points to
// stays as it was when the document is refused.
func (d *decoder) pointer(n *node, v reflect.Value, path string) {
	fresh := reflect.New(v.Type().Elem())
	if !v.IsNil() {
		fresh.Elem().Set(v.Elem())
	}
	d.bind(n, fresh.Elem(), path)
	v.Set(fresh)
}

func (d *decoder) leaf(n *node, v reflect.Value, path string) {
	if !isScalar(n.kind) {
		d.mismatch(n, v.Type(), path)
		return
	}
	if isDuration(v.Type()) {
		t, err := time.ParseDuration(n.text)
		if err != nil {
			what, how := want(v.Type())
			d.fail(n.at, path, path+" is not "+what, how)
		}
		v.SetInt(int64(t))
		return
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.text)); err != nil {
		v.SetZero()
		what, fix := said(err)
		d.fail(n.at, path, path+": "+what, fix)
	}
}

// said splits an error of another package into what and fix. A fault's cause
// may quote at length and stays out.
func said(err error) (what, fix string) {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.What, f.Hint
	}
	what, fix, _ = strings.Cut(err.Error(), "; ")
	return what, fix
}

func (d *decoder) list(n *node, v reflect.Value, path string) {
	s := reflect.MakeSlice(v.Type(), len(n.items), len(n.items))
	for i, item := range n.items {
		d.bind(item, s.Index(i), join(path, fmt.Sprintf("[%d]", i)))
	}
	v.Set(s)
}

func (d *decoder) mapping(n *node, v reflect.Value, path string) {
	m := reflect.MakeMapWithSize(v.Type(), len(n.entries))
	for _, e := range n.entries {
		value := reflect.New(v.Type().Elem()).Elem()
		d.bind(e.value, value, join(path, e.key))
		m.SetMapIndex(reflect.ValueOf(e.key).Convert(v.Type().Key()), value)
	}
	v.Set(m)
}

func (d *decoder) fields(n *node, v reflect.Value, path string) {
	fs := fields(v.Type())
	known := map[string]bool{}
	for _, f := range fs {
		known[f.key] = true
		where := join(path, f.key)
		i, ok := n.index[f.key]
		switch {
		case !ok && f.required:
			d.fail(n.at, where, "missing required key "+where, "add it"+gloss(f.doc))
		case !ok:
		case f.required && isEmpty(n.entries[i].value, f.typ):
			d.fail(n.entries[i].value.at, where, where+" is empty", "write a value"+gloss(f.doc))
		default:
			d.bind(n.entries[i].value, v.Field(f.index), where)
		}
	}
	for _, e := range n.entries {
		if !known[e.key] {
			what := "unknown key " + quoteKey(e.key)
			if path != "" {
				what += " in " + path
			}
			d.problems.add(e.at, what, suggest(e.key, fs))
		}
	}
}

// isEmpty says whether a required value is there in form only. A struct may be
// {}: its own required keys say what it lacks.
func isEmpty(n *node, t reflect.Type) bool {
	switch n.kind {
	case null:
		return true
	case text:
		return n.text == ""
	case list:
		return len(n.items) == 0
	case mapping:
		return len(n.entries) == 0 && t.Kind() == reflect.Map
	}
	return false
}

func gloss(doc string) string {
	if doc == "" {
		return ""
	}
	return ": " + doc
}

// showable is a key as people write keys: a letter or _, then up to 63 letters,
// digits, _, dots, blanks, / and -. Anything else may be a value that lost its
// place, and is not repeated.
func showable(key string) bool {
	first, _ := utf8.DecodeRuneInString(key)
	other := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !strings.ContainsRune("_. /-", r)
	}
	return (unicode.IsLetter(first) || first == '_') && utf8.RuneCountInString(key) <= 64 && !strings.ContainsFunc(key, other)
}

func quoteKey(key string) string {
	if !showable(key) {
		return "(not shown)"
	}
	return `"` + key + `"`
}
