// Package channel is the portal's protocol: frames, the leg by which a node
// reaches a relay, and the session that runs end to end through two legs.
// docs/portal-protocol.md is its specification.
//
// What each party learns. The two ends learn each other's exact names and
// whatever the streams carry. The relay learns both names, the service's
// name, and the time and size of encrypted records; never a frame of the
// session, for that runs inside a TLS 1.3 connection that the ends make
// through it. The key exchange of that inner connection is X25519MLKEM768 and
// nothing else; the certificates that authenticate it are classical (ECDSA
// P-256), so post-quantum protection covers recorded traffic, not a future
// impostor.
package channel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ostiary/ostiary/internal/fault"
)

// Version is the first byte of every frame. A peer that sends another is told
// so and left.
const Version = 1

// Sizes in bytes. A frame travels in one inner TLS record, and that record in
// one outer record of at most 16,384 bytes (RFC 8446 section 5.1): 5 bytes of
// record header, 1 of content type and 16 of tag come off, and 8 of our header.
const (
	HeaderSize = 8
	MaxPayload = 16384 - 22 - HeaderSize
)

// Type says what a frame means. Those below 16 live inside a session, those
// from 16 on a leg, before it is paired.
type Type uint8

// The frames of a session. Stream 0 is the session itself.
const (
	Open   Type = 1 // inlet only: begins a stream; payload: the service's name
	Data   Type = 2 // payload: 1 to MaxPayload bytes, within the receiver's window
	Window Type = 3 // payload: uint32, how many more bytes the sender of the frame will take
	End    Type = 4 // no more data from this side; a stream without it was cut
	Reset  Type = 5 // ends a stream in both directions; payload: uint16 code, text
	Ping   Type = 6 // stream 0; payload: 0 asks and 1 answers, then 8 bytes echoed
	GoAway Type = 7 // stream 0, or a waiting leg: no new streams, please; payload: uint16 code, text
	Pad    Type = 8 // stream 0; payload: anything, thrown away
)

// The frames of a leg, all on stream 0.
const (
	Listen Type = 16 // outlet: here I wait for a service; payload: its name
	Dial   Type = 17 // inlet: join me to a service; payload: its name and, after a space, the outlet's member
	Pair   Type = 18 // relay to outlet: an inlet is here; payload: the inlet's name
	Ready  Type = 19 // outlet to relay and relay to inlet: what follows is the other end; payload: the outlet's name
	Refuse Type = 20 // relay: no; payload: uint16 code, text
)

// Code says why a stream, session or leg ended.
type Code uint16

// The codes. Their numbers are part of the protocol.
const (
	Cancelled   Code = 0 // the application closed it
	Protocol    Code = 1 // the peer broke a rule of this package
	Denied      Code = 2 // policy
	Unreachable Code = 3 // no target, or no outlet, answered
	Leaving     Code = 4 // the session is being replaced or the process ends
	Limited     Code = 5 // over a bound of this side
)

func (c Code) String() string {
	names := [...]string{"cancelled", "protocol error", "denied", "unreachable", "leaving", "over a limit"}
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("code %d", uint16(c))
}

// MaxReason bounds the text after a code, in bytes.
const MaxReason = 200

// Frame is one frame. The payload is valid until the next read of the reader
// that returned it.
type Frame struct {
	Type    Type
	Stream  uint32
	Payload []byte
}

// appendFrame lays a frame out: version, type, length (uint16), stream
// (uint32), payload; big endian.
func appendFrame(b []byte, t Type, stream uint32, payload []byte) []byte {
	b = append(b, Version, byte(t))
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload))) //nolint:gosec // callers stay within MaxPayload
	b = binary.BigEndian.AppendUint32(b, stream)
	return append(b, payload...)
}

// appendReason lays out the payload of Reset, GoAway and Refuse.
func appendReason(code Code, text string) []byte {
	if len(text) > MaxReason {
		text = text[:MaxReason]
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(code)), text...)
}

// parseReason reads that payload; frameOK has checked its size.
func parseReason(payload []byte) (Code, string) {
	return Code(binary.BigEndian.Uint16(payload)), fmt.Sprintf("%q", payload[2:])
}

// reader reads frames into a block, which whoever handles a frame may keep if
// it gives the reader another.
type reader struct {
	src    io.Reader
	header [HeaderSize]byte
	block  *block
}

// next reads a frame and checks all that can be known without state. io.EOF
// comes through bare only between frames.
func (r *reader) next() (Frame, error) {
	if _, err := io.ReadFull(r.src, r.header[:]); err != nil {
		return Frame{}, err
	}
	length := binary.BigEndian.Uint16(r.header[2:4])
	f := Frame{Type: Type(r.header[1]), Stream: binary.BigEndian.Uint32(r.header[4:8])}
	if r.header[0] != Version {
		return Frame{}, broken(fmt.Sprintf("frame version %d", r.header[0])).
			Fix(fmt.Sprintf("both ends must speak version %d of the portal protocol", Version))
	}
	if err := frameOK(f.Type, f.Stream, int(length)); err != nil {
		return Frame{}, err
	}
	f.Payload = r.block.record[:length]
	if _, err := io.ReadFull(r.src, f.Payload); err != nil {
		return Frame{}, noEOF(err)
	}
	return f, nil
}

// frameOK checks the bounds of each type: its stream and its payload's size.
func frameOK(t Type, stream uint32, length int) error {
	min, max, onStream := 0, 0, false
	switch t {
	case Open:
		min, max, onStream = 1, 63, true
	case Data:
		min, max, onStream = 1, MaxPayload, true
	case Window:
		min, max, onStream = 4, 4, true
	case End:
		onStream = true
	case Reset:
		min, max, onStream = 2, 2+MaxReason, true
	case GoAway, Refuse:
		min, max = 2, 2+MaxReason
	case Ping:
		min, max = 9, 9
	case Pad:
		max = MaxPayload
	case Listen:
		min, max = 1, 63
	case Dial:
		min, max = 1, 63+1+63
	case Pair, Ready:
		min, max = 1, 256
	default:
		return broken(fmt.Sprintf("frame type %d", t))
	}
	if length < min || length > max {
		return broken(fmt.Sprintf("frame type %d with %d bytes", t, length))
	}
	if onStream != (stream != 0) {
		return broken(fmt.Sprintf("frame type %d on stream %d", t, stream))
	}
	return nil
}

// broken is a peer's breach of protocol.
func broken(what string) *fault.Error {
	return fault.New(fault.Invalid, "the peer broke the portal protocol: "+what)
}

// noEOF turns an end in the middle of something into an error.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
