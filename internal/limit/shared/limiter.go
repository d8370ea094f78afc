package shared

import (
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/limit"
)

// Limiter holds one workload to its limits, with all others that ask the store
// for the same workload. It may be used from any goroutine.
type Limiter struct {
	store    *Store
	workload string
	key      string
	own      *limit.Limiter // of what this process let through

	mu     sync.Mutex
	limits limit.Limits
	back   map[int64]int64 // what is owed, until it goes along with a question
	debt   int64
	since  time.Time // of the debt
}

// Set changes the limits. What was taken stays taken.
func (l *Limiter) Set(limits limit.Limits) {
	l.own.Set(limits)
	bounded, _ := l.own.State()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limits = bounded
}

// current is the limits in force.
func (l *Limiter) current() limit.Limits {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.limits
}

// State is the limits, and what all have taken of them in the last minute, of
// calls under way by estimate; this process alone while the server does not
// count, and of a workload without limits.
func (l *Limiter) State() (limits, used limit.Limits) {
	limits, used = l.own.State()
	if limits == (limit.Limits{}) {
		return limits, used
	}
	if m, err := l.ask(question{limits: limits, wants: onlyLook}); err == nil {
		used = m.used
	}
	return limits, used
}

// Take takes one request and an estimate of its tokens, or says why not; then
// nothing is taken. settle is to be called with what was really used; only its
// first call does anything. It waits for as long as Settings.Timeout says, and an
// error says that the server did not count; then nothing is let through. A
// workload without limits is only counted, here.
func (l *Limiter) Take(tokens int64) (settle func(used int64), no *limit.Refusal, err error) {
	q := question{limits: l.current(), wants: min(max(tokens, 0), limit.Max)}
	if q.limits == (limit.Limits{}) {
		took := l.own.Count(tokens)
		return took.Settle, nil, nil
	}
	start := time.Now()
	m, err := l.ask(q)
	l.store.metrics.seconds.Observe(time.Since(start).Seconds())
	switch {
	case err != nil && l.store.cfg.OnFailure == Alone:
		l.store.metrics.alone.WithLabelValues(l.workload).Inc()
		took, no := l.own.Take(tokens)
		return took.Settle, no, nil
	case err != nil:
		return nil, nil, err
	case m.over != "":
		return nil, q.refusal(m), nil
	}
	took := &reservation{limiter: l, own: l.own.Count(tokens), second: m.second, tokens: q.wants}
	return took.settle, nil, nil
}

// ask asks the script, unless the server is known to be away, and takes along
// what is owed.
func (l *Limiter) ask(q question) (minute, error) {
	if !l.store.health.serves() {
		return minute{}, errAway
	}
	q.owed = l.owes()
	m, err := l.store.ask(l.key, q)
	l.store.noted(err)
	if err != nil {
		l.unsure(q.owed)
		return minute{}, errAway
	}
	return m, nil
}

// reservation is what a call took.
type reservation struct {
	limiter        *Limiter // nil once it is settled
	own            limit.Reservation
	second, tokens int64
}

func (r *reservation) settle(used int64) {
	l := r.limiter
	if l == nil {
		return
	}
	r.limiter = nil
	r.own.Settle(used)
	if more := min(max(used, 0), limit.Max) - r.tokens; more != 0 {
		l.owe(r.second, more)
		l.store.owed(l)
	}
}
