package openai

import "encoding/json"

// number moves along the grammar of numbers and says whether c belongs to one.
func (s *scanner) number(c byte) bool {
	next, digit := broken, c >= '0' && c <= '9'
	switch s.state {
	case numMinus:
		if c == '0' {
			next = numZero
		} else if digit {
			next = numInt
		}
	case numInt:
		if digit {
			next = numInt
		}
	case numDot, numFraction:
		if digit {
			next = numFraction
		}
	case numE, numSign, numPower:
		if digit {
			next = numPower
		} else if s.state == numE && (c == '+' || c == '-') {
			next = numSign
		}
	}
	switch {
	case c == '.' && (s.state == numZero || s.state == numInt):
		next = numDot
	case (c == 'e' || c == 'E') && (s.state == numZero || s.state == numInt || s.state == numFraction):
		next = numE
	}
	if next == broken {
		return false
	}
	s.state = next
	return true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// hexDigit is the value of a digit that isHex.
func hexDigit(c byte) uint8 {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// escapedSize is how long the character of a \u escape is in UTF-8, by the
// upper half of its code point: of a surrogate half of a pair's four bytes.
// ASCII, which hardly anybody escapes so, is taken for two.
func escapedSize(point uint8) int64 {
	if point < 0x08 || point >= 0xd8 && point < 0xe0 {
		return 2
	}
	return 3
}

// unquote gives the text of a JSON string; nil stays nil. Only a string with
// an escape is decoded.
func unquote(raw []byte) []byte {
	if len(raw) < 2 || raw[0] != '"' {
		return nil
	}
	for _, c := range raw {
		if c == '\\' {
			var s string
			if json.Unmarshal(raw, &s) != nil {
				return nil
			}
			return []byte(s)
		}
	}
	return raw[1 : len(raw)-1]
}
