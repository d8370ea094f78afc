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
}

// recover checks every entry. It changes nothing.
func (l *Log) recover(segments []uint64, signed checkpoint) (ending, error) {
	var bad *Problem
	s := newScan(l.keys.id)
	s.signed = signed
	s.report = func(p Problem, _ []byte) {
		if bad == nil && !p.Torn {
			bad = &p
		}
	}
	var end ending
	for i, first := range segments {
		path := join(l.cfg.Directory, segmentName(first))
		data, err := l.cfg.FS.ReadFile(path, 0, maxSegFile)
		if err != nil {
			return end, unavailable("cannot read a segment of the log", path, err)
		}
		s.file(first, data, i == len(segments)-1)
		if bad != nil {
			return end, bad.refusal(l.cfg.Directory)
		}
		end.first, end.sound = first, data
	}
	s.finish()
	if bad != nil {
		return end, bad.refusal(l.cfg.Directory)
	}
	if s.tornAt >= 0 {
		end.sound, end.torn = end.sound[:s.tornAt], end.sound[s.tornAt:]
	}
	end.chain, end.tree = s.chain, s.tree
	end.clean = len(end.torn) == 0 && signed.size == end.tree.size
	return end, nil
}

// openSegment opens the last segment for appending, or starts the first.
//
// After a crash the last segment is written anew and put in place of the old
// one. A failed fdatasync leaves pages that read well and are not on the disk,
// and no later sync would bring them there; entries added behind them would be
// lost with them.
func (l *Log) openSegment(end ending) (err error) {
	l.own = &segments{fs: l.cfg.FS, dir: l.cfg.Directory, limit: l.cfg.SegmentSize}
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
		if err := l.setAside(end, name); err != nil {
			return err
		}
	}
	l.own.file, err = create(l.cfg.FS, l.cfg.Directory, name, end.sound)
	return err
}

// setAside copies a torn tail into a file of its own.
func (l *Log) setAside(end ending, segment string) error {
	base := fmt.Sprintf("%s%0*d-%d", quarantined, indexDigits, end.first, len(end.sound))
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
		err = writeFull(f, end.torn)
		if err == nil {
			err = f.Sync()
		}
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err == nil {
			err = l.cfg.FS.SyncDir(l.cfg.Directory)
		}
		if err == nil {
			l.cfg.Logger.Warn("a block that was never acknowledged is set aside",
				"segment", segment, "offset", len(end.sound), "bytes", len(end.torn), "entry", end.tree.size, "file", join(l.cfg.Directory, name))
		}
		return err
	}
	return fmt.Errorf("%s: a thousand quarantine files of one place", base)
}
