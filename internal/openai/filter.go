package openai

import "encoding/json"

// Filters is what Azure's content filters reported: "prompt" and "completion"
// are "safe" where a filter ran and found nothing; "prompt.hate": "low" is a
// category that it found, "prompt.hate": "high, filtered" one that stopped the
// call. Nil means that nothing was reported.
//
// The shapes are those of the Azure OpenAI REST reference, "content filtering"
// (contentFilterPromptResults and contentFilterChoiceResults). Names and
// severities pass by allowlist: a backend's words may quote a prompt.
type Filters map[string]string

// The sides of a call that a filter looks at.
const (
	promptSide     = "prompt"
	completionSide = "completion"
)

const filterSafe = "safe"

// filterResult is one category: some have a severity, others are detected.
type filterResult struct {
	Filtered bool   `json:"filtered"`
	Detected bool   `json:"detected"`
	Severity string `json:"severity"`
}

// add takes one content_filter_results object. What it holds beside known
// categories is ignored.
func (f *Filters) add(side string, raw []byte) {
	var categories map[string]json.RawMessage
	if json.Unmarshal(raw, &categories) != nil || len(categories) == 0 {
		return
	}
	for name, value := range categories {
		var r filterResult
		if !knownCategory(name) || json.Unmarshal(value, &r) != nil {
			continue
		}
		if *f == nil {
			*f = Filters{}
		}
		if (*f)[side] == "" {
			(*f)[side] = filterSafe
		}
		if found := r.text(); found != filterSafe && rank(found) > rank((*f)[side+"."+name]) {
			(*f)[side+"."+name] = found
			(*f)[side] = "found"
		}
	}
}

func (r filterResult) text() string {
	text := filterSafe
	switch r.Severity {
	case "very_low", "low", "medium", "high":
		text = r.Severity
	default:
		if r.Detected {
			text = "detected"
		}
	}
	if r.Filtered {
		if text == filterSafe {
			return "filtered"
		}
		return text + ", filtered"
	}
	return text
}

// rank orders findings, so that the gravest of a stream stays.
func rank(found string) int {
	order := []string{
		"", filterSafe, "very_low", "low", "detected", "medium", "high",
		"filtered", "very_low, filtered", "low, filtered", "detected, filtered", "medium, filtered", "high, filtered",
	}
	for i, s := range order {
		if s == found {
			return i
		}
	}
	return 0
}

func knownCategory(name string) bool {
	switch name {
	case "hate", "self_harm", "sexual", "violence", "profanity", "jailbreak", "indirect_attack",
		"protected_material_text", "protected_material_code", "custom_blocklists", "ungrounded_material":
		return true
	}
	return false
}
