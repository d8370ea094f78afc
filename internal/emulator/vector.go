package emulator

import (
	"hash/fnv"
	"maps"
	"math"
	"slices"
)

// gramWeight is what a word's letters count for, beside the word itself: with
// it a misspelt word, or another of its forms, stays near.
const gramWeight = 1.5

// embed projects an input's features to a vector of length one. Each feature
// has a direction of its own, of random signs that its hash decides
// (Achlioptas, 2003), so that the angle between two vectors is about that
// between the texts' features. The same text gives the same vector everywhere.
func (c *corpus) embed(in embeddingInput, dimensions int) []float32 {
	sum := make([]float64, dimensions)
	features := c.features(in)
	for _, feature := range slices.Sorted(maps.Keys(features)) { // floating-point sums depend on their order
		h := fnv.New64a()
		_, _ = h.Write([]byte(feature))
		project(sum, h.Sum64(), math.Log1p(features[feature]))
	}
	vector := make([]float32, dimensions)
	for i, x := range sum {
		vector[i] = float32(x)
	}
	return normalise(vector)
}

// project adds weight along the direction of seed: bit by bit of a random
// stream, plus or minus. Flipping the sign bit spares a branch that no
// processor could predict.
func project(sum []float64, seed uint64, weight float64) {
	bits := math.Float64bits(weight)
	for i := 0; i < len(sum); i += 64 {
		seed += 0x9e3779b97f4a7c15
		signs := mix(seed)
		for j := i; j < min(i+64, len(sum)); j++ {
			sum[j] += math.Float64frombits(bits ^ signs<<63)
			signs >>= 1
		}
	}
}

// mix is the finaliser of splitmix64: every bit of x moves every bit out.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// shortenVector keeps the first dimensions and restores the length, which is
// what OpenAI's models do with theirs.
func shortenVector(v []float32, dimensions int) []float32 {
	if dimensions >= len(v) {
		return v
	}
	return normalise(v[:dimensions])
}

// normalise scales v to length one, in place. A vector of zeros, which no
// text gives, stays.
func normalise(v []float32) []float32 {
	var square float64
	for _, x := range v {
		square += float64(x) * float64(x)
	}
	if square == 0 {
		return v
	}
	scale := 1 / math.Sqrt(square)
	for i := range v {
		v[i] = float32(float64(v[i]) * scale)
	}
	return v
}
