package arm

import "strings"

// address is a path of ARM, taken apart:
//
//	/subscriptions/S[/resourceGroups/G][/providers/NS/TYPE/NAME[/TYPE/NAME]…]…
//
// Only the last providers part is in namespace, types and names; what stands
// before it is the scope, which an extension resource (a role assignment)
// extends.
type address struct {
	path      string // as asked, without a trailing slash
	sub       string
	group     string
	scope     string
	namespace string
	types     []string
	names     []string
	tail      string // the odd segment at the end: a collection, or an action
}

const maxPath = 2048

// parsePath takes a decoded path apart. False means that it is none of ARM's.
func parsePath(path string) (address, bool) {
	a := address{path: strings.TrimSuffix(path, "/")}
	if len(path) > maxPath || !strings.HasPrefix(path, "/") || strings.Contains(a.path, "//") {
		return a, false
	}
	segs := strings.Split(a.path, "/")[1:]
	for _, s := range segs {
		if s == "" || s == "." || s == ".." || strings.ContainsFunc(s, control) {
			return a, false
		}
	}
	i := 0
	if i+1 < len(segs) && strings.EqualFold(segs[i], "subscriptions") {
		a.sub, i = segs[i+1], i+2
		if i+1 < len(segs) && strings.EqualFold(segs[i], "resourceGroups") {
			a.group, i = segs[i+1], i+2
		}
	}
	for i+1 < len(segs) && strings.EqualFold(segs[i], "providers") {
		a.scope = "/" + strings.Join(segs[:i], "/")
		a.namespace, i = segs[i+1], i+2
		a.types, a.names = nil, nil
		for i+1 < len(segs) && (len(a.types) == 0 || !strings.EqualFold(segs[i], "providers")) {
			a.types, a.names = append(a.types, segs[i]), append(a.names, segs[i+1])
			i += 2
		}
	}
	switch len(segs) - i {
	case 0:
	case 1:
		a.tail = segs[i]
	default:
		return a, false
	}
	return a, true
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

// typ is the resource type, in the spelling of the path.
func (a address) typ() string { return strings.Join(append([]string{a.namespace}, a.types...), "/") }

func (a address) name() string {
	if len(a.names) == 0 {
		return ""
	}
	return a.names[len(a.names)-1]
}

// parent is the path of what the resource lies in or extends: its parent, the
// resource group, the extended resource or the subscription.
func (a address) parent() string {
	if len(a.types) > 1 {
		return up(up(a.path))
	}
	if a.scope == "/" {
		return ""
	}
	return a.scope
}

// up is the path without its last segment.
func up(path string) string { return path[:max(strings.LastIndexByte(path, '/'), 0)] }

func last(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// fold makes ids comparable: ARM compares them without case.
func fold(id string) string { return strings.ToLower(strings.TrimSuffix(id, "/")) }

// within says whether id is scope or lies below it.
func within(id, scope string) bool {
	rest, ok := strings.CutPrefix(fold(id), fold(scope))
	return ok && (rest == "" || rest[0] == '/')
}

// typeOf is the type that an id says, empty for no resource's.
func typeOf(id string) string {
	a, ok := parsePath(id)
	if !ok || a.tail != "" || len(a.types) == 0 {
		return ""
	}
	return a.typ()
}

// groupOf is the resource group's path of an id, empty where it is in none.
func groupOf(id string) string {
	segs := strings.SplitN(id, "/", 6)
	if len(segs) < 5 || !strings.EqualFold(segs[3], "resourceGroups") {
		return ""
	}
	return strings.Join(segs[:5], "/")
}
