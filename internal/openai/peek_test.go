package openai

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ostiary/ostiary/internal/fault"
)

func TestPeek(t *testing.T) {
	tests := []struct {
		body   string
		model  string
		stream bool
		text   int64
	}{
		{`{}`, "", false, 0},
		{` {"model":"gpt-4o"} `, "gpt-4o", false, 0},
		{`{"stream" : true, "model" : "a\u002Db"}`, "a-b", true, 0},
		{`{"mod\u0065l":"x","stream":null}`, "x", false, 0},
		{`{"messages":[{"role":"user","content":"four"},{"content":[{"type":"text","text":"five5"},{"type":"image_url","image_url":{"url":"data:xxxxxxxx"}}]}]}`, "", false, 9},
		{`{"input":["ab","cd"],"instructions":"e","model":"m"}`, "m", false, 5},
		{`{"metadata":{"model":"not this","stream":true},"tools":[{"model":"nor this"}],"model":"this"}`, "this", false, 0},
		{`{"stream_options":{"include_usage":true},"stream":true,"model":"m","n":-1.5e+3,"x":[[],{},0,true,false,null]}`, "m", true, 0},
	}
	for _, tt := range tests {
		p, err := Peek([]byte(tt.body))
		if err != nil || p.Model != tt.model || p.Stream != tt.stream || p.TextBytes != tt.text {
			t.Errorf("%s: %+v %v", tt.body, p, err)
		}
		if tt.model != "" {
			var s string
			if json.Unmarshal([]byte(tt.body)[p.ModelAt.Start:p.ModelAt.End], &s) != nil || s != tt.model {
				t.Errorf("%s: span %v", tt.body, p.ModelAt)
			}
		}
	}
}

func TestPeekRefuses(t *testing.T) {
	tests := map[string]string{
		"empty":               ``,
		"white space":         "  \n",
		"array":               `[{"model":"a"}]`,
		"string":              `"model"`,
		"cut":                 `{"model":"a"`,
		"trailing":            `{"model":"a"} {}`,
		"trailing comma":      `{"model":"a",}`,
		"byte order mark":     "\xef\xbb\xbf{}",
		"UTF-16":              "{\x00\"\x00",
		"invalid UTF-8":       "{\"x\":\"\xff\"}",
		"control in string":   "{\"x\":\"a\nb\"}",
		"single quotes":       `{'model':'a'}`,
		"comment":             `{/* */"model":"a"}`,
		"NaN":                 `{"n":NaN}`,
		"leading zero":        `{"n":01}`,
		"plus":                `{"n":+1}`,
		"bare dot":            `{"n":1.}`,
		"bad escape":          `{"x":"\x41"}`,
		"unbalanced":          `{"x":[}`,
		"inside":              `{"x":{"y" 1}}`,
		"deep":                `{"x":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}`,
		"model twice":         `{"model":"a","model":"b"}`,
		"model twice, equal":  `{"model":"a","model":"a"}`,
		"model twice, escape": `{"model":"a","\u006dodel":"b"}`,
		"model, other case":   `{"model":"a","Model":"b"}`,
		"model, only MODEL":   `{"MODEL":"a"}`,
		"stream, long s":      "{\"\u017ftream\":true}", // folds to s
		"stream twice":        `{"stream":false,"stream":true}`,
		"options twice":       `{"stream_options":{},"stream_options":null}`,
		"model a number":      `{"model":1}`,
		"model null":          `{"model":null}`,
		"model an object":     `{"model":{"a":"b"}}`,
		"model empty":         `{"model":""}`,
		"model with newline":  `{"model":"a\nb"}`,
		"model surrogate":     `{"model":"\ud800"}`,
		"model too long":      `{"model":"` + strings.Repeat("m", 257) + `"}`,
		"model huge":          `{"model":"` + strings.Repeat("m", 1<<20) + `"}`,
		"stream a string":     `{"stream":"true"}`,
		"stream a number":     `{"stream":1}`,
		"options an array":    `{"stream_options":[]}`,
	}
	for name, body := range tests {
		p, err := Peek([]byte(body))
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %+v %v", name, p, err)
		}
	}
}

func TestPeekQuotesNothing(t *testing.T) {
	for _, body := range []string{`{"canary":"canary",}`, `{"model":"canary\n"}`, `{"canary":1,"Model":"canary"}`} {
		if _, err := Peek([]byte(body)); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func spliced(t testing.TB, body []byte, edits ...Edit) string {
	t.Helper()
	r, size := Splice(body, edits...)
	got, err := io.ReadAll(r)
	if err != nil || int64(len(got)) != size {
		t.Fatalf("%d bytes, announced were %d: %v", len(got), size, err)
	}
	return string(got)
}

func TestModelEdit(t *testing.T) {
	tests := []struct{ body, want string }{
		{`{}`, `{"model":"new"}`},
		{" { } ", ` {"model":"new" } `},
		{`{"a":1}`, `{"model":"new","a":1}`},
		{` {"a" : 1, "model" :  "old" , "b":"model"}`, ` {"a" : 1, "model" :  "new" , "b":"model"}`},
		{`{"mod\u0065l":"o"}`, `{"mod\u0065l":"new"}`},
	}
	for _, tt := range tests {
		p, err := Peek([]byte(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		if got := spliced(t, []byte(tt.body), ModelEdit(p, "new")); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.body, got, tt.want)
		}
	}
}

// FuzzPeek compares with encoding/json: what is accepted is valid, and says
// the same to Go's decoder, which takes the last of two members and matches
// without case; what is valid and plain is accepted.
func FuzzPeek(f *testing.F) {
	for _, seed := range []string{
		`{"model":"a","stream":true,"stream_options":{"include_usage":true}}`,
		`{"mod\u0065l":"a\\\"b","x":[1,-0.5e-7,null,{"y":"\ud83d\ude00"}]}`,
		`{"Model":"a"}`, `{"model":"a","model":"b"}`, `{"a":[[[[{}]]]]}`, `{"max_tokens":4e3,"n":2,"tools":[{"type":"mcp"},[]],"functions":[]}`,
		`{"messages":[{"content":[{"type":"image_url"}]}]}`, ` {"n":0} `, `{"n":1e5}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := Peek(body)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("kind of %v", err)
			}
			plain := map[string]json.RawMessage{}
			if json.Unmarshal(body, &plain) == nil && plain != nil && unwatched(body) {
				t.Fatalf("refused a plain body: %v", err)
			}
			return
		}
		var got struct {
			Model  *string         `json:"model"`
			Stream *bool           `json:"stream"`
			Limit  json.RawMessage `json:"max_tokens"`
			Tools  json.RawMessage `json:"tools"`
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("accepted what Go refuses: %v", err)
		}
		if (got.Model != nil) != p.ModelAt.Present() || got.Model != nil && *got.Model != p.Model || (got.Stream != nil && *got.Stream) != p.Stream {
			t.Fatalf("read %+v, Go reads %v %v", p, got.Model, got.Stream)
		}
		var limit int64
		if json.Unmarshal(got.Limit, &limit) == nil && limit > p.Facts.MaxTokens {
			t.Fatalf("max_tokens %d, Go reads %d", p.Facts.MaxTokens, limit)
		}
		var tools []any
		if json.Unmarshal(got.Tools, &tools) == nil && int64(len(tools)) > p.Facts.Tools {
			t.Fatalf("%d tools, Go reads %d", p.Facts.Tools, len(tools))
		}
		edits := []Edit{ModelEdit(p, "n/e\"w")}
		usage, asked := UsageEdit(body, p)
		if asked {
			edits = append(edits, usage)
		}
		edited := []byte(spliced(t, body, edits...))
		after, err := Peek(edited)
		if err != nil || after.Model != "n/e\"w" || after.Stream != p.Stream {
			t.Fatalf("after the edits %s: %+v %v", edited, after, err)
		}
		if _, again := UsageEdit(edited, after); again {
			t.Fatalf("usage is asked for twice: %s", edited)
		}
		var options struct {
			StreamOptions struct {
				IncludeUsage *bool `json:"include_usage"`
			} `json:"stream_options"`
		}
		if asked && (json.Unmarshal(edited, &options) != nil || options.StreamOptions.IncludeUsage == nil || !*options.StreamOptions.IncludeUsage) {
			t.Fatalf("usage is not asked for: %s", edited)
		}
	})
}

// unwatched says whether a valid object holds nothing that Peek may refuse: it is
// shallow ASCII without escapes, and names nothing that is watched.
func unwatched(body []byte) bool {
	for i := 0; ; i++ {
		name, _ := watched(i)
		if name == "" {
			break
		}
		if bytes.Contains(bytes.ToLower(body), []byte(`"`+name+`"`)) {
			return false
		}
	}
	return allRunes(body, func(r rune) bool { return r < utf8.RuneSelf && r != '\\' }) &&
		bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) < maxDepth
}

// FuzzScan cuts a document at two places: the verdict and the values stay.
func FuzzScan(f *testing.F) {
	f.Add([]byte(`{"model":"a","usage":{"prompt_tokens":3},"choices":[{"finish_reason":"stop"}]}`), 5, 20)
	f.Add([]byte(`{"a":-1.5e+10}`), 7, 9)
	f.Fuzz(func(t *testing.T, doc []byte, a, b int) {
		whole := NewWhole()
		whole.Feed(doc)
		if (whole.reader.finish() == nil) != json.Valid(doc) && bytes.Count(doc, []byte("["))+bytes.Count(doc, []byte("{")) < maxDepth {
			t.Fatalf("valid: %v", json.Valid(doc))
		}
		a, b = clamp(a, len(doc)), clamp(b, len(doc))
		if a > b {
			a, b = b, a
		}
		cut := NewWhole()
		for _, p := range [][]byte{doc[:a], doc[a:b], doc[b:]} {
			cut.Feed(bytes.Clone(p))
		}
		same(t, whole.Answer(), cut.Answer())
	})
}

func clamp(n, top int) int {
	if n < 0 {
		return 0
	}
	return min(n, top)
}

func BenchmarkPeek(b *testing.B) {
	body := []byte(`{"model":"gpt-4o","messages":[{"role":"user","content":"` + strings.Repeat("Why is the sky blue? ", 20000) + `"}],"stream":true}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := Peek(body); err != nil {
			b.Fatal(err)
		}
	}
}
