package openai

import "bytes"

// maxHeld bounds the bytes of an unfinished event that are held back.
const maxHeld = 256 << 10

// Stream reads server-sent events (WHATWG HTML, section 9.2) as their bytes
// pass, cut anywhere, and says which bytes must wait: those of the event that
// tells a client that the answer is complete ("data: [DONE]", or the Responses
// API's response.completed, response.failed, response.incomplete) and all
// after it. Until an event is whole it may turn out to be that one; so its
// bytes wait too, which costs a client nothing: it could not dispatch half an
// event. Of an event over 256 KiB only what ends it waits.
type Stream struct {
	reader reader
	event  [maxLabel]byte // of the "event:" line
	eventN int
	data   [len(done) + 1]byte // the first bytes of the data, to know [DONE]
	dataN  int

	line     lineState
	name     [6]byte // of the field
	nameN    int
	afterCR  bool
	anyLine  bool // the event in progress has a line
	anyData  bool
	position int64 // bytes fed
	holdFrom int64 // bytes from here on must wait
	terminal bool
	last     template // an event that was read

	// Of HideUsage.
	hide      bool
	hidden    bool  // the last event was
	eventFrom int64 // where the event in progress begins
	dataFrom  int64 // where its first data begins
	dataLines int
	released  int64 // bytes
	cuts      []cut
}

const done = "[DONE]"

type lineState uint8

const (
	atLineStart lineState = iota
	inName
	afterColon // one space is dropped
	inData
	inEvent
	inOther
)

// NewStream is a reader for one stream.
func NewStream() *Stream {
	s := &Stream{reader: reader{events: true}}
	s.reader.visit, s.reader.notes = &s.reader, true
	return s
}

// Feed takes the next bytes and gives how many, at the end of all that was
// fed, must wait for more bytes or for the stream's end.
func (s *Stream) Feed(p []byte) (held int) {
	begun := -1 // where in p the event in progress begins
	for i := 0; i < len(p); {
		if s.line == atLineStart && !s.anyLine && !s.afterCR {
			if n := s.again(p[i:]); n > 0 {
				i += n
				continue
			}
			begun = i
		}
		n := s.take(p[i:])
		i += n
		s.position += int64(n)
		if s.line == atLineStart && !s.anyLine {
			if begun >= 0 {
				s.last.keep(p[begun:i])
			}
			if s.eventFrom = s.position; !s.terminal {
				s.holdFrom = s.position
			}
		}
	}
	if !s.terminal && s.position-s.holdFrom > maxHeld {
		s.holdFrom = s.position
	}
	return int(s.position - s.holdFrom)
}

// Complete says whether the event that ends the answer was seen.
func (s *Stream) Complete() bool { return s.terminal }

// Begun says whether text has come.
func (s *Stream) Begun() bool { return s.reader.found.TextBytes > 0 }

// Answer is what was found so far.
func (s *Stream) Answer() Answer { return s.reader.answer() }

// take consumes one byte of syntax or a run of a field's value.
func (s *Stream) take(p []byte) int {
	c := p[0]
	if s.afterCR {
		s.afterCR = false
		if c == '\n' { // the second half of CRLF
			if s.hidden {
				s.cuts = append(s.cuts, cut{s.position, s.position + 1, false})
			}
			s.hidden = false
			return 1
		}
	}
	if c == '\r' || c == '\n' {
		s.afterCR = c == '\r'
		s.endLine()
		return 1
	}
	switch s.line {
	case atLineStart, inName:
		s.fieldName(c)
		return 1
	case afterColon:
		s.startValue()
		if c == ' ' {
			return 1
		}
	}
	n := bytes.IndexByte(p, '\n')
	if n < 0 {
		n = len(p)
	}
	if cr := bytes.IndexByte(p[:n], '\r'); cr >= 0 {
		n = cr
	}
	s.fieldValue(p[:n])
	return n
}

func (s *Stream) fieldName(c byte) {
	if s.line == atLineStart {
		s.line, s.nameN, s.anyLine, s.hidden = inName, 0, true, false
	}
	if c == ':' {
		s.line = afterColon
		return
	}
	if s.nameN < len(s.name) {
		s.name[s.nameN] = c
		s.nameN++
	}
}

func (s *Stream) startValue() {
	switch string(s.name[:s.nameN]) {
	case "data":
		if s.line = inData; s.anyData {
			s.fieldValue([]byte{'\n'}) // several data lines are joined by line feeds
		}
		s.anyData = true
		s.dataLines++
	case "event":
		s.line, s.eventN = inEvent, 0
	default: // id, retry, a comment, or a name we do not know
		s.line = inOther
	}
}

func (s *Stream) fieldValue(p []byte) {
	switch s.line {
	case inData:
		if s.dataN == 0 {
			s.dataFrom = s.position
		}
		s.dataN += copy(s.data[s.dataN:], p)
		_ = s.reader.write(p) // [DONE] and the unknown are no JSON: nothing to read there
	case inEvent:
		s.eventN += copy(s.event[s.eventN:], p)
	}
}

func (s *Stream) endLine() {
	switch s.line {
	case atLineStart:
		s.endEvent()
	case afterColon: // an empty value
		s.startValue()
	}
	s.line = atLineStart
}

// endEvent looks at the event that an empty line has ended. Some servers name
// its type in the event line, some in the data, most in both.
func (s *Stream) endEvent() {
	s.hidden = false
	if string(s.data[:s.dataN]) == done ||
		s.anyData && (completes(string(s.event[:s.eventN])) || completes(s.reader.eventType)) {
		s.terminal = true
	} else {
		s.note(s.position + 1)
	}
	s.learn()
	s.reader.reset()
	s.reader.eventType, s.reader.source, s.reader.usages = "", "", 0
	s.eventN, s.dataN, s.dataLines, s.anyLine, s.anyData = 0, 0, 0, false, false
}

func completes(eventType string) bool {
	switch eventType {
	case "response.completed", "response.failed", "response.incomplete",
		"transcript.text.done", "speech.audio.done": // of audio: nothing says [DONE] there
		return true
	}
	return false
}
