package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
)

// field is one tagged field of a struct.
type field struct {
	index    int
	key      string
	doc      string
	required bool
	typ      reflect.Type
}

// fields are the tagged fields of a struct type, in the order of declaration.
// Untagged ones (a logger, a clock) are no part of the file.
func fields(t reflect.Type) []field {
	var fs []field
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" || key == "-" {
			continue
		}
		fs = append(fs, field{i, key, f.Tag.Get("doc"), f.Tag.Get("config") == "required", f.Type})
	}
	return fs
}

// supported refuses a type that no document can fill: a slip of the
// programmer, found by the first test that decodes. outer are the types
// around t, where a recursive type ends.
func supported(t reflect.Type, at string, outer []reflect.Type) error {
	for _, o := range outer {
		if o == t {
			return nil
		}
	}
	outer = append(outer[:len(outer):len(outer)], t)
	if isLeaf(t) {
		return nil
	}
	switch k := t.Kind(); {
	case k == reflect.Pointer && t.Elem().Kind() == reflect.Pointer:
	case k == reflect.Pointer:
		return supported(t.Elem(), at, outer)
	case k == reflect.Slice:
		return supported(t.Elem(), at+"[]", outer)
	case k == reflect.Map && t.Key().Kind() == reflect.String:
		return supported(t.Elem(), join(at, "*"), outer)
	case k == reflect.Struct:
		return supportedFields(t, at, outer)
	case k == reflect.String, k == reflect.Bool, k >= reflect.Int && k <= reflect.Uint64, k == reflect.Float32, k == reflect.Float64:
		return nil
	}
	return fault.New(fault.Internal, fmt.Sprintf("config: type %s is not supported", t)).At(at)
}

func supportedFields(t reflect.Type, at string, outer []reflect.Type) error {
	seen := map[string]bool{}
	for _, f := range fields(t) {
		where := join(at, f.key)
		if seen[f.key] || !t.Field(f.index).IsExported() {
			return fault.New(fault.Internal, fmt.Sprintf("config: %s is unexported or a duplicate in %s", f.key, t)).At(where)
		}
		seen[f.key] = true
		if err := supported(f.typ, where, outer); err != nil {
			return err
		}
	}
	return nil
}

// join is the path of key below path.
func join(path, key string) string {
	if path == "" || strings.HasPrefix(key, "[") {
		return path + key
	}
	if key == "" {
		return path
	}
	return path + "." + key
}
