package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
)

// The files of a log's directory. Files of any other name are left alone.
const (
	lockName       = "lock"
	keyName        = "checkpoint.key"
	verifierName   = "checkpoint.pub"
	checkpointName = "checkpoint"
	commitmentName = "commitment.key"
	segmentSuffix  = ".seg"
	quarantined    = "quarantine-"
	temporary      = ".tmp"
	indexDigits    = 20 // of the largest uint64
)

func join(dir, name string) string { return filepath.Join(dir, name) }

// segmentName is the index of a segment's first entry, in decimal.
func segmentName(first uint64) string {
	return fmt.Sprintf("%0*d%s", indexDigits, first, segmentSuffix)
}

func parseSegmentName(name string) (first uint64, ok bool) {
	digits, found := strings.CutSuffix(name, segmentSuffix)
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, found && err == nil && first <= maxIndex && segmentName(first) == name
}

// listing is what a log's directory holds.
type listing struct {
	segments    []uint64 // first indices, in order
	quarantined []string
	leftovers   []string // temporary files of an interrupted creation
	others      map[string]fs.DirEntry
}

// list reads the directory. A file that only looks like a segment is refused:
// to leave it out could hide entries.
func list(fsys FS, dir string) (listing, error) {
	entries, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return listing{}, fault.New(fault.NotFound, "no such directory").At(dir).
			Fix("name the directory of a log")
	}
	if err != nil {
		return listing{}, unavailable("cannot read the log's directory", dir, err)
	}
	l := listing{others: map[string]fs.DirEntry{}}
	for _, e := range entries {
		name := e.Name()
		first, isSegment := parseSegmentName(name)
		switch {
		case isSegment:
			l.segments = append(l.segments, first)
		case strings.HasSuffix(name, segmentSuffix):
			return listing{}, fault.New(fault.Invalid, "not the name of a segment, although it ends as one").
				At(join(dir, name)).Fix("move the file elsewhere; a segment's name is 20 digits and .seg")
		case strings.HasPrefix(name, quarantined):
			l.quarantined = append(l.quarantined, name)
		case strings.HasSuffix(name, temporary) && ours(strings.TrimSuffix(name, temporary)):
			l.leftovers = append(l.leftovers, name)
		default:
			l.others[name] = e
		}
	}
	slices.Sort(l.segments) // as the names sort, but not every FS sorts
	return l, nil
}

// ours says whether create may have been making a file of this name.
func ours(name string) bool {
	_, isSegment := parseSegmentName(name)
	return isSegment || slices.Contains([]string{keyName, verifierName, checkpointName, commitmentName}, name)
}

// unavailable is the fault for a file system that failed.
func unavailable(what, where string, err error) error {
	return fault.New(fault.Unavailable, what).At(where).
		Fix("mend the disk or the permissions").Because(err)
}
