package ledger

import (
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/ostiary/ostiary/internal/fault"
)

// restoredName is a file that says that a directory is a copy for reading.
const (
	restoredName = "restored"
	restoredText = "The blocks of a log, brought back from elsewhere to be read. The key that signs is not here.\n"
)

// Rebuild makes the directory of a log out of its blocks. What comes of it can
// be read, verified and copied, and not be written to: it has no signing key.
type Rebuild struct {
	fs   FS
	dir  string
	lock io.Closer
	taker
}

// NewRebuild begins, in a directory that is empty or is made. The id is the
// log's, 32 hexadecimal digits.
func NewRebuild(dir, id string) (*Rebuild, error) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != len(logID{}) {
		return nil, fault.New(fault.Invalid, "not the id of a log").At(id).Fix("write its 32 hexadecimal digits")
	}
	r := &Rebuild{fs: disk{}, dir: dir}
	if err := r.fs.MkdirAll(dir); err != nil {
		return nil, unavailable("cannot make the directory", dir, err)
	}
	if r.lock, err = lockDirectory(dir); err != nil {
		return nil, err
	}
	if err := r.empty(); err != nil {
		return nil, errors.Join(err, r.lock.Close())
	}
	r.taker = taker{
		own: &segments{fs: r.fs, dir: dir, limit: 64 << 20, relaxed: true}, // Finish syncs
		id:  logID(raw), tree: newTree(),
	}
	return r, nil
}

func (r *Rebuild) empty() error {
	files, err := r.fs.ReadDir(r.dir)
	if err != nil {
		return unavailable("cannot read the directory", r.dir, err)
	}
	for _, f := range files {
		if f.Name() != lockName {
			return fault.New(fault.Conflict, "the directory is not empty").At(filepath.Join(r.dir, f.Name())).
				Fix("name a new one: nothing is overwritten")
		}
	}
	if err := install(r.fs, r.dir, restoredName, []byte(restoredText)); err != nil {
		return unavailable("cannot write to the directory", r.dir, err)
	}
	return nil
}

// Next is the index of the entry that the next block must begin with.
func (r *Rebuild) Next() uint64 { return r.tree.size }

// Add takes the next block. A block that does not follow is refused, and
// changes nothing.
func (r *Rebuild) Add(block []byte) error { return r.take(block) }

// Resume goes on behind entries that are lost, from a SignedTree's Header.
func (r *Rebuild) Resume(header []byte) error {
	h, n, err := parseSegmentHeader(header)
	switch {
	case err != nil:
	case n != len(header) || h.id != r.id:
		err = errForeign
	case h.first < r.tree.size:
		err = errAgain
	}
	if err != nil {
		return fault.New(fault.Unavailable, "not a place where this log can be taken up").Because(err)
	}
	r.chain, r.tree = h.chain, newTree()
	r.tree.size, r.tree.peaks = h.first, append(r.tree.peaks, h.peaks...)
	return r.rotate()
}

func (r *Rebuild) rotate() error {
	if err := r.own.rotate(r.header()); err != nil {
		return unavailable("cannot write a segment of the log", r.dir, err)
	}
	return nil
}

// AddKey takes a key file of a subject's bodies.
func (r *Rebuild) AddKey(file []byte) error {
	f, err := parseKeyFile(file)
	if err != nil || f.log != r.id {
		return fault.New(fault.Unavailable, "not a key file of this log").Because(err)
	}
	dir := subjectDir(r.dir, f.subject)
	if err := r.fs.MkdirAll(dir); err != nil {
		return unavailable("cannot write a key file", dir, err)
	}
	if err := install(r.fs, dir, f.name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return unavailable("cannot write a key file", dir, err)
	}
	return nil
}

// Finish makes all of it durable, and adds the newest checkpoint and the
// public key that it is signed with. It does not check one against the other:
// VerifyLog does.
func (r *Rebuild) Finish(key string, checkpoint []byte) error {
	if r.own.file == nil {
		if err := r.rotate(); err != nil {
			return err
		}
	}
	if _, id, err := parseVerifier(key); err != nil || id != r.id {
		return fault.New(fault.Unavailable, "not the public key of this log").Because(err)
	}
	err := r.own.sync()
	if err == nil {
		err = install(r.fs, r.dir, checkpointName, checkpoint)
	}
	if err == nil {
		err = install(r.fs, r.dir, verifierName, []byte(key+"\n"))
	}
	if err != nil {
		return unavailable("cannot finish the directory", r.dir, err)
	}
	return nil
}

// Close ends it, finished or not.
func (r *Rebuild) Close() error {
	if r.own.file != nil {
		_ = r.own.Close()
	}
	return r.lock.Close()
}
