package limit

import (
	"sync"
	"time"
)

// Limits are of one minute; zero means none.
type Limits struct {
	Requests int64
	Tokens   int64
}

// Limiter holds one group of callers to its limits. A nil Limiter lets
// everything through. It may be used from any goroutine.
type Limiter struct {
	now   func() time.Time
	start time.Time

	mu       sync.Mutex
	last     int64 // the second that the windows stand at
	requests window
	tokens   window
}

// New makes a limiter; where there is nothing to limit it only counts. A nil
// now means time.Now. Limits over Max count as Max.
func New(l Limits, now func() time.Time) *Limiter {
	if now == nil {
		now = time.Now
	}
	limiter := &Limiter{now: now, start: now()}
	limiter.last = second(limiter.start, limiter.start)
	limiter.Set(l)
	return limiter
}

// Set changes the limits. What was taken stays taken.
func (l *Limiter) Set(limits Limits) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests.limit, l.tokens.limit = bounded(limits.Requests), bounded(limits.Tokens)
}

// State is the limits, and what was taken of them in the last minute: of calls
// under way by estimate. A nil Limiter has neither.
func (l *Limiter) State() (limits, used Limits) {
	if l == nil {
		return Limits{}, Limits{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.advance()
	return Limits{l.requests.limit, l.tokens.limit}, Limits{l.requests.sum, l.tokens.sum}
}

func bounded(n int64) int64 { return min(max(n, 0), Max) }

// Kind is which limit refused a call.
type Kind string

// The kinds.
const (
	Requests Kind = "requests"
	Tokens   Kind = "tokens"
)

// Refusal is why a call was not let through, and what the limits stand at.
type Refusal struct {
	Kind  Kind
	Retry time.Duration // after which it fits if nobody else comes; whole seconds, from 1 to 61
	Never bool          // its tokens alone are over the limit

	Limits Limits
	Left   Limits // of Limits; 0 where there is none
}

// Reservation is what a call took; the zero Reservation took nothing.
type Reservation struct {
	limiter *Limiter
	second  int64
	tokens  int64
}

// Take takes one request and an estimate of its tokens, or says why not; then
// nothing is taken.
func (l *Limiter) Take(tokens int64) (Reservation, *Refusal) {
	if l == nil {
		return Reservation{}, nil
	}
	tokens = bounded(tokens)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.advance()
	switch {
	case !l.requests.fits(1):
		return Reservation{}, l.refuse(Requests, l.requests.wait(now, 1))
	case !l.tokens.fits(tokens):
		r := l.refuse(Tokens, l.tokens.wait(now, tokens))
		r.Never = tokens > l.tokens.limit
		return Reservation{}, r
	}
	l.requests.add(now, 1)
	l.tokens.add(now, tokens)
	return Reservation{l, now, tokens}, nil
}

// Count takes one request and its tokens without asking whether they fit: it is
// for what somebody else has let through. A nil Limiter counts nothing.
func (l *Limiter) Count(tokens int64) Reservation {
	if l == nil {
		return Reservation{}
	}
	tokens = bounded(tokens)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.advance()
	l.requests.add(now, 1)
	l.tokens.add(now, tokens)
	return Reservation{l, now, tokens}
}

// advance moves the windows to the present second. A clock that goes back
// stands still here.
func (l *Limiter) advance() int64 {
	now := max(second(l.start, l.now()), l.last)
	l.requests.expire(l.last, now)
	l.tokens.expire(l.last, now)
	l.last = now
	return now
}

func (l *Limiter) refuse(kind Kind, wait int64) *Refusal {
	return &Refusal{
		Kind: kind, Retry: time.Duration(wait) * time.Second,
		Limits: Limits{l.requests.limit, l.tokens.limit},
		Left:   Limits{l.requests.left(), l.tokens.left()},
	}
}

// Settle replaces the estimate by what was used. The rest is given back to the
// second that it was taken from, while that still counts; a debt counts from
// now. Only the first call of Settle does anything.
func (r *Reservation) Settle(used int64) {
	l := r.limiter
	if l == nil {
		return
	}
	r.limiter = nil
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.advance()
	switch more := bounded(used) - r.tokens; {
	case more > 0:
		l.tokens.add(now, more)
	case r.second > now-slots:
		l.tokens.add(r.second, more)
	}
}
