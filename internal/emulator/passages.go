package emulator

import (
	"io"
	"io/fs"
	"regexp"
	"strings"
)

// Bounds of a document, in bytes, and of a passage, in words. A longer section
// becomes several passages under one heading.
const (
	maxDocument = 1 << 20
	maxPassage  = 220
)

// passage is a piece of a document under one heading: the unit of retrieval.
type passage struct {
	document string // file name
	title    string // the document's first heading
	heading  string // the nearest heading
	blocks   []string
}

// readPassages splits every Markdown document at the root of a file system.
// A document that cannot be read is left out: an answer from the others is
// better than none.
func readPassages(documents fs.FS) []passage {
	names, _ := fs.Glob(documents, "*.md") // only a bad pattern fails
	var all []passage
	for _, name := range names {
		f, err := documents.Open(name)
		if err != nil {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(f, maxDocument))
		_ = f.Close()
		if err == nil {
			all = append(all, splitDocument(name, string(text))...)
		}
	}
	return all
}

// splitDocument follows headings of any level; a fence hides what looks like
// one inside it.
func splitDocument(name, text string) []passage {
	s := &splitter{name: name}
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, " \t\r")
		level, heading := headingOf(line)
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			s.endBlock()
			s.fenced = !s.fenced
		case s.fenced:
			s.block = append(s.block, line)
		case level > 0:
			s.start(level, heading)
		case line == "" || isRule(line):
			s.endBlock()
		default:
			s.prose(line)
		}
	}
	s.endPassage()
	return s.out
}

// splitter collects lines to blocks and blocks to passages.
type splitter struct {
	name, title, heading string
	fenced               bool
	block                []string
	blocks               []string
	words                int
	out                  []passage
}

func (s *splitter) start(level int, heading string) {
	s.endPassage()
	if s.title == "" || level == 1 {
		s.title = heading
	}
	s.heading = heading
}

// prose adds a line; a list item or a table row begins a block of its own.
func (s *splitter) prose(line string) {
	trimmed := strings.TrimSpace(line)
	if item := listMark.FindString(trimmed); item != "" {
		s.endBlock()
		trimmed = trimmed[len(item):]
	} else if strings.HasPrefix(trimmed, "|") {
		s.endBlock()
		trimmed = strings.Join(strings.FieldsFunc(trimmed, func(r rune) bool { return r == '|' }), "–")
	}
	s.block = append(s.block, plain(trimmed))
}

func (s *splitter) endBlock() {
	separator := " "
	if s.fenced {
		separator = "\n"
	}
	text := strings.TrimSpace(strings.Join(s.block, separator))
	s.block = nil
	if text == "" {
		return
	}
	n := len(strings.Fields(text))
	if s.words > 0 && s.words+n > maxPassage {
		s.flush()
	}
	s.blocks, s.words = append(s.blocks, text), s.words+n
}

func (s *splitter) endPassage() {
	s.endBlock()
	s.flush()
}

func (s *splitter) flush() {
	if len(s.blocks) > 0 {
		s.out = append(s.out, passage{s.name, s.title, s.heading, s.blocks})
	}
	s.blocks, s.words = nil, 0
}

func headingOf(line string) (level int, heading string) {
	hashes := len(line) - len(strings.TrimLeft(line, "#"))
	if hashes == 0 || hashes > 6 || !strings.HasPrefix(line[hashes:], " ") {
		return 0, ""
	}
	return hashes, plain(strings.TrimSpace(line[hashes:]))
}

// isRule matches a table's second row and a thematic break.
func isRule(line string) bool {
	return strings.Trim(line, "|-: ") == "" && strings.Contains(line, "--")
}

var (
	listMark = regexp.MustCompile(`^([-*+]|\d+[.)]) +`)
	link     = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
	emphasis = regexp.MustCompile("[*`]+")
)

// plain drops the marks of links, emphasis and code.
func plain(text string) string {
	return emphasis.ReplaceAllString(link.ReplaceAllString(text, "$1"), "")
}

// sentences cuts a block after . ! or ? before a space and a capital, digit or
// quote, so that "e.g. this" and "v1.2" stay whole.
func sentences(block string) []string {
	if strings.Contains(block, "\n") {
		return []string{block} // code stays in one piece
	}
	var out []string
	start := 0
	for i := 0; i+2 < len(block); i++ {
		end := block[i] == '.' || block[i] == '!' || block[i] == '?'
		next := block[i+2]
		if end && block[i+1] == ' ' && (next >= 'A' && next <= 'Z' || next >= '0' && next <= '9' || next == '"' || next >= 0x80) {
			out = append(out, block[start:i+1])
			start = i + 2
		}
	}
	return append(out, block[start:])
}
