package ledger

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// numbered appends entries n to before m.
func numbered(t *testing.T, l *Log, n, m int) {
	t.Helper()
	for i := n; i < m; i++ {
		mustAppend(t, l, fmt.Sprintf("entry %d %s", i, strings.Repeat("x", i%13)))
	}
}

// prunedLog is a log of 40 entries of which the older segments were pruned by
// size, closed.
func prunedLog(t *testing.T, change func(*LogConfig)) (m *memFS, dir string) {
	t.Helper()
	m, dir = newMemFS(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := LogConfig{Directory: dir, FS: m, SegmentSize: 900, Retention: Retention{Size: 2000}}
		if change != nil {
			change(&c)
		}
		l := mustOpen(t, c)
		numbered(t, l, 0, 40)
		time.Sleep(11 * time.Second) // two ticks
		synctest.Wait()
		mustClose(t, l)
	})
	return m, dir
}

// wantFrom wants entries first to before next, and nothing wrong.
func wantFrom(t *testing.T, m *memFS, dir string, first, next int) LogReport {
	t.Helper()
	r := verified(t, m, dir)
	if !r.OK() || r.Pruned != uint64(first) || r.Entries != uint64(next-first) || r.Root == "" {
		t.Errorf("verify: %+v", r)
	}
	there, err := m.indexed(dir)
	if err != nil || len(there) != next-first {
		t.Errorf("%d entries are read, %v", len(there), err)
	}
	for i := first; i < next; i++ {
		if !strings.HasPrefix(there[uint64(i)], fmt.Sprintf("entry %d ", i)) {
			t.Errorf("entry %d reads %q", i, there[uint64(i)])
		}
	}
	if a, b, err := extent(m, dir); err != nil || a != uint64(first) || b != uint64(next) {
		t.Errorf("extent: %d to %d, %v", a, b, err)
	}
	return r
}

func firstKept(t *testing.T, m *memFS, dir string) int {
	t.Helper()
	found, err := list(m, dir)
	if err != nil || len(found.segments) == 0 {
		t.Fatal(found, err)
	}
	return int(found.segments[0])
}

// TestPruneBySize prunes, verifies, reads, reopens and goes on.
func TestPruneBySize(t *testing.T) {
	m, dir := prunedLog(t, nil)
	first := firstKept(t, m, dir)
	if first < 10 || first > 38 {
		t.Fatalf("pruned to entry %d of 40", first)
	}
	wantFrom(t, m, dir, first, 40)
	left := 0
	for path, n := range m.names {
		if strings.HasSuffix(path, segmentSuffix) {
			left += len(n.cached)
		}
		if bytes.Contains(n.cached, []byte("entry 0 ")) {
			t.Errorf("%s still has entry 0", path)
		}
	}
	if left > 2000 {
		t.Errorf("%d bytes of segments are left", left)
	}
	note, _, _ := bytes.Cut(m.file(t, dir, restName(0)).cached[16:], []byte("\n\n"))
	if !strings.Contains(string(note), "entries 0 ") || !strings.Contains(string(note), "pruned: over the size of 2000 bytes") {
		t.Errorf("the note says %q", note)
	}
	l := mustOpen(t, quiet(m, dir))
	numbered(t, l, 40, 60)
	mustClose(t, l)
	wantFrom(t, m, dir, first, 60)
}

// TestPruneByAge waits until the entries are old. The newest segment stays.
func TestPruneByAge(t *testing.T) {
	m, dir := newMemFS(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := mustOpen(t, LogConfig{Directory: dir, FS: m, SegmentSize: 900, Retention: Retention{Age: time.Hour}})
		numbered(t, l, 0, 20)
		time.Sleep(50 * time.Minute)
		numbered(t, l, 20, 40)
		synctest.Wait()
		if first := firstKept(t, m, dir); first != 0 {
			t.Errorf("pruned to entry %d before the hour", first)
		}
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		if first := firstKept(t, m, dir); first < 10 || first > 20 {
			t.Errorf("pruned to entry %d of 20", first)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		mustClose(t, l)
	})
	found, err := list(m, dir)
	if err != nil || len(found.segments) != 1 {
		t.Errorf("segments %v are left, %v", found.segments, err)
	}
	wantFrom(t, m, dir, firstKept(t, m, dir), 40)
}

// TestPruneStepsBack has a clock that goes back: nothing is pruned early.
func TestPruneStepsBack(t *testing.T) {
	m, dir := prunedLog(t, func(c *LogConfig) {
		c.Retention = Retention{Age: time.Second}
		c.Now = func() time.Time { return time.Now().Add(-time.Hour) }
	})
	wantFrom(t, m, dir, 0, 40)
}

// TestPruneKeepsWhatIsNotShipped never prunes past what Keep allows.
func TestPruneKeepsWhatIsNotShipped(t *testing.T) {
	for _, keep := range []uint64{0, 15, 1000} {
		m, dir := prunedLog(t, func(c *LogConfig) {
			c.Retention, c.Keep = Retention{Size: 1}, func() uint64 { return keep }
		})
		found, err := list(m, dir)
		if first := firstKept(t, m, dir); err != nil || uint64(first) > keep || keep == 1000 && len(found.segments) != 1 {
			t.Errorf("keep from %d: pruned to %d", keep, first)
		}
	}
}

// TestPruneWithoutANote wants every changed byte of a rest found, and a rest
// that another key signed, or that stands under another name.
func TestPruneWithoutANote(t *testing.T) {
	m, dir := prunedLog(t, nil)
	other, otherDir := prunedLog(t, nil)
	path := join(dir, restName(0))
	whole := m.names[path].cached
	unsound := func(data []byte) {
		t.Helper()
		m.names[path] = &inode{cached: data}
		if r := verified(t, m, dir); r.OK() {
			t.Errorf("verify finds nothing")
		}
		if got, err := m.indexed(dir); err == nil {
			t.Errorf("%d entries are read", len(got))
		}
	}
	for at := range whole {
		if at%7 > 0 && !tortured() {
			continue
		}
		data := bytes.Clone(whole)
		data[at] ^= 1 << (at % 8)
		unsound(data)
		if end := len(data) - trailer; at < end {
			unsound(withCRC(data[:end])) // as a forger would
		}
	}
	unsound(whole[:len(whole)-1])
	unsound(other.file(t, otherDir, restName(0)).cached)
	found, err := list(m, dir)
	if err != nil || len(found.parts) < 3 || !found.parts[1].rest {
		t.Fatal(found.parts, err)
	}
	unsound(m.file(t, dir, found.parts[1].name()).cached)
	if _, err := OpenLog(quiet(m, dir)); err == nil || fault.KindOf(err) == fault.Internal {
		t.Errorf("OpenLog: %v", err)
	}
	m.names[path] = &inode{cached: whole}
	if r := verified(t, m, dir); !r.OK() {
		t.Error(r.Problems)
	}
}

// TestPrunedUnderAReader prunes the segment that a reader is in.
func TestPrunedUnderAReader(t *testing.T) {
	m, dir := newMemFS(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var keep atomic.Uint64
		l := mustOpen(t, LogConfig{Directory: dir, FS: m, SegmentSize: 900, Retention: Retention{Size: 1}, Keep: keep.Load})
		numbered(t, l, 0, 3)
		var got []uint64
		r, err := newReader(m, dir, 1, func(index uint64, _ []byte) error { got = append(got, index); return nil })
		if err != nil {
			t.Fatal(err)
		}
		if err := r.drain(); err != nil || !slices.Equal(got, []uint64{1, 2}) {
			t.Fatalf("read %v, %v", got, err)
		}
		numbered(t, l, 3, 40)
		keep.Store(1000)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		first := uint64(firstKept(t, m, dir))
		if err := r.drain(); err != nil || len(got) < 3 || got[2] != first || got[len(got)-1] != 39 {
			t.Errorf("read %v with entries from %d on, %v", got, first, err)
		}
		mustClose(t, l)
	})
}

// TestPruneStopsAtDamage leaves a damaged segment as it is.
func TestPruneStopsAtDamage(t *testing.T) {
	m, dir := newMemFS(), t.TempDir()
	l := mustOpen(t, LogConfig{Directory: dir, FS: m, SegmentSize: 900, CheckpointEvery: time.Hour})
	numbered(t, l, 0, 40)
	mustClose(t, l)
	m.file(t, dir, segmentName(0)).cached[300] ^= 1
	before := m.snapshot()
	synctest.Test(t, func(t *testing.T) {
		l := mustOpen(t, LogConfig{Directory: dir, FS: m, Retention: Retention{Size: 1}})
		time.Sleep(time.Minute)
		mustClose(t, l)
	})
	if !slices.Equal(slices.Sorted(maps.Keys(before.names)), slices.Sorted(maps.Keys(m.names))) {
		t.Error("files came or went")
	}
}

// TestFaultAtEveryCallOfAPrune fails the k-th changing call of a log that
// prunes, for every k, and restarts from what a power loss leaves. What was
// acknowledged is there, or a sound note says that it was pruned.
func TestFaultAtEveryCallOfAPrune(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := func(k int, kind faultKind) (m *memFS, acked int) {
		m = newMemFS()
		m.failAt, m.fault = k, kind
		synctest.Test(t, func(t *testing.T) { acked = pruningRun(t, m, dir) })
		return m, acked
	}
	whole, _ := run(0, eio)
	if whole.ops < 60 {
		t.Fatalf("only %d calls", whole.ops)
	}
	for i, kind := range []faultKind{eio, enospc, short, powerLoss} {
		for k := 1; k <= whole.ops; k++ {
			if !tortured() && k%12 != 3*i {
				continue // one kind a call, by turns
			}
			m, acked := run(k, kind)
			call := m.calls[k-1]
			m.failAt = 0
			m.anyImage(k/12, func(how string, img *memFS) {
				if err := afterPruning(t, img, dir, acked); err != nil {
					t.Fatalf("%s at call %d (%s), then %s: %v", kind, k, call, how, err)
				}
			})
		}
	}
}

// pruningRun appends, lets a tick prune, and so again, until something fails.
func pruningRun(t *testing.T, m *memFS, dir string) (acked int) {
	l, err := OpenLog(LogConfig{Directory: dir, FS: m, SegmentSize: 300, Retention: Retention{Size: 400}})
	if err != nil {
		return 0
	}
	defer l.Close()
	for range 2 {
		for range 6 {
			if _, err := l.Append(t.Context(), fmt.Appendf(nil, "entry %d, and what it says", acked)); err != nil {
				return acked
			}
			acked++
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
	}
	return acked
}

// afterPruning opens what a failure left, and wants every acknowledged entry
// there or pruned.
func afterPruning(t *testing.T, m *memFS, dir string, acked int) error {
	l, err := OpenLog(quiet(m, dir))
	if err != nil {
		return err
	}
	mustAppend(t, l, "after the failure")
	mustClose(t, l)
	there, err := m.indexed(dir)
	if err != nil {
		return err
	}
	first, _, err := extent(m, dir)
	if err != nil {
		return err
	}
	for i := first; i < uint64(acked); i++ {
		if there[i] != fmt.Sprintf("entry %d, and what it says", i) {
			return fmt.Errorf("entry %d of %d was acknowledged and reads %q; kept from %d", i, acked, there[i], first)
		}
	}
	if r := verified(t, m, dir); !r.OK() || r.Pruned != first {
		return fmt.Errorf("verify: %v", r.Problems)
	}
	for path := range m.names {
		if strings.HasSuffix(path, restSuffix) && m.names[strings.TrimSuffix(path, restSuffix)+segmentSuffix] != nil {
			return fmt.Errorf("%s: the segment is still there", path)
		}
	}
	return nil
}
