package openai

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/ostiary/ostiary/internal/fault"
)

// MaxModel bounds the name of a model or deployment in a body, in bytes.
const MaxModel = 256

// Span is a range of bytes of a body; the zero Span is an absent member.
type Span struct{ Start, End int }

// Present says whether the member was there.
func (s Span) Present() bool { return s.End > 0 }

// Peeked is what the top level of a request body says.
type Peeked struct {
	Model         string // decoded; empty if absent
	Stream        bool
	TextBytes     int64 // length of the prompt's text as written, for an estimate of its tokens
	ModelAt       Span  // of the value, quotes included
	StreamAt      Span
	StreamOptions Span

	openAt int  // offset after the opening brace
	empty  bool // no member at all
}

// The places of a request that are looked at.
const (
	atModel place = firstValue + iota
	atStream
	atStreamOptions
)

const (
	atMessages place = top + 1 + iota
)

const atPrompt = firstText

// peeker visits a request.
type peeker struct {
	scanner
	body  []byte
	found Peeked
	err   *fault.Error
}

// Peek scans a JSON request body without decoding it. A body that is not one
// JSON object in UTF-8, or whose model, stream or stream_options stands twice,
// differs from those names only in case, or has the wrong type, is refused
// with a fault of kind Invalid that quotes nothing of it: parsers disagree
// about such bodies, and then the one that is judged is not the one that is
// served. Go's own decoder, for example, matches names without regard to case.
func Peek(body []byte) (Peeked, error) {
	p := peeker{body: body}
	p.visit = &p
	start := len(body) - len(bytes.TrimLeft(body, " \t\r\n"))
	if start == len(body) || body[start] != '{' {
		return Peeked{}, badBody("is not a JSON object")
	}
	if !utf8.Valid(body) { // RFC 8259 section 8.1
		return Peeked{}, badBody("is not valid UTF-8")
	}
	err := p.write(body)
	if err == nil {
		err = p.finish()
	}
	if err != nil {
		return Peeked{}, badBody("is " + err.Error())
	}
	if p.err != nil {
		return Peeked{}, p.err
	}
	p.found.openAt = start + 1
	p.found.empty = bytes.TrimLeft(body[start+1:], " \t\r\n")[0] == '}'
	return p.found, nil
}

func badBody(how string) *fault.Error {
	return fault.New(fault.Invalid, "the request body "+how)
}

func (p *peeker) member(parent place, key []byte) place {
	switch parent {
	case top:
		return p.topMember(key)
	case atMessages, atPrompt:
		switch string(key) {
		case "content", "text", "arguments", "output":
			return atPrompt
		}
	}
	return nowhere
}

func (p *peeker) topMember(key []byte) place {
	switch string(key) {
	case "model":
		return atModel
	case "stream":
		return atStream
	case "stream_options":
		return atStreamOptions
	case "messages":
		return atMessages
	case "input", "prompt", "instructions":
		return atPrompt
	}
	for _, name := range []string{"model", "stream", "stream_options"} {
		if bytes.EqualFold(key, []byte(name)) {
			p.refuse("has a member that differs from " + name + " only in case")
		}
	}
	return nowhere
}

func (p *peeker) value(at place, _ []byte, start, end int64) {
	span := Span{int(start), int(end)}
	raw := p.body[start:end]
	switch at {
	case atModel:
		if p.once(&p.found.ModelAt, span, "model") {
			p.model(raw)
		}
	case atStream:
		if p.once(&p.found.StreamAt, span, "stream") {
			p.found.Stream = string(raw) == "true"
			if !p.found.Stream && string(raw) != "false" && string(raw) != "null" {
				p.refuse("has a stream that is neither true nor false")
			}
		}
	case atStreamOptions:
		if p.once(&p.found.StreamOptions, span, "stream_options") && raw[0] != '{' && string(raw) != "null" {
			p.refuse("has stream_options that are no object")
		}
	}
}

// model decodes the name. What no deployment can be called is refused here, so
// that no log and no policy meets it.
func (p *peeker) model(raw []byte) {
	name := unquote(raw)
	printable := func(r rune) bool { return r > ' ' && r != 0x7f && r != utf8.RuneError }
	if len(name) == 0 || len(name) > MaxModel || !allRunes(name, printable) {
		p.refuse("has a model that is not a name")
		return
	}
	p.found.Model = string(name)
}

func allRunes(s []byte, ok func(rune) bool) bool {
	return bytes.IndexFunc(s, func(r rune) bool { return !ok(r) }) < 0
}

func (p *peeker) text(_ place, n int64) { p.found.TextBytes += n }

func (p *peeker) once(at *Span, span Span, name string) bool {
	if at.Present() {
		p.refuse("has " + name + " twice")
		return false
	}
	*at = span
	return true
}

func (p *peeker) refuse(how string) {
	if p.err == nil {
		p.err = badBody(how)
	}
}

// SetModel returns body with its model set to name: the value is replaced
// where the member is there, and the member is put first where it is not. No
// other byte changes. peeked is Peek's answer for this very body.
func SetModel(body []byte, peeked Peeked, name string) []byte {
	quoted, _ := json.Marshal(name) // a string always marshals
	cut := peeked.ModelAt
	if !cut.Present() {
		cut = Span{peeked.openAt, peeked.openAt}
		quoted = append([]byte(`"model":`), quoted...)
		if !peeked.empty {
			quoted = append(quoted, ',')
		}
	}
	edited := make([]byte, 0, len(body)+len(quoted))
	edited = append(edited, body[:cut.Start]...)
	edited = append(edited, quoted...)
	return append(edited, body[cut.End:]...)
}
