package sink

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
)

// Remote is a ledger's Domain whose word counts where the disk does not
// outlive its machine: PostgreSQL, or Kafka and Event Hubs. What it guarantees:
//
//   - Commit returns nil only when the remote has said that the block is
//     durable there. The directory has it too, written and not synced: what
//     reads a log works as ever. If the directory refuses a block, the remote
//     never gets it and nobody is told that it is kept.
//   - The remote has every block once, or again and the same; another block
//     in its place is a failure for good.
//   - When it connects, the first time and after every failure, it sees where
//     the log ends there, and each side gets what it lacks: so an
//     acknowledgement that was lost, a remote that failed over to an older
//     copy and a disk that lost its end are mended alike.
//   - While the remote is away, Commit tries again for Timeout; then it fails,
//     and the log with it.
//
// Checkpoints go there with the public key as they are signed. Neither the key
// that signs nor the key of the commitments does.
type Remote struct {
	cfg   remoteConfig
	store remoteStore
	keys  *postgresKeys // nil if it takes no keys
	turn  chan struct{} // has room for whoever uses the store

	// Of whoever has the turn.
	own   ledger.Domain
	log   string
	born  time.Time   // of a log that had no entry when it was opened
	have  uint64      // entries in the directory
	sent  uint64      // entries that the remote is known to have
	live  bool        // connected, and seen to have sent
	told  bool        // of a failure, since it was last live
	limit *time.Timer // of the operation under way

	mu      sync.Mutex
	pending ledger.SignedTree // a checkpoint that is to go there; without a note, none

	wake chan struct{}
	stop chan struct{}
	done chan struct{}
}

type remoteConfig struct {
	dir     string
	timeout time.Duration
	log     *slog.Logger
	metrics *remoteMetrics
}

// DefaultRemoteTimeout is how long a commit waits for a remote that is away.
const DefaultRemoteTimeout = 30 * time.Second

// remoteStore keeps the blocks and checkpoints of logs. One goroutine uses it.
// A *fault.Error of its methods is for good; after any other it is connected
// anew, and the same is tried again.
type remoteStore interface {
	connect(ctx context.Context) error
	close()
	// tail is the last whole block of a log; the zero mark if there is none.
	// If the log is no older than since, that may spare it a long search.
	tail(ctx context.Context, log string, since time.Time) (mark, error)
	// put adds what is given, in order, durably.
	put(ctx context.Context, items ...remoteItem) error
	// read gives visit what there is of a log, blocks from one on that has
	// entry from. A store may give a block twice, or blocks before that.
	read(ctx context.Context, log string, from uint64, visit func(remoteItem) error) error
	// list says which logs there are.
	list(ctx context.Context) ([]RemoteLog, error)
	// eachKey gives visit the key files of a log's bodies.
	eachKey(ctx context.Context, log string, visit func(file []byte) error) error
}

// mark is where a block stands in its log, and its SHA-256.
type mark struct {
	first, next uint64
	sum         [sha256.Size]byte
}

// remoteItem is a block, or a checkpoint over the entries before mark.next.
type remoteItem struct {
	log string
	mark
	block  []byte
	note   []byte
	key    string
	header []byte
}

func newRemote(cfg remoteConfig, store remoteStore) *Remote {
	return &Remote{
		cfg: cfg, store: store, turn: make(chan struct{}, 1),
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
}

// localSync is how often the directory is synced beside a remote.
const localSync = 5 * time.Second

// Configure makes a ledger's configuration one of a ledger that is kept at the
// remote. The ledger then closes the Remote when it is closed.
func (r *Remote) Configure(c *ledger.Config) {
	signed := c.Signed
	c.Signed = func(s ledger.SignedTree) {
		if signed != nil {
			signed(s)
		}
		r.signed(s)
	}
	if c.Relaxed == 0 {
		c.Relaxed = localSync
	}
	if c.Domain = r.domain; r.keys != nil {
		c.Bodies.Keys = r.keys
	}
}

func (r *Remote) domain(own ledger.Domain) ledger.Domain {
	r.own = own
	go r.push()
	return r
}

// Level implements ledger.Leveller.
func (r *Remote) Level(next uint64, take func(block []byte) error) error {
	id, err := ledger.ID(r.cfg.dir)
	if err != nil {
		return err
	}
	var born time.Time
	if next == 0 {
		if born, err = birth(r.cfg.dir); err != nil {
			return err
		}
	}
	once := sync.OnceFunc(func() { r.log, r.have, r.born = id, next, born })
	err = r.until(func(ctx context.Context) error {
		once()
		return r.level(ctx, take)
	})
	r.nudge()
	return err
}

// Commit implements ledger.Domain.
func (r *Remote) Commit(block []byte) error {
	if err := r.own.Commit(block); err != nil {
		return err
	}
	head, err := ledger.ParseBlock(block)
	if err != nil {
		return err
	}
	start := time.Now()
	defer func() { r.cfg.metrics.seconds.Observe(time.Since(start).Seconds()) }()
	return r.until(func(ctx context.Context) error {
		r.have = head.Next()
		if err := r.level(ctx, nil); err != nil || r.sent == r.have {
			return err // a level that connected sent it from the directory
		}
		return r.send(ctx, head, block)
	})
}

// send puts a block, and before it the checkpoint that waits.
func (r *Remote) send(ctx context.Context, head ledger.BlockHead, block []byte) error {
	if head.First != r.sent || head.Log != r.log {
		return fault.New(fault.Internal, fmt.Sprintf("entry %d is the remote's next, and the block begins with %d", r.sent, head.First)).At(r.cfg.dir)
	}
	items := make([]remoteItem, 0, 2)
	checkpoint := r.waiting()
	if checkpoint.Note != nil {
		items = append(items, r.item(checkpoint))
	}
	items = append(items, remoteItem{log: r.log, mark: markOf(head, block), block: block})
	if err := r.store.put(ctx, items...); err != nil {
		return err
	}
	r.went(checkpoint)
	r.sent = head.Next()
	r.progressed()
	return nil
}

// progressed gives an operation that gets on its whole time again.
func (r *Remote) progressed() {
	if r.limit != nil && r.limit.Stop() {
		r.limit.Reset(r.cfg.timeout)
	}
}

func markOf(head ledger.BlockHead, block []byte) mark {
	return mark{head.First, head.Next(), sha256.Sum256(block)}
}

// signed notes a checkpoint, for push or the next block to take along.
func (r *Remote) signed(s ledger.SignedTree) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = s
	r.nudge()
}

func (r *Remote) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Remote) waiting() ledger.SignedTree {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pending
}

// went forgets a checkpoint that the remote has, unless a newer one waits.
func (r *Remote) went(s ledger.SignedTree) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending.Size == s.Size {
		r.pending = ledger.SignedTree{}
	}
}

func (r *Remote) item(s ledger.SignedTree) remoteItem {
	return remoteItem{log: r.log, mark: mark{next: s.Size}, note: s.Note, key: s.Key, header: s.Header}
}

// push sends checkpoints while no block does.
func (r *Remote) push() {
	defer close(r.done)
	for {
		select {
		case <-r.wake:
			r.pushOnce(r.cfg.timeout/4, false) // a commit that waits for its turn keeps most of its time
		case <-r.stop:
			return
		}
	}
}

func (r *Remote) pushOnce(limit time.Duration, onlyLive bool) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return
	}
	s := r.waiting()
	if s.Note == nil || r.log == "" || onlyLive && !r.live {
		return
	}
	err := r.attempt(ctx, func(ctx context.Context) error {
		if err := r.level(ctx, nil); err != nil || s.Size > r.sent {
			return err
		}
		return r.store.put(ctx, r.item(s))
	})
	if err == nil && s.Size <= r.sent {
		r.went(s)
	}
}

// closing bounds the wait for a remote that is to get the last checkpoint.
const closing = 5 * time.Second

// Close implements ledger.Domain.
func (r *Remote) Close() error {
	close(r.stop)
	<-r.done
	r.pushOnce(min(closing, r.cfg.timeout), true)
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	r.store.close()
	if r.keys != nil {
		r.keys.Close()
	}
	return r.own.Close()
}
