package ledger

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// forgetPrefix begins the name of a request to a writer: an empty file that
// names a subject's pseudonym. The writer removes it once it has forgotten.
const forgetPrefix = "forget-"

// Forget destroys every key of a subject, so that no body kept under it opens
// again, and records that. It returns how many keys there were. Bodies of
// later calls get a new key; so does what is still to come of calls under way,
// but for an answer that is being sent: all of it is lost to the old key.
func (l *Ledger) Forget(ctx context.Context, subject string) (int, error) {
	return l.forget(ctx, l.pseudonym(subject))
}

func (l *Ledger) forget(ctx context.Context, p pseudonym) (int, error) {
	n, err := l.ring.forget(p)
	if err != nil {
		return n, err
	}
	forgotten := &Forget{Subject: p.String(), Keys: n}
	return n, l.append(ctx, Record{Kind: Forgotten, ID: l.NewID(), Forget: forgotten})
}

// tender looks after a ledger's keys between calls: it takes requests to
// forget, and lets go what has had its time.
type tender struct {
	l     *Ledger
	dir   string
	fs    FS
	quit  chan struct{}
	ended sync.WaitGroup
	once  sync.Once
	swept time.Time
	mu    sync.Mutex // one takes requests at a time
}

// sweepEvery is how often wraps are looked through whose window may have ended.
const sweepEvery = time.Minute

func (t *tender) run(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.tend()
		case <-t.quit:
			return
		}
	}
}

func (t *tender) stop() {
	t.once.Do(func() { close(t.quit) })
	t.ended.Wait()
}

func (t *tender) tend() {
	log := t.l.log.cfg.Logger
	t.l.ring.expire()
	if now := t.l.now(); now.Sub(t.swept).Abs() >= sweepEvery {
		t.swept = now
		if err := sweepReadBack(t.fs, t.dir, now); err != nil {
			log.Error("keys whose time to be read back is over could not be removed", "directory", join(t.dir, readBackName), "error", err)
		}
	}
	if err := t.requests(); err != nil {
		log.Error("a request to forget a subject could not be done; it is tried again", "directory", t.dir, "error", err)
	}
}

// requests does what files in the directory ask for.
func (t *tender) requests() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	files, err := t.fs.ReadDir(t.dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		p, ok := parseForget(f.Name())
		if !ok {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), bodyTime)
		n, err := t.l.forget(ctx, p)
		cancel()
		if err == nil {
			err = t.fs.Remove(join(t.dir, f.Name()))
		}
		if err == nil {
			err = t.fs.SyncDir(t.dir)
		}
		if err != nil {
			return err
		}
		t.l.log.cfg.Logger.Info("the keys of a subject are destroyed", "subject", p.String(), "keys", n)
	}
	return nil
}

func parseForget(name string) (pseudonym, bool) {
	digits, ok := strings.CutPrefix(name, forgetPrefix)
	p, err := parsePseudonym(digits)
	return p, ok && err == nil
}

// ForgetSubject has a subject forgotten in the ledger of a directory: by the
// writer that is at work there, or by itself. It returns, with the number of
// keys destroyed, once that is done and recorded. If ctx ends before, the
// request stays, and the writer does it when it can.
//
// A subject is named as records name it: by subject, or where that is empty by
// member, application or workload.
func ForgetSubject(ctx context.Context, dir, subject string) (keys int, err error) {
	return ForgetSubjectAt(ctx, dir, subject, nil)
}

// ForgetSubjectAt is ForgetSubject for keys that have a second place, if no
// writer is at work that knows it.
func ForgetSubjectAt(ctx context.Context, dir, subject string, second KeyStore) (keys int, err error) {
	key, err := readCommitmentKey(disk{}, dir)
	if err != nil {
		return 0, err
	}
	p := newPseudonym(key, subject)
	if _, err := (disk{}).ReadDir(subjectDir(dir, p)); errors.Is(err, fs.ErrNotExist) {
		return 0, fault.New(fault.NotFound, "no key was ever made for this subject here").At(filepath.Join(dir, keysName)).
			Fix("name it as records do: call.subject, else member, app or workload; what is kept in clear cannot be forgotten")
	}
	from, err := Count(dir)
	if err != nil {
		return 0, err
	}
	request := join(dir, forgetPrefix+p.String())
	if f, err := (disk{}).Create(request); err == nil {
		_ = f.Close()
	} else if !errors.Is(err, fs.ErrExist) {
		return 0, unavailable("cannot ask for the subject to be forgotten", request, err)
	}
	if err := (disk{}).SyncDir(dir); err != nil {
		return 0, unavailable("cannot ask for the subject to be forgotten", dir, err)
	}
	if err := requestDone(ctx, dir, request, second); err != nil {
		return 0, err
	}
	return forgottenSince(dir, from, p)
}

// requestDone waits until a request is done. Where no writer is at work, one
// is started for it: opening a ledger does what is asked for.
func requestDone(ctx context.Context, dir, request string, second KeyStore) error {
	for {
		if _, err := (disk{}).ReadFile(request, 0, 1); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if !writerAt(dir) {
			l, err := Open(Config{Directory: dir, Bodies: BodyConfig{Keys: second}})
			if err == nil {
				err = errors.Join(l.tender.requests(), l.Close())
			}
			if err != nil && fault.KindOf(err) != fault.Conflict {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "not done yet: the ledger's writer has not taken the request").At(request).
				Fix("see the writer's log; the request stays until it is done").Because(context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// forgottenSince finds the record.
func forgottenSince(dir string, from uint64, p pseudonym) (keys int, err error) {
	found := false
	err = Read(dir, from, func(_ uint64, r Record) error {
		if r.Kind == Forgotten && r.Forget.Subject == p.String() {
			keys, found = keys+r.Forget.Keys, true
		}
		return nil
	})
	if err == nil && !found {
		err = fault.New(fault.Unavailable, "the request is gone, and the ledger has no record that it was done").At(dir).Fix("ask again")
	}
	return keys, err
}
