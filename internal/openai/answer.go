package openai

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
)

// Answer is what an answer reports beside its content.
type Answer struct {
	Model         string   // as the backend names it
	FinishReasons []string // distinct, in order; for Responses the status, and why it is incomplete
	ErrorCode     string
	Usage         Usage
	Filters       Filters
	Counted       bool  // the backend sent a usage
	TextBytes     int64 // length of the answer's text in UTF-8, for an estimate
}

const (
	maxReasons = 8  // distinct finish reasons kept
	maxLabel   = 64 // bytes of a finish reason, a code or an event's type
)

// The places of an answer, an event or an error that are looked at.
const (
	atAnswerModel place = firstValue + iota
	atUsage
	atFinish
	atStatus
	atReason
	atCode
	atStatusCode
	atType
	atPromptFilter
	atChoiceFilter
	atSource
)

const (
	atChoices place = top + 1 + iota
	atMessage       // delta or message of a choice
	atCalls
	atError
	atIncomplete
	atResponse
	atOutput
	atPrompts // prompt_filter_results
	atInner   // innererror
	atFilters // content_filters of a response
)

const atText = firstText

// reader visits answers. Its scanner may be reset between events; what it
// found stays.
type reader struct {
	scanner
	events    bool // it reads events, not one answer
	found     Answer
	eventType string
	usage     []byte    // the last usage object, decoded once at the end
	filters   [2][]byte // the last filter result of each side, which most events of a stream repeat
	source    string    // which side the response's filter in hand looked at

	usages    int  // members usage at the top of the document in hand
	usageAt   Span // the last one's value
	nullUsage bool
}

func (r *reader) member(parent place, key []byte) place {
	switch parent {
	case top:
		switch string(key) {
		case "type":
			return atType
		case "statusCode": // Azure's bare 401
			return atStatusCode
		case "code": // the Responses API's error event
			return atCode
		case "delta": // an event of the Responses API
			return atText
		case "text": // a transcription; an event that repeats its deltas at its end has one too
			if !r.events {
				return atText
			}
		case "choices":
			return atChoices
		case "prompt_filter_results":
			return atPrompts
		case "output":
			return atOutput
		case "response":
			return atResponse
		}
		return responseMember(key)
	case atResponse:
		return responseMember(key)
	case atChoices:
		switch string(key) {
		case "finish_reason":
			return atFinish
		case "delta", "message":
			return atMessage
		case "content_filter_results":
			return atChoiceFilter
		case "text":
			return atText
		}
	case atPrompts:
		if string(key) == "content_filter_results" {
			return atPromptFilter
		}
	case atInner:
		if string(key) == "content_filter_result" { // singular on the wire
			return atPromptFilter
		}
	case atFilters:
		switch string(key) {
		case "source_type":
			return atSource
		case "content_filter_results":
			return atChoiceFilter
		}
	case atMessage, atCalls:
		switch string(key) {
		case "content", "reasoning_content", "refusal", "arguments":
			return atText
		case "tool_calls", "function_call", "function":
			return atCalls
		}
	case atOutput, atText:
		switch string(key) {
		case "content", "text", "arguments":
			return atText
		}
	case atError:
		switch string(key) {
		case "code":
			return atCode
		case "innererror":
			return atInner
		}
	case atIncomplete:
		if string(key) == "reason" {
			return atReason
		}
	}
	return nowhere
}

// responseMember holds what an answer and the response object inside an event
// have in common.
func responseMember(key []byte) place {
	switch string(key) {
	case "model":
		return atAnswerModel
	case "usage":
		return atUsage
	case "status":
		return atStatus
	case "error":
		return atError
	case "incomplete_details":
		return atIncomplete
	case "content_filters":
		return atFilters
	}
	return nowhere
}

func (r *reader) value(at place, raw []byte, start, end int64) {
	switch at {
	case atAnswerModel:
		name := unquote(raw) // empty in Azure's first event
		if string(name) != r.found.Model && len(name) > 0 && len(name) <= MaxModel && isPlain(name) {
			r.found.Model = string(name)
		}
	case atUsage:
		if r.depth == 1 {
			r.usages++
			r.usageAt, r.nullUsage = Span{int(start), int(end)}, string(raw) == "null"
		}
		if len(raw) > 0 && raw[0] == '{' {
			r.usage = append(r.usage[:0], raw...)
		}
	case atFinish, atReason:
		r.reason(knownReason(label(raw)))
	case atStatus:
		if s := label(raw); s == "completed" || s == "incomplete" || s == "failed" || s == "cancelled" {
			r.reason(s)
		}
	case atCode, atStatusCode:
		if code := label(raw); code != "" {
			r.found.ErrorCode = knownCode(code)
		}
	case atType:
		r.eventType = label(raw)
	case atSource:
		r.source = label(raw)
	case atPromptFilter:
		r.filtered(0, raw)
	case atChoiceFilter:
		if r.source == promptSide {
			r.filtered(0, raw)
		} else {
			r.filtered(1, raw)
		}
		r.source = ""
	}
}

// filtered takes a filter's result for the prompt (0) or the completion (1).
func (r *reader) filtered(side int, raw []byte) {
	if len(raw) > len("{}") && !bytes.Equal(raw, r.filters[side]) {
		r.filters[side] = append(r.filters[side][:0], raw...)
		r.found.Filters.add([]string{promptSide, completionSide}[side], raw)
	}
}

func (r *reader) text(_ place, n int64) { r.found.TextBytes += n }

func (r *reader) reason(s string) {
	if s != "" && len(r.found.FinishReasons) < maxReasons && !slices.Contains(r.found.FinishReasons, s) {
		r.found.FinishReasons = append(r.found.FinishReasons, s)
	}
}

// answer decodes the usage and gives what was found.
func (r *reader) answer() Answer {
	a := r.found
	a.FinishReasons, a.Filters = slices.Clone(a.FinishReasons), maps.Clone(a.Filters)
	a.Usage, a.Counted = parseUsage(r.usage)
	return a
}

// label reads a short string or whole number of plain characters; anything
// else is empty, so that a backend cannot write into logs and records.
func label(raw []byte) string {
	if len(raw) == 0 || len(raw) > maxLabel || raw[0] == 'n' {
		return ""
	}
	if raw[0] != '"' {
		if _, err := strconv.ParseInt(string(raw), 10, 64); err != nil {
			return ""
		}
		return string(raw)
	}
	if s := unquote(raw); isPlain(s) {
		return string(s)
	}
	return ""
}

// isPlain says whether s is printable ASCII without blanks: a name, not prose.
func isPlain(s []byte) bool {
	for _, c := range s {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// Whole reads a JSON answer as its bytes pass, cut anywhere. Input that is not
// JSON is ignored from its first wrong byte on.
type Whole struct{ reader reader }

// NewWhole is a reader for one answer.
func NewWhole() *Whole {
	w := &Whole{}
	w.reader.visit = &w.reader
	return w
}

// Feed takes the next bytes.
func (w *Whole) Feed(p []byte) {
	_ = w.reader.write(p) // what is no JSON has no usage; the bytes pass all the same
}

// Answer is what was found so far.
func (w *Whole) Answer() Answer { return w.reader.answer() }
