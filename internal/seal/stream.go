package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

const (
	// Overhead is what sealing adds to a piece, in bytes.
	Overhead = 16

	// MaxPieces bounds the pieces of one body.
	MaxPieces = 1 << 24

	nonceSize = 12
)

var (
	errEnded  = errors.New("nothing follows the last piece of a body")
	errPieces = errors.New("a body of too many pieces")
)

// Sealer seals one body, piece by piece. It is for one goroutine.
type Sealer struct{ stream }

// Opener opens one body, piece by piece. It is for one goroutine.
type Opener struct{ stream }

// stream counts the pieces of a body. The nonce is 7 zero bytes, the piece's
// number and a byte that is 1 for the last one; the key is the body's alone,
// so no nonce serves twice.
type stream struct {
	aead  cipher.AEAD
	next  uint32
	ended bool
}

// Sealer starts a body. Its context must be unlike that of any other body
// under this key; an Opener must be given the same.
func (k *Key) Sealer(context []byte) (*Sealer, error) {
	s, err := k.stream(context)
	if err != nil {
		return nil, err
	}
	return &Sealer{s}, nil
}

// Opener starts to open a body.
func (k *Key) Opener(context []byte) (*Opener, error) {
	s, err := k.stream(context)
	if err != nil {
		return nil, err
	}
	return &Opener{s}, nil
}

// stream derives the body's key. The key of the epoch is uniformly random, so
// HKDF's second step is enough (RFC 5869, section 3.3).
func (k *Key) stream(context []byte) (stream, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.bytes == nil {
		return stream{}, ErrDestroyed
	}
	key, err := hkdf.Expand(sha256.New, k.bytes, bodyInfo+string(context), keySize)
	if err != nil {
		return stream{}, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return stream{}, err
	}
	aead, err := cipher.NewGCM(block)
	return stream{aead: aead}, err
}

// advance gives the nonce of the next piece.
func (s *stream) advance(last bool) (nonce [nonceSize]byte, err error) {
	if s.ended {
		return nonce, errEnded
	}
	if s.next == MaxPieces {
		return nonce, errPieces
	}
	binary.BigEndian.PutUint32(nonce[7:], s.next)
	if last {
		nonce[11] = 1
	}
	s.next++
	s.ended = last
	return nonce, nil
}

// Seal appends the sealed piece to dst, bound to header. As with cipher.AEAD,
// dst may end just where piece begins, and then piece is sealed in place.
func (s *Sealer) Seal(dst, piece, header []byte, last bool) ([]byte, error) {
	nonce, err := s.advance(last)
	if err != nil {
		return nil, err
	}
	return s.aead.Seal(dst, nonce[:], piece, header), nil
}

// Open appends the piece to dst. ErrDamaged means that these are not the
// bytes, the header or the place that it was sealed with.
func (o *Opener) Open(dst, sealed, header []byte, last bool) ([]byte, error) {
	nonce, err := o.advance(last)
	if err != nil {
		return nil, err
	}
	dst, err = o.aead.Open(dst, nonce[:], sealed, header)
	if err != nil {
		return nil, ErrDamaged
	}
	return dst, nil
}

// Ended says whether the last piece was opened: only then the body is whole.
func (o *Opener) Ended() bool { return o.ended }
