package openai

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/fault"
)

func TestFacts(t *testing.T) {
	deep := strings.Repeat(`{"type":"object","properties":{"x":`, 6) + `{"type":"mcp"}` + strings.Repeat(`}}`, 6)
	many := make([]string, 40)
	for i := range many {
		many[i] = `{"type":"t` + strings.Repeat("x", i) + `"}`
	}
	tests := []struct {
		body string
		want Facts
	}{
		{`{}`, Facts{}},
		{`{"max_tokens":4000}`, Facts{MaxTokens: 4000, Limited: true}},
		{`{"max_tokens":1,"max_completion_tokens":3,"max_output_tokens":2}`, Facts{MaxTokens: 3, Limited: true}},
		{`{"max_tokens":null,"n":null,"tools":null}`, Facts{}},
		{`{"max_tokens":0}`, Facts{Limited: true}},
		{`{"max_tokens":4e3}`, Facts{MaxTokens: 4000, Limited: true}},
		{`{"max_tokens":4000.2}`, Facts{MaxTokens: 4001, Limited: true}},
		{`{"max_tokens":-1}`, Facts{MaxTokens: Unlimited, Limited: true}},
		{`{"max_tokens":-0}`, Facts{MaxTokens: 0, Limited: true}},
		{`{"max_tokens":"4000"}`, Facts{MaxTokens: Unlimited, Limited: true}},
		{`{"max_tokens":[1]}`, Facts{MaxTokens: Unlimited, Limited: true}},
		{`{"max_tokens":true}`, Facts{MaxTokens: Unlimited, Limited: true}},
		{`{"max_tokens":1e999}`, Facts{MaxTokens: Unlimited, Limited: true}},
		{`{"max_tokens":99999999999999999999}`, Facts{MaxTokens: Unlimited, Limited: true}},
		{`{"max_tokens":0.` + strings.Repeat("0", 5000) + `1}`, Facts{MaxTokens: Unlimited, Limited: true}},
		{`{"max\u005ftokens":7}`, Facts{MaxTokens: 7, Limited: true}},
		{`{"metadata":{"max_tokens":9,"n":9,"tools":[1]},"x":[{"max_tokens":9}]}`, Facts{}},
		{`{"n":3}`, Facts{N: 3}},
		{`{"n":2,"best_of":5}`, Facts{N: 5}},
		{`{"n":0}`, Facts{N: 1}},
		{`{"n":"2"}`, Facts{N: Unlimited}},
		{`{"tools":[]}`, Facts{}},
		{`{"tools":{}}`, Facts{}},
		{`{"tools":[{"type":"function","function":{"name":"a","parameters":` + deep + `}},{"type":"function"}]}`, Facts{Tools: 2, ToolTypes: []string{"function"}}},
		{`{"tools":[{"type":"web_search"},{"type":"mcp","server_url":"x"}]}`, Facts{Tools: 2, ToolTypes: []string{"web_search", "mcp"}}},
		{`{"tools":[{"name":"a"},1,"x",null,[]]}`, Facts{Tools: 5}},
		{`{"functions":[{"name":"a"},{"name":"b"}]}`, Facts{Tools: 2}},
		{`{"functions":[{"name":"a"}],"tools":[{"type":"mcp"}]}`, Facts{Tools: 2, ToolTypes: []string{"mcp"}}},
		{`{"tools":[{"Type":"mc\u0070"},{"type":""},{"type":7},{"type":"a b"}]}`, Facts{Tools: 4, ToolTypes: []string{"mcp", Odd}}},
		{`{"messages":[{"role":"user","content":"image_url"}]}`, Facts{}},
		{`{"messages":[{"content":[{"type":"text","text":"image_url"}]}]}`, Facts{}},
		{`{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:x"}}]}]}`, Facts{Images: true}},
		{`{"messages":[{"content":[{"image_url":{"url":"data:x"}}]}]}`, Facts{Images: true}},
		{`{"messages":[{"content":[{"type":"Image\u005fURL"}]}]}`, Facts{Images: true}},
		{`{"messages":[{"content":[{"TYPE":"image_file"}]}]}`, Facts{Images: true}},
		{`{"messages":[{"content":[{"type":"text","type":"image_url"}]}]}`, Facts{Images: true}},
		{`{"input":[{"role":"user","content":[{"type":"input_text"},{"type":"input_image"}]}]}`, Facts{Images: true}},
		{`{"input":[{"type":"input_image","file_id":"f"}]}`, Facts{Images: true}},
		{`{"input":[{"type":"computer_call_output","output":{"type":"computer_screenshot","image_url":"u"}}]}`, Facts{Images: true}},
		{`{"input":[{"type":"function_call_output","output":[{"type":"input_image"}]}]}`, Facts{Images: true}},
		{`{"prompt":{"id":"p","variables":{"photo":{"type":"input_image","file_id":"f"}}}}`, Facts{Images: true}},
		{`{"prompt":{"id":"p","variables":{"image":"a word"}}}`, Facts{}},
		{`{"tools":[{"type":"image_generation"}],"input":"draw"}`, Facts{Tools: 1, ToolTypes: []string{"image_generation"}}},
		{`{"tools":[` + strings.Join(many, ",") + `]}`, Facts{Tools: 40, ToolTypes: append(types(many[:15]), Odd)}},
	}
	for _, tt := range tests {
		if tt.want.N == 0 {
			tt.want.N = 1
		}
		p, err := Peek([]byte(tt.body))
		if err != nil || !reflect.DeepEqual(p.Facts, tt.want) {
			t.Errorf("%.120s: %+v %v", tt.body, p.Facts, err)
		}
	}
}

func types(tools []string) []string {
	names := make([]string, len(tools))
	for i, tool := range tools {
		names[i] = strings.TrimSuffix(strings.TrimPrefix(tool, `{"type":"`), `"}`)
	}
	return names
}

// TestFactsAreNotHidden refuses the bodies that two parsers read differently.
func TestFactsAreNotHidden(t *testing.T) {
	for i := 0; ; i++ {
		name, _ := watched(i)
		if name == "" {
			break
		}
		for _, body := range []string{
			`{"` + name + `":null,"` + name + `":null}`,
			`{"` + name + `":null,"x":1,"\u00` + hexOf(name[0]) + name[1:] + `":1}`,
			`{"` + strings.ToUpper(name) + `":null}`,
			`{"` + name + `":null,"` + strings.ToUpper(name[:1]) + name[1:] + `":1}`,
		} {
			if p, err := Peek([]byte(body)); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s: %+v %v", body, p, err)
			}
		}
	}
	if _, err := Peek([]byte("{\"max_to\u212aens\":1}")); err == nil { // KELVIN SIGN folds to k
		t.Error("a Kelvin sign hid max_tokens")
	}
}

func hexOf(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}

func TestWholeNumber(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "1.0": 1, "1e2": 100, "0.5": 1, "9007199254740993": 9007199254740993, "9223372036854775807": math.MaxInt64,
		"-0.1": Unlimited, "1e300": Unlimited, "null": Unlimited, "": Unlimited, "NaN": Unlimited, "Inf": Unlimited,
	} {
		if got := wholeNumber([]byte(text)); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

// BenchmarkPeekChat is a usual request: a few messages and a tool.
func BenchmarkPeekChat(b *testing.B) {
	message := `{"role":"user","content":[{"type":"text","text":"Why is the sky blue?\nAnd why is \"grass\" green?"}]},`
	body := []byte(`{"model":"gpt-4o","max_tokens":100,"temperature":0.5,"messages":[` + strings.Repeat(message, 4) +
		`{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"stream":true}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Peek(body); err != nil {
			b.Fatal(err)
		}
	}
}
