package backend

import (
	"errors"
	"net/http"
	"os"
	"time"
)

// Status is what is known of one backend, for people.
type Status struct {
	Name     string `json:"name"`
	Kind     Kind   `json:"kind"`
	Region   string `json:"region,omitempty"`
	Workload string `json:"workload,omitempty"` // that it is reserved for
	Priority int    `json:"priority"`
	Weight   int    `json:"weight"`

	// State is well; broken, until Until; or trying, when the next call finds
	// out, or one is finding out.
	State     string               `json:"state"`
	Until     time.Time            `json:"until,omitzero"`
	Failures  int                  `json:"failures,omitempty"`  // in a row
	Throttled map[string]time.Time `json:"throttled,omitempty"` // deployments that take no calls until then, 1,024 at most
	InFlight  int64                `json:"in_flight"`
	Latency   float64              `json:"latency_ms,omitempty"` // milliseconds to the header of an answer; of those lately, the newest counts an eighth
	LastError *LastError           `json:"last_error,omitempty"`
}

// LastError is the last failure of a backend, by its kind. What the backend
// said is not kept: it may quote a prompt.
type LastError struct {
	Kind   string    `json:"kind"`             // unreachable, timeout, throttled, failed, broken-off
	Status int       `json:"status,omitempty"` // of the answer, where there was one
	At     time.Time `json:"at"`
}

// Status lists all backends, in the order of Backends.
func (p *Pool) Status() []Status {
	now := p.now()
	all := make([]Status, len(p.backends))
	for i, b := range p.backends {
		all[i] = Status{
			Name: b.name, Kind: b.kind, Region: b.region, Workload: b.workload, Priority: b.priority, Weight: b.weight,
		}
		b.health.describe(&all[i], now)
	}
	return all
}

func (h *health) describe(s *Status, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.State, s.Failures, s.InFlight = "well", h.failures, h.inFlight.Load()
	s.Latency = float64(h.latency) / float64(time.Millisecond)
	switch {
	case h.until.After(now):
		s.State, s.Until = "broken", h.until.UTC()
	case !h.until.IsZero():
		s.State = "trying"
	}
	for name, held := range h.holds {
		if until := held.until; until.After(now) {
			if s.Throttled == nil {
				s.Throttled = map[string]time.Time{}
			}
			s.Throttled[name] = until.UTC()
		}
	}
	if !h.last.At.IsZero() {
		last := h.last
		s.LastError = &last
	}
}

// note keeps what went wrong.
func (h *health) note(kind string, status int, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = LastError{Kind: kind, Status: status, At: now.UTC()}
}

// noteAnswer keeps what was wrong with what came of a request, if anything.
func (h *health) noteAnswer(resp *http.Response, err error, now time.Time) {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		h.note("timeout", 0, now)
	case err != nil:
		h.note("unreachable", 0, now)
	case resp.StatusCode == http.StatusTooManyRequests:
		h.note("throttled", resp.StatusCode, now)
	default:
		h.note("failed", resp.StatusCode, now)
	}
}
