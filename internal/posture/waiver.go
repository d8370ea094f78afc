package posture

import (
	"fmt"
	"strings"
	"time"
)

// waive puts waivers to the findings that they name. A waiver that has ended
// takes nothing out of the verdict; the finding says that it has ended. One
// that names nothing is noted, because it may be misspelt or no longer needed.
func (s *scene) waive(findings []Finding) {
	for i := range s.o.Waivers {
		w := &s.o.Waivers[i]
		switch matched, needed := w.apply(findings, s.o.Now); {
		case !matched:
			s.notes = append(s.notes, w.unmatched())
		case !needed:
			s.note("the waiver of %s for %s is not needed: the finding passes", w.Finding, w.Resource)
		}
	}
}

// apply accepts the findings that the waiver names. It says whether there are
// any, and whether any did not pass.
func (w *Waiver) apply(findings []Finding, now time.Time) (matched, needed bool) {
	for k := range findings {
		f := &findings[k]
		if !strings.EqualFold(w.Finding, f.ID) || !sameID(w.Resource, f.Resource) {
			continue
		}
		matched = true
		if f.Status != Pass {
			needed = true
			w.accept(f, now)
		}
	}
	return matched, needed
}

func (w *Waiver) unmatched() string {
	return fmt.Sprintf("the waiver of %s for %s matches no finding", w.Finding, w.Resource)
}

func (w *Waiver) accept(f *Finding, now time.Time) {
	if now.Before(w.Expires) {
		kept := *w
		f.Waiver = &kept
		return
	}
	f.What += fmt.Sprintf(" (its waiver, %q, expired on %s)", w.Reason, w.Expires.UTC().Format(time.DateOnly))
}

// sameID compares ARM ids, or addresses, without case.
func sameID(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "/"), strings.TrimSuffix(b, "/"))
}

func (s *scene) note(text string, args ...any) { s.notes = append(s.notes, fmt.Sprintf(text, args...)) }
