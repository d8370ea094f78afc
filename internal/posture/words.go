package posture

import (
	"slices"
	"strconv"
	"strings"
)

// count is a number and its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// few joins the first words of a list and counts the rest.
func few(words []string, most int) string { return strings.Join(first(words, most), ", ") }

// first is the first words of a list, and how many more there are.
func first(words []string, most int) []string {
	if len(words) <= most {
		return words
	}
	return append(slices.Clone(words[:most]), "and "+strconv.Itoa(len(words)-most)+" more")
}
