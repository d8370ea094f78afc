package emulator

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/websocket"
)

// Bounds of a realtime session.
const (
	maxRealtimeEvent = 1 << 20 // bytes of one event; sound comes in small pieces
	maxRealtimeTurns = 500
	realtimeLife     = 30 * time.Minute // as Azure has it
	realtimeSilence  = 5 * time.Minute  // without an event from the client
)

// realtime is a session over a WebSocket, in text alone: what a client says in
// sound is not heard.
func (f *front) realtime(w http.ResponseWriter, c *call) *refusal {
	if refused := deployed(c, c.route.deployment); refused != nil {
		return refused
	}
	if !strings.EqualFold(c.Header.Get("Upgrade"), "websocket") {
		return envelope(http.StatusBadRequest, "BadRequest", "This operation is a WebSocket: the request must ask for an upgrade.")
	}
	server := websocket.Server{
		Handshake: func(config *websocket.Config, _ *http.Request) error {
			if len(config.Protocol) > 0 { // a browser's list, in which a key may stand: only the first is answered
				config.Protocol = config.Protocol[:1]
			}
			return nil
		},
		Handler: func(conn *websocket.Conn) { f.session(conn, c) },
	}
	server.ServeHTTP(hijackable{w}, c.Request)
	return nil
}

// hijackable finds the connection beneath writers that wrap one.
type hijackable struct{ http.ResponseWriter }

// Hijack is http.Hijacker's.
func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(h.ResponseWriter).Hijack()
}

// realtimeSession is one open session.
type realtimeSession struct {
	front *front
	call  *call
	conn  *websocket.Conn
	ctx   context.Context //nolint:containedctx // lives as long as the one session it belongs to
	id    string
	turns []turn
	last  string         // item
	said  map[string]any // what session.update has set
}

func (f *front) session(conn *websocket.Conn, c *call) {
	defer func() { _ = conn.Close() }()
	conn.MaxPayloadBytes = maxRealtimeEvent
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), realtimeLife)
	defer cancel()
	s := &realtimeSession{front: f, call: c, conn: conn, ctx: ctx, id: "sess_" + randomName(21), said: map[string]any{}}
	if s.send("session.created", fields{"session": s.shown()}) != nil {
		return
	}
	for ctx.Err() == nil {
		_ = conn.SetReadDeadline(time.Now().Add(realtimeSilence))
		var text string
		if websocket.Message.Receive(conn, &text) != nil || s.take(text) != nil {
			return
		}
	}
}

func (s *realtimeSession) send(kind string, f fields) error {
	f["type"], f["event_id"] = kind, "event_"+randomName(21)
	_ = s.conn.SetWriteDeadline(time.Now().Add(slowReader))
	return websocket.Message.Send(s.conn, marshal(f))
}

func (s *realtimeSession) fail(message, param, event string) error {
	return s.send("error", fields{"error": fields{
		"type": "invalid_request_error", "code": "invalid_value", "message": message, "param": nullable(param), "event_id": nullable(event),
	}})
}

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// shown is the session as its events tell of it.
func (s *realtimeSession) shown() fields {
	d := s.call.deployment
	f := fields{
		"id": s.id, "object": "realtime.session", "model": servedName(d.model, d.Version), "expires_at": s.front.now().Add(realtimeLife).Unix(),
		"instructions": "", "modalities": []string{"text"}, "tools": []any{}, "tool_choice": "auto", "voice": "alloy",
		"input_audio_format": "pcm16", "output_audio_format": "pcm16", "input_audio_transcription": nil, "turn_detection": nil,
		"temperature": 0.8, "max_response_output_tokens": "inf",
	}
	if s.call.v1 {
		f["type"] = "realtime"
	}
	for k, v := range s.said {
		if k != "id" && k != "object" && k != "model" {
			f[k] = v
		}
	}
	return f
}

// clientEvent is what the emulator reads of an event.
type clientEvent struct {
	Type    string         `json:"type"`
	EventID string         `json:"event_id"`
	Session map[string]any `json:"session"`
	Item    *realtimeItem  `json:"item"`
	Delta   struct {
		Instructions string `json:"instructions"`
	} `json:"response"`
}

type realtimeItem struct {
	ID      string          `json:"id"`
	Object  string          `json:"object"`
	Type    string          `json:"type"`
	Status  string          `json:"status"`
	Role    string          `json:"role,omitempty"`
	Content json.RawMessage `json:"content,omitempty"`
}

// take answers one event. An error ends the session; a bad event does not.
func (s *realtimeSession) take(text string) error {
	var e clientEvent
	if json.Unmarshal([]byte(text), &e) != nil {
		return s.fail("The event is no JSON object of the realtime API.", "", "")
	}
	switch e.Type {
	case "session.update":
		for k, v := range e.Session {
			s.said[k] = v
		}
		return s.send("session.updated", fields{"session": s.shown()})
	case "conversation.item.create":
		return s.add(e)
	case "response.create":
		return s.respond(e)
	case "input_audio_buffer.append", "output_audio_buffer.clear":
		return nil
	case "input_audio_buffer.commit":
		return s.send("input_audio_buffer.committed", fields{"previous_item_id": nullable(s.last), "item_id": "item_" + randomName(21)})
	case "input_audio_buffer.clear":
		return s.send("input_audio_buffer.cleared", fields{})
	case "response.cancel":
		return s.fail("Cancellation failed: no active response found", "", e.EventID)
	}
	return s.fail("Invalid value: '"+shorten(e.Type)+"'. Ostiary's emulator knows session.update, conversation.item.create, response.create, response.cancel and input_audio_buffer.*.", "type", e.EventID)
}

func (s *realtimeSession) add(e clientEvent) error {
	if e.Item == nil || e.Item.Type != "message" {
		return s.fail("Invalid value: an item must be a message.", "item.type", e.EventID)
	}
	if len(s.turns) >= maxRealtimeTurns {
		return s.fail("The conversation has too many items.", "item", e.EventID)
	}
	content, ok := partsText(e.Item.Content)
	if !ok {
		return s.fail("Invalid value: 'item.content' must be an array of parts.", "item.content", e.EventID)
	}
	s.turns = append(s.turns, turn{e.Item.Role, content})
	item := *e.Item
	item.Object, item.Status = "realtime.item", "completed"
	if item.ID == "" {
		item.ID = "item_" + randomName(21)
	}
	return s.appear(item)
}

// appear tells of a new item: once in the preview's words, twice in v1's.
func (s *realtimeSession) appear(item realtimeItem) error {
	kinds := []string{"conversation.item.created"}
	if s.call.v1 {
		kinds = []string{"conversation.item.added", "conversation.item.done"}
	}
	for _, kind := range kinds {
		if err := s.send(kind, fields{"previous_item_id": nullable(s.last), "item": item}); err != nil {
			return err
		}
	}
	s.last = item.ID
	return nil
}
