package emulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// The content filter acts on marker words alone, each the whole of what it
// takes: a prompt with ostiary-test-filter-violence (or -hate, -sexual,
// -self-harm, -jailbreak) is refused, and an answer to a prompt with
// ostiary-test-filter-answer is cut off for violence.
const (
	filterMarker = "ostiary-test-filter-"
	answerMarker = filterMarker + "answer"
	answerKept   = 8 // tokens of an answer that the filter cuts off
)

// judge gives the filter's verdict on a prompt, and whether it is refused.
func judge(texts ...string) (promptVerdict, bool) {
	verdict := promptPasses()[0].Verdict
	blocked := false
	for _, text := range texts {
		for name, category := range map[string]*severity{"hate": &verdict.Hate, "sexual": &verdict.Sexual, "violence": &verdict.Violence, "self-harm": &verdict.SelfHarm} {
			if strings.Contains(text, filterMarker+name) {
				*category, blocked = severity{true, "high"}, true
			}
		}
		if strings.Contains(text, filterMarker+"jailbreak") {
			verdict.Jailbreak, blocked = detection{true, true}, true
		}
	}
	return verdict, blocked
}

func textsOf(turns []turn) (texts []string) {
	for _, t := range turns {
		texts = append(texts, t.text)
	}
	return texts
}

// cutsAnswer says whether the last prompt asks for an answer that is filtered.
func cutsAnswer(turns []turn) bool {
	return strings.Contains(lastText(turns), answerMarker)
}

func lastText(turns []turn) string {
	if len(turns) == 0 {
		return ""
	}
	return turns[len(turns)-1].text
}

// answerBlocked is the verdict on an answer that was cut off.
func answerBlocked() answerFilter {
	v := answerPasses()
	v.Violence = severity{true, "medium"}
	return v
}

const filteredMessage = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry. To learn more about our content filtering policies please read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766"

// promptBlocked is the refusal of a chat or completion's prompt. The content
// filter result is in the singular here.
func promptBlocked(v promptVerdict) *refusal {
	var out struct {
		Error struct {
			Message string  `json:"message"`
			Type    *string `json:"type"`
			Param   string  `json:"param"`
			Code    string  `json:"code"`
			Status  int     `json:"status"`
			Inner   struct {
				Code   string        `json:"code"`
				Result promptVerdict `json:"content_filter_result"`
			} `json:"innererror"`
		} `json:"error"`
	}
	e := &out.Error
	e.Message, e.Param, e.Code, e.Status = filteredMessage, "prompt", "content_filter", http.StatusBadRequest
	e.Inner.Code, e.Inner.Result = "ResponsibleAIPolicyViolation", v
	return &refusal{status: http.StatusBadRequest, code: "content_filter", body: marshal(out)}
}

// responseBlocked is the same for Responses, which has no inner error.
func responseBlocked(v promptVerdict, prompt string) *refusal {
	var out struct {
		Error struct {
			Message string           `json:"message"`
			Type    string           `json:"type"`
			Param   string           `json:"param"`
			Code    string           `json:"code"`
			Filters []responseFilter `json:"content_filters"`
		} `json:"error"`
	}
	e := &out.Error
	e.Message, e.Type, e.Param, e.Code = filteredMessage, "invalid_request_error", "prompt", "content_filter"
	e.Filters = []responseFilter{{Blocked: true, Source: "prompt", Results: v, Offsets: filterOffsets{End: len(prompt)}}}
	var indented bytes.Buffer
	_ = json.Indent(&indented, []byte(marshal(out)), "", "  ") // marshal's output always indents
	return &refusal{status: http.StatusBadRequest, code: "content_filter", body: indented.String()}
}
