package ledger

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"slices"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// ReadLog gives visit every entry of a log from index from on, in order, and
// returns at the end of what is there. It takes no lock, so a writer may be at
// work; a block that is incomplete at the very end is left out. Damage, and an
// error of visit, end it. A payload must not be kept or changed.
//
// Entries that were pruned, given up by a repair, or not there any more when
// the log was restored, are passed over: their indices are missing. Extent says where a log begins.
func ReadLog(dir string, from uint64, visit func(index uint64, payload []byte) error) error {
	r, err := newReader(disk{}, dir, from, visit)
	if err != nil {
		return err
	}
	return r.drain()
}

// Read is ReadLog for the records of a ledger. Pieces of bodies are left out.
func Read(dir string, from uint64, visit func(index uint64, r Record) error) error {
	return ReadLog(dir, from, decoding(visit))
}

// Follow is Read that goes on: it looks for more at the given interval (zero
// means 200 ms) until ctx ends, and then returns nil. It may show a record an
// instant before it is durable.
func Follow(ctx context.Context, dir string, from uint64, every time.Duration, visit func(index uint64, r Record) error) error {
	return follow(ctx, dir, from, every, decoding(visit))
}

func follow(ctx context.Context, dir string, from uint64, every time.Duration, visit func(index uint64, payload []byte) error) error {
	r, err := newReader(disk{}, dir, from, visit)
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
		if isPiece(payload) {
			return nil
		}
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
	part    part   // in hand
	offset  int64  // in it, of the next block
	from    uint64 // first entry that is still to be visited
	problem *Problem
	stopped error // what visit returned
}

// newReader starts at the segment that holds entry from.
func newReader(fsys FS, dir string, from uint64, visit func(index uint64, payload []byte) error) (*reader, error) {
	r := &reader{fs: fsys, dir: dir, from: from}
	key, id, err := readVerifier(r.fs, dir)
	if err != nil {
		return nil, err
	}
	found, err := list(r.fs, dir)
	if err != nil {
		return nil, err
	}
	for i, p := range found.parts {
		if i == 0 || p.first <= from {
			r.part = p
		}
	}
	r.scan = newScan(id)
	r.scan.key, _, _ = parseVerifier(key) // as readVerifier did
	r.begin(r.part)
	r.scan.entry = func(index uint64, payload []byte) {
		if index >= r.from && r.stopped == nil && r.problem == nil {
			r.from, r.stopped = index+1, visit(index, payload)
		}
	}
	r.scan.report = func(p Problem, _ []byte) {
		if r.problem == nil && !p.Repaired {
			r.problem = &p
		}
	}
	return r, nil
}

// begin starts with a part, of which the header tells what came before.
func (r *reader) begin(p part) {
	r.part, r.offset = p, 0
	r.scan.next, r.scan.chained, r.scan.rooted = p.first, false, false
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
		if err != nil || next.first == 0 {
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
		if rest == 0 && next.first > r.scan.next && r.mayLack() {
			r.begin(next)
			continue
		}
		if rest > 0 || next.first != r.scan.next {
			p := Problem{
				First: r.scan.next, Last: max(next.first, r.scan.next+1) - 1,
				File: r.part.name(), Offset: r.offset, err: errUnread,
			}
			return p.worded().refusal(r.dir)
		}
		r.part, r.offset = next, 0
	}
}

// mayLack says whether the log is a copy that was brought back with what was
// left of it: verify names what it lacks, and readers go on behind.
func (r *reader) mayLack() bool {
	_, err := r.fs.Stat(join(r.dir, restoredName))
	return err == nil
}

var errUnread = errors.New("damaged or missing")

// read takes the whole blocks that are new in the segment in hand. It says
// whether there were any, and how many bytes behind them are no whole block.
func (r *reader) read() (fresh bool, rest int, err error) {
	if r.part.rest {
		return r.readRest()
	}
	path := join(r.dir, r.part.name())
	data, err := r.fs.ReadFile(path, r.offset, maxSegFile)
	if errors.Is(err, fs.ErrNotExist) {
		return r.vanished(err)
	}
	if err != nil {
		return false, 0, unavailable("cannot read a segment of the log", path, err)
	}
	s := r.scan
	s.name, s.base, s.data, s.last, s.tornAt = r.part.name(), r.offset, data, true, -1
	at := 0
	if r.offset == 0 {
		at = s.header(r.part.first)
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

// readRest takes what is left of a segment, all at once.
func (r *reader) readRest() (fresh bool, rest int, err error) {
	if r.offset > 0 {
		return false, 0, nil
	}
	path := join(r.dir, r.part.name())
	data, err := r.fs.ReadFile(path, 0, maxRest)
	if err != nil {
		return false, 0, unavailable("cannot read what is left of a segment of the log", path, err)
	}
	r.scan.rest(r.part.first, data)
	if r.problem != nil {
		return false, 0, r.problem.refusal(r.dir)
	}
	r.offset = int64(len(data))
	return true, 0, r.stopped
}

// vanished goes on with what is left of a segment that was pruned or repaired
// while it was read.
func (r *reader) vanished(missing error) (fresh bool, rest int, err error) {
	found, err := list(r.fs, r.dir)
	if err != nil {
		return false, 0, err
	}
	switch left := (part{r.part.first, true}); {
	case slices.Contains(found.parts, left):
		r.begin(left)
		return r.readRest()
	case r.offset == 0 && r.part.first == 0 && len(found.parts) == 0:
		return false, 0, nil // a log that is just being made
	}
	return false, 0, unavailable("cannot read a segment of the log", join(r.dir, r.part.name()), missing)
}

// following is the part after the one in hand; its first index is 0 if there
// is none.
func (r *reader) following() (part, error) {
	found, err := list(r.fs, r.dir)
	if err != nil {
		return part{}, err
	}
	for _, p := range found.parts {
		if p.first > r.part.first {
			return p, nil
		}
	}
	return part{}, nil
}
