package emulator

import (
	"strings"
	"unicode"
)

// word is a word of a text: as written in lower case, and its stem.
type word struct{ surface, stem string }

// words cuts text into words that carry meaning: lower case, without
// possessives and stop words, stemmed. A compound such as "api-version" gives
// its parts and, joined, itself, so that "apiversion" finds it.
func words(text string) []word {
	var out []word
	for _, field := range strings.FieldsFunc(strings.ToLower(text), notCompound) {
		parts := strings.FieldsFunc(field, func(r rune) bool { return r == '-' || r == '_' || r == '\'' || r == '’' || r == '.' })
		for i, p := range parts {
			if i > 0 && p == "s" && len(parts) == i+1 {
				continue // the possessive of "ockham's"
			}
			out = appendWord(out, p)
		}
		if joined := strings.Join(parts, ""); len(parts) > 1 && parts[len(parts)-1] != "s" {
			out = appendWord(out, joined)
		}
	}
	return out
}

// notCompound says whether r ends a field; hyphens, dots and apostrophes
// inside one do not.
func notCompound(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_'’.", r)
}

func appendWord(out []word, surface string) []word {
	if surface == "" || isStopWord(surface) {
		return out
	}
	return append(out, word{surface, stem(surface)})
}

// isStopWord lists what questions are made of, and articles, pronouns and
// forms of to be: words that say nothing of the topic.
func isStopWord(w string) bool {
	switch w {
	case "a", "an", "the", "this", "that", "these", "those", "it", "its", "they", "them", "their", "he", "she", "his", "her",
		"i", "me", "my", "mine", "we", "us", "our", "ours", "you", "your", "yours", "who", "whom", "whose",
		"is", "are", "was", "were", "be", "been", "being", "am", "do", "does", "did", "done", "doing", "don", "doesn", "isn", "t",
		"have", "has", "had", "having", "can", "could", "may", "might", "must", "shall", "should", "will", "would",
		"and", "or", "but", "nor", "so", "if", "then", "than", "as", "of", "at", "by", "for", "from", "in", "into", "on", "onto",
		"to", "with", "without", "about", "over", "under", "between", "through", "during", "before", "after", "out", "up", "down", "off",
		"what", "which", "why", "how", "when", "where", "whats", "hows", "explain", "tell", "describe", "define", "definition", "mean", "means", "meaning", "meant",
		"please", "give", "show", "say", "know", "understand", "want", "like", "get", "got", "let", "make", "makes", "made",
		"some", "any", "all", "each", "every", "both", "more", "most", "much", "many", "few", "other", "such", "own", "same", "just", "only", "very", "too", "also",
		"not", "no", "yes", "there", "here", "again", "once", "ever", "because", "while", "until", "thing", "things", "something", "someone", "somebody", "anyone", "anybody",
		"good", "use", "used", "uses", "using", "useful", "word", "words", "term", "terms", "simple", "simply", "short", "briefly", "quick", "exactly", "really", "actually",
		"difference", "differ", "different", "differs", "vs", "versus", "happen", "happens", "stand", "stands", "kind", "way", "ways", "work", "works",
		"hi", "hello", "hey", "thanks", "thank", "ok", "well", "now", "one", "s", "ll", "ve", "re", "d", "m":
		return true
	}
	return false
}

// suffix is a rule of stem: replace from by to, where at least min letters
// stay before it.
type suffix struct {
	from, to string
	min      int
}

// stem takes off one English suffix and what doubling it left behind. It need
// not give a word, only the same string for the forms of one. The table is an
// array in the loop, tried in order: as a slice it would be allocated for
// every word.
func stem(w string) string {
	if len(w) < 4 || strings.IndexFunc(w, func(r rune) bool { return r < 'a' || r > 'z' }) >= 0 {
		return w
	}
	for _, s := range [...]suffix{
		{"izations", "iz", 3}, {"isations", "iz", 3}, {"ization", "iz", 3}, {"isation", "iz", 3},
		{"izing", "iz", 3}, {"ising", "iz", 3}, {"izes", "iz", 3}, {"ises", "iz", 3}, {"ized", "iz", 3}, {"ised", "iz", 3},
		{"izer", "iz", 3}, {"iser", "iz", 3}, {"ize", "iz", 3}, {"ise", "iz", 3},
		{"ations", "at", 3}, {"ation", "at", 3}, {"ators", "at", 3}, {"ator", "at", 3}, {"ating", "at", 3}, {"ated", "at", 3},
		{"ates", "at", 3}, {"ate", "at", 3}, {"ative", "at", 3},
		{"ments", "", 4}, {"ment", "", 4}, {"nesses", "", 3}, {"ness", "", 3}, {"ions", "", 4}, {"ion", "", 4},
		{"ingly", "", 3}, {"ings", "", 3}, {"ing", "", 3}, {"edly", "", 3}, {"ies", "y", 2}, {"ied", "y", 2},
		{"sses", "ss", 2}, {"xes", "x", 2}, {"ches", "ch", 2}, {"shes", "sh", 2}, {"ed", "", 3}, {"ly", "", 4},
		{"ers", "", 4}, {"er", "", 4}, {"ors", "", 4}, {"or", "", 4},
		{"ss", "ss", 1}, {"us", "us", 1}, {"is", "is", 1}, {"es", "", 4}, {"s", "", 2}, {"e", "", 4},
	} {
		base, ok := strings.CutSuffix(w, s.from)
		if !ok || len(base) < s.min {
			continue
		}
		base += s.to
		if s.to == "" && s.from != "s" {
			base = undouble(strings.TrimSuffix(base, "e"))
		}
		return base
	}
	return w
}

// undouble turns "peerr" or "stopp" into one letter less, but leaves the l, s
// and z that English doubles by itself.
func undouble(base string) string {
	n := len(base)
	if n > 3 && base[n-1] == base[n-2] && !strings.ContainsRune("lszaeiou", rune(base[n-1])) {
		return base[:n-1]
	}
	return base
}

// near says whether a and b differ by one edit: a letter more, less, changed,
// or two swapped.
func near(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) != len(b) {
		return a[i:] == b[i+1:]
	}
	if i == len(a) || a[i+1:] == b[i+1:] {
		return true
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}
