package emulator

import (
	"unicode"
	"unicode/utf8"
)

// maxPiece is the longest run of letters that counts as one token. With it,
// English comes to about four characters a token, as it does on Azure; it is
// an estimate all the same, not OpenAI's tokenizer.
const maxPiece = 8

// splitTokens cuts text into tokens that join back to exactly text: a word of
// up to eight letters with the space before it, up to three digits, one mark,
// one ideograph, a run of other space.
func splitTokens(text string) []string {
	var tokens []string
	for len(text) > 0 {
		n := tokenLength(text)
		tokens = append(tokens, text[:n])
		text = text[n:]
	}
	return tokens
}

// countTokens is len(splitTokens(text)) without the slice.
func countTokens(text string) int {
	count := 0
	for ; len(text) > 0; count++ {
		text = text[tokenLength(text):]
	}
	return count
}

func tokenLength(text string) int {
	space := 0
	if text[0] == ' ' && len(text) > 1 {
		space = 1
	}
	r, size := utf8.DecodeRuneInString(text[space:])
	switch {
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul):
		return space + size
	case unicode.IsLetter(r):
		return space + runLength(text[space:], maxPiece, unicode.IsLetter)
	case unicode.IsDigit(r):
		return space + runLength(text[space:], 3, unicode.IsDigit)
	case unicode.IsSpace(r):
		return runLength(text, len(text), unicode.IsSpace)
	default:
		return space + size
	}
}

// runLength is the length in bytes of at most n runes that hold.
func runLength(text string, n int, holds func(rune) bool) int {
	end := 0
	for i, r := range text {
		if n == 0 || !holds(r) {
			break
		}
		n, end = n-1, i+utf8.RuneLen(r)
	}
	return end
}

// promptTokens adds what the chat format costs around each message and at the
// end, as OpenAI documents for its models.
func promptTokens(turns []turn) int {
	const aMessage, theReply = 3, 3
	total := theReply
	for _, t := range turns {
		total += aMessage + countTokens(t.role) + countTokens(t.text)
	}
	return total
}
