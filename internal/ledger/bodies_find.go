package ledger

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// findCall gathers the records and pieces of a call. It begins to read where
// the time in the id says that the call is, and reads all where that fails.
func findCall(dir, id string) (*assembly, error) {
	from, err := startOf(dir, id)
	if err != nil {
		return nil, err
	}
	a, err := readCall(dir, id, from)
	if err == nil && !a.complete() && from > 0 {
		a, err = readCall(dir, id, 0)
	}
	if err == nil && a.call == nil && a.result == nil {
		err = fault.New(fault.NotFound, "the ledger has no such call").At(dir).
			Fix("name it as x-ostiary-call-id and `ledger tail --json` do")
	}
	return a, err
}

var errStop = errors.New("enough read")

// readCall reads from an entry on, until the call's last record.
func readCall(dir, id string, from uint64) (*assembly, error) {
	_, log, err := readVerifier(disk{}, dir)
	if err != nil {
		return nil, err
	}
	a := &assembly{log: log, id: id, parts: map[Part][]*strand{}}
	err = ReadLog(dir, from, func(index uint64, payload []byte) error {
		if !bytes.Contains(payload, []byte(id)) {
			return nil
		}
		if isPiece(payload) {
			if p, err := parsePiece(payload); err != nil || p.id != id {
				return nil //nolint:nilerr // another's; what it is, ledger verify says
			}
			return a.add(payload)
		}
		r, err := decodeRecord(payload)
		if err != nil || r.ID != id {
			return nil //nolint:nilerr // another's; what it is, ledger verify says
		}
		if a.call == nil {
			a.index = index
		}
		if r.Call != nil {
			a.call = r.Call
		}
		if r.Result != nil {
			a.result = r.Result
			return errStop
		}
		return nil
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	return a, err
}

// startOf is the first entry of the segment before the one that was written
// when the call came, as far as the clock of both is one.
func startOf(dir, id string) (uint64, error) {
	at, ok := idTime(id)
	if !ok {
		return 0, nil
	}
	found, err := list(disk{}, dir)
	if err != nil {
		return 0, err
	}
	n, _ := slices.BinarySearchFunc(found.segments, at, func(first uint64, at time.Time) int {
		began, e := segmentTime(dir, first)
		if e != nil {
			err = e
		}
		if began.After(at) {
			return 1
		}
		return -1
	})
	if n < 2 || err != nil {
		return 0, err
	}
	return found.segments[n-2], nil
}

// segmentTime is when the first entry of a segment was made: the zero time if
// none tells.
func segmentTime(dir string, first uint64) (at time.Time, err error) {
	err = ReadLog(dir, first, func(_ uint64, payload []byte) error {
		if p, err := parsePiece(payload); err == nil {
			at, _ = idTime(p.id)
		} else if r, err := decodeRecord(payload); err == nil {
			at = r.Time
		}
		return errStop
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	return at, err
}

// idTime is the time in a UUIDv7.
func idTime(id string) (time.Time, bool) {
	raw, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil || len(raw) != 16 || raw[6]>>4 != 7 {
		return time.Time{}, false
	}
	var ms int64
	for _, b := range raw[:6] {
		ms = ms<<8 | int64(b)
	}
	return time.UnixMilli(ms), true
}
