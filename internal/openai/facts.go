package openai

import (
	"bytes"
	"math"
	"slices"
	"strconv"
)

// Facts are what the conditions of grants ask of a request body. Where servers
// may read a body in two ways, a fact says the larger: a limit on it then holds
// for both.
type Facts struct {
	// MaxTokens is the largest of max_tokens, max_completion_tokens and
	// max_output_tokens; 0 where Limited is false. What is no whole number
	// from 0 on is Unlimited: some servers take -1 so.
	MaxTokens int64
	Limited   bool // one of the three is there, and is not null
	// N is the larger of n and best_of, 1 without them, Unlimited where it is
	// no such number.
	N int64
	// Tools counts the entries of tools and of its older form functions.
	Tools int64
	// ToolTypes are the distinct types of tools, such as function or
	// web_search, in the order of the body; MaxToolTypes at most, and what is
	// no such name is Odd.
	ToolTypes []string
	// Images says whether the prompt holds a picture, inline or by reference.
	Images bool
}

// The bounds of Facts.
const (
	Unlimited    = math.MaxInt64
	MaxToolTypes = 16
	maxToolType  = 64 // bytes
	Odd          = "?"
)

// partMember looks into messages, items and parts of a prompt. A picture is
// known by its part's type, or by the member that holds it: some servers take
// a part without a type.
func (p *peeker) partMember(key []byte) place {
	switch string(key) {
	case "content", "text", "arguments", "output":
		return atPrompt
	case "role", "name", "id":
		return nowhere
	case "variables":
		return atVariables
	}
	switch {
	case bytes.EqualFold(key, []byte("type")):
		return atPartType
	case pictured(key):
		p.found.Facts.Images = true
	}
	return nowhere
}

// pictured says whether a name is that of a picture: image_url, input_image,
// image_file, computer_screenshot and their like, in any case.
func pictured(name []byte) bool {
	if len(name) < len("image") || len(name) > maxToolType {
		return false
	}
	lower := bytes.ToLower(name)
	return bytes.Contains(lower, []byte("image")) || bytes.Contains(lower, []byte("screenshot"))
}

func (p *peeker) fact(at place, raw []byte) {
	f := &p.found.Facts
	switch at {
	case atLimit:
		if string(raw) != "null" {
			f.Limited, f.MaxTokens = true, max(f.MaxTokens, wholeNumber(raw))
		}
	case atCount:
		if string(raw) != "null" {
			f.N = max(f.N, wholeNumber(raw))
		}
	case atToolType:
		f.addToolType(unquote(raw))
	case atPartType:
		if len(raw) <= maxKept && pictured(unquote(raw)) {
			f.Images = true
		}
	}
}

func (f *Facts) addToolType(name []byte) {
	plain := func(r rune) bool { return r > ' ' && r <= '~' }
	kind := Odd
	if len(name) > 0 && len(name) <= maxToolType && allRunes(name, plain) {
		kind = string(name)
	}
	switch {
	case slices.Contains(f.ToolTypes, kind):
	case len(f.ToolTypes) < MaxToolTypes:
		f.ToolTypes = append(f.ToolTypes, kind)
	default:
		f.ToolTypes[MaxToolTypes-1] = Odd
	}
}

// wholeNumber reads a whole number from 0 on, as 4000 or 4e3; anything else is
// Unlimited.
func wholeNumber(raw []byte) int64 {
	if len(raw) > maxNumber {
		return Unlimited
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil && n >= 0 {
		return n
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || !(f >= 0 && f <= 1<<53) { // NaN neither
		return Unlimited
	}
	return int64(math.Ceil(f))
}

const maxNumber = 32 // bytes
