package ledger

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/seal"
)

// readBack is the way back to bodies for the process that wrote them, if its
// configuration asks for one: its own identity, and beside each key file
// another, wrapped to it. Both lie in one directory, so whoever copies that
// can read too, until a key's file goes with the end of its window.
type readBack struct {
	identity seal.Identity
	window   time.Duration // after a key's epoch
}

const (
	readBackName = "readback" // the directory
	identityName = "identity"
)

// openReadBack reads the process's identity or makes one. With no window
// there is no way back; wraps of an earlier configuration last their time.
func openReadBack(fsys FS, dir string, window time.Duration) (*readBack, error) {
	if window <= 0 {
		return nil, nil //nolint:nilnil // no way back is what was asked for
	}
	own := filepath.Join(dir, readBackName)
	data, err := fsys.ReadFile(join(own, identityName), 0, 1<<10)
	if err == nil {
		i, err := seal.ParseIdentity(string(data))
		return &readBack{i, window}, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	i, err := seal.NewIdentity()
	if err != nil {
		return nil, err
	}
	text, err := i.Encode()
	if err != nil {
		return nil, err
	}
	if err := fsys.MkdirAll(own); err != nil {
		return nil, err
	}
	_ = fsys.Remove(join(own, identityName+temporary)) // of an interrupted start
	return &readBack{i, window}, install(fsys, own, identityName, []byte(text.Reveal()+"\n"))
}

// keep writes the process's own wrap of a key. Its name begins with the time
// when it goes.
func (r *readBack) keep(k *keyring, f keyFile, key *seal.Key) (err error) {
	if r == nil {
		return nil
	}
	if f.wraps, err = key.Wrap(f.head(), r.identity.Recipient()); err != nil {
		return err
	}
	until := f.start.Add(k.epoch + r.window).UTC().Format(keyTime)
	name := strings.Join([]string{until, f.subject.String(), f.key.String()}, "-") + keySuffix
	return install(k.fs, filepath.Join(k.dir, readBackName), name, f.encode())
}

// sweepReadBack removes the wraps whose window has ended.
func sweepReadBack(fsys FS, dir string, now time.Time) error {
	_, err := removeKeys(fsys, filepath.Join(dir, readBackName), func(name string) bool {
		until, _, _ := strings.Cut(name, "-")
		at, err := time.Parse(keyTime, until)
		return err == nil && !now.Before(at)
	})
	return err
}

func forgetReadBack(fsys FS, dir string, subject pseudonym) error {
	_, err := removeKeys(fsys, filepath.Join(dir, readBackName), func(name string) bool {
		return strings.Contains(name, "-"+subject.String()+"-")
	})
	return err
}

// key finds a key in memory or through the process's own wrap.
func (k *keyring) key(subject pseudonym, id seal.KeyID) (*seal.Key, error) {
	if key := k.held(subject, id); key != nil {
		return key, nil
	}
	err := fs.ErrNotExist
	if k.own != nil {
		var f keyFile
		if f, err = findKeyFile(k.fs, filepath.Join(k.dir, readBackName), subject, id); err == nil {
			return f.open(k.own.identity)
		}
	}
	return nil, fault.New(fault.NotFound, "this process holds no key of the body").
		Fix("let an auditor open it, or have the configuration keep keys readable for longer").Because(err)
}
