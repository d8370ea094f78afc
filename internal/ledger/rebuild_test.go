package ledger

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/fault"
)

// blocksOf are the blocks of a log on the disk, and its checkpoint.
func blocksOf(t *testing.T, entries ...string) (all [][]byte, id, key string, checkpoint []byte) {
	t.Helper()
	dir := t.TempDir()
	l := mustOpen(t, LogConfig{Directory: dir})
	for _, e := range entries {
		mustAppend(t, l, e)
	}
	mustClose(t, l)
	if err := ReadBlocks(dir, 0, func(b []byte) error { all = append(all, bytes.Clone(b)); return nil }); err != nil {
		t.Fatal(err)
	}
	key, log, err := readVerifier(disk{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint, err = NewestCheckpoint(dir)
	if err != nil {
		t.Fatal(err)
	}
	return all, log.String(), key, checkpoint
}

// TestRebuildIsStrict: nothing gets into a rebuilt log but the next whole block
// of that log; what is refused changes nothing.
func TestRebuildIsStrict(t *testing.T) {
	blocks, id, key, checkpoint := blocksOf(t, "one", "two", "three", "four")
	others, _, otherKey, _ := blocksOf(t, "one", "two", "three", "four")
	dir := filepath.Join(t.TempDir(), "new")
	r, err := NewRebuild(dir, id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewRebuild(dir, id); fault.KindOf(err) != fault.Conflict {
		t.Errorf("two at once: %v", err)
	}
	for i, b := range blocks {
		wrong := [][]byte{nil, b[:len(b)-1], append(bytes.Clone(b), 0), others[i]}
		for at := range b {
			bad := bytes.Clone(b)
			bad[at] ^= 1
			wrong = append(wrong, bad)
		}
		for j, other := range blocks {
			if j != i {
				wrong = append(wrong, other)
			}
		}
		for _, w := range wrong {
			if err := r.Add(w); fault.KindOf(err) != fault.Conflict {
				t.Fatalf("block %d: %v", i, err)
			}
		}
		if err := r.Add(b); err != nil || r.Next() != uint64(i)+1 {
			t.Fatal(err)
		}
	}
	for _, header := range [][]byte{nil, []byte("x"), segmentHeader{id: logID{1}, first: 9}.encode(), segmentHeader{id: r.id}.encode()} {
		if err := r.Resume(header); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("taken up at %x: %v", header, err)
		}
	}
	if err := r.AddKey([]byte("no key file")); fault.KindOf(err) != fault.Unavailable {
		t.Error(err)
	}
	if err := r.Finish(otherKey, checkpoint); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("another log's key: %v", err)
	}
	if err := r.Finish(key, checkpoint); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if report, err := VerifyLog(dir); err != nil || !report.OK() || report.Entries != 4 || !Restored(dir) {
		t.Errorf("%+v %v", report, err)
	}
}

// TestRebuildTouchesNothing: a directory that has anything in it is left alone.
func TestRebuildTouchesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "precious"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewRebuild(dir, strings.Repeat("a", 32)); fault.KindOf(err) != fault.Conflict {
		t.Error(err)
	}
	for _, id := range []string{"", "../x", strings.Repeat("a", 31), strings.Repeat("g", 32)} {
		if _, err := NewRebuild(t.TempDir(), id); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", id, err)
		}
	}
	// One that was cut off is no log, and says what it is.
	half := t.TempDir()
	r, err := NewRebuild(half, strings.Repeat("a", 32))
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	if _, err := VerifyLog(half); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
	if _, err := OpenLog(LogConfig{Directory: half}); fault.KindOf(err) != fault.Conflict {
		t.Error(err)
	}
}
