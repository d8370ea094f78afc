package emulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"golang.org/x/net/websocket"
)

// full is an emulator with a deployment of every kind, under the model's name.
func full(t testing.TB) *Emulator {
	t.Helper()
	a := Account{Name: "ostiary-demo"}
	for _, m := range catalogue() {
		a.Deployments = append(a.Deployments, Deployment{Name: m.name})
	}
	return newTest(t, Config{Settings: Settings{Accounts: []Account{a}}})
}

func call1(t testing.TB, e *Emulator, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "https://ostiary-demo.openai.azure.com"+path, strings.NewReader(body))
	r.Header.Set("Api-Key", keyOf(t, e, "ostiary-demo"))
	w := httptest.NewRecorder()
	e.Private().ServeHTTP(w, r)
	return w
}

const (
	responsesPath = "/openai/responses?api-version=2025-04-01-preview"
	askResponse   = `{"model":"gpt-4o-mini","input":"What is Ockham's Razor?"`
)

func fixture(t *testing.T, name string) []byte {
	t.Helper()
	return shared(t, "recorded", "vercel+ai/packages/azure/src/__fixtures__", name)
}

func TestResponseLooksRecorded(t *testing.T) {
	e := full(t)
	for _, path := range []string{responsesPath, "/openai/v1/responses"} {
		w := post(t, e, path, askResponse+`}`)
		answered(t, w, 200, "Ockham")
		sameShape(t, path, w.Body.Bytes(), fixture(t, "azure-text.1.json"))
	}
}

// eventsOf splits a Responses stream.
func eventsOf(t *testing.T, stream string) (kinds []string, events []json.RawMessage) {
	t.Helper()
	for _, block := range strings.Split(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
		kind, data, ok := strings.Cut(block, "\ndata: ")
		kind, named := strings.CutPrefix(kind, "event: ")
		if !ok || !named {
			t.Fatalf("not an event: %.200q", block)
		}
		e := decodeJSON[struct {
			Type   string
			Number *int `json:"sequence_number"`
		}](t, []byte(data))
		if e.Type != kind || e.Number == nil || *e.Number != len(events) {
			t.Fatalf("event %d is %s: %.200s", len(events), kind, data)
		}
		kinds, events = append(kinds, kind), append(events, json.RawMessage(data))
	}
	return kinds, events
}

func TestResponseStreamLooksRecorded(t *testing.T) {
	e := full(t)
	kinds, ours := eventsOf(t, post(t, e, responsesPath, askResponse+`,"stream":true}`).Body.String())
	azure := strings.Split(strings.TrimSpace(string(fixture(t, "azure-text.1.chunks.txt"))), "\n")
	at := 0
	for i, line := range azure {
		kind := decodeJSON[struct{ Type string }](t, []byte(line)).Type
		if found := slices.Index(kinds[at:], kind); found < 0 {
			t.Errorf("no %s after event %d", kind, at)
			continue
		} else if kind != "response.output_text.done" && kind != "response.output_text.delta" && found > 0 {
			t.Errorf("%s comes %d events late", kind, found)
		} else {
			at += found
		}
		sameShape(t, kind, ours[at], []byte(line))
		at++
		if i == len(azure)-1 && at != len(kinds) {
			t.Errorf("the stream goes on with %v", kinds[at:])
		}
	}
	text := ""
	for i, kind := range kinds {
		if kind == "response.output_text.delta" {
			text += decodeJSON[struct{ Delta string }](t, ours[i]).Delta
		}
	}
	last := decodeJSON[struct{ Response response }](t, ours[len(ours)-1]).Response
	if text == "" || text != last.Output[0].Content[0].Text || last.Usage.TotalTokens != last.Usage.InputTokens+last.Usage.OutputTokens {
		t.Errorf("%q, and at the end %+v", text, last)
	}
}

func TestResponsesAreStored(t *testing.T) {
	e := full(t)
	first := decodeJSON[response](t, post(t, e, "/openai/v1/responses", askResponse+`,"metadata":{"a":"b"},"instructions":"Be brief."}`).Body.Bytes())
	if first.Metadata["a"] != "b" || *first.Instructions != "Be brief." || first.Status != "completed" {
		t.Errorf("%+v", first)
	}
	path := "/openai/v1/responses/" + first.ID
	answered(t, call1(t, e, "GET", path, ""), 200, first.Output[0].ID)
	next := decodeJSON[response](t, post(t, e, "/openai/v1/responses", `{"model":"gpt-4o-mini","input":[{"role":"user","content":[{"type":"input_text","text":"And why?"}]}],"previous_response_id":"`+first.ID+`"}`).Body.Bytes())
	if *next.Previous != first.ID || next.Usage.InputTokens <= first.Usage.InputTokens || !strings.Contains(next.Output[0].Content[0].Text, "Ockham") {
		t.Errorf("%+v", next)
	}
	answered(t, call1(t, e, "DELETE", path, ""), 200, `"deleted":true`)
	answered(t, call1(t, e, "GET", path, ""), 404, "not found")
	answered(t, call1(t, e, "DELETE", path, ""), 404, "not found")
	gone := decodeJSON[response](t, post(t, e, "/openai/v1/responses", askResponse+`,"store":false}`).Body.Bytes())
	answered(t, call1(t, e, "GET", "/openai/v1/responses/"+gone.ID, ""), 404, "not found")
	cut := decodeJSON[response](t, post(t, e, "/openai/v1/responses", askResponse+`,"max_output_tokens":16}`).Body.Bytes())
	if cut.Status != "incomplete" || cut.Incomplete.Reason != "max_output_tokens" || cut.Usage.OutputTokens != 16 {
		t.Errorf("%+v", cut)
	}
	for body, part := range map[string]string{
		`{"input":"x"}`: "model", `{"model":"gpt-4o-mini"}`: "Missing required parameter: 'input'", `{"model":"gpt-4o-mini","input":7}`: "Invalid type for 'input'",
		`{"model":"gpt-4o-mini","input":[]}`: "input", `{"model":"gpt-4o-mini","input":[{"role":"nobody","content":"x"}]}`: "input[0].role",
		`{"model":"text-embedding-3-small","input":"x"}`: "OperationNotSupported", askResponse + `,"previous_response_id":"none"}`: "previous_response_not_found",
		askResponse + `,"tool_choice":"required"}`: "tool_choice", askResponse + `,"max_output_tokens":1}`: "max_output_tokens", askResponse + `,"background":true}`: "background",
		`{"model":"gpt-4o-mini","input":[{"type":"function_call_output"}],"x":`: "parse",
	} {
		answered(t, post(t, e, "/openai/v1/responses", body), 400, part)
	}
	answered(t, post(t, e, "/openai/v1/responses", `{"model":"gpt-4o-mini","input":[{"type":"function_call_output","output":"x"}]}`), 200, "Nothing in these documents")
}

func TestContentFilter(t *testing.T) {
	e := full(t)
	blocked := func(marker string) string {
		return `{"messages":[{"role":"user","content":"x ostiary-test-filter-` + marker + ` y"}],"stream":true}`
	}
	w := post(t, e, chatPath, blocked("violence"))
	answered(t, w, 400, `"code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":false,"severity":"safe"}`)
	answered(t, w, 400, `"violence":{"filtered":true,"severity":"high"}`)
	answered(t, post(t, e, chatPath, blocked("jailbreak")), 400, `"jailbreak":{"detected":true,"filtered":true}`)
	w = post(t, e, responsesPath, `{"model":"gpt-4o-mini","input":"ostiary-test-filter-self-harm"}`)
	answered(t, w, 400, `"source_type": "prompt"`)
	if strings.Contains(w.Body.String(), "innererror") || !strings.Contains(w.Body.String(), `"blocked": true`) {
		t.Error(w.Body)
	}
	answered(t, post(t, e, "/openai/deployments/dall-e-3/images/generations?api-version=2024-10-21", `{"prompt":"ostiary-test-filter-hate"}`), 400, "content_filter")

	whole := post(t, e, chatPath, `{"messages":[{"role":"user","content":"Ockham? ostiary-test-filter-answer"}]}`)
	answered(t, whole, 200, `"finish_reason":"content_filter"`)
	answered(t, whole, 200, `"violence":{"filtered":true,"severity":"medium"}`)
	stream := events(t, post(t, e, chatPath, `{"messages":[{"role":"user","content":"Ockham? ostiary-test-filter-answer"}],"stream":true}`).Body.String())
	if last := stream[len(stream)-1].Choices[0].FinishReason; last == nil || *last != "content_filter" {
		t.Error("the stream does not end in content_filter")
	}
	_, ended := eventsOf(t, post(t, e, responsesPath, `{"model":"gpt-4o-mini","input":"Ockham? ostiary-test-filter-answer","stream":true}`).Body.String())
	if last := string(ended[len(ended)-1]); !strings.Contains(last, `"type":"response.incomplete"`) || !strings.Contains(last, `"incomplete_details":{"reason":"content_filter"}`) {
		t.Error(last)
	}
}

func TestCompletions(t *testing.T) {
	e := full(t)
	const path = "/openai/deployments/gpt-35-turbo-instruct/completions?api-version=2024-10-21"
	whole := decodeJSON[textCompletion](t, post(t, e, path, `{"prompt":["What is Ockham's Razor?","x"],"max_tokens":50}`).Body.Bytes())
	if len(whole.Choices) != 2 || !strings.Contains(whole.Choices[0].Text, "Ostiary") || whole.Usage.TotalTokens != whole.Usage.PromptTokens+whole.Usage.CompletionTokens || whole.Object != "text_completion" {
		t.Errorf("%+v", whole)
	}
	text := ""
	for _, event := range data(t, post(t, e, path, `{"prompt":"What is Ockham's Razor?","max_tokens":50,"stream":true}`).Body.String()) {
		if event == "[DONE]" {
			break
		}
		for _, c := range decodeJSON[textCompletion](t, []byte(event)).Choices {
			text += c.Text
		}
	}
	if text != whole.Choices[0].Text {
		t.Errorf("%q streamed, %q whole", text, whole.Choices[0].Text)
	}
	answered(t, post(t, e, "/openai/v1/completions", `{"model":"gpt-35-turbo-instruct"}`), 200, "text_completion")
	answered(t, post(t, e, strings.Replace(path, "gpt-35-turbo-instruct", "gpt-4o-mini", 1), `{"prompt":"x"}`), 400, "The completion operation does not work with the specified model, gpt-4o-mini.")
	for _, body := range []string{`{"prompt":7}`, `{"prompt":[]}`, `{"max_tokens":0}`, `{"n":2}`, `{`} {
		answered(t, post(t, e, path, body), 400, "error")
	}
}

func TestImages(t *testing.T) {
	e := full(t)
	const path = "/openai/deployments/dall-e-3/images/generations?api-version=2024-10-21"
	body := post(t, e, path, `{"prompt":"a razor","response_format":"b64_json","size":"1792x1024"}`)
	again := post(t, e, path, `{"prompt":"a razor","response_format":"b64_json","size":"1792x1024"}`)
	list := decodeJSON[imageList](t, body.Body.Bytes())
	if list.Data[0].Base64 != decodeJSON[imageList](t, again.Body.Bytes()).Data[0].Base64 {
		t.Error("the same prompt draws two pictures")
	}
	raw, err := base64.StdEncoding.DecodeString(list.Data[0].Base64)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(raw))
	if err != nil || picture.Bounds().Dx() != 1792 || picture.Bounds().Dy() != 1024 {
		t.Errorf("%v, %v", picture.Bounds(), err)
	}
	if len(raw) > 32<<10 {
		t.Errorf("a picture of %d bytes", len(raw))
	}
	answered(t, post(t, e, path, `{"prompt":"x"}`), 200, `"url":"data:image/png;base64,`)
	answered(t, post(t, e, "/openai/v1/images/generations", `{"model":"gpt-image-1","prompt":"x","n":2}`), 200, `"input_tokens_details"`)
	for _, bad := range []string{`{}`, `{"prompt":"x","n":2}`, `{"prompt":"x","size":"1x1"}`} {
		answered(t, post(t, e, path, bad), 400, "error")
	}
}

func TestSpeech(t *testing.T) {
	e := full(t)
	w := post(t, e, "/openai/v1/audio/speech", `{"model":"tts","input":"hello","voice":"alloy"}`)
	if b := w.Body.Bytes(); w.Code != 200 || w.Header().Get("Content-Type") != "audio/wav" || string(b[:4]) != "RIFF" || string(b[8:16]) != "WAVEfmt " || len(b) != 44+2*4800 {
		t.Errorf("%d %s, %d bytes", w.Code, w.Header(), len(b))
	}
	answered(t, post(t, e, "/openai/v1/audio/speech", `{"model":"tts","input":"hello","voice":"alloy","response_format":"mp3"}`), 400, "speaks 'wav' and 'pcm' alone")
	answered(t, post(t, e, "/openai/v1/audio/speech", `{"model":"tts","voice":"alloy"}`), 400, "input")
	answered(t, post(t, e, "/openai/v1/audio/speech", `{"model":"tts","input":"x"}`), 400, "voice")
}

func TestTranscription(t *testing.T) {
	e := full(t)
	ask := func(path string, parts map[string]string) *httptest.ResponseRecorder {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for name, value := range parts {
			if name == "file" {
				part, _ := form.CreateFormFile(name, "a.wav")
				_, _ = part.Write([]byte(value))
			} else {
				_ = form.WriteField(name, value)
			}
		}
		_ = form.Close()
		r := httptest.NewRequest(http.MethodPost, "https://ostiary-demo.openai.azure.com"+path, &body)
		r.Header.Set("Content-Type", form.FormDataContentType())
		r.Header.Set("Api-Key", keyOf(t, e, "ostiary-demo"))
		w := httptest.NewRecorder()
		e.Private().ServeHTTP(w, r)
		return w
	}
	const classic, v1 = "/openai/deployments/whisper/audio/transcriptions?api-version=2024-10-21", "/openai/v1/audio/translations"
	answered(t, ask(classic, map[string]string{"file": "12345"}), 200, "It does not listen; the recording had 5 bytes.")
	answered(t, ask(v1, map[string]string{"file": "12345", "model": "whisper", "response_format": "verbose_json"}), 200, `"task":"translate"`)
	answered(t, ask(v1, map[string]string{"file": "12345", "model": "whisper", "response_format": "text"}), 200, "emulator")
	answered(t, ask(v1, map[string]string{"file": "12345", "model": "whisper", "response_format": "srt"}), 400, "srt")
	answered(t, ask(v1, map[string]string{"file": "12345"}), 404, "DeploymentNotFound")
	answered(t, ask(classic, map[string]string{"x": "y"}), 400, "file")
	answered(t, ask(classic, map[string]string{"file": strings.Repeat("x", maxRecording+1)}), 413, "RequestEntityTooLarge")
	answered(t, post(t, e, classic, "{}"), 400, "multipart")
}

// A realtime client of either age says a word and gets an answer with its use.
func TestRealtime(t *testing.T) {
	e := full(t)
	server := httptest.NewServer(e.Private())
	defer server.Close()
	for path, delta := range map[string]string{
		"/openai/v1/realtime?model=gpt-realtime":                                             "response.output_text.delta",
		"/openai/realtime?api-version=2024-10-01-preview&deployment=gpt-4o-realtime-preview": "response.text.delta",
	} {
		config, err := websocket.NewConfig(strings.Replace(server.URL, "http", "ws", 1)+path+"&api-key="+keyOf(t, e, "ostiary-demo"), "https://localhost")
		if err != nil {
			t.Fatal(err)
		}
		config.Protocol = []string{"realtime", "openai-beta.realtime-v1"}
		conn, err := websocket.DialConfig(config)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		defer conn.Close()
		next := func() (string, string) {
			t.Helper()
			var text string
			if err := websocket.Message.Receive(conn, &text); err != nil {
				t.Fatal(err)
			}
			return decodeJSON[struct{ Type string }](t, []byte(text)).Type, text
		}
		say := func(text string) {
			t.Helper()
			if err := websocket.Message.Send(conn, text); err != nil {
				t.Fatal(err)
			}
		}
		if kind, text := next(); kind != "session.created" || !strings.Contains(text, `"id":"sess_`) {
			t.Fatalf("first %s", text)
		}
		say(`{"type":"session.update","session":{"instructions":"Be brief."}}`)
		if kind, text := next(); kind != "session.updated" || !strings.Contains(text, "Be brief.") {
			t.Errorf("%s", text)
		}
		say(`no JSON`)
		if kind, _ := next(); kind != "error" {
			t.Error(kind)
		}
		say(`{"type":"nothing","event_id":"mine"}`)
		if _, text := next(); !strings.Contains(text, `"event_id":"mine"`) {
			t.Error(text)
		}
		say(`{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"What is Ockham's Razor?"}]}}`)
		say(`{"type":"response.create"}`)
		said, kinds, last := "", []string{}, ""
		for len(kinds) == 0 || kinds[len(kinds)-1] != "response.done" {
			kind, text := next()
			if kinds = append(kinds, kind); kind == delta {
				said += decodeJSON[struct{ Delta string }](t, []byte(text)).Delta
			}
			last = text
		}
		if !strings.Contains(said, "Ockham") || !strings.Contains(last, `"total_tokens":`) {
			t.Errorf("%v: %s", kinds, last)
		}
	}
	answered(t, call1(t, e, "GET", "/openai/v1/realtime?model=gpt-realtime", ""), 400, "upgrade")
	answered(t, call1(t, e, "GET", "/openai/v1/realtime?model=none", ""), 404, "DeploymentNotFound")
	answered(t, call1(t, e, "GET", "/openai/v1/realtime?model=gpt-4o-mini", ""), 400, "OperationNotSupported")
}

// Microsoft's published contracts know the answers of the new operations.
func TestNewAnswersFitMicrosoftsContracts(t *testing.T) {
	v1 := contract{decodeJSON[map[string]any](t, shared(t, "specs", "aoai-v1.json"))}
	asJSON, err := yaml.YAMLToJSON(shared(t, "specs", "aoai-2024-10-21.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	classic := contract{decodeJSON[map[string]any](t, asJSON)}
	e := full(t)
	const version = "?api-version=2024-10-21"
	_, events := eventsOf(t, post(t, e, responsesPath, askResponse+`,"stream":true}`).Body.String())
	for _, test := range []struct {
		contract contract
		schema   string
		body     []byte
	}{
		{v1, "AzureResponse", post(t, e, responsesPath, askResponse+`}`).Body.Bytes()},
		{v1, "OpenAI.ResponseStreamEvent", events[0]},
		{v1, "OpenAI.ResponseTextDeltaEvent", events[4]},
		{v1, "OpenAI.ResponseCompletedEvent", events[len(events)-1]},
		{classic, "createCompletionResponse", post(t, e, "/openai/deployments/gpt-35-turbo-instruct/completions"+version, `{"prompt":"x"}`).Body.Bytes()},
		{classic, "generateImagesResponse", post(t, e, "/openai/deployments/dall-e-3/images/generations"+version, `{"prompt":"x"}`).Body.Bytes()},
		{classic, "innerError", []byte(marshal(decodeJSON[struct {
			Error struct {
				Inner any `json:"innererror"`
			}
		}](t, post(t, e, chatPath, `{"messages":[{"role":"user","content":"ostiary-test-filter-hate"}]}`).Body.Bytes()).Error.Inner))},
	} {
		if test.contract.schema(test.schema) == nil {
			t.Errorf("no schema %s", test.schema)
		}
		for _, fault := range test.contract.check(test.contract.schema(test.schema), decodeJSON[any](t, test.body), "$") {
			t.Errorf("%s: %s", test.schema, fault)
		}
	}
}

// The docs say which words the filter acts on.
func TestMarkersAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/cloud.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, marker := range []string{"hate", "sexual", "violence", "self-harm", "jailbreak", "answer"} {
		if !strings.Contains(string(text), filterMarker+marker) {
			t.Errorf("no %s%s", filterMarker, marker)
		}
	}
}

func FuzzResponses(f *testing.F) {
	f.Add(askResponse + `}`)
	f.Add(askResponse + `,"stream":true,"text":{"format":{"type":"json_object"}},"tools":[{}],"metadata":null}`)
	f.Add(`{"model":"gpt-4o-mini","input":[{"type":"item_reference"},{"role":"user","content":[{"text":"a"}]}]}`)
	e := full(f)
	f.Fuzz(func(t *testing.T, body string) {
		if w := post(t, e, responsesPath, body); w.Code != 200 && w.Code != 400 && w.Code != 404 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
