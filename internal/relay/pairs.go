package relay

import (
	"sync"
	"time"
)

// Pair is an inlet and an outlet that are joined.
type Pair struct {
	Inlet, Outlet string // SPIFFE ids
	Service       string
	Since         time.Time
}

// pairs are those that stand.
type pairs struct {
	mu sync.Mutex
	at map[*Pair]struct{}
}

// add notes a pair until remove is called.
func (p *pairs) add(pair *Pair) (remove func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == nil {
		p.at = map[*Pair]struct{}{}
	}
	p.at[pair] = struct{}{}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.at, pair)
	}
}

// Pairs are those that stand now.
func (r *Relay) Pairs() []Pair {
	r.pairs.mu.Lock()
	defer r.pairs.mu.Unlock()
	all := make([]Pair, 0, len(r.pairs.at))
	for pair := range r.pairs.at {
		all = append(all, *pair)
	}
	return all
}
