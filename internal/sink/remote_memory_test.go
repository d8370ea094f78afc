package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
)

// memoryRemote is a remote that fails as it is told. Several stores share it.
type memoryRemote struct {
	mu     sync.Mutex
	items  []remoteItem
	before func() error // of a put that then does not happen
	after  func() error // of a put whose acknowledgement is lost
	down   bool
}

type memoryStore struct {
	*memoryRemote
	open bool
}

func (s *memoryStore) connect(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return errAway
	}
	s.open = true
	return nil
}

func (s *memoryStore) close() { s.open = false }

func (s *memoryStore) put(_ context.Context, items ...remoteItem) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down || !s.open {
		return errAway
	}
	if s.before != nil {
		if err := s.before(); err != nil {
			return err
		}
	}
	for _, i := range items {
		i.block, i.note = bytes.Clone(i.block), bytes.Clone(i.note)
		s.items = append(s.items, i)
	}
	if s.after != nil {
		return s.after()
	}
	return nil
}

func (s *memoryStore) tail(_ context.Context, log string, _ time.Time) (last mark, err error) {
	err = s.read(context.Background(), log, 0, func(i remoteItem) error {
		if i.block != nil && i.next > last.next {
			last = i.mark
		}
		return nil
	})
	return last, err
}

func (s *memoryStore) read(_ context.Context, log string, _ uint64, visit func(remoteItem) error) error {
	s.mu.Lock()
	items := slices.Clone(s.items)
	s.mu.Unlock()
	for _, i := range items {
		if i.log == log {
			if err := visit(i); err != nil {
				return err
			}
		}
	}
	return nil
}

func (*memoryStore) list(context.Context) ([]RemoteLog, error)                      { return nil, nil }
func (*memoryStore) eachKey(context.Context, string, func(file []byte) error) error { return nil }

// blocks is how many there are, and whether they follow one another.
func (m *memoryRemote) blocks(t *testing.T) (entries uint64) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, i := range m.items {
		switch {
		case i.block == nil:
		case i.first != entries:
			t.Errorf("a block of entries %d to %d after %d entries", i.first, i.next-1, entries)
		default:
			entries = i.next
		}
	}
	return entries
}

func (m *memoryRemote) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

// remoteLog opens a log that is kept at a store too.
func remoteLog(t *testing.T, dir string, store remoteStore, timeout time.Duration) (*ledger.Log, error) {
	t.Helper()
	m, err := newRemoteMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := newRemote(remoteConfig{dir, timeout, slog.New(slog.DiscardHandler), m}, store)
	return openWith(r, dir)
}

func openWith(r *Remote, dir string) (*ledger.Log, error) {
	c := ledger.Config{}
	r.Configure(&c)
	return ledger.OpenLog(ledger.LogConfig{
		Directory: dir, SegmentSize: 20_000, CheckpointEvery: 20 * time.Millisecond,
		Relaxed: c.Relaxed, Domain: c.Domain, Signed: c.Signed,
	})
}

func mustRemote(t *testing.T, dir string, store remoteStore) *ledger.Log {
	t.Helper()
	l, err := remoteLog(t, dir, store, 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func appendTo(t *testing.T, l *ledger.Log, entries ...string) {
	t.Helper()
	for _, e := range entries {
		if _, err := l.Append(t.Context(), []byte(e)); err != nil {
			t.Fatal(err)
		}
	}
}

func closeLog(t *testing.T, l *ledger.Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// restoreFrom rebuilds a log from a store and returns its entries.
func restoreFrom(t *testing.T, store remoteStore, log string) (dir string, entries []string, found Restored) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "restored")
	if err := store.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer store.close()
	to, err := ledger.NewRebuild(dir, log)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	r := &restorer{store: store, log: log, to: to}
	if err := r.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.twofold != nil {
		t.Error(r.twofold)
	}
	return dir, entriesOf(t, dir), r.found
}

func entriesOf(t *testing.T, dir string) (all []string) {
	t.Helper()
	if err := ledger.ReadLog(dir, 0, func(_ uint64, p []byte) error { all = append(all, string(p)); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func wantVerified(t *testing.T, dir string) ledger.LogReport {
	t.Helper()
	report, err := ledger.VerifyLog(dir)
	if err != nil || !report.OK() {
		t.Fatalf("%+v %v", report, err)
	}
	return report
}

func idOf(t *testing.T, dir string) string {
	t.Helper()
	id, err := ledger.ID(dir)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestRemoteFails loses puts and acknowledgements at random: what was
// acknowledged is there, once, in order, and what is restored is the log.
func TestRemoteFails(t *testing.T) {
	for round := range times(2) {
		m := &memoryRemote{}
		random := rand.New(rand.NewPCG(uint64(round), 7))
		fails := func() error {
			if random.IntN(4) == 0 {
				return errAway
			}
			return nil
		}
		dir := t.TempDir()
		var want []string
		for start := range 3 {
			l := mustRemote(t, dir, &memoryStore{memoryRemote: m})
			m.set(func() { m.before, m.after = fails, fails })
			for i := range 8 {
				want = append(want, fmt.Sprintf("start %d entry %d %s", start, i, strings.Repeat("x", rand.IntN(9000))))
				appendTo(t, l, want[len(want)-1])
			}
			m.set(func() { m.before, m.after = nil, nil })
			closeLog(t, l)
		}
		if n := m.blocks(t); n != uint64(len(want)) {
			t.Errorf("%d entries are there, of %d", n, len(want))
		}
		restored, got, found := restoreFrom(t, &memoryStore{memoryRemote: m}, idOf(t, dir))
		if !slices.Equal(got, want) || !slices.Equal(entriesOf(t, dir), want) || found.Signed != found.Entries {
			t.Errorf("restored %d entries of %d, %+v", len(got), len(want), found)
		}
		if wantVerified(t, restored).Root != wantVerified(t, dir).Root {
			t.Error("another tree")
		}
	}
}

// TestRemoteIsAway: within the bound nothing is lost; beyond it the log stops,
// and a start without the remote fails.
func TestRemoteIsAway(t *testing.T) {
	m, dir := &memoryRemote{}, t.TempDir()
	l := mustRemote(t, dir, &memoryStore{memoryRemote: m})
	appendTo(t, l, "one")
	m.set(func() { m.down = true })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := l.Append(ctx, []byte("given up")); fault.KindOf(err) != fault.Unavailable || l.Len() != 1 {
		t.Errorf("%v, %d entries", err, l.Len())
	}
	m.set(func() { m.down = false })
	appendTo(t, l, "two")
	if n := m.blocks(t); n != 3 {
		t.Errorf("%d entries are there", n)
	}
	closeLog(t, l)

	l, err := remoteLog(t, dir, &memoryStore{memoryRemote: m}, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	m.set(func() { m.down = true })
	for range 2 {
		if _, err := l.Append(t.Context(), []byte("refused")); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "remote") {
			t.Errorf("beyond the bound: %v", err)
		}
	}
	if err := l.Close(); err == nil {
		t.Error("a log that stopped closes well")
	}
	if _, err := remoteLog(t, dir, &memoryStore{memoryRemote: m}, 50*time.Millisecond); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a start without the remote: %v", err)
	}
	m.set(func() { m.down = false })
	l = mustRemote(t, dir, &memoryStore{memoryRemote: m})
	appendTo(t, l, "three")
	closeLog(t, l)
	if got := entriesOf(t, dir); !slices.Equal(got, []string{"one", "given up", "two", "refused", "three"}) || m.blocks(t) != 5 {
		t.Errorf("%q", got)
	}
}

// TestDirectoryIsBehind takes the end of the directory away, as a disk does
// that was not synced: it comes back from the remote, and the log goes on.
func TestDirectoryIsBehind(t *testing.T) {
	m, dir := &memoryRemote{}, t.TempDir()
	l := mustRemote(t, dir, &memoryStore{memoryRemote: m})
	appendTo(t, l, "one", "two")
	closeLog(t, l)
	earlier := filepath.Join(t.TempDir(), "earlier")
	copyDir(t, dir, earlier)
	l = mustRemote(t, dir, &memoryStore{memoryRemote: m})
	appendTo(t, l, "three", strings.Repeat("x", 30_000), "five", strings.Repeat("y", 30_000))
	closeLog(t, l)

	l = mustRemote(t, earlier, &memoryStore{memoryRemote: m})
	appendTo(t, l, "seven")
	closeLog(t, l)
	if got := entriesOf(t, earlier); len(got) != 7 || got[2] != "three" || got[6] != "seven" || m.blocks(t) != 7 {
		t.Errorf("%d entries, %d there", len(got), m.blocks(t))
	}
	wantVerified(t, earlier)
	// The first directory is a copy now, and another writer has gone on.
	l = mustRemote(t, dir, &memoryStore{memoryRemote: m})
	appendTo(t, l, "eight")
	closeLog(t, l)
	wantVerified(t, dir)
}

// TestRemoteIsBehind has the remote fail over to an older copy: what it lost is
// sent again.
func TestRemoteIsBehind(t *testing.T) {
	m, dir := &memoryRemote{}, t.TempDir()
	l := mustRemote(t, dir, &memoryStore{memoryRemote: m})
	appendTo(t, l, "one", "two", "three")
	m.set(func() {
		m.items = m.items[:2] // a checkpoint over nothing, and the first block
		lost := true
		m.before = func() error {
			if lost {
				lost = false
				return errAway
			}
			return nil
		}
	})
	appendTo(t, l, "four")
	closeLog(t, l)
	if n := m.blocks(t); n != 4 {
		t.Errorf("%d entries are there", n)
	}
}

// TestTwoWriters has copies of one directory written to: the second is refused
// for good, and so is whoever starts on it.
func TestTwoWriters(t *testing.T) {
	m, dir := &memoryRemote{}, t.TempDir()
	l := mustRemote(t, dir, &memoryStore{memoryRemote: m})
	appendTo(t, l, "one")
	closeLog(t, l)
	twin := filepath.Join(t.TempDir(), "twin")
	copyDir(t, dir, twin)
	a, b := mustRemote(t, dir, &memoryStore{memoryRemote: m}), mustRemote(t, twin, &memoryStore{memoryRemote: m})
	appendTo(t, a, "of a")
	m.set(func() { m.before = func() error { m.before = nil; return errAway } }) // so that b looks again
	if _, err := b.Append(t.Context(), []byte("of b")); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "another history") {
		t.Errorf("a second writer: %v", err)
	}
	closeLog(t, a)
	_ = b.Close()
	if _, err := remoteLog(t, twin, &memoryStore{memoryRemote: m}, time.Second); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a start on a copy: %v", err)
	}
	if m.blocks(t) != 2 {
		t.Error("the second writer's block is there")
	}
}

// TestDiskIsFull: what the directory refuses never reaches the remote.
func TestDiskIsFull(t *testing.T) {
	m, dir := &memoryRemote{}, t.TempDir()
	r := newRemote(remoteConfig{dir, time.Second, slog.New(slog.DiscardHandler), mustMetrics(t)}, &memoryStore{memoryRemote: m})
	full := &fullDomain{}
	c := ledger.Config{}
	r.Configure(&c)
	l, err := ledger.OpenLog(ledger.LogConfig{Directory: dir, Relaxed: c.Relaxed, Signed: c.Signed, Domain: func(own ledger.Domain) ledger.Domain {
		full.Domain = own
		return c.Domain(full)
	}})
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, l, "one")
	full.full = true
	if _, err := l.Append(t.Context(), []byte("two")); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
	_ = l.Close()
	if m.blocks(t) != 1 {
		t.Error("the remote has what the directory refused")
	}
}

var errFull = errors.New("no space left on device")

type fullDomain struct {
	ledger.Domain
	full bool
}

func (f *fullDomain) Commit(block []byte) error {
	if f.full {
		return errFull
	}
	return f.Domain.Commit(block)
}

func mustMetrics(t *testing.T) *remoteMetrics {
	t.Helper()
	m, err := newRemoteMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestRestoreWithGaps takes blocks away: what is left is restored from the next
// checkpoint on, and verify names what is not there.
func TestRestoreWithGaps(t *testing.T) {
	m, dir := &memoryRemote{}, t.TempDir()
	l := mustRemote(t, dir, &memoryStore{memoryRemote: m})
	for i := range 9 {
		appendTo(t, l, fmt.Sprintf("entry %d", i))
		if i%2 == 1 {
			for signed := uint64(0); signed <= uint64(i); { // wait for a checkpoint over it
				m.set(func() { signed = m.items[len(m.items)-1].next; _ = signed })
				m.set(func() {
					if m.items[len(m.items)-1].block != nil {
						signed = 0
					}
				})
				time.Sleep(time.Millisecond)
			}
		}
	}
	closeLog(t, l)
	whole := slices.Clone(m.items)
	for _, c := range []struct {
		gone []uint64
		lost []Gap
		want []string
	}{
		{gone: []uint64{0}, lost: []Gap{{0, 1}}, want: []string{"entry 2", "entry 3", "entry 4", "entry 5", "entry 6", "entry 7", "entry 8"}},
		{gone: []uint64{3}, lost: []Gap{{3, 3}}, want: []string{"entry 0", "entry 1", "entry 2", "entry 4", "entry 5", "entry 6", "entry 7", "entry 8"}},
		{gone: []uint64{0, 4}, lost: []Gap{{0, 1}, {4, 5}}, want: []string{"entry 2", "entry 3", "entry 6", "entry 7", "entry 8"}},
		{gone: []uint64{8}, want: []string{"entry 0", "entry 1", "entry 2", "entry 3", "entry 4", "entry 5", "entry 6", "entry 7"}},
	} {
		m.set(func() {
			m.items = slices.DeleteFunc(slices.Clone(whole), func(i remoteItem) bool { return i.block != nil && slices.Contains(c.gone, i.first) })
		})
		restored, got, found := restoreFrom(t, &memoryStore{memoryRemote: m}, idOf(t, dir))
		if !slices.Equal(got, c.want) || !slices.Equal(found.Lost, c.lost) {
			t.Errorf("without %v: %v lost, got %q", c.gone, found.Lost, got)
		}
		report, err := ledger.VerifyLog(restored)
		if err != nil || report.OK() {
			t.Errorf("without %v: verified: %+v %v", c.gone, report, err)
		}
	}
	// Blocks that come again are the same; another in a place is told.
	m.set(func() { m.items = append(slices.Clone(whole), whole...) })
	if _, got, _ := restoreFrom(t, &memoryStore{memoryRemote: m}, idOf(t, dir)); len(got) != 9 {
		t.Errorf("twice: %q", got)
	}
	other := whole[1]
	other.sum[0]++
	m.set(func() { m.items = append(slices.Clone(whole), other) })
	to, err := ledger.NewRebuild(t.TempDir(), idOf(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	r := &restorer{store: &memoryStore{memoryRemote: m}, log: idOf(t, dir), to: to}
	if err := r.run(t.Context()); err != nil || fault.KindOf(r.twofold) != fault.Conflict {
		t.Errorf("two histories: %v, %v", err, r.twofold)
	}
}

// TestRestoredIsForReading: nobody writes to a copy without the key.
func TestRestoredIsForReading(t *testing.T) {
	m, dir := &memoryRemote{}, t.TempDir()
	l := mustRemote(t, dir, &memoryStore{memoryRemote: m})
	appendTo(t, l, "one")
	closeLog(t, l)
	restored, _, _ := restoreFrom(t, &memoryStore{memoryRemote: m}, idOf(t, dir))
	if _, err := ledger.OpenLog(ledger.LogConfig{Directory: restored}); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "restored for reading") {
		t.Errorf("opened for writing: %v", err)
	}
	if _, err := ledger.NewRebuild(restored, idOf(t, dir)); fault.KindOf(err) != fault.Conflict {
		t.Errorf("restored over: %v", err)
	}
	wantVerified(t, restored)
}
