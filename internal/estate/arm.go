package estate

import (
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/internal/fault"
)

// reading is one document on its way to an Estate.
type reading struct {
	*decoder
	e       *Estate
	classes classes
	refs    []linker
	later   []func() // what waits until everything is read
	// touched are tables that got rules or routes of their own documents.
	touched map[Thing]func()
	// gone are embedded children that a plan takes away, see goneKey.
	gone map[string]bool
	// pointers is the length of all pointers of lists, see marked.
	pointers int
}

func newReading(text, tag string, o Options) (*reading, error) {
	tags := o.Tags
	if tags == nil {
		var err error
		if tags, err = DefaultServiceTags(); err != nil {
			return nil, err
		}
	}
	r := &reading{
		decoder: newDecoder(text, tag, o),
		e:       &Estate{Tags: tags, text: text, byID: map[string]Thing{}},
		classes: newClasses(),
		touched: map[Thing]func(){},
		gone:    map[string]bool{},
	}
	r.decoder.refer = func(l linker) { r.refs = append(r.refs, l) }
	r.pos = start(text)
	if !utf8.ValidString(text) {
		r.pos = firstInvalid(text)
		r.fail("the text is not UTF-8", "save it as UTF-8; PowerShell needs -Encoding utf8")
		return nil, r.err
	}
	return r, nil
}

// start is where the JSON begins: after a byte order mark, if there is one.
func start(text string) int {
	if strings.HasPrefix(text, "\ufeff") {
		return len("\ufeff")
	}
	return 0
}

func firstInvalid(text string) int {
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd") {
			return i
		}
	}
	return len(text)
}

func readARM(text string, o Options) (*Estate, error) {
	r, err := newReading(text, "arm", o)
	if err != nil {
		return nil, err
	}
	switch r.peek() {
	case '[':
		r.elements("")
	case '{':
		r.wrapper()
	default:
		r.unexpected("an array of resources")
	}
	if r.end(); r.err != nil {
		return nil, r.err
	}
	if len(r.e.lists) == 0 {
		return nil, fault.New(fault.Invalid, "no list of resources in the document").
			Fix("give an array of resources, or an object that holds one under \"value\" or \"resources\"")
	}
	return r.finish(), nil
}

// wrapper reads an object around the array.
func (r *reading) wrapper() {
	r.object(func(key string) {
		switch {
		case (key == "value" || key == "resources") && r.peek() == '[':
			r.elements("/" + key)
		case key == "$schema" && strings.Contains(r.Text(), "deploymentTemplate"):
			r.fail("this is an ARM template, which says what shall be made, not what is there", "export the resources themselves, for example with az resource show or a saved run of verify --live")
		case key == "nextLink":
			r.page()
		default:
			r.skip()
		}
	})
}

// Text is the string at hand, without consuming it; empty for another value.
func (d *decoder) Text() string {
	if d.peek() != '"' {
		return ""
	}
	from, err := d.pos, d.err
	s := d.str()
	d.pos, d.err = from, err
	return s
}

// page notes a link to a page that was not read.
func (r *reading) page() {
	at := r.at()
	if s := r.scalar(); s.kind == '"' && s.text != "" {
		r.e.Gaps = append(r.e.Gaps, Gap{Code: "PageNotRead", At: at})
	}
}

// elements reads the array at hand, which stands at the pointer list.
func (r *reading) elements(list string) {
	r.marked([]string{list}, func(i int) { r.element(list + "/" + strconv.Itoa(i)) })
}

// element reads one resource, one page of resources, or an error in the place
// of either.
func (r *reading) element(pointer string) {
	if r.peek() != '{' {
		r.foreign(pointer, "no object")
		return
	}
	h := r.heading()
	if r.err != nil {
		return
	}
	switch {
	case h.failed:
		r.gap()
	case h.list && h.id == "":
		r.nested(pointer)
	case h.list && strings.HasSuffix(fold(h.id), "/listeffectivevirtualnetworks"):
		r.effective(h.id)
	case h.list && strings.HasSuffix(fold(h.id), "/listdeploymentstatus"):
		r.deployments(h.id)
	case h.id == "":
		r.foreign(pointer, "an object without an id")
	default:
		r.resource(h)
	}
}

func (r *reading) foreign(pointer, what string) {
	r.fail(what+" at "+pointer+", where a resource was expected", "give resources as ARM returns them, each with its id")
}

// heading is what a look ahead finds in an element.
type heading struct {
	id, typ      string
	list, failed bool
}

// heading looks ahead until it knows the id and the type, and that no error
// follows them.
func (r *reading) heading() heading {
	var h heading
	from, depth := r.pos, r.depth
	if r.open('{') {
		for first := true; r.more('}', first); first = false {
			key := r.key()
			if h.id != "" && h.typ != "" && key != "error" {
				break
			}
			switch key {
			case "id":
				h.id = r.Text()
			case "type":
				h.typ = r.Text()
			case "error":
				h.failed = r.peek() == '{'
			case "value":
				h.list = r.peek() == '['
			}
			r.skip()
		}
	}
	r.pos, r.depth = from, depth
	if h.typ == "" {
		h.typ = typeOf(h.id)
	}
	return h
}

func (r *reading) gap() {
	g := Gap{At: r.at()}
	r.object(func(key string) {
		switch key {
		case "id":
			g.ID = r.Text()
			r.skip()
		case "error":
			r.object(func(key string) {
				if key == "code" {
					g.Code = r.Text()
				}
				r.skip()
			})
		default:
			r.skip()
		}
	})
	r.e.Gaps = append(r.e.Gaps, g)
}

// nested reads a page that stands among the elements.
func (r *reading) nested(pointer string) {
	r.object(func(key string) {
		switch {
		case key == "value" && r.peek() == '[':
			r.elements(pointer + "/value")
		case key == "nextLink":
			r.page()
		default:
			r.skip()
		}
	})
}

// resource reads one resource.
func (r *reading) resource(h heading) {
	typ := strings.ToLower(h.typ)
	if typ == "microsoft.web/sites/config" {
		typ += "/" + fold(lastSegment(h.id))
	}
	c := r.classes.byName[typ]
	if c == nil {
		o := &Other{}
		r.into(o)
		if r.name(&o.Resource); r.register(o) == Thing(o) {
			r.e.Others = append(r.e.Others, o)
		}
		return
	}
	x := reflect.New(c.t)
	r.into(x.Interface())
	if r.err == nil {
		r.keep(c, x, h.id)
	}
}

func parentID(id string) string {
	for range 2 {
		i := strings.LastIndexByte(id, '/')
		if i < 0 {
			return ""
		}
		id = id[:i]
	}
	return id
}

func lastSegment(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

// typeOf is the ARM type that an id says, in lower case, for example
// microsoft.network/virtualnetworks/subnets; empty for no resource's id.
func typeOf(id string) string {
	id = fold(id)
	i := strings.LastIndex(id, "/providers/")
	if i < 0 {
		return ""
	}
	parts := strings.Split(id[i+len("/providers/"):], "/")
	if len(parts) < 3 || len(parts)%2 == 0 {
		return ""
	}
	t := parts[0]
	for k := 1; k < len(parts); k += 2 {
		t += "/" + parts[k]
	}
	return t
}
