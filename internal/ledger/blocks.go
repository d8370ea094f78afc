package ledger

import (
	"fmt"

	"github.com/ostiary/ostiary/internal/fault"
)

// BlockHead is what a block says of itself.
type BlockHead struct {
	Log   string // id of its log, 32 hexadecimal digits
	First uint64 // index of its first entry
	Count int    // of entries
}

// Next is the index after the block's last entry.
func (h BlockHead) Next() uint64 { return h.First + uint64(h.Count) } //nolint:gosec // at most maxEntries

// ParseBlock reads the head of a block, and sees that it is whole: its length
// and both of its checksums fit.
func ParseBlock(data []byte) (BlockHead, error) {
	if len(data) < blockHeader {
		return BlockHead{}, errShort
	}
	b, err := parseBlock(data, logID(data[16:32]))
	switch {
	case err != nil:
		return BlockHead{}, err
	case len(b.bytes) != len(data) || !sealed(data):
		return BlockHead{}, errFrames
	}
	return BlockHead{logID(data[16:32]).String(), b.first, b.count}, nil
}

// ReadBlocks gives visit every block of a log that has an entry from index
// from on, in order, as it was committed. It is for a Domain that catches up:
// what was pruned or repaired is in no block, and is an error if from is
// before it. A block must not be kept.
func ReadBlocks(dir string, from uint64, visit func(block []byte) error) error {
	return readBlocks(disk{}, dir, from, visit)
}

func readBlocks(fsys FS, dir string, from uint64, visit func(block []byte) error) error {
	_, id, err := readVerifier(fsys, dir)
	if err != nil {
		return err
	}
	found, err := list(fsys, dir)
	if err != nil {
		return err
	}
	for i, p := range found.parts {
		if i+1 < len(found.parts) && found.parts[i+1].first <= from {
			continue
		}
		path := join(dir, p.name())
		if p.rest {
			return fault.New(fault.Unavailable, fmt.Sprintf("entries from %d on are no longer in their blocks", p.first)).At(path).
				Fix("begin with the next segment")
		}
		data, err := fsys.ReadFile(path, 0, maxSegFile)
		if err != nil {
			return unavailable("cannot read a segment of the log", path, err)
		}
		if err := eachBlock(data, id, from, visit); err != nil {
			return err
		}
	}
	return nil
}

// eachBlock goes through the whole blocks of a segment. What is torn at the
// end is left out.
func eachBlock(data []byte, id logID, from uint64, visit func(block []byte) error) error {
	_, at, err := parseSegmentHeader(data)
	if err != nil {
		return err
	}
	for at < len(data) {
		b, err := parseBlock(data[at:], id)
		if err != nil || !sealed(b.bytes) {
			if findBlock(data, at+1, id, 0) < 0 {
				return nil
			}
			return fault.New(fault.Unavailable, "a block of the log is damaged").Fix("see what ledger verify says").Because(err)
		}
		if at += len(b.bytes); b.last() < from {
			continue
		}
		if err := visit(b.bytes); err != nil {
			return err
		}
	}
	return nil
}
