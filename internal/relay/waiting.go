package relay

import (
	"slices"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/channel"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// waitingRoom holds outlets' legs by service, longest waiting first.
type waitingRoom struct {
	mu        sync.Mutex
	byService map[string][]*waiter
	leaving   bool
}

func newWaitingRoom() *waitingRoom { return &waitingRoom{byService: map[string][]*waiter{}} }

func errLeaving() error { return fault.New(fault.Unavailable, "this relay is leaving") }

// add refuses an outlet that has enough legs waiting already.
func (q *waitingRoom) add(service string, w *waiter) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.leaving {
		return errLeaving()
	}
	same := 0
	for _, other := range q.byService[service] {
		if other.outlet == w.outlet {
			same++
		}
	}
	if same >= maxWaiting {
		return fault.New(fault.Throttled, "this outlet keeps too many legs waiting")
	}
	q.byService[service] = append(q.byService[service], w)
	return nil
}

// take removes and returns the longest waiting leg of an outlet, by its
// member's name, or of any where the name is empty; nil where none waits.
func (q *waitingRoom) take(service, outlet string) (*waiter, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.leaving {
		return nil, errLeaving()
	}
	for i, w := range q.byService[service] {
		if outlet == "" || w.outlet.Member == outlet {
			q.drop(service, i)
			return w, nil
		}
	}
	return nil, nil //nolint:nilnil // nobody waits, and that is no failure
}

// leave tells all who wait that the relay ends, and takes nobody any more.
func (q *waitingRoom) leave() {
	q.mu.Lock()
	q.leaving = true
	all := q.byService
	q.byService = map[string][]*waiter{}
	q.mu.Unlock()
	for _, waiters := range all {
		for _, w := range waiters {
			w.leave()
		}
	}
}

// remove drops a leg that died waiting; one that was taken is gone already.
func (q *waitingRoom) remove(service string, w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, other := range q.byService[service] {
		if other == w {
			q.drop(service, i)
			return
		}
	}
}

func (q *waitingRoom) drop(service string, i int) {
	all := slices.Delete(q.byService[service], i, i+1)
	if len(all) == 0 {
		delete(q.byService, service)
		return
	}
	q.byService[service] = all
}

// waiter is an outlet's leg that waits. One goroutine reads it all the while,
// so that a leg that dies is noticed at once; after a claim, that goroutine
// reads the answer and then never touches the leg again.
type waiter struct {
	leg      *channel.Leg
	outlet   pki.ID
	every    time.Duration // between pings
	ready    chan struct{} // closed when the outlet has answered a claim
	died     chan struct{} // closed when reading failed
	released chan struct{} // closed by whoever took the leg, when done with it

	writing sync.Mutex // a ping must not follow a claim
	claimed bool
}

func newWaiter(leg *channel.Leg, outlet pki.ID, every time.Duration) *waiter {
	return &waiter{
		leg: leg, outlet: outlet, every: every,
		ready: make(chan struct{}), died: make(chan struct{}), released: make(chan struct{}),
	}
}

// run keeps the leg alive until it dies or is released.
func (w *waiter) run() {
	go w.read()
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if !w.ping() {
				return
			}
		case <-w.ready:
			<-w.released
			return
		case <-w.died:
			if w.wasClaimed() {
				<-w.released
			}
			return
		case <-w.released:
			return
		}
	}
}

// ping reports false when the leg cannot be written; a claimed leg is let be.
func (w *waiter) ping() bool {
	w.writing.Lock()
	defer w.writing.Unlock()
	return w.claimed || w.leg.SendPing() == nil
}

// leave says that the relay ends, and lets go of the leg. Whoever holds it has
// answerTime to listen.
func (w *waiter) leave() {
	w.writing.Lock()
	defer w.writing.Unlock()
	if w.claimed {
		return
	}
	conn := w.leg.Conn()
	_ = conn.SetWriteDeadline(time.Now().Add(answerTime))
	_ = w.leg.SendLeaving() // an outlet that is gone need not know
	_ = conn.Close()
}

func (w *waiter) wasClaimed() bool {
	w.writing.Lock()
	defer w.writing.Unlock()
	return w.claimed
}

// read takes pongs until the outlet answers a claim. A leg that answers no
// ping for a while is dead, whatever TCP believes.
func (w *waiter) read() {
	for {
		_ = w.leg.Conn().SetReadDeadline(time.Now().Add(2*w.every + answerTime))
		t, _, err := w.leg.Next()
		switch {
		case err == nil && t == channel.Ping:
			continue
		case err == nil && t == channel.Ready && w.wasClaimed():
			_ = w.leg.Conn().SetReadDeadline(time.Time{})
			close(w.ready)
		default:
			close(w.died)
		}
		return
	}
}

// claim tells the outlet that an inlet is here and waits for its answer.
func (w *waiter) claim(inlet pki.ID) error {
	w.writing.Lock()
	w.claimed = true
	err := w.leg.Send(channel.Pair, inlet.String())
	w.writing.Unlock()
	if err != nil {
		return err
	}
	select {
	case <-w.ready:
		return nil
	case <-w.died:
	case <-time.After(answerTime):
	}
	return fault.New(fault.Unavailable, "the outlet did not answer")
}

// release gives the leg back to the goroutine that serves it, to be closed.
func (w *waiter) release() { close(w.released) }
