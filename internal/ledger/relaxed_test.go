package ledger

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

func relaxedConfig(m *memFS, dir string) LogConfig {
	return LogConfig{Directory: dir, FS: m, SegmentSize: 2000, Relaxed: time.Second}
}

// TestRelaxedSyncsInItsWindow acknowledges what is written, and syncs and
// signs it within a second.
func TestRelaxedSyncsInItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, dir := newMemFS(), t.TempDir()
		l := mustOpen(t, relaxedConfig(m, dir))
		calls := len(m.called())
		mustAppend(t, l, "one", "two")
		name := segmentName(0) + temporary // the name it was made by
		if got := m.called()[calls:]; !slices.Equal(got, []string{"write " + name, "write " + name}) {
			t.Errorf("two appends made the calls %q", got)
		}
		time.Sleep(1001 * time.Millisecond)
		synctest.Wait()
		if got := m.called()[calls:]; got[2] != "sync "+name || readSize(t, m, dir) != 2 {
			t.Errorf("after the window: %q, checkpoint over %d", got, readSize(t, m, dir))
		}
		calls = len(m.called())
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := m.called()[calls:]; len(got) > 0 {
			t.Errorf("an idle log wrote: %q", got)
		}
		mustAppend(t, l, "three")
		mustClose(t, l)
		if n := m.file(t, dir, segmentName(0)); len(n.durable) != len(n.cached) || readSize(t, m, dir) != 3 {
			t.Error("Close did not sync")
		}
	})
}

// TestRelaxedSyncFails stops the log.
func TestRelaxedSyncFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, dir := newMemFS(), t.TempDir()
		l := mustOpen(t, relaxedConfig(m, dir))
		mustAppend(t, l, "one")
		m.mu.Lock()
		m.failAt, m.fault = m.ops+1, eio
		m.mu.Unlock()
		time.Sleep(1001 * time.Millisecond)
		synctest.Wait()
		if _, err := l.Append(t.Context(), []byte("two")); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("Append: %v", err)
		}
		if err := l.Close(); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("Close: %v", err)
		}
	})
}

// TestRelaxedPowerLoss cuts the power at any moment, and lets the disk have
// written any of the sectors that were not synced. Everything that a
// checkpoint covers is there, what is there is right, and the log goes on,
// strict or relaxed.
func TestRelaxedPowerLoss(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for seed := range torture(t, 80, 20_000) {
		rng := rand.New(rand.NewPCG(uint64(seed), 2))
		m := newMemFS()
		synctest.Test(t, func(t *testing.T) { relaxedRun(t, m, dir, rng) })
		img := m.scattered(rng)
		if len(img.names) == 0 {
			continue // before the first file
		}
		signed := uint64(0)
		if _, there := img.names[join(dir, checkpointName)]; there {
			signed = readSize(t, img, dir)
		}
		c := relaxedConfig(img, dir)
		if seed%2 == 0 {
			c.Relaxed = 0
		}
		l, err := OpenLog(c)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		n := l.Len()
		if n < signed {
			t.Fatalf("seed %d: %d entries, and a checkpoint over %d", seed, n, signed)
		}
		mustAppend(t, l, fmt.Sprintf("entry %d", n))
		mustClose(t, l)
		got, err := img.entriesOf(dir)
		if err != nil || uint64(len(got)) != n+1 {
			t.Fatalf("seed %d: %d entries read, %v", seed, len(got), err)
		}
		for i, p := range got {
			if !strings.HasPrefix(p, fmt.Sprintf("entry %d", i)) {
				t.Fatalf("seed %d: entry %d is %q", seed, i, p)
			}
		}
		if r := verified(t, img, dir); !r.OK() {
			t.Fatalf("seed %d: %v", seed, r.Problems)
		}
		if _, marked := img.names[join(dir, relaxedName)]; marked != (c.Relaxed > 0) {
			t.Fatalf("seed %d: the mark of a relaxed log is there: %t", seed, marked)
		}
	}
}

// called is the changing calls so far.
func (m *memFS) called() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.calls)
}

// relaxedRun appends until the power goes at a random call.
func relaxedRun(t *testing.T, m *memFS, dir string, rng *rand.Rand) {
	m.failAt, m.fault = 12+rng.IntN(120), powerLoss
	l, err := OpenLog(relaxedConfig(m, dir))
	if err != nil {
		return
	}
	defer l.Close()
	for i := 0; ; i++ {
		if _, err := l.Append(t.Context(), fmt.Appendf(nil, "entry %d %s", i, strings.Repeat("x", rng.IntN(300)))); err != nil {
			return
		}
		time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
		synctest.Wait()
	}
}

// scattered is what a disk may hold when the power goes: of what was not
// synced, any sector, and of the names in a directory, the old or the new.
func (m *memFS) scattered(rng *rand.Rand) *memFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	img := newMemFS()
	names := m.durable
	if rng.IntN(2) == 0 {
		names = m.names
	}
	for path, n := range names {
		data := append([]byte{}, n.cached...)
		keep := n.durable
		for at := len(keep) / sector * sector; at < len(data); at += sector {
			if rng.IntN(2) == 0 {
				clear(data[max(at, len(keep)):min(at+sector, len(data))])
			}
		}
		copy(data, keep)
		if rng.IntN(2) == 0 { // the size, too
			data = data[:len(keep)+rng.IntN(len(data)-len(keep)+1)]
		}
		img.names[path] = &inode{cached: data, durable: data}
	}
	maps.Copy(img.durable, img.names)
	return img
}
