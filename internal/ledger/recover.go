package ledger

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/mod/sumdb/tlog"
)

// ending is where a log stands when it is opened.
type ending struct {
	chain tlog.Hash
	tree  tree
	// The last segment, if there is one: its sound part and what is torn.
	first uint64
	sound []byte
	torn  []byte
	clean bool // the checkpoint covers every entry, so all was synced
	stale bool // the checkpoint is one that a repair replaced
}

// recover finds where the log ends. It changes nothing.
//
// It reads whole what the checkpoint may not cover: from the segment in which
// its last entry lies to the end. That proves the segment's header too, for
// its hashes must lead to the root that was signed. Of all before it sees only
// that the files are there and that each leads to the next.
func (l *Log) recover(found listing, signed checkpoint) (ending, error) {
	start := 0
	for i, p := range found.parts {
		if p.first <= signed.size {
			start = i
		}
	}
	if start > 0 && found.parts[start-1].rest && found.parts[start].first == signed.size {
		start-- // it may be a repair, and tell that it replaced this checkpoint
	}
	if err := l.linked(found.parts[:min(start+1, len(found.parts))]); err != nil {
		return ending{}, err
	}
	return l.scanFrom(found, start, signed)
}

// scanFrom checks every entry from a part on.
func (l *Log) scanFrom(found listing, start int, signed checkpoint) (end ending, err error) {
	var bad *Problem
	s := newScan(l.keys.id)
	if s.key, _, err = parseVerifier(l.keys.verifier); err != nil {
		return end, err
	}
	s.signed = signed
	_, s.loose = found.others[relaxedName]
	s.report = func(p Problem, _ []byte) {
		if bad == nil && !p.Torn && !p.Repaired {
			bad = &p
		}
	}
	if start > 0 {
		s.next, s.chained, s.rooted = found.parts[start].first, false, false // its header tells
	}
	for i := start; i < len(found.parts) && bad == nil; i++ {
		p := found.parts[i]
		if err := s.part(l.cfg.FS, l.cfg.Directory, p, i == len(found.parts)-1); err != nil {
			return end, err
		}
		end.first, end.sound = p.first, s.data
		if p.rest {
			end.sound = nil // nothing is appended to it
		}
	}
	if bad == nil {
		s.finish()
	}
	if bad != nil {
		return end, bad.refusal(l.cfg.Directory)
	}
	if s.tornAt >= 0 {
		end.sound, end.torn = end.sound[:s.tornAt], end.sound[s.tornAt:]
	}
	end.chain, end.tree = s.chain, s.tree
	end.clean = len(end.torn) == 0 && signed.size == end.tree.size && !s.loose
	end.stale = signed == s.replaced
	return end, nil
}

// errUnlinked is what linked finds.
var errUnlinked = errors.New("damaged or missing: the last block does not lead to the next segment")

// linked sees that each part begins as its name says and leads to the next: by
// its last block, or by the note of what is left of it.
func (l *Log) linked(parts []part) error {
	var here link
	for i, p := range parts {
		next, err := l.startOf(p)
		if err == nil && i == 0 && next != l.beginning() {
			err = errMissing
		}
		if err != nil {
			return l.unlinked(p, p.first, p.first, err)
		}
		if i > 0 {
			err = l.leadsTo(parts[i-1], next)
		}
		if err != nil {
			return l.unlinked(parts[i-1], here.first, p.first-1, err)
		}
		here = next
	}
	return nil
}

// beginning is where a log starts.
func (*Log) beginning() link { return link{root: segmentHeader{}.root()} }

func (l *Log) unlinked(p part, first, last uint64, err error) error {
	var disk *fs.PathError
	if errors.As(err, &disk) {
		return unavailable("cannot read a segment of the log", join(l.cfg.Directory, p.name()), err)
	}
	if errors.Is(err, errMissing) {
		first, last = 0, max(p.first, 1)-1
	}
	return Problem{First: first, Last: last, File: p.name(), err: err}.worded().refusal(l.cfg.Directory)
}

// link is where a part begins or ends.
type link struct {
	first uint64
	chain tlog.Hash
	root  tlog.Hash
}

// startOf reads the header of a part.
func (l *Log) startOf(p part) (link, error) {
	path, at := join(l.cfg.Directory, p.name()), int64(0)
	if p.rest {
		_, size, err := l.readRestNote(p)
		if err != nil {
			return link{}, err
		}
		at = int64(size)
	}
	data, err := l.cfg.FS.ReadPart(path, at, headerSize(p.first))
	if err != nil {
		return link{}, err
	}
	h, _, err := parseSegmentHeader(data)
	switch {
	case err != nil:
		return link{}, err
	case h.id != l.keys.id:
		return link{}, errForeign
	case h.first != p.first:
		return link{}, errName
	}
	return link{h.first, h.chain, h.root()}, nil
}

func (l *Log) readRestNote(p part) (restNote, int, error) {
	v, _, err := parseVerifier(l.keys.verifier)
	if err != nil {
		return restNote{}, 0, err
	}
	data, err := l.cfg.FS.ReadPart(join(l.cfg.Directory, p.name()), 0, restHead)
	if err != nil {
		return restNote{}, 0, err
	}
	return parseRestNote(data, v)
}

// leadsTo says whether a part ends where the next begins. A segment's last
// block tells, which is looked for from the file's end.
func (l *Log) leadsTo(p part, next link) error {
	if p.rest {
		n, _, err := l.readRestNote(p)
		if err == nil && (link{n.end, n.chain, n.root}) != next {
			err = errUnlinked
		}
		return err
	}
	path := join(l.cfg.Directory, p.name())
	info, err := l.cfg.FS.Stat(path)
	if err != nil {
		return err
	}
	for _, n := range []int{128 << 10, maxBlock} {
		offset := max(info.Size()-int64(n), 0)
		data, err := l.cfg.FS.ReadPart(path, offset, n)
		if err != nil {
			return err
		}
		if b, ok := lastBlock(data, l.keys.id, next.first); ok {
			return b.leadsTo(next)
		}
	}
	return errUnlinked
}

// lastBlock is the block that ends data and is the last before entry next.
func lastBlock(data []byte, id logID, next uint64) (block, bool) {
	for at := 0; ; at++ {
		if at = findBlock(data, at, id, 0); at < 0 {
			return block{}, false
		}
		b, err := parseBlock(data[at:], id)
		if err == nil && at+len(b.bytes) == len(data) && b.last()+1 == next {
			return b, true
		}
	}
}

func (b block) leadsTo(next link) error {
	var leaves []tlog.Hash
	sound := true
	whole := eachEntry(b.bytes[blockHeader:len(b.bytes)-trailer], b.count, func(e framed) {
		leaves = append(leaves, tlog.RecordHash(e.payload))
		sound = sound && e.err == nil
	})
	switch {
	case !sound || !whole || !sealed(b.bytes):
		return fmt.Errorf("%w: %w", errUnlinked, errFrames)
	case b.chain(leaves) != next.chain:
		return fmt.Errorf("%w: %w", errUnlinked, errChain)
	}
	return nil
}

// openSegment opens the last segment for appending, or starts the first.
//
// After a crash the last segment is written anew and put in place of the old
// one. A failed fdatasync leaves pages that read well and are not on the disk,
// and no later sync would bring them there; entries added behind them would be
// lost with them.
func (l *Log) openSegment(end ending) (err error) {
	l.own = &segments{fs: l.cfg.FS, dir: l.cfg.Directory, limit: l.cfg.SegmentSize, relaxed: l.cfg.Relaxed > 0}
	if end.sound == nil {
		return l.own.rotate(l.header())
	}
	name := segmentName(end.first)
	l.own.size, l.own.empty = int64(len(end.sound)), len(end.sound) == headerSize(end.first)
	if end.clean {
		l.own.file, err = l.cfg.FS.Append(join(l.cfg.Directory, name))
		return err
	}
	if len(end.torn) > 0 {
		if err := l.setAside(end.first, len(end.sound), end.torn); err != nil {
			return err
		}
		l.cfg.Logger.Warn("a block that was never acknowledged is set aside",
			"segment", name, "offset", len(end.sound), "bytes", len(end.torn), "entry", end.tree.size)
	}
	l.own.file, err = create(l.cfg.FS, l.cfg.Directory, name, end.sound)
	return err
}

// setAside copies what is at an offset of a segment into a file of its own.
func (l *Log) setAside(first uint64, offset int, data []byte) error {
	base := fmt.Sprintf("%s%0*d-%d", quarantined, indexDigits, first, offset)
	for n := range 1000 {
		name := base
		if n > 0 {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		f, err := l.cfg.FS.Create(join(l.cfg.Directory, name))
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		err = writeFull(f, data)
		if err == nil {
			err = f.Sync()
		}
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err == nil {
			err = l.cfg.FS.SyncDir(l.cfg.Directory)
		}
		return err
	}
	return fmt.Errorf("%s: a thousand quarantine files of one place", base)
}
