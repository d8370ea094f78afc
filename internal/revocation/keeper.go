package revocation

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// DefaultMaxAge is the longest life of a certificate: a node that has heard
// nothing of its authority for so long could not hold a valid one itself.
const DefaultMaxAge = 24 * time.Hour

// MinMaxAge leaves room for a few polls that fail.
const MinMaxAge = 30 * time.Second

// Settings is the key `revocation` of a node's section.
type Settings struct {
	MaxAge time.Duration `yaml:"max_age" doc:"how long after the last word of the authority members are still trusted, 30s to 24h; default 24h"`
}

// Check reports what the types cannot.
func (s Settings) Check(report func(path, what, fix string)) {
	if s.MaxAge != 0 && (s.MaxAge < MinMaxAge || s.MaxAge > DefaultMaxAge) {
		report("max_age", "out of bounds", "choose 30s to 24h")
	}
}

// Config says what a keeper keeps.
type Config struct {
	Path   string            // of the file that holds the list; required
	Root   *x509.Certificate // that signs it; required
	Since  time.Time         // what age is counted from while there is no list: when the node last heard of its authority
	MaxAge time.Duration     // 0 means DefaultMaxAge
	Logger *slog.Logger      // nil discards
	Now    func() time.Time  // nil means time.Now
}

// Keeper holds the newest list that a node has seen. It is a pki.Standing, and
// may be used from any goroutine.
type Keeper struct {
	cfg Config

	mu        sync.Mutex
	list      List      // Epoch 0: none yet
	confirmed time.Time // when the authority last said that this is its newest
	following map[*follower]struct{}
}

type follower struct {
	cert *x509.Certificate
	cut  func(error)
}

// New reads the list that the file holds. One that cannot be used is the same
// as none, and logged: the authority gives it again.
func New(cfg Config) *Keeper {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	k := &Keeper{cfg: cfg, confirmed: cfg.Since, following: map[*follower]struct{}{}}
	if err := k.load(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		cfg.Logger.Error("the stored revocation list cannot be used", "path", cfg.Path, "err", err)
	}
	return k
}

// load takes the file's time for when the list was last confirmed: Confirm
// keeps it there, for one write of a list would be much for that.
func (k *Keeper) load() error {
	info, err := os.Stat(k.cfg.Path)
	if err != nil {
		return err
	}
	if info.Size() > MaxBytes {
		return fault.New(fault.TooLarge, "a revocation list of more than 2 MiB")
	}
	raw, err := os.ReadFile(k.cfg.Path)
	if err != nil {
		return err
	}
	list, err := Parse(raw, k.cfg.Root)
	if err != nil {
		return err
	}
	k.list, k.confirmed = list, info.ModTime()
	return nil
}

// SetMaxAge changes how old the list may be; 0 means DefaultMaxAge.
func (k *Keeper) SetMaxAge(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cfg.MaxAge = d
}

// State is what a keeper knows, for people.
type State struct {
	Epoch     uint64        `json:"epoch"` // 0: no list yet
	Entries   int           `json:"entries"`
	Confirmed time.Time     `json:"confirmed"` // the authority's last word
	Age       time.Duration `json:"age"`       // since then, in nanoseconds
	MaxAge    time.Duration `json:"max_age"`
	Stale     bool          `json:"stale"` // too old: nobody is trusted
}

// State reads it.
func (k *Keeper) State() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	return State{k.list.Epoch, k.list.Entries(), k.confirmed.UTC(), k.age(), k.maxAge(), k.age() > k.maxAge()}
}

// age is by this node's clock alone, so that no other clock matters. A clock
// that was turned back makes nothing older.
func (k *Keeper) age() time.Duration { return max(k.cfg.Now().Round(0).Sub(k.confirmed), 0) }

func (k *Keeper) maxAge() time.Duration {
	if k.cfg.MaxAge == 0 {
		return DefaultMaxAge
	}
	return k.cfg.MaxAge
}

// Epoch is the newest that was seen; 0 is none.
func (k *Keeper) Epoch() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.list.Epoch
}

// Offer takes a list from the authority. One that is older than what we have,
// or another of the same epoch, is a fault of kind Conflict and changes
// nothing. A newer one counts at once, also where it cannot be written down.
func (k *Keeper) Offer(raw []byte) error {
	next, err := Parse(raw, k.cfg.Root)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case next.Epoch < k.list.Epoch:
		return fault.New(fault.Conflict, fmt.Sprintf("the authority's revocation list is of epoch %d, ours of epoch %d", next.Epoch, k.list.Epoch)).
			Fix("was the authority restored from a backup? docs/portal.md says what to do")
	case next.Epoch == k.list.Epoch && !next.equal(k.list):
		return fault.New(fault.Conflict, fmt.Sprintf("the authority has signed two lists of epoch %d", next.Epoch)).
			Fix("find out who else holds its root key")
	case next.Epoch == k.list.Epoch:
		k.confirm()
		return nil
	}
	k.list = next
	k.judge()
	err = pki.WriteFile(k.cfg.Path, raw, 0o644)
	k.confirm()
	k.cfg.Logger.Info("revocation list", "epoch", next.Epoch, "entries", next.Entries())
	if err != nil {
		return fault.New(fault.Unavailable, "the revocation list is in force and cannot be stored").At(k.cfg.Path).Because(err)
	}
	return nil
}

func (l List) equal(other List) bool {
	return l.Issued == other.Issued && slices.Equal(l.Members, other.Members) &&
		slices.Equal(l.Keys, other.Keys) && slices.Equal(l.Serials, other.Serials)
}

// Confirm notes that the authority has nothing newer than epoch, if that is
// what we have.
func (k *Keeper) Confirm(epoch uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if epoch == k.list.Epoch && epoch > 0 {
		k.confirm()
	}
}

func (k *Keeper) confirm() {
	k.confirmed = k.cfg.Now().Round(0)                   // wall clock: a machine that slept has aged
	_ = os.Chtimes(k.cfg.Path, time.Time{}, k.confirmed) // what is lost makes the list look older, never newer
}

// Judge looks at everybody who is followed again. Offer does so by itself;
// this is for the passing of time.
func (k *Keeper) Judge() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.judge()
}

func (k *Keeper) judge() {
	for f := range k.following {
		if err := k.check(f.cert); err != nil {
			delete(k.following, f)
			go f.cut(err) // one that is slow to end must not keep the others
		}
	}
}

// Check is nil while the certificate may be used: the list does not name it,
// and is young enough to judge by.
func (k *Keeper) Check(cert *x509.Certificate) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.check(cert)
}

func (k *Keeper) check(cert *x509.Certificate) error {
	if by := k.list.Names(cert); by != "" {
		name := "the member"
		if id, _, err := pki.MemberOf(cert); err == nil {
			name = id.String()
		}
		return fault.New(fault.Denied, name+" has been revoked, by "+by).
			Fix("ask the project's administrator; a new ticket makes a new member")
	}
	if age := k.age(); age > k.maxAge() {
		return fault.New(fault.Unavailable, "nothing heard of the authority for "+age.Round(time.Second).String()+", so nobody is trusted").
			Fix("look whether this node reaches its authority")
	}
	return nil
}

// Follow is pki.Standing's.
func (k *Keeper) Follow(cert *x509.Certificate, cut func(error)) (stop func()) {
	f := &follower{cert, cut}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.check(cert); err != nil {
		go cut(err)
		return func() {}
	}
	k.following[f] = struct{}{}
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.following, f)
	}
}
