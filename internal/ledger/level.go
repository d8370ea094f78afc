package ledger

import (
	"github.com/ostiary/ostiary/internal/fault"

	"golang.org/x/mod/sumdb/tlog"
)

// Leveller is a Domain elsewhere that can have more of a log than the
// directory, whose disk lost its end.
type Leveller interface {
	Domain
	// Level is called once, when the log is opened and before anything is
	// appended. The directory has next entries. The domain sends what it
	// lacks, and gives take every block that it has from entry next on, in
	// order. An error keeps the log from opening.
	Level(next uint64, take func(block []byte) error) error
}

// level brings the directory and a domain elsewhere to the same end.
func (l *Log) level() error {
	far, ok := l.domain.(Leveller)
	if !ok {
		return nil
	}
	t := taker{own: l.own, id: l.keys.id, chain: l.chain, tree: l.tree, leaf: func(leaf tlog.Hash) {
		if l.cfg.Signed != nil {
			l.grown.push(leaf)
		}
	}}
	before := l.tree.size
	if err := far.Level(before, t.take); err != nil {
		_ = l.domain.Close()
		return err
	}
	if l.chain, l.tree, l.durable = t.chain, t.tree, t.tree.size; l.durable > before {
		l.cfg.Logger.Warn("the directory lacked entries that were acknowledged elsewhere; they are here again",
			"directory", l.cfg.Directory, "first", before, "last", l.durable-1)
	}
	l.pending = newBatch(l.durable, nil)
	return nil
}

// taker puts whole blocks of a log into its segments, after checking that each
// follows the one before.
type taker struct {
	own   *segments
	id    logID
	chain tlog.Hash
	tree  tree
	leaf  func(tlog.Hash) // nil means that nobody asks
}

func (t *taker) take(data []byte) error {
	b, err := parseBlock(data, t.id)
	if err != nil {
		return notABlock(err)
	}
	leaves := make([]tlog.Hash, 0, b.count)
	sound := len(b.bytes) == len(data) && sealed(data)
	whole := eachEntry(data[blockHeader:len(data)-trailer], b.count, func(e framed) {
		leaves, sound = append(leaves, tlog.RecordHash(e.payload)), sound && e.err == nil
	})
	switch {
	case !sound || !whole:
		return notABlock(errFrames)
	case b.first != t.tree.size:
		return notABlock(errMissing)
	case b.prev != t.chain:
		return notABlock(errChain)
	}
	if t.own.file == nil || t.own.full(len(data)) {
		if err := t.own.rotate(t.header()); err != nil {
			return unavailable("cannot write a segment of the log", t.own.dir, err)
		}
	}
	if err := t.own.Commit(data); err != nil {
		return unavailable("cannot write a segment of the log", t.own.dir, err)
	}
	t.chain = b.chain(leaves)
	for _, leaf := range leaves {
		t.tree.push(leaf)
		if t.leaf != nil {
			t.leaf(leaf)
		}
	}
	return nil
}

func (t *taker) header() segmentHeader {
	return segmentHeader{id: t.id, first: t.tree.size, chain: t.chain, peaks: t.tree.peaks}
}

func notABlock(err error) error {
	return fault.New(fault.Conflict, "not the next block of this log").
		Fix("whoever keeps the blocks altered or mixed them up, or two writers had copies of one directory").Because(err)
}
