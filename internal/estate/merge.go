package estate

import (
	"reflect"
	"slices"
	"strings"
)

// joiner is a field that takes in another statement of itself. It reports
// false where the two contradict each other; it is then unknown.
type joiner interface {
	join(other any) bool
	// prefer takes in another statement where one of the two supersedes the
	// other.
	prefer(other any, otherWins bool)
}

// supersedes: a plan shows a parent's list of children as it was, and a child
// of its own as it will be. The child wins: 1 where that is from, -1 where it
// is into, 0 where neither supersedes the other.
func (r *reading) supersedes(into, from reflect.Value) int {
	if !r.e.Planned {
		return 0
	}
	a, ok := into.Interface().(Thing)
	if !ok {
		return 1 // rules and routes of their own follow the embedded ones
	}
	switch b := from.Interface().(Thing); {
	case a.Base().Address == "" && b.Base().Address != "":
		return 1
	case a.Base().Address != "" && b.Base().Address == "":
		return -1
	}
	return 0
}

// merge takes the statements of from into into, two structs of one type that
// describe the resource or part called id.
func (r *reading) merge(into, from reflect.Value, id string) {
	a, b := into.Elem(), from.Elem()
	first, second := placeOf(into), placeOf(from)
	wins := r.supersedes(into, from)
	for i := range a.NumField() {
		x, y := a.Field(i), b.Field(i)
		switch {
		case x.Kind() == reflect.Slice:
			r.mergeParts(x, y, into, from, id)
		case x.Kind() == reflect.Struct:
			if j, ok := x.Addr().Interface().(joiner); ok {
				if wins != 0 {
					j.prefer(y.Addr().Interface(), wins > 0)
				} else if !j.join(y.Addr().Interface()) {
					r.e.Conflicts = append(r.e.Conflicts, Conflict{id, first, second})
				}
				if l, ok := x.Addr().Interface().(linker); ok {
					r.refs = append(r.refs, l)
				}
			} else if y.Type() == reflect.TypeFor[Resource]() {
				r.mergeBase(x.Addr().Interface().(*Resource), y.Addr().Interface().(*Resource))
			}
		}
	}
}

func (r *reading) mergeBase(a, b *Resource) {
	if a.Address == "" {
		a.Address = b.Address
	}
	a.Location.join(&b.Location)
	switch {
	case a.Stub && !b.Stub:
		a.Stub, a.At, a.Partial = false, b.At, b.Partial
	case !b.Stub:
		a.Partial = a.Partial && b.Partial
	}
}

// mergeParts unites two lists of parts by name. Parts without names cannot be
// told apart: where both lists have some and they differ, the owner is in
// doubt.
func (r *reading) mergeParts(x, y, into, from reflect.Value, id string) {
	if y.Len() == 0 {
		return
	}
	if x.Len() == 0 {
		x.Set(y)
		return
	}
	named := map[string]reflect.Value{}
	for i := range x.Len() {
		named[nameOf(x.Index(i))] = x.Index(i)
	}
	nameless := 0
	for i := range y.Len() {
		part := y.Index(i)
		name := nameOf(part)
		was, ok := named[name]
		switch {
		case name == "":
			if i >= x.Len() || !alike(x.Index(i).Elem(), part.Elem()) {
				nameless++
			}
		case ok:
			r.merge(was, part, id)
		default:
			push(x, part)
		}
	}
	if nameless > 0 {
		first, second := placeOf(into), placeOf(from)
		into.Interface().(interface{ part() *Part }).part().Doubt = second
		r.e.Conflicts = append(r.e.Conflicts, Conflict{id, first, second})
	}
}

// nameOf is how a part is told from its siblings: by its name, a record set
// also by its type.
func nameOf(part reflect.Value) string {
	p, ok := part.Interface().(interface{ part() *Part })
	if !ok || p.part().Name == "" {
		return ""
	}
	name := strings.ToLower(p.part().Name)
	if set, ok := part.Interface().(*RecordSet); ok {
		name += "/" + set.Kind
	}
	return name
}

func placeOf(x reflect.Value) At {
	if p, ok := x.Interface().(interface{ part() *Part }); ok {
		return p.part().At
	}
	return 0
}

// alike compares two structs of one type, places apart.
func alike(a, b reflect.Value) bool {
	for i := range a.NumField() {
		x, y := a.Field(i), b.Field(i)
		switch {
		case x.Kind() == reflect.Slice:
			if x.Len() != y.Len() {
				return false
			}
			for k := range x.Len() {
				if x.Index(k).Kind() == reflect.Pointer && !alike(x.Index(k).Elem(), y.Index(k).Elem()) {
					return false
				}
			}
		case x.Kind() == reflect.Struct:
			if j, ok := x.Addr().Interface().(interface{ same(other any) bool }); ok && !j.same(y.Addr().Interface()) {
				return false
			}
		}
	}
	return true
}

// joinMark decides between two statements, given whether they are equal. take
// is true where the second is to be taken over.
func (m *Mark) joinMark(other Mark, equal bool) (take, agree bool) {
	switch {
	case other.State == Absent, m.State == Known && other.State == Unknown:
		return false, true
	case m.State == Absent, m.State == Unknown && other.State == Known:
		return true, true
	case equal:
		return false, true
	default:
		m.State = Unknown
		return false, false
	}
}

func (v *Value[T]) same(other any) bool {
	o := other.(*Value[T])
	return v.State == o.State && v.V == o.V
}

func (v *Value[T]) join(other any) bool {
	o := other.(*Value[T])
	take, agree := v.joinMark(o.Mark, v.same(other))
	if take {
		*v = *o
	}
	return agree
}

func (l *List[T]) same(other any) bool {
	o := other.(*List[T])
	return l.State == o.State && slices.EqualFunc(l.Items, o.Items, func(a, b Value[T]) bool { return a.State == b.State && a.V == b.V })
}

func (l *List[T]) join(other any) bool {
	o := other.(*List[T])
	take, agree := l.joinMark(o.Mark, l.same(other))
	if take {
		*l = *o
	}
	return agree
}

func (r *Ref[T]) same(other any) bool {
	o := other.(*Ref[T])
	return r.State == o.State && strings.EqualFold(r.ID, o.ID)
}

func (r *Ref[T]) join(other any) bool {
	o := other.(*Ref[T])
	take, agree := r.joinMark(o.Mark, r.same(other))
	if take {
		*r = *o
	}
	return agree
}

func (r *Refs[T]) same(other any) bool {
	o := other.(*Refs[T])
	return r.State == o.State && slices.EqualFunc(r.Items, o.Items, func(a, b Ref[T]) bool { return a.same(&b) })
}

func (r *Refs[T]) join(other any) bool {
	o := other.(*Refs[T])
	take, agree := r.joinMark(o.Mark, r.same(other))
	if take {
		*r = *o
	}
	return agree
}

func (l *Link) same(other any) bool {
	o := other.(*Link)
	return l.State == o.State && strings.EqualFold(l.ID, o.ID)
}

func (l *Link) join(other any) bool {
	o := other.(*Link)
	take, agree := l.joinMark(o.Mark, l.same(other))
	if take {
		*l = *o
	}
	return agree
}

func (v *Value[T]) prefer(other any, otherWins bool) {
	if o := other.(*Value[T]); v.State == Absent || otherWins && o.State != Absent {
		*v = *o
	}
}

func (l *List[T]) prefer(other any, otherWins bool) {
	if o := other.(*List[T]); l.State == Absent || otherWins && o.State != Absent {
		*l = *o
	}
}

func (r *Ref[T]) prefer(other any, otherWins bool) {
	if o := other.(*Ref[T]); r.State == Absent || otherWins && o.State != Absent {
		*r = *o
	}
}

func (r *Refs[T]) prefer(other any, otherWins bool) {
	if o := other.(*Refs[T]); r.State == Absent || otherWins && o.State != Absent {
		*r = *o
	}
}

func (l *Link) prefer(other any, otherWins bool) {
	if o := other.(*Link); l.State == Absent || otherWins && o.State != Absent {
		*l = *o
	}
}
