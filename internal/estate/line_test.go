package estate_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/estate/estatetest"
)

const lined = "\n" + `{
  "taken": "today", "a/b": {"~1": 0},
  "value": [
    {
      "id": "/x",
      "properties": {"a": [1,
        {"é\"\n": null}]}
    }, {"value": [
      {"id": "/y"},` + "\r\n" + `      {"id": "/z",
       "tags": {}}
    ], "nextLink":
      "next"}
  ]
}
`

const linedPlan = `{"format_version": "1.2",
 "planned_values": {"root_module": {}},
 "resource_changes": [
  {"address": "module.a.azurerm_subnet.s", "type": "azurerm_subnet", "name": "s",
   "change": {"actions": ["create"],
    "after": {"name": "s"}}},
  7
 ],
 "prior_state": {"values": {"root_module": {"child_modules": [{}, {"resources": [
   {"address": "data.azurerm_subnet.d", "mode": "data", "type": "azurerm_subnet", "name": "d",
    "values": {}}]}]}}},
 "configuration": {"root_module": {"module_calls": {"a/b": {"module": {"resources": [
   {"address": "azurerm_subnet.s",
    "expressions": {}}]}}}}}
}`

func TestLine(t *testing.T) {
	for doc, lines := range map[string]map[string]int{
		lined: {
			"": 2, "/taken": 3, "/a~1b/~01": 3, "/value": 4, "/value/0": 5, "/value/0/id": 6, "/value/0/properties/a/1": 8,
			"/value/0/properties/a/1/é\"\n": 8, "/value/1": 9, "/value/1/value/0": 10, "/value/1/value/1/id": 11, "/value/1/value/1/tags": 12, "/value/1/nextLink": 14,
			// Nowhere.
			"value": 0, "/": 0, "//": 0, "/Value": 0, "/value/2": 0, "/value/-": 0, "/value/-1": 0, "/value/01": 0, "/value/+1": 0, "/value/1 ": 0,
			"/value/99999999999999999999": 0, "/value/0/": 0, "/value/0/id/0": 0, "/value/0/properties/a/2": 0, "/a/b": 0, "/a~1b/~1": 0, "/a~1b/~2": 0, "/value/1/value/2/id": 0,
		},
		linedPlan: {
			"/resource_changes/0": 4, "/resource_changes/0/change/after/name": 6, "/resource_changes/1": 7,
			"/prior_state/values/root_module/child_modules/1/resources/0/values":                       11,
			"/configuration/root_module/module_calls/a~1b/module/resources/0/expressions":              14,
			"/configuration/root_module/module_calls/a/b/module/resources/0":                           0,
			"/resource_changes/0/change/after/id":                                                      0,
			"/configuration/root_module/module_calls/a~1b/module/resources/1":                          0,
			"/planned_values/root_module/resources/0":                                                  0,
			"/prior_state/values/root_module/child_modules/0/resources/0":                              0,
			"/prior_state/values/root_module/child_modules/1/resources/0/values/resource_changes/0/id": 0,
		},
		`[]`: {"": 1, "/0": 0},
		// Of two members of one name the first is meant.
		"{\"value\":\n[{\"id\":\"/a\"}],\"value\":\n[{\"id\":\"/b\"},\n{\"id\":\"/c\"}]}": {"/value/0": 2},
	} {
		for _, mark := range []string{"", "\ufeff"} {
			e, err := estate.Read(strings.NewReader(mark+doc), estate.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for pointer, want := range lines {
				if got := e.Line(pointer); got != want {
					t.Errorf("%.20q: %q is on line %d, want %d", mark+doc, pointer, got, want)
				}
			}
		}
	}
}

// In a document of many blocks: each resource stands on a line of its own.
func TestLinesOfALongDocument(t *testing.T) {
	var doc bytes.Buffer
	if err := estatetest.Big(&doc, estatetest.Size{VNets: 100, Rules: 500, Endpoints: 2}); err != nil {
		t.Fatal(err)
	}
	e, err := estate.ReadARM(&doc, estate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; e.Line("/"+strconv.Itoa(n)) == n+2; n++ {
		if got := e.Line("/" + strconv.Itoa(n) + "/id"); got != n+2 {
			t.Fatalf("the id of resource %d is on line %d", n, got)
		}
	}
	if n < 200 || e.Line("/"+strconv.Itoa(n)) != 0 {
		t.Errorf("the lines are right of %d resources", n)
	}
}

// A pointer that many lists stand below, long enough to outgrow the document,
// still leads to its place.
func TestPointersThatOutgrowTheText(t *testing.T) {
	name := strings.Repeat("n", 5000)
	call := func(inner string) string { return `{"module_calls":{"` + name + `":{"module":` + inner + `}}}` }
	doc := "{\"values\":{},\"configuration\":{\"root_module\":" + call(call(call("{\"resources\":[\n{\"address\":\"a\"}]}"))) + "}}"
	e, err := estate.ReadPlan(strings.NewReader(doc), estate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pointer := "/configuration/root_module" + strings.Repeat("/module_calls/"+name+"/module", 3) + "/resources/0"
	if got := e.Line(pointer); got != 2 {
		t.Errorf("line %d", got)
	}
	if got := e.Pointer(estate.At(strings.Index(doc, "\n") + 2)); got != pointer {
		t.Errorf("pointer of %d bytes, want %d", len(got), len(pointer))
	}
}

// place is a value of a document, as encoding/json finds it.
type place struct {
	pointer string
	at      estate.At
}

// placesOf lists every value of a JSON text; ok is false where an object has
// two members of one name, which no pointer tells apart.
func placesOf(doc string) (all []place, ok bool) {
	ok = true
	mark := len(doc) - len(strings.TrimPrefix(doc, "\ufeff"))
	doc = doc[mark:]
	dec := json.NewDecoder(strings.NewReader(doc))
	dec.UseNumber()
	escape := strings.NewReplacer("~", "~0", "/", "~1").Replace
	var walk func(pointer string)
	walk = func(pointer string) {
		from := int(dec.InputOffset())
		rest := strings.TrimLeft(doc[from:], " \t\r\n,:")
		all = append(all, place{pointer, estate.At(mark + len(doc) - len(rest) + 1)})
		switch begin, _ := dec.Token(); begin {
		case json.Delim('{'):
			seen := map[any]bool{}
			for dec.More() {
				key, _ := dec.Token()
				ok = ok && !seen[key]
				seen[key] = true
				walk(pointer + "/" + escape(key.(string)))
			}
		case json.Delim('['):
			for i := 0; dec.More(); i++ {
				walk(pointer + "/" + strconv.Itoa(i))
			}
		default:
			return
		}
		_, _ = dec.Token() // the end
	}
	walk("")
	return all, ok
}

// Every value of a document that reads has the pointer and the line that
// another reader finds.
func FuzzLine(f *testing.F) {
	f.Add(lined)
	f.Add("\ufeff" + linedPlan)
	f.Add(planned(`,"private_endpoint_network_policies_enabled":true`, ""))
	f.Add(`[{"value":[{"id":"/a"}],"nextLink":"x"},{"id":"/s","error":{"code":"x"}}]`)
	f.Add("{\"value\":[],\r\n\"resources\":[{\"id\":\"/a\",\"x\":{\"\\u0061\":\n[[],{}]}}],\"nextLink\":\n\"x\"}")
	f.Add(`{"format_version":"1","values":{"root_module":{"resources":[{"address":"azurerm_subnet.a","type":"azurerm_subnet","name":"a","values":{"virtual_network_name":"v"}}],"child_modules":[{"resources":[{}]}]}}}`)
	f.Fuzz(func(t *testing.T, doc string) {
		e, err := estate.Read(strings.NewReader(doc), estate.Options{})
		if err != nil {
			return
		}
		all, ok := placesOf(doc)
		for _, p := range all[:min(len(all), 500)] {
			pointer := e.Pointer(p.at)
			if pointer != p.pointer {
				t.Fatalf("the pointer of byte %d is %q, want %q", p.at-1, pointer, p.pointer)
			}
			line, _ := e.Position(p.at)
			if want := 1 + strings.Count(doc[:p.at-1], "\n"); line != want {
				t.Fatalf("byte %d is on line %d, want %d", p.at-1, line, want)
			}
			if got := e.Line(pointer); ok && got != line || got == 0 {
				t.Fatalf("%q is on line %d, and leads to line %d", pointer, line, got)
			}
		}
		for _, s := range e.Subnets {
			if line, _ := e.Position(s.At); ok && e.Line(e.Pointer(s.At)) != line {
				t.Fatalf("subnet %q is on line %d", s.ID, line)
			}
		}
	})
}
