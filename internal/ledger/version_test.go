package ledger

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"
)

// TestOlderLog opens a log that the build before record version 2 wrote: it
// reads, verifies, is appended to, and verifies again.
func TestOlderLog(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/version1")); err != nil {
		t.Fatal(err)
	}
	wantVersions := func(want map[int]int, calls, noOutcome int) {
		t.Helper()
		got := map[int]int{}
		if err := Read(dir, 0, func(_ uint64, r Record) error { got[r.Version]++; return nil }); err != nil {
			t.Error(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("records by version: %v, want %v", got, want)
		}
		r, err := Verify(dir)
		if err != nil || !r.OK() || r.Calls != calls || len(r.NoOutcome) != noOutcome || r.Checkpoint != r.Entries {
			t.Errorf("verify: %+v %v", r, err)
		}
	}
	wantVersions(map[int]int{1: 14}, 8, 1)
	if found, err := FindBody(dir, []byte("a question\n..")); err != nil || len(found) != 8 {
		t.Errorf("%d calls had the body, %v", len(found), err)
	}
	for run := range 2 {
		l := openLedger(t, dir)
		id := l.NewID()
		if err := errors.Join(l.Intent(t.Context(), id, sampleCall()), l.Outcome(t.Context(), id, sampleResult())); err != nil {
			t.Fatal(err)
		}
		mustClose(t, l)
		wantVersions(map[int]int{1: 14, 2: 2 + 2*run}, 9+run, 1)
	}
	if l, err := Open(Config{Directory: dir, Retention: Retention{Size: 1}, CheckpointEvery: 10 * time.Millisecond}); err != nil {
		t.Error(err)
	} else {
		for first := uint64(0); first == 0; {
			if first, _, err = Extent(dir); err != nil {
				t.Fatal(err)
			}
		}
		mustClose(t, l)
	}
	if r, err := Verify(dir); err != nil || !r.OK() || r.Pruned == 0 {
		t.Errorf("pruned: %+v %v", r, err)
	}
}

// TestClockStepsBack records by a clock that goes back: order is by index, and
// nothing is wrong with the log.
func TestClockStepsBack(t *testing.T) {
	dir := t.TempDir()
	now := noon
	l, err := Open(Config{Directory: dir, Now: func() time.Time { now = now.Add(-time.Hour); return now }})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := l.Intent(t.Context(), fmt.Sprint(i), sampleCall()); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, l)
	next := uint64(0)
	err = Read(dir, 0, func(index uint64, r Record) error {
		if index != next || r.ID != fmt.Sprint(index) {
			t.Errorf("record %d is of call %s", index, r.ID)
		}
		next++
		return nil
	})
	if r, verr := Verify(dir); err != nil || verr != nil || next != 5 || !r.OK() {
		t.Errorf("%d records, %v; verify: %+v %v", next, err, r, verr)
	}
}
