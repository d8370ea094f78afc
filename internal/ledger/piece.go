package ledger

import (
	"encoding/binary"
	"encoding/hex"
	"errors"

	"github.com/ostiary/ostiary/internal/seal"
)

// A piece of a body is an entry of the log beside records, told from them by
// its first byte. Integers are little-endian (docs/ledger.md says the same):
//
//	 0   1  01, a piece
//	 1   1  form: 0 in clear, 1 sealed
//	 2   1  part: 0 request, 1 response
//	 3   1  1 for the body's last piece, else 0
//	 4   4  number of the piece, from 0
//	 8  16  stream: random, the same in all pieces of one body
//	24  16  subject's pseudonym; zero in clear
//	40  16  id of the key; zero in clear
//	56   1  length n of the call's id
//	57   n  the call's id
//	 …   …  the piece; if sealed, 16 bytes longer than its content
//
// All before the piece itself is the associated data that a sealed one is
// bound to.
const (
	pieceTag  = 0x01
	pieceHead = 57 // bytes of a header without the call's id

	// pieceSize is how much of a body makes a piece, and so about what an
	// answer under way holds in memory.
	pieceSize = 256 << 10
)

// pseudonym stands for a subject in names of files and in pieces.
type pseudonym [16]byte

func (p pseudonym) String() string { return hex.EncodeToString(p[:]) }

// piece is the header of one, and what it holds.
type piece struct {
	sealed  bool
	part    Part
	last    bool
	number  uint32
	stream  [16]byte
	subject pseudonym
	key     seal.KeyID
	id      string
	body    []byte // sealed or in clear
}

var errPiece = errors.New("sound, but not a piece of a body")

func isPiece(payload []byte) bool { return len(payload) > 0 && payload[0] == pieceTag }

// header is what stands before the piece.
func (p piece) header() []byte { return p.writeHeader(make([]byte, pieceHead, pieceHead+len(p.id))) }

// writeHeader writes it to the start of buf, which has room.
func (p piece) writeHeader(buf []byte) []byte {
	h := buf[:pieceHead]
	h[0] = pieceTag
	h[1], h[2], h[3] = bit(p.sealed), bit(p.part == Response), bit(p.last)
	binary.LittleEndian.PutUint32(h[4:], p.number)
	copy(h[8:], p.stream[:])
	copy(h[24:], p.subject[:])
	copy(h[40:], p.key[:])
	h[56] = byte(len(p.id)) //nolint:gosec // at most maxID
	return append(h, p.id...)
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// parsePiece reads a payload strictly: header gives back what it accepts.
func parsePiece(payload []byte) (piece, error) {
	if len(payload) < pieceHead || !isPiece(payload) || payload[1]|payload[2]|payload[3] > 1 {
		return piece{}, errPiece
	}
	n := pieceHead + int(payload[56])
	if n == pieceHead || n > pieceHead+maxID || n > len(payload) {
		return piece{}, errPiece
	}
	p := piece{
		sealed: payload[1] == 1, part: Request, last: payload[3] == 1,
		number: binary.LittleEndian.Uint32(payload[4:]),
		stream: [16]byte(payload[8:]), subject: pseudonym(payload[24:]), key: seal.KeyID(payload[40:]),
		id: string(payload[pieceHead:n]), body: payload[n:],
	}
	if payload[2] == 1 {
		p.part = Response
	}
	keyless := p.subject == pseudonym{} && p.key == seal.KeyID{}
	if p.number >= seal.MaxPieces || !p.sealed && !keyless || p.sealed && len(p.body) < seal.Overhead {
		return piece{}, errPiece
	}
	return p, nil
}

// context is what a body's key is derived for: this body of this call in this
// log, and of this stream, so that a call recorded twice uses no key twice.
func (p piece) context(log logID) []byte {
	c := append(make([]byte, 0, 33+len(p.id)), log[:]...)
	c = append(append(c, p.stream[:]...), bit(p.part == Response))
	return append(c, p.id...)
}

// parsePseudonym reads what String wrote.
func parsePseudonym(text string) (p pseudonym, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(p) || hex.EncodeToString(raw) != text {
		return p, errPiece
	}
	return pseudonym(raw), nil
}
