package channel

import (
	"sync"
	"time"
)

// deadline is a time that can be waited for and moved, as net.Conn's
// deadlines are.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	moves int           // a timer that was overtaken must not fire
	ch    chan struct{} // closed once the time has passed
}

func newDeadline() *deadline { return &deadline{ch: make(chan struct{})} }

// passed is closed once the deadline has passed. Moving an unpassed deadline
// keeps the channel, so that whoever waits already waits for the new time.
func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ch
}

// set moves the deadline; the zero time removes it.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.moves++
	if d.timer != nil {
		d.timer.Stop()
	}
	select {
	case <-d.ch:
		d.ch = make(chan struct{})
	default:
	}
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		close(d.ch)
		return
	}
	move := d.moves
	d.timer = time.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.moves == move {
			close(d.ch)
		}
	})
}
