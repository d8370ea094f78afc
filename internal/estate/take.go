package estate

import "strings"

// unknown reads a place of after_unknown and reports whether it is true, or
// an array that holds true.
func (d *decoder) unknown() bool {
	yes := false
	one := func(int) {
		s := d.scalar()
		yes = yes || s.kind == 'b' && s.yes
	}
	if d.peek() == '[' {
		d.array(one)
	} else {
		one(0)
	}
	return yes
}

// matters says whether an unknown value is more than a setting left alone.
func (d *decoder) matters(l leaf) bool { return l.convert != "set" || d.states(l.path) }

func (v *Value[T]) take(d *decoder, l leaf) {
	at := d.at()
	if d.overlaid {
		if d.unknown() && d.matters(l) {
			v.doubt(at)
		}
		return
	}
	s := d.scalar().converted(l.convert)
	switch {
	case d.nothing(s):
		v.lack(at)
	case v.State == Known && !l.first:
	default:
		v.Mark = Mark{Known, at}
		d.put(v, s)
	}
}

func (v *Value[T]) store(s scalar) bool {
	if s.put(any(&v.V)) {
		return true
	}
	var zero T
	v.V, v.State = zero, Unknown
	return false
}

// put stores s in v; a scalar of another kind than v's makes v unknown.
func (d *decoder) put(v interface{ store(scalar) bool }, s scalar) {
	if !v.store(s) {
		d.misread = append(d.misread, d.at())
	}
}

func (l *List[T]) take(d *decoder, how leaf) {
	at := d.at()
	switch {
	case d.overlaid:
		if d.unknown() && d.matters(how) {
			l.doubtMore(d, at)
		}
	case d.peek() == '[':
		l.found(at)
		before := l.Items // what another path gave
		var seen map[T]bool
		d.array(func(int) {
			if seen == nil && len(before) > 0 {
				seen = make(map[T]bool, len(before))
				for _, v := range before {
					seen[v.V] = v.State == Known
				}
			}
			l.add(d, seen)
		})
	default:
		if s := d.scalar(); !d.nothing(s) {
			l.found(at)
			l.append(d, at, s)
		}
	}
}

// doubtMore notes that the list has elements that are not known. A list that
// one of its paths fills is not doubted for another, unless its elements stand
// in an array of objects.
func (l *List[T]) doubtMore(d *decoder, at At) {
	if l.State != Known || len(l.Items) == 0 || d.within > 0 {
		l.Mark = Mark{Known, at}
		l.more(at)
	}
}

func (l *List[T]) more(at At) {
	l.found(at)
	l.Items = append(l.Items, Value[T]{Mark: Mark{Unknown, at}})
}

func (l *List[T]) size() int { return len(l.Items) }

// add appends the element at hand, unless seen has it.
func (l *List[T]) add(d *decoder, seen map[T]bool) {
	at, s := d.at(), d.scalar()
	if s.kind == 'n' { // an element whose value is not known yet
		l.Items = append(l.Items, Value[T]{Mark: Mark{Unknown, at}})
		return
	}
	l.append(d, at, s)
	if last := len(l.Items) - 1; seen[l.Items[last].V] {
		l.Items = l.Items[:last]
	}
}

func (l *List[T]) append(d *decoder, at At, s scalar) {
	l.Items = append(l.Items, Value[T]{Mark: Mark{Known, at}})
	d.put(&l.Items[len(l.Items)-1], s)
}

// gather notes that the array that holds the elements was seen.
func (l *List[T]) gather(at At) { l.found(at) }

// found makes an absent value known.
func (m *Mark) found(at At) {
	if m.State == Absent {
		*m = Mark{Known, at}
	}
}

// id reads a reference's id. An empty one refers to nothing.
func (d *decoder) id() (id string, state State) {
	s := d.scalar()
	switch {
	case s.kind == 'n' || s.kind == '"' && strings.TrimSpace(s.text) == "":
		return "", Absent
	case s.kind == '"':
		return s.text, Known
	default:
		return "", Unknown
	}
}

// one reads a single reference, l, into id and m.
func (d *decoder) one(l linker, id *string, m *Mark) {
	at := d.at()
	if d.overlaid {
		if d.unknown() {
			m.doubt(at)
		}
		return
	}
	if text, state := d.id(); state != Absent {
		*id, *m = text, Mark{state, at}
		d.refer(l)
	} else {
		m.lack(at)
	}
}

func (r *Ref[T]) take(d *decoder, _ leaf) { d.one(r, &r.ID, &r.Mark) }
func (l *Link) take(d *decoder, _ leaf)   { d.one(l, &l.ID, &l.Mark) }

func (r *Refs[T]) gather(at At) { r.found(at) }

func (r *Refs[T]) more(at At) {
	r.found(at)
	r.Items = append(r.Items, Ref[T]{Mark: Mark{Unknown, at}})
}

func (r *Refs[T]) size() int { return len(r.Items) }

func (r *Refs[T]) take(d *decoder, _ leaf) {
	at := d.at()
	switch {
	case d.overlaid:
		if d.unknown() && (r.State != Known || len(r.Items) == 0 || d.within > 0) {
			r.Mark = Mark{Known, at}
			r.more(at)
		}
	case d.peek() == '[':
		r.found(at)
		d.array(func(int) { r.add(d, Unknown) }) // null in a list is an id not known yet
	default:
		r.add(d, Absent)
	}
}

// add appends the id at hand; none stands for the state none.
func (r *Refs[T]) add(d *decoder, none State) {
	at := d.at()
	id, state := d.id()
	if state == Absent {
		state = none
	}
	if state == Absent {
		return
	}
	r.found(at)
	if len(r.Items) == 0 {
		d.refer(r)
	}
	r.Items = append(r.Items, Ref[T]{ID: id, Mark: Mark{state, at}})
}
