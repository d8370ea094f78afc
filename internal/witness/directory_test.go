package witness

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

func newDirectory(t *testing.T) *Directory {
	t.Helper()
	d, err := NewDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d.now = atNoon
	return d
}

func TestDirectoryKeepsCopies(t *testing.T) {
	d, b := newDirectory(t), newBook(t, 5)
	if _, err := d.Latest(t.Context(), b.key); fault.KindOf(err) != fault.NotFound {
		t.Errorf("before the first: %v", err)
	}
	five := b.checkpoint(t)
	for range 2 { // the second time there is nothing to add
		old := uint64(0)
		if newest, err := d.Latest(t.Context(), b.key); err == nil && bytes.Equal(newest, five) {
			old = 5
		}
		if _, err := d.Add(t.Context(), b.key, old, nil, five); err != nil {
			t.Fatal(err)
		}
	}
	forked := b.fork(t)
	b.grow(t, 4)
	if _, err := d.Add(t.Context(), b.key, 5, forked.proof(t, 5), forked.checkpoint(t)); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a fork: %v", err)
	}
	_, err := d.Add(t.Context(), b.key, 4, b.proof(t, 4), b.checkpoint(t))
	if size, ok := errors.AsType[*SizeError](err); !ok || size.Size != 5 {
		t.Errorf("from another size: %v", err)
	}
	if _, err := d.Add(t.Context(), b.key, 5, b.proof(t, 5), b.checkpoint(t)); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(d.path, place(b.key))
	want := []string{"00000000000000000005-20260304T120000Z.checkpoint", "00000000000000000009-20260304T120000Z.checkpoint"}
	if got := files(t, dir); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("files %v", got)
	}
	// A copy that a crash cut off, and files of others, change nothing.
	for name, text := range map[string]string{"00000000000000000012-20260304T120100Z.checkpoint": "ostiary/lo", "README": "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	copies, skipped, err := d.Copies(b.key)
	if err != nil || len(copies) != 2 || skipped != 1 || !bytes.Equal(copies[0], five) || !bytes.Equal(copies[1], b.checkpoint(t)) {
		t.Errorf("%d copies, %d skipped, %v", len(copies), skipped, err)
	}
	if newest, err := d.Latest(t.Context(), b.key); err != nil || !bytes.Equal(newest, copies[1]) {
		t.Errorf("newest %q, %v", newest, err)
	}
}

// TestServersDirectoryIsReadToo reads a server's own directory, as from a
// backup of it.
func TestServersDirectoryIsReadToo(t *testing.T) {
	b := newBook(t, 5)
	r := newRig(t, b)
	kept, err := r.client(t).Add(t.Context(), b.key, 0, nil, b.checkpoint(t))
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDirectory(r.cfg.Directory)
	if err != nil {
		t.Fatal(err)
	}
	if copies, skipped, err := d.Copies(b.key); err != nil || skipped != 0 || len(copies) != 1 || !bytes.Equal(copies[0], kept) {
		t.Errorf("%q, %d, %v", copies, skipped, err)
	}
}

func TestDirectoryMustBeThere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(t.TempDir(), "nowhere")} {
		if _, err := NewDirectory(path); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestSpreadKeepsTheNewest(t *testing.T) {
	var names []string
	for i := range 5000 {
		names = append(names, copyName(uint64(i), noon.Add(time.Duration(i)*time.Minute)))
	}
	got := spread(names)
	if len(got) != maxCopies || got[0] != names[0] {
		t.Fatalf("%d names from %s on", len(got), got[0])
	}
	for i, name := range got[len(got)-100:] {
		if name != names[4900+i] {
			t.Fatalf("the %dth of the newest is %s", i, name)
		}
	}
	for i := 1; i < len(got); i++ {
		if got[i] <= got[i-1] || !isCopy(got[i]) {
			t.Fatalf("%s after %s", got[i], got[i-1])
		}
	}
	if short := spread(names[:10]); len(short) != 10 {
		t.Errorf("%d of ten", len(short))
	}
}
