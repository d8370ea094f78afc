package upstream

import (
	"errors"
	"io"
)

// chunked is a body in chunks (RFC 9112 section 7.1). It reads into the
// caller's buffer and closes up the content there, so that a stream's event
// needs one call of the kernel and no second buffer. Extensions are passed over,
// and trailers too: a gateway forwards none.
type chunked struct {
	c     *conn
	state chunkState
	past  bool  // what came with the header is read
	any   bool  // the size in hand has a digit
	left  int64 // bytes of the chunk in hand
	spare int   // bytes that may be other than content
	err   error
}

type chunkState uint8

const (
	inSize chunkState = iota
	inExtension
	sizeLF
	inChunk
	chunkCR
	chunkLF
	lineStart // of a trailer, or of the empty line that ends the body
	inTrailer
	trailerLF
	lastLF
	bodyEnded
)

// maxSpare is how many bytes of lines there may be beyond 16 and twice the
// content for each chunk, as net/http bounds them.
const maxSpare = 16 << 10

var (
	errChunks = errors.New("the answer's chunks are malformed")
	errSpare  = errors.New("the answer's chunks have too much beside their content")
)

func (k *chunked) Read(p []byte) (n int, err error) {
	for n == 0 && k.err == nil && len(p) > 0 {
		n, k.err = k.read(p)
		if errors.Is(k.err, io.EOF) {
			k.err = io.ErrUnexpectedEOF
		}
		var bad error
		if n, bad = k.decode(p[:n]); bad != nil {
			k.err = bad
		} else if k.state == bodyEnded {
			k.err = io.EOF
		}
	}
	return n, k.err
}

// read reads what came with the header, and then past its buffer.
func (k *chunked) read(p []byte) (int, error) {
	if !k.past && k.c.r.Buffered() > 0 {
		return k.c.r.Read(p)
	}
	k.past = true
	return k.c.net.Read(p)
}

// Close leaves the connection to whoever has it.
func (k *chunked) Close() error { return nil }

// decode moves the content to the start of p and gives its length.
func (k *chunked) decode(p []byte) (n int, err error) {
	for i := 0; i < len(p); {
		if k.state == inChunk {
			step := int(min(k.left, int64(len(p)-i)))
			n += copy(p[n:], p[i:i+step])
			i += step
			if k.left -= int64(step); k.left == 0 {
				k.state = chunkCR
			}
			continue
		}
		if k.state == bodyEnded {
			k.c.stray = true
			return n, nil
		}
		if k.spare++; k.spare > maxSpare {
			return n, errSpare
		}
		if !k.step(p[i]) {
			return n, errChunks
		}
		i++
	}
	return n, nil
}

// step takes one byte outside of a chunk's content.
func (k *chunked) step(b byte) bool {
	switch k.state {
	case inSize:
		return k.size(b)
	case inExtension:
		if b == '\r' {
			k.state = sizeLF
		}
		return b != '\n'
	case sizeLF:
		k.begin()
	case chunkCR:
		k.state = chunkLF
		return b == '\r'
	case chunkLF:
		k.state, k.any = inSize, false
	case lineStart, inTrailer:
		switch {
		case b != '\r':
			k.state = inTrailer
		case k.state == lineStart:
			k.state = lastLF
		default:
			k.state = trailerLF
		}
		return b != '\n'
	case trailerLF:
		k.state = lineStart
	case lastLF:
		k.state = bodyEnded
	}
	return b == '\n' // the rest are the ends of lines
}

func (k *chunked) size(b byte) bool {
	digit := int64(b)
	switch {
	case b >= '0' && b <= '9':
		digit -= '0'
	case b >= 'a' && b <= 'f':
		digit -= 'a' - 10
	case b >= 'A' && b <= 'F':
		digit -= 'A' - 10
	case b == '\r':
		k.state = sizeLF
		return k.any
	default:
		k.state = inExtension
		return k.any && (b == ';' || b == ' ' || b == '\t')
	}
	k.any, k.left = true, k.left<<4|digit
	return k.left < 1<<58 // so that another digit does not overflow
}

func (k *chunked) begin() {
	k.state = inChunk
	if k.left == 0 {
		k.state = lineStart
	}
	k.spare = max(0, k.spare-16-2*int(min(k.left, maxSpare)))
}
