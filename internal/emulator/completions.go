package emulator

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// defaultCompletion is max_tokens of a completion that sets none, as OpenAI's
// reference has it.
const defaultCompletion = 16

// completionRequest is what the emulator honours of a legacy completion.
type completionRequest struct {
	Model         string          `json:"model"`
	Prompt        json.RawMessage `json:"prompt"`
	MaxTokens     *int            `json:"max_tokens"`
	N             *int            `json:"n"`
	Stream        *bool           `json:"stream"`
	StreamOptions *streamOptions  `json:"stream_options"`
}

// The wire types of a legacy completion.
type (
	textCompletion struct {
		Choices      []textChoice   `json:"choices"`
		Created      int64          `json:"created"`
		ID           string         `json:"id"`
		Model        string         `json:"model"`
		Object       string         `json:"object"`
		PromptFilter []promptFilter `json:"prompt_filter_results,omitempty"`
		Usage        *textUsage     `json:"usage,omitempty"`
	}
	textChoice struct {
		Filter       answerFilter `json:"content_filter_results"`
		FinishReason *string      `json:"finish_reason"`
		Index        int          `json:"index"`
		Logprobs     *struct{}    `json:"logprobs"`
		Text         string       `json:"text"`
	}
	textUsage struct {
		CompletionTokens int `json:"completion_tokens"`
		PromptTokens     int `json:"prompt_tokens"`
		TotalTokens      int `json:"total_tokens"`
	}
)

func (f *front) completions(w http.ResponseWriter, c *call) *refusal {
	body, refused := readBody(w, c)
	if refused != nil {
		return refused
	}
	var req completionRequest
	if refused := decode(body, &req); refused != nil {
		return refused
	}
	if refused := deployed(c, c.named(req.Model)); refused != nil {
		return refused
	}
	prompts, refused := readPrompts(req.Prompt)
	if refused != nil {
		return refused
	}
	limit := defaultCompletion
	if req.MaxTokens != nil {
		if limit = *req.MaxTokens; limit < 1 {
			return invalid("max_tokens", "integer_below_min_value", "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got %d instead.", limit)
		}
	}
	if req.N != nil && *req.N != 1 {
		return invalid("n", "unsupported_value", "Unsupported value: 'n' can only be 1 for completions of the emulator.")
	}
	prompt := 0
	for _, p := range prompts {
		prompt += countTokens(p)
	}
	if refused := c.deployment.quota.admit(f.now(), c, prompt, limit*len(prompts)); refused != nil {
		return refused
	}
	if v, blocked := judge(prompts...); blocked {
		return promptBlocked(v)
	}
	out, pieces := f.complete(c, prompts, limit)
	out.Usage.PromptTokens = prompt
	out.Usage.TotalTokens += prompt
	f.setModelHeaders(w.Header(), c, out.Usage.TotalTokens)
	if req.Stream != nil && *req.Stream {
		usage := req.StreamOptions != nil && req.StreamOptions.IncludeUsage
		f.streamText(w, c, out, pieces, usage)
		return nil
	}
	writeAnswer(w, out)
	return nil
}

// named is the deployment that a call means: the path's, or on v1 the body's.
func (c *call) named(body string) string {
	if c.v1 {
		return body
	}
	return c.route.deployment
}

// readPrompts takes a string or up to twenty.
func readPrompts(raw json.RawMessage) ([]string, *refusal) {
	if !present(raw) {
		return []string{"<|endoftext|>"}, nil // what OpenAI's reference has as the default
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, nil
	}
	var all []string
	if json.Unmarshal(raw, &all) != nil {
		return nil, invalid("prompt", "invalid_type", "Invalid type for 'prompt': expected one of a string or array of strings, but got %s instead.", kindOf(raw))
	}
	if len(all) == 0 || len(all) > 20 {
		return nil, invalid("prompt", "", "Invalid 'prompt': expected an array of 1 to 20 strings, but got %d instead.", len(all))
	}
	return all, nil
}

func (f *front) complete(c *call, prompts []string, limit int) (textCompletion, [][]string) {
	out := textCompletion{
		Created: f.now().Unix(), ID: "cmpl-" + randomName(29), Object: "text_completion",
		Model: servedName(c.deployment.model, c.deployment.Version), Usage: &textUsage{},
	}
	var pieces [][]string
	for i, p := range prompts {
		tokens, finish := splitTokens(f.corpus().answer([]turn{{"user", p}}, false)), "stop"
		if len(tokens) > limit {
			tokens, finish = tokens[:limit], "length"
		}
		filter := promptPasses()[0]
		filter.Index = i
		out.PromptFilter = append(out.PromptFilter, filter)
		out.Choices = append(out.Choices, textChoice{Filter: answerPasses(), FinishReason: &finish, Index: i, Text: strings.Join(tokens, "")})
		out.Usage.CompletionTokens += len(tokens)
		pieces = append(pieces, tokens)
	}
	out.Usage.TotalTokens = out.Usage.CompletionTokens
	return out, pieces
}

// streamText sends a chunk a token, the prompt's verdict first and the usage
// last where it was asked for.
func (f *front) streamText(w http.ResponseWriter, c *call, out textCompletion, pieces [][]string, usage bool) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	s := &streaming{w: w, control: http.NewResponseController(w), ctx: c.Context(), delay: f.delay}
	_ = s.control.SetReadDeadline(time.Time{}) // the server's would cancel a stream longer than it
	send := func(choices []textChoice, filter []promptFilter, used *textUsage) error {
		chunk := out
		chunk.Choices, chunk.PromptFilter, chunk.Usage = choices, filter, used
		return s.write("data: " + marshal(chunk) + "\n\n")
	}
	if send([]textChoice{}, out.PromptFilter, nil) != nil {
		return // a client that left needs no answer
	}
	for i, tokens := range pieces {
		for n, token := range tokens {
			choice := textChoice{Filter: answerPasses(), Index: i, Text: token}
			if n == len(tokens)-1 {
				choice.FinishReason = out.Choices[i].FinishReason
			}
			if s.pause(n) != nil || send([]textChoice{choice}, nil, nil) != nil {
				return
			}
		}
	}
	if usage && send([]textChoice{}, nil, out.Usage) != nil {
		return
	}
	_ = s.write("data: [DONE]\n\n")
}
