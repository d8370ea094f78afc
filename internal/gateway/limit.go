package gateway

import (
	"math"
	"time"

	"github.com/ostiary/ostiary/internal/limit"
	"github.com/ostiary/ostiary/internal/openai"
)

// unsaid is how many tokens of an answer are reserved where the request sets no
// bound. What an answer has beyond them is settled as a debt.
const unsaid = 1024

// limiter holds one workload to its limits: those of this process (alone), or of
// all that share a Redis (shared.Limiter). settle takes what a call really used
// in the place of what it took. An error of Take says that nobody can count.
type limiter interface {
	Set(limits limit.Limits)
	Take(tokens int64) (settle func(used int64), no *limit.Refusal, err error)
	State() (limits, used limit.Limits)
}

// alone is the limits of one process.
type alone struct{ *limit.Limiter }

// Take takes what no other process knows of.
func (a alone) Take(tokens int64) (func(int64), *limit.Refusal, error) {
	took, no := a.Limiter.Take(tokens)
	return took.Settle, no, nil
}

// limit: is it within what the workload may do in a minute? The request counts,
// and an estimate of its tokens; end settles with the real use.
func (c *call) limit() *refusal {
	l := c.rules.limiters[c.who.Workload]
	if l == nil {
		return nil
	}
	settle, no, err := l.Take(c.worth())
	switch {
	case err != nil:
		c.g.metrics.limited.WithLabelValues(c.who.Workload, "unknown").Inc()
		return busy(c.who.Workload+": "+err.Error(), time.Second)
	case no == nil:
		c.settleUse = settle
		return nil
	}
	c.g.metrics.limited.WithLabelValues(c.who.Workload, string(no.Kind)).Inc()
	requests := openai.Quota{Limit: no.Limits.Requests, Left: no.Left.Requests}
	tokens := openai.Quota{Limit: no.Limits.Tokens, Left: no.Left.Tokens}
	if no.Kind == limit.Requests {
		return &refusal{openai.RequestsLimited(no.Retry, requests, tokens), c.who.Workload + ": over its requests a minute"}
	}
	why := c.who.Workload + ": over its tokens a minute"
	if no.Never {
		why += " by this call alone"
	}
	return &refusal{openai.TokensLimited(c.target, no.Retry, requests, tokens), why}
}

// worth is what the call may use, as Azure reckons it: the prompt's tokens, by
// estimate, and as many as the answers may have.
func (c *call) worth() int64 {
	prompt := estimated(c.peeked.TextBytes)
	switch c.target.Operation {
	case openai.ChatCompletions, openai.Completions, openai.Responses:
	default:
		return prompt
	}
	facts := c.peeked.Facts
	each := facts.MaxTokens
	if !facts.Limited || each == openai.Unlimited {
		each = unsaid
	}
	if n := max(facts.N, 1); each > math.MaxInt64/2/n {
		return math.MaxInt64
	} else {
		return prompt + each*n
	}
}

// limiters makes those of the workloads. One that was there before keeps its
// count: a reload makes no room.
func (g *Gateway) limiters(limits map[string]limit.Limits) map[string]limiter {
	limiters := map[string]limiter{}
	before := g.rules.current.Load()
	for name, l := range limits {
		if before != nil && before.limiters[name] != nil {
			limiters[name] = before.limiters[name]
			limiters[name].Set(l)
		} else {
			limiters[name] = g.limiter(name, l)
		}
	}
	return limiters
}

func (g *Gateway) limiter(workload string, l limit.Limits) limiter {
	if g.cfg.Shared != nil {
		return g.cfg.Shared.Limiter(workload, l)
	}
	return alone{limit.New(l, g.cfg.Now)}
}
