package httpd

// chunks follows a body in chunks (RFC 9112 section 7.1) as its bytes pass, to
// know where it ends. It is stricter than the grammar: no chunk extensions and
// no trailers, which no client of a model sends and in which servers differ.
type chunks struct {
	state  chunkState
	digits int
	left   int64 // bytes of the chunk in hand
}

type chunkState uint8

const (
	inSize chunkState = iota
	sizeLF
	inChunk
	chunkCR
	chunkLF
	lastCR
	lastLF
	bodyEnded
)

const maxDigits = 15 // of a chunk's size: no overflow in 64 bits

// take gives how many of the bytes belong to the body, and false for what is
// no such body.
func (c *chunks) take(p []byte) (n int, ok bool) {
	for n < len(p) && c.state != bodyEnded {
		if c.state == inChunk {
			step := int(min(c.left, int64(len(p)-n)))
			n += step
			if c.left -= int64(step); c.left == 0 {
				c.state = chunkCR
			}
			continue
		}
		if !c.step(p[n]) {
			return n, false
		}
		n++
	}
	return n, true
}

// step takes one byte outside of a chunk's content.
func (c *chunks) step(b byte) bool {
	switch c.state {
	case inSize:
		if b == '\r' && c.digits > 0 {
			c.state = sizeLF
			return true
		}
		c.digits++
		c.left = c.left<<4 | int64(hexValue(b))
		return isHex(b) && c.digits <= maxDigits
	case sizeLF:
		if c.digits, c.state = 0, inChunk; c.left == 0 {
			c.state = lastCR
		}
		return b == '\n'
	case chunkCR:
		c.state = chunkLF
		return b == '\r'
	case chunkLF:
		c.state = inSize
		return b == '\n'
	case lastCR:
		c.state = lastLF
		return b == '\r'
	default: // lastLF
		c.state = bodyEnded
		return b == '\n'
	}
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c & 15
	}
	return c&15 + 9
}
