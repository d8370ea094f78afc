package estate

import (
	"strings"
)

// module is the configuration of a Terraform module.
type module struct {
	resources map[string]*expression // by type.name, or data.type.name
	calls     map[string]*call
	outputs   map[string]*expression
}

type call struct {
	module *module
	args   *expression
}

// expression is what a configuration says of an attribute: the things that it
// refers to, or the members of a block, or several blocks.
type expression struct {
	refs  []string
	kids  map[string]*expression
	many  []*expression
	over  *expression // of a resource: its for_each
	plain bool        // an attribute, not a block
	at    At
}

// resource is the configuration of a planned resource. A nil module has none.
func (m *module) resource(x *planned) *expression {
	in := m.at(x.module)
	if in == nil {
		return nil
	}
	key := x.typ + "." + x.name
	if x.data {
		key = "data." + key
	}
	return in.resources[key]
}

// at is the module of an instance's path, for example module.a["x"].module.b.
func (m *module) at(path string) *module {
	for _, s := range segments(path) {
		if m == nil {
			return nil
		}
		c := m.calls[s.name]
		if c == nil {
			return nil
		}
		m = c.module
	}
	return m
}

// configuration reads the section of that name.
func (p *planReader) configuration() *module {
	var root *module
	if p.peek() != '{' {
		p.skip()
		return nil
	}
	p.object(func(key string) {
		if key == "root_module" {
			p.under("/root_module", func() { root = p.module() })
		} else {
			p.skip()
		}
	})
	return root
}

func (p *planReader) module() *module {
	m := &module{map[string]*expression{}, map[string]*call{}, map[string]*expression{}}
	if p.peek() != '{' {
		p.skip()
		return m
	}
	p.object(func(key string) {
		switch {
		case key == "resources":
			p.under("/resources", func() { p.resources(func() { p.configured(m) }) })
		case key == "module_calls" && p.peek() == '{':
			p.object(func(name string) {
				p.under("/module_calls/"+escape(name)+"/module", func() { m.calls[name] = p.call() })
			})
		case key == "outputs" && p.peek() == '{':
			p.object(func(name string) { m.outputs[name] = p.expression().kids["expression"] })
		default:
			p.skip()
		}
	})
	return m
}

func (p *planReader) configured(m *module) {
	address := ""
	var e, over *expression
	if p.peek() != '{' {
		p.skip()
		return
	}
	p.object(func(key string) {
		switch key {
		case "address":
			p.plain(&address)
		case "expressions":
			e = p.expression()
		case "for_each_expression":
			over = p.expression()
		default:
			p.skip()
		}
	})
	if e != nil {
		e.over = over
	}
	m.resources[address] = e
}

func (p *planReader) call() *call {
	c := &call{}
	if p.peek() != '{' {
		p.skip()
		return c
	}
	p.object(func(key string) {
		switch key {
		case "module":
			c.module = p.module()
		case "expressions":
			c.args = p.expression()
		default:
			p.skip()
		}
	})
	return c
}

// expression reads an expression, a block or a list of blocks.
func (p *planReader) expression() *expression {
	e := &expression{at: p.at()}
	switch p.peek() {
	case '[':
		p.array(func(int) { e.many = append(e.many, p.expression()) })
	case '{':
		e.kids = map[string]*expression{}
		p.object(func(key string) {
			switch {
			case key == "references" && p.peek() == '[':
				e.plain = true
				p.array(func(int) {
					e.refs = append(e.refs, p.Text())
					p.skip()
				})
			case key == "constant_value":
				e.plain = true
				p.skip()
			default:
				e.kids[key] = p.expression()
			}
		})
	default:
		p.skip()
	}
	return e
}

// find is the expressions at a path: one for each block on the way.
func (e *expression) find(path []string) []*expression {
	switch {
	case e == nil:
		return nil
	case len(e.many) > 0:
		var out []*expression
		for _, b := range e.many {
			out = append(out, b.find(path)...)
		}
		return out
	case len(path) == 0 || e.plain: // an attribute may hold what else is a block
		return []*expression{e}
	}
	return e.kids[path[0]].find(path[1:])
}

// has reports whether the configuration states anything at a path.
func (e *expression) has(path []string) bool { return len(e.find(path)) > 0 }

// segment is a module or resource in an address, with its instance key.
type segment struct{ name, key string }

// segments splits a module path: module.a["x"].module.b is a["x"] and b.
func segments(path string) []segment {
	var out []segment
	for path != "" {
		path = strings.TrimPrefix(path, "module.")
		var s segment
		s, path = cutSegment(path)
		out = append(out, s)
		path = strings.TrimPrefix(path, ".")
	}
	return out
}

// cutSegment takes a name and its key off the front of an address.
func cutSegment(a string) (s segment, rest string) {
	i := strings.IndexAny(a, ".[")
	if i < 0 {
		return segment{name: a}, ""
	}
	s.name, rest = a[:i], a[i:]
	if rest[0] == '[' {
		end := keyEnd(rest)
		s.key, rest = rest[:end], rest[end:]
	}
	return s, rest
}

// keyEnd is the length of the key in brackets at the front of a.
func keyEnd(a string) int {
	quoted := false
	for i := 1; i < len(a); i++ {
		switch {
		case quoted && a[i] == '\\':
			i++
		case a[i] == '"':
			quoted = !quoted
		case a[i] == ']' && !quoted:
			return i + 1
		}
	}
	return len(a)
}

// splitAddress takes the module path and the instance key off an address.
func splitAddress(address string) (module, key string) {
	rest := address
	for strings.HasPrefix(rest, "module.") {
		var r string
		_, r = cutSegment(rest[len("module."):])
		rest = strings.TrimPrefix(r, ".")
		if rest == "" {
			return module, ""
		}
		module = strings.TrimSuffix(address[:len(address)-len(rest)], ".")
	}
	if i := strings.IndexByte(rest, '['); i >= 0 {
		key = rest[i:]
	}
	return module, key
}
