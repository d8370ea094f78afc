package openai

import (
	"encoding/json"
	"testing"
)

// FuzzQuickUsage holds what quickUsage takes to encoding/json.
func FuzzQuickUsage(f *testing.F) {
	for _, s := range []string{
		`{"completion_tokens":24,"prompt_tokens":15,"total_tokens":39}`,
		`{"prompt_tokens":15,"prompt_tokens_details":{"cached_tokens":3,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":2,"cached_tokens":9}}`,
		` { "input_tokens" : 1 , "input_tokens_details" : { } } `, `{"input_token_details":{"cached_tokens":1},"other":{"x":1},"reasoning_tokens":5}`,
		`{"prompt_tokens":1,"prompt_tokens":2}`, `{"prompt_tokens":1.5}`, `{"prompt_tokens":01}`, `{"prompt_tokens":{}}`, `{"prompt_tokens_details":3}`,
		`{"Prompt_tokens":3}`, `{"prompt_tokens":1e3}`, `{"total_tokens":9999999999999}`, `{"prompt_tokens":null}`, `{}`, `{`, `{"prompt_tokens":1}x`, `{"a":1,}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		quick, ok := quickUsage(raw)
		if !ok {
			return
		}
		var slow usageFields
		if err := json.Unmarshal(raw, &slow); err != nil || quick != slow {
			t.Errorf("%s: %+v, want %+v, %v", raw, quick, slow, err)
		}
	})
}

// TestQuickUsageIsTaken by what Azure sends.
func TestQuickUsageIsTaken(t *testing.T) {
	raw := []byte(`{"completion_tokens":24,"completion_tokens_details":{"accepted_prediction_tokens":0,"reasoning_tokens":7},"prompt_tokens":15,"prompt_tokens_details":{"cached_tokens":3},"total_tokens":39}`)
	u, ok := quickUsage(raw)
	if !ok || u.Completion != 24 || u.Prompt != 15 || u.Total != 39 || u.CompletionDetails.Reasoning != 7 || u.PromptDetails.Cached != 3 {
		t.Errorf("%+v, %v", u, ok)
	}
}
