package openai

import (
	"bytes"
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
	TextBytes     int64 // length of the prompt's text in UTF-8, for an estimate of its tokens
	Facts         Facts // what conditions of grants ask
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
	atLimit    // max_tokens and its other names
	atCount    // n, best_of
	atToolType // type of a tool
	atPartType // type of a part of a prompt
)

const (
	atMessages place = top + 1 + iota
	atVariables
	atTools
)

const atPrompt = firstText

// peeker visits a request.
type peeker struct {
	scanner
	body  []byte
	seen  uint32 // bit i: the i-th watched name was there
	lists int    // how many members hold tools
	found Peeked
	err   *fault.Error
}

// Peek scans a JSON request body without decoding it. A body that is not one
// JSON object in UTF-8, that has a member twice which is looked at here, or one
// whose name differs from such a name only in case, or a model, stream or
// stream_options of the wrong type, is refused with a fault of kind Invalid
// that quotes nothing of it: parsers disagree about such bodies, and then the
// one that is judged is not the one that is served. Go's own decoder, for
// example, matches names without regard to case.
func Peek(body []byte) (Peeked, error) {
	p := peeker{body: body}
	p.visit, p.counted = &p, atTools
	p.found.Facts.N = 1
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
	p.found.Facts.Tools = int64(p.items - p.lists)
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
		return p.partMember(key)
	case atVariables:
		return atPrompt
	case atTools:
		if bytes.EqualFold(key, []byte("type")) {
			return atToolType
		}
	}
	return nowhere
}

// watched are the names that are looked at; none may stand twice, or in
// another case.
func watched(i int) (name string, at place) {
	switch i {
	case 0:
		return "model", atModel
	case 1:
		return "stream", atStream
	case 2:
		return "stream_options", atStreamOptions
	case 3:
		return "messages", atMessages
	case 4:
		return "input", atPrompt
	case 5:
		return "prompt", atPrompt
	case 6:
		return "instructions", atPrompt
	case 7:
		return "max_tokens", atLimit
	case 8:
		return "max_completion_tokens", atLimit
	case 9:
		return "max_output_tokens", atLimit
	case 10:
		return "n", atCount
	case 11:
		return "best_of", atCount
	case 12:
		return "tools", atTools
	case 13:
		return "functions", atTools
	}
	return "", nowhere
}

func (p *peeker) topMember(key []byte) place {
	for i := 0; ; i++ {
		name, at := watched(i)
		if name == "" {
			break
		}
		if string(key) != name {
			continue
		}
		if p.seen&(1<<i) != 0 {
			p.refuse("has " + name + " twice")
		}
		p.seen |= 1 << i
		if at == atTools {
			p.lists++
		}
		return at
	}
	p.refuseVariant(key)
	return nowhere
}

// refuseVariant refuses another spelling of a watched name. One in lower case
// and ASCII, as nearly all are, is none.
func (p *peeker) refuseVariant(key []byte) {
	if allRunes(key, func(r rune) bool { return r < utf8.RuneSelf && (r < 'A' || r > 'Z') }) {
		return
	}
	for i := 0; ; i++ {
		name, _ := watched(i)
		if name == "" {
			return
		}
		if bytes.EqualFold(key, []byte(name)) {
			p.refuse("has a member that differs from " + name + " only in case")
		}
	}
}

func (p *peeker) value(at place, _ []byte, start, end int64) {
	span := Span{int(start), int(end)}
	raw := p.body[start:end]
	switch at {
	case atModel:
		p.found.ModelAt = span
		p.model(raw)
	case atStream:
		p.found.StreamAt = span
		p.found.Stream = string(raw) == "true"
		if !p.found.Stream && string(raw) != "false" && string(raw) != "null" {
			p.refuse("has a stream that is neither true nor false")
		}
	case atStreamOptions:
		p.found.StreamOptions = span
		if raw[0] != '{' && string(raw) != "null" {
			p.refuse("has stream_options that are no object")
		}
	default:
		p.fact(at, raw)
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

func (p *peeker) refuse(how string) {
	if p.err == nil {
		p.err = badBody(how)
	}
}
