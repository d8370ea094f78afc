package sink

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
)

// RemoteLog is a log that a remote has.
type RemoteLog struct {
	Log     string    `json:"log"`     // its id
	First   uint64    `json:"first"`   // index of the first entry that is there
	Entries uint64    `json:"entries"` // index after the last
	Bytes   int64     `json:"bytes"`   // of its blocks
	Since   time.Time `json:"since"`   // when the first block came
	Until   time.Time `json:"until"`   // when the last came
	Signed  uint64    `json:"signed"`  // entries that its newest checkpoint covers
	Keys    int       `json:"keys"`    // key files of bodies
}

// RemoteLogs lists the logs of a remote, the oldest first. Of a topic it reads
// all.
func RemoteLogs(ctx context.Context, s RemoteSettings) ([]RemoteLog, error) {
	store, err := s.reader(ctx)
	if err != nil {
		return nil, err
	}
	defer store.close()
	all, err := store.list(ctx)
	return all, unread(err)
}

func (s *RemoteSettings) reader(ctx context.Context) (remoteStore, error) {
	store, _, err := s.open(nil)
	if err != nil {
		return nil, err
	}
	if err := store.connect(ctx); err != nil {
		store.close()
		return nil, unread(err)
	}
	return store, nil
}

func unread(err error) error {
	if err == nil || isFault(err) {
		return err
	}
	return fault.New(fault.Upstream, "cannot read what the remote has").Fix("see that it can be reached").Because(err)
}

// RemoteKeyStore is where a remote keeps key files of bodies.
type RemoteKeyStore interface {
	ledger.KeyStore
	Close()
}

// RemoteKeys is that of a remote; it is fault.Invalid if the remote takes none.
func RemoteKeys(s RemoteSettings) (RemoteKeyStore, error) {
	if !s.TakesKeys() {
		return nil, fault.New(fault.Invalid, "this remote has no keys")
	}
	_, login, err := s.open(nil)
	return newPostgresKeys(login, s.timeout()/4), err
}

// Restored is what RestoreRemote found.
type Restored struct {
	Entries uint64 // index after the last entry
	Signed  uint64 // entries that the newest checkpoint covers
	Keys    int    // key files
	Lost    []Gap  // entries that the remote does not have
}

// Gap is a range of entries, from First to Last.
type Gap struct{ First, Last uint64 }

// RestoreRemote makes a directory of a log that a remote has, to be read. The
// directory must be empty. Where the remote lacks entries it goes on behind
// them, from the next checkpoint. Two different blocks of one place are a
// fault; what came first is in the directory then, whole.
func RestoreRemote(ctx context.Context, s RemoteSettings, log, dir string) (Restored, error) {
	store, err := s.reader(ctx)
	if err != nil {
		return Restored{}, err
	}
	defer store.close()
	to, err := ledger.NewRebuild(dir, log)
	if err != nil {
		return Restored{}, err
	}
	defer func() { _ = to.Close() }()
	r := &restorer{store: store, log: log, to: to}
	if err := r.run(ctx); err != nil {
		return Restored{}, unread(err)
	}
	return r.found, r.twofold
}

// restorer puts blocks in order.
type restorer struct {
	store remoteStore
	log   string
	to    *ledger.Rebuild
	found Restored

	newest  remoteItem // checkpoint
	last    remoteItem // checkpoint that came just before
	seen    []seen     // blocks that are in the directory, in order
	ahead   bool       // a block was left out, for those before it are missing
	jump    bool       // such a block is taken, if the checkpoint before says how
	twofold error
}

// seen tells a block that comes again from another in its place: 16 bytes for
// each block of the log.
type seen struct {
	first uint64
	sum   [8]byte
}

// run reads once, unless a topic's partitions have the log in another order or
// something is missing.
func (r *restorer) run(ctx context.Context) error {
	for {
		before := r.to.Next()
		r.ahead = false
		if err := r.store.read(ctx, r.log, before, r.take); err != nil {
			return err
		}
		switch progress := r.to.Next() > before; {
		case !r.ahead:
			return r.finish(ctx)
		case progress:
		case !r.jump:
			r.jump = true
		default:
			return r.finish(ctx) // no checkpoint leads to what is left
		}
	}
}

func (r *restorer) take(i remoteItem) error {
	if i.block == nil {
		if r.last = i; i.next >= r.newest.next {
			r.newest = i
		}
		return nil
	}
	switch next := r.to.Next(); {
	case i.first < next:
		r.again(i)
		return nil
	case i.first > next && r.jump && r.last.next == i.first && len(r.last.header) > 0:
		if err := r.to.Resume(r.last.header); err != nil {
			return err
		}
		r.found.Lost = append(r.found.Lost, Gap{next, i.first - 1})
	case i.first > next:
		r.ahead = true
		return nil
	}
	if err := r.to.Add(i.block); err != nil {
		if fault.KindOf(err) != fault.Conflict {
			return err
		}
		r.twofold = cmp.Or(r.twofold, err)
		return nil
	}
	r.seen = append(r.seen, seen{i.first, [8]byte(i.sum[:8])})
	return nil
}

// again looks at a block whose place is taken.
func (r *restorer) again(i remoteItem) {
	at, there := slices.BinarySearchFunc(r.seen, i.first, func(s seen, first uint64) int { return cmp.Compare(s.first, first) })
	if there && r.seen[at].sum == [8]byte(i.sum[:8]) || r.lost(i.first) || r.twofold != nil {
		return
	}
	r.twofold = fault.New(fault.Conflict, fmt.Sprintf("the remote has two different blocks of entries %d to %d", i.first, i.next-1)).At(r.log).
		Fix("two writers had copies of one directory; this is what came first")
}

// lost says whether an entry is behind the place where the log was taken up.
func (r *restorer) lost(index uint64) bool {
	return slices.ContainsFunc(r.found.Lost, func(g Gap) bool { return g.First <= index && index <= g.Last })
}

func (r *restorer) finish(ctx context.Context) error {
	if r.newest.note == nil {
		return fault.New(fault.NotFound, "the remote has no such log, or no checkpoint of it").At(r.log).Fix("see ledger restore --list")
	}
	err := r.store.eachKey(ctx, r.log, func(file []byte) error {
		r.found.Keys++
		return r.to.AddKey(file)
	})
	if err != nil {
		return err
	}
	r.found.Entries, r.found.Signed = r.to.Next(), r.newest.next
	return r.to.Finish(r.newest.key, r.newest.note)
}
