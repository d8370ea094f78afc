package chat

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Status is what has become of an answer. Each has words in every language:
// what happened, and what to do.
type Status string

// The statuses. Those from Policy on are refusals, or answers that broke off.
const (
	Done    Status = ""
	Running Status = "running"
	Stopped Status = "stopped" // by the person
	Length  Status = "length"  // the model's own bound
	Policy  Status = "policy"  // the gateway's policy does not allow it
	Limit   Status = "limit"   // too much at once, here or at the model
	Filter  Status = "filter"  // the content filter stopped the question
	Censor  Status = "censor"  // the content filter stopped the answer
	Context Status = "context" // the conversation is longer than the model reads
	Missing Status = "missing" // no such deployment
	Large   Status = "large"   // more bytes than the gateway takes
	Invalid Status = "invalid" // the model does not take this
	Expired Status = "expired" // the person must sign in again
	Backend Status = "backend" // the model is down, or answers with an error
	Away    Status = "away"    // the gateway cannot be reached
	Cut     Status = "cut"     // the answer broke off
	Lost    Status = "lost"    // this service was restarted in the middle
)

// failed says whether there is no whole answer.
func (s Status) failed() bool {
	return s != Done && s != Running && s != Stopped && s != Length
}

const (
	maxDetail = 300 // bytes of the model's own words
	maxRetry  = 24 * time.Hour
)

// refusal is what a gateway's answer other than 200 means.
func refusal(resp *http.Response, body []byte) (s Status, retry int64, detail string) {
	var e struct {
		Error struct {
			Code    json.RawMessage `json:"code"`
			Message string          `json:"message"`
		} `json:"error"`
		Message string `json:"message"`
	}
	_ = json.Unmarshal(body, &e) // a body of another shape says nothing more
	code := strings.Trim(string(e.Error.Code), `"`)
	detail = clip(e.Error.Message+e.Message, maxDetail)
	switch {
	case resp.StatusCode == http.StatusUnauthorized && code == "PermissionDenied", resp.StatusCode == http.StatusForbidden:
		return Policy, 0, ""
	case resp.StatusCode == http.StatusUnauthorized:
		return Expired, 0, ""
	case resp.StatusCode == http.StatusTooManyRequests:
		return Limit, retryAfter(resp.Header), ""
	case code == "content_filter":
		return Filter, 0, ""
	case code == "context_length_exceeded":
		return Context, 0, ""
	case resp.StatusCode == http.StatusNotFound:
		return Missing, 0, ""
	case resp.StatusCode == http.StatusRequestEntityTooLarge:
		return Large, 0, ""
	case resp.StatusCode >= http.StatusInternalServerError:
		return Backend, retryAfter(resp.Header), ""
	}
	return Invalid, 0, detail
}

// retryAfter is what the header asks for in whole seconds; 0 for nothing.
func retryAfter(h http.Header) int64 {
	n, err := strconv.ParseInt(h.Get("Retry-After"), 10, 64)
	if err != nil || n < 0 || n > int64(maxRetry/time.Second) {
		return 0
	}
	return n
}

// clip shortens a text to so many bytes, between characters.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
