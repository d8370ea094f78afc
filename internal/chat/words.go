package chat

import (
	"strings"
	"unicode"
)

// Bounds of a search.
const (
	maxWords = 6
	maxQuery = 200 // bytes
)

// wordsOf are the words of a search: letters, digits and marks alone, so that
// none can mean anything to a database.
func wordsOf(query string) []string {
	words := strings.FieldsFunc(clip(query, maxQuery), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
	return words[:min(len(words), maxWords)]
}

const excerptSide = 60 // bytes before and after

// excerpt is the place of a text where the first of the words stands.
func excerpt(text string, words []string) string {
	at := -1
	lower := strings.ToLower(text)
	for _, word := range words {
		if n := strings.Index(lower, strings.ToLower(word)); n >= 0 && len(lower) == len(text) && (at < 0 || n < at) {
			at = n
		}
	}
	at = max(at, 0)
	start, end := max(at-excerptSide, 0), min(at+2*excerptSide, len(text))
	piece := strings.Join(strings.Fields(strings.ToValidUTF8(text[start:end], "")), " ")
	if start > 0 {
		piece = "…" + piece
	}
	if end < len(text) {
		piece += "…"
	}
	return piece
}
