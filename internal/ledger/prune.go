package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"math"

	"golang.org/x/mod/sumdb/tlog"
)

// prunePart replaces a part by its hashes. The rest is durable under its own
// name before the segment is removed; where both are there, the rest counts.
func (l *Log) prunePart(p, next part, why string) error {
	r, err := l.hashed(p, next, why)
	var disk *fs.PathError
	switch {
	case errors.As(err, &disk):
		return err
	case err != nil:
		return l.cannotPrune(p, err)
	}
	data, err := r.encode(l.keys.signer)
	if err != nil {
		return err
	}
	if err := install(l.cfg.FS, l.cfg.Directory, restName(p.first), data); err != nil {
		return err
	}
	if !p.rest {
		if err := l.removeSegment(p.first); err != nil {
			return err
		}
	}
	l.pruned = next.first
	l.cfg.Logger.Info("entries past their retention are pruned", "first", p.first, "last", next.first-1, "why", why)
	return nil
}

// hashed is a part with its entries replaced by their hashes, if all of it is
// sound and leads to the next.
func (l *Log) hashed(p, next part, why string) (rest, error) {
	if p.rest {
		r, err := l.readRest(p)
		if err != nil {
			return rest{}, err
		}
		for _, b := range r.blocks {
			for i := range b.entries {
				if b.entries[i].fate == kept {
					b.entries[i].fate = pruned
				}
			}
		}
		r.note.why, r.note.at = r.note.why+"; "+why, l.cfg.Now()
		return r, nil
	}
	data, err := l.cfg.FS.ReadFile(join(l.cfg.Directory, p.name()), 0, maxSegFile)
	if err != nil {
		return rest{}, err
	}
	after, err := l.headerOf(next)
	if err != nil {
		return rest{}, err
	}
	r, err := hashesOf(data, l.keys.id)
	if err != nil {
		return rest{}, err
	}
	if last := r.blocks[len(r.blocks)-1]; last.end() != next.first || r.after.chain != after.chain || r.before.first != p.first {
		return rest{}, errUnlinked
	}
	r.after, r.note = after, restNote{why: why, at: l.cfg.Now()}
	return r, nil
}

// headerOf reads the header of a part.
func (l *Log) headerOf(p part) (segmentHeader, error) {
	if p.rest {
		r, err := l.readRest(p)
		return r.before, err
	}
	data, err := l.cfg.FS.ReadPart(join(l.cfg.Directory, p.name()), 0, headerSize(p.first))
	if err != nil {
		return segmentHeader{}, err
	}
	h, _, err := parseSegmentHeader(data)
	return h, err
}

// hashesOf takes a sound segment apart. The header after it has its chain
// alone.
func hashesOf(data []byte, id logID) (r rest, err error) {
	var at int
	if r.before, at, err = parseSegmentHeader(data); err != nil {
		return r, err
	}
	chain, next := r.before.chain, r.before.first
	for at < len(data) {
		b, err := parseBlock(data[at:], id)
		if err != nil {
			return r, err
		}
		if b.prev != chain || b.first != next || !sealed(b.bytes) {
			return r, errChain
		}
		hashed := restBlock{first: b.first, header: b.bytes[:blockHeader]}
		eachEntry(b.bytes[blockHeader:len(b.bytes)-trailer], b.count, func(e framed) {
			hashed.entries = append(hashed.entries, restEntry{fate: pruned, leaf: tlog.RecordHash(e.payload)})
			err = errors.Join(err, e.err)
		})
		leaves, _ := hashed.leaves()
		if err != nil || len(leaves) != b.count {
			return r, fmt.Errorf("%w: %w", errFrames, err)
		}
		r.blocks = append(r.blocks, hashed)
		chain, next, at = hashed.chain(leaves), b.last()+1, at+len(b.bytes)
	}
	if len(r.blocks) == 0 {
		return r, errUnlinked
	}
	r.after.chain = chain
	return r, nil
}

// Extent is what a log has: entries from first to before next. What was before
// first is pruned; readers begin at first. In between, entries may be missing
// that a repair gave up.
func Extent(dir string) (first, next uint64, err error) { return extent(disk{}, dir) }

func extent(fsys FS, dir string) (first, next uint64, err error) {
	r, err := newReader(fsys, dir, math.MaxUint64, nil)
	if err != nil {
		return 0, 0, err
	}
	if err := r.drain(); err != nil {
		return 0, 0, err
	}
	next = r.scan.next
	found, err := list(fsys, dir)
	if err != nil {
		return 0, 0, err
	}
	for _, p := range found.parts {
		if !p.rest {
			return p.first, next, nil
		}
		data, err := fsys.ReadPart(join(dir, p.name()), 0, restHead)
		if err != nil {
			return 0, 0, unavailable("cannot read what is left of a segment", join(dir, p.name()), err)
		}
		n, _, err := parseRestNote(data, r.scan.key)
		if err != nil {
			return 0, 0, unavailable("what is left of a segment is damaged", join(dir, p.name()), err)
		}
		if !n.pruned() {
			return p.first, next, nil
		}
		first = n.end
	}
	return first, next, nil
}
