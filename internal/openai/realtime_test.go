package openai

import (
	"reflect"
	"strings"
	"testing"
)

// The events of a session with two responses: one that ended, one that did not.
func sessionEvents() []string {
	return []string{
		`{"type":"session.created","event_id":"e1","session":{"id":"s","model":"gpt-realtime-2025","voice":"alloy"}}`,
		`{"type":"conversation.item.input_audio_transcription.completed","transcript":"hello","usage":{"type":"tokens","total_tokens":26,"input_tokens":17,"input_token_details":{"text_tokens":0,"audio_tokens":17},"output_tokens":9}}`,
		`{"type":"conversation.item.input_audio_transcription.completed","transcript":"hello","usage":{"type":"duration","seconds":3}}`,
		`{"type":"response.created","response":{"id":"r1","status":"in_progress","usage":null}}`,
		`{"delta":"Plurality should","type":"response.output_audio_transcript.delta"}`,
		`{"type":"response.output_audio.delta","delta":"` + strings.Repeat("QUJD", 5000) + `"}`,
		`{"type":"response.done","response":{"id":"r1","status":"completed","status_details":null,"output":[{"content":[{"transcript":"x"}]}],"usage":{"total_tokens":253,"input_tokens":132,"output_tokens":121,"input_token_details":{"text_tokens":119,"audio_tokens":13,"cached_tokens":64},"output_token_details":{"text_tokens":30,"audio_tokens":91}}}}`,
		`{"type":"response.created","response":{"id":"r2"}}`,
		`{"type":"response.text.delta","delta":"not be posited"}`,
	}
}

func TestSession(t *testing.T) {
	for _, piece := range []int{1, 7, 1 << 20} {
		r := NewSession()
		for _, e := range sessionEvents() {
			for len(e) > 0 {
				n := min(piece, len(e))
				r.Feed([]byte(e[:n]))
				e = e[n:]
			}
			r.End()
		}
		want := Answer{
			Model: "gpt-realtime-2025", FinishReasons: []string{"completed"}, Counted: true, TextBytes: 14,
			Usage: Usage{Prompt: 149, Completion: 130, Cached: 64, Total: 279},
		}
		if got := r.Answer(); !reflect.DeepEqual(got, want) || !r.Unsettled() {
			t.Errorf("by %d: %+v", piece, got)
		}
		for _, e := range []string{
			`{"type":"error","error":{"type":"invalid_request_error","code":"invalid_value","message":"x"}}`,
			`no JSON`, `{"type":"response.done"}`, `{"type":"response.done"}`,
			`{"type":"response.done","response":{"status":"` + strings.Repeat("x", 100) + `","usage":{"total_tokens":-1}}}`,
		} {
			r.Feed([]byte(e))
			r.End()
		}
		want.ErrorCode, want.TextBytes = "invalid_value", 0
		if got := r.Answer(); !reflect.DeepEqual(got, want) || r.Unsettled() {
			t.Errorf("by %d, at last: %+v", piece, got)
		}
		r.Feed([]byte(`{"type":"response.done","response":{"status":"failed","status_details":{"type":"failed","error":{"code":"prompt that leaks"}}}}`))
		r.End()
		if got := r.Answer(); got.ErrorCode == "prompt that leaks" || !reflect.DeepEqual(got.FinishReasons, []string{"completed", "failed"}) {
			t.Errorf("%+v", got)
		}
	}
}

// FuzzSession: any bytes in any pieces leave the reader able to read on.
func FuzzSession(f *testing.F) {
	for _, e := range sessionEvents() {
		f.Add([]byte(e), 3)
	}
	done := []byte(`{"type":"response.done","response":{"usage":{"total_tokens":3,"input_tokens":1,"output_tokens":2}}}`)
	f.Fuzz(func(t *testing.T, event []byte, at int) {
		r := NewSession()
		at = max(0, min(at, len(event)))
		r.Feed(event[:at])
		r.Feed(event[at:])
		r.End()
		before := r.Answer().Usage
		r.Feed(done)
		r.End()
		if after := r.Answer().Usage; after.Total-before.Total != 3 || after.Prompt-before.Prompt != 1 {
			t.Fatalf("%+v, then %+v", before, after)
		}
	})
}
