package backend

import (
	"cmp"
	"log/slog"
	"math/bits"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/openai"
)

// maxBackends is the bits of a set.
const maxBackends = 64

// Config makes a Pool.
type Config struct {
	Backends []Settings       // 1 to 64
	Before   *Pool            // that this one takes the place of: backends that are reached as before keep connections, tokens and what is known of their health; may be nil
	Logger   *slog.Logger     // nil means none
	Now      func() time.Time // nil means time.Now
	Random   func(n int) int  // a number from 0 to n-1; nil means math/rand's
}

// Pool is the backends, those with the lowest priority number first.
type Pool struct {
	backends []*Backend
	reserves bool // one of them is reserved for a workload
	logger   *slog.Logger
	now      func() time.Time
	random   func(n int) int
}

// NewPool opens every backend. Names must be distinct, and there must be one.
func NewPool(cfg Config) (*Pool, error) {
	p := &Pool{logger: cfg.Logger, now: cfg.Now, random: cfg.Random}
	if p.logger == nil {
		p.logger = slog.New(slog.DiscardHandler)
	}
	if p.now == nil {
		p.now = time.Now
	}
	if p.random == nil {
		p.random = rand.IntN
	}
	var before []*Backend
	if cfg.Before != nil {
		before = cfg.Before.backends
	}
	var problem error
	CheckReserved(cfg.Backends, func(path, what, fix string) { problem = fault.New(fault.Invalid, what).At(path).Fix(fix) })
	if problem != nil {
		return nil, problem
	}
	names := map[string]bool{}
	for _, s := range cfg.Backends {
		if names[s.Name] {
			return nil, fault.New(fault.Invalid, "two backends of one name").At("backends." + s.Name).Fix("name them apart")
		}
		names[s.Name] = true
		b, err := open(s, before)
		if err != nil {
			return nil, err
		}
		p.backends, p.reserves = append(p.backends, b), p.reserves || b.workload != ""
	}
	if n := len(p.backends); n == 0 || n > maxBackends {
		return nil, fault.New(fault.Invalid, "no backend, or more than 64").At("backends").Fix("name 1 to 64")
	}
	slices.SortStableFunc(p.backends, func(a, b *Backend) int { return cmp.Compare(a.priority, b.priority) })
	return p, nil
}

// Backends lists them by priority, and in the order of the configuration.
func (p *Pool) Backends() []*Backend { return p.backends }

// Condition is what calls have found out about one backend.
type Condition struct {
	Name      string
	Broken    bool
	Throttled int // deployments
}

// Conditions lists all backends, in the order of Backends.
func (p *Pool) Conditions() []Condition {
	now := p.now()
	all := make([]Condition, len(p.backends))
	for i, b := range p.backends {
		all[i] = Condition{Name: b.name}
		all[i].Broken, all[i].Throttled = b.health.condition(now)
	}
	return all
}

// set holds backends by their place in the pool.
type set uint64

func (s set) has(i int) bool { return s>>i&1 == 1 }
func (s *set) add(i int)     { *s |= 1 << i }
func (s *set) remove(i int)  { *s &^= 1 << i }

// Round goes through the backends that may answer one call, each once. One
// goroutine uses it at a time.
type Round struct {
	pool       *Pool
	deployment string
	may        set
	spent      set
}

// Round begins with all that serve the deployment; an empty one is served by
// any.
func (p *Pool) Round(route openai.Route, deployment string) Round {
	r := Round{pool: p, deployment: deployment}
	for i, b := range p.backends {
		if b.serves(route, deployment) {
			r.may.add(i)
		}
	}
	return r
}

// Left is how many backends may still be asked, well or not.
func (r *Round) Left() int { return bits.OnesCount64(uint64(r.may &^ r.spent)) }

// Keep leaves in the round, of the backends that may still be asked, those that
// ok accepts. It asks in order of priority.
func (r *Round) Keep(ok func(*Backend) bool) {
	for i, b := range r.pool.backends {
		if r.may.has(i) && !r.spent.has(i) && !ok(b) {
			r.may.remove(i)
		}
	}
}

// Next chooses a backend that was not yet asked: of those that are well the
// ones with the lowest priority number, and of these by chance, as their
// weights say. False where none is left; Lack says why.
func (r *Round) Next() (Attempt, bool) {
	all, now := r.pool.backends, r.pool.now()
	for from := 0; from < len(all); {
		to := from + 1
		for to < len(all) && all[to].priority == all[from].priority {
			to++
		}
		for {
			i, ok := r.choose(from, to, now)
			if !ok {
				break
			}
			r.spent.add(i)
			if probe, ok := all[i].health.claim(r.deployment, now); ok {
				return Attempt{Backend: all[i], pool: r.pool, deployment: r.deployment, begun: now, probe: probe}, true
			}
		}
		from = to
	}
	return Attempt{}, false
}

// choose picks among the backends from … to-1 that are well.
func (r *Round) choose(from, to int, now time.Time) (int, bool) {
	var fit set
	total, last := 0, 0
	for i := from; i < to; i++ {
		if !r.may.has(i) || r.spent.has(i) {
			continue
		}
		if s, _ := r.pool.backends[i].health.state(r.deployment, now); s == well {
			fit.add(i)
			last = i
			total += r.pool.backends[i].weight
		}
	}
	if total == 0 || fit == 1<<last {
		return last, total > 0
	}
	n := r.pool.random(total)
	for i := from; ; i++ {
		if fit.has(i) {
			if n -= r.pool.backends[i].weight; n < 0 {
				return i, true
			}
		}
	}
}

// Lack is why no backend of a round is left to ask.
type Lack struct {
	Of        int           // how many there were
	Throttled bool          // one is well, but takes no more for now
	Retry     time.Duration // until the first of these, or else of the broken ones; 0 where none says
}

// Lack looks at all backends of the round, those that were asked too.
func (r *Round) Lack() Lack {
	var l Lack
	now := r.pool.now()
	for i, b := range r.pool.backends {
		if !r.may.has(i) {
			continue
		}
		l.Of++
		s, wait := b.health.state(r.deployment, now)
		switch {
		case s == well || s == broken && l.Throttled:
		case l.Retry == 0 || wait < l.Retry || s == throttled && !l.Throttled:
			l.Retry, l.Throttled = wait, s == throttled
		}
	}
	return l
}
