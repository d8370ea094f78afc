package gateway

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/openai"
	"github.com/ostiary/ostiary/internal/policy"
)

// show is how callers show themselves.
type show func(*identity.Identifier, *http.Request) (identity.Principal, error)

// call is one request on its way. Each step fills in what the next ones need.
type call struct {
	g    *Gateway
	w    http.ResponseWriter
	r    *http.Request
	show show

	rules    *Rules // in force when the call began
	id       string
	received time.Time
	target   openai.Route
	routed   bool   // target is something that we serve
	workload string // that the call names; empty: none
	who      identity.Principal
	decision policy.Decision

	budgeted   int64 // of the body budget
	body       []byte
	peeked     openai.Peeked
	deployment string // that is called; an alias is resolved
	asked      string // the alias
	verdicts   []verdict
	settleUse  func(used int64) // what was taken of the workload's limits; nil: nothing

	round   backend.Round
	attempt backend.Attempt
	backend *backend.Backend // of the attempt
	hides   bool             // the client must not see the usage that we asked for

	noted  ledger.Call // the intent, once it is made
	sent   time.Time   // to the backend
	told   time.Time   // when a stream said that it was complete
	result ledger.Result
}

// handler takes calls whose callers show themselves to show.
func (g *Gateway) handler(show show) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asksList(r) {
			g.list(w, r, show)
			return
		}
		c := &call{g: g, w: w, r: r, show: show, rules: g.rules.current.Load(), id: g.cfg.Ledger.NewID(), received: g.cfg.Now()}
		c.target, c.routed = openai.ParseRoute(r.Method, r.RequestURI)
		w.Header().Set("X-Ostiary-Call-Id", c.id)
		g.metrics.inFlight.Add(1)
		defer c.end()

		for _, step := range []func(*call) *refusal{(*call).identify, (*call).authorize, (*call).admit, (*call).route, (*call).limit} {
			if no := step(c); no != nil {
				c.refuse(no)
				return
			}
		}
		resp, cancel, no := c.forward()
		if no != nil {
			c.fail(no)
			return
		}
		defer cancel()
		defer func() { _ = resp.Body.Close() }()

		if resp.StatusCode == http.StatusSwitchingProtocols {
			c.tunnel(resp, cancel) // meters, records and finishes a realtime session
			return
		}
		a := c.meter(resp, cancel) // passes the answer on, all but its end
		c.record(a)                // makes the outcome durable
		c.finish(a)                // lets the end go
	})
}

// identify: who is it? A path that we do not serve is told only to callers
// that we know.
func (c *call) identify() *refusal {
	if !c.target.Key.Empty() {
		c.r.Header.Add("Api-Key", c.target.Key.Reveal())
	}
	var err error
	if c.who, err = c.show(c.rules.Identity, c.r); err != nil {
		return c.unidentified(err)
	}
	return nil
}

// authorize: may this caller do this? Before a byte of the body is taken, the
// question is whether the caller may do such a thing at all; route asks again
// once the body has said the rest.
func (c *call) authorize() *refusal {
	if !c.routed || c.target.Operation.Stored() && !c.rules.Backends.Reserves() {
		return &refusal{openai.ResourceNotFound(), "no such operation"}
	}
	if no := c.nameWorkload(); no != nil {
		return no
	}
	c.resolve(c.target.Deployment)
	c.target = c.target.WithDeployment(c.deployment)
	return c.decide(policy.Call{Operation: c.target.Operation, Deployment: c.deployment, Workload: c.workload})
}

func (c *call) decide(question policy.Call) *refusal {
	return c.accept(c.rules.Policy.Decide(c.who, question))
}

// admit: is there room? The body is buffered once, under the global budget,
// and its top level is read.
func (c *call) admit() *refusal {
	if c.target.Operation == openai.Realtime {
		return c.checkSocket()
	}
	if c.target.Body == openai.NoBody {
		return nil
	}
	if no := c.checkType(); no != nil {
		return no
	}
	if no := c.buffer(); no != nil || c.target.Body != openai.JSONBody {
		return no
	}
	var err error
	if c.peeked, err = openai.Peek(c.body); err != nil {
		return invalid(fault.PublicText(err))
	}
	return nil
}

// route: which backend? What the body said (the deployment, or what a condition
// asks for) needs its own grant first. Nobody learns of deployments that
// policy does not grant.
func (c *call) route() *refusal {
	if c.target.DeploymentInBody() {
		if c.peeked.Model == "" {
			return invalid("the request body names no model")
		}
		c.resolve(c.peeked.Model)
	}
	c.round = c.rules.Backends.Round(c.target, c.deployment)
	if name := c.target.Backend; name != "" {
		c.round.Keep(func(b *backend.Backend) bool { return b.Name() == name })
	}
	serving := c.round.Left()
	if c.decision.Maybe || c.target.DeploymentInBody() {
		if no := c.judge(); no != nil {
			return no
		}
	}
	if c.rules.Backends.Reserves() {
		serving = c.reserved()
	}
	switch {
	case serving > 0:
	case c.target.Operation.Stored():
		return &refusal{openai.ResourceNotFound(), "no backend is reserved for the workload"}
	default:
		return &refusal{openai.DeploymentNotFound(), "no backend serves the deployment"}
	}
	return c.choose()
}

// facts are what conditions of the policy may ask of a call that goes to the
// region; empty: not known.
func (c *call) facts(region string) *policy.Facts {
	f := policy.FactsOf(c.target.Operation, c.peeked)
	f.BodyBytes, f.Time, f.Region = int64(len(c.body)), c.received, region
	if from, err := netip.ParseAddrPort(c.r.RemoteAddr); err == nil {
		f.Client = from.Addr()
	}
	return &f
}

// forward: the intent is made durable, then the request goes out, to another
// backend if the first cannot answer; the client has not seen a byte until one
// does. cancel ends the work upstream; so does the client's leaving.
func (c *call) forward() (*http.Response, context.CancelFunc, *refusal) {
	if err := c.intent(); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(c.r.Context())
	c.sent = c.g.cfg.Now()
	resp, err := c.ask(ctx)
	for backend.Elsewhere(resp, err) && ctx.Err() == nil && c.next(resp, err) {
		resp, err = c.ask(ctx)
	}
	switched := c.target.Operation == openai.Realtime && err == nil && resp.StatusCode == http.StatusSwitchingProtocols
	if err == nil && resp.StatusCode < http.StatusOK && !switched {
		_ = resp.Body.Close()
		err = fault.New(fault.Upstream, "the backend changed protocols")
	}
	if err != nil {
		cancel()
		return nil, nil, c.unanswered(err)
	}
	if no := c.sooner(resp); no != nil {
		_ = resp.Body.Close()
		cancel()
		return nil, nil, no
	}
	return resp, cancel, nil
}
