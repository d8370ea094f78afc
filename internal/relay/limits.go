package relay

import (
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// Limits are what one member may have of a relay. Zero values are defaults.
type Limits struct {
	Legs           int   `yaml:"legs" doc:"legs that one member may have open at once; default 512"`
	LegsPerMinute  int   `yaml:"legs_per_minute" doc:"legs that one member may open in a minute; default 600"`
	BytesPerSecond int64 `yaml:"bytes_per_second" doc:"what one inlet may move, both ways together; at least 65536; default no limit"`
}

// leastRate keeps a slowed copy from sleeping for long.
const leastRate = 64 << 10

// Check reports a rate that would look like a stall.
func (l Limits) Check(report func(path, what, fix string)) {
	if l.BytesPerSecond < 0 || l.BytesPerSecond > 0 && l.BytesPerSecond < leastRate {
		report("bytes_per_second", "a limit under 65536 bytes a second", "write 65536 or more, or leave it out")
	}
	if l.Legs < 0 || l.LegsPerMinute < 0 {
		report("", "a limit under nothing", "write a positive number, or leave it out for the default")
	}
}

// members keeps account of those that have come. They are as many as the
// authority has made, for only verified names get here.
type members struct {
	limits Limits
	mu     *sync.Mutex
	of     map[pki.ID]*account
}

type account struct {
	legs    int
	entries bucket // legs
	bytes   bucket
}

func newMembers(l Limits) members {
	if l.Legs == 0 {
		l.Legs = 512
	}
	if l.LegsPerMinute == 0 {
		l.LegsPerMinute = 600
	}
	return members{limits: l, mu: new(sync.Mutex), of: map[pki.ID]*account{}}
}

// enter admits one more leg of a member, or says which limit it is over.
func (m members) enter(id pki.ID, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.of[id]
	if a == nil {
		a = &account{}
		m.of[id] = a
	}
	if a.legs >= m.limits.Legs {
		return fault.New(fault.Throttled, "this member has too many legs open")
	}
	perMinute := float64(m.limits.LegsPerMinute)
	if a.entries.take(1, perMinute/60, perMinute, now) > 0 {
		a.entries.level++ // it does not enter, so it has not spent
		return fault.New(fault.Throttled, "this member opens legs too fast")
	}
	a.legs++
	return nil
}

func (m members) exit(id pki.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.of[id].legs--
}

// spend notes bytes of an inlet and says how long to wait before they go on.
func (m members) spend(id pki.ID, n int, now time.Time) time.Duration {
	if m.limits.BytesPerSecond == 0 {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	rate := float64(m.limits.BytesPerSecond)
	return m.of[id].bytes.take(float64(n), rate, rate, now)
}

// bucket is a token bucket that may go into debt.
type bucket struct {
	level float64 // tokens; below zero is debt
	at    time.Time
}

// take takes n tokens and says how long until the debt that leaves is paid.
func (b *bucket) take(n, rate, size float64, now time.Time) time.Duration {
	if b.at.IsZero() {
		b.level = size
	} else {
		b.level = min(size, b.level+now.Sub(b.at).Seconds()*rate)
	}
	b.at = now
	b.level -= n
	if b.level >= 0 {
		return 0
	}
	return time.Duration(-b.level / rate * float64(time.Second))
}
