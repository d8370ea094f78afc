package backend

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// Attempt is one call that a backend was chosen for. It is sent, or released.
type Attempt struct {
	*Backend
	pool       *Pool
	deployment string
	begun      time.Time
	probe      bool // others wait for what it finds out
	answered   bool
	underWay   bool // counted as such
}

// Send sends the request, and notes what came of it. The caller closes the
// body of the answer, and then says with End whether it was whole.
func (a *Attempt) Send(ctx context.Context, r Request) (*http.Response, error) {
	if !a.underWay {
		a.underWay = true
		a.health.inFlight.Add(1)
	}
	a.begun = a.pool.now()
	resp, err := a.Backend.Send(ctx, r)
	now := a.pool.now()
	switch {
	case err != nil && (ctx.Err() != nil || fault.KindOf(err) != fault.Upstream):
		a.Release()
	case err != nil:
		a.health.noteAnswer(resp, err, now)
		a.fails(now, 0)
	case resp.StatusCode == http.StatusTooManyRequests:
		a.health.noteAnswer(resp, err, now)
		a.health.throttles(a.deployment, a.begun, now, RetryAfter(resp.Header, now))
		a.Release()
	case resp.StatusCode >= http.StatusInternalServerError:
		a.health.noteAnswer(resp, err, now)
		a.fails(now, RetryAfter(resp.Header, now))
	default:
		a.answered, a.probe = true, false
		if a.health.answers(a.deployment, a.begun, now) {
			a.pool.logger.Info("a backend is well again", "backend", a.name)
		}
	}
	return resp, err
}

// fails may be the failure that opens the breaker.
func (a *Attempt) fails(now time.Time, advice time.Duration) {
	a.answered, a.probe = false, false
	a.ends()
	if rest, opens := a.health.fails(a.begun, now, advice); opens {
		a.pool.logger.Warn("a backend fails and is left alone", slog.String("backend", a.name), slog.Duration("for", rest))
	}
}

// Release says that the call found out nothing about the backend: it was not
// sent, or its client left.
func (a *Attempt) Release() {
	a.ends()
	if a.probe {
		a.probe = false
		a.health.unclaim()
	}
}

// End says whether the answer came whole or broke off.
func (a *Attempt) End(whole bool) {
	a.ends()
	switch {
	case !a.answered:
	case whole:
		a.health.ends(a.begun)
	default:
		now := a.pool.now()
		a.health.note("broken-off", 0, now)
		a.fails(now, 0)
	}
}

// ends counts the call as under way no more.
func (a *Attempt) ends() {
	if a.underWay {
		a.underWay = false
		a.health.inFlight.Add(-1)
	}
}

// Elsewhere says whether another backend may be asked after this came of an
// attempt: it is throttled or fails (429 and 5xx, as Microsoft's guidance on
// several backends has it), or gave no answer. Not after a wait for an answer
// that ran out: the client has waited long, and the work may have been done.
// And not for 408 and 409, which clients' own libraries try again.
func Elsewhere(resp *http.Response, err error) bool {
	if err != nil {
		return fault.KindOf(err) == fault.Upstream && !errors.Is(err, os.ErrDeadlineExceeded)
	}
	return resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= http.StatusInternalServerError
}
