package azure

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"
)

// task is a piece of the reading; it may bring further ones.
type task struct {
	what string
	do   func(context.Context) ([]task, error)
}

// crew does tasks, the newest first, so that the waiting ones stay few.
type crew struct {
	progress func(done, total int, what string)

	mu      sync.Mutex
	wake    sync.Cond
	waiting []task
	running int
	done    int
}

// run does every task and what comes of it, workers at a time. The first
// error ends the context that the tasks have, and so all of them.
func (c *crew) run(ctx context.Context, workers int, first []task) error {
	c.wake.L = &c.mu
	c.waiting = first
	g, ctx := errgroup.WithContext(ctx)
	for range workers {
		g.Go(func() error { return c.work(ctx) })
	}
	return g.Wait()
}

func (c *crew) work(ctx context.Context) error {
	for {
		t, ok := c.take()
		if !ok {
			return nil
		}
		more, err := t.do(ctx)
		c.finish(t, more)
		if err != nil {
			return err
		}
	}
}

func (c *crew) take() (task, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.waiting) == 0 && c.running > 0 {
		c.wake.Wait()
	}
	last := len(c.waiting) - 1
	if last < 0 {
		return task{}, false
	}
	t := c.waiting[last]
	c.waiting = c.waiting[:last]
	c.running++
	return t, true
}

func (c *crew) finish(t task, more []task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, more...)
	c.running--
	c.done++
	c.wake.Broadcast()
	if c.progress != nil {
		c.progress(c.done, c.done+c.running+len(c.waiting), t.what)
	}
}
