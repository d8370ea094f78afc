package config

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

// schema is the part of JSON Schema, draft 2020-12, that a configuration needs.
type schema struct {
	Schema      string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Ref         string             `json:"$ref,omitempty"`
	Type        any                `json:"type,omitempty"` // a name or several
	Pattern     string             `json:"pattern,omitempty"`
	MinLength   int                `json:"minLength,omitempty"`
	MinItems    int                `json:"minItems,omitempty"`
	MinKeys     int                `json:"minProperties,omitempty"`
	Minimum     json.Number        `json:"minimum,omitempty"`
	Maximum     json.Number        `json:"maximum,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Additional  any                `json:"additionalProperties,omitempty"` // false, or a *schema
}

// Schema is the JSON Schema, draft 2020-12, of what Decode accepts into v, a
// struct or a pointer to one, for editors that complete and check. It is
// indented and the same for the same type. It is a little stricter than
// Decode, which takes a bare number for a type that parses itself; it knows
// nothing of what Check refuses.
func Schema(title string, v any) ([]byte, error) {
	t := reflect.TypeOf(v)
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct {
		return nil, fault.New(fault.Internal, fmt.Sprintf("config: %T is no struct", v))
	}
	if err := supported(t, "", nil); err != nil {
		return nil, err
	}
	s := schemaOf(t, "#", map[reflect.Type]string{})
	s.Schema, s.Title = "https://json-schema.org/draft/2020-12/schema", title
	out, err := json.MarshalIndent(s, "", "  ")
	return append(out, '\n'), err
}

// schemaOf describes t at the pointer at. A type that contains itself refers
// to where it is being described: open holds those places.
func schemaOf(t reflect.Type, at string, open map[reflect.Type]string) *schema {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if place, ok := open[t]; ok {
		return &schema{Ref: place}
	}
	if isLeaf(t) {
		return leafSchema(t)
	}
	switch {
	case t.Kind() == reflect.String:
		return &schema{Type: "string"}
	case t.Kind() == reflect.Bool:
		return &schema{Type: "boolean"}
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		return &schema{Type: "number"}
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64:
		return integerSchema(t)
	}
	open[t] = at
	defer delete(open, t)
	switch t.Kind() {
	case reflect.Slice:
		return &schema{Type: "array", Items: schemaOf(t.Elem(), at+"/items", open)}
	case reflect.Map:
		return &schema{Type: "object", Additional: schemaOf(t.Elem(), at+"/additionalProperties", open)}
	}
	return structSchema(t, at, open)
}

func structSchema(t reflect.Type, at string, open map[reflect.Type]string) *schema {
	s := &schema{Type: "object", Properties: map[string]*schema{}, Additional: false}
	for _, f := range fields(t) {
		p := schemaOf(f.typ, at+"/properties/"+escape(f.key), open)
		p.Description = strings.Join(slices.DeleteFunc([]string{f.doc, p.Description}, func(s string) bool { return s == "" }), "; ")
		if f.required {
			s.Required = append(s.Required, f.key)
			p.notEmpty()
		}
		s.Properties[f.key] = p
	}
	return s
}

// notEmpty says what required means to Decode.
func (s *schema) notEmpty() {
	switch s.Type {
	case "string":
		s.MinLength = 1
	case "array":
		s.MinItems = 1
	case "object":
		if s.Properties == nil {
			s.MinKeys = 1
		}
	}
}

// integerSchema leaves out the limits of 64 bits, which many editors round.
func integerSchema(t reflect.Type) *schema {
	s := &schema{Type: "integer"}
	low, high := span(t)
	if t.Bits() < 64 || low == "0" {
		s.Minimum = json.Number(low)
	}
	if t.Bits() < 64 {
		s.Maximum = json.Number(high)
	}
	return s
}

func leafSchema(t reflect.Type) *schema {
	switch {
	case isDuration(t):
		return &schema{Type: "string", Pattern: `^[-+]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`, Description: "a duration such as 10s"}
	case t == reflect.TypeFor[Size]():
		return &schema{Type: []string{"string", "integer"}, Pattern: `^(0|[1-9][0-9]*)(KiB|MiB|GiB|TiB)?$`, Minimum: "0", Description: "a size such as 64MiB"}
	case t == reflect.TypeFor[secret.Ref]():
		return &schema{Type: "string", Pattern: `^(env|file):.`, Description: "env:NAME or file:PATH"}
	}
	return &schema{Type: "string"}
}

// escape makes a key part of a JSON pointer (RFC 6901 sections 3 and 6).
func escape(key string) string {
	return url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(key))
}
