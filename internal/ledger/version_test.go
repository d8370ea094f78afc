package ledger

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"
)

// TestOlderLog opens logs that builds before a record version wrote: each
// reads, verifies, is appended to, and verifies again.
func TestOlderLog(t *testing.T) {
	for _, tt := range []struct {
		version, records, calls, noOutcome int
		body                               string
		had                                int
	}{{1, 14, 8, 1, "a question\n..", 8}, {2, 12, 7, 1, "a question\n..", 6}} {
		t.Run(fmt.Sprint(tt.version), func(t *testing.T) {
			testOlderLog(t, tt.version, tt.records, tt.calls, tt.noOutcome, tt.body, tt.had)
		})
	}
}

func testOlderLog(t *testing.T, version, records, calls, noOutcome int, body string, had int) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(fmt.Sprintf("testdata/version%d", version))); err != nil {
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
	wantVersions(map[int]int{version: records}, calls, noOutcome)
	if found, err := FindBody(dir, []byte(body)); err != nil || len(found) != had {
		t.Errorf("%d calls had the body, %v", len(found), err)
	}
	for run := range 2 {
		l := openLedger(t, dir)
		id := l.NewID()
		if err := errors.Join(l.Intent(t.Context(), id, sampleCall()), l.Outcome(t.Context(), id, sampleResult())); err != nil {
			t.Fatal(err)
		}
		mustClose(t, l)
		wantVersions(map[int]int{version: records, RecordVersion: 2 + 2*run}, calls+1+run, noOutcome)
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
