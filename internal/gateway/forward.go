package gateway

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/openai"
)

// next goes on to the next backend, if there is one.
func (c *call) next(resp *http.Response, err error) bool {
	attempt, ok := c.round.Next()
	if !ok {
		return false
	}
	reason := "unreachable"
	if err == nil {
		_ = resp.Body.Close()
		if reason = "failed"; resp.StatusCode == http.StatusTooManyRequests {
			reason = "throttled"
		}
	}
	c.g.metrics.retries.WithLabelValues(c.backend.Name(), reason).Inc()
	c.g.cfg.Logger.Info("another backend is asked", "call", c.id, "backend", c.backend.Name(), "reason", reason, "next", attempt.Name(), "error", err)
	c.attempt, c.backend = attempt, attempt.Backend
	c.result.Retries++
	c.sent = c.g.cfg.Now()
	return true
}

// sooner is our own 429 in place of a backend's, where another backend that is
// throttled takes calls before that one does.
func (c *call) sooner(resp *http.Response) *refusal {
	if resp.StatusCode != http.StatusTooManyRequests {
		return nil
	}
	lack := c.round.Lack()
	if lack.Of < 2 || !lack.Throttled || lack.Retry >= backend.RetryAfter(resp.Header, c.g.cfg.Now()) {
		return nil
	}
	return &refusal{openai.RequestsLimited(lack.Retry, openai.Quota{}, openai.Quota{}), whyThrottled}
}

// ask sends the request to the backend of the attempt. A stream is asked for
// its usage where the client did not ask, and hides it then. That must never
// fail a call: where it is what the backend refuses, the request goes out again
// as the client sent it.
func (c *call) ask(ctx context.Context) (*http.Response, error) {
	req := backend.Request{
		Route: c.target, Deployment: c.deployment, Header: c.r.Header, Body: c.body, Peeked: c.peeked,
	}
	if c.backend.NeedsToken() {
		req.Token = c.token()
	}
	c.hides = false
	if c.target.KnowsStreamOptions() && c.backend.AsksUsage() {
		var edit openai.Edit
		if edit, c.hides = openai.UsageEdit(c.body, c.peeked); c.hides {
			req.Edits = []openai.Edit{edit}
		}
	}
	resp, err := c.attempt.Send(ctx, req)
	if err != nil || !c.hides || !refusesOptions(resp) {
		return resp, err
	}
	_ = resp.Body.Close()
	c.g.cfg.Logger.Warn("a backend refuses stream_options; set stream_usage: false for it", "call", c.id, "backend", c.backend.Name())
	c.result.Retries++
	c.hides, req.Edits = false, nil
	return c.attempt.Send(ctx, req)
}

// maxRefusal is how much of a refusal is looked through, in bytes.
const maxRefusal = 8 << 10

// refusesOptions says whether a backend refuses a request for its
// stream_options: an old server, or one of Azure's extensions (data_sources).
// What was read of the answer is put back.
func refusesOptions(resp *http.Response) bool {
	if resp.StatusCode != http.StatusBadRequest && resp.StatusCode != http.StatusUnprocessableEntity {
		return false
	}
	start, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	rest := io.Reader(resp.Body)
	if err != nil {
		rest = failing{err}
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), rest), resp.Body}
	return bytes.Contains(start, []byte("stream_options"))
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
