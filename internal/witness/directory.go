package witness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
)

// Directory is a witness without a program: a directory, for example on a
// mounted share, to which the log's keepers can add files and in which they
// can neither change nor remove any. Each log has a directory of its own in
// it, with one file a checkpoint, SIZE-TIME.checkpoint. Files are never
// written twice and never renamed.
type Directory struct {
	path string
	now  func() time.Time
}

const (
	copySuffix = ".checkpoint"
	sizeDigits = 20
	copyTime   = "20060102T150405Z"

	// maxCopies bounds the copies that are read: the newest, and others spread
	// evenly over the past.
	maxCopies = 1000
)

// NewDirectory is the witness in a directory, which is there.
func NewDirectory(path string) (*Directory, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return nil, fault.New(fault.Invalid, "no such directory for a witness's copies").At(path).Fix("make or mount it").Because(err)
	}
	return &Directory{path, time.Now}, nil
}

// copyName sorts by size.
func copyName(size uint64, at time.Time) string {
	return fmt.Sprintf("%0*d-%s%s", sizeDigits, size, at.UTC().Format(copyTime), copySuffix)
}

func isCopy(name string) bool {
	stem, found := strings.CutSuffix(name, copySuffix)
	digits, _, dated := strings.Cut(stem, "-")
	_, err := strconv.ParseUint(digits, 10, 62)
	return found && dated && len(digits) == sizeDigits && err == nil
}

// Copies is the checkpoints that lie here of a log, from the smallest to the
// newest: at most 1000, among them the newest. Files that the log's key did
// not sign are left out and counted; a crash can leave one incomplete.
func (d *Directory) Copies(log note.Verifier) (copies [][]byte, skipped int, err error) {
	names, err := d.names(log)
	if err != nil {
		return nil, 0, err
	}
	var all []sized
	for _, name := range spread(names) {
		c, ok, err := d.read(log, name)
		if err != nil {
			return nil, 0, err
		}
		if !ok {
			skipped++
			continue
		}
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b sized) int { return cmp.Compare(a.Size, b.Size) })
	for _, c := range all {
		copies = append(copies, c.msg)
	}
	return copies, skipped, nil
}

// names is the files of a log's copies, the newest last.
func (d *Directory) names(log note.Verifier) (names []string, err error) {
	dir := filepath.Join(d.path, place(log))
	entries, err := os.ReadDir(dir) // sorted
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable("cannot read a witness's copies", dir, err)
	}
	for _, e := range entries {
		if isCopy(e.Name()) || e.Name() == newestName { // the latter is a Server's, and sorts last
			names = append(names, e.Name())
		}
	}
	return names, nil
}

type sized struct {
	ledger.Checkpoint
	msg []byte
}

// read reads a copy; ok says that the log's key signed it.
func (d *Directory) read(log note.Verifier, name string) (c sized, ok bool, err error) {
	path := filepath.Join(d.path, place(log), name)
	c.msg, err = readSmall(path, ledger.MaxCheckpoint)
	if err != nil && !errors.Is(err, errTooLarge) {
		return c, false, unavailable("cannot read a witness's copy", path, err)
	}
	c.Checkpoint, err = ledger.OpenCheckpoint(c.msg, log)
	return c, err == nil, nil
}

// spread chooses maxCopies of sorted names: the newest hundred, and the rest
// evenly from those before.
func spread(names []string) []string {
	const newest = 100
	if len(names) <= maxCopies {
		return names
	}
	older, chosen := names[:len(names)-newest], make([]string, 0, maxCopies)
	for i := range maxCopies - newest {
		chosen = append(chosen, older[i*len(older)/(maxCopies-newest)])
	}
	return append(chosen, names[len(names)-newest:]...)
}

// Latest is as Witness says.
func (d *Directory) Latest(_ context.Context, log note.Verifier) ([]byte, error) {
	c, err := d.newest(log)
	return c.msg, err
}

func (d *Directory) newest(log note.Verifier) (sized, error) {
	names, err := d.names(log)
	if err != nil {
		return sized{}, err
	}
	for _, name := range slices.Backward(names) {
		if c, ok, err := d.read(log, name); ok || err != nil {
			return c, err
		}
	}
	return sized{}, fault.New(fault.NotFound, "no copy of a checkpoint of this log").At(d.path)
}

// Add is as Witness says. The directory cannot refuse; its writer does.
func (d *Directory) Add(_ context.Context, log note.Verifier, old uint64, proof tlog.TreeProof, msg []byte) ([]byte, error) {
	c, err := ledger.OpenCheckpoint(msg, log)
	if err != nil {
		return nil, err
	}
	have, err := d.newest(log)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return nil, err
	}
	if have.Size != old {
		return nil, &SizeError{have.Size}
	}
	if err := extends(c, have.Size, have.Root, proof); err != nil {
		return nil, fault.New(fault.Conflict, "the log's checkpoint does not extend the copy of it").At(d.path).
			Fix("see what ledger verify --witness says; somebody may have put the log back or written it anew")
	}
	if have.msg != nil && have.Size == c.Size {
		return msg, nil
	}
	return msg, d.write(log, c.Size, msg)
}

// write makes a copy that lasts. Its name is new, so nothing is overwritten.
func (d *Directory) write(log note.Verifier, size uint64, msg []byte) error {
	dir := filepath.Join(d.path, place(log))
	if err := makeDirectory(dir, 0o755); err != nil {
		return err
	}
	path := filepath.Join(dir, copyName(size, d.now()))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // copies are for others to read
	if err != nil {
		return unavailable("cannot write a copy", path, err)
	}
	_, err = f.Write(msg)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return unavailable("cannot write a copy", path, err)
	}
	return nil
}
