package channel

import (
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// pulse knows how a session's other end is: when it was last heard, and since
// when a ping waits for its answer. Times are in nanoseconds since the Unix
// epoch; 0 is none.
type pulse struct {
	heard  atomic.Int64 // when the last frame came
	asked  atomic.Int64 // when the first ping was sent that still waits
	rtt    atomic.Int64 // of the last answers, the newest weighing most
	told   atomic.Int64 // when the last answer came
	missed atomic.Int32 // pings since the last frame
}

// fresh is how old what a session knows of its other end may be when somebody
// chooses between sessions.
const fresh = time.Second

func (p *pulse) start(now time.Time) { p.heard.Store(now.UnixNano()) }

// beat notes that a frame came. A peer that sends is alive, even if its answer
// to a ping waits behind what it sends.
func (p *pulse) beat(now time.Time) {
	p.heard.Store(now.UnixNano())
	p.missed.Store(0)
}

// answered notes the answer to the ping sent at the given time.
func (p *pulse) answered(sent int64, now time.Time) {
	p.asked.Store(0)
	p.told.Store(now.UnixNano())
	trip := max(now.UnixNano()-sent, 1)
	if old := p.rtt.Load(); old > 0 {
		trip = (old + 3*trip) / 4
	}
	p.rtt.Store(trip)
}

func (p *pulse) roundTrip() time.Duration { return time.Duration(p.rtt.Load()) }

// overdue is how long a ping has waited, and nothing else has come either.
func (p *pulse) overdue(now time.Time) time.Duration {
	asked := p.asked.Load()
	if asked == 0 {
		return 0
	}
	return max(now.Sub(time.Unix(0, max(asked, p.heard.Load()))), 0)
}

func (p *pulse) stale(now time.Time) bool {
	return p.asked.Load() == 0 && now.UnixNano()-p.told.Load() > int64(fresh)
}

// Freshen asks for a sign of life if the last answer is older than a second, so
// that whoever chooses between sessions soon knows which is well.
func (s *Session) Freshen() {
	if s.pulse.stale(time.Now()) {
		s.probe()
	}
}

// probe asks for a sign of life now, unless that has been asked already.
func (s *Session) probe() {
	now := time.Now().UnixNano()
	if s.pulse.asked.CompareAndSwap(0, now) {
		s.say(pingFrame(0, uint64(now)))
	}
}

// pingLoop asks regularly, and ends a session that does not answer.
func (s *Session) pingLoop() {
	tick := time.NewTicker(s.cfg.PingEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
		}
		if s.pulse.missed.Add(1) > maxMissed {
			s.fail(fault.New(fault.Upstream, "the peer has not answered for "+(s.cfg.PingEvery*maxMissed).String()))
			return
		}
		if time.Since(s.cfg.Expires) > maxLinger {
			s.fail(fault.New(fault.Unavailable, "the session had ended "+maxLinger.String()+" ago"))
			return
		}
		now := time.Now().UnixNano()
		s.pulse.asked.CompareAndSwap(0, now)
		s.say(pingFrame(0, uint64(now)))
	}
}
