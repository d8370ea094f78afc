package emulator

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
)

// Constants of BM25 (Robertson and Zaragoza, 2009, section 3.2): how soon a
// repeated word stops counting, and how much length does.
const (
	bm25Saturation = 1.2
	bm25Length     = 0.6
)

// A word in a heading says what the passage is about; one in the title a
// little.
const (
	headingWeight = 2.0
	titleWeight   = 0.4
)

// Bounds of one search: words that count, and misspelt ones looked up.
const (
	maxQueryTerms = 512
	maxCorrected  = 32
	minCorrected  = 5 // letters; shorter words have too many neighbours
)

// misspelt is the weight of a word that was only nearly found.
const misspelt = 0.8

// synonym is the weight of a word that a heading offers for the one asked.
const synonym = 0.4

// corpus is an index over passages. It is read only once built.
type corpus struct {
	passages    []passage
	headings    [][][]string         // stems of each passage's heading, for each way to say it
	postings    map[string][]posting // by stem
	surfaces    map[string]string    // every word as written, to its stem
	lengths     []float64
	average     float64
	fingerprint string // changes with the documents
}

type posting struct {
	passage int
	weight  float64 // frequency, weighted by where the word stands
}

func newCorpus(documents fs.FS) *corpus {
	c := &corpus{passages: readPassages(documents), postings: map[string][]posting{}, surfaces: map[string]string{}}
	hash := sha256.New()
	for i, p := range c.passages {
		weights := map[string]float64{}
		c.lengths = append(c.lengths, c.count(weights, p))
		c.average += c.lengths[i]
		for stem, w := range weights {
			c.postings[stem] = append(c.postings[stem], posting{i, w})
		}
		c.headings = append(c.headings, headingForms(p.heading))
		_, _ = hash.Write([]byte(p.heading + strings.Join(p.blocks, "\n")))
	}
	c.average = max(1, c.average/float64(max(1, len(c.passages))))
	c.fingerprint = "fp_" + hex.EncodeToString(hash.Sum(nil))[:10]
	return c
}

// count adds a passage's words to weights and returns its length.
func (c *corpus) count(weights map[string]float64, p passage) (length float64) {
	for _, part := range []struct {
		text   string
		weight float64
	}{{strings.Join(p.blocks, "\n"), 1}, {p.heading, headingWeight}, {p.title, titleWeight}} {
		for _, w := range words(part.text) {
			weights[w.stem] += part.weight
			c.surfaces[w.surface] = w.stem
			length += part.weight
		}
	}
	return length
}

// headingForms splits "Data Explorer (ADX, Kusto)" into its ways to say the
// same. A colon joins a topic and its part, and splits nothing.
func headingForms(heading string) [][]string {
	var forms [][]string
	for _, form := range strings.FieldsFunc(heading, func(r rune) bool { return strings.ContainsRune("(),", r) }) {
		var stems []string
		for _, w := range words(form) {
			stems = append(stems, w.stem)
		}
		if len(stems) > 0 {
			forms = append(forms, stems)
		}
	}
	return forms
}

// rarity is BM25's inverse document frequency, never below zero; a word that
// no passage has is the rarest.
func (c *corpus) rarity(stem string) float64 {
	n, df := float64(len(c.passages)), float64(len(c.postings[stem]))
	return math.Log(1 + (n-df+0.5)/(df+0.5))
}

// query is what is searched for: stems with weights.
type query map[string]float64

// add puts a text's words into a query, correcting misspelt ones. The highest
// weight of a stem counts, so that repetition buys nothing.
func (c *corpus) add(q query, text string, weight float64) {
	corrected := 0
	for _, w := range words(text) {
		if len(q) >= maxQueryTerms {
			return
		}
		stem, factor := w.stem, 1.0
		if len(c.postings[stem]) == 0 && len(w.surface) >= minCorrected && corrected < maxCorrected {
			corrected++
			if found := c.correct(w.surface); found != "" {
				stem, factor = found, misspelt
			}
		}
		q[stem] = max(q[stem], weight*factor)
	}
}

// widen adds, where a query has one of a heading's forms whole, the other
// forms: who asks for the VNet also asks for the virtual network.
func (c *corpus) widen(q query) {
	extra := query{}
	for _, forms := range c.headings {
		for _, form := range forms {
			weight := math.Inf(1)
			for _, stem := range form {
				weight = min(weight, q[stem])
			}
			if weight == 0 || len(forms) == 1 {
				continue
			}
			for _, other := range slices.Concat(forms...) {
				extra[other] = max(extra[other], synonym*weight)
			}
		}
	}
	for stem, weight := range extra {
		q[stem] = max(q[stem], weight)
	}
}

// correct finds the stem of the most used word one edit away.
func (c *corpus) correct(surface string) string {
	best, uses := "", 0
	for known, stem := range c.surfaces {
		if len(known) < minCorrected-1 || !near(known, surface) {
			continue
		}
		n := len(c.postings[stem])
		if n > uses || n == uses && stem < best {
			best, uses = stem, n
		}
	}
	return best
}

// hit is a passage found. coverage is the share of the query, by rarity, that
// the passage has: 1 is all of it.
type hit struct {
	passage  int
	score    float64
	coverage float64
}

// search ranks the passages that have anything of the query.
func (c *corpus) search(q query) []hit {
	var total float64
	found := map[int]*hit{}
	for _, stem := range slices.Sorted(maps.Keys(q)) {
		rarity := q[stem] * c.rarity(stem)
		total += rarity
		for _, p := range c.postings[stem] {
			h := found[p.passage]
			if h == nil {
				h = &hit{passage: p.passage}
				found[p.passage] = h
			}
			norm := 1 - bm25Length + bm25Length*c.lengths[p.passage]/c.average
			h.score += rarity * p.weight * (bm25Saturation + 1) / (p.weight + bm25Saturation*norm)
			h.coverage += rarity
		}
	}
	var hits []hit
	for _, h := range found {
		h.coverage /= total
		h.score *= (1 + c.headingMatch(q, h.passage, total)) * (0.5 + h.coverage)
		hits = append(hits, *h)
	}
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.passage, b.passage))
	})
	return hits
}

// headingMatch is 1 where heading and query say the same, and falls with what
// either has beyond the other: "private endpoint" is not "private DNS zone".
func (c *corpus) headingMatch(q query, passage int, total float64) float64 {
	best := 0.0
	for _, form := range c.headings[passage] {
		var all, matched, asked float64
		for _, stem := range form {
			rarity := c.rarity(stem)
			all += rarity
			if weight, ok := q[stem]; ok {
				matched += rarity
				asked += rarity * weight
			}
		}
		share, heading := asked/total, matched/all
		best = max(best, share*share*heading*heading)
	}
	return best
}
