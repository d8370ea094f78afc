package gateway

import (
	"encoding/binary"
	"errors"
)

// maxFrame bounds what one WebSocket frame may carry, in bytes. Azure's own
// bound on an event is below it.
const maxFrame = 16 << 20

var errFrame = errors.New("a WebSocket frame is malformed or too large")

// frames follows one direction of a WebSocket (RFC 6455 section 5) as its bytes
// pass, cut anywhere. It knows no extensions: none is negotiated. The zero
// value with masked set is ready.
type frames struct {
	masked bool                     // the direction is the client's
	text   func(p []byte, end bool) // is given the text of messages in pieces, unmasked; nil: not asked for

	head    [14]byte
	have    int
	left    uint64 // of the payload in hand
	opcode  byte
	last    bool // the frame in hand ends its message
	key     [4]byte
	passed  int    // bytes of the payload in hand
	clear   []byte // of it, unmasked
	message byte   // opcode of the message in progress, 0 if none is

	goodbye []byte // of the close frame, once it has begun
	closed  bool   // it is whole; nothing comes after it (section 5.5.1)
}

// The opcodes of RFC 6455 section 5.2.
const (
	opMore   = 0
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10
)

// feed takes the next bytes, and gives how many of them come before a close
// frame: all but for one.
func (f *frames) feed(p []byte) (before int, err error) {
	for n := 0; n < len(p) && !f.closed; {
		step := 1
		if f.left > 0 {
			step = int(min(f.left, uint64(len(p)-n))) //nolint:gosec // of a slice's length
		}
		piece := p[n : n+step]
		if f.goodbye != nil || f.left == 0 && f.have == 0 && p[n]&0x0f == opClose {
			f.goodbye = append(f.goodbye, piece...)
		} else {
			before += step
		}
		if f.left > 0 {
			f.payload(piece)
		} else if err := f.header(p[n]); err != nil {
			return before, err
		}
		n += step
	}
	return before, nil
}

// header takes a byte of a frame's head.
func (f *frames) header(b byte) error {
	f.head[f.have] = b
	f.have++
	if f.have == 2 && (f.head[0]&0x70 != 0 || (b&0x80 != 0) != f.masked) {
		return errFrame
	}
	if f.have < f.headSize() {
		return nil
	}
	return f.begin()
}

// headSize is how long the head in hand is, as far as it is known.
func (f *frames) headSize() int {
	if f.have < 2 {
		return 2
	}
	size := 2
	switch f.head[1] & 0x7f {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if f.masked {
		size += 4
	}
	return size
}

// begin looks at a whole head.
func (f *frames) begin() error {
	length := uint64(f.head[1] & 0x7f)
	short := true // the length is in its shortest form
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(f.head[2:]))
		short = length > 125
	case 127:
		length = binary.BigEndian.Uint64(f.head[2:])
		short = length > 0xffff
	}
	f.opcode, f.last = f.head[0]&0x0f, f.head[0]&0x80 != 0
	f.key, f.passed = [4]byte{}, 0
	if f.masked {
		f.key = [4]byte(f.head[f.have-4 : f.have])
	}
	if !short || length > maxFrame || !f.follows(length) {
		return errFrame
	}
	f.have, f.left = 0, length
	if length == 0 {
		f.end()
	}
	return nil
}

// follows says whether the frame may come here: a message's frames follow each
// other, with control frames between, which are short and whole.
func (f *frames) follows(length uint64) bool {
	switch f.opcode {
	case opMore:
		return f.message != 0
	case opText, opBinary:
		if f.message != 0 {
			return false
		}
		f.message = f.opcode
		return true
	case opClose, opPing, opPong:
		return f.last && length <= 125
	}
	return false
}

func (f *frames) payload(p []byte) {
	if f.opcode <= opBinary && f.message == opText && f.text != nil {
		f.text(f.unmask(p), false)
	}
	f.passed += len(p)
	if f.left -= uint64(len(p)); f.left == 0 {
		f.end()
	}
}

// unmask undoes RFC 6455 section 5.3, in a copy: what passes stays masked.
func (f *frames) unmask(p []byte) []byte {
	if !f.masked {
		return p
	}
	f.clear = append(f.clear[:0], p...)
	for i := range f.clear {
		f.clear[i] ^= f.key[(f.passed+i)%4]
	}
	return f.clear
}

// end is the end of a frame.
func (f *frames) end() {
	f.closed = f.opcode == opClose
	if f.opcode > opBinary || !f.last {
		return
	}
	if f.message == opText && f.text != nil {
		f.text(nil, true)
	}
	f.message = 0
}
