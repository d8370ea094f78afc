package gateway

import (
	"context"
	"sync"
	"time"
)

const (
	// recordTime bounds the wait for a record to become durable. It does not
	// end with the client: what has happened is recorded all the same.
	recordTime = 30 * time.Second

	// recordShare is for how long calls share one such bound, and so by how
	// much it may come early.
	recordShare = 5 * time.Second
)

// lapses bounds the waits of many calls with one timer: two timers and two
// contexts for each call were a fiftieth of its cost.
type lapses struct {
	mu    sync.Mutex
	ctx   context.Context //nolint:containedctx // it belongs to no call
	since time.Time
}

// context ends in 25 to 30 s.
func (l *lapses) context() context.Context {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx == nil || now.Sub(l.since) > recordShare {
		ctx, cancel := context.WithTimeout(context.Background(), recordTime)
		context.AfterFunc(ctx, cancel) // nobody ends it sooner
		l.ctx, l.since = ctx, now
	}
	return l.ctx
}
