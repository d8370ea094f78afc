package openai

// quickUsage reads a usage object of the form that all backends send: members
// that are whole numbers, or objects of such. Every answer has one, and to
// decode it by reflection cost a thirtieth of a call. False means only that it
// is for encoding/json to read; a fuzz test holds the two together.
func quickUsage(raw []byte) (u usageFields, ok bool) {
	c := cursor{rest: raw}
	ok = c.object(func(name string) bool {
		number, inner := u.field(name)
		if c.next() != '{' {
			return inner == nil && c.number(number)
		}
		if number != nil {
			return false
		}
		return c.object(func(name string) bool {
			switch {
			case inner != nil && name == "cached_tokens":
				return c.number(&inner.Cached)
			case inner != nil && name == "reasoning_tokens":
				return c.number(&inner.Reasoning)
			}
			return c.number(nil)
		})
	})
	return u, ok && c.next() == 0 && len(c.rest) == 0
}

// field is where a member belongs; nil for one that does not count.
func (u *usageFields) field(name string) (*count, *details) {
	switch name {
	case "prompt_tokens":
		return &u.Prompt, nil
	case "completion_tokens":
		return &u.Completion, nil
	case "input_tokens":
		return &u.Input, nil
	case "output_tokens":
		return &u.Output, nil
	case "total_tokens":
		return &u.Total, nil
	case "reasoning_tokens":
		return &u.Reasoning, nil
	case "prompt_tokens_details":
		return nil, &u.PromptDetails
	case "input_tokens_details":
		return nil, &u.InputDetails
	case "completion_tokens_details":
		return nil, &u.CompletionDetails
	case "output_tokens_details":
		return nil, &u.OutputDetails
	case "input_token_details":
		return nil, &u.RealtimeDetails
	}
	return nil, nil
}

// cursor moves through JSON.
type cursor struct{ rest []byte }

// next is the first byte that is no blank; 0 at the end.
func (c *cursor) next() byte {
	for len(c.rest) > 0 {
		switch b := c.rest[0]; b {
		case ' ', '\t', '\n', '\r':
			c.rest = c.rest[1:]
		default:
			return b
		}
	}
	return 0
}

func (c *cursor) take(b byte) bool {
	if c.next() != b {
		return false
	}
	c.rest = c.rest[1:]
	return true
}

// object goes through one; member reads the value of each.
func (c *cursor) object(member func(name string) bool) bool {
	if !c.take('{') {
		return false
	}
	if c.take('}') {
		return true
	}
	for {
		name, ok := c.name()
		if !ok || !c.take(':') || !member(name) {
			return false
		}
		if !c.take(',') {
			return c.take('}')
		}
	}
}

// name reads a name of lower case letters and underscores: encoding/json takes
// others for the same.
func (c *cursor) name() (string, bool) {
	if !c.take('"') {
		return "", false
	}
	for i, b := range c.rest {
		if b == '"' {
			name := string(c.rest[:i])
			c.rest = c.rest[i+1:]
			return name, true
		}
		if (b < 'a' || b > 'z') && b != '_' {
			break
		}
	}
	return "", false
}

// number reads a whole number of up to twelve digits; to may be nil.
func (c *cursor) number(to *count) bool {
	c.next()
	var n count
	for i, b := range c.rest {
		if b < '0' || b > '9' {
			if i == 0 || i > 12 || i > 1 && c.rest[0] == '0' || b == '.' || b == 'e' || b == 'E' {
				return false
			}
			c.rest = c.rest[i:]
			if to != nil {
				*to = n
			}
			return true
		}
		if i <= 12 {
			n = n*10 + count(b-'0')
		}
	}
	return false
}
