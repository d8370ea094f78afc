package estate

// State says how much the source tells of a value.
type State uint8

// The states. The zero value is Absent: a document that does not mention a
// value leaves it so.
const (
	Absent  State = iota // not stated: Azure's default holds
	Known                // stated
	Unknown              // there is a value, but the source cannot tell which
)

func (s State) String() string {
	return [...]string{"absent", "known", "unknown"}[s]
}

// At is the place where a value was read: the offset of the value in the
// document, plus one. An absent value has the place of the object that lacks
// it. Zero is nowhere. Estate.Pointer and Estate.Position translate it.
type At uint32

// Mark is the state of a value and its place.
type Mark struct {
	State State
	At    At
}

// lack remembers the object that lacks the value.
func (m *Mark) lack(at At) {
	if m.State == Absent {
		m.At = at
	}
}

// doubt makes the value unknown, unless it is known.
func (m *Mark) doubt(at At) {
	if m.State != Known {
		m.State, m.At = Unknown, at
	}
}

// Value is a value of three states and its place.
type Value[T comparable] struct {
	V T
	Mark
}

// Is reports whether the value is known and equal to want.
func (v Value[T]) Is(want T) bool { return v.State == Known && v.V == want }

// Or is the value where known, fallback where absent; ok is false where it is
// unknown. The fallback is Azure's documented default.
func (v Value[T]) Or(fallback T) (value T, ok bool) {
	switch v.State {
	case Known:
		return v.V, true
	case Absent:
		return fallback, true
	default:
		return fallback, false
	}
}

// List is a list of values. A known list may hold unknown elements, each of
// which stands for any number of values.
type List[T comparable] struct {
	Items []Value[T]
	Mark
}

// Complete reports whether every element is known; an absent list is empty
// and complete.
func (l List[T]) Complete() bool {
	if l.State == Unknown {
		return false
	}
	for _, v := range l.Items {
		if v.State != Known {
			return false
		}
	}
	return true
}

// Empty reports whether the list certainly has no element.
func (l List[T]) Empty() bool { return l.State != Unknown && len(l.Items) == 0 }

// Has reports whether v is among the known elements.
func (l List[T]) Has(v T) bool {
	for _, item := range l.Items {
		if item.Is(v) {
			return true
		}
	}
	return false
}

// Ref is a reference to another resource by its id.
type Ref[T any] struct {
	ID string // as written; in a plan the address where the id is not known yet
	To *T     // nil where the estate holds no such resource
	Mark
}

// Get is the resource referred to. The state is Absent where nothing is
// referred to, and Unknown where the reference is unknown or leads to
// something that the estate does not hold.
func (r Ref[T]) Get() (*T, State) {
	if r.State == Known && r.To == nil {
		return nil, Unknown
	}
	return r.To, r.State
}

// Refs is a list of references.
type Refs[T any] struct {
	Items []Ref[T]
	Mark
}

// Link is a reference to a resource of any type.
type Link struct {
	ID string
	To Thing // nil where the estate holds no such resource
	Mark
}
