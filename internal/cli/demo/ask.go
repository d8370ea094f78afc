package demo

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// maxAnswer bounds what the demo's client reads, in bytes.
const maxAnswer = 8 << 20

// outcome is what a client saw.
type outcome struct {
	Status int
	CallID string
	Text   string
	Error  string
}

// client trusts the demo's CA beside the system's, and keeps no connection.
func (w *World) client() *http.Client {
	return &http.Client{
		Timeout: 5 * time.Minute,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: w.roots},
		},
	}
}

// askOutside is somebody on the internet who even holds the model's key, where
// there is one: public access off must refuse them all the same.
func (w *World) askOutside(ctx context.Context) outcome {
	url := w.OutsideURL + "/openai/deployments/" + w.Model + "/chat/completions?api-version=2024-10-21"
	if w.kind == "openai" {
		url = w.OutsideURL + "/chat/completions"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"messages":[{"role":"user","content":"Anybody there?"}]}`))
	if err != nil {
		return outcome{Error: err.Error()}
	}
	req.Header.Set("Content-Type", "application/json")
	if !w.outsideKey.Empty() {
		req.Header.Set("Api-Key", w.outsideKey.Reveal())
	}
	resp, err := w.client().Do(req)
	if err != nil {
		return outcome{Error: "no connection"}
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	return outcome{Status: resp.StatusCode, Error: errorMessage(body)}
}

// chatRequest is what the consumer's client sends: OpenAI's own, no more.
type chatRequest struct {
	Model         string          `json:"model"`
	Messages      []message       `json:"messages"`
	Stream        bool            `json:"stream"`
	StreamOptions map[string]bool `json:"stream_options"`
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// ask asks in the consumer's network and gives each piece of the answer to
// token as it comes.
func (w *World) ask(ctx context.Context, question string, token func(string)) (outcome, error) {
	body, err := json.Marshal(chatRequest{
		Model: w.Model, Messages: []message{{"user", question}},
		Stream: true, StreamOptions: map[string]bool{"include_usage": true},
	})
	if err != nil {
		return outcome{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.InletURL+"/openai/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return outcome{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := w.client().Do(req)
	if err != nil {
		return outcome{}, fault.New(fault.Unavailable, "no answer through the portal").At(w.InletURL).Because(err)
	}
	defer func() { _ = resp.Body.Close() }()
	out := outcome{Status: resp.StatusCode, CallID: resp.Header.Get("X-Ostiary-Call-Id")}
	stream := io.LimitReader(resp.Body, maxAnswer)
	if resp.StatusCode != http.StatusOK {
		data, err := io.ReadAll(stream)
		out.Error = fmt.Sprintf("HTTP %d: %s", resp.StatusCode, errorMessage(data))
		return out, err
	}
	out.Text, err = readStream(stream, token)
	if err != nil {
		return out, fault.New(fault.Upstream, "the answer broke off").Because(err)
	}
	return out, nil
}

// readStream reads server-sent events until [DONE]; anything less is an error.
func readStream(r io.Reader, token func(string)) (string, error) {
	var text strings.Builder
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		if strings.TrimSpace(data) == "[DONE]" {
			return text.String(), nil
		}
		var chunk struct {
			Choices []struct {
				Delta struct {
					Content string `json:"content"`
				} `json:"delta"`
			} `json:"choices"`
		}
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			return text.String(), err
		}
		for _, c := range chunk.Choices {
			if c.Delta.Content != "" {
				token(c.Delta.Content)
				text.WriteString(c.Delta.Content)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return text.String(), err
	}
	return text.String(), io.ErrUnexpectedEOF
}

// errorMessage is the message of an error in Azure's or OpenAI's shape.
func errorMessage(body []byte) string {
	var e struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &e) == nil && e.Error.Message+e.Message != "" {
		return e.Error.Message + e.Message
	}
	return strings.ToValidUTF8(fmt.Sprintf("%.200s", body), "?")
}
