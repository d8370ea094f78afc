package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/posture"
)

// fits is the part of JSON Schema that the schema uses, so that schema and
// output cannot drift apart.
func fits(schema, root map[string]any, v any, at string) []string {
	if ref, ok := schema["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, "#/$defs/")
		schema = root["$defs"].(map[string]any)[name].(map[string]any)
	}
	if want, ok := schema["const"]; ok && !reflect.DeepEqual(want, v) {
		return []string{fmt.Sprintf("%s: %v, want %v", at, v, want)}
	}
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, v) {
		return []string{fmt.Sprintf("%s: %v is none of %v", at, v, enum)}
	}
	var wrong []string
	switch schema["type"] {
	case "object":
		object, ok := v.(map[string]any)
		if !ok {
			return []string{at + ": no object"}
		}
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, ok := object[name.(string)]; !ok {
				wrong = append(wrong, at+": lacks "+name.(string))
			}
		}
		properties := schema["properties"].(map[string]any)
		for name, field := range object {
			property, ok := properties[name].(map[string]any)
			if !ok {
				wrong = append(wrong, at+": the schema has no "+name)
				continue
			}
			wrong = append(wrong, fits(property, root, field, at+"/"+name)...)
		}
	case "array":
		list, ok := v.([]any)
		if !ok {
			return []string{at + ": no array"}
		}
		for i, item := range list {
			wrong = append(wrong, fits(schema["items"].(map[string]any), root, item, fmt.Sprintf("%s/%d", at, i))...)
		}
	case "string":
		if _, ok := v.(string); !ok {
			return []string{at + ": no string"}
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			return []string{at + ": no boolean"}
		}
	case "integer":
		if n, ok := v.(float64); !ok || n != float64(int64(n)) {
			return []string{at + ": no integer"}
		}
	}
	return wrong
}

func schemaOf(t *testing.T) map[string]any {
	t.Helper()
	var schema map[string]any
	if err := json.Unmarshal([]byte(Schema), &schema); err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestJSONFitsItsSchema(t *testing.T) {
	schema := schemaOf(t)
	for name, r := range samples() {
		if name == "hostile" { // one finding of it has a status that is none
			r.Findings = r.Findings[:len(r.Findings)-1]
		}
		var b bytes.Buffer
		if err := JSON(&b, r); err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(b.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, wrong := range fits(schema, schema, v, "") {
			t.Errorf("%s: %s", name, wrong)
		}
	}
}

// The check of the schema itself can fail.
func TestTheSchemaRefuses(t *testing.T) {
	schema := schemaOf(t)
	var b bytes.Buffer
	if err := JSON(&b, small()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(map[string]any){
		"another version":  func(v map[string]any) { v["version"] = 2.0 },
		"no verdict":       func(v map[string]any) { delete(v, "verdict") },
		"an unknown field": func(v map[string]any) { v["more"] = true },
		"null findings":    func(v map[string]any) { v["findings"] = nil },
		"a wrong status":   func(v map[string]any) { v["findings"].([]any)[0].(map[string]any)["status"] = "maybe" },
		"a port of text": func(v map[string]any) {
			v["reached"].([]any)[0].(map[string]any)["port"] = "443"
		},
	} {
		var v map[string]any
		if err := json.Unmarshal(b.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		change(v)
		if len(fits(schema, schema, v, "")) == 0 {
			t.Errorf("%s fits the schema", name)
		}
	}
}

func TestReadTakesBackWhatJSONWrote(t *testing.T) {
	for _, r := range []posture.Report{small(), big(60), empty()} {
		var b bytes.Buffer
		if err := JSON(&b, r); err != nil {
			t.Fatal(err)
		}
		back, err := Read(&b)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back, normal(r)) {
			t.Errorf("%s comes back changed", r.Source)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, small()); err != nil {
		t.Fatal(err)
	}
	good := b.String()
	for name, text := range map[string]string{
		"nothing":            "",
		"half of it":         good[:len(good)/2],
		"two":                good + good,
		"an array":           "[]",
		"another version":    strings.Replace(good, `"version": 1`, `"version": 2`, 1),
		"no version":         strings.Replace(good, `"version": 1,`, "", 1),
		"an unknown field":   strings.Replace(good, `"version"`, `"vision": 1, "version"`, 1),
		"an unknown verdict": strings.Replace(good, `"verdict": "open"`, `"verdict": "fine"`, 1),
		"an unknown status":  strings.Replace(good, `"status": "fail"`, `"status": "fine"`, 1),
		"an unknown answer":  strings.Replace(good, "\"status\": \"pass\",\n          \"allowed\"", "\"status\": \"\",\n          \"allowed\"", 1),
	} {
		if text == good {
			t.Fatalf("%s: the sample has no such place", name)
		}
		if _, err := Read(strings.NewReader(text)); fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read(strings.NewReader(good)); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestReadIsBounded(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, small()); err != nil {
		t.Fatal(err)
	}
	size := int64(b.Len())
	if _, err := read(bytes.NewReader(b.Bytes()), size); err != nil {
		t.Errorf("a report of just the bound: %v", err)
	}
	if _, err := read(bytes.NewReader(b.Bytes()), size-10); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("a report past the bound: %v", err)
	}
}

// Whatever is read can be written in every form, and does not differ from
// itself.
func FuzzRead(f *testing.F) {
	f.Add(`{"version":1,"verdict":"open"}`)
	f.Add(`{"version":1,"verdict":"private","source":"x","taken":"2027-01-02T09:30:00Z","accounts":["/a"],
		"findings":[{"id":"x","status":"fail","level":"must","title":"t","resource":"/a","what":"w","evidence":[{"resource":"/b","pointer":"/0","value":"v"}],"why":"y","mend":{"az":"az"}}],
		"reached":[{"account":"/a","endpoint":"","address":"h","port":443,"sources":[{"sentence":"s","where":"v","ranges":["10.0.0.0/8"],"status":"pass","allowed":true,"rule":"r","pointer":"/1"}]}],
		"map":{"nodes":[{"id":"v","kind":"vnet","name":"v"},{"id":"s","parent":"v","kind":"subnet","name":"s"},{"id":"e","parent":"s","kind":"endpoint","name":"e"}],"edges":[{"from":"v","to":"e","kind":"reach","allowed":true}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Read(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, format := range formats() {
			written(t, format, r)
		}
		if again := Diff(r, r); !again.Empty() {
			t.Errorf("differs from itself: %+v", again)
		}
	})
}
