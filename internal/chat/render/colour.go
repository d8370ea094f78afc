package render

import (
	"html"
	"time"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
	"github.com/yuin/goldmark/util"
)

// Bounds of colours: of the code, and of the time that they may take. What
// comes after has none.
const (
	maxColoured      = 64 << 10 // bytes
	maxColouredQuick = 8 << 10  // while the answer is being written
	colourTime       = 50 * time.Millisecond
)

// colour writes code, each token in the class of its type, by the names that
// Pygments gave them.
func colour(w util.BufWriter, language, code string, bound int) {
	rest := code
	if lexer := lexers.Get(language); lexer != nil && language != "" && len(code) <= bound {
		rest = coloured(w, lexer, code)
	}
	_, _ = w.WriteString(html.EscapeString(rest))
}

// coloured writes what it can in the time, and gives the rest.
func coloured(w util.BufWriter, lexer chroma.Lexer, code string) string {
	tokens, err := lexer.Tokenise(&chroma.TokeniseOptions{State: "root"}, code)
	if err != nil {
		return code
	}
	done, until := 0, time.Now().Add(colourTime)
	for token := tokens(); token != chroma.EOF; token = tokens() {
		n := done + len(token.Value)
		if n > len(code) || code[done:n] != token.Value { // a lexer that changes the text
			break
		}
		done = n
		writeToken(w, token)
		if time.Now().After(until) {
			break
		}
	}
	return code[done:]
}

func writeToken(w util.BufWriter, token chroma.Token) {
	class := chroma.StandardTypes[token.Type]
	for t := token.Type; class == "" && t != 0; t = t.Parent() {
		class = chroma.StandardTypes[t.Parent()]
	}
	switch token.Type {
	case chroma.Text, chroma.TextWhitespace, chroma.Punctuation, chroma.Name, chroma.Other:
		class = ""
	}
	if class == "" || len(class) > 3 {
		_, _ = w.WriteString(html.EscapeString(token.Value))
		return
	}
	_, _ = w.WriteString(`<span class="` + class + `">` + html.EscapeString(token.Value) + "</span>")
}
