package emulator

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// The quota that the rate-limit headers tell of, for each deployment and
// minute. It counts and never refuses.
const (
	tokensPerMinute   = 250_000
	requestsPerMinute = 2_500
)

// quota counts one deployment's use in the current minute.
type quota struct {
	mu               sync.Mutex
	minute           time.Time
	requests, tokens int
}

// remainder is what is left of a minute.
type remainder struct{ requests, tokens int }

func (q *quota) take(now time.Time, tokens int) remainder {
	q.mu.Lock()
	defer q.mu.Unlock()
	if minute := now.Truncate(time.Minute); !minute.Equal(q.minute) {
		q.minute, q.requests, q.tokens = minute, 0, 0
	}
	q.requests++
	q.tokens += tokens
	return remainder{max(0, requestsPerMinute-q.requests), max(0, tokensPerMinute-q.tokens)}
}

func (r remainder) set(h http.Header) {
	h.Set("X-Ratelimit-Abusepenalty-Active", "False")
	for name, value := range map[string]int{
		"X-Ratelimit-Limit-Requests":         requestsPerMinute,
		"X-Ratelimit-Limit-Tokens":           tokensPerMinute,
		"X-Ratelimit-Remaining-Requests":     r.requests,
		"X-Ratelimit-Remaining-Tokens":       r.tokens,
		"X-Ratelimit-Renewalperiod-Requests": 60,
		"X-Ratelimit-Renewalperiod-Tokens":   60,
		"X-Ratelimit-Reset-Requests":         0,
		"X-Ratelimit-Reset-Tokens":           0,
	} {
		h.Set(name, strconv.Itoa(value))
	}
}
