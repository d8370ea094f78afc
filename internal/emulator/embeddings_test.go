package emulator

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

type embedded struct {
	Object, Model string
	Data          []struct {
		Object    string
		Index     int
		Embedding []float32
	}
	Usage struct {
		Prompt int `json:"prompt_tokens"`
		Total  int `json:"total_tokens"`
	}
}

func embedOf(t *testing.T, e *Emulator, body string) embedded {
	t.Helper()
	w := post(t, e, embedPath, body)
	if w.Code != 200 {
		t.Fatalf("%s: %d %s", body, w.Code, w.Body)
	}
	return decodeJSON[embedded](t, w.Body.Bytes())
}

func TestEmbeddingInputs(t *testing.T) {
	e := newTest(t, Config{})
	for _, test := range []struct {
		body          string
		count, prompt int
	}{
		{`{"input":"Hello world"}`, 1, 2},
		{`{"input":["Hello world","private endpoint","x"]}`, 3, 5},
		{`{"input":[9906,1917,0]}`, 1, 3},
		{`{"input":[[9906],[1917,5]]}`, 2, 3},
		{`{"input":["a",[1,2]],"user":"u"}`, 2, 3},
	} {
		got := embedOf(t, e, test.body)
		if got.Object != "list" || got.Model != "text-embedding-3-small" || len(got.Data) != test.count ||
			got.Usage.Prompt != test.prompt || got.Usage.Total != test.prompt {
			t.Errorf("%s: %d vectors, usage %+v", test.body, len(got.Data), got.Usage)
		}
		for i, d := range got.Data {
			if d.Index != i || d.Object != "embedding" || len(d.Embedding) != 1536 {
				t.Errorf("%s: vector %d has index %d and %d dimensions", test.body, i, d.Index, len(d.Embedding))
			}
		}
	}
}

func TestBase64IsTheSameVector(t *testing.T) {
	e := newTest(t, Config{})
	want := embedOf(t, e, `{"input":"private endpoint","dimensions":512}`).Data[0].Embedding
	w := post(t, e, embedPath, `{"input":"private endpoint","dimensions":512,"encoding_format":"base64"}`)
	got := decodeJSON[struct{ Data []struct{ Embedding string } }](t, w.Body.Bytes())
	raw, err := base64.StdEncoding.DecodeString(got.Data[0].Embedding)
	if err != nil {
		t.Fatal(err)
	}
	var vector []float32
	for b := range slices.Chunk(raw, 4) {
		vector = append(vector, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	if len(want) != 512 || !slices.Equal(vector, want) {
		t.Errorf("base64 gives %d numbers, float %d, equal %v", len(vector), len(want), slices.Equal(vector, want))
	}
}

func TestEmbeddingRefusals(t *testing.T) {
	e := newTest(t, Config{Settings: Settings{Accounts: []Account{{Name: "ostiary-demo", Deployments: []Deployment{
		{Name: "text-embedding-3-small"}, {Name: "ada", Model: "text-embedding-ada-002"},
	}}}}})
	ada := strings.Replace(embedPath, "text-embedding-3-small", "ada", 1)
	many := `"x"` + strings.Repeat(`,"x"`, maxInputs)
	for _, test := range []struct{ path, body, want string }{
		{embedPath, `nonsense`, "could not parse the JSON body"},
		{embedPath, `{}`, "Missing required parameter: 'input'."},
		{embedPath, `{"input":""}`, "'$.input' is invalid"},
		{embedPath, `{"input":[]}`, "'$.input' is invalid"},
		{embedPath, `{"input":["a",""]}`, "'$.input' is invalid"},
		{embedPath, `{"input":["a",null]}`, "'$.input' is invalid"},
		{embedPath, `{"input":{"a":1}}`, "'$.input' is invalid"},
		{embedPath, `{"input":[-1]}`, "'$.input' is invalid"},
		{embedPath, `{"input":[[1],[]]}`, "'$.input' is invalid"},
		{embedPath, `{"input":[1.5]}`, "'$.input' is invalid"},
		{embedPath, `{"input":[` + many + `]}`, "'$.input' is invalid"},
		{embedPath, fmt.Sprintf(`{"input":%q}`, strings.Repeat("word ", maxInputTokens+1)), "maximum context length is 8192 tokens"},
		{embedPath, `{"input":"x","dimensions":0}`, "Expected a value >= 1, but got 0 instead."},
		{embedPath, `{"input":"x","dimensions":1537}`, "Must be less than or equal to 1536."},
		{ada, `{"input":"x","dimensions":8}`, "does not support specifying dimensions"},
		{embedPath, `{"input":"x","encoding_format":"hex"}`, "Supported values are: 'float' and 'base64'."},
	} {
		if w := post(t, e, test.path, test.body); w.Code != 400 || !strings.Contains(w.Body.String(), test.want) {
			t.Errorf("%.80s: %d %s", test.body, w.Code, w.Body)
		}
	}
}

func TestEmbeddingsOnV1(t *testing.T) {
	e := newTest(t, Config{})
	if w := post(t, e, "/openai/v1/embeddings", `{"input":"x","model":"text-embedding-3-small"}`); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := post(t, e, "/openai/v1/embeddings", `{"input":"x","model":"none"}`); w.Code != 404 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
