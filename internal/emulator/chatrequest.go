package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// Bounds of a chat request, as Azure's contract has them.
const (
	maxChoices  = 128
	maxStops    = 4
	maxMessages = 2048 // in one request
)

// chatRequest is what the emulator honours of a chat completion. Sampling
// parameters, seed, user, tools and the rest are accepted and change nothing.
type chatRequest struct {
	Model               string          `json:"model"`
	Messages            json.RawMessage `json:"messages"`
	Stream              *bool           `json:"stream"`
	StreamOptions       *streamOptions  `json:"stream_options"`
	N                   *int            `json:"n"`
	MaxTokens           *int            `json:"max_tokens"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	Stop                json.RawMessage `json:"stop"`
	ResponseFormat      *responseFormat `json:"response_format"`
	ToolChoice          json.RawMessage `json:"tool_choice"`
	Temperature         *float64        `json:"temperature"`
	TopP                *float64        `json:"top_p"`
}

type streamOptions struct {
	IncludeUsage       bool  `json:"include_usage"`
	IncludeObfuscation *bool `json:"include_obfuscation"`
}

type responseFormat struct {
	Type string `json:"type"`
}

// question is a chat request, understood.
type question struct {
	model        string
	turns        []turn
	stream       bool
	includeUsage bool
	obfuscate    bool
	choices      int
	limit        int // completion tokens; 0 is no limit
	stops        []string
	json         bool
}

// turn is one message, its parts joined.
type turn struct{ role, text string }

// parseChat reads a chat request or says what is wrong with it, in the words
// of the service.
func parseChat(body []byte, r route) (question, *refusal) {
	var req chatRequest
	if refused := decode(body, &req); refused != nil {
		return question{}, refused
	}
	if req.StreamOptions != nil && !r.knowsStreamOptions() {
		return question{}, invalid("stream_options", "unknown_parameter", "Unknown parameter: 'stream_options'.")
	}
	q := question{model: req.Model, stream: req.Stream != nil && *req.Stream, choices: 1, obfuscate: true}
	for _, step := range []func(*chatRequest) *refusal{
		q.readMessages, q.readStream, q.readBounds, q.readStop, q.readFormat,
	} {
		if refused := step(&req); refused != nil {
			return question{}, refused
		}
	}
	return q, nil
}

// decode wants one JSON object and nothing behind it, and tells a wrong type
// from malformed JSON.
func decode(body []byte, into any) *refusal {
	err := json.Unmarshal(body, into)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return invalid(wrong.Field, "invalid_type", "Invalid type for '%s': expected a value of another type, but got %s instead.", shorten(wrong.Field), wrong.Value)
	}
	if err != nil || !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return notJSON()
	}
	return nil
}

// present says whether a raw member was given and is not null.
func present(raw json.RawMessage) bool {
	return len(raw) > 0 && !bytes.Equal(raw, []byte("null"))
}

func (q *question) readStream(req *chatRequest) *refusal {
	if req.StreamOptions == nil {
		return nil
	}
	if !q.stream {
		return invalid("stream_options", "", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	}
	q.includeUsage = req.StreamOptions.IncludeUsage
	q.obfuscate = req.StreamOptions.IncludeObfuscation == nil || *req.StreamOptions.IncludeObfuscation
	return nil
}

func (q *question) readBounds(req *chatRequest) *refusal {
	if req.MaxTokens != nil && req.MaxCompletionTokens != nil {
		return invalid("max_tokens", "invalid_parameter_combination", "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
	}
	for _, p := range []struct {
		name     string
		value    *int
		at, most int
		into     *int
	}{
		{"n", req.N, 1, maxChoices, &q.choices},
		{"max_tokens", req.MaxTokens, 1, 0, &q.limit},
		{"max_completion_tokens", req.MaxCompletionTokens, 1, 0, &q.limit},
	} {
		switch {
		case p.value == nil:
			continue
		case *p.value < p.at:
			return invalid(p.name, "integer_below_min_value", "Invalid '%s': integer below minimum value. Expected a value >= %d, but got %d instead.", p.name, p.at, *p.value)
		case p.most > 0 && *p.value > p.most:
			return invalid(p.name, "integer_above_max_value", "Invalid '%s': integer above maximum value. Expected a value <= %d, but got %d instead.", p.name, p.most, *p.value)
		}
		*p.into = *p.value
	}
	for _, p := range []struct {
		name  string
		value *float64
		most  float64
	}{{"temperature", req.Temperature, 2}, {"top_p", req.TopP, 1}} {
		if p.value != nil && *p.value < 0 {
			return invalid(p.name, "decimal_below_min_value", "Invalid '%s': decimal below minimum value. Expected a value >= 0, but got %v instead.", p.name, *p.value)
		}
		if p.value != nil && *p.value > p.most {
			return invalid(p.name, "decimal_above_max_value", "Invalid '%s': decimal above maximum value. Expected a value <= %v, but got %v instead.", p.name, p.most, *p.value)
		}
	}
	return nil
}

// readStop takes a string or up to four. An empty one would end every answer
// before it starts.
func (q *question) readStop(req *chatRequest) *refusal {
	if !present(req.Stop) {
		return nil
	}
	var one string
	if json.Unmarshal(req.Stop, &one) == nil {
		q.stops = []string{one}
	} else if json.Unmarshal(req.Stop, &q.stops) != nil {
		return invalid("stop", "invalid_type", "Invalid type for 'stop': expected one of a string or array of strings, but got %s instead.", kindOf(req.Stop))
	}
	if len(q.stops) > maxStops {
		return invalid("stop", "array_above_max_length", "Invalid 'stop': array too long. Expected an array with maximum length %d, but got an array with length %d instead.", maxStops, len(q.stops))
	}
	for _, s := range q.stops {
		if s == "" {
			return invalid("stop", "empty_string", "Invalid 'stop': empty string. Expected a string with minimum length 1, but got an empty string instead.")
		}
	}
	return nil
}

// readFormat knows text and json_object. A schema, or a call of a tool that is
// forced, would need a model to fill it: better a refusal than a pretence.
func (q *question) readFormat(req *chatRequest) *refusal {
	if choice := string(req.ToolChoice); present(req.ToolChoice) && choice != `"auto"` && choice != `"none"` {
		return invalid("tool_choice", "unsupported_value", "Unsupported value: 'tool_choice' can only be 'auto' or 'none' with this model.")
	}
	if req.ResponseFormat == nil {
		return nil
	}
	switch req.ResponseFormat.Type {
	case "text":
	case "json_object":
		q.json = true
		if !q.mentionsJSON() {
			return invalid("messages", "", "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.")
		}
	default:
		return invalid("response_format", "", "Invalid parameter: 'response_format' of type '%s' is not supported with this model.", shorten(req.ResponseFormat.Type))
	}
	return nil
}

func (q *question) mentionsJSON() bool {
	for _, t := range q.turns {
		if strings.Contains(strings.ToLower(t.text), "json") {
			return true
		}
	}
	return false
}
