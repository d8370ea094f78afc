package cli

import (
	"io"
	"os"
	"strings"
	"unicode"
)

// answerWriter writes the pieces of an answer. To a terminal it writes text and
// nothing else: a model that was led to send control sequences must not move the
// cursor, change the title or fill the clipboard.
type answerWriter struct {
	w       io.Writer
	clean   bool
	any     bool
	newline bool
	err     error // the first
}

func (a *answerWriter) text(piece string) {
	a.any, a.newline = true, strings.HasSuffix(piece, "\n")
	if a.clean {
		piece = onlyText(piece)
	}
	if a.err == nil {
		_, a.err = io.WriteString(a.w, piece)
	}
}

// onlyText drops control characters but for tab and newline, and the marks that
// turn the direction of text.
func onlyText(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		if unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return -1
		}
		return r
	}, s)
}

const maxShown = 500 // runes of what a server says

// printable is one line of what a server says, bounded.
func printable(s string) string {
	s = strings.Join(strings.Fields(onlyText(strings.ToValidUTF8(s, "?"))), " ")
	if runes := []rune(s); len(runes) > maxShown {
		return string(runes[:maxShown]) + "…"
	}
	return s
}

// fromTerminal says whether a person types there.
func fromTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && isTerminal(f)
}
