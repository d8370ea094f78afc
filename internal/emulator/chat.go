package emulator

import (
	"net/http"
	"strings"
)

// The wire types of a chat completion. Members stand in the order of the
// recordings, which is alphabetical.
type (
	completion struct {
		Choices      []choice       `json:"choices"`
		Created      int64          `json:"created"`
		ID           string         `json:"id"`
		Model        string         `json:"model"`
		Object       string         `json:"object"`
		PromptFilter []promptFilter `json:"prompt_filter_results"`
		SystemFinger string         `json:"system_fingerprint"`
		Usage        usage          `json:"usage"`
	}
	choice struct {
		Filter       answerFilter `json:"content_filter_results"`
		FinishReason string       `json:"finish_reason"`
		Index        int          `json:"index"`
		Logprobs     *struct{}    `json:"logprobs"`
		Message      message      `json:"message"`
	}
	message struct {
		Annotations []struct{} `json:"annotations"`
		Content     string     `json:"content"`
		Refusal     *string    `json:"refusal"`
		Role        string     `json:"role"`
	}
	usage struct {
		CompletionTokens  int               `json:"completion_tokens"`
		CompletionDetails completionDetails `json:"completion_tokens_details"`
		PromptTokens      int               `json:"prompt_tokens"`
		PromptDetails     promptDetails     `json:"prompt_tokens_details"`
		TotalTokens       int               `json:"total_tokens"`
	}
	completionDetails struct {
		Accepted  int `json:"accepted_prediction_tokens"`
		Audio     int `json:"audio_tokens"`
		Reasoning int `json:"reasoning_tokens"`
		Rejected  int `json:"rejected_prediction_tokens"`
	}
	promptDetails struct {
		Audio  int `json:"audio_tokens"`
		Cached int `json:"cached_tokens"`
	}
)

// The content filter's verdicts. Every one is the harmless value, but for the
// marker words that filter.go knows.
type (
	severity struct {
		Filtered bool   `json:"filtered"`
		Severity string `json:"severity"`
	}
	detection struct {
		Detected bool `json:"detected"`
		Filtered bool `json:"filtered"`
	}
	promptVerdict struct {
		Hate      severity  `json:"hate"`
		Jailbreak detection `json:"jailbreak"`
		SelfHarm  severity  `json:"self_harm"`
		Sexual    severity  `json:"sexual"`
		Violence  severity  `json:"violence"`
	}
	promptFilter struct {
		Index   int           `json:"prompt_index"`
		Verdict promptVerdict `json:"content_filter_results"`
	}
	answerFilter struct {
		Hate     severity  `json:"hate"`
		Code     detection `json:"protected_material_code"`
		Text     detection `json:"protected_material_text"`
		SelfHarm severity  `json:"self_harm"`
		Sexual   severity  `json:"sexual"`
		Violence severity  `json:"violence"`
	}
)

func promptPasses() []promptFilter {
	safe := severity{Severity: "safe"}
	return []promptFilter{{Verdict: promptVerdict{Hate: safe, SelfHarm: safe, Sexual: safe, Violence: safe}}}
}

func answerPasses() answerFilter {
	safe := severity{Severity: "safe"}
	return answerFilter{Hate: safe, SelfHarm: safe, Sexual: safe, Violence: safe}
}

// reply is an answer before it is put on the wire, whole or streamed.
type reply struct {
	id, model, fingerprint string
	created                int64
	tokens                 []string
	finish                 string
	filter                 answerFilter
	usage                  usage
}

func (f *front) chat(w http.ResponseWriter, c *call) *refusal {
	body, refused := readBody(w, c)
	if refused != nil {
		return refused
	}
	q, refused := parseChat(body, c.route)
	if refused != nil {
		return refused
	}
	name := c.route.deployment
	if c.v1 {
		if q.model == "" {
			return invalid("model", "missing_required_parameter", "Missing required parameter: 'model'.")
		}
		name = q.model
	}
	if refused := deployed(c, name); refused != nil {
		return refused
	}
	if refused := c.deployment.quota.admit(f.now(), c, promptTokens(q.turns), q.limit*q.choices); refused != nil {
		return refused
	}
	if v, blocked := judge(textsOf(q.turns)...); blocked {
		return promptBlocked(v)
	}
	r := f.reply(c, q)
	f.setModelHeaders(w.Header(), c, r.usage.TotalTokens)
	if q.stream {
		f.stream(w, c, q, r)
		return nil
	}
	writeAnswer(w, r.whole(q.choices))
	return nil
}

// reply asks the documents and cuts the answer to what the question allows.
func (f *front) reply(c *call, q question) reply {
	documents := f.corpus()
	text := documents.answer(q.turns, q.json)
	finish := "stop"
	for _, stop := range q.stops {
		text, _, _ = strings.Cut(text, stop)
	}
	tokens := splitTokens(text)
	if q.limit > 0 && len(tokens) > q.limit {
		tokens, finish = tokens[:q.limit], "length"
	}
	filter := answerPasses()
	if cutsAnswer(q.turns) {
		tokens, finish, filter = tokens[:min(answerKept, len(tokens))], "content_filter", answerBlocked()
	}
	prompt := promptTokens(q.turns)
	return reply{
		id:          "chatcmpl-" + randomName(29),
		model:       servedName(c.deployment.model, c.deployment.Version),
		fingerprint: documents.fingerprint,
		created:     f.now().Unix(),
		tokens:      tokens,
		finish:      finish,
		filter:      filter,
		usage: usage{
			PromptTokens:     prompt,
			CompletionTokens: len(tokens) * q.choices,
			TotalTokens:      prompt + len(tokens)*q.choices,
		},
	}
}

func (r reply) whole(choices int) completion {
	out := completion{
		Created: r.created, ID: r.id, Model: r.model, Object: "chat.completion",
		PromptFilter: promptPasses(), SystemFinger: r.fingerprint, Usage: r.usage,
	}
	for i := range choices {
		out.Choices = append(out.Choices, choice{
			Filter: r.filter, FinishReason: r.finish, Index: i,
			Message: message{Annotations: []struct{}{}, Content: strings.Join(r.tokens, ""), Role: "assistant"},
		})
	}
	return out
}
