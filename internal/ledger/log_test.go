package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/internal/fault"
)

// quiet is a log in memory that signs only when it must.
func quiet(m *memFS, dir string) LogConfig {
	return LogConfig{Directory: dir, FS: m, CheckpointEvery: time.Hour}
}

func mustOpen(t *testing.T, c LogConfig) *Log {
	t.Helper()
	l, err := OpenLog(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mustAppend(t *testing.T, l *Log, payloads ...string) {
	t.Helper()
	for _, p := range payloads {
		if _, err := l.Append(t.Context(), []byte(p)); err != nil {
			t.Fatal(err)
		}
	}
}

func mustClose(t *testing.T, l interface{ Close() error }) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// appendTogether makes one commit of several entries.
func appendTogether(t *testing.T, l *Log, payloads ...string) {
	t.Helper()
	l.mu.Lock()
	b := l.pending
	for _, p := range payloads {
		b.add([]byte(p), tlog.RecordHash([]byte(p)), entryCRC([]byte(p)))
	}
	l.mu.Unlock()
	l.wake <- struct{}{}
	if <-b.done; b.err != nil {
		t.Fatal(b.err)
	}
}

func TestAppendReturnsAfterSync(t *testing.T) {
	m, dir := newMemFS(), t.TempDir()
	l := mustOpen(t, quiet(m, dir))
	defer l.Close()
	for i := range 3 {
		before := len(m.calls)
		mustAppend(t, l, "entry")
		m.mu.Lock()
		calls := m.calls[before:]
		synced := string(m.names[join(dir, segmentName(0))].durable)
		m.mu.Unlock()
		name := segmentName(0) + temporary // the name it was made by
		if want := []string{"write " + name, "sync " + name}; !slices.Equal(calls, want) {
			t.Errorf("append %d made the calls %q, want %q", i, calls, want)
		}
		if n := strings.Count(synced, "entry"); n != i+1 {
			t.Errorf("append %d returned with %d entries synced", i, n)
		}
	}
}

// gate is a domain that waits to be let through, or fails.
type gate struct {
	Domain
	blocks chan []byte
	result chan error
}

func (g *gate) Commit(block []byte) error {
	g.blocks <- bytes.Clone(block)
	if err := <-g.result; err != nil {
		return err
	}
	return g.Domain.Commit(block)
}

// gated opens a log whose commits wait for the test. It runs in a bubble.
func gated(t *testing.T) (*Log, *gate) {
	g := &gate{blocks: make(chan []byte), result: make(chan error)}
	c := quiet(newMemFS(), t.TempDir())
	c.Domain = func(own Domain) Domain { g.Domain = own; return g }
	return mustOpen(t, c), g
}

func TestOneCommitServesAllThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, g := gated(t)
		var wg sync.WaitGroup
		seen := make([]int, 65)
		write := func() {
			index, err := l.Append(t.Context(), []byte("entry"))
			if err != nil {
				t.Error(err)
				return
			}
			seen[index]++
		}
		wg.Go(write)
		first := <-g.blocks
		for range 64 {
			wg.Go(write)
		}
		synctest.Wait() // all 64 wait behind the first
		if l.Len() != 0 || slices.Max(seen) != 0 {
			t.Fatal("acknowledged before the commit returned")
		}
		g.result <- nil
		second := <-g.blocks
		g.result <- nil
		wg.Wait()
		for i, want := range []int{1, 64} {
			b, err := parseBlock([][]byte{first, second}[i], l.keys.id)
			if err != nil || b.count != want {
				t.Errorf("commit %d has %d entries, want %d (%v)", i, b.count, want, err)
			}
		}
		if slices.Min(seen) != 1 || slices.Max(seen) != 1 {
			t.Errorf("indices were given %v times", seen)
		}
		mustClose(t, l)
	})
}

func TestFailureReachesAllThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, g := gated(t)
		errs := make(chan error, 10)
		write := func() { _, err := l.Append(t.Context(), []byte("entry")); errs <- err }
		go write()
		<-g.blocks
		for range 9 {
			go write()
		}
		synctest.Wait()
		g.result <- errInjected
		for range 10 { // a second commit would wait at the gate for ever
			if err := <-errs; fault.KindOf(err) != fault.Unavailable || !errors.Is(err, errInjected) {
				t.Errorf("Append: %v", err)
			}
		}
		if _, err := l.Append(t.Context(), nil); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("Append after the failure: %v", err)
		}
		if err := l.Close(); !errors.Is(err, errInjected) {
			t.Errorf("Close: %v", err)
		}
	})
}

func TestAppendGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, g := gated(t)
		go func() { _, _ = l.Append(t.Context(), []byte("one")) }()
		<-g.blocks
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Append(ctx, []byte("two")); !errors.Is(err, context.DeadlineExceeded) || fault.KindOf(err) != fault.Unavailable {
			t.Errorf("waiting: %v", err)
		}
		if _, err := l.Append(ctx, []byte("three")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended before: %v", err)
		}
		g.result <- nil
		<-g.blocks // "two" was in the batch already, and "three" is not
		g.result <- nil
		mustClose(t, l)
		if l.Len() != 2 {
			t.Errorf("%d entries", l.Len())
		}
	})
}

func TestFullBatchMakesAppendersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, g := gated(t)
		big := bytes.Repeat([]byte("x"), MaxPayload)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := l.Append(t.Context(), big); err != nil {
					t.Error(err)
				}
			})
		}
		commits := 0
		for entries := 0; entries < 8; commits++ {
			block := <-g.blocks
			b, err := parseBlock(block, l.keys.id)
			if err != nil || len(block) > maxBlock {
				t.Errorf("a block of %d bytes: %v", len(block), err)
			}
			entries += b.count
			g.result <- nil
		}
		wg.Wait()
		mustClose(t, l)
		if commits < 3 {
			t.Errorf("8 MiB in %d commits", commits)
		}
	})
}

func TestCloseCommitsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, g := gated(t)
		errs := make(chan error, 2)
		write := func() { _, err := l.Append(t.Context(), []byte("entry")); errs <- err }
		go write()
		<-g.blocks
		go write()
		synctest.Wait()
		closed := make(chan error, 2)
		for range 2 { // the second Close waits as well
			go func() { closed <- l.Close() }()
		}
		synctest.Wait()
		if len(closed) > 0 {
			t.Fatal("Close returned while an append waited")
		}
		g.result <- nil
		<-g.blocks
		g.result <- nil
		for range 2 {
			if err := errors.Join(<-errs, <-closed); err != nil {
				t.Error(err)
			}
		}
		if _, err := l.Append(t.Context(), nil); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("Append after Close: %v", err)
		}
	})
}

func TestCheckpointComesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, dir := newMemFS(), t.TempDir()
		l := mustOpen(t, LogConfig{Directory: dir, FS: m})
		mustAppend(t, l, "one", "two")
		before := readSize(t, m, dir)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if after := readSize(t, m, dir); before != 0 || after != 2 {
			t.Errorf("the checkpoint covers %d entries, and %d after 6 s", before, after)
		}
		calls := len(m.calls)
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(m.calls) != calls {
			t.Errorf("an idle log wrote: %q", m.calls[calls:])
		}
		mustClose(t, l)
	})
}

func readSize(t *testing.T, m *memFS, dir string) uint64 {
	t.Helper()
	key, _, err := readVerifier(m, dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := readCheckpoint(m, dir, key)
	if err != nil {
		t.Fatal(err)
	}
	return c.size
}

// TestManyWriters is for the race detector, on a real file system.
func TestManyWriters(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, LogConfig{Directory: dir, SegmentSize: 4 << 10, CheckpointEvery: time.Millisecond})
	var wg sync.WaitGroup
	var mu sync.Mutex
	want := map[uint64]string{}
	for w := range 64 {
		wg.Go(func() {
			for i := range 8 {
				p := fmt.Sprintf("writer %d entry %d", w, i)
				index, err := l.Append(t.Context(), []byte(p))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				want[index] = p
				mu.Unlock()
			}
		})
	}
	wg.Go(func() {
		for range 5 {
			if r, err := VerifyLog(dir); err != nil || !r.OK() || !r.Live {
				t.Errorf("verify beside the writers: %+v %v", r, err)
			}
		}
	})
	wg.Wait()
	mustClose(t, l)
	n := 0
	err := ReadLog(dir, 0, func(index uint64, payload []byte) error {
		if want[index] != string(payload) {
			t.Errorf("entry %d is %q, want %q", index, payload, want[index])
		}
		n++
		return nil
	})
	if err != nil || n != 64*8 {
		t.Errorf("%d entries read, %v", n, err)
	}
	if r, err := VerifyLog(dir); err != nil || !r.OK() || r.Live || r.Checkpoint != 64*8 || r.Segments < 3 {
		t.Errorf("verify: %+v %v", r, err)
	}
}

func TestReopenContinues(t *testing.T) {
	dir := t.TempDir()
	var payloads []string
	var tr tree
	for run := range 4 {
		l := mustOpen(t, LogConfig{Directory: dir, SegmentSize: 500})
		if l.Len() != uint64(len(payloads)) {
			t.Fatalf("run %d starts with %d entries, want %d", run, l.Len(), len(payloads))
		}
		for range run * 3 {
			p := fmt.Sprintf("entry %d of run %d", len(payloads), run)
			mustAppend(t, l, p)
			payloads = append(payloads, p)
			tr.push(tlog.RecordHash([]byte(p)))
		}
		mustClose(t, l)
		r, err := VerifyLog(dir)
		if err != nil || !r.OK() || r.Entries != uint64(len(payloads)) || r.Checkpoint != r.Entries || r.Root != tr.root().String() {
			t.Fatalf("run %d: %+v %v", run, r, err)
		}
	}
	segments, _ := filepath.Glob(filepath.Join(dir, "*.seg"))
	if len(segments) < 3 {
		t.Errorf("only %d segments", len(segments))
	}
	for _, path := range segments {
		if info, err := os.Stat(path); err != nil || info.Size() > 500 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", path, info, err)
		}
	}
	var got []string
	if err := ReadLog(dir, 0, func(_ uint64, p []byte) error { got = append(got, string(p)); return nil }); err != nil || !slices.Equal(got, payloads) {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestSecondWriterIsRefused(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, LogConfig{Directory: dir})
	if _, err := OpenLog(LogConfig{Directory: dir}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("second writer: %v", err)
	}
	mustAppend(t, l, "still at work")
	mustClose(t, l)
	mustClose(t, mustOpen(t, LogConfig{Directory: dir}))
}

func TestPayloadBounds(t *testing.T) {
	l := mustOpen(t, quiet(newMemFS(), t.TempDir()))
	defer l.Close()
	if _, err := l.Append(t.Context(), make([]byte, MaxPayload+1)); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("over the bound: %v", err)
	}
	mustAppend(t, l, string(make([]byte, MaxPayload)), "")
	if l.Len() != 2 {
		t.Errorf("%d entries", l.Len())
	}
}

// TestTinySegments has every block larger than a segment should be.
func TestTinySegments(t *testing.T) {
	m, dir := newMemFS(), t.TempDir()
	c := quiet(m, dir)
	c.SegmentSize = 1
	l := mustOpen(t, c)
	mustAppend(t, l, "one", "two", "three")
	mustClose(t, l)
	got, err := m.entriesOf(dir)
	made := 0
	for _, call := range m.calls {
		if strings.HasPrefix(call, "create ") && strings.HasSuffix(call, segmentSuffix+temporary) {
			made++
		}
	}
	if made != 3 {
		t.Errorf("%d segments were made", made)
	}
	if r := verified(t, m, dir); err != nil || len(got) != 3 || !r.OK() || r.Segments != 3 {
		t.Errorf("%q %v %+v", got, err, r)
	}
}

func TestConfigBounds(t *testing.T) {
	for name, c := range map[string]LogConfig{
		"no directory":      {},
		"huge segments":     {Directory: t.TempDir(), SegmentSize: maxSegment + 1},
		"negative segments": {Directory: t.TempDir(), SegmentSize: -1},
		"negative interval": {Directory: t.TempDir(), CheckpointEvery: -1},
	} {
		if _, err := OpenLog(c); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTreeIsThatOfTlog(t *testing.T) {
	var mine tree
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var hashes []tlog.Hash
		for _, i := range indexes {
			hashes = append(hashes, stored[i])
		}
		return hashes, nil
	})
	for n := range int64(130) {
		want, err := tlog.TreeHash(n, reader)
		if err != nil || mine.root() != want || mine.size != uint64(n) || len(mine.peaks) != peakCount(uint64(n)) {
			t.Fatalf("tree of %d: %v, want %v (%v)", n, mine.root(), want, err)
		}
		data := fmt.Appendf(nil, "leaf %d", n)
		hashes, err := tlog.StoredHashes(n, data, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		mine.push(tlog.RecordHash(data))
	}
}
