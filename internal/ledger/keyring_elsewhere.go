package ledger

import (
	"context"
	"errors"
	"io/fs"

	"github.com/ostiary/ostiary/internal/fault"
)

// KeyStore is a second place of key files, for a ledger whose disk does not
// outlive its machine. What it holds is wrapped to auditors: it can open
// nothing.
type KeyStore interface {
	// Store returns nil when the file is durable; a key seals nothing before.
	Store(ctx context.Context, f StoredKey) error
	// Destroy removes every file of a subject and says how many there were.
	// A subject counts as forgotten only when it has returned nil.
	Destroy(ctx context.Context, log, subject string) (int, error)
}

// StoredKey is a key file. Log, subject and name are in the file too.
type StoredKey struct {
	Log     string // id of the log, 32 hexadecimal digits
	Subject string // pseudonym
	Name    string // of the file; no two keys of a log share it
	File    []byte
}

// elsewhereName is a file that says that keys have a second place: who forgets
// a subject without it would leave keys behind.
const (
	elsewhereName = "keys.elsewhere"
	elsewhereText = "Key files of this ledger have a second place, as the configuration of its writer says.\n"
)

// markElsewhere is durable before the first key has a second place.
func markElsewhere(fsys FS, dir string) error {
	path := join(dir, elsewhereName)
	if _, err := fsys.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_ = fsys.Remove(path + temporary) // of an interrupted start
	return install(fsys, dir, elsewhereName, []byte(elsewhereText))
}

// storeElsewhere puts a key file into its second place, if it has one.
func (k *keyring) storeElsewhere(f keyFile) error {
	if k.elsewhere == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), keyWait)
	defer cancel()
	return k.elsewhere.Store(ctx, StoredKey{f.log.String(), f.subject.String(), f.name(), f.encode()})
}

// forgetElsewhere destroys a subject's keys in their second place.
func (k *keyring) forgetElsewhere(subject pseudonym) (int, error) {
	if k.elsewhere != nil {
		ctx, cancel := context.WithTimeout(context.Background(), keyWait)
		defer cancel()
		return k.elsewhere.Destroy(ctx, k.log.String(), subject.String())
	}
	_, err := k.fs.Stat(join(k.dir, elsewhereName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, unavailable("cannot tell whether keys have a second place", join(k.dir, elsewhereName), err)
	}
	return 0, fault.New(fault.Unavailable, "keys of this ledger have a second place, which is not known here").
		At(join(k.dir, elsewhereName)).Fix("forget while the gateway runs, or name the place with --postgres")
}

// ForgetRestored destroys the keys of a subject of a log that has no writer any
// more: in their second place, and in the directory that Rebuild made. It
// finds the subject's pseudonym in the log, and records nothing, for nobody
// can write to that log.
func ForgetRestored(ctx context.Context, dir, name string, keys KeyStore) (n int, err error) {
	_, log, err := readVerifier(disk{}, dir)
	if err != nil {
		return 0, err
	}
	found, err := pseudonymsOf(dir, name)
	if err != nil {
		return 0, err
	}
	if len(found) == 0 {
		return 0, fault.New(fault.NotFound, "no body in this log was sealed for this subject").At(dir).
			Fix("name it as records do: call.subject, else member, app or workload")
	}
	for p := range found {
		there, err := keys.Destroy(ctx, log.String(), p.String())
		if err != nil {
			return n, err
		}
		here, err := removeKeys(disk{}, subjectDir(dir, p), func(string) bool { return true })
		if err != nil {
			return n, unavailable("cannot destroy the keys of a subject", subjectDir(dir, p), err)
		}
		n += max(here, there)
	}
	return n, nil
}

// pseudonymsOf finds the pseudonyms under which a subject's bodies are sealed.
// Pieces stand before their records, so it reads twice.
func pseudonymsOf(dir, name string) (map[pseudonym]bool, error) {
	calls := map[string]bool{}
	err := Read(dir, 0, func(_ uint64, r Record) error {
		if r.Call != nil && subject(*r.Call) == name {
			calls[r.ID] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	found := map[pseudonym]bool{}
	err = ReadItems(dir, 0, func(i Item) error {
		if i.Piece != nil && i.Piece.Subject != "" && calls[i.Piece.ID] {
			p, err := parsePseudonym(i.Piece.Subject)
			found[p] = true
			return err
		}
		return nil
	})
	return found, err
}

// Restored says whether a directory is a copy for reading.
func Restored(dir string) bool {
	_, err := disk{}.Stat(join(dir, restoredName))
	return err == nil
}
