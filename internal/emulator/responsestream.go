package emulator

import (
	"net/http"
	"strings"
	"time"
)

// fields are the members of an event beside its type and number. Their order
// is the encoder's, by name, which no reader relies on.
type fields map[string]any

// eventStream numbers the events of a Responses stream and sends each.
type eventStream struct {
	streaming
	next int
}

func (s *eventStream) event(kind string, f fields) error {
	f["type"], f["sequence_number"] = kind, s.next
	s.next++
	return s.write("event: " + kind + "\ndata: " + marshal(f) + "\n\n")
}

// streamResponse sends a response as its events, as recorded: the response
// begins, an item and a part of it, the text in deltas, and each is ended.
// There is no [DONE].
func (f *front) streamResponse(w http.ResponseWriter, c *call, q *asked, r response, tokens []string) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	s := &eventStream{streaming: streaming{w: w, control: http.NewResponseController(w), ctx: c.Context(), delay: f.delay}}
	_ = s.control.SetReadDeadline(time.Time{}) // the server's would cancel a stream longer than it
	pad := q.StreamOptions == nil || q.StreamOptions.IncludeObfuscation == nil || *q.StreamOptions.IncludeObfuscation
	_ = s.send(r, tokens, pad) // a client that left needs no answer
}

func (s *eventStream) send(r response, tokens []string, pad bool) error {
	begun := r
	begun.Status, begun.CompletedAt, begun.Filters, begun.Incomplete, begun.Usage = "in_progress", nil, nil, nil, nil
	begun.Output, begun.ServiceTier = []outputItem{}, "auto"
	item := r.Output[0]
	opened := item
	opened.Status, opened.Content = "in_progress", []outputPart{}
	at := func(more fields) fields {
		more["item_id"], more["output_index"], more["content_index"] = item.ID, 0, 0
		return more
	}
	var err error
	step := func(kind string, f fields) {
		if err == nil {
			err = s.event(kind, f)
		}
	}
	step("response.created", fields{"response": begun})
	step("response.in_progress", fields{"response": begun})
	step("response.output_item.added", fields{"output_index": 0, "item": opened})
	step("response.content_part.added", at(fields{"part": newPart("")}))
	for i, token := range tokens {
		if err == nil {
			err = s.pause(i)
		}
		delta := at(fields{"delta": token, "logprobs": []struct{}{}})
		if pad {
			delta["obfuscation"] = randomName(16 - len(token)%16)
		}
		step("response.output_text.delta", delta)
	}
	text := strings.Join(tokens, "")
	step("response.output_text.done", at(fields{"text": text, "logprobs": []struct{}{}}))
	step("response.content_part.done", at(fields{"part": newPart(text)}))
	step("response.output_item.done", fields{"output_index": 0, "item": item})
	step("response."+r.Status, fields{"response": r})
	return err
}
