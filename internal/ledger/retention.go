package ledger

import (
	"fmt"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// Retention is how long a log keeps what its entries say. Whole segments are
// pruned, the oldest first, and never the one being written: hashes stay, so
// that everything else can still be verified.
type Retention struct {
	// Age is how long after its last entry a segment is kept, by the file's
	// time. Zero means for ever.
	Age time.Duration

	// Size is how many bytes of segments are kept. Zero means all.
	Size int64
}

func (r Retention) check() error {
	if r.Age < 0 || r.Size < 0 {
		return fault.New(fault.Invalid, "the log's retention is negative").Fix("choose an age and a size above 0, or 0 to keep all")
	}
	return nil
}

// reason says why a segment is to go, or "" if it is not: it was last written
// at a time, and segments of all bytes are kept with it.
func (r Retention) reason(written, now time.Time, all int64) string {
	switch {
	case r.Age > 0 && now.Sub(written) > r.Age:
		return fmt.Sprintf("%sover the age of %s", whyPruned, r.Age)
	case r.Size > 0 && all > r.Size:
		return fmt.Sprintf("%sover the size of %d bytes", whyPruned, r.Size)
	}
	return ""
}

// maxPrunes bounds the segments pruned at one tick: commits wait meanwhile.
const maxPrunes = 8

// prune replaces segments past retention by their hashes. Damage that it
// meets is left as it is, with all that follows; a disk that fails stops the
// log, as with any other write.
func (l *Log) prune() {
	if l.failure != nil || l.stuck || l.cfg.Retention == (Retention{}) {
		return
	}
	for range maxPrunes {
		more, err := l.pruneOne()
		if err != nil {
			l.fail("entries past their retention could not be pruned", err)
		}
		if err != nil || !more || l.stuck {
			return
		}
	}
}

// pruneOne prunes the oldest segment, if it is past retention.
func (l *Log) pruneOne() (more bool, err error) {
	found, err := list(l.cfg.FS, l.cfg.Directory)
	if err != nil {
		return false, err
	}
	all := int64(0)
	oldest, written := -1, time.Time{}
	for i, p := range found.parts {
		if p.first < l.pruned {
			continue
		}
		if p.rest {
			n, _, err := l.readRestNote(p)
			if err != nil {
				return false, l.cannotPrune(p, err)
			}
			if n.pruned() {
				l.pruned = n.end
				continue
			}
		}
		info, err := l.cfg.FS.Stat(join(l.cfg.Directory, p.name()))
		if err != nil {
			return false, err
		}
		if oldest < 0 {
			oldest, written = i, info.ModTime()
		}
		all += info.Size()
	}
	if oldest < 0 || oldest == len(found.parts)-1 {
		return false, nil
	}
	end := found.parts[oldest+1].first
	why := l.cfg.Retention.reason(written, l.cfg.Now(), all)
	if why == "" || end > l.signed || l.cfg.Keep != nil && end > l.cfg.Keep() {
		return false, nil
	}
	return true, l.prunePart(found.parts[oldest], found.parts[oldest+1], why)
}

// cannotPrune leaves damage to verify and repair.
func (l *Log) cannotPrune(p part, err error) error {
	l.stuck = true
	l.cfg.Logger.Error("nothing more is pruned: a segment is damaged; see what ledger verify says",
		"file", join(l.cfg.Directory, p.name()), "error", err)
	return nil
}
