package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

func (q *question) readMessages(req *chatRequest) *refusal {
	if !present(req.Messages) {
		return invalid("messages", "missing_required_parameter", "Missing required parameter: 'messages'.")
	}
	var list []json.RawMessage
	if json.Unmarshal(req.Messages, &list) != nil {
		return invalid("messages", "invalid_type", "Invalid type for 'messages': expected an array of objects, but got %s instead.", kindOf(req.Messages))
	}
	if len(list) == 0 {
		return invalid("messages", "empty_array", "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.")
	}
	if len(list) > maxMessages {
		return invalid("messages", "array_above_max_length", "Invalid 'messages': array too long. Expected an array with maximum length %d, but got an array with length %d instead.", maxMessages, len(list))
	}
	for i, raw := range list {
		t, refused := readMessage(raw, fmt.Sprintf("messages[%d]", i))
		if refused != nil {
			return refused
		}
		q.turns = append(q.turns, t)
	}
	return nil
}

func readMessage(raw json.RawMessage, at string) (turn, *refusal) {
	var m struct {
		Role         *string         `json:"role"`
		Content      json.RawMessage `json:"content"`
		ToolCalls    json.RawMessage `json:"tool_calls"`
		FunctionCall json.RawMessage `json:"function_call"`
	}
	if json.Unmarshal(raw, &m) != nil || kindOf(raw) != "an object" {
		return turn{}, invalid(at, "invalid_type", "Invalid type for '%s': expected an object, but got %s instead.", at, kindOf(raw))
	}
	if m.Role == nil {
		return turn{}, invalid(at+".role", "missing_required_parameter", "Missing required parameter: '%s.role'.", at)
	}
	switch *m.Role {
	case "system", "developer", "user", "assistant", "tool", "function":
	default:
		return turn{}, invalid(at+".role", "invalid_value", "Invalid value: '%s'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.", shorten(*m.Role))
	}
	if !present(m.Content) {
		if *m.Role == "assistant" && (present(m.ToolCalls) || present(m.FunctionCall)) {
			return turn{role: *m.Role}, nil
		}
		return turn{}, invalid(at+".content", "", "Invalid value for 'content': expected a string, got null.")
	}
	text, refused := readContent(m.Content, at+".content")
	return turn{*m.Role, text}, refused
}

// readContent takes a string or an array of text parts.
func readContent(raw json.RawMessage, at string) (string, *refusal) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	var parts []struct {
		Type    string  `json:"type"`
		Text    *string `json:"text"`
		Refusal *string `json:"refusal"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return "", invalid(at, "invalid_type", "Invalid type for '%s': expected one of a string or array of objects, but got %s instead.", at, kindOf(raw))
	}
	var texts []string
	for i, p := range parts {
		switch {
		case p.Type == "text" && p.Text != nil:
			texts = append(texts, *p.Text)
		case p.Type == "refusal" && p.Refusal != nil:
			texts = append(texts, *p.Refusal)
		case p.Type == "text" || p.Type == "refusal":
			return "", invalid(fmt.Sprintf("%s[%d].%s", at, i, p.Type), "missing_required_parameter", "Missing required parameter: '%s[%d].%s'.", at, i, p.Type)
		default:
			return "", invalid(at, "", "Invalid content type. %s is only supported by certain models.", shorten(p.Type))
		}
	}
	return strings.Join(texts, "\n"), nil
}

// kindOf names the JSON type of a value, as the service's messages do.
func kindOf(raw json.RawMessage) string {
	switch b := bytes.TrimLeft(raw, " \t\r\n"); {
	case len(b) == 0 || b[0] == 'n':
		return "null"
	case b[0] == '{':
		return "an object"
	case b[0] == '[':
		return "an array"
	case b[0] == '"':
		return "a string"
	case b[0] == 't' || b[0] == 'f':
		return "a boolean"
	default:
		return "a number"
	}
}
