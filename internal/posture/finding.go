package posture

import (
	"fmt"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// on starts a finding about a resource.
func (s *scene) on(t estate.Thing, evidence ...Evidence) Finding {
	return Finding{Resource: idOf(t), Evidence: evidence}
}

func (f Finding) pass(what string, args ...any) Finding { return f.say(Pass, what, args) }
func (f Finding) fail(what string, args ...any) Finding { return f.say(Fail, what, args) }

// doubt says why it cannot be told.
func (f Finding) doubt(what string, args ...any) Finding { return f.say(Unknown, what, args) }

func (f Finding) say(status Status, what string, args []any) Finding {
	f.Status, f.What = status, fmt.Sprintf(what, args...)
	return f
}

// at weighs the finding otherwise than its check does.
func (f Finding) at(level Level) Finding { f.Level = level; return f }

// by adds the packet, rule or record that shows it.
func (f Finding) by(witness string, args ...any) Finding {
	f.Witness = fmt.Sprintf(witness, args...)
	return f
}

// mended says what to change. A pass needs no mending.
func (f Finding) mended(terraform, az string) Finding {
	if f.Status != Pass {
		f.Mend = Mend{Terraform: terraform, Az: az}
	}
	return f
}

// idOf is how a resource is called in a report: its ARM id, or its address in
// a plan.
func idOf(t estate.Thing) string {
	b := t.Base()
	if b.Address != "" {
		return b.Address
	}
	return b.ID
}

// saw is the evidence of a value: where it stands, and what Azure takes where
// it is absent.
func saw[T comparable](s *scene, t estate.Thing, v estate.Value[T], fallback string) Evidence {
	return s.seen(t, v.Mark, fmt.Sprint(v.V), fallback)
}

// sawList is the evidence of a list.
func sawList[T comparable](s *scene, t estate.Thing, l estate.List[T], fallback string) Evidence {
	texts := make([]string, len(l.Items))
	for i, v := range l.Items {
		texts[i] = orState(v.Mark, fmt.Sprint(v.V))
	}
	return s.seen(t, l.Mark, "["+strings.Join(texts, ", ")+"]", fallback)
}

// sawRef is the evidence of a reference.
func sawRef[T any](s *scene, t estate.Thing, r estate.Ref[T]) Evidence {
	return s.seen(t, r.Mark, r.ID, "")
}

func (s *scene) seen(t estate.Thing, m estate.Mark, text, fallback string) Evidence {
	if m.State != estate.Absent {
		fallback = ""
	}
	return Evidence{Resource: idOf(t), Pointer: s.pointer(m.At), Value: orState(m, text), Default: fallback}
}

func orState(m estate.Mark, text string) string {
	if m.State != estate.Known {
		return m.State.String()
	}
	return text
}

// pointer remembers the pointers it worked out: each costs a scan of its
// resource.
func (s *scene) pointer(at estate.At) string {
	p, ok := s.pointers[at]
	if !ok {
		p = s.Pointer(at)
		s.pointers[at] = p
	}
	return p
}
