package arm

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// doc is a JSON object as encoding/json decodes it: numbers are float64.
type doc = map[string]any

var guidPattern = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

func isGUID(s string) bool { return guidPattern.MatchString(s) }

// guidOf is a GUID (RFC 9562, version 8) made of names, the same every time.
func guidOf(names ...string) string {
	h := sha256.Sum256([]byte(strings.ToLower(strings.Join(names, "\x00"))))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// parse decodes a document of our own source. A fault there is a fault of the
// program, which the first test finds; it reads as an empty document.
func parse(text string) doc {
	d := doc{}
	_ = json.Unmarshal([]byte(text), &d)
	return d
}

// at is the value at a dotted path, nil where there is none.
func at(d doc, path string) any {
	for {
		key, rest, more := strings.Cut(path, ".")
		v := d[key]
		if !more {
			return v
		}
		var ok bool
		if d, ok = v.(doc); !ok {
			return nil
		}
		path = rest
	}
}

func text(d doc, path string) string {
	s, _ := at(d, path).(string)
	return s
}

func flag(d doc, path string) bool {
	b, _ := at(d, path).(bool)
	return b
}

func number(d doc, path string) (float64, bool) {
	n, ok := at(d, path).(float64)
	return n, ok
}

func object(d doc, path string) doc {
	o, _ := at(d, path).(doc)
	return o
}

func list(d doc, path string) []any {
	l, _ := at(d, path).([]any)
	return l
}

// objects are the objects of a list; other elements are left out.
func objects(d doc, path string) []doc {
	var all []doc
	for _, v := range list(d, path) {
		if o, ok := v.(doc); ok {
			all = append(all, o)
		}
	}
	return all
}

// texts are the strings of a list.
func texts(d doc, path string) []string {
	var all []string
	for _, v := range list(d, path) {
		if s, ok := v.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

// set puts a value at a dotted path; what stands in the way is replaced.
func set(d doc, path string, v any) {
	for {
		key, rest, more := strings.Cut(path, ".")
		if !more {
			d[key] = v
			return
		}
		next, ok := d[key].(doc)
		if !ok {
			next = doc{}
			d[key] = next
		}
		d, path = next, rest
	}
}

func unset(d doc, path string) {
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		if d = object(d, path[:i]); d == nil {
			return
		}
		path = path[i+1:]
	}
	delete(d, path)
}

// initial sets a value where there is none.
func initial(d doc, path string, v any) {
	if at(d, path) == nil {
		set(d, path, v)
	}
}

// fill adds what d lacks of defaults, object by object.
func fill(d, defaults doc) {
	for k, v := range defaults {
		have, ok := d[k]
		if !ok || have == nil {
			d[k] = clone(v)
			continue
		}
		in, isDoc := have.(doc)
		if from, ok := v.(doc); ok && isDoc {
			fill(in, from)
		}
	}
}

// merge applies a patch as RFC 7396 says: null removes, lists are replaced.
func merge(d, patch doc) {
	for k, v := range patch {
		p, isDoc := v.(doc)
		if have, ok := d[k].(doc); ok && isDoc {
			merge(have, p)
		} else if v == nil {
			delete(d, k)
		} else {
			d[k] = clone(v)
		}
	}
}

func clone(v any) any {
	switch v := v.(type) {
	case doc:
		return cloneDoc(v)
	case []any:
		c := make([]any, len(v))
		for i := range v {
			c[i] = clone(v[i])
		}
		return c
	default:
		return v
	}
}

func cloneDoc(d doc) doc {
	c := make(doc, len(d))
	for k, v := range d {
		c[k] = clone(v)
	}
	return c
}

// prune drops nulls: ARM reads a null as nothing said.
func prune(v any) {
	switch v := v.(type) {
	case doc:
		for k, x := range v {
			if x == nil {
				delete(v, k)
			} else {
				prune(x)
			}
		}
	case []any:
		for _, x := range v {
			prune(x)
		}
	}
}

// ids are all strings of a document that name a resource.
func ids(v any, yield func(string)) {
	switch v := v.(type) {
	case doc:
		for _, x := range v {
			ids(x, yield)
		}
	case []any:
		for _, x := range v {
			ids(x, yield)
		}
	case string:
		if len(v) > 15 && strings.EqualFold(v[:15], "/subscriptions/") {
			yield(v)
		}
	}
}

func encode(v any) []byte {
	b, _ := json.Marshal(v) //nolint:errchkjson // documents came from JSON or are ours
	return b
}
