package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/ostiary/ostiary/internal/fault"
)

// Repair is what RepairLog did.
type Repair struct {
	SetAside []string  `json:"set_aside"` // segments of which a whole copy lies in quarantine
	Lost     []Problem `json:"lost"`      // entries that are lost, or are kept by their own checksums alone
}

// RepairLog makes a log with damaged entries usable again. Each damaged
// segment is copied whole into a quarantine file and replaced by what is left
// of it: every entry whose checksum fits, and a signed note. VerifyLog names
// what is lost for ever after.
//
// It repairs damage, not alteration: a log whose checksums fit and whose tree
// is not what the checkpoint signed is refused, as are files of other logs and
// formats, and a checkpoint or key that is missing. A writer at work is
// fault.Conflict. A log without damage is left as it is.
func RepairLog(c LogConfig) (done Repair, err error) {
	if c, err = c.withDefaults(); err != nil {
		return done, err
	}
	if _, _, err := readVerifier(c.FS, c.Directory); err != nil {
		return done, err
	}
	lock, err := lockDirectory(c.Directory)
	if err != nil {
		return done, err
	}
	l := &Log{cfg: c, tree: newTree()}
	err = l.repair(&done)
	_ = lock.Close()
	if err != nil {
		return done, err
	}
	log, err := OpenLog(c) // signs what there is now
	if err != nil {
		return done, err
	}
	return done, log.Close()
}

func (l *Log) repair(done *Repair) error {
	found, err := list(l.cfg.FS, l.cfg.Directory)
	if err != nil {
		return err
	}
	if _, there := found.others[keyName]; !there {
		return found.refuseForeign(l.cfg.Directory)
	}
	signed, err := l.openKeys(found)
	if err != nil {
		return err
	}
	d, err := l.diagnose(found, signed)
	if err != nil {
		return err
	}
	var before *segmentHeader // of the part, as the one before leads to it
	for i, p := range d.parts {
		if !d.damaged[i] {
			before = nil
			continue
		}
		if before, err = l.repairPart(d, i, before, done); err != nil {
			return err
		}
		done.SetAside = append(done.SetAside, p.name())
	}
	return nil
}

// diagnosis is which parts of a log are damaged.
type diagnosis struct {
	parts   []part
	damaged []bool
	signed  checkpoint
}

// end is the index after a part, noCheckpoint if nothing tells.
func (d diagnosis) end(i int) uint64 {
	if i+1 < len(d.parts) {
		return d.parts[i+1].first
	}
	return noCheckpoint
}

func (l *Log) diagnose(found listing, signed checkpoint) (d diagnosis, err error) {
	d = diagnosis{parts: found.parts, signed: signed}
	if len(d.parts) == 0 || d.parts[0].first > 0 {
		d.parts = slices.Insert(slices.Clone(d.parts), 0, part{})
	}
	d.damaged = make([]bool, len(d.parts))
	s := newScan(l.keys.id)
	if s.key, _, err = parseVerifier(l.keys.verifier); err != nil {
		return d, err
	}
	s.signed = signed
	_, s.loose = found.others[relaxedName]
	var refused error
	s.report = func(p Problem, _ []byte) {
		if p.Torn || p.Repaired {
			return
		}
		if errors.Is(p.err, errVersion) && !sealedHeader(s.data) {
			p.err = errHeader
		}
		err := d.mark(p)
		if errors.Is(p.err, errMagic) && p.First >= signed.size && findBlock(s.data, 0, s.id, 0) < 0 {
			err = fmt.Errorf("%s; move the file elsewhere", p.What)
		}
		if err != nil && refused == nil {
			refused = fault.New(fault.Unavailable, err.Error()).At(join(l.cfg.Directory, p.File)).
				Fix("keep every file, and see what ledger verify says").Because(p.err)
		}
	}
	for i, p := range found.parts {
		if err := s.part(l.cfg.FS, l.cfg.Directory, p, i == len(found.parts)-1); err != nil {
			return d, err
		}
	}
	s.finish()
	return d, refused
}

// sealedHeader says whether the header is whole, whatever its version.
func sealedHeader(data []byte) bool {
	if len(data) < headerFixed {
		return false
	}
	size := int64(binary.LittleEndian.Uint32(data[12:]))
	return size >= headerFixed && size <= int64(len(data)) && sealed(data[:size])
}

// mark finds the part that a problem is about.
func (d diagnosis) mark(p Problem) error {
	switch {
	case errors.Is(p.err, errRoot), errors.Is(p.err, errPeaks), errors.Is(p.err, errName), errors.Is(p.err, errVersion):
		return fmt.Errorf("no damage that a repair can deal with: %s: %s", p.entries(), p.What)
	case errors.Is(p.err, errForeign) && p.Offset == 0:
		return fmt.Errorf("%s: %s; move the file elsewhere", p.entries(), p.What)
	}
	byRange := errors.Is(p.err, errMissing) || errors.Is(p.err, errChain) || errors.Is(p.err, errCut)
	for i, q := range d.parts {
		if byRange && (q.first > p.Last || d.end(i) <= p.First) || !byRange && q.name() != p.File {
			continue
		}
		if q.rest {
			return fmt.Errorf("%s: restore the file from a copy: %s", q.name(), p.What)
		}
		d.damaged[i] = true
	}
	return nil
}

// repairPart replaces a part by what can be salvaged, and returns the header
// that the next part is to begin with.
func (l *Log) repairPart(d diagnosis, i int, before *segmentHeader, done *Repair) (after *segmentHeader, err error) {
	p := d.parts[i]
	path := join(l.cfg.Directory, p.name())
	data, err := l.cfg.FS.ReadFile(path, 0, maxSegFile)
	gone := errors.Is(err, fs.ErrNotExist)
	if err != nil && !gone {
		return nil, unavailable("cannot read a segment of the log", path, err)
	}
	r, err := l.restOf(d, i, data, before)
	if err != nil {
		return nil, err
	}
	if !gone {
		if err := l.setAside(p.first, 0, data); err != nil {
			return nil, unavailable("cannot set the damaged segment aside", path, err)
		}
	}
	if len(r.blocks) > 0 {
		file, err := r.encode(l.keys.signer)
		if err != nil {
			return nil, err
		}
		if err := install(l.cfg.FS, l.cfg.Directory, restName(p.first), file); err != nil {
			return nil, unavailable("cannot write what is left of a segment", path, err)
		}
	}
	if !gone {
		if err := l.cfg.FS.Remove(path); err != nil {
			return nil, unavailable("cannot remove the damaged segment", path, err)
		}
		if err := l.cfg.FS.SyncDir(l.cfg.Directory); err != nil {
			return nil, unavailable("cannot make the repair durable", path, err)
		}
	}
	l.tellLosses(r, done)
	return &r.after, nil
}

// restOf makes the rest of a damaged part.
func (l *Log) restOf(d diagnosis, i int, data []byte, before *segmentHeader) (r rest, err error) {
	p, end := d.parts[i], d.end(i)
	if r.before, err = l.before(d, i, data, before); err != nil {
		return r, err
	}
	if max(d.signed.size, p.first)-p.first > maxGap || end != noCheckpoint && end-p.first > maxGap {
		return r, fault.New(fault.Unavailable, "too many entries are missing for a repair").At(join(l.cfg.Directory, p.name())).
			Fix("restore the segments that are missing, or begin another log")
	}
	r.blocks = salvage(data, l.keys.id, p.first, end)
	if end == noCheckpoint {
		r.blocks = trimmed(r.blocks, d.signed.size)
	}
	if n := len(r.blocks); end == noCheckpoint && d.signed.size > p.first && (n == 0 || d.signed.size > r.blocks[n-1].end()) {
		r.blocks = salvage(data, l.keys.id, p.first, d.signed.size) // so many there were
	}
	r.note = restNote{why: whyRepaired, at: l.cfg.Now()}
	if i+1 < len(d.parts) {
		if r.after, err = l.headerOf(d.parts[i+1]); err == nil && r.after.id == l.keys.id && r.after.first == end {
			return r, nil
		}
	}
	var forked bool
	if r.after, forked = r.continued(l.keys.id); forked && d.signed.size > p.first {
		r.note.replaced = &d.signed
	}
	return r, nil
}

// trimmed leaves out what is lost at the very end, and no checkpoint covers:
// perhaps it was never acknowledged.
func trimmed(blocks []restBlock, signed uint64) []restBlock {
	for n := len(blocks); n > 0; n = len(blocks) {
		b := &blocks[n-1]
		for m := len(b.entries); m > 0 && b.entries[m-1].fate == lost && b.end() > signed; m-- {
			b.entries, b.header = b.entries[:m-1], nil
		}
		if len(b.entries) > 0 {
			break
		}
		blocks = blocks[:n-1]
	}
	return blocks
}

// before is the header of a damaged part; where that is lost, what the part
// before leads to.
func (l *Log) before(d diagnosis, i int, data []byte, carried *segmentHeader) (segmentHeader, error) {
	h, _, err := parseSegmentHeader(data)
	switch {
	case err == nil && h.id == l.keys.id && h.first == d.parts[i].first:
		return h, nil
	case carried != nil:
		return *carried, nil
	case i == 0:
		return segmentHeader{id: l.keys.id}, nil
	}
	prev := d.parts[i-1]
	s := newScan(l.keys.id)
	s.key, _, _ = parseVerifier(l.keys.verifier) // as it did before
	s.next, s.chained, s.rooted, s.report = prev.first, false, false, func(Problem, []byte) {}
	if err := s.part(l.cfg.FS, l.cfg.Directory, prev, false); err != nil {
		return segmentHeader{}, err
	}
	return segmentHeader{id: l.keys.id, first: s.next, chain: s.chain, peaks: slices.Clone(s.tree.peaks)}, nil
}

// continued is the header of a segment after the rest. Where entries are lost
// it can only be made up; forked says so.
func (r rest) continued(id logID) (after segmentHeader, forked bool) {
	t := newTree()
	t.size, t.peaks = r.before.first, append(t.peaks, r.before.peaks...)
	chain := r.before.chain
	for _, b := range r.blocks {
		leaves, whole := b.leaves()
		forked = forked || !whole || b.header == nil || b.prev() != chain
		chain = b.chain(leaves)
		for _, leaf := range leaves {
			t.push(leaf)
		}
	}
	return segmentHeader{id: id, first: t.size, chain: chain, peaks: t.peaks}, forked
}

// tellLosses lists what verify will say from now on.
func (l *Log) tellLosses(r rest, done *Repair) {
	s := newScan(l.keys.id)
	s.name, s.repaired = restName(r.before.first), true
	s.report = func(p Problem, _ []byte) { done.Lost = append(done.Lost, p) }
	s.next, s.chained, s.rooted = r.before.first, false, false
	s.takeUp(r.before)
	for _, b := range r.blocks {
		s.restBlock(b)
	}
	s.takeUp(r.after)
}
