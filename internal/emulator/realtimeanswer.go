package emulator

import (
	"encoding/json"
	"strings"
	"time"
)

// respond answers the conversation so far with the events of one response.
func (s *realtimeSession) respond(e clientEvent) error {
	turns := s.turns
	instructions, _ := s.said["instructions"].(string)
	if e.Delta.Instructions != "" {
		instructions = e.Delta.Instructions
	}
	if instructions != "" {
		turns = append([]turn{{"system", instructions}}, turns...)
	}
	if refused := s.call.deployment.quota.admit(s.front.now(), s.call, promptTokens(turns), 0); refused != nil {
		return s.send("error", fields{"error": fields{"type": "too_many_requests", "code": "rate_limit_exceeded", "message": "Rate limit is exceeded.", "param": nil, "event_id": nullable(e.EventID)}})
	}
	tokens := splitTokens(s.front.corpus().answer(turns, false))
	text := strings.Join(tokens, "")
	id := "resp_" + randomName(21)
	item := realtimeItem{ID: "item_" + randomName(21), Object: "realtime.item", Type: "message", Status: "in_progress", Role: "assistant", Content: json.RawMessage("[]")}
	response := func(status string, output []realtimeItem, usage any) fields {
		return fields{"response": fields{
			"id": id, "object": "realtime.response", "status": status, "status_details": nil, "output": output, "usage": usage,
			"conversation_id": "conv_" + s.id, "modalities": []string{"text"}, "max_output_tokens": "inf", "metadata": nil,
		}}
	}
	if err := s.send("response.created", response("in_progress", []realtimeItem{}, nil)); err != nil {
		return err
	}
	if err := s.send("response.output_item.added", fields{"response_id": id, "output_index": 0, "item": item}); err != nil {
		return err
	}
	if err := s.appear(item); err != nil {
		return err
	}
	if err := s.speak(id, item.ID, tokens, text); err != nil {
		return err
	}
	part, _ := json.Marshal([]fields{{"type": s.partType(), "text": text}})
	item.Status, item.Content = "completed", part
	if err := s.send("response.output_item.done", fields{"response_id": id, "output_index": 0, "item": item}); err != nil {
		return err
	}
	s.turns = append(s.turns, turn{"assistant", text})
	prompt := promptTokens(turns)
	s.call.deployment.quota.take(s.front.now(), prompt+len(tokens))
	return s.send("response.done", response("completed", []realtimeItem{item}, fields{
		"total_tokens": prompt + len(tokens), "input_tokens": prompt, "output_tokens": len(tokens),
		"input_token_details":  fields{"cached_tokens": 0, "text_tokens": prompt, "audio_tokens": 0},
		"output_token_details": fields{"text_tokens": len(tokens), "audio_tokens": 0},
	}))
}

// partType and the names of text events are v1's, or those of the preview
// before it.
func (s *realtimeSession) partType() string {
	if s.call.v1 {
		return "output_text"
	}
	return "text"
}

// speak sends the one part of the answer, a token an event.
func (s *realtimeSession) speak(id, item string, tokens []string, text string) error {
	at := func(f fields) fields {
		f["response_id"], f["item_id"], f["output_index"], f["content_index"] = id, item, 0, 0
		return f
	}
	if err := s.send("response.content_part.added", at(fields{"part": fields{"type": s.partType(), "text": ""}})); err != nil {
		return err
	}
	for i, token := range tokens {
		if i > 0 && s.front.delay > 0 {
			select {
			case <-s.ctx.Done():
				return s.ctx.Err()
			case <-time.After(s.front.delay):
			}
		}
		if err := s.send("response."+s.partType()+".delta", at(fields{"delta": token})); err != nil {
			return err
		}
	}
	if err := s.send("response."+s.partType()+".done", at(fields{"text": text})); err != nil {
		return err
	}
	return s.send("response.content_part.done", at(fields{"part": fields{"type": s.partType(), "text": text}}))
}
