package gateway

import (
	"context"
	"sync/atomic"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/limit"
	"github.com/ostiary/ostiary/internal/policy"
)

// Rules are what may change while the gateway runs: who is known, who may do
// what, where it goes and what it costs. They are replaced whole, and never
// changed; a call ends with the rules that it began with.
type Rules struct {
	Identity *identity.Identifier    // required
	Policy   *policy.Policy          // required
	Backends *backend.Pool           // required
	Prices   []Price                 // of tokens, the first that fits counts; nil means that records have no cost
	Aliases  map[string]string       // names of deployments that clients use, and what they stand for; may be nil
	Limits   map[string]limit.Limits // by workload; may be nil

	prices   prices
	limiters map[string]limiter
}

// ruling is the rules in force.
type ruling struct {
	current atomic.Pointer[Rules]
	changed chan struct{} // has room for one: run looks again
}

// SetRules puts other rules in force, for the calls that begin from now on.
// Errors are faults of kind Invalid, and leave the rules as they are.
func (g *Gateway) SetRules(r Rules) error {
	if r.Identity == nil || r.Policy == nil || r.Backends == nil {
		return fault.New(fault.Invalid, "the gateway lacks identity, policy or backends")
	}
	var err error
	if r.prices, err = parsePrices(r.Prices); err != nil {
		return err
	}
	r.limiters = g.limiters(r.Limits)
	g.rules.current.Store(&r)
	select {
	case g.rules.changed <- struct{}{}:
	default: // run has not yet looked for the last change
	}
	return nil
}

// run does the work of the rules in force, between calls, until ctx ends.
func (r *ruling) run(ctx context.Context) error {
	for {
		inForce, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- r.current.Load().Identity.Run(inForce) }()
		select {
		case <-ctx.Done():
		case <-r.changed:
		}
		cancel()
		if err := <-ended; err != nil || ctx.Err() != nil {
			return err
		}
	}
}
