package witness

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
)

// The files of a server's directory. Each log has a directory of its own
// there, named by the hash of the log's name.
const (
	keyName     = "witness.key"
	publicName  = "witness.pub"
	newestName  = "checkpoint" // the newest that was cosigned
	refusedName = "refused"    // the latest that was signed by the log and did not extend it: evidence
	maxKeyFile  = 1 << 10
)

// watched is one log that a server watches.
type watched struct {
	verifier note.Verifier
	dir      string

	mu   sync.Mutex // held from the check to the answer, so that no two requests pass one check
	size uint64
	root tlog.Hash
	note []byte // the newest cosigned checkpoint; nil if there is none
}

// openKey reads the server's key, or makes it in a directory without logs.
func openKey(dir, name string, now func() time.Time) (signer, error) {
	path := filepath.Join(dir, keyName)
	text, err := readSmall(path, maxKeyFile)
	if err == nil {
		s, err := parseSigner(secret.New(strings.TrimSuffix(string(text), "\n")), now)
		if err != nil {
			return s, fault.New(fault.Invalid, "the witness's key cannot be used").At(path).Fix("restore the file from a copy").Because(err)
		}
		return s, writeDurable(filepath.Join(dir, publicName), []byte(s.String()+"\n"), 0o644)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return signer{}, unavailable("cannot read the witness's key", path, err)
	}
	if old, err := filepath.Glob(filepath.Join(dir, "*", newestName)); err != nil || len(old) > 0 {
		return signer{}, fault.New(fault.Conflict, "the directory has checkpoints and no key").At(path).
			Fix("restore the key from a copy, or choose another directory")
	}
	if name == "" {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		name = "ostiary/witness/" + hex.EncodeToString(b[:])
	}
	if !validName(name) {
		return signer{}, fault.New(fault.Invalid, "not a name for a witness's key").At(name).Fix("use no spaces and no +")
	}
	s, err := newSigner(name, now)
	if err != nil {
		return s, err
	}
	if err := writeDurable(path, []byte(s.encode().Reveal()+"\n"), 0o600); err != nil {
		return s, unavailable("cannot write the witness's key", path, err)
	}
	return s, writeDurable(filepath.Join(dir, publicName), []byte(s.String()+"\n"), 0o644)
}

// openWatched reads what was cosigned of a log. A file that is not what this
// witness wrote is refused: to start from nothing would forget the past.
func openWatched(dir, text string, own note.Verifier) (*watched, error) {
	v, err := note.NewVerifier(text)
	if err != nil {
		return nil, fault.New(fault.Invalid, "not the public key of a log").
			Fix("it is the one line of checkpoint.pub in the log's directory").Because(err)
	}
	w := &watched{verifier: v, dir: filepath.Join(dir, place(v))}
	if err := makeDirectory(w.dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(w.dir, newestName)
	msg, err := readSmall(path, ledger.MaxCheckpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err != nil {
		return nil, unavailable("cannot read what the witness has cosigned", path, err)
	}
	c, err := ledger.OpenCheckpoint(msg, v, own)
	if err != nil || len(c.Witnesses) != 1 {
		return nil, fault.New(fault.Unavailable, "not a checkpoint that this witness cosigned for the log "+v.Name()).At(path).
			Fix("restore the file from a copy; without it the log's past is not bound").Because(err)
	}
	w.size, w.root, w.note = c.Size, c.Root, msg
	return w, nil
}

// remember makes a cosigned checkpoint durable, and then the one to extend.
func (w *watched) remember(c ledger.Checkpoint, msg []byte) error {
	if err := writeDurable(filepath.Join(w.dir, newestName), msg, 0o644); err != nil {
		return unavailable("cannot keep a checkpoint", w.dir, err)
	}
	w.size, w.root, w.note = c.Size, c.Root, msg
	return nil
}

// writeDurable replaces a file whole, and returns when it lasts.
func writeDurable(path string, data []byte, mode os.FileMode) error {
	if err := pki.WriteFile(path, data, mode); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}

// makeDirectory makes a directory that lasts, in one that is there.
func makeDirectory(dir string, mode os.FileMode) error {
	err := os.Mkdir(dir, mode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = syncDir(filepath.Dir(dir))
	}
	if err != nil {
		return unavailable("cannot make a directory", dir, err)
	}
	return nil
}

// readSmall reads a file of at most limit bytes.
func readSmall(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return readAll(f, limit)
}

func unavailable(what, where string, err error) error {
	return fault.New(fault.Unavailable, what).At(where).Fix("mend the disk or the permissions").Because(err)
}
