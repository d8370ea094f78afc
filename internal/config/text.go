package config

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds that keep the YAML library's time linear: version 1.19.2 takes
// quadratic time on the blank lines at the end of a block scalar and on runs
// of "<", and on tabs inside quotes.
const (
	maxBlankLines = 100
	maxAngleRun   = 64
)

// readable returns the text of src without byte order mark and carriage
// returns, or what makes it unreadable, at most one problem a line.
//
// A tab is refused everywhere: YAML forbids it in indentation (YAML 1.2.2
// section 6.1), where it looks like what it is not.
func readable(src []byte) (string, Problems) {
	text := strings.TrimPrefix(string(src), "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	var problems Problems
	line, blank := 0, 0
	for s := range strings.SplitSeq(text, "\n") {
		line++
		if strings.Trim(s, " ") != "" {
			blank = 0
		} else if blank++; blank == maxBlankLines+1 {
			problems.add(pos{line, 1}, fmt.Sprintf("over %d blank lines in a row", maxBlankLines), "delete them")
		}
		if col, what, fix := flaw(s); col > 0 {
			problems.add(pos{line, col}, what, fix)
		}
	}
	return text, problems
}

// flaw finds the first character of a line that is refused; its column is 0
// where there is none.
func flaw(line string) (col int, what, fix string) {
	angles := 0
	for i, r := range line {
		col++
		if angles++; r != '<' {
			angles = 0
		}
		_, size := utf8.DecodeRuneInString(line[i:])
		switch {
		case r == '\t':
			return col, "a tab", `use spaces, or \t inside double quotes`
		case r == utf8.RuneError && size == 1:
			return col, "a byte that is not UTF-8", "save the file as UTF-8"
		case unicode.IsControl(r):
			return col, fmt.Sprintf("a control character (U+%04X)", r), "delete it"
		case angles > maxAngleRun:
			return col, fmt.Sprintf("over %d times < in a row", maxAngleRun), "delete them"
		}
	}
	return 0, "", ""
}
