package emulator

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// shared reads a file of the material that stands beside some checkouts.
func shared(t *testing.T, path ...string) []byte {
	t.Helper()
	file := filepath.Join(append([]string{"..", "..", "..", "shared"}, path...)...)
	data, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		t.Skipf("NOT CHECKED against reality: %s is not beside this checkout", filepath.Join(path...))
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// exchange is one recorded answer.
type exchange struct {
	Response struct {
		Body struct {
			String string `yaml:"string"`
		} `yaml:"body"`
		Headers map[string][]string `yaml:"headers"`
	} `yaml:"response"`
}

const (
	openllmetry = "traceloop+openllmetry/packages/opentelemetry-instrumentation-openai/tests/traces/cassettes"
	datadog     = "DataDog+dd-trace-py/tests/contrib"
)

func recorded(t *testing.T, path string) []exchange {
	t.Helper()
	var cassette struct {
		Interactions []exchange `yaml:"interactions"`
	}
	if err := yaml.Unmarshal(shared(t, "recorded", path), &cassette); err != nil {
		t.Fatal(err)
	}
	return cassette.Interactions
}

// shape lists every path of a JSON document with the kind of value there.
func shape(t *testing.T, data []byte) map[string]string {
	t.Helper()
	paths := map[string]string{}
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			paths[at] = "object"
			for name, member := range v {
				walk(at+"."+name, member)
			}
		case []any:
			paths[at] = "array"
			for _, item := range v {
				walk(at+"[]", item)
			}
		case nil:
			if paths[at] == "" {
				paths[at] = "null"
			}
		default:
			paths[at] = fmt.Sprintf("%T", v)
		}
	}
	walk("$", decodeJSON[any](t, data))
	return paths
}

// sameShape wants the same members, except those in beyond, which Azure has
// and the emulator has not. A null fits every kind.
func sameShape(t *testing.T, what string, got, want []byte, beyond ...string) {
	t.Helper()
	ours, azures := shape(t, got), shape(t, want)
	for _, path := range slices.Sorted(maps.Keys(azures)) {
		missing := ours[path] == ""
		if expected := slices.ContainsFunc(beyond, func(b string) bool { return strings.HasPrefix(path, b) }); missing != expected {
			t.Errorf("%s: %s missing %v, expected to be %v", what, path, missing, expected)
		}
		if a, b := ours[path], azures[path]; !missing && a != b && a != "null" && b != "null" {
			t.Errorf("%s: %s is %s, on Azure %s", what, path, a, b)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(ours)) {
		if azures[path] == "" {
			t.Errorf("%s: Azure has no %s", what, path)
		}
	}
}

func TestWholeAnswerLooksRecorded(t *testing.T) {
	azure := recorded(t, openllmetry+"/test_azure/test_chat.yaml")[1].Response
	ours := post(t, newTest(t, Config{}), chatPath, askRazor)
	sameShape(t, "answer", ours.Body.Bytes(), []byte(azure.Body.String))
	for name := range azure.Headers {
		switch name {
		case "Date", "Transfer-Encoding", "skip-error-remapping": // the server's, and an inner layer's
		default:
			if ours.Header().Get(name) == "" {
				t.Errorf("no header %s", name)
			}
		}
	}
}

// data gives the events of a recorded stream.
func data(t *testing.T, stream string) []string {
	t.Helper()
	var all []string
	for _, line := range strings.Split(strings.TrimSpace(stream), "\n\n") {
		d, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			t.Fatalf("not an event: %.100q", line)
		}
		all = append(all, d)
	}
	return all
}

func TestStreamLooksRecorded(t *testing.T) {
	interactions := recorded(t, openllmetry+"/test_azure/test_chat_streaming.yaml")
	azure := data(t, interactions[len(interactions)-1].Response.Body.String)
	ours := data(t, post(t, newTest(t, Config{}), chatPath, withMembers(`"stream":true`)).Body.String())
	for _, event := range []struct {
		name        string
		ours, azure int
	}{
		{"first", 0, 0}, {"role", 1, 1}, {"token", 2, 2},
	} {
		sameShape(t, event.name, []byte(ours[event.ours]), []byte(azure[event.azure]))
	}
	if ours[0] != firstWithSortedMembers(t, azure[0]) {
		t.Errorf("first event\n%s\non Azure\n%s", ours[0], azure[0])
	}
	older := data(t, recorded(t, datadog+"/openai/cassettes/v1/azure_chat_completion_streamed.yaml")[0].Response.Body.String)
	bare := data(t, post(t, newTest(t, Config{}), chatPath, withMembers(`"stream":true,"stream_options":{"include_obfuscation":false}`)).Body.String())
	sameShape(t, "finish", []byte(bare[len(bare)-2]), []byte(older[len(older)-2]))
	if ours[len(ours)-1] != azure[len(azure)-1] {
		t.Errorf("the stream ends in %q, on Azure in %q", ours[len(ours)-1], azure[len(azure)-1])
	}
}

// firstWithSortedMembers lays out Azure's first event as ours is, whose
// nested members stand in another order; both orders are recorded.
func firstWithSortedMembers(t *testing.T, event string) string {
	t.Helper()
	return marshal(decodeJSON[chunk](t, []byte(event)))
}

func TestUsageEventLooksRecorded(t *testing.T) {
	azure := data(t, recorded(t, datadog+"/litellm/cassettes/completion_azure_stream.yaml")[0].Response.Body.String)
	ours := data(t, post(t, newTest(t, Config{}), chatPath, withMembers(`"stream":true,"stream_options":{"include_usage":true}`)).Body.String())
	for _, fromEnd := range []int{2, 3} { // usage, finish
		beyond := []string{"$.service_tier"}
		if fromEnd == 2 {
			beyond = append(beyond, "$.latency_checkpoint")
		}
		sameShape(t, fmt.Sprintf("event %d from the end", fromEnd),
			[]byte(ours[len(ours)-fromEnd]), []byte(azure[len(azure)-fromEnd]), beyond...)
	}
}

func TestEmbeddingLooksRecorded(t *testing.T) {
	azure := recorded(t, openllmetry+"/test_embeddings/test_azure_openai_embeddings.yaml")[0].Response.Body.String
	e := newTest(t, Config{Settings: Settings{Accounts: []Account{{Name: "ostiary-demo", Deployments: []Deployment{{Name: "text-embedding-3-large"}}}}}})
	ours := post(t, e, strings.Replace(embedPath, "3-small", "3-large", 1), `{"input":"Tell me a joke about opentelemetry","encoding_format":"base64"}`).Body.Bytes()
	sameShape(t, "embedding", ours, []byte(azure))
	type list struct {
		Data []struct{ Embedding string }
	}
	a := decodeJSON[list](t, []byte(azure)).Data[0].Embedding
	b := decodeJSON[list](t, ours).Data[0].Embedding
	rawA, errA := base64.StdEncoding.DecodeString(a)
	rawB, errB := base64.StdEncoding.DecodeString(b)
	if errA != nil || errB != nil || len(rawA) != len(rawB) {
		t.Errorf("%d bytes, on Azure %d (%v, %v)", len(rawB), len(rawA), errB, errA)
	}
}

func TestRecordedRefusalsToTheByte(t *testing.T) {
	e := newTest(t, Config{})
	unauthorized := recorded(t, openllmetry+"/test_embeddings/test_azure_openai_embeddings.yaml")
	if got, want := badKey().body, unauthorized[len(unauthorized)-1].Response.Body.String; got != want {
		t.Errorf("bad key\n%s\non Azure\n%s", got, want)
	}
	missing := recorded(t, openllmetry+"/test_azure/test_chat_reasoning.yaml")
	w := post(t, e, strings.Replace(chatPath, "gpt-4o-mini", "gpt-5-nano", 1), askRazor)
	if got, want := w.Body.String(), missing[len(missing)-1].Response.Body.String; got != want || w.Code != 404 {
		t.Errorf("no deployment: %d\n%s\non Azure\n%s", w.Code, got, want)
	}
}

// contract validates against an OpenAPI 3.0 document, as far as Microsoft's
// use the schema language.
type contract struct{ doc map[string]any }

func (c contract) schema(name string) any {
	schemas, _ := c.doc["components"].(map[string]any)["schemas"].(map[string]any)
	return schemas[name]
}

// check returns what is wrong with v, first fault of each place.
func (c contract) check(schema, v any, at string) []string {
	s, _ := schema.(map[string]any)
	if ref, ok := s["$ref"].(string); ok {
		return c.check(c.schema(strings.TrimPrefix(ref, "#/components/schemas/")), v, at)
	}
	if s == nil {
		return []string{at + ": no schema"}
	}
	if v == nil && s["nullable"] == true {
		return nil
	}
	var faults []string
	for _, part := range list(s["allOf"]) {
		faults = append(faults, c.check(part, v, at)...)
	}
	for _, word := range []string{"anyOf", "oneOf"} {
		if choices := list(s[word]); len(choices) > 0 && !slices.ContainsFunc(choices, func(part any) bool { return len(c.check(part, v, at)) == 0 }) {
			faults = append(faults, at+": none of "+word)
		}
	}
	if values := list(s["enum"]); len(values) > 0 && !slices.Contains(values, v) {
		faults = append(faults, fmt.Sprintf("%s: %v is none of %v", at, v, values))
	}
	return append(faults, c.checkKind(s, v, at)...)
}

func (c contract) checkKind(s map[string]any, v any, at string) []string {
	var faults []string
	fits := true
	switch s["type"] {
	case "object":
		object, ok := v.(map[string]any)
		fits = ok
		for _, name := range list(s["required"]) {
			if _, present := object[name.(string)]; ok && !present {
				faults = append(faults, fmt.Sprintf("%s: no %s", at, name))
			}
		}
		properties, _ := s["properties"].(map[string]any)
		for name, member := range object {
			if p, ok := properties[name]; ok {
				faults = append(faults, c.check(p, member, at+"."+name)...)
			}
		}
	case "array":
		items, ok := v.([]any)
		fits = ok
		for i, item := range items {
			faults = append(faults, c.check(s["items"], item, fmt.Sprintf("%s[%d]", at, i))...)
		}
	case "string":
		_, fits = v.(string)
	case "boolean":
		_, fits = v.(bool)
	case "integer", "number":
		_, fits = v.(float64)
	}
	if !fits {
		faults = append(faults, fmt.Sprintf("%s: not of type %v", at, s["type"]))
	}
	return faults
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func TestAnswersFitMicrosoftsContracts(t *testing.T) {
	v1 := contract{decodeJSON[map[string]any](t, shared(t, "specs", "aoai-v1.json"))}
	asJSON, err := yaml.YAMLToJSON(shared(t, "specs", "aoai-2024-10-21.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	classic := contract{decodeJSON[map[string]any](t, asJSON)}
	e := newTest(t, Config{})
	chat := post(t, e, chatPath, askRazor).Body.Bytes()
	stream := events0(t, post(t, e, chatPath, withMembers(`"stream":true`)).Body.String())
	for _, test := range []struct {
		contract contract
		schema   string
		body     []byte
	}{
		{classic, "createChatCompletionResponse", chat},
		{classic, "createChatCompletionStreamResponse", stream[2]},
		{classic, "errorResponse", []byte(badKey().body)},
		{v1, "AzureCreateChatCompletionResponse", chat},
		{v1, "AzureCreateChatCompletionStreamResponse", stream[1]},
		{v1, "AzureCreateChatCompletionStreamResponse", stream[2]},
		{v1, "AzureCreateChatCompletionStreamResponse", stream[len(stream)-1]},
		{v1, "OpenAI.CreateEmbeddingResponse", post(t, e, embedPath, `{"input":"x","encoding_format":"float"}`).Body.Bytes()},
		{v1, "AzureErrorResponse", []byte(badKey().body)},
		{v1, "OpenAI.ListModelsResponse", getModels(t, e, "/openai/v1/models")},
		{v1, "OpenAI.Model", getModels(t, e, "/openai/v1/models/gpt-4o-mini-2024-07-18")},
	} {
		for _, fault := range test.contract.check(test.contract.schema(test.schema), decodeJSON[any](t, test.body), "$") {
			t.Errorf("%s: %s", test.schema, fault)
		}
	}
	if faults := v1.check(v1.schema("OpenAI.Model"), map[string]any{"id": 5.0}, "$"); len(faults) == 0 {
		t.Error("the validator accepts anything")
	}
}

// events0 is the data of each event but the last, [DONE].
func events0(t *testing.T, stream string) []json.RawMessage {
	t.Helper()
	var all []json.RawMessage
	for _, d := range data(t, stream) {
		all = append(all, json.RawMessage(d))
	}
	return all[:len(all)-1]
}
