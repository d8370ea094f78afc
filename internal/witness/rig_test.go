package witness

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/internal/ledger"
)

// book is a log on disk, with what its writer told of its checkpoints.
type book struct {
	dir  string
	key  note.Verifier
	n    int
	told []ledger.SignedTree
}

func newBook(t *testing.T, entries int) *book {
	t.Helper()
	b := &book{dir: filepath.Join(t.TempDir(), "log")}
	b.grow(t, entries)
	var err error
	if b.key, err = ledger.Verifier(b.dir); err != nil {
		t.Fatal(err)
	}
	return b
}

// grow is one life of the log's writer.
func (b *book) grow(t *testing.T, entries int) {
	t.Helper()
	l, err := ledger.OpenLog(ledger.LogConfig{
		Directory: b.dir, SegmentSize: 2000, CheckpointEvery: time.Hour,
		Signed: func(s ledger.SignedTree) { b.told = append(b.told, s) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for range entries {
		if _, err := l.Append(t.Context(), fmt.Append(nil, "payload ", b.n)); err != nil {
			t.Fatal(err)
		}
		b.n++
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func (b *book) checkpoint(t *testing.T) []byte {
	t.Helper()
	msg, err := ledger.NewestCheckpoint(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func (b *book) text(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(b.dir, "checkpoint.pub"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

// proof is from a size to the newest checkpoint.
func (b *book) proof(t *testing.T, old uint64) tlog.TreeProof {
	t.Helper()
	before, since, err := ledger.Grow(t.Context(), b.dir, old, uint64(b.n))
	if err != nil {
		t.Fatal(err)
	}
	p, err := ledger.Consistency(before, since)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fork is the same log, key and all, with another past.
func (b *book) fork(t *testing.T) *book {
	t.Helper()
	f := &book{dir: filepath.Join(t.TempDir(), "log"), key: b.key, n: 1000}
	copyFiles(t, b.dir, f.dir, "checkpoint.key", "checkpoint.pub")
	f.grow(t, 0) // an empty log in the old one's name
	f.grow(t, 20)
	f.n = 20
	return f
}

// snapshot is a copy of the whole directory.
func (b *book) snapshot(t *testing.T) (restore func()) {
	t.Helper()
	names, copied := files(t, b.dir), filepath.Join(t.TempDir(), "copy")
	copyFiles(t, b.dir, copied, names...)
	n := b.n
	return func() {
		for _, name := range files(t, b.dir) {
			if err := os.Remove(filepath.Join(b.dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		copyFiles(t, copied, b.dir, names...)
		b.n = n
	}
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func copyFiles(t *testing.T, from, to string, names ...string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// rig is a witness on loopback that watches some logs.
type rig struct {
	*Server
	cfg Config
	web *httptest.Server
}

func newRig(t *testing.T, logs ...*book) *rig {
	t.Helper()
	r := &rig{cfg: Config{Directory: filepath.Join(t.TempDir(), "witness"), Now: atNoon}}
	for _, b := range logs {
		r.cfg.Logs = append(r.cfg.Logs, b.text(t))
	}
	r.start(t)
	t.Cleanup(r.stop)
	return r
}

func (r *rig) start(t *testing.T) {
	t.Helper()
	s, err := New(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.Server, r.web = s, httptest.NewServer(s.Handler())
}

func (r *rig) stop() { r.web.Close(); _ = r.Close() }

func (r *rig) client(t *testing.T) *Client {
	t.Helper()
	key, err := ParseKey(r.Key())
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewClient(ClientConfig{URL: r.web.URL + "/", Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
