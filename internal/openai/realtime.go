package openai

import (
	"slices"
	"strings"
)

// Session reads the events that a server sends in a realtime session, one
// JSON text each, as their bytes pass. A session has many responses; what they
// used is summed up.
type Session struct {
	scanner
	eventType string
	usage     []byte
	deltaText int64 // of the event in hand
	model     string
	codes     codes

	found Answer
	open  int // responses that have begun and not ended
}

// codes are what the event in hand says of how something ended.
type codes struct{ status, failure string }

// The places of an event.
const (
	atEventType place = firstValue + 32 + iota
	atEventUsage
	atEventModel
	atEventStatus
	atEventCode
)

const (
	atEventResponse place = top + 32 + iota
	atEventSession
	atEventError // of an event, and within a response's status_details
	atEventDetails
)

const atEventDelta = firstText + 32

// NewSession is a reader for one session.
func NewSession() *Session {
	r := &Session{}
	r.visit = r
	return r
}

// Feed takes the next bytes of the event in hand. What is no JSON is ignored.
func (r *Session) Feed(p []byte) { _ = r.write(p) }

// End says that the event in hand is whole.
func (r *Session) End() {
	if r.model != "" {
		r.found.Model = r.model
	}
	switch t := r.eventType; {
	case t == "response.created":
		r.open++
	case t == "response.done":
		r.open = max(r.open-1, 0)
		r.found.TextBytes = 0
		r.add()
		r.ended(r.codes.status)
	case t == "conversation.item.input_audio_transcription.completed": // by a model of its own
		r.add()
	case strings.HasPrefix(t, "response.") && strings.HasSuffix(t, ".delta") && !strings.HasSuffix(t, "audio.delta"): // sound is no text
		r.found.TextBytes += r.deltaText
	}
	if r.codes.failure != "" {
		r.found.ErrorCode = knownCode(r.codes.failure)
	}
	r.reset()
	r.eventType, r.usage, r.deltaText, r.model, r.codes = "", r.usage[:0], 0, "", codes{}
}

// ended notes how a response ended.
func (r *Session) ended(status string) {
	switch status {
	case "completed", "incomplete", "failed", "cancelled":
		if !slices.Contains(r.found.FinishReasons, status) {
			r.found.FinishReasons = append(r.found.FinishReasons, status)
		}
	}
}

// add takes the event's usage.
func (r *Session) add() {
	u, ok := parseUsage(r.usage)
	if !ok {
		return
	}
	sum := &r.found.Usage
	sum.Prompt += u.Prompt
	sum.Completion += u.Completion
	sum.Cached += u.Cached
	sum.Reasoning += u.Reasoning
	sum.Total += u.Total
	r.found.Counted = true
}

// Answer is what was found so far. Its TextBytes are those of responses that
// have not ended, and so are in no usage.
func (r *Session) Answer() Answer {
	a := r.found
	a.FinishReasons = slices.Clone(a.FinishReasons)
	return a
}

// Unsettled says whether a response has begun of which no usage has come.
func (r *Session) Unsettled() bool { return r.open > 0 }

func (r *Session) member(parent place, key []byte) place {
	switch parent {
	case top:
		switch string(key) {
		case "type":
			return atEventType
		case "response":
			return atEventResponse
		case "session":
			return atEventSession
		case "error":
			return atEventError
		case "usage":
			return atEventUsage
		case "delta":
			return atEventDelta
		}
	case atEventResponse:
		switch string(key) {
		case "usage":
			return atEventUsage
		case "status":
			return atEventStatus
		case "status_details":
			return atEventDetails
		}
	case atEventSession:
		if string(key) == "model" {
			return atEventModel
		}
	case atEventDetails:
		if string(key) == "error" {
			return atEventError
		}
	case atEventError:
		if string(key) == "code" {
			return atEventCode
		}
	}
	return nowhere
}

func (r *Session) value(at place, raw []byte, _, _ int64) {
	switch at {
	case atEventType:
		r.eventType = label(raw)
	case atEventUsage:
		r.usage = append(r.usage[:0], raw...)
	case atEventModel:
		if name := unquote(raw); len(name) <= MaxModel && isPlain(name) {
			r.model = string(name)
		}
	case atEventStatus:
		r.codes.status = label(raw)
	case atEventCode:
		r.codes.failure = label(raw)
	}
}

func (r *Session) text(_ place, n int64) { r.deltaText += n }
