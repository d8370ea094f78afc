package ledger

import (
	lru "container/list"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/seal"
	"github.com/ostiary/ostiary/internal/secret"
)

// keyring holds the keys that bodies are sealed with: one for each subject and
// epoch, made when the first body needs it. A key is used only once its file
// is durable, and is known to this process alone until its epoch ends, it is
// the longest unused of too many, or its subject is forgotten. A key is never
// read back for sealing: after a restart another begins.
type keyring struct {
	fs   FS
	dir  string // of the log
	log  logID
	to   []seal.Recipient
	own  *readBack     // nil if this process keeps no way back
	salt secret.String // of pseudonyms: the commitment key

	elsewhere KeyStore // nil if key files have no second place

	epoch time.Duration
	max   int
	now   func() time.Time

	// files is held shared while a key is made, and alone while a subject is
	// forgotten: no key file appears between its listing and its end.
	files sync.RWMutex

	mu    sync.Mutex
	keys  map[pseudonym]*lru.Element // of *epochKey
	names map[string]*lru.Element    // the same, by the subject's own name
	order lru.List                   // the longest unused first
	err   error                      // a key file could not be made durable: nothing is sealed any more
}

// epochKey is one key, or its making.
type epochKey struct {
	name    string
	subject pseudonym
	start   time.Time
	ready   chan struct{} // closed when key or err is there
	key     *seal.Key
	err     error
}

func newKeyring(fsys FS, dir string, log logID, salt secret.String, c BodyConfig, now func() time.Time) *keyring {
	return &keyring{
		fs: fsys, dir: dir, log: log, salt: salt, to: c.Auditors, epoch: c.Epoch, max: c.Subjects, now: now,
		keys: map[pseudonym]*lru.Element{}, names: map[string]*lru.Element{}, elsewhere: c.Keys,
	}
}

// keyWait bounds the wait for a key file on the disk.
const keyWait = 30 * time.Second

var errOvertaken = errors.New("the key went while it was made")

// sealer starts the sealing of a subject's body, whose key is derived for
// context.
func (k *keyring) sealer(name string, context []byte) (*seal.Sealer, *epochKey, error) {
	for {
		e, err := k.current(name)
		if err != nil {
			return nil, nil, err
		}
		s, err := e.key.Sealer(context)
		if err == nil {
			return s, e, nil
		}
		if !errors.Is(err, seal.ErrDestroyed) { // which another call does, now and then
			return nil, nil, fault.New(fault.Internal, "a body cannot be sealed").Because(err)
		}
	}
}

// current is the subject's key of this epoch, durable.
func (k *keyring) current(name string) (*epochKey, error) {
	for {
		e, err := k.entry(name)
		if err != nil {
			return nil, err
		}
		if err := e.wait(); !errors.Is(err, errOvertaken) {
			return e, err
		}
	}
}

func (e *epochKey) wait() error {
	select {
	case <-e.ready: // nearly always
		return e.err
	default:
	}
	timeout := time.NewTimer(keyWait)
	defer timeout.Stop()
	select {
	case <-e.ready:
		return e.err
	case <-timeout.C:
		return fault.New(fault.Unavailable, "the disk does not take the key of a subject").Fix("mend the disk")
	}
}

// entry finds the key, or begins to make it.
func (k *keyring) entry(name string) (*epochKey, error) {
	start := k.now().Truncate(k.epoch)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return nil, k.err
	}
	if el := k.names[name]; el != nil {
		if e := el.Value.(*epochKey); e.start.Equal(start) {
			k.order.MoveToBack(el)
			return e, nil
		}
		k.drop(el)
	}
	if k.order.Len() >= k.max {
		k.drop(k.order.Front())
	}
	e := &epochKey{name: name, subject: newPseudonym(k.salt, name), start: start, ready: make(chan struct{})}
	el := k.order.PushBack(e)
	k.keys[e.subject], k.names[name] = el, el
	go k.make(e)
	return e, nil
}

// drop takes a key out of memory. k.mu is held.
func (k *keyring) drop(el *lru.Element) {
	e := k.order.Remove(el).(*epochKey)
	delete(k.keys, e.subject)
	delete(k.names, e.name)
	if e.key != nil {
		e.key.Destroy()
	}
}

// make makes a key and its files. It tries nothing again: after a sync that
// failed nobody knows what is on the disk.
func (k *keyring) make(e *epochKey) {
	defer close(e.ready)
	k.files.RLock()
	defer k.files.RUnlock()
	if !k.holds(e) {
		e.err = errOvertaken
		return
	}
	key, err := k.store(e)
	k.mu.Lock()
	defer k.mu.Unlock()
	el := k.keys[e.subject]
	switch {
	case err != nil:
		e.err = unavailable("cannot keep the key of a subject's bodies", join(k.dir, keysName), err)
		k.err = e.err
	case el == nil || el.Value != any(e):
		key.Destroy()
		e.err = errOvertaken
	default:
		e.key = key
	}
}

func (k *keyring) holds(e *epochKey) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	el := k.keys[e.subject]
	return el != nil && el.Value == any(e)
}

// store writes the key's files.
func (k *keyring) store(e *epochKey) (*seal.Key, error) {
	key, err := seal.NewKey()
	if err != nil {
		return nil, err
	}
	f := keyFile{log: k.log, subject: e.subject, key: key.ID(), start: e.start}
	if f.wraps, err = key.Wrap(f.head(), k.to...); err != nil {
		return nil, err
	}
	dir := subjectDir(k.dir, e.subject)
	if err := k.fs.MkdirAll(dir); err != nil {
		return nil, err
	}
	if err := install(k.fs, dir, f.name(), f.encode()); err != nil {
		return nil, err
	}
	if err := k.storeElsewhere(f); err != nil {
		return nil, err
	}
	return key, k.own.keep(k, f, key)
}

// expire drops the keys whose epoch has ended.
func (k *keyring) expire() {
	now := k.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	for el := k.order.Front(); el != nil; {
		next := el.Next()
		if e := el.Value.(*epochKey); !e.start.Equal(now.Truncate(k.epoch)) {
			k.drop(el)
		}
		el = next
	}
}

// held is a key that is in memory.
func (k *keyring) held(subject pseudonym, id seal.KeyID) *seal.Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	if el := k.keys[subject]; el != nil {
		if e := el.Value.(*epochKey); e.key != nil && e.key.ID() == id {
			return e.key
		}
	}
	return nil
}

// forget destroys every key of a subject, in memory and on the disk, and says
// how many there were. Bodies that come later get another.
func (k *keyring) forget(subject pseudonym) (int, error) {
	k.files.Lock()
	defer k.files.Unlock()
	k.mu.Lock()
	if el := k.keys[subject]; el != nil {
		k.drop(el)
	}
	k.mu.Unlock()
	dir := subjectDir(k.dir, subject)
	there, err := k.forgetElsewhere(subject)
	if err != nil {
		return there, err
	}
	n, err := removeKeys(k.fs, dir, func(name string) bool {
		return strings.HasSuffix(name, keySuffix) || strings.HasSuffix(name, keySuffix+temporary)
	})
	if err == nil {
		err = forgetReadBack(k.fs, k.dir, subject)
	}
	if err != nil {
		return n, unavailable("cannot destroy the keys of a subject", dir, err)
	}
	return max(n, there), nil
}

// removeKeys removes files of a directory, durably, and counts the whole keys.
func removeKeys(fsys FS, dir string, which func(name string) bool) (n int, err error) {
	files, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		if !which(f.Name()) {
			continue
		}
		if err := fsys.Remove(filepath.Join(dir, f.Name())); err != nil {
			return n, err
		}
		if strings.HasSuffix(f.Name(), keySuffix) {
			n++
		}
	}
	return n, fsys.SyncDir(dir)
}

func subjectDir(dir string, p pseudonym) string {
	return filepath.Join(dir, keysName, p.String())
}
