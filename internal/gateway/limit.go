package gateway

import (
	"math"

	"github.com/ostiary/ostiary/internal/limit"
	"github.com/ostiary/ostiary/internal/openai"
)

// unsaid is how many tokens of an answer are reserved where the request sets no
// bound. What an answer has beyond them is settled as a debt.
const unsaid = 1024

// limit: is it within what the workload may do in a minute? The request counts,
// and an estimate of its tokens; end settles with the real use.
func (c *call) limit() *refusal {
	allowance, no := c.rules.limiters[c.who.Workload].Take(c.worth())
	if no == nil {
		c.allowance = allowance
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
func (g *Gateway) limiters(limits map[string]limit.Limits) map[string]*limit.Limiter {
	limiters := map[string]*limit.Limiter{}
	before := g.rules.current.Load()
	for name, l := range limits {
		if before != nil && before.limiters[name] != nil {
			limiters[name] = before.limiters[name]
			limiters[name].Set(l)
		} else {
			limiters[name] = limit.New(l, g.cfg.Now)
		}
	}
	return limiters
}
