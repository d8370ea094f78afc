package openai

import (
	"encoding/json"
	"math"
)

// Usage is what a backend says that a call consumed, in tokens. Prompt and
// Completion go by the names of the chat API; Responses, images and audio call
// them input and output.
type Usage struct {
	Prompt     int64
	Completion int64
	Cached     int64 // part of Prompt
	Reasoning  int64 // part of Completion
	Total      int64
}

// count reads a number of tokens; what is none (a fraction, a text, an absurd
// or negative number) counts as zero, for a backend must not break the meter.
type count int64

// maxCount is far above any context window.
const maxCount = 1 << 40

func (c *count) UnmarshalJSON(raw []byte) error {
	var f float64
	if json.Unmarshal(raw, &f) == nil && f >= 0 && f <= maxCount && f == math.Trunc(f) {
		*c = count(f)
	}
	return nil
}

type details struct {
	Cached    count `json:"cached_tokens"`
	Reasoning count `json:"reasoning_tokens"`
}

// usageFields are what the APIs call them.
type usageFields struct {
	Prompt            count   `json:"prompt_tokens"`
	Completion        count   `json:"completion_tokens"`
	Input             count   `json:"input_tokens"`
	Output            count   `json:"output_tokens"`
	Total             count   `json:"total_tokens"`
	Reasoning         count   `json:"reasoning_tokens"` // some models put it here
	PromptDetails     details `json:"prompt_tokens_details"`
	InputDetails      details `json:"input_tokens_details"`
	CompletionDetails details `json:"completion_tokens_details"`
	OutputDetails     details `json:"output_tokens_details"`
	RealtimeDetails   details `json:"input_token_details"` // as realtime events write it
}

// parseUsage reads a usage object of any of the APIs; false for null and for
// what is no object.
func parseUsage(raw []byte) (Usage, bool) {
	u, ok := quickUsage(raw)
	if !ok {
		u = usageFields{}
		if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &u) != nil {
			return Usage{}, false
		}
	}
	return u.usage()
}

func (u *usageFields) usage() (Usage, bool) {
	usage := Usage{
		Prompt:     int64(max(u.Prompt, u.Input)),
		Completion: int64(max(u.Completion, u.Output)),
		Cached:     int64(max(u.PromptDetails.Cached, u.InputDetails.Cached, u.RealtimeDetails.Cached)),
		Reasoning:  int64(max(u.Reasoning, u.CompletionDetails.Reasoning, u.OutputDetails.Reasoning)),
		Total:      int64(u.Total),
	}
	if usage.Total == 0 {
		usage.Total = usage.Prompt + usage.Completion
	}
	return usage, usage != Usage{}
}
