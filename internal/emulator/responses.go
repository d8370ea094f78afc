package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// maxItems bounds the input of a Responses call.
const maxItems = 2048

// responsesRequest is what the emulator honours of a Responses call. Tools and
// the rest are accepted and change nothing.
type responsesRequest struct {
	Model           string            `json:"model"`
	Input           json.RawMessage   `json:"input"`
	Instructions    *string           `json:"instructions"`
	Stream          *bool             `json:"stream"`
	StreamOptions   *streamOptions    `json:"stream_options"`
	Store           *bool             `json:"store"`
	Background      *bool             `json:"background"`
	Previous        *string           `json:"previous_response_id"`
	MaxOutputTokens *int              `json:"max_output_tokens"`
	Temperature     *float64          `json:"temperature"`
	TopP            *float64          `json:"top_p"`
	Metadata        map[string]string `json:"metadata"`
	User            *string           `json:"user"`
	Tools           []json.RawMessage `json:"tools"`
	ToolChoice      json.RawMessage   `json:"tool_choice"`
	Text            *struct {
		Format responseFormat `json:"format"`
	} `json:"text"`
}

// The wire types of a response, in the order of the recordings.
type (
	response struct {
		ID               string            `json:"id"`
		Object           string            `json:"object"`
		CreatedAt        int64             `json:"created_at"`
		Status           string            `json:"status"`
		Background       bool              `json:"background"`
		CompletedAt      *int64            `json:"completed_at"`
		Filters          []responseFilter  `json:"content_filters"`
		Error            *struct{}         `json:"error"`
		Incomplete       *incomplete       `json:"incomplete_details"`
		Instructions     *string           `json:"instructions"`
		MaxOutputTokens  *int              `json:"max_output_tokens"`
		MaxToolCalls     *int              `json:"max_tool_calls"`
		Model            string            `json:"model"`
		Output           []outputItem      `json:"output"`
		ParallelTools    bool              `json:"parallel_tool_calls"`
		Previous         *string           `json:"previous_response_id"`
		CacheKey         *string           `json:"prompt_cache_key"`
		CacheRetention   *string           `json:"prompt_cache_retention"`
		Reasoning        responseReasoning `json:"reasoning"`
		SafetyIdentifier *string           `json:"safety_identifier"`
		ServiceTier      string            `json:"service_tier"`
		Store            bool              `json:"store"`
		Temperature      float64           `json:"temperature"`
		Text             responseText      `json:"text"`
		ToolChoice       json.RawMessage   `json:"tool_choice"`
		Tools            []json.RawMessage `json:"tools"`
		TopLogprobs      int               `json:"top_logprobs"`
		TopP             float64           `json:"top_p"`
		Truncation       string            `json:"truncation"`
		Usage            *responseUsage    `json:"usage"`
		User             *string           `json:"user"`
		Metadata         map[string]string `json:"metadata"`
	}
	incomplete struct {
		Reason string `json:"reason"`
	}
	responseReasoning struct {
		Effort  *string `json:"effort"`
		Summary *string `json:"summary"`
	}
	responseText struct {
		Format    responseFormat `json:"format"`
		Verbosity string         `json:"verbosity"`
	}
	outputItem struct {
		ID      string       `json:"id"`
		Type    string       `json:"type"`
		Status  string       `json:"status"`
		Content []outputPart `json:"content"`
		Role    string       `json:"role"`
	}
	outputPart struct {
		Type        string     `json:"type"`
		Annotations []struct{} `json:"annotations"`
		Logprobs    []struct{} `json:"logprobs"`
		Text        string     `json:"text"`
	}
	responseUsage struct {
		InputTokens  int `json:"input_tokens"`
		InputDetails struct {
			Cached int `json:"cached_tokens"`
		} `json:"input_tokens_details"`
		OutputTokens  int `json:"output_tokens"`
		OutputDetails struct {
			Reasoning int `json:"reasoning_tokens"`
		} `json:"output_tokens_details"`
		TotalTokens int `json:"total_tokens"`
	}
	responseFilter struct {
		Blocked bool          `json:"blocked"`
		Source  string        `json:"source_type"`
		Raw     []struct{}    `json:"content_filter_raw"`
		Results any           `json:"content_filter_results"`
		Offsets filterOffsets `json:"content_filter_offsets"`
	}
	filterOffsets struct {
		Start int `json:"start_offset"`
		End   int `json:"end_offset"`
		Check int `json:"check_offset"`
	}
)

// asked is a Responses call, understood.
type asked struct {
	responsesRequest
	turns []turn
	json  bool
}

func (f *front) parseResponse(c *call, body []byte) (*asked, *refusal) {
	q := &asked{}
	if refused := decode(body, &q.responsesRequest); refused != nil {
		return nil, refused
	}
	if q.Model == "" {
		return nil, invalid("model", "missing_required_parameter", "Missing required parameter: 'model'.")
	}
	if q.Previous != nil {
		before := f.stored.get(c.account, *q.Previous)
		if before == nil {
			return nil, invalid("previous_response_id", "previous_response_not_found", "Previous response with id '%s' not found.", shorten(*q.Previous))
		}
		q.turns = append(q.turns, before.turns...)
	}
	if q.Instructions != nil {
		q.turns = append([]turn{{"system", *q.Instructions}}, q.turns...)
	}
	if refused := q.readInput(); refused != nil {
		return nil, refused
	}
	return q, q.readOptions()
}

func (q *asked) readInput() *refusal {
	var text string
	if !present(q.Input) {
		return invalid("input", "missing_required_parameter", "Missing required parameter: 'input'.")
	}
	if json.Unmarshal(q.Input, &text) == nil {
		q.turns = append(q.turns, turn{"user", text})
		return nil
	}
	var items []struct {
		Type    string          `json:"type"`
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	}
	if json.Unmarshal(q.Input, &items) != nil {
		return invalid("input", "invalid_type", "Invalid type for 'input': expected one of a string or array of input items, but got %s instead.", kindOf(q.Input))
	}
	if len(items) == 0 || len(items) > maxItems {
		return invalid("input", "", "Invalid 'input': expected an array of 1 to %d items.", maxItems)
	}
	for i, item := range items {
		if item.Type != "" && item.Type != "message" {
			continue // calls of tools and what they gave: the emulator makes none
		}
		switch item.Role {
		case "user", "assistant", "system", "developer":
		default:
			return invalid(fmt.Sprintf("input[%d].role", i), "invalid_value", "Invalid value: '%s'. Supported values are: 'assistant', 'system', 'developer', and 'user'.", shorten(item.Role))
		}
		content, ok := partsText(item.Content)
		if !ok {
			return invalid(fmt.Sprintf("input[%d].content", i), "invalid_type", "Invalid type for 'input[%d].content': expected one of a string or array of content parts, but got %s instead.", i, kindOf(item.Content))
		}
		q.turns = append(q.turns, turn{item.Role, content})
	}
	return nil
}

// partsText joins a string or the texts of its parts; images and files are
// passed over.
func partsText(raw json.RawMessage) (string, bool) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, true
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return "", false
	}
	var texts []string
	for _, p := range parts {
		texts = append(texts, p.Text)
	}
	return strings.Join(texts, "\n"), true
}

func (q *asked) readOptions() *refusal {
	if q.Background != nil && *q.Background {
		return invalid("background", "unsupported_value", "Background responses are not supported by the emulator.")
	}
	if n := q.MaxOutputTokens; n != nil && *n < 16 {
		return invalid("max_output_tokens", "integer_below_min_value", "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got %d instead.", *n)
	}
	if choice := string(q.ToolChoice); present(q.ToolChoice) && choice != `"auto"` && choice != `"none"` {
		return invalid("tool_choice", "unsupported_value", "Unsupported value: 'tool_choice' can only be 'auto' or 'none' with this model.")
	}
	if q.Text == nil {
		return nil
	}
	switch q.Text.Format.Type {
	case "", "text":
	case "json_object":
		q.json = true
	default:
		return invalid("text.format", "", "Invalid parameter: 'text.format' of type '%s' is not supported with this model.", shorten(q.Text.Format.Type))
	}
	return nil
}

func (f *front) createResponse(w http.ResponseWriter, c *call) *refusal {
	body, refused := readBody(w, c)
	if refused != nil {
		return refused
	}
	q, refused := f.parseResponse(c, body)
	if refused != nil {
		return refused
	}
	if refused := deployed(c, q.Model); refused != nil {
		return refused
	}
	limit := 0
	if q.MaxOutputTokens != nil {
		limit = *q.MaxOutputTokens
	}
	if refused := c.deployment.quota.admit(f.now(), c, promptTokens(q.turns), limit); refused != nil {
		return refused
	}
	if v, blocked := judge(textsOf(q.turns)...); blocked {
		return responseBlocked(v, lastText(q.turns))
	}
	r, tokens := f.respond(c, q, limit)
	f.setModelHeaders(w.Header(), c, r.Usage.TotalTokens)
	if r.Store {
		f.stored.put(c.account, &storedResponse{r, append(q.turns, turn{"assistant", strings.Join(tokens, "")})})
	}
	if q.Stream != nil && *q.Stream {
		f.streamResponse(w, c, q, r, tokens)
		return nil
	}
	writeAnswer(w, r)
	return nil
}

// respond makes the whole response, and its tokens for a stream.
func (f *front) respond(c *call, q *asked, limit int) (response, []string) {
	tokens := splitTokens(f.corpus().answer(q.turns, q.json))
	now := f.now().Unix()
	r := response{
		ID: "resp_" + randomHex(25), Object: "response", CreatedAt: now, Status: "completed", CompletedAt: &now,
		Instructions: q.Instructions, MaxOutputTokens: q.MaxOutputTokens, Model: c.deployment.model.name, ParallelTools: true, Previous: q.Previous,
		ServiceTier: "default", Store: q.Store == nil || *q.Store, Temperature: 1, TopP: 1,
		Text: responseText{responseFormat{"text"}, "medium"}, ToolChoice: json.RawMessage(`"auto"`), Tools: []json.RawMessage{},
		Truncation: "disabled", User: q.User, Metadata: map[string]string{},
	}
	if limit > 0 && len(tokens) > limit {
		tokens, r.Status, r.CompletedAt, r.Incomplete = tokens[:limit], "incomplete", nil, &incomplete{"max_output_tokens"}
	}
	verdict, blocked := answerPasses(), cutsAnswer(q.turns)
	if blocked {
		tokens, verdict = tokens[:min(answerKept, len(tokens))], answerBlocked()
		r.Status, r.CompletedAt, r.Incomplete = "incomplete", nil, &incomplete{"content_filter"}
	}
	q.echo(&r)
	text := strings.Join(tokens, "")
	r.Output = []outputItem{{
		ID: "msg_" + randomHex(25), Type: "message", Status: r.Status, Role: "assistant",
		Content: []outputPart{newPart(text)},
	}}
	r.Filters = []responseFilter{
		{Source: "prompt", Results: promptPasses()[0].Verdict, Offsets: filterOffsets{End: len(lastText(q.turns))}},
		{Blocked: blocked, Source: "completion", Results: verdict, Offsets: filterOffsets{End: len(text)}},
	}
	r.Usage = &responseUsage{InputTokens: promptTokens(q.turns), OutputTokens: len(tokens)}
	r.Usage.TotalTokens = r.Usage.InputTokens + r.Usage.OutputTokens
	return r, tokens
}

// echo repeats what the call said.
func (q *asked) echo(r *response) {
	if q.Temperature != nil {
		r.Temperature = *q.Temperature
	}
	if q.TopP != nil {
		r.TopP = *q.TopP
	}
	if q.Metadata != nil {
		r.Metadata = q.Metadata
	}
	if present(q.ToolChoice) {
		r.ToolChoice = q.ToolChoice
	}
	if q.Tools != nil {
		r.Tools = q.Tools
	}
	if q.json {
		r.Text.Format.Type = "json_object"
	}
}

func newPart(text string) outputPart {
	return outputPart{"output_text", []struct{}{}, []struct{}{}, text}
}
