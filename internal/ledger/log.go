package ledger

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/internal/fault"
)

// LogConfig is where a log is kept and how.
type LogConfig struct {
	Directory string // required; made if missing, with mode 0700

	// SegmentSize is where a segment file ends, in bytes, up to 256 MiB.
	// Zero means 64 MiB.
	SegmentSize int64

	// CheckpointEvery bounds how long an entry stands without a signed
	// checkpoint over it. Zero means 5 s.
	CheckpointEvery time.Duration

	// Relaxed, if set, lets Append return once an entry is written, and syncs
	// and signs at least this often. A process that is killed loses nothing
	// then; a machine that fails loses at most what was appended since the
	// last checkpoint, so at most this much. Zero means strict: Append returns
	// when the entry is on stable storage. At most a minute.
	Relaxed time.Duration

	// Domain, if set, is given the directory's own domain and returns the one
	// whose word counts. Nil means the directory's own. It is called once,
	// when the directory has been recovered and nothing is committed yet.
	Domain func(own Domain) Domain

	// Retention says when entries are pruned. The zero value keeps all.
	Retention Retention

	// Keep, if set, is asked for the index from which entries must not be
	// pruned yet: what a sink has not shipped. Nil means that none need stay.
	Keep func() uint64

	// Signed, if set, is told of every checkpoint, first of the one that the
	// log has when it is opened. It must not block: the log waits for it.
	Signed func(SignedTree)

	// Committed, if set, is told how long each batch of entries took to become
	// durable; in a relaxed log, to be written. It must not block either.
	Committed func(took time.Duration, entries int)

	FS     FS               // nil means the operating system's
	Logger *slog.Logger     // nil means none
	Now    func() time.Time // for retention; nil means time.Now
}

func (c LogConfig) withDefaults() (LogConfig, error) {
	if c.Directory == "" {
		return c, fault.New(fault.Invalid, "no directory for the log").Fix("name one")
	}
	if c.SegmentSize == 0 {
		c.SegmentSize = 64 << 20
	}
	if c.SegmentSize < 0 || c.SegmentSize > maxSegment {
		return c, fault.New(fault.Invalid, "the segment size is out of bounds").Fix("choose from 1 byte to 256 MiB")
	}
	if c.CheckpointEvery == 0 {
		c.CheckpointEvery = 5 * time.Second
	}
	if c.CheckpointEvery < 0 {
		return c, fault.New(fault.Invalid, "the time between checkpoints is negative").Fix("choose a few seconds")
	}
	if c.Relaxed < 0 || c.Relaxed > time.Minute {
		return c, fault.New(fault.Invalid, "the window of relaxed durability is out of bounds").Fix("choose up to a minute, such as 1s")
	}
	if c.Relaxed > 0 {
		c.CheckpointEvery = min(c.CheckpointEvery, c.Relaxed) // which syncs
	}
	if err := c.Retention.check(); err != nil {
		return c, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.FS == nil {
		c.FS = disk{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// Log is an append-only log with one writer. Its methods may be called from
// any goroutine.
type Log struct {
	cfg    LogConfig
	keys   keys
	lock   io.Closer
	own    *segments
	domain Domain

	mu      sync.Mutex
	pending *batch // gathers what is appended while the committer is at work
	durable uint64
	err     error // why nothing more is taken: failed or closed
	closing bool

	wake chan struct{} // says that pending has its first entry
	stop chan struct{} // closed by Close
	done chan struct{} // closed when the committer has ended

	// The committer's own.
	chain   tlog.Hash
	tree    tree
	signed  uint64 // size of the last checkpoint
	grown   Growth // of the tree since, if somebody is told of checkpoints
	spare   *batch // the last one committed; its buffers serve again
	pruned  uint64 // all before is pruned
	stuck   bool   // nothing more is pruned: there is damage
	failure error  // what stopped the log
}

var errClosed = fault.New(fault.Unavailable, "the log is closed")

// Append adds entries of at most MaxPayload bytes each, in order, and returns
// the index of the last, counted from 0, once all are durable; in a relaxed
// log, once all are written. Entries of
// other callers may stand between them. The payloads may be reused then.
//
// If ctx ends first, the entries may or may not get into the log. After a
// write or sync that failed, that and every later Append is fault.Unavailable
// until the log is opened again; entries that were refused so may be found
// there.
func (l *Log) Append(ctx context.Context, payloads ...[]byte) (last uint64, err error) {
	var b *batch
	for _, p := range payloads {
		if b, last, err = l.enter(ctx, p); err != nil {
			return 0, err
		}
	}
	if b == nil {
		return 0, fault.New(fault.Internal, "nothing to append to the log")
	}
	// Batches are committed in order, and a failed one fails all that follow:
	// the last entry is durable only when those before it are.
	select {
	case <-b.done:
		return last, b.err
	case <-ctx.Done():
		return 0, gaveUp(ctx)
	}
}

// enter puts an entry into a batch, and waits for one with room.
func (l *Log) enter(ctx context.Context, payload []byte) (*batch, uint64, error) {
	if len(payload) > MaxPayload {
		return nil, 0, fault.New(fault.TooLarge, "an entry of the log is over 1 MiB")
	}
	leaf, sum := tlog.RecordHash(payload), entryCRC(payload)
	for {
		if ctx.Err() != nil {
			return nil, 0, gaveUp(ctx)
		}
		b, index, joined, err := l.join(payload, leaf, sum)
		if err != nil || joined {
			return b, index, err
		}
		select {
		case <-b.taken:
		case <-ctx.Done():
			return nil, 0, gaveUp(ctx)
		}
	}
}

func gaveUp(ctx context.Context) error {
	return fault.New(fault.Unavailable, "gave up before the log had made the entry durable").Because(context.Cause(ctx))
}

// join puts an entry into the pending batch, if there is room.
func (l *Log) join(payload []byte, leaf tlog.Hash, sum uint32) (b *batch, index uint64, joined bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil, 0, false, l.err
	}
	b = l.pending
	if !b.fits(len(payload)) {
		return b, 0, false, nil
	}
	if len(b.leaves) == 0 {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
	return b, b.add(payload, leaf, sum), true, nil
}

// Len is how many entries are durable; in a relaxed log, written.
func (l *Log) Len() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.durable
}

// Close makes durable what was appended, signs a last checkpoint and gives up
// the directory. It returns the failure that stopped the log, if one did.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.err == nil {
		l.err = errClosed
	}
	if !l.closing {
		l.closing = true
		close(l.stop)
	}
	l.mu.Unlock()
	<-l.done
	if l.failure != nil {
		return l.failure
	}
	return nil
}
