package ledger

import (
	"crypto/sha256"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// tree is an RFC 6962 Merkle tree, kept as the hashes of its complete
// subtrees, largest first: one for each bit set in its size. That is all an
// appender needs, at most 64 hashes and on average one more hash a leaf.
type tree struct {
	size  uint64
	peaks []tlog.Hash
}

// newTree has room for every peak, so that push never allocates.
func newTree() tree { return tree{peaks: make([]tlog.Hash, 0, 64)} }

func (t *tree) push(leaf tlog.Hash) {
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(t.peaks) - 1
		leaf = tlog.NodeHash(t.peaks[last], leaf)
		t.peaks = t.peaks[:last]
	}
	t.peaks = append(t.peaks, leaf)
	t.size++
}

// root is the tree head of RFC 6962, section 2.1.
func (t *tree) root() tlog.Hash {
	if t.size == 0 {
		return sha256.Sum256(nil)
	}
	last := len(t.peaks) - 1
	h := t.peaks[last]
	for i := last - 1; i >= 0; i-- {
		h = tlog.NodeHash(t.peaks[i], h)
	}
	return h
}

// peakCount is how many hashes describe a tree of this size.
func peakCount(size uint64) int { return bits.OnesCount64(size) }
