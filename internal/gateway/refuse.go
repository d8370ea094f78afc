package gateway

import (
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/openai"
)

// refusal is why a call goes no further: what the client is told, and what
// the ledger and the log are.
type refusal struct {
	answer openai.Error
	why    string
}

func invalid(why string) *refusal {
	return &refusal{openai.Error{Status: http.StatusBadRequest, Code: "BadRequest", Message: why + "."}, why}
}

// busy is for what passes by itself.
func busy(why string, retry time.Duration) *refusal {
	return &refusal{openai.Error{
		Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable", RetryAfter: retry,
		Message: "The service is temporarily unable to process your request. Please try again later.",
	}, why}
}

// unidentified answers as Azure does: in one form to a key, in another to a
// token or to nothing.
func (c *call) unidentified(err error) *refusal {
	why := fault.PublicText(err)
	switch {
	case fault.KindOf(err) != fault.Unauthenticated:
		c.g.cfg.Logger.Warn("a caller could not be identified", "call", c.id, "error", err)
		return busy(why, time.Second)
	case c.r.Header.Get("Api-Key") != "":
		return &refusal{openai.BadKey(), why}
	}
	return &refusal{openai.BadToken(), why}
}

// unanswered is for a backend that gave no answer, and for a client that did
// not wait for it.
func (c *call) unanswered(err error) *refusal {
	if c.r.Context().Err() != nil {
		c.result.Aborted = clientLeft
		return &refusal{why: clientLeft}
	}
	c.g.cfg.Logger.Warn("a backend did not answer", "call", c.id, "backend", c.backend.Name(), "error", err)
	if lack := c.round.Lack(); lack.Throttled { // another would, in a while
		return &refusal{openai.RequestsLimited(lack.Retry, openai.Quota{}, openai.Quota{}), whyThrottled}
	}
	c.result.Aborted = upstreamFailed
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &refusal{openai.Error{Status: http.StatusGatewayTimeout, Code: "Timeout", Message: "The model's server did not answer in time."}, fault.PublicText(err)}
	}
	return &refusal{openai.Error{Status: http.StatusBadGateway, Code: "BadGateway", Message: "The model's server did not answer."}, fault.PublicText(err)}
}

const whyThrottled = "every backend that is well is throttled"

// unavailable is for a call that no backend can take now.
func (c *call) unavailable() *refusal {
	lack := c.round.Lack()
	if lack.Throttled {
		return &refusal{openai.RequestsLimited(lack.Retry, openai.Quota{}, openai.Quota{}), whyThrottled}
	}
	return &refusal{openai.Error{
		Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable", RetryAfter: max(lack.Retry, time.Second),
		Message: "No server of the model is available at the moment. Please try again later.",
	}, "no backend is well"}
}

// refuse records a call that was not forwarded, and answers it. Where that
// cannot be recorded, the client is asked to come back, whatever it was
// refused for.
func (c *call) refuse(no *refusal) {
	if c.decision.Why == "" || c.decision.Allowed {
		c.decision.Why = no.why
	}
	c.backend = nil // it was not forwarded, though one may have been chosen
	c.noted = c.callRecord()
	c.setResult(no.answer)
	ctx := c.g.lapses.context()
	if err := c.recorded(c.g.cfg.Ledger.Refusal(ctx, c.id, c.noted, c.result)); err != nil {
		no = noLedger()
		c.setResult(no.answer)
	}
	no.answer.Write(c.w)
}

// fail answers a call whose intent is recorded, or could not be. Its outcome
// is durable before the answer goes.
func (c *call) fail(no *refusal) {
	c.setResult(no.answer)
	if c.sent.IsZero() { // the intent itself was not recorded
		c.decision.Why = no.why
		no.answer.Write(c.w)
		return
	}
	if c.result.Aborted == clientLeft {
		c.result.Usage = c.usage(openai.Answer{})
	}
	if c.outcome() != nil || no.answer.Status == 0 {
		panic(http.ErrAbortHandler)
	}
	no.answer.Write(c.w)
}

func (c *call) setResult(answer openai.Error) {
	c.result.Status, c.result.ErrorCode, c.result.End = answer.Status, answer.Code, c.g.cfg.Now()
	if answer.Status == 0 {
		return
	}
	body := c.g.cfg.Ledger.Body(c.id, ledger.Response, c.noted)
	_, _ = body.Write(answer.Body())
	c.result.Response = body.End()
}

func noLedger() *refusal { return busy("the call could not be recorded", 5*time.Second) }

// recorded notes whether the ledger still takes records.
func (c *call) recorded(err error) error {
	c.g.broken.Store(err != nil)
	if err != nil {
		c.g.cfg.Logger.Error("a call could not be recorded", "call", c.id, "error", err)
	}
	return err
}
