package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// faultyRun appends until something fails and returns what was acknowledged.
func faultyRun(t *testing.T, m *memFS, dir, label string, n int) (acked []string) {
	t.Helper()
	l, err := OpenLog(LogConfig{Directory: dir, FS: m, SegmentSize: 450, CheckpointEvery: time.Hour})
	if err != nil {
		return nil
	}
	var failed error
	for i := range n {
		p := fmt.Sprintf("%s entry %d %s", label, i, strings.Repeat("x", i*7))
		_, err := l.Append(t.Context(), []byte(p))
		if err == nil && failed != nil {
			t.Fatalf("acknowledged after %v", failed)
		}
		if err != nil && fault.KindOf(err) != fault.Unavailable {
			t.Fatalf("kind of %v", err)
		}
		if err != nil {
			failed = err
			continue
		}
		acked = append(acked, p)
	}
	if closed := l.Close(); failed != nil && !errors.Is(closed, failed) {
		t.Fatalf("Close says %v after %v", closed, failed)
	}
	return acked
}

// check wants every acknowledged entry, once and in order; between them only
// entries that were refused and got there all the same.
func checkAcked(t *testing.T, m *memFS, dir string, acked []string) {
	t.Helper()
	got, err := m.entriesOf(dir)
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	rest := got
	for _, want := range acked {
		i := slices.Index(rest, want)
		if i < 0 {
			t.Fatalf("acknowledged and not there: %.20q; there are %d entries", want, len(got))
		}
		rest = rest[i+1:]
	}
	if extra := len(got) - len(acked); extra > 2 {
		t.Fatalf("%d entries that nobody was told of", extra)
	}
	r, err := verify(m, dir, nil, nil)
	if err != nil || !r.OK() {
		t.Fatalf("verify: %v %v", r.Problems, err)
	}
}

// TestFaultAtEveryCall fails the k-th changing call of the file system, for
// every k, in four ways. Nothing that was acknowledged may be missing: after
// the failure, after a restart that appends more, and after a power loss at
// either point.
func TestFaultAtEveryCall(t *testing.T) {
	t.Parallel()
	for _, kind := range []faultKind{eio, enospc, short, powerLoss} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir() // only the lock is there
			for k := 1; ; k++ {
				m := newMemFS()
				m.failAt, m.fault = k, kind
				acked := faultyRun(t, m, dir, "at first", 4)
				if m.ops < k {
					if k < 40 {
						t.Fatalf("only %d calls", k)
					}
					return
				}
				t.Run(fmt.Sprintf("call %d: %s", k, m.calls[k-1]), func(t *testing.T) {
					m.failAt = 0
					afterPowerLoss(t, m, dir, acked, k)
					acked = restart(t, m, dir, "after the failure", acked)
					afterPowerLoss(t, m, dir, acked, k+1)
				})
			}
		})
	}
}

// afterPowerLoss restarts from some of the images that a power loss may leave;
// which, goes by turns.
func afterPowerLoss(t *testing.T, m *memFS, dir string, acked []string, turn int) {
	images := m.images()
	for i, name := range slices.Sorted(maps.Keys(images)) {
		if i%4 != turn%4 && !tortured() {
			continue
		}
		t.Run("power loss, "+name, func(t *testing.T) { restart(t, images[name], dir, "after the power loss", acked) })
	}
}

// restart opens what a failure left, and appends more without a failure.
func restart(t *testing.T, m *memFS, dir, label string, acked []string) []string {
	t.Helper()
	more := faultyRun(t, m, dir, label, 2)
	if len(more) != 2 {
		_, err := OpenLog(LogConfig{Directory: dir, FS: m})
		t.Fatalf("the restart took %d of 2 entries: %v", len(more), err)
	}
	acked = append(slices.Clone(acked), more...)
	checkAcked(t, m, dir, acked)
	return acked
}
