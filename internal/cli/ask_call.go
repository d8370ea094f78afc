package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
	"github.com/ostiary/ostiary/internal/signin"
)

// asker asks a gateway, or an inlet, as a person or by a key.
type asker struct {
	base   string
	key    secret.String
	person *signin.SignIn // nil: by the key, or, at an inlet, by nothing
	http   *http.Client
	model  string
	stream bool
}

// message is one of OpenAI's. Content is a text or a list of parts.
type message struct {
	Role    string `json:"role"`
	Content any    `json:"content"`
}

// answer is one answer, as --json prints it.
type answer struct {
	Model    string   `json:"model,omitempty"`
	Text     string   `json:"answer"`
	Finish   string   `json:"finish_reason,omitempty"`
	Usage    *usage   `json:"usage,omitempty"`
	Call     string   `json:"call_id,omitempty"` // the gateway's, as its ledger names it
	Duration int64    `json:"duration_ms"`
	Trouble  *trouble `json:"error,omitempty"`
}

type usage struct {
	Prompt     int64 `json:"prompt_tokens"`
	Completion int64 `json:"completion_tokens"`
	Total      int64 `json:"total_tokens"`
}

// newAsker chooses the credential: a key before a sign-in, and nothing where
// neither is configured, as at an inlet.
func newAsker(s askSettings, key secret.Ref) (*asker, error) {
	roots, err := pki.ReadPool(s.CA)
	if err != nil {
		return nil, err
	}
	a := &asker{base: strings.TrimRight(s.Gateway, "/"), http: &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			ForceAttemptHTTP2:     true,
			TLSHandshakeTimeout:   15 * time.Second,
			ResponseHeaderTimeout: 5 * time.Minute,
			IdleConnTimeout:       time.Minute,
		},
		// A credential is for the gateway alone, wherever it would send us.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	switch {
	case !key.IsZero():
		if a.key, err = key.Resolve(); err != nil {
			return nil, fault.New(fault.Invalid, "the gateway key cannot be read").At("--key").Because(err)
		}
	case s.Login.Configured():
		if a.person, err = s.signIn(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

type chatBody struct {
	Model         string          `json:"model"`
	Messages      []message       `json:"messages"`
	Stream        bool            `json:"stream,omitempty"`
	StreamOptions map[string]bool `json:"stream_options,omitempty"`
}

// ask asks, and gives each piece of the answer to token as it comes. What came
// before an error is in the answer that is returned with it.
func (a *asker) ask(ctx context.Context, messages []message, token func(string)) (answer, error) {
	began := time.Now()
	q := chatBody{Model: a.model, Messages: messages, Stream: a.stream}
	if a.stream {
		q.StreamOptions = map[string]bool{"include_usage": true}
	}
	body, err := json.Marshal(q)
	if err != nil {
		return answer{}, err
	}
	resp, err := a.send(ctx, body)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	got := answer{Call: resp.Header.Get("X-Ostiary-Call-Id")}
	switch {
	case resp.StatusCode != http.StatusOK:
		return got, a.refusal(resp)
	case strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream"):
		err = got.readStream(resp.Body, token)
	default:
		err = got.readWhole(resp.Body, token)
	}
	got.Duration = time.Since(began).Milliseconds()
	return got, err
}

// send sends a request with the credential. A token that the gateway refuses is
// renewed once: the tenant may have changed its keys, or the clock its mind.
func (a *asker) send(ctx context.Context, body []byte) (*http.Response, error) {
	var token secret.String
	var err error
	if a.person != nil {
		if token, err = a.person.Token(ctx); err != nil {
			return nil, err
		}
	}
	resp, err := a.try(ctx, body, token)
	if err != nil || a.person == nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	said, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	_ = resp.Body.Close()
	if errorOf(said).Code == codeDenied { // it knows who asks
		resp.Body = io.NopCloser(bytes.NewReader(said))
		return resp, nil
	}
	if token, err = a.person.Renew(ctx); err != nil {
		return nil, err
	}
	return a.try(ctx, body, token)
}

func (a *asker) try(ctx context.Context, body []byte, token secret.String) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base+"/openai/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return nil, fault.New(fault.Invalid, "not a URL").At("--gateway")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "ostiary-ask")
	switch {
	case !a.key.Empty():
		req.Header.Set("Api-Key", a.key.Reveal())
	case !token.Empty():
		req.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, a.unreachable(err)
	}
	return resp, nil
}

// chunk is an event of a stream, or a whole answer.
type chunk struct {
	Model   string `json:"model"`
	Choices []struct {
		Delta, Message struct {
			Content string `json:"content"`
			Refusal string `json:"refusal"`
		}
		Finish string `json:"finish_reason"`
	} `json:"choices"`
	Usage *usage `json:"usage"`
	Error *struct {
		Message string `json:"message"`
		Code    any    `json:"code"`
	} `json:"error"`
}

const (
	maxEvent  = 4 << 20  // bytes of one line of a stream
	maxAnswer = 64 << 20 // bytes of a whole answer
)

// take adds an event.
func (g *answer) take(c chunk, token func(string)) error {
	if c.Error != nil {
		return fault.New(fault.Upstream, "the answer broke off: "+printable(c.Error.Message)).Fix("ask again")
	}
	if c.Model != "" {
		g.Model = printable(c.Model)
	}
	if c.Usage != nil {
		g.Usage = c.Usage
	}
	for _, choice := range c.Choices {
		text := choice.Delta.Content + choice.Message.Content + choice.Delta.Refusal + choice.Message.Refusal
		if choice.Finish != "" {
			g.Finish = printable(choice.Finish)
		}
		if text != "" {
			g.Text += text
			token(text)
		}
	}
	return nil
}

// readStream reads server-sent events until [DONE]. A stream that ends before
// is an answer that broke off.
func (g *answer) readStream(body io.Reader, token func(string)) error {
	lines := bufio.NewScanner(io.LimitReader(body, maxAnswer))
	lines.Buffer(make([]byte, 64<<10), maxEvent)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		if !ok {
			continue
		}
		if data = bytes.TrimSpace(data); string(data) == "[DONE]" {
			return nil
		}
		var c chunk
		if json.Unmarshal(data, &c) != nil {
			return brokeOff(errors.New("an event that is no JSON"))
		}
		if err := g.take(c, token); err != nil {
			return err
		}
	}
	return brokeOff(lines.Err())
}

func (g *answer) readWhole(body io.Reader, token func(string)) error {
	data, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	var c chunk
	if err != nil {
		return brokeOff(err)
	}
	if len(data) > maxAnswer || json.Unmarshal(data, &c) != nil {
		return fault.New(fault.Upstream, "the answer is none of OpenAI's").Fix("check that --gateway is a gateway or an inlet")
	}
	return g.take(c, token)
}

func brokeOff(err error) error {
	return fault.New(fault.Upstream, "the answer broke off").Fix("ask again").Because(err)
}

// ending says what a reader of the text alone would not see.
func (g *answer) ending(w io.Writer) error {
	switch g.Finish {
	case "length":
		_, _ = fmt.Fprintln(w, "ostiary: the answer was cut at its greatest length; ask it to go on")
	case "content_filter":
		return fault.New(fault.Denied, "the content filter stopped the answer").Fix("ask in other words")
	}
	return nil
}
