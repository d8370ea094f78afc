package chat

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// gatewayClient speaks to the gateway: by no proxy of the environment's, for
// it is in the company's own network.
func gatewayClient(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			ForceAttemptHTTP2:     true,
			MaxIdleConnsPerHost:   64,
			IdleConnTimeout:       time.Minute,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: firstByte,
			DisableCompression:    true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // a token goes nowhere else
	}
}

// wire is OpenAI's chat request, as far as we use it.
type wire struct {
	Model       string        `json:"model"`
	Messages    []wireMessage `json:"messages"`
	Temperature *float64      `json:"temperature,omitempty"`
	Stream      bool          `json:"stream"`
	Options     wireOptions   `json:"stream_options"`
}

type wireOptions struct {
	Usage bool `json:"include_usage"`
}

type wireMessage struct {
	Role    string `json:"role"`
	Content any    `json:"content"` // a text, or parts
}

type wirePart struct {
	Type  string     `json:"type"`
	Text  string     `json:"text,omitempty"`
	Image *wireImage `json:"image_url,omitempty"`
}

type wireImage struct {
	URL string `json:"url"`
}

// call asks the gateway as the person.
func (c *Chat) call(ctx context.Context, q question) (*http.Response, Status, error) {
	token, err := c.provider.bearer(ctx, q.session.tokens)
	if fault.KindOf(err) == fault.Unauthenticated {
		return nil, Expired, err
	}
	if err != nil {
		return nil, Away, err
	}
	body, err := json.Marshal(q.wire())
	if err != nil {
		return nil, Invalid, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.s.Gateway.URL+"/openai/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return nil, Away, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("User-Agent", "ostiary-chat")
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	resp, err := c.gateway.Do(req)
	switch {
	case err == nil:
		return resp, Running, nil
	case errors.Is(context.Cause(ctx), errStop):
		return nil, Stopped, err
	case errors.Is(context.Cause(ctx), errRestart):
		return nil, Lost, err
	}
	return nil, Away, err
}

// wire is the request: system prompt, what came before, and the question.
// Answers that are none (refusals) are left out, with their questions.
func (q question) wire() wire {
	w := wire{Model: q.model.Name, Temperature: q.conversation.Temperature, Stream: true, Options: wireOptions{true}}
	if q.conversation.System != "" {
		w.Messages = append(w.Messages, wireMessage{"system", q.conversation.System})
	}
	for i, m := range q.history {
		unanswered := m.Role == fromUser && (i+1 == len(q.history) || q.history[i+1].Role == fromModel && q.history[i+1].Text == "")
		if m.Role == fromModel && m.Text == "" || unanswered {
			continue
		}
		w.Messages = append(w.Messages, m.wire(q.model.Images))
	}
	w.Messages = append(w.Messages, q.asked.wire(q.model.Images))
	return w
}

// wire is a message with its files: texts stand in it by their names, pictures
// beside it.
func (m Message) wire(images bool) wireMessage {
	var text strings.Builder
	var pictures []wirePart
	for _, f := range m.Files {
		switch {
		case !f.image():
			text.WriteString("File " + f.Name + ":\n" + fenced(string(f.Data)) + "\n\n")
		case images && len(f.Data) > 0:
			pictures = append(pictures, wirePart{Type: "image_url", Image: &wireImage{"data:" + f.Type + ";base64," + base64.StdEncoding.EncodeToString(f.Data)}})
		}
	}
	text.WriteString(m.Text)
	if len(pictures) == 0 {
		return wireMessage{m.Role, text.String()}
	}
	return wireMessage{m.Role, append([]wirePart{{Type: "text", Text: text.String()}}, pictures...)}
}

// fenced puts a text between fences that it does not contain.
func fenced(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + "\n" + strings.TrimRight(text, "\n") + "\n" + fence
}

// ending is how a stream ended.
type ending struct {
	finish             string
	prompt, completion int64
	complete           bool // it said so itself
	cut                bool // it was longer than an answer may be
}

// settle puts the ending into the message.
func (e ending) settle(m *Message) {
	m.Prompt, m.Completion = e.prompt, e.completion
	switch {
	case e.cut, e.finish == "length":
		m.Status = Length
	case e.finish == "content_filter":
		m.Status = Censor
	case e.complete:
		m.Status = Done
	default:
		m.Status = Cut
	}
}

// event is one of a stream.
type event struct {
	Choices []struct {
		Delta struct {
			Content string `json:"content"`
			Refusal string `json:"refusal"`
		} `json:"delta"`
		Finish string `json:"finish_reason"`
	} `json:"choices"`
	Usage struct {
		Prompt     int64 `json:"prompt_tokens"`
		Completion int64 `json:"completion_tokens"`
	} `json:"usage"`
}

const maxEvent = 1 << 20 // bytes of a line

// readEvents reads server-sent events until [DONE], and gives each piece of
// text to add. Lines that are no events of ours are passed over.
func readEvents(body io.Reader, add func(string)) (e ending) {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 0, 4096), maxEvent)
	length := 0
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		if !ok {
			continue
		}
		data = bytes.TrimSpace(data)
		if string(data) == "[DONE]" {
			e.complete = true
			return e
		}
		var ev event
		if json.Unmarshal(data, &ev) != nil {
			return e
		}
		if u := ev.Usage; u.Prompt+u.Completion > 0 {
			e.prompt, e.completion = max(u.Prompt, 0), max(u.Completion, 0)
		}
		for _, choice := range ev.Choices {
			if choice.Finish != "" {
				e.finish = choice.Finish
			}
			piece := choice.Delta.Content + choice.Delta.Refusal
			if length += len(piece); length > maxAnswer {
				e.cut = true
				return e
			}
			if piece != "" {
				add(piece)
			}
		}
	}
	return e
}
