package ledger

import (
	"cmp"
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
	relaxedName    = "relaxed" // there while entries are acknowledged before they are synced
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
	parts       []part   // segments and rests, in order
	doubled     []uint64 // segments that have a rest already, and are to go
	quarantined []string
	leftovers   []string // temporary files of an interrupted creation
	others      map[string]fs.DirEntry
}

// part is a segment, or what is left of one.
type part struct {
	first uint64
	rest  bool
}

func (p part) name() string {
	if p.rest {
		return restName(p.first)
	}
	return segmentName(p.first)
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
	rests := map[uint64]bool{}
	for _, e := range entries {
		name := e.Name()
		first, isSegment := parseSegmentName(name)
		restOf, isRest := parseRestName(name)
		switch {
		case isRest:
			rests[restOf] = true
			l.parts = append(l.parts, part{restOf, true})
		case isSegment:
			l.segments = append(l.segments, first)
		case strings.HasSuffix(name, segmentSuffix), strings.HasSuffix(name, restSuffix):
			return listing{}, fault.New(fault.Invalid, "not the name of a segment, although it ends as one").
				At(join(dir, name)).Fix("move the file elsewhere; a segment's name is 20 digits and .seg, or .rest for what is left of one")
		case strings.HasPrefix(name, quarantined):
			l.quarantined = append(l.quarantined, name)
		case strings.HasSuffix(name, temporary) && ours(strings.TrimSuffix(name, temporary)):
			l.leftovers = append(l.leftovers, name)
		default:
			l.others[name] = e
		}
	}
	for _, first := range l.segments {
		if rests[first] {
			l.doubled = append(l.doubled, first)
		} else {
			l.parts = append(l.parts, part{first: first})
		}
	}
	slices.Sort(l.segments) // as the names sort, but not every FS sorts
	slices.SortFunc(l.parts, func(a, b part) int { return cmp.Compare(a.first, b.first) })
	return l, nil
}

// ours says whether create may have been making a file of this name.
func ours(name string) bool {
	_, isSegment := parseSegmentName(name)
	_, isRest := parseRestName(name)
	return isSegment || isRest || slices.Contains([]string{keyName, verifierName, checkpointName, commitmentName, relaxedName}, name)
}

// unavailable is the fault for a file system that failed.
func unavailable(what, where string, err error) error {
	return fault.New(fault.Unavailable, what).At(where).
		Fix("mend the disk or the permissions").Because(err)
}
