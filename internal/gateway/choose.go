package gateway

import (
	"cmp"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/openai"
	"github.com/ostiary/ostiary/internal/policy"
	"github.com/ostiary/ostiary/internal/secret"
)

// verdict is what policy says of the call if it goes to the region.
type verdict struct {
	region string
	policy.Decision
}

// judge asks policy again, for every region that the call may go to, and leaves
// backends out where the answer is no. It refuses where none is left.
func (c *call) judge() *refusal {
	if c.round.Left() == 0 {
		return c.decide(c.question(""))
	}
	c.round.Keep(func(b *backend.Backend) bool { return c.verdict(b).Allowed })
	if c.round.Left() == 0 {
		return c.accept(c.verdicts[0].Decision)
	}
	return nil
}

func (c *call) question(region string) policy.Call {
	return policy.Call{Operation: c.target.Operation, Deployment: c.deployment, Workload: c.workload, Facts: c.facts(region)}
}

// verdict asks once for each region.
func (c *call) verdict(b *backend.Backend) policy.Decision {
	for _, v := range c.verdicts {
		if v.region == b.Region() {
			return v.Decision
		}
	}
	d := c.rules.Policy.Decide(c.who, c.question(b.Region()))
	c.verdicts = append(c.verdicts, verdict{b.Region(), d})
	return d
}

// accept takes a decision for the call's.
func (c *call) accept(d policy.Decision) *refusal {
	c.decision = d
	c.who.Workload = cmp.Or(d.Workload, c.who.Workload)
	if !d.Allowed {
		return &refusal{openai.PermissionDenied(), d.Why}
	}
	return nil
}

// choose takes the first backend, and leaves in the round those that may be
// asked after it: the intent is made once, so the workload must be the same
// there, and what is kept of the call.
func (c *call) choose() *refusal {
	c.round.Keep(func(b *backend.Backend) bool { return !b.NeedsToken() || !c.token().Empty() })
	if c.round.Left() == 0 {
		return &refusal{openai.BadToken(), "the backend is to see the caller's own Entra token, and there is none"}
	}
	var ok bool
	if c.attempt, ok = c.round.Next(); !ok {
		return c.unavailable()
	}
	c.backend = c.attempt.Backend
	if len(c.verdicts) == 0 {
		return nil
	}
	d := c.verdict(c.backend)
	c.round.Keep(func(b *backend.Backend) bool {
		other := c.verdict(b)
		return other.Workload == d.Workload && other.Capture == d.Capture
	})
	return c.accept(d)
}

// token is the caller's own Entra token; empty for callers that showed
// something else.
func (c *call) token() secret.String {
	if c.who.Tenant == "" {
		return secret.String{}
	}
	token, err := identity.Credential(c.r.Header)
	if err != nil {
		return secret.String{}
	}
	return secret.New(token)
}
