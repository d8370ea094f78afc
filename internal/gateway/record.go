package gateway

import (
	"net/http"
	"strings"

	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/openai"
)

const (
	maxToken      = 128 // bytes of an id that another side chose
	bytesPerToken = 4   // of English text, about; for estimates alone
)

// callRecord is what the ledger keeps of the request.
func (c *call) callRecord() ledger.Call {
	record := ledger.Call{
		Received: c.received,
		Issuer:   c.who.Issuer, Tenant: c.who.Tenant, Subject: c.who.Subject, Name: c.who.Name,
		App: c.who.App, Member: c.who.Member, Workload: c.who.Workload,
		Client:    c.r.RemoteAddr,
		Operation: c.operation(), APIVersion: c.target.APIVersion,
		Deployment: c.deployment, Asked: c.asked, Stream: c.peeked.Stream,
		Decision: c.decision.Why, Capture: ledger.Capture(c.decision.Capture),
		Correlation: token(c.r.Header.Get("X-Ms-Client-Request-Id")),
	}
	if c.backend != nil {
		record.Backend = c.backend.Name()
	}
	if c.body != nil {
		body := c.g.cfg.Ledger.Body(c.id, ledger.Request, record)
		_, _ = body.Write(c.body) // where it cannot be kept, the record is refused
		record.Request = body.End()
	}
	return record
}

// intent makes the call durable before it is forwarded.
func (c *call) intent() *refusal {
	ctx := c.g.lapses.context()
	c.noted = c.callRecord()
	if c.recorded(c.g.cfg.Ledger.Intent(ctx, c.id, c.noted)) != nil {
		return noLedger()
	}
	return nil
}

// record: makes the outcome durable, or cuts the answer off.
func (c *call) record(a *answer) {
	found := a.found()
	c.result.Aborted = a.aborted
	c.result.Model = found.Model
	c.result.FinishReasons = found.FinishReasons
	c.result.ErrorCode = found.ErrorCode
	c.result.ContentFilter = found.Filters
	c.result.Usage = c.usage(found)
	c.result.Cost = c.rules.prices.of(found.Model, c.deployment, c.result.Usage)
	if a.aborted == "" && a.held > 0 {
		c.began()
		_, _ = a.kept.Write(a.buf[:a.held])
	}
	c.result.Response = a.kept.End()
	c.result.End = c.g.cfg.Now()
	if c.outcome() != nil {
		panic(http.ErrAbortHandler)
	}
}

func (c *call) outcome() error {
	ctx := c.g.lapses.context()
	if name := c.backend.Name(); name != c.noted.Backend {
		c.result.Backend = name
	}
	return c.recorded(c.g.cfg.Ledger.Outcome(ctx, c.id, c.result))
}

// usage is what the backend counted. Where it did not, because it does not or
// because the client left before it could, it is estimated from the length of
// the text on both sides, and marked so. A refused call uses nothing.
func (c *call) usage(found openai.Answer) ledger.Usage {
	if c.target.Operation.Stored() { // a response that is read again was used when it was made
		return ledger.Usage{}
	}
	if found.Counted {
		u := found.Usage
		return ledger.Usage{Prompt: u.Prompt, Completion: u.Completion, Cached: u.Cached, Reasoning: u.Reasoning, Total: u.Total}
	}
	refused := c.result.Status != 0 && c.result.Status/100 != 2
	if refused || c.target.Operation == openai.Models {
		return ledger.Usage{}
	}
	u := ledger.Usage{Prompt: estimated(c.peeked.TextBytes), Completion: estimated(found.TextBytes), Estimated: true}
	u.Total = u.Prompt + u.Completion
	return u
}

// estimated is about how many tokens a text of n bytes has.
func estimated(n int64) int64 { return (n + bytesPerToken - 1) / bytesPerToken }

func (c *call) operation() string {
	if !c.routed {
		return "unknown"
	}
	return string(c.target.Operation)
}

// token is the first of ids that is short and plain, empty if none is: ids are
// chosen by others, and end up in records and logs.
func token(ids ...string) string {
	for _, id := range ids {
		if id != "" && len(id) <= maxToken && plain(id) {
			return id
		}
	}
	return ""
}

const maxRegion = 24 // bytes; Azure's longest is shorter

// region is the programmatic name of the Azure region that a display name such
// as "Sweden Central" stands for; empty where it cannot be one.
func region(display string) string {
	name := strings.ToLower(strings.ReplaceAll(display, " ", ""))
	if len(name) > maxRegion || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return ""
	}
	return name
}

func plain(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
