package membership

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/revocation"
)

// Pace of asking for the revocation list.
const (
	answerTime = MaxHold + 5*time.Second // for an answer that the authority may hold back
	firstRetry = time.Second
	lastRetry  = 5 * time.Second // between polls while the authority cannot be reached
)

// watch keeps the revocation list. The authority holds each question until
// there is a newer list, so that one connection is enough to hear of a
// revocation at once. After a failure the next question wants its answer at
// once: where something on the way cuts connections that are silent, this is
// polling every few seconds.
func (m *Member) watch(ctx context.Context) {
	c := client(m.pin, m.origin.Project, m.Certificate)
	c.Timeout = answerTime
	defer c.CloseIdleConnections()
	hold, retry := MaxHold, firstRetry
	for ctx.Err() == nil {
		asked := m.now()
		news, err := m.poll(ctx, c, hold)
		m.keeper.Judge()
		switch {
		case ctx.Err() != nil:
		case err != nil:
			m.noticeOwn()
			c.CloseIdleConnections() // the next one shows the certificate of then
			m.log.Log(ctx, retryLevel(retry), "no word of revocations", "err", err, "age", m.keeper.State().Age)
			sleep(ctx, retry/2+mathrand.N(retry))
			hold, retry = 0, min(2*retry, lastRetry)
		case news:
			m.noticeOwn()
			hold, retry = MaxHold, firstRetry
		default:
			if m.now().Sub(asked) < MaxHold/2 { // it did not hold: do not press it
				sleep(ctx, firstRetry+mathrand.N(2*firstRetry))
			}
			hold, retry = MaxHold, firstRetry
		}
	}
}

// poll asks once, and reports whether there was a newer list.
func (m *Member) poll(ctx context.Context, c *http.Client, hold time.Duration) (bool, error) {
	epoch := m.keeper.Epoch()
	path := fmt.Sprintf("%s?%s=%d&%s=%d", RevocationsPath, AfterQuery, epoch, HoldQuery, int(hold/time.Second))
	status, list, err := call(ctx, c, http.MethodGet, m.origin.Authority, path, nil, revocation.MaxBytes)
	if err != nil {
		return false, err
	}
	if status == http.StatusNoContent {
		m.keeper.Confirm(epoch)
		return false, nil
	}
	return true, m.keeper.Offer(list)
}

// noticeOwn looks whether the list names our own certificate. After a rotation
// by `portal rotate` the directory holds the new one, or will in a moment;
// otherwise we are out. What was read in that moment may be half of each.
func (m *Member) noticeOwn() {
	s := m.state.Load()
	err := m.keeper.Check(s.cert.Leaf)
	if fault.KindOf(err) != fault.Denied && !s.due.IsZero() {
		return
	}
	m.log.Warn("this member's certificate is out", "err", err)
	if err := m.reload(); err != nil {
		m.log.Error("the member's directory cannot be read", "err", err)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
