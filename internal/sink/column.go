package sink

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// timeLayout is how times are stored: text that sorts as the times do, to the
// microsecond, and that SQLite's date functions read.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// Column is one field of an Entry, as tables have it.
type Column struct {
	Name string
	Type string // of SQLite: TEXT, INTEGER, REAL
	Doc  string

	half  string
	field int
}

// Columns are the fields of an Entry in the order of its declaration.
func Columns() []Column {
	t := reflect.TypeFor[Entry]()
	var all []Column
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		all = append(all, Column{Name: name, Type: storage(f.Type), Doc: f.Tag.Get("doc"), half: f.Tag.Get("half"), field: i})
	}
	return all
}

func storage(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int64, reflect.Uint64:
		return "INTEGER"
	case reflect.Float64:
		return "REAL"
	}
	return "TEXT"
}

// known says whether an entry of this kind knows the column at all.
func (c Column) known(kind string) bool {
	switch kind {
	case KindNoOutcome:
		return c.half == "" || c.half == "call"
	case KindOutcome:
		return c.half == "" || c.half == "result"
	case KindForgotten:
		return c.half == "" || c.Name == "subject_key"
	}
	return true
}

// value is what a table stores for an entry's field: nil, int64, float64,
// string, or []byte for a body that is no text. What is empty or not known is
// nil, except numbers that are 0.
func (c Column) value(e *Entry) (any, error) {
	if !c.known(e.Kind) {
		return nil, nil //nolint:nilnil // NULL
	}
	switch v := reflect.ValueOf(e).Elem().Field(c.field).Interface().(type) {
	case string:
		return emptyIsNil(v), nil
	case Text:
		if !utf8.Valid(v) {
			return []byte(v), nil
		}
		return emptyIsNil(string(v)), nil
	case time.Time:
		if v.IsZero() {
			return nil, nil //nolint:nilnil // NULL
		}
		return v.UTC().Format(timeLayout), nil
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case int:
		return int64(v), nil
	case int64, float64:
		return v, nil
	case uint64:
		return int64(v), nil //nolint:gosec // an index of a log is below 2⁶³
	case []string:
		return jsonText(v, len(v))
	case map[string]string:
		return jsonText(v, len(v))
	}
	return nil, errors.New("a field of a type that tables do not know: " + c.Name)
}

func emptyIsNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func jsonText(v any, n int) (any, error) {
	if n == 0 {
		return nil, nil //nolint:nilnil // NULL
	}
	text, err := json.Marshal(v)
	return string(text), err
}

// set puts what a table stored back into an entry.
func (c Column) set(e *Entry, stored any) error {
	var err error
	switch p := reflect.ValueOf(e).Elem().Field(c.field).Addr().Interface().(type) {
	case *string:
		*p, _ = stored.(string)
	case *Text:
		text, _ := stored.(string)
		if *p = Text(text); text == "" {
			*p, _ = stored.([]byte)
		}
	case *time.Time:
		if text, ok := stored.(string); ok {
			*p, err = time.Parse(timeLayout, text)
		}
	case *bool:
		n, _ := stored.(int64)
		*p = n != 0
	case *int:
		n, _ := stored.(int64)
		*p = int(n)
	case *int64:
		*p, _ = stored.(int64)
	case *uint64:
		n, _ := stored.(int64)
		*p = uint64(max(n, 0))
	case *float64:
		*p, _ = stored.(float64)
	case *[]string:
		if text, ok := stored.(string); ok {
			err = json.Unmarshal([]byte(text), p)
		}
	case *map[string]string:
		if text, ok := stored.(string); ok {
			err = json.Unmarshal([]byte(text), p)
		}
	}
	return err
}

// cell is the field in CSV.
func (c Column) cell(e *Entry) (string, error) {
	v, err := c.value(e)
	switch v := v.(type) {
	case string:
		return v, err
	case int64:
		return strconv.FormatInt(v, 10), err
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), err
	case []byte:
		return strings.ToValidUTF8(string(v), "\uFFFD"), err
	}
	return "", err
}

// Row is an entry as the cells of a line of CSV.
func Row(columns []Column, e *Entry) ([]string, error) {
	cells := make([]string, len(columns))
	for i, c := range columns {
		var err error
		if cells[i], err = c.cell(e); err != nil {
			return nil, err
		}
	}
	return cells, nil
}

// Named picks columns by their names.
func Named(columns []Column, names ...string) []Column {
	return slices.DeleteFunc(slices.Clone(columns), func(c Column) bool { return !slices.Contains(names, c.Name) })
}
