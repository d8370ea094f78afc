package emulator

import (
	"context"
	"io"
	"net/http"
	"time"
)

// slowReader is how long a client may leave one event unread.
const slowReader = 30 * time.Second

// chunk is one event of a stream, as recorded: the first has empty strings and
// no choices, and the verdicts on the prompt; the usage chunk has no choices.
type chunk struct {
	Choices      []chunkChoice  `json:"choices"`
	Created      int64          `json:"created"`
	ID           string         `json:"id"`
	Model        string         `json:"model"`
	Obfuscation  string         `json:"obfuscation,omitempty"`
	Object       string         `json:"object"`
	PromptFilter []promptFilter `json:"prompt_filter_results,omitempty"`
	SystemFinger string         `json:"system_fingerprint,omitempty"`
	Usage        *usageOrNull   `json:"usage,omitempty"`
}

// usageOrNull is absent where usage was not asked for, null before the last
// chunk where it was.
type usageOrNull struct{ *usage }

// MarshalJSON writes the usage, or null.
func (u usageOrNull) MarshalJSON() ([]byte, error) { return []byte(marshal(u.usage)), nil }

// chunkChoice has the verdicts, the index and the finish reason beside delta,
// not inside it.
type chunkChoice struct {
	Filter       any       `json:"content_filter_results"`
	Delta        delta     `json:"delta"`
	FinishReason *string   `json:"finish_reason"`
	Index        int       `json:"index"`
	Logprobs     *struct{} `json:"logprobs"`
}

// delta is {"content","refusal","role"} first, {"content"} then, {} last.
type delta map[string]any

// streaming writes one reply as events.
type streaming struct {
	w       http.ResponseWriter
	control *http.ResponseController
	ctx     context.Context //nolint:containedctx // lives as long as the one call it belongs to
	delay   time.Duration
	q       question
	r       reply
}

// stream sends the reply as server-sent events, each flushed. It stops at the
// first failed write and as soon as the client leaves.
func (f *front) stream(w http.ResponseWriter, c *call, q question, r reply) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	s := &streaming{w, http.NewResponseController(w), c.Context(), f.delay, q, r}
	_ = s.control.SetReadDeadline(time.Time{}) // the server's would cancel a stream longer than it
	_ = s.run()                                // a client that left needs no answer
}

func (s *streaming) run() error {
	if err := s.send(chunk{Choices: []chunkChoice{}, PromptFilter: promptPasses()}); err != nil {
		return err
	}
	if err := s.each(struct{}{}, delta{"content": "", "refusal": nil, "role": "assistant"}, 0, nil); err != nil {
		return err
	}
	for i, token := range s.r.tokens {
		if err := s.pause(i); err != nil {
			return err
		}
		if err := s.each(answerPasses(), delta{"content": token}, len(token), nil); err != nil {
			return err
		}
	}
	var last any = struct{}{}
	if s.r.finish == "content_filter" {
		last = s.r.filter
	}
	if err := s.each(last, delta{}, 0, &s.r.finish); err != nil {
		return err
	}
	if s.q.includeUsage {
		used := s.chunk([]chunkChoice{}, 0)
		used.Usage = &usageOrNull{&s.r.usage}
		if err := s.send(used); err != nil {
			return err
		}
	}
	return s.write("data: [DONE]\n\n")
}

// each sends the same delta for every choice.
func (s *streaming) each(filter any, d delta, size int, finish *string) error {
	for i := range s.q.choices {
		if err := s.send(s.chunk([]chunkChoice{{Filter: filter, Delta: d, FinishReason: finish, Index: i}}, size)); err != nil {
			return err
		}
	}
	return nil
}

func (s *streaming) chunk(choices []chunkChoice, size int) chunk {
	c := chunk{
		Choices: choices, Created: s.r.created, ID: s.r.id, Model: s.r.model,
		Object: "chat.completion.chunk", SystemFinger: s.r.fingerprint,
	}
	if s.q.includeUsage {
		c.Usage = &usageOrNull{}
	}
	if s.q.obfuscate {
		c.Obfuscation = randomName(16 - size%16)
	}
	return c
}

func (s *streaming) send(c chunk) error { return s.write("data: " + marshal(c) + "\n\n") }

// write sends one event on its way. A recorder in a test can neither flush
// nor set a deadline; a socket can both.
func (s *streaming) write(event string) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(slowReader))
	if _, err := io.WriteString(s.w, event); err != nil {
		return err
	}
	return s.control.Flush()
}

// pause waits between tokens, not before the first.
func (s *streaming) pause(i int) error {
	if s.delay == 0 || i == 0 {
		return nil
	}
	select {
	case <-s.ctx.Done():
		return s.ctx.Err()
	case <-time.After(s.delay):
		return nil
	}
}
