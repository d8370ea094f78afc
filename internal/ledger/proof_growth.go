package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/internal/fault"
)

// Growth is a range of a tree's leaves, from From to before To, as the hashes
// of the largest complete subtrees that lie in it: at most 124 of them. The
// ranges before and after a leaf prove that it is in the tree; the ranges
// before and after a size prove that the tree grew from it.
type Growth struct {
	From, To uint64
	nodes    []node // in order, without gaps, no two of them siblings
}

// node is a complete subtree: the leaves from index<<level to before
// (index+1)<<level.
type node struct {
	level int
	index uint64
	hash  tlog.Hash
}

// growthAt is the empty range at a size.
func growthAt(size uint64) Growth { return Growth{From: size, To: size} }

// push adds the next leaf.
func (g *Growth) push(leaf tlog.Hash) { g.add(node{0, g.To, leaf}) }

func (g *Growth) add(n node) {
	g.To += 1 << n.level
	for last := len(g.nodes) - 1; last >= 0 && n.index&1 == 1 && g.nodes[last].level == n.level; last-- {
		n = node{n.level + 1, n.index >> 1, tlog.NodeHash(g.nodes[last].hash, n.hash)}
		g.nodes = g.nodes[:last]
	}
	g.nodes = append(g.nodes, n)
}

// Join is the range of g and, right behind it, next.
func (g Growth) Join(next Growth) Growth {
	g.nodes = append(make([]node, 0, len(g.nodes)+len(next.nodes)), g.nodes...)
	for _, n := range next.nodes {
		g.add(n)
	}
	return g
}

// Root is the head of the tree, if the range begins at 0.
func (g Growth) Root() tlog.Hash {
	if len(g.nodes) == 0 {
		return sha256.Sum256(nil)
	}
	last := len(g.nodes) - 1
	h := g.nodes[last].hash
	for i := last - 1; i >= 0; i-- {
		h = tlog.NodeHash(g.nodes[i].hash, h)
	}
	return h
}

// hashes finds nodes of several ranges for the provers of package tlog.
func hashes(ranges ...Growth) tlog.HashReader {
	known := map[int64]tlog.Hash{}
	for _, g := range ranges {
		for _, n := range g.nodes {
			known[tlog.StoredHashIndex(n.level, int64(n.index))] = n.hash //nolint:gosec // at most maxIndex
		}
	}
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, 0, len(indexes))
		for _, i := range indexes {
			h, ok := known[i]
			if !ok {
				return nil, errors.New("a hash of the tree is not at hand")
			}
			found = append(found, h)
		}
		return found, nil
	})
}

// Consistency proves that the tree of before and since extends that of before
// (RFC 6962, section 2.1.2). Before begins at 0 and since where it ends. From
// the empty tree on, the proof is empty.
func Consistency(before, since Growth) (tlog.TreeProof, error) {
	if before.From != 0 || before.To != since.From {
		return nil, fmt.Errorf("no consistency proof from ranges %d–%d and %d–%d", before.From, before.To, since.From, since.To)
	}
	if before.To == 0 {
		return nil, nil
	}
	return tlog.ProveTree(int64(since.To), int64(before.To), hashes(before, since)) //nolint:gosec // at most maxIndex
}

// inclusion proves that the leaf between two ranges is in the tree of all
// three (RFC 6962, section 2.1.1).
func inclusion(before, after Growth) (tlog.RecordProof, error) {
	return tlog.ProveRecord(int64(after.To), int64(before.To), hashes(before, after)) //nolint:gosec // at most maxIndex
}

// Grow reads a log once and returns what it takes to prove how its tree grew
// between two sizes: the range before from, and the one from from to before
// to. It needs no lock. A log that has fewer than to entries is fault.No.
func Grow(ctx context.Context, dir string, from, to uint64) (before, since Growth, err error) {
	since = growthAt(from)
	seen := false
	r, err := newReader(disk{}, dir, from, func(index uint64, _ []byte) error {
		if index >= to {
			return errEnough
		}
		return ctx.Err()
	})
	if err != nil {
		return before, since, err
	}
	begin := func() {
		if !seen && r.scan.tree.size == from {
			before, seen = r.scan.tree.growth(), true
		}
	}
	r.scan.leaf = func(index uint64, hash tlog.Hash) {
		if begin(); seen && index < to {
			since.push(hash)
		}
	}
	if err := r.drain(); err != nil && !errors.Is(err, errEnough) {
		return before, since, err
	}
	if begin(); !seen || since.To != to {
		return before, since, fault.New(fault.No, fmt.Sprintf("the log has only %d entries where %d are known", r.scan.next, max(from, to))).
			At(dir).Fix("see what ledger verify says")
	}
	return before, since, nil
}

var errEnough = errors.New("read enough")

// growth is the whole tree as a range.
func (t *tree) growth() Growth {
	g := Growth{nodes: make([]node, 0, len(t.peaks))}
	at := uint64(0)
	for _, p := range t.peaks {
		level := bits.Len64(t.size-at) - 1
		g.add(node{level, at >> level, p})
		at += 1 << level
	}
	return g
}
