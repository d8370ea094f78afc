package chat

import (
	"context"
	"time"
)

// Store keeps conversations. Every method is told whose they are; what belongs
// to somebody else does not exist: errAbsent. Implementations are safe for use
// by many.
type store interface {
	// conversations gives up to n of them, the last used first, from before a
	// moment on.
	conversations(ctx context.Context, owner string, before time.Time, n int) ([]Conversation, error)
	// search finds conversations whose title or messages hold all of the words,
	// or words that begin so.
	search(ctx context.Context, owner string, words []string, n int) ([]Found, error)
	conversation(ctx context.Context, owner, id string) (Conversation, error)
	create(ctx context.Context, owner string, c Conversation) error
	// change stores title, model, system prompt and temperature.
	change(ctx context.Context, owner string, c Conversation) error
	remove(ctx context.Context, owner, id string) error
	removeAll(ctx context.Context, owner string) error

	// messages gives up to n from below a sequence number, in order.
	messages(ctx context.Context, owner, id string, before int64, n int) ([]Message, error)
	// add appends messages after dropping those from a sequence number on (0:
	// none), in one step, and gives the last one's number.
	add(ctx context.Context, owner, id string, from int64, all ...Message) (int64, error)
	// finish stores what has become of an answer.
	finish(ctx context.Context, id string, m Message) error
	file(ctx context.Context, owner, id string, seq int64, n int) (File, error)

	person(ctx context.Context, owner string) (Preferences, error)
	remember(ctx context.Context, owner string, p Preferences) error
	usage(ctx context.Context) ([]Usage, error)

	ping(ctx context.Context) error
	close() error
}

// Conversation is one, without its messages.
type Conversation struct {
	ID          string    `json:"id"`
	Title       string    `json:"title"`
	Model       string    `json:"model"`
	System      string    `json:"system,omitempty"`
	Temperature *float64  `json:"temperature,omitempty"` // nil: the model's own
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
}

// Found is a conversation with the place where the words stand.
type Found struct {
	Conversation
	Text string // of a message that holds them; empty where the title does
}

// The roles of messages, by OpenAI's names.
const (
	fromUser  = "user"
	fromModel = "assistant"
)

// Message is a question or an answer.
type Message struct {
	Seq        int64     `json:"seq"`
	Role       string    `json:"role"`
	Text       string    `json:"text"`
	Model      string    `json:"model,omitempty"`
	Status     Status    `json:"status,omitempty"`      // of an answer
	Retry      int64     `json:"retry_after,omitempty"` // seconds that a limit asked for
	Detail     string    `json:"detail,omitempty"`      // the model's own words of what is wrong
	Prompt     int64     `json:"prompt_tokens,omitempty"`
	Completion int64     `json:"completion_tokens,omitempty"`
	Cost       float64   `json:"cost,omitempty"`
	Currency   string    `json:"currency,omitempty"`
	First      int64     `json:"first_token_ms,omitempty"` // until the first token
	Total      int64     `json:"total_ms,omitempty"`
	At         time.Time `json:"at"`
	Files      []File    `json:"files,omitempty"`
}

// File was sent along with a question.
type File struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Size int64  `json:"size"`
	Data []byte `json:"data,omitempty"` // left out in lists
}

// image says whether it is a picture; all others are text.
func (f File) image() bool { return f.Type != textFile }

// Preferences are a person's own.
type Preferences struct {
	Name     string
	Language string // empty: the browser's
	Theme    string // light, dark; empty: the system's
	System   string // prompt of new conversations
	Model    string // of new conversations
}

// Usage is what a person used, as administrators see it.
type Usage struct {
	Owner, Name          string
	Conversations, Asked int64
	Prompt, Completion   int64
	Last                 time.Time
	Sessions             int
}
