package gateway

import (
	"cmp"
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

// call is one request on its way. Each step fills in what the next ones need.
type call struct {
	g    *Gateway
	w    http.ResponseWriter
	r    *http.Request
	show func(*http.Request) (identity.Principal, error)

	id       string
	received time.Time
	target   openai.Route
	routed   bool // target is something that we serve
	who      identity.Principal
	decision policy.Decision

	reserved   int64 // of the body budget
	body       []byte
	peeked     openai.Peeked
	deployment string
	backend    *backend.Backend

	noted  ledger.Call // the intent, once it is made
	sent   time.Time   // to the backend
	result ledger.Result
}

// handler takes calls whose callers show themselves to show.
func (g *Gateway) handler(show func(*http.Request) (identity.Principal, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{g: g, w: w, r: r, show: show, id: g.cfg.Ledger.NewID(), received: g.cfg.Now()}
		c.target, c.routed = openai.ParseRoute(r.Method, r.RequestURI)
		w.Header().Set("X-Ostiary-Call-Id", c.id)
		g.metrics.inFlight.Inc()
		defer c.end()

		for _, step := range []func() *refusal{c.identify, c.authorize, c.admit, c.route} {
			if no := step(); no != nil {
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

		a := c.meter(resp, cancel) // passes the answer on, all but its end
		c.record(a)                // makes the outcome durable
		c.finish(a)                // lets the end go
	})
}

// identify: who is it? A path that we do not serve is told only to callers
// that we know.
func (c *call) identify() *refusal {
	var err error
	if c.who, err = c.show(c.r); err != nil {
		return c.unidentified(err)
	}
	return nil
}

// authorize: may this caller do this? Before a byte of the body is taken, the
// question is whether the caller may do such a thing at all; route asks again
// once the body has said the rest.
func (c *call) authorize() *refusal {
	if !c.routed {
		return &refusal{openai.ResourceNotFound(), "no such operation"}
	}
	c.deployment = c.target.Deployment
	return c.decide(policy.Call{Operation: c.target.Operation, Deployment: c.deployment})
}

func (c *call) decide(question policy.Call) *refusal {
	c.decision = c.g.cfg.Policy.Decide(c.who, question)
	c.who.Workload = cmp.Or(c.decision.Workload, c.who.Workload)
	if !c.decision.Allowed {
		return &refusal{openai.PermissionDenied(), c.decision.Why}
	}
	return nil
}

// admit: is there room? The body is buffered once, under the global budget,
// and its top level is read.
func (c *call) admit() *refusal {
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
		c.deployment = c.peeked.Model
	}
	found := false
	c.backend, found = c.g.cfg.Backends.Pick(c.target, c.deployment)
	if c.decision.Maybe || c.target.DeploymentInBody() {
		facts := c.facts()
		if no := c.decide(policy.Call{Operation: c.target.Operation, Deployment: c.deployment, Facts: &facts}); no != nil {
			return no
		}
	}
	if !found {
		return &refusal{openai.DeploymentNotFound(), "no backend serves the deployment"}
	}
	return nil
}

// facts are what conditions of the policy may ask.
func (c *call) facts() policy.Facts {
	f := policy.FactsOf(c.target.Operation, c.peeked)
	f.BodyBytes, f.Time = int64(len(c.body)), c.received
	if c.backend != nil {
		f.Region = c.backend.Region()
	}
	if from, err := netip.ParseAddrPort(c.r.RemoteAddr); err == nil {
		f.Client = from.Addr()
	}
	return f
}

// forward: the intent is made durable, then the request goes out. cancel ends
// the work upstream; so does the client's leaving.
func (c *call) forward() (*http.Response, context.CancelFunc, *refusal) {
	if err := c.intent(); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(c.r.Context())
	c.sent = c.g.cfg.Now()
	resp, err := c.backend.Send(ctx, backend.Request{
		Route: c.target, Deployment: c.deployment, Header: c.r.Header, Body: c.body, Peeked: c.peeked,
	})
	if err == nil && resp.StatusCode < http.StatusOK {
		_ = resp.Body.Close()
		err = fault.New(fault.Upstream, "the backend changed protocols")
	}
	if err != nil {
		cancel()
		return nil, nil, c.unanswered(err)
	}
	return resp, cancel, nil
}
