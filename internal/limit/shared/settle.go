package shared

import (
	"context"
	"maps"
	"time"

	"github.com/ostiary/ostiary/internal/limit"
)

const (
	maxSeconds = 64          // that something is given back to; a minute has fewer
	debtLasts  = time.Minute // then it would not count any more
	slots      = 61          // seconds that count

	// flushAfter is how long a settlement waits for a call that takes it along.
	flushAfter = 20 * time.Millisecond
)

// owe notes a debt, or less than nothing: what is given back to a second.
func (l *Limiter) owe(second, more int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if more > 0 {
		l.debt, l.since = min(l.debt+more, limit.Max), l.store.cfg.Now()
		return
	}
	maps.DeleteFunc(l.back, func(s, _ int64) bool { return s <= second-slots })
	if _, ok := l.back[second]; ok || len(l.back) < maxSeconds {
		l.back[second] = min(l.back[second]-more, limit.Max)
	}
}

// owes takes what is owed, to send it.
func (l *Limiter) owes() owed {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := owed{debt: l.debt}
	if l.debt > 0 && l.store.cfg.Now().Sub(l.since) > debtLasts {
		o.debt = 0
	}
	if l.debt = 0; len(l.back) > 0 {
		o.back, l.back = l.back, map[int64]int64{}
	}
	return o
}

// unsure is for what may have arrived or not. A debt goes again, and may count
// twice; what is given back does not, since given back twice it would make room.
func (l *Limiter) unsure(o owed) {
	l.store.metrics.lost.Add(float64(len(o.back)))
	if o.debt == 0 {
		return
	}
	l.mu.Lock()
	if l.debt == 0 {
		l.since = l.store.cfg.Now()
	}
	l.debt = min(l.debt+o.debt, limit.Max)
	l.mu.Unlock()
	l.store.owed(l)
}

func (l *Limiter) owesNothing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.debt == 0 && len(l.back) == 0
}

// owed notes that a limiter has something to send.
func (s *Store) owed(l *Limiter) {
	s.mu.Lock()
	s.owing[l] = struct{}{}
	s.mu.Unlock()
	s.nudge()
}

func (s *Store) nudge() {
	select {
	case s.wake <- struct{}{}:
	default: // it will look
	}
}

// flushes sends what no call took along, until ctx ends.
func (s *Store) flushes(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(flushAfter):
			s.flush()
		}
	}
}

// flush sends what is owed. While the server is away it stays, and the server's
// return wakes flushes.
func (s *Store) flush() {
	if !s.health.serves() {
		return
	}
	s.mu.Lock()
	owing := s.owing
	s.owing = map[*Limiter]struct{}{}
	s.mu.Unlock()
	for l := range owing {
		if l.owesNothing() {
			continue
		}
		if _, err := l.ask(question{limits: l.current(), wants: onlyLook}); err != nil && !l.owesNothing() {
			s.owed(l)
		}
	}
}
