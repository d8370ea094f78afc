package ledger

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// ReadLog gives visit every entry of a log from index from on, in order, and
// returns at the end of what is there. It takes no lock, so a writer may be at
// work; a block that is incomplete at the very end is left out. Damage, and an
// error of visit, end it. A payload must not be kept or changed.
func ReadLog(dir string, from uint64, visit func(index uint64, payload []byte) error) error {
	r, err := newReader(disk{}, dir, from, visit)
	if err != nil {
		return err
	}
	return r.drain()
}

// Read is ReadLog for the records of a ledger.
func Read(dir string, from uint64, visit func(index uint64, r Record) error) error {
	return ReadLog(dir, from, decoding(visit))
}

// Follow is Read that goes on: it looks for more at the given interval (zero
// means 200 ms) until ctx ends, and then returns nil. It may show a record an
// instant before it is durable.
func Follow(ctx context.Context, dir string, from uint64, every time.Duration, visit func(index uint64, r Record) error) error {
	r, err := newReader(disk{}, dir, from, decoding(visit))
	if err != nil {
		return err
	}
	if every <= 0 {
		every = 200 * time.Millisecond
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := r.drain(); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Count is how many entries a log has. It reads the last segment only.
func Count(dir string) (uint64, error) {
	r, err := newReader(disk{}, dir, math.MaxUint64, nil)
	if err != nil {
		return 0, err
	}
	if err := r.drain(); err != nil {
		return 0, err
	}
	return r.scan.next, nil
}

func decoding(visit func(uint64, Record) error) func(uint64, []byte) error {
	return func(index uint64, payload []byte) error {
		r, err := decodeRecord(payload)
		if err != nil {
			return fault.New(fault.Unavailable, "an entry of the ledger cannot be read").At(Problem{First: index, Last: index}.entries()).
				Fix("see what ledger verify says").Because(err)
		}
		return visit(index, r)
	}
}

// reader goes through a log's blocks in order, as far as they are there, and
// on from there when asked again.
type reader struct {
	fs      FS
	dir     string
	scan    *scan
	segment uint64 // first index of the segment in hand
	offset  int64  // in it, of the next block
	problem *Problem
	stopped error // what visit returned
}

// newReader starts at the segment that holds entry from.
func newReader(fsys FS, dir string, from uint64, visit func(index uint64, payload []byte) error) (*reader, error) {
	r := &reader{fs: fsys, dir: dir}
	_, id, err := readVerifier(r.fs, dir)
	if err != nil {
		return nil, err
	}
	found, err := list(r.fs, dir)
	if err != nil {
		return nil, err
	}
	for i, first := range found.segments {
		if i == 0 || first <= from {
			r.segment = first
		}
	}
	r.scan = newScan(id)
	r.scan.next, r.scan.chained, r.scan.rooted = r.segment, false, false // the first header tells
	r.scan.entry = func(index uint64, payload []byte) {
		if index >= from && r.stopped == nil && r.problem == nil {
			r.stopped = visit(index, payload)
		}
	}
	r.scan.report = func(p Problem, _ []byte) {
		if r.problem == nil {
			r.problem = &p
		}
	}
	return r, nil
}

// drain reads until nothing more is there.
func (r *reader) drain() error {
	for {
		fresh, _, err := r.read()
		if err != nil {
			return err
		}
		if fresh {
			continue
		}
		next, err := r.following()
		if err != nil || next == 0 {
			return err
		}
		// Another segment has begun, so this one is complete. Look once more:
		// its end may have come since.
		fresh, rest, err := r.read()
		if err != nil {
			return err
		}
		if fresh {
			continue
		}
		if rest > 0 || next != r.scan.next {
			p := Problem{
				First: r.scan.next, Last: max(next, r.scan.next+1) - 1,
				File: segmentName(r.segment), Offset: r.offset, err: errUnread,
			}
			return p.worded().refusal(r.dir)
		}
		r.segment, r.offset = next, 0
	}
}

var errUnread = errors.New("damaged or missing")

// read takes the whole blocks that are new in the segment in hand. It says
// whether there were any, and how many bytes behind them are no whole block.
func (r *reader) read() (fresh bool, rest int, err error) {
	path := join(r.dir, segmentName(r.segment))
	data, err := r.fs.ReadFile(path, r.offset, maxSegFile)
	if errors.Is(err, fs.ErrNotExist) && r.offset == 0 && r.segment == 0 {
		return false, 0, nil // a log that is just being made
	}
	if err != nil {
		return false, 0, unavailable("cannot read a segment of the log", path, err)
	}
	s := r.scan
	s.name, s.base, s.data, s.last, s.tornAt = segmentName(r.segment), r.offset, data, true, -1
	at := 0
	if r.offset == 0 {
		at = s.header(r.segment)
	}
	for r.problem == nil && r.stopped == nil && at < len(data) {
		b, err := parseBlock(data[at:], s.id)
		switch {
		case err == nil && sealed(b.bytes):
			s.block(at, b)
			at += len(b.bytes)
		case findBlock(data, at+1, s.id, s.next) < 0:
			r.offset += int64(at)
			return at > 0, len(data) - at, nil
		case err == nil:
			s.block(at, b) // reports what is wrong
		default:
			s.gap(at, b, err)
		}
	}
	if r.problem != nil {
		return false, 0, r.problem.refusal(r.dir)
	}
	r.offset += int64(at)
	return at > 0, 0, r.stopped
}

// following is the first index of the segment after the one in hand, 0 if
// there is none.
func (r *reader) following() (uint64, error) {
	found, err := list(r.fs, r.dir)
	if err != nil {
		return 0, err
	}
	for _, first := range found.segments {
		if first > r.segment {
			return first, nil
		}
	}
	return 0, nil
}
