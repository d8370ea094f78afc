package emulator

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// wholeAnswer reads the parts of a completion that tests look at.
type wholeAnswer struct {
	ID      string
	Model   string
	Choices []struct {
		Index        int
		FinishReason string `json:"finish_reason"`
		Message      struct{ Role, Content string }
	}
	Usage struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Total      int `json:"total_tokens"`
	}
}

func askWhole(t *testing.T, e *Emulator, body string) wholeAnswer {
	t.Helper()
	w := post(t, e, chatPath, body)
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return decodeJSON[wholeAnswer](t, w.Body.Bytes())
}

// withMembers adds members to the usual question.
func withMembers(members string) string {
	return strings.TrimSuffix(askRazor, "}") + "," + members + "}"
}

func TestAnswerSaysWhatItIsAndWhence(t *testing.T) {
	e := newTest(t, Config{})
	a := askWhole(t, e, askRazor)
	text := a.Choices[0].Message.Content
	for _, want := range []string{"not a language model", "William of Ockham", "glossary.md"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if a.Model != "gpt-4o-mini-2024-07-18" || a.Choices[0].FinishReason != "stop" || a.Choices[0].Message.Role != "assistant" {
		t.Errorf("%+v", a)
	}
	if a.Usage.Completion != countTokens(text) || a.Usage.Prompt == 0 || a.Usage.Total != a.Usage.Prompt+a.Usage.Completion {
		t.Errorf("usage %+v", a.Usage)
	}
}

func TestNothingFits(t *testing.T) {
	e := newTest(t, Config{})
	for _, q := range []string{
		"What's the weather like in NYC right now?", "Tell me a joke about opentelemetry", "How do I bake a chocolate cake?",
		"What is the capital of France?", "hello", "?", "",
	} {
		question, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		text := askWhole(t, e, `{"messages":[{"role":"user","content":`+string(question)+`}]}`).Choices[0].Message.Content
		if !strings.Contains(text, "Nothing in these documents fits") || !strings.Contains(text, "It can tell of: ") {
			t.Errorf("%q: %s", q, text)
		}
	}
}

func TestEarlierTurnsGiveTheTopic(t *testing.T) {
	e := newTest(t, Config{})
	text := askWhole(t, e, `{"messages":[
		{"role":"system","content":"Answer about embeddings."},
		{"role":"user","content":"What is a Merkle tree?"},
		{"role":"assistant","content":"A tree of hashes."},
		{"role":"user","content":[{"type":"text","text":"And why"},{"type":"text","text":"is it so?"}]}]}`).Choices[0].Message.Content
	if !strings.Contains(text, "“Merkle tree”") {
		t.Errorf("got %s", text)
	}
}

func TestParametersAreHonoured(t *testing.T) {
	e := newTest(t, Config{})
	whole := askWhole(t, e, askRazor).Choices[0].Message.Content
	for _, name := range []string{"max_tokens", "max_completion_tokens"} {
		a := askWhole(t, e, withMembers(`"`+name+`":7`))
		if got := a.Choices[0].Message.Content; a.Usage.Completion != 7 || a.Choices[0].FinishReason != "length" || !strings.HasPrefix(whole, got) {
			t.Errorf("%s: %q, %+v", name, got, a.Usage)
		}
	}
	if a := askWhole(t, e, withMembers(`"max_tokens":100000`)); a.Choices[0].FinishReason != "stop" {
		t.Errorf("a wide limit: %s", a.Choices[0].FinishReason)
	}
	if got := askWhole(t, e, withMembers(`"stop":["nowhere","Ockham"]`)).Choices[0].Message.Content; strings.Contains(got, "Ockham") || !strings.HasPrefix(whole, got) {
		t.Errorf("stop: %q", got)
	}
	if got := askWhole(t, e, withMembers(`"n":3`)); len(got.Choices) != 3 || got.Choices[2].Index != 2 {
		t.Errorf("n: %+v", got.Choices)
	}
	harmless := `"temperature":0.2,"top_p":1,"seed":7,"user":"u","tools":[],"tool_choice":"auto","response_format":{"type":"text"},"stream":false,"frequency_penalty":0,"unheard_of":{}`
	if got := askWhole(t, e, withMembers(harmless)).Choices[0].Message.Content; got != whole {
		t.Errorf("parameters that change nothing changed %q", got)
	}
}

func TestJSONObject(t *testing.T) {
	e := newTest(t, Config{})
	a := askWhole(t, e, `{"messages":[{"role":"system","content":"Answer in JSON."},{"role":"user","content":"What is an inlet?"}],"response_format":{"type":"json_object"}}`)
	got := decodeJSON[found](t, []byte(a.Choices[0].Message.Content))
	if got.Notice != notice || !strings.Contains(got.Source, "Inlet") || got.Answer == "" {
		t.Errorf("%+v", got)
	}
}

func TestChatRefusals(t *testing.T) {
	e := newTest(t, Config{})
	deep := strings.Repeat("[", 20000)
	for _, test := range []struct{ body, param, code, message string }{
		{``, "", "", "could not parse the JSON body"},
		{`{`, "", "", "could not parse the JSON body"},
		{`[]`, "", "", "could not parse the JSON body"},
		{`null`, "", "", "could not parse the JSON body"},
		{askRazor + `{}`, "", "", "could not parse the JSON body"},
		{`{"messages":` + deep + `}`, "", "", "could not parse the JSON body"},
		{`{}`, "messages", "missing_required_parameter", "Missing required parameter: 'messages'."},
		{`{"messages":null}`, "messages", "missing_required_parameter", "Missing required parameter: 'messages'."},
		{`{"messages":[]}`, "messages", "empty_array", "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead."},
		{`{"messages":"x"}`, "messages", "invalid_type", "Invalid type for 'messages': expected an array of objects, but got a string instead."},
		{`{"messages":[1]}`, "messages[0]", "invalid_type", "Invalid type for 'messages[0]': expected an object, but got a number instead."},
		{`{"messages":[null]}`, "messages[0]", "invalid_type", "Invalid type for 'messages[0]': expected an object, but got null instead."},
		{`{"messages":[{"content":"x"}]}`, "messages[0].role", "missing_required_parameter", "Missing required parameter: 'messages[0].role'."},
		{`{"messages":[{"role":"boss","content":"x"}]}`, "messages[0].role", "invalid_value", "Invalid value: 'boss'."},
		{`{"messages":[{"role":"user"}]}`, "messages[0].content", "", "Invalid value for 'content': expected a string, got null."},
		{`{"messages":[{"role":"user","content":5}]}`, "messages[0].content", "invalid_type", "expected one of a string or array of objects, but got a number instead."},
		{`{"messages":[{"role":"user","content":[{"type":"text"}]}]}`, "messages[0].content[0].text", "missing_required_parameter", "Missing required parameter"},
		{`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]}`, "messages[0].content", "", "Invalid content type. image_url is only supported by certain models."},
		{withMembers(`"n":0`), "n", "integer_below_min_value", "Expected a value >= 1, but got 0 instead."},
		{withMembers(`"n":129`), "n", "integer_above_max_value", "Expected a value <= 128, but got 129 instead."},
		{withMembers(`"n":"1"`), "n", "invalid_type", "Invalid type for 'n'"},
		{withMembers(`"max_tokens":0`), "max_tokens", "integer_below_min_value", "Expected a value >= 1, but got 0 instead."},
		{withMembers(`"max_tokens":1,"max_completion_tokens":1`), "max_tokens", "invalid_parameter_combination", "at the same time"},
		{withMembers(`"temperature":2.5`), "temperature", "decimal_above_max_value", "Expected a value <= 2, but got 2.5 instead."},
		{withMembers(`"top_p":-1`), "top_p", "decimal_below_min_value", "Expected a value >= 0, but got -1 instead."},
		{withMembers(`"stop":["a","b","c","d","e"]`), "stop", "array_above_max_length", "maximum length 4"},
		{withMembers(`"stop":""`), "stop", "empty_string", "empty string"},
		{withMembers(`"stop":3`), "stop", "invalid_type", "got a number instead."},
		{withMembers(`"stream_options":{"include_usage":true}`), "stream_options", "", "only allowed when 'stream' is enabled."},
		{withMembers(`"tool_choice":"required"`), "tool_choice", "unsupported_value", "can only be 'auto' or 'none'"},
		{withMembers(`"response_format":{"type":"json_object"}`), "messages", "", "must contain the word 'json'"},
		{withMembers(`"response_format":{"type":"json_schema"}`), "response_format", "", "'json_schema' is not supported"},
	} {
		w := post(t, e, chatPath, test.body)
		got := decodeJSON[struct {
			Error struct {
				Message, Type string
				Param, Code   *string
			}
		}](t, w.Body.Bytes()).Error
		if w.Code != 400 || got.Type != "invalid_request_error" || !strings.Contains(got.Message, test.message) ||
			text(got.Param) != test.param || text(got.Code) != test.code {
			t.Errorf("%.100s\n got %d %s", test.body, w.Code, w.Body)
		}
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// spaces is white space without end.
type spaces struct{}

func (spaces) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

func TestBodyOverTheBound(t *testing.T) {
	e := newTest(t, Config{})
	for _, announced := range []int64{maxBody + 1, -1} {
		r := httptest.NewRequest(http.MethodPost, "https://localhost"+chatPath, io.LimitReader(spaces{}, maxBody+1))
		r.ContentLength = announced
		r.Header.Set("Api-Key", keyOf(t, e, "ostiary-demo"))
		w := httptest.NewRecorder()
		e.Private().ServeHTTP(w, r)
		if w.Code != http.StatusRequestEntityTooLarge || !strings.Contains(w.Body.String(), `"RequestEntityTooLarge"`) {
			t.Errorf("announced %d: %d %.200s", announced, w.Code, w.Body)
		}
	}
}

func TestLongPromptPasses(t *testing.T) {
	e := newTest(t, Config{})
	a := askWhole(t, e, `{"messages":[{"role":"user","content":"What is a checkpoint? `+strings.Repeat("lorem ipsum ", 40_000)+`"}]}`)
	if a.Usage.Prompt < 80_000 {
		t.Errorf("usage %+v", a.Usage)
	}
}

func TestV1NamesTheDeploymentInTheBody(t *testing.T) {
	e := newTest(t, Config{})
	const path = "/openai/v1/chat/completions"
	for _, test := range []struct {
		body, path string
		status     int
	}{
		{withMembers(`"model":"gpt-4o-mini"`), path, 200},
		{withMembers(`"model":"gpt-4o-mini"`), path + "?api-version=preview", 200},
		{withMembers(`"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true}`), path, 200},
		{withMembers(`"model":"nothing"`), path, 404},
		{askRazor, path, 400},
		{askRazor, "//openai//deployments/gpt-4o-mini/chat/completions?api-version=2023-07-01-preview", 200},
	} {
		if w := post(t, e, test.path, test.body); w.Code != test.status {
			t.Errorf("%s %s: %d %s", test.path, test.body, w.Code, w.Body)
		}
	}
}

func TestV1TakesTheKeyAsBearer(t *testing.T) {
	e := newTest(t, Config{})
	r := httptest.NewRequest(http.MethodPost, "https://localhost/openai/v1/chat/completions", strings.NewReader(withMembers(`"model":"gpt-4o-mini"`)))
	r.Header.Set("Authorization", "Bearer "+keyOf(t, e, "ostiary-demo"))
	w := httptest.NewRecorder()
	e.Private().ServeHTTP(w, r)
	if w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// streamed is one event, with raw members where their presence matters.
type streamed struct {
	ID, Model, Object string
	Created           int64
	Obfuscation       *string
	Usage             json.RawMessage
	Choices           []struct {
		Index        int
		Delta        map[string]any
		FinishReason *string `json:"finish_reason"`
	}
	PromptFilter []any `json:"prompt_filter_results"`
}

// events splits a stream and insists on its frame.
func events(t *testing.T, body string) []streamed {
	t.Helper()
	rest, ok := strings.CutSuffix(body, "\n\ndata: [DONE]\n\n")
	if !ok {
		t.Fatalf("the stream does not end as it should: %.200s", body[max(0, len(body)-200):])
	}
	var all []streamed
	for _, line := range strings.Split(rest, "\n\n") {
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			t.Fatalf("not an event: %q", line)
		}
		all = append(all, decodeJSON[streamed](t, []byte(data)))
	}
	return all
}

func TestStreamSaysTheSame(t *testing.T) {
	e := newTest(t, Config{})
	whole := askWhole(t, e, askRazor)
	w := post(t, e, chatPath, withMembers(`"stream":true,"n":2,"stream_options":{"include_usage":true}`))
	if kind := w.Header().Get("Content-Type"); kind != "text/event-stream; charset=utf-8" || !w.Flushed {
		t.Errorf("content type %q, flushed %v", kind, w.Flushed)
	}
	all := events(t, w.Body.String())
	first, last, rest := all[0], all[len(all)-1], all[1:len(all)-1]
	if first.ID+first.Model+first.Object != "" || first.Created != 0 || len(first.Choices) != 0 || len(first.PromptFilter) != 1 || first.Usage != nil {
		t.Errorf("first event %+v", first)
	}
	text := make([]string, 2)
	finished := 0
	for _, ev := range rest {
		if ev.ID != last.ID || ev.ID == "" || ev.Object != "chat.completion.chunk" || len(ev.Choices) != 1 || string(ev.Usage) != "null" {
			t.Fatalf("event %+v", ev)
		}
		choice := ev.Choices[0]
		if content, ok := choice.Delta["content"].(string); ok {
			text[choice.Index] += content
		}
		if choice.FinishReason != nil && *choice.FinishReason == "stop" {
			finished++
		}
	}
	if want := whole.Choices[0].Message.Content; text[0] != want || text[1] != want || finished != 2 {
		t.Errorf("streamed %q, finished %d", text, finished)
	}
	got := decodeJSON[struct {
		Completion int `json:"completion_tokens"`
	}](t, last.Usage)
	if len(last.Choices) != 0 || got.Completion != 2*whole.Usage.Completion {
		t.Errorf("last event %+v, usage %s", last, last.Usage)
	}
}

func TestStreamWithoutUsageAndPadding(t *testing.T) {
	e := newTest(t, Config{})
	plain := events(t, post(t, e, chatPath, withMembers(`"stream":true`)).Body.String())
	if last := plain[len(plain)-1]; last.Usage != nil || last.Choices[0].FinishReason == nil || last.Obfuscation == nil {
		t.Errorf("last event %+v", last)
	}
	bare := events(t, post(t, e, chatPath, withMembers(`"stream":true,"stream_options":{"include_obfuscation":false}`)).Body.String())
	if bare[1].Obfuscation != nil {
		t.Errorf("padding that was not wanted: %+v", bare[1])
	}
}

func TestOlderVersionsRejectStreamOptions(t *testing.T) {
	e := newTest(t, Config{})
	body := withMembers(`"stream":true,"stream_options":{"include_usage":true}`)
	for version, status := range map[string]int{
		"2023-05-15": 400, "2024-02-01": 400, "2024-06-01": 400, "2024-08-01-preview": 400,
		"2024-09-01-preview": 200, "2024-10-21": 200, "2025-04-01-preview": 200,
	} {
		w := post(t, e, strings.Replace(chatPath, "2024-10-21", version, 1), body)
		if w.Code != status {
			t.Errorf("%s: %d", version, w.Code)
		}
		if status == 400 && !strings.Contains(w.Body.String(), `"code": "unknown_parameter"`) {
			t.Errorf("%s: %s", version, w.Body)
		}
	}
}

// A client that leaves ends its stream at once, whatever is left to say.
func TestLeavingStopsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newTest(t, Config{Settings: Settings{TokenDelay: time.Second}})
		ctx, leave := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer leave()
		r := httptest.NewRequestWithContext(ctx, "POST", "https://localhost"+chatPath, strings.NewReader(withMembers(`"stream":true`)))
		r.Header.Set("Api-Key", keyOf(t, e, "ostiary-demo"))
		w := httptest.NewRecorder()
		start := time.Now()
		e.Private().ServeHTTP(w, r)
		if took := time.Since(start); took != 2500*time.Millisecond {
			t.Errorf("ended after %v", took)
		}
		if n := strings.Count(w.Body.String(), `"delta":{"content":`); n != 1+3 {
			t.Errorf("%d deltas in 2.5 s, want the role and one at 0, 1 and 2 s", n)
		}
		if strings.Contains(w.Body.String(), "[DONE]") {
			t.Error("the stream pretends to be whole")
		}
	})
}

func TestRateLimitHeadersCountDown(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 30, 0, time.UTC)
	e := newTest(t, Config{Now: func() time.Time { return now }})
	remaining := func() string { return post(t, e, chatPath, askRazor).Header().Get("X-Ratelimit-Remaining-Requests") }
	first, second := remaining(), remaining()
	now = now.Add(time.Minute)
	if third := remaining(); first != "2499" || second != "2498" || third != "2499" {
		t.Errorf("remaining %s, %s, after a minute %s", first, second, third)
	}
}
