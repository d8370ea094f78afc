package ledger

import "bytes"

// sketch reads the kind and the id of a record from its start, where encode
// puts them, and sees that the whole is one object, without decoding it:
// verifying needs no more of a payload whose hash fits, and decoding would cost
// ten times the hash. What does not look as encode writes it is not ok, and is
// for decodeRecord to judge. The id is part of payload.
func sketch(payload []byte) (kind Kind, id []byte, ok bool) {
	rest, ok := bytes.CutPrefix(payload, []byte(`{"v":`))
	if !ok || len(rest) < 2 || rest[0] < '1' || rest[0] > '0'+RecordVersion || !oneObject(payload) {
		return "", nil, false
	}
	name, rest, ok := field(rest[1:], `,"kind":"`)
	if !ok {
		return "", nil, false
	}
	id, rest, ok = field(rest, `,"id":"`)
	if !ok || len(id) == 0 || len(id) > maxID || bytes.IndexByte(id, '\\') >= 0 {
		return "", nil, false
	}
	if _, rest, ok = field(rest, `,"time":"`); !ok {
		return "", nil, false
	}
	half := `,"call":{`
	switch kind = Kind(name); kind {
	case Intent, Refusal:
	case Outcome:
		half = `,"result":{`
	default:
		return "", nil, false
	}
	return kind, id, bytes.HasPrefix(rest, []byte(half))
}

// field is a string of JSON without escapes behind a name, and what follows.
func field(data []byte, name string) (value, rest []byte, ok bool) {
	data, ok = bytes.CutPrefix(data, []byte(name))
	if !ok {
		return nil, nil, false
	}
	return bytes.Cut(data, []byte{'"'})
}

// oneObject says whether brackets and strings of JSON close at the very end.
func oneObject(data []byte) bool {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth <= 0 {
				return depth == 0 && i == len(data)-1
			}
		case '"':
			n := stringEnd(data[i+1:])
			if n < 0 {
				return false
			}
			i += 1 + n
		}
	}
	return false
}

// stringEnd is where a string's closing quote stands, -1 if it has none.
func stringEnd(data []byte) int {
	for at := 0; ; at++ {
		n := bytes.IndexByte(data[at:], '"')
		if n < 0 {
			return -1
		}
		at += n
		escapes := 0
		for escapes < at && data[at-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return at
		}
	}
}
