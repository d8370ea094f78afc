package config

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"time"
)

// kind is what the document holds at a place.
type kind string

const (
	null    kind = "nothing"
	text    kind = "text"
	number  kind = "a number"
	boolean kind = "true or false"
	list    kind = "a list"
	mapping kind = "a mapping"
	refused kind = "something refused" // reported already; nothing is bound from it
)

// numeric is what the core schema (YAML 1.2.2 section 10.3.2) takes for a
// number. The library's own view is YAML 1.1 in places (1_000, 0b1).
var numeric = regexp.MustCompile(`^([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)

// integer and decimal are the numbers that read the same to everybody: no
// leading zero, which was once octal, no base, no infinity.
var (
	integer = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)
)

// plainKind resolves a scalar without quotes by the core schema.
func plainKind(s string) kind {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return null
	case "true", "True", "TRUE", "false", "False", "FALSE":
		return boolean
	}
	if numeric.MatchString(s) {
		return number
	}
	return text
}

func isScalar(k kind) bool { return k == text || k == number || k == boolean }

// isLeaf says whether t is written as one scalar and parsed by itself.
func isLeaf(t reflect.Type) bool {
	return isDuration(t) || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func isDuration(t reflect.Type) bool { return t == reflect.TypeFor[time.Duration]() }

// want is what a type takes and how to write it.
func want(t reflect.Type) (what, how string) {
	switch {
	case isDuration(t):
		return "a duration", "write a number and a unit, such as 300ms, 10s or 1h30m"
	case isLeaf(t):
		return "a single value", "write it on the line of its key"
	}
	switch t.Kind() {
	case reflect.String:
		return "text", "put quotes around it"
	case reflect.Bool:
		return "true or false", "write true or false, without quotes"
	case reflect.Float32, reflect.Float64:
		return "a number", "write a decimal number such as 0.5, without quotes"
	case reflect.Slice:
		return "a list", "write each item on a line of its own after a dash, or [] for none"
	case reflect.Map, reflect.Struct:
		return "a mapping", "write key: value lines below it, or {} for none"
	}
	return "a whole number", "write it in decimal, without quotes or a leading zero"
}

// wellFormed says whether n is a number written as type t wants it; then it can
// only be out of range.
func wellFormed(n *node, t reflect.Type) bool {
	switch k := t.Kind(); {
	case k == reflect.Float32 || k == reflect.Float64:
		return n.kind == number && decimal.MatchString(n.text)
	case k >= reflect.Int && k <= reflect.Uint64:
		return n.kind == number && integer.MatchString(n.text)
	}
	return false
}

// scalarInto sets v, a string, bool or number, from n; the answer is false
// where n is of another kind or form, or out of range.
func scalarInto(n *node, v reflect.Value) bool {
	var err error
	switch {
	case v.Kind() == reflect.String:
		v.SetString(n.text)
		return n.kind == text
	case v.Kind() == reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(n.text)
		v.SetBool(b)
		return n.kind == boolean && err == nil
	case !wellFormed(n, v.Type()):
		return false
	case v.CanFloat():
		var f float64
		f, err = strconv.ParseFloat(n.text, v.Type().Bits())
		v.SetFloat(f)
	case v.CanInt():
		var i int64
		i, err = strconv.ParseInt(n.text, 10, v.Type().Bits())
		v.SetInt(i)
	default:
		var u uint64
		u, err = strconv.ParseUint(n.text, 10, v.Type().Bits())
		v.SetUint(u)
	}
	return err == nil
}

// span is the range of numbers of type t, as a document writes them; empty
// where t is no number.
func span(t reflect.Type) (low, high string) {
	switch k := t.Kind(); {
	case k == reflect.Float32:
		return fmt.Sprint(-math.MaxFloat32), fmt.Sprint(math.MaxFloat32)
	case k == reflect.Float64:
		return fmt.Sprint(-math.MaxFloat64), fmt.Sprint(math.MaxFloat64)
	case k >= reflect.Int && k <= reflect.Int64:
		n := int64(math.MaxInt64) >> (64 - t.Bits())
		return strconv.FormatInt(-n-1, 10), strconv.FormatInt(n, 10)
	case k >= reflect.Uint && k <= reflect.Uint64:
		return "0", strconv.FormatUint(uint64(math.MaxUint64)>>(64-t.Bits()), 10)
	}
	return "", ""
}
