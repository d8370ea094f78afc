package probe

import (
	"context"
	"sync"
	"time"
)

const parallel = 8 // looks at once

// repeat makes every look, and those again that did not pass, until they do
// or Wait is over. An observation that passed keeps its first time while it
// goes on passing.
func (p *prober) repeat(ctx context.Context, looks []look) []Observation {
	started := time.Now()
	seen := make([][]Observation, len(looks))
	pending := make([]int, len(looks))
	for i := range looks {
		pending[i] = i
	}
	for round := 1; ; round++ {
		p.round(ctx, looks, seen, pending, started, round)
		pending = notPassed(seen, pending)
		if len(pending) == 0 || time.Since(started)+p.Every > p.Wait || !sleep(ctx, p.Every) {
			break
		}
	}
	var all []Observation
	for _, s := range seen {
		all = append(all, s...)
	}
	return all
}

// round makes the pending looks.
func (p *prober) round(ctx context.Context, looks []look, seen [][]Observation, pending []int, started time.Time, round int) {
	places := make(chan struct{}, parallel)
	var wg sync.WaitGroup
	for _, i := range pending {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			began := started
			if round == 1 {
				began = time.Now()
			}
			now := looks[i].make(ctx, looks[i].e)
			for k := range now {
				now[k].Host = looks[i].e.Host
			}
			seen[i] = merge(seen[i], now, time.Since(began), round)
		})
	}
	wg.Wait()
}

// merge dates new observations; those that passed before and still do stay.
func merge(old, now []Observation, took time.Duration, round int) []Observation {
	before := map[[2]string]Observation{}
	for _, o := range old {
		before[[2]string{o.Name, o.Target}] = o
	}
	for i, o := range now {
		if b := before[[2]string{o.Name, o.Target}]; b.Status == Pass && o.Status == Pass {
			now[i] = b
			continue
		}
		now[i].Duration = took
		if round > 1 {
			word := "still so"
			if o.Status == Pass {
				word = "came"
			}
			now[i].Detail = sentence(o.Detail, word+" after "+took.Round(time.Second).String())
		}
	}
	return now
}

func sentence(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

func notPassed(seen [][]Observation, pending []int) []int {
	var left []int
	for _, i := range pending {
		for _, o := range seen[i] {
			if o.Status != Pass {
				left = append(left, i)
				break
			}
		}
	}
	return left
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
