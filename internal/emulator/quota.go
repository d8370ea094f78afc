package emulator

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// The quota that the rate-limit headers tell of where none is enforced, for
// each deployment and minute.
const (
	tokensPerMinute   = 250_000
	requestsPerMinute = 2_500
)

// Windows in which an enforced quota is counted. Azure checks requests over one
// or ten seconds, tokens over a minute.
//
// https://learn.microsoft.com/azure/ai-foundry/openai/how-to/quota
const (
	tokenWindow   = time.Minute
	requestWindow = 10 * time.Second
	defaultAnswer = 16 // tokens charged for an answer that has no limit of its own
)

// quota counts one deployment's use. Without capacity it counts and never
// refuses, both by the minute.
type quota struct {
	capacity               int // thousands of tokens a minute; 0 enforces nothing
	requests, tokens       window
	maxRequests, maxTokens int
}

// window is a count that starts anew with each period of the clock.
type window struct {
	mu     sync.Mutex
	period time.Duration
	start  time.Time
	used   int
}

// newQuota is the quota of a capacity: for each thousand tokens a minute, six
// requests.
func newQuota(capacity int) *quota {
	q := &quota{capacity: capacity, maxRequests: requestsPerMinute, maxTokens: tokensPerMinute}
	q.requests.period, q.tokens.period = time.Minute, tokenWindow
	if capacity > 0 {
		q.requests.period = requestWindow
		q.maxRequests, q.maxTokens = capacity, 1000*capacity // six a minute is one in ten seconds
	}
	return q
}

// add counts n where the window has room for it, and else says how long until
// it is a new one. most 0 always has room.
func (w *window) add(now time.Time, n, most int) (used int, wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if start := now.Truncate(w.period); !start.Equal(w.start) {
		w.start, w.used = start, 0
	}
	if most > 0 && w.used+n > most {
		return w.used, w.start.Add(w.period).Sub(now)
	}
	w.used += n
	return w.used, 0
}

// remainder is what is left of a window.
type remainder struct {
	*quota
	requests, tokens int
}

// take counts a call that is answered.
func (q *quota) take(now time.Time, tokens int) remainder {
	requests := 1
	if q.capacity > 0 {
		requests, tokens = 0, 0 // admit has charged them
	}
	r, _ := q.requests.add(now, requests, 0)
	t, _ := q.tokens.add(now, tokens, 0)
	return remainder{q, max(0, q.maxRequests-r), max(0, q.maxTokens-t)}
}

// admit charges a call against an enforced quota before it is answered: one
// request, and the prompt's tokens with the most that the answer may have. It
// refuses what does not fit.
func (q *quota) admit(now time.Time, c *call, prompt, answer int) *refusal {
	if q.capacity == 0 {
		return nil
	}
	if answer == 0 {
		answer = defaultAnswer
	}
	if _, wait := q.requests.add(now, 1, q.maxRequests); wait > 0 {
		return throttled("DeploymentRatelimit-Call", "requests", wait, q.left(now),
			fmt.Sprintf("Rate limit is exceeded. Try again in %d seconds.", seconds(wait)))
	}
	if _, wait := q.tokens.add(now, prompt+answer, q.maxTokens); wait > 0 {
		version := c.version
		if version == "" {
			version = "v1"
		}
		return throttled("DeploymentRatelimit-Token", "tokens", wait, q.left(now), fmt.Sprintf(
			"Requests to the %s Operation under Azure OpenAI API version %s have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after %d seconds. Please go here: https://aka.ms/oai/quotaincrease if you would like to further increase the default rate limit.",
			operationID(c.operation), version, seconds(wait)))
	}
	return nil
}

func (q *quota) left(now time.Time) remainder {
	r, _ := q.requests.add(now, 0, 0)
	t, _ := q.tokens.add(now, 0, 0)
	return remainder{q, max(0, q.maxRequests-r), max(0, q.maxTokens-t)}
}

// seconds rounds up, so that who waits them is let in.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// throttled is Azure's 429, with its headers.
func throttled(policy, kind string, wait time.Duration, left remainder, message string) *refusal {
	h := http.Header{}
	left.set(h)
	h.Set("X-Ratelimit-Reset-"+kind, strconv.Itoa(seconds(wait)))
	h.Set("Retry-After", strconv.Itoa(seconds(wait)))
	h.Set("Retry-After-Ms", strconv.FormatInt(wait.Milliseconds(), 10))
	return &refusal{
		status: http.StatusTooManyRequests, code: "429", policy: policy, header: h,
		body: `{"error":{"code":"429","message": "` + message + `"}}`,
	}
}

// operationID is Azure's own name of an operation. The first two were seen in a
// 429; the others follow their pattern.
func operationID(op operation) string {
	switch op {
	case opChat:
		return "ChatCompletions_Create"
	case opEmbeddings:
		return "Embeddings_Create"
	case opCompletions:
		return "Completions_Create"
	case opResponses:
		return "Responses_Create"
	case opImages:
		return "ImageGenerations_Create"
	case opSpeech:
		return "AudioSpeech_Create"
	case opTranslation:
		return "AudioTranslations_Create"
	default:
		return "AudioTranscriptions_Create"
	}
}

func (r remainder) set(h http.Header) {
	h.Set("X-Ratelimit-Abusepenalty-Active", "False")
	for name, value := range map[string]int{
		"X-Ratelimit-Limit-Requests":         r.maxRequests,
		"X-Ratelimit-Limit-Tokens":           r.maxTokens,
		"X-Ratelimit-Remaining-Requests":     r.requests,
		"X-Ratelimit-Remaining-Tokens":       r.tokens,
		"X-Ratelimit-Renewalperiod-Requests": int(r.quota.requests.period / time.Second),
		"X-Ratelimit-Renewalperiod-Tokens":   int(r.quota.tokens.period / time.Second),
		"X-Ratelimit-Reset-Requests":         0,
		"X-Ratelimit-Reset-Tokens":           0,
	} {
		h.Set(name, strconv.Itoa(value))
	}
}
