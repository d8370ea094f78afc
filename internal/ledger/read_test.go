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
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

func TestReadFromAnywhere(t *testing.T) {
	m, dir := sampleLog(t)
	for from := range uint64(16) {
		next := from
		r, err := newReader(m, dir, from, func(index uint64, payload []byte) error {
			if index != next || !strings.HasPrefix(string(payload), fmt.Sprintf("payload %d ", index)) {
				t.Errorf("from %d: entry %d is %q", from, index, payload)
			}
			next++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.drain(); err != nil || next != max(from, 14) {
			t.Errorf("from %d: ended before %d, %v", from, next, err)
		}
	}
}

func TestReadStopsWithItsVisitor(t *testing.T) {
	m, dir := sampleLog(t)
	n := 0
	r, err := newReader(m, dir, 0, func(uint64, []byte) error {
		if n++; n == 3 {
			return errInjected
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.drain(); !errors.Is(err, errInjected) || n != 3 {
		t.Errorf("%d visits, %v", n, err)
	}
}

// TestReadNeverPassesOverDamage flips every byte: a reader gives only entries
// that are right, and then an error; except at the very end, where what is
// unsound may be torn.
func TestReadNeverPassesOverDamage(t *testing.T) {
	m, dir := sampleLog(t)
	want, err := m.entriesOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	found, _ := list(m, dir)
	for _, segment := range found.segments {
		data := m.file(t, dir, segmentName(segment)).cached
		lastBlock := bytes.LastIndex(data, []byte(blockMagic))
		for at := range data {
			data[at] ^= 0x20
			got, err := m.entriesOf(dir)
			if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
				t.Fatalf("byte %d of segment %d: read %q", at, segment, got)
			}
			tail := segment == 11 && at >= lastBlock
			if (err == nil) != tail || tail && len(got) != 12 || err != nil && fault.KindOf(err) == fault.Internal {
				t.Fatalf("byte %d of segment %d: %d entries and %v", at, segment, len(got), err)
			}
			data[at] ^= 0x20
		}
	}
	n := m.file(t, dir, segmentName(0))
	n.cached = append(n.cached, "garbage"...)
	if got, err := m.entriesOf(dir); len(got) != 7 || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("garbage before the second segment: %d entries and %v", len(got), err)
	}
	n.cached = n.cached[:len(n.cached)-len("garbage")]
	delete(m.names, join(dir, segmentName(7)))
	if got, err := m.entriesOf(dir); len(got) != 7 || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a missing segment: %d entries and %v", len(got), err)
	}
}

// TestLiveTail has a block half written by a writer at work.
func TestLiveTail(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, LogConfig{Directory: dir, CheckpointEvery: time.Hour})
	mustAppend(t, l, "one", "two")
	path := filepath.Join(dir, segmentName(0))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	half := append(slices.Clone(whole), whole[headerSize(0):headerSize(0)+60]...)
	if err := os.WriteFile(path, half, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := VerifyLog(dir); err != nil || !r.OK() || !r.Live || r.Entries != 2 {
		t.Errorf("with a writer: %+v %v", r, err)
	}
	if n, err := Count(dir); n != 2 || err != nil {
		t.Errorf("Count: %d %v", n, err)
	}
	bad := slices.Clone(half)
	bad[len(whole)] ^= 1
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := VerifyLog(dir); err != nil || r.OK() {
		t.Errorf("garbage behind a writer: %+v %v", r, err)
	}
	if err := os.WriteFile(path, half, 0o600); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	if r, err := VerifyLog(dir); err != nil || r.OK() || r.Live || !r.Problems[0].Torn || r.Entries != 2 {
		t.Errorf("without one: %+v %v", r, err)
	}
	mustClose(t, mustOpen(t, LogConfig{Directory: dir}))
	if r, err := VerifyLog(dir); err != nil || !r.OK() || len(r.Quarantined) != 1 {
		t.Errorf("after the next start: %+v %v", r, err)
	}
}

func TestFollow(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(Config{Directory: dir, SegmentSize: 600})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Intent(t.Context(), "call 0", Call{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := make(chan string)
	ended := make(chan error)
	go func() {
		ended <- Follow(ctx, dir, 1, time.Millisecond, func(index uint64, r Record) error {
			got <- fmt.Sprintf("%d %s", index, r.ID)
			return nil
		})
	}()
	for i := 1; i < 20; i++ { // over several segments
		if err := l.Intent(t.Context(), fmt.Sprintf("call %d", i), Call{}); err != nil {
			t.Fatal(err)
		}
		if s := <-got; s != fmt.Sprintf("%d call %d", i, i) {
			t.Fatalf("record %d: %s", i, s)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n, err := Count(dir); n != 20 || err != nil {
		t.Errorf("Count: %d %v", n, err)
	}
}

func TestReadingAnEmptyLog(t *testing.T) {
	dir := t.TempDir()
	mustClose(t, mustOpen(t, LogConfig{Directory: dir}))
	if err := ReadLog(dir, 0, func(uint64, []byte) error { return errInjected }); err != nil {
		t.Error(err)
	}
	if n, err := Count(dir); n != 0 || err != nil {
		t.Error(n, err)
	}
}
