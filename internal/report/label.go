package report

import (
	"strings"
	"unicode/utf8"
)

// Sizes of the drawing's text, in pixels.
const (
	nameSize   = 11.5
	detailSize = 10.5
)

// em is how wide a character is, in parts of the font's size, at most: the
// widths of DejaVu Sans, the widest of the usual interface fonts.
func em(r rune) float64 {
	switch {
	case wide(r):
		return 1.05
	case r >= 'a' && r <= 'z':
		switch r {
		case 'i', 'j', 'l':
			return 0.29
		case 'f', 't', 'r':
			return 0.42
		case 'm':
			return 0.98
		case 'w':
			return 0.82
		default:
			return 0.63
		}
	case r == 'W' || r == 'M' || r == '@' || r == '%':
		return 1
	case r >= 'A' && r <= 'Z':
		return 0.74
	case r == '.' || r == ',' || r == ':' || r == ';' || r == ' ' || r == '\'' || r == '|' || r == '/' || r == '-' || r == '(' || r == ')':
		return 0.4
	default:
		return 0.66
	}
}

// textWidth is an upper bound of how wide s is drawn.
func textWidth(s string, size float64, bold bool) float64 {
	total := 0.0
	for _, r := range s {
		total += em(r)
	}
	if bold {
		total *= 1.1
	}
	return total * size
}

// wrapName breaks a name into at most two lines, after a separator where there
// is one, and shortens what is still too wide.
func wrapName(s string, room int, size float64) []string {
	if textWidth(s, size, true) <= float64(room) {
		return []string{s}
	}
	at, fits := 0, 0
	for i, r := range s {
		if textWidth(s[:i+utf8.RuneLen(r)], size, true) > float64(room) {
			break
		}
		fits = i + utf8.RuneLen(r)
		if strings.ContainsRune("-_./ ", r) {
			at = fits
		}
	}
	if at == 0 {
		at = fits
	}
	if at == 0 {
		return []string{fit(s, room, size, true)}
	}
	return []string{strings.TrimSpace(s[:at]), fit(strings.TrimSpace(s[at:]), room, size, true)}
}

// fit shortens s in its middle until it is at most room pixels wide: names
// that differ do so at the end as often as at the beginning.
func fit(s string, room int, size float64, bold bool) string {
	if textWidth(s, size, bold) <= float64(room) {
		return s
	}
	runes := []rune(s)
	const longest = 400 // no room holds more
	if len(runes) > 2*longest {
		runes = append(runes[:longest:longest], runes[len(runes)-longest:]...)
	}
	for keep := len(runes) - 1; keep > 0; keep-- {
		head := (keep + 1) / 2
		short := string(runes[:head]) + "…" + string(runes[len(runes)-(keep-head):])
		if textWidth(short, size, bold) <= float64(room) {
			return short
		}
	}
	if utf8.RuneCountInString(s) == 1 {
		return s
	}
	return "…"
}
