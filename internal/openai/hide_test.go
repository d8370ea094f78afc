package openai

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// through feeds a stream in pieces of the given sizes, and gives what goes on.
func through(stream string, size func() int) string {
	s := NewStream()
	s.HideUsage()
	var out, buf []byte
	for len(stream) > 0 {
		n := min(max(size(), 1), len(stream))
		buf = append(buf, stream[:n]...)
		held := s.Feed([]byte(stream[:n]))
		stream = stream[n:]
		ready := len(buf) - held
		out = append(out, s.Release(buf[:ready])...)
		buf = append([]byte(nil), buf[ready:]...)
	}
	return string(out) + string(buf)
}

func TestHideUsage(t *testing.T) {
	const done = "data: [DONE]\n\n"
	tests := map[string]struct{ in, want string }{
		"Azure": {
			`data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]}` + "\n\n" +
				`data: {"choices":[{"delta":{"content":"\"usage\":null"},"index":0}],"id":"c","usage":null}` + "\n\n" +
				`data: {"choices":[],"id":"c","usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}` + "\n\n" + done,
			`data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]}` + "\n\n" +
				`data: {"choices":[{"delta":{"content":"\"usage\":null"},"index":0}],"id":"c"}` + "\n\n" + done,
		},
		"first of several": {`data: {"usage" : null , "choices":[{}]}` + "\n\n" + done, `data: {"choices":[{}]}` + "\n\n" + done},
		"alone":            {`data: { "usage":null }` + "\n\n" + done, `data: {  }` + "\n\n" + done},
		"in the midst":     {`data: {"a":1 , "usage": null,"choices":[1]}` + "\n\n" + done, `data: {"a":1 ,"choices":[1]}` + "\n\n" + done},
		"CRLF": {
			"data: {\"choices\":[1]}\r\n\r\ndata: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\r\n\r\ndata: [DONE]\r\n\r\n",
			"data: {\"choices\":[1]}\r\n\r\ndata: [DONE]\r\n\r\n",
		},
		"CR":            {"data: {\"choices\":[],\"usage\":{\"a\":3}}\r\r\rdata: [DONE]\r\r", "\rdata: [DONE]\r\r"},
		"usage with id": {"id: 7\ndata: {\"choices\":[],\"usage\":{\"a\":3}}\n\n" + done, done},

		"usage with choices":  {`data: {"choices":[{}],"usage":{"total_tokens":3}}` + "\n\n" + done, ""},
		"no choices at all":   {`data: {"usage":{"total_tokens":3}}` + "\n\n" + done, ""},
		"deeper":              {`data: {"choices":[],"x":{"usage":null},"response":{"usage":null}}` + "\n\n" + done, ""},
		"twice":               {`data: {"choices":[],"usage":null,"usage":{"total_tokens":3}}` + "\n\n" + done, ""},
		"in two lines":        {"data: {\"choices\":[],\ndata: \"usage\":null}\n\n" + done, ""},
		"no JSON":             {"data: {\"usage\":null,,\n\n: x\n\n" + done, ""},
		"written differently": {`data: {"choices":[1],"us\u0061ge":null}` + "\n\n" + done, ""},
		"after DONE":          {done + `data: {"choices":[],"usage":{"total_tokens":3}}` + "\n\n", ""},
		"over long":           {`data: {"x":"` + strings.Repeat("y", 2*maxHeld) + `","choices":[],"usage":{"a":3}}` + "\n\n" + done, ""},
	}
	for name, tt := range tests {
		if tt.want == "" {
			tt.want = tt.in
		}
		random := rand.New(rand.NewPCG(1, 2))
		for _, size := range []func() int{
			func() int { return 1 << 30 }, func() int { return 1 }, func() int { return random.IntN(40) }, func() int { return 4096 },
		} {
			if len(tt.in) > 10000 && size() == 1 {
				continue
			}
			if got := through(tt.in, size); got != tt.want {
				t.Fatalf("%s: got  %.300q\nwant %.300q", name, got, tt.want)
			}
		}
	}
}

// FuzzHideUsage: however a stream is cut, the same goes on; and where no usage
// is mentioned, all of it.
func FuzzHideUsage(f *testing.F) {
	f.Add("data: {\"choices\":[],\"usage\":{\"a\":3}}\r\n\r\ndata: {\"usage\":null,\"b\":[]}\n\ndata: [DONE]\n\n", uint64(1))
	f.Add("event: x\ndata: {\"choices\":[1] , \"usage\" : null}\n\n:c\r\rdata:{\"choices\":[],\"usage\":{}}\n\n", uint64(2))
	f.Fuzz(func(t *testing.T, in string, seed uint64) {
		whole := through(in, func() int { return len(in) })
		random := rand.New(rand.NewPCG(seed, 3))
		if got := through(in, func() int { return random.IntN(9) }); got != whole {
			t.Fatalf("in pieces %q, whole %q", got, whole)
		}
		if !strings.Contains(in, `"usage"`) && whole != in {
			t.Fatalf("%q of %q", whole, in)
		}
	})
}

func BenchmarkHideUsage(b *testing.B) {
	event := []byte(`data: {"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},"delta":{"content":" word"},"finish_reason":null,"index":0,"logprobs":null}],"created":1700000000,"id":"chatcmpl-x","model":"gpt-4o-2024","object":"chat.completion.chunk","usage":null}` + "\n\n")
	for _, hide := range []bool{false, true} {
		b.Run(map[bool]string{false: "plain", true: "hidden"}[hide], func(b *testing.B) {
			s := NewStream()
			if hide {
				s.HideUsage()
			}
			buf := make([]byte, len(event))
			b.ReportAllocs()
			for b.Loop() {
				copy(buf, event)
				s.Release(buf[:len(event)-s.Feed(buf)])
			}
		})
	}
}
