package config

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/internal/secret"
)

// maxWalk ends a walk over a value that was cyclic before decoding.
const maxWalk = 2 * maxDepth

// each visits what v holds: fields, items and values, with their paths. Map
// values are copies, in the order of their keys.
func each(v reflect.Value, path string, visit func(v reflect.Value, path string)) {
	switch v.Kind() {
	case reflect.Struct:
		for _, f := range fields(v.Type()) {
			visit(v.Field(f.index), join(path, f.key))
		}
	case reflect.Slice:
		for i := range v.Len() {
			visit(v.Index(i), join(path, fmt.Sprintf("[%d]", i)))
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(k))
			visit(value, join(path, k.String()))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			visit(v.Elem(), path)
		}
	}
}

// check calls Check on every struct in v that has it.
func (d *decoder) check(v reflect.Value, path string, depth int) {
	if depth > maxWalk || isLeaf(v.Type()) {
		return
	}
	each(v, path, func(v reflect.Value, path string) { d.check(v, path, depth+1) })
	if v.Kind() != reflect.Struct {
		return
	}
	c, ok := v.Addr().Interface().(interface {
		Check(report func(path, what, fix string))
	})
	if !ok {
		return
	}
	c.Check(func(below, what, fix string) {
		if whole := join(path, below); !d.isBroken(whole) {
			d.problems.add(d.root.locate(whole), what, fix)
		}
	})
}

// secrets resolves every reference in v once, so that a missing secret is
// named at the start and not at the first call that needs it.
func (d *decoder) secrets(v reflect.Value, path string, depth int) {
	if depth > maxWalk {
		return
	}
	if ref, ok := v.Interface().(secret.Ref); ok {
		d.secret(ref, path)
		return
	}
	if isLeaf(v.Type()) {
		return
	}
	each(v, path, func(v reflect.Value, path string) { d.secrets(v, path, depth+1) })
}

func (d *decoder) secret(ref secret.Ref, path string) {
	if ref.IsZero() {
		return
	}
	_, err := ref.Resolve()
	if err == nil {
		return
	}
	fix := "write the secret to that file, or name another reference"
	if name, ok := strings.CutPrefix(ref.String(), "env:"); ok {
		fix = "set the variable " + name + ", or name another reference"
	}
	d.fail(d.root.locate(path), path, err.Error(), fix)
}

// isBroken says whether the value at path, or one around it, has a problem
// already: what Check then says of it would only be an echo.
func (d *decoder) isBroken(path string) bool {
	for p := range around(path) {
		if d.broken[p] {
			return true
		}
	}
	return d.broken[""]
}

// around yields path and the paths around it, from the longest.
func around(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for end := len(path); end > 0; end = strings.LastIndexAny(path[:end], ".[") {
			if !yield(path[:end]) {
				return
			}
		}
	}
}

// locate is the place of the value at path, or of the nearest value around it
// that the document has. Keys may contain dots: the longest that fits counts.
func (n *node) locate(path string) pos {
	path = strings.TrimPrefix(path, ".")
	for key := range around(path) {
		if i, ok := n.index[key]; ok {
			return n.entries[i].value.locate(path[len(key):])
		}
	}
	if index, rest, ok := strings.Cut(strings.TrimPrefix(path, "["), "]"); ok {
		if i, err := strconv.Atoi(index); err == nil && i >= 0 && i < len(n.items) {
			return n.items[i].locate(rest)
		}
	}
	return n.at
}
