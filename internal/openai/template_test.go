package openai

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// alike are events that differ from those before in a word, a number, or in
// more than a template bears.
func alike() []string {
	event := `data: {"choices":[{"content_filter_results":%s,"delta":{"content":"%s"},"finish_reason":%s,"index":0}],"model":"%s","obfuscation":"%s","n":%s,"usage":%s}` + "\n\n"
	var all []string
	for _, v := range [][]any{
		{"{}", " word", "null", "gpt-4o", "aB3", "12", "null"},
		{"{}", " another", "null", "gpt-4o", "", "7", "null"},
		{"{}", `\"\u00e9\ud83d\ude00\n`, "null", "gpt-4o", "x", "9", "null"},
		{"{}", `é😀`, "null", "gpt-4o", `\\`, "900", "null"},
		{"{}", "", "null", "gpt-4o-2", "x", "-3", "null"},
		{"{}", "x", `"stop"`, "gpt-4o", "x", "0", "null"},
		{`{"hate":{"filtered":false,"severity":"low"}}`, "x", "null", "gpt-4o", "x", "1", "null"},
		{"{}", "x", "null", "gpt-4o", "x", "01", "null"},     // no JSON
		{"{}", `x\q`, "null", "gpt-4o", "x", "3", "null"},    // neither
		{"{}", `x"y`, "null", "gpt-4o", "x", "4", "null"},    // nor this
		{"{}", `x\u12g4`, "null", "gpt-4o", "x", "", "null"}, // and this
		{"{}", "x", "null", "gpt-4o", "x", "5", `{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}`},
	} {
		all = append(all, fmt.Sprintf(event, v...))
	}
	return append(all,
		`data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}`+"\n\n",
		`data: {"type":"response.output_text.delta","sequence_number":8,"delta":" word"}`+"\n\n",
		`data: {"type":"response.output_text.delta","sequence_number":9,"delta":"s"}`+"\r\n\r\n",
		"event: response.output_text.delta\ndata: {\"delta\":\" word\",\ndata: \"x\":1}\n\n",
		": a comment\n\n", "\n", "data: 12\n\n", "data: \"text\"\n\n", "data: [1,2,3,4,5,6,7,8,9,10,11,12,13,14]\n\n",
		`data: {"choices":[{"delta":{"content":"`+strings.Repeat("long ", 500)+`"}}]}`+"\n\n",
	)
}

// What is found, what waits and what goes on must not depend on whether an
// event was read or recognised: cut at every byte none is.
func TestTemplateFindsWhatReadingFinds(t *testing.T) {
	events := alike()
	random := rand.New(rand.NewPCG(5, 6))
	for round := range 20_000 {
		var text strings.Builder
		for range 1 + random.IntN(6) {
			text.WriteString(strings.Repeat(events[random.IntN(len(events))], 1+random.IntN(2)))
		}
		if round%4 == 0 {
			text.WriteString("data: [DONE]\n\n")
		}
		sameAsBytewise(t, text.String())
	}
}

func sameAsBytewise(t *testing.T, text string) {
	t.Helper()
	whole, bytewise := NewStream(), NewStream()
	whole.HideUsage()
	bytewise.HideUsage()
	held, last := whole.Feed([]byte(text)), 0
	for i := range len(text) {
		last = bytewise.Feed([]byte(text[i : i+1]))
	}
	if held != last || whole.Complete() != bytewise.Complete() || whole.Begun() != bytewise.Begun() {
		t.Fatalf("%q: %d wait, or %d", text, held, last)
	}
	same(t, bytewise.Answer(), whole.Answer())
	if !slices.Equal(whole.cuts, bytewise.cuts) {
		t.Fatalf("%q: hidden is %v, or %v", text, whole.cuts, bytewise.cuts)
	}
}

func FuzzTemplate(f *testing.F) {
	for i, event := range alike() {
		f.Add(event, alike()[(i+1)%len(alike())])
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		if len(first)+len(second) < maxHeld/2 {
			sameAsBytewise(t, first+second)
			sameAsBytewise(t, first+second+first)
		}
	})
}

// Of an ordinary stream nearly all events are recognised.
func TestTemplateIsUsed(t *testing.T) {
	const events = 200
	s, recognised := NewStream(), 0
	for i := range events {
		event := fmt.Sprintf(`data: {"choices":[{"content_filter_results":{},"delta":{"content":" w%d\n"},"finish_reason":null,"index":0,"logprobs":null}],"created":1,"id":"c","model":"gpt-4o","obfuscation":"%x","object":"chat.completion.chunk","usage":null}`+"\n\n", i, i*i*i)
		if n, _, _ := s.last.match([]byte(event)); n == len(event) {
			recognised++
		}
		s.Feed([]byte(event))
	}
	if recognised != events-1 {
		t.Errorf("%d of %d events were recognised", recognised, events)
	}
}
