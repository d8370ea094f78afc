package emulator

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// When a passage fits, and how much of it is quoted.
const (
	minCoverage  = 0.4  // share of the question that a passage must have
	minTopic     = 0.3  // share that a passage must have to be named where none fits
	relatedScore = 0.6  // of the best score, to be named beside it
	maxQuoted    = 5    // sentences
	maxBlock     = 1200 // bytes of one sentence or piece of code
	earlierTurn  = 0.25 // weight of the user's turn before the last, then squared, cubed
	maxEarlier   = 3    // turns
	maxTopics    = 4
)

const notice = "This is Ostiary's emulator, not a language model. It quotes Ostiary's own documents."

// found is an answer before it is put into words.
type found struct {
	Notice  string   `json:"notice"`
	Answer  string   `json:"answer"`
	Source  string   `json:"source,omitempty"`
	Related []string `json:"related,omitempty"` // headings
	Topics  []string `json:"topics,omitempty"`  // where nothing fits
}

// answer replies to the last user's turn, as prose or as a JSON object.
func (c *corpus) answer(turns []turn, asJSON bool) string {
	f := c.find(turns)
	if asJSON {
		return marshal(f)
	}
	text := f.Notice + "\n\n" + f.Answer
	if f.Source != "" {
		text += "\n\nSource: " + f.Source + "."
	}
	if len(f.Related) > 0 {
		text += "\nRelated: " + strings.Join(f.Related, "; ") + "."
	}
	if len(f.Topics) > 0 {
		text += " It can tell of: " + strings.Join(f.Topics, "; ") + "."
	}
	return text
}

func (c *corpus) find(turns []turn) found {
	q := c.understand(turns)
	hits := c.search(q)
	if len(hits) == 0 || hits[0].coverage < minCoverage {
		return found{
			Notice: notice,
			Answer: "Nothing in these documents fits the question.",
			Topics: c.topics(hits),
		}
	}
	best := c.passages[hits[0].passage]
	return found{
		Notice:  notice,
		Answer:  best.heading + ": " + c.quote(best, q),
		Source:  best.document + ", “" + best.heading + "”",
		Related: c.related(hits),
	}
}

// understand weighs the last user's turn fully, and earlier ones a little: a
// question such as "and why?" has no topic of its own.
func (c *corpus) understand(turns []turn) query {
	q := query{}
	weight, earlier := 1.0, 0
	for _, t := range slices.Backward(turns) {
		if t.role != "user" {
			continue
		}
		c.add(q, t.text, weight)
		weight *= earlierTurn
		if earlier++; earlier > maxEarlier {
			break
		}
	}
	c.widen(q)
	return q
}

// quote takes the whole of a short passage, and of a long one the first
// sentence and those that share most with the question, in their order.
func (c *corpus) quote(p passage, q query) string {
	type piece struct {
		block, at int
		text      string
		score     float64
	}
	var pieces []piece
	for b, block := range p.blocks {
		for _, s := range sentences(block) {
			seen := map[string]bool{}
			score := 0.0
			for _, w := range words(s) {
				if !seen[w.stem] {
					seen[w.stem] = true
					score += q[w.stem] * c.rarity(w.stem)
				}
			}
			pieces = append(pieces, piece{b, len(pieces), clip(s), score / math.Sqrt(4+float64(len(seen)))})
		}
	}
	pieces[0].score = math.Inf(1) // it says what the passage is about
	if len(pieces) > maxQuoted {
		slices.SortStableFunc(pieces, func(a, b piece) int { return cmp.Compare(b.score, a.score) })
		pieces = pieces[:maxQuoted]
		slices.SortFunc(pieces, func(a, b piece) int { return cmp.Compare(a.at, b.at) })
	}
	var text strings.Builder
	for i, piece := range pieces {
		switch {
		case i == 0:
		case piece.block != pieces[i-1].block:
			text.WriteString("\n")
		default:
			text.WriteString(" ")
		}
		text.WriteString(piece.text)
	}
	return text.String()
}

// clip bounds one piece at a rune's edge.
func clip(s string) string {
	if len(s) <= maxBlock {
		return s
	}
	return strings.ToValidUTF8(s[:maxBlock], "") + " …"
}

// related names other passages that fit nearly as well.
func (c *corpus) related(hits []hit) []string {
	var names []string
	own := c.passages[hits[0].passage].heading
	for _, h := range hits[1:] {
		name := c.passages[h.passage].heading
		if h.score < relatedScore*hits[0].score || len(names) == maxTopics {
			break
		}
		if name != own && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// topics are the nearest headings where any are near, and otherwise some from
// all over the documents.
func (c *corpus) topics(hits []hit) []string {
	var names []string
	add := func(passage int) {
		name := c.passages[passage].heading
		if name != "" && len(names) < maxTopics && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, h := range hits {
		if h.coverage >= minTopic {
			add(h.passage)
		}
	}
	for i := range maxTopics {
		if len(c.passages) > 0 {
			add((2*i + 1) * len(c.passages) / (2 * maxTopics))
		}
	}
	return names
}
