package backend

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// threshold is how many calls in a row must fail before a backend is left
	// alone.
	threshold = 5

	firstRest = time.Second      // doubled each time that a backend is still ill
	longest   = 60 * time.Second // Azure has been seen to say 86,400 s

	// probeTime is how long one call alone may find out whether a backend is
	// well again; an answer that is not streamed can take minutes to begin.
	probeTime = 5 * time.Second

	latencyShare = 8 // the newest answer's share of the latency that is told is one in so many

	maxHolds = 1024 // deployments remembered; a pattern may stand for any number
)

// health is what calls have found out about a backend: a breaker for the
// backend as a whole, and for each deployment until when it is throttled, since
// Azure's limits are the deployment's. Its zero value is well.
type health struct {
	mu       sync.Mutex
	failures int       // in a row
	opened   time.Time // the last time; calls from before then prove nothing
	until    time.Time // broken until then, then half open; zero: well
	rests    int       // in a row
	probe    time.Time // half open: until then a call is finding out
	holds    map[string]hold

	inFlight atomic.Int64
	latency  time.Duration // to the header, of answers lately; 0: none yet
	last     LastError
}

// hold is a throttled deployment.
type hold struct {
	since, until time.Time
	row          int // calls in a row that were throttled, each after the hold before
}

// state is what a backend is to a deployment's call.
type state uint8

const (
	well state = iota
	throttled
	broken
)

func (h *health) state(deployment string, now time.Time) (state, time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.look(deployment, now)
}

// look also says how long the state lasts.
func (h *health) look(deployment string, now time.Time) (state, time.Duration) {
	if wait := max(h.until.Sub(now), h.probe.Sub(now)); !h.until.IsZero() && wait > 0 {
		return broken, wait
	}
	if wait := h.holds[deployment].until.Sub(now); wait > 0 {
		return throttled, wait
	}
	return well, 0
}

// condition says whether the backend is broken, a half open one too, and how
// many of its deployments are throttled.
func (h *health) condition(now time.Time) (broken bool, throttled int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, held := range h.holds {
		if held.until.After(now) {
			throttled++
		}
	}
	return !h.until.IsZero(), throttled
}

// claim lets a call go. Of a half open backend one call is the probe.
func (h *health) claim(deployment string, now time.Time) (probe, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s, _ := h.look(deployment, now); s != well {
		return false, false
	}
	if probe = !h.until.IsZero(); probe {
		h.probe = now.Add(probeTime)
	}
	return probe, true
}

// unclaim is for a probe that found out nothing.
func (h *health) unclaim() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.probe = time.Time{}
}

// answers notes an answer that is neither throttled nor a failure: a half open
// backend is well again. Until an answer has also come whole, one more failure
// is enough to open it.
func (h *health) answers(deployment string, begun, now time.Time) (recovered bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if took := now.Sub(begun); h.latency == 0 {
		h.latency = took
	} else {
		h.latency += (took - h.latency) / latencyShare
	}
	if held, ok := h.holds[deployment]; ok && begun.After(held.since) {
		delete(h.holds, deployment)
	}
	if h.until.IsZero() || begun.Before(h.opened) {
		return false
	}
	h.until, h.probe, h.failures = time.Time{}, time.Time{}, threshold-1
	return true
}

// ends notes a whole answer.
func (h *health) ends(begun time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !begun.Before(h.opened) && h.until.IsZero() {
		h.failures, h.rests = 0, 0
	}
}

// fails notes a failure, and says how long the backend is left alone if that
// was one too many. advice is its own word on when to come back.
func (h *health) fails(begun, now time.Time, advice time.Duration) (rest time.Duration, opens bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if begun.Before(h.opened) {
		return 0, false // it belongs to what was already judged
	}
	h.failures++
	if h.failures < threshold && h.until.IsZero() {
		return 0, false
	}
	rest = min(max(firstRest<<min(h.rests, 6), advice), longest)
	h.rests++
	h.opened, h.until, h.probe = now, now.Add(rest), time.Time{}
	return rest, true
}

// throttles notes a 429. Advice of a second or none is useless (it has been
// seen with calls refused for a minute), so holds in a row grow by themselves.
func (h *health) throttles(deployment string, begun, now time.Time, advice time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	held := h.holds[deployment]
	if held.row == 0 || begun.After(held.since) { // else it left together with the one that was counted
		held.row, held.since = held.row+1, now
		advice = max(advice, firstRest<<min(held.row-1, 6))
	}
	if until := now.Add(min(advice, longest)); until.After(held.until) {
		held.until = until
	}
	if _, known := h.holds[deployment]; !known && len(h.holds) >= maxHolds {
		h.sweep(now)
	}
	if h.holds == nil {
		h.holds = map[string]hold{}
	}
	h.holds[deployment] = held
}

// sweep forgets deployments that are no longer throttled; all, if none is.
func (h *health) sweep(now time.Time) {
	for name, held := range h.holds {
		if !held.until.After(now) {
			delete(h.holds, name)
		}
	}
	if len(h.holds) >= maxHolds {
		clear(h.holds)
	}
}

// RetryAfter is when an answer's header says to come back: Azure's
// retry-after-ms, or Retry-After in seconds or as a date (RFC 9110 section
// 10.2.3). Zero where it says nothing that can be read.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	const most = 1 << 32 // of milliseconds or seconds: years, and far from overflow
	if ms, err := strconv.ParseUint(h.Get("Retry-After-Ms"), 10, 64); err == nil && ms > 0 {
		return time.Duration(min(ms, most)) * time.Millisecond
	}
	after := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(after, 10, 64); err == nil {
		return time.Duration(min(seconds, most)) * time.Second
	}
	if at, err := http.ParseTime(after); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
