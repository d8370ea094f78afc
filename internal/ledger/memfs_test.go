package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// memFS is a file system with a page cache: what was not synced is there until
// the power goes. It can fail at its k-th changing call, and it keeps the
// order of calls.
type memFS struct {
	mu      sync.Mutex
	names   map[string]*inode // as programs see them
	durable map[string]*inode // as they are after a power loss
	calls   []string
	ops     int // changing calls so far
	failAt  int // the changing call that fails; 0 for none
	fault   faultKind
}

type faultKind string

const (
	eio       faultKind = "EIO"         // the call does nothing; a sync loses the pages for good
	enospc    faultKind = "ENOSPC"      // a write leaves half
	short     faultKind = "short write" // a write leaves half and says so without an error
	powerLoss faultKind = "power loss"  // this call and all after it do nothing
)

var errInjected = errors.New("injected")

// inode is a file. Bytes in lost read well, but no sync brings them to disk:
// Linux does so after a failed fsync.
type inode struct {
	cached, durable []byte
	lost            [][2]int
	written         time.Time
}

func newMemFS() *memFS {
	return &memFS{names: map[string]*inode{}, durable: map[string]*inode{}}
}

// step counts a changing call and says whether it fails.
func (m *memFS) step(call, path string) error {
	m.ops++
	m.calls = append(m.calls, call+" "+filepath.Base(path))
	if m.failAt == 0 || m.ops < m.failAt || m.ops > m.failAt && m.fault != powerLoss {
		return nil
	}
	return &fs.PathError{Op: call, Path: path, Err: errInjected}
}

func (m *memFS) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.step("mkdir", dir)
}

func (m *memFS) ReadDir(dir string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []fs.DirEntry
	for _, path := range slices.Sorted(maps.Keys(m.names)) {
		if filepath.Dir(path) == dir {
			all = append(all, memEntry(filepath.Base(path)))
		}
	}
	return all, nil
}

type memEntry string

func (e memEntry) Name() string               { return string(e) }
func (e memEntry) IsDir() bool                { return false }
func (e memEntry) Type() fs.FileMode          { return 0 }
func (e memEntry) Info() (fs.FileInfo, error) { return e, nil }
func (e memEntry) Size() int64                { return 0 }
func (e memEntry) Mode() fs.FileMode          { return 0o600 }
func (e memEntry) ModTime() time.Time         { return time.Time{} }
func (e memEntry) Sys() any                   { return nil }

func (m *memFS) ReadFile(path string, offset, limit int64) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok := m.names[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	data := n.cached[min(int(offset), len(n.cached)):]
	if int64(len(data)) > limit {
		return nil, errors.New("too large")
	}
	return append([]byte{}, data...), nil
}

func (m *memFS) ReadPart(path string, offset int64, n int) ([]byte, error) {
	data, err := m.ReadFile(path, offset, maxSegFile)
	return data[:min(n, len(data))], err
}

func (m *memFS) Stat(path string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok := m.names[path]
	if !ok {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
	}
	return memInfo{memEntry(filepath.Base(path)), int64(len(n.cached)), n.written}, nil
}

// memInfo is a file's name, size and time.
type memInfo struct {
	memEntry
	size    int64
	written time.Time
}

func (i memInfo) Size() int64        { return i.size }
func (i memInfo) ModTime() time.Time { return i.written }

func (m *memFS) Create(path string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("create", path); err != nil {
		return nil, err
	}
	if _, ok := m.names[path]; ok {
		return nil, &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	n := &inode{}
	m.names[path] = n
	return &memFile{m, path, n}, nil
}

func (m *memFS) Append(path string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok := m.names[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return &memFile{m, path, n}, m.step("append", path)
}

func (m *memFS) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("rename", to); err != nil {
		return err
	}
	m.names[to] = m.names[from]
	delete(m.names, from)
	return nil
}

func (m *memFS) Remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("remove", path); err != nil {
		return err
	}
	delete(m.names, path)
	return nil
}

func (m *memFS) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("syncdir", dir); err != nil {
		return err
	}
	for path := range m.durable {
		if filepath.Dir(path) == dir {
			delete(m.durable, path)
		}
	}
	for path, n := range m.names {
		if filepath.Dir(path) == dir {
			m.durable[path] = n
		}
	}
	return nil
}

type memFile struct {
	fs   *memFS
	path string
	node *inode
}

func (f *memFile) Write(p []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.node.written = time.Now()
	err := f.fs.step("write", f.path)
	if err == nil {
		f.node.cached = append(f.node.cached, p...)
		return len(p), nil
	}
	if f.fs.fault == eio || f.fs.fault == powerLoss {
		return 0, err
	}
	half := len(p) / 2
	f.node.cached = append(f.node.cached, p[:half]...)
	if f.fs.fault == short {
		err = nil
	}
	return half, err
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	n := f.node
	if err := f.fs.step("sync", f.path); err != nil {
		if f.fs.fault != powerLoss {
			n.lost = append(n.lost, [2]int{len(n.durable), len(n.cached)})
		}
		return err
	}
	n.durable = append([]byte{}, n.cached...)
	for _, l := range n.lost {
		clear(n.durable[l[0]:l[1]])
	}
	return nil
}

func (f *memFile) Close() error { return nil }

// images are what a disk may hold when the power goes now: nothing that was
// not synced, all of it, or parts of it in the wrong order.
func (m *memFS) images() map[string]*memFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string]*memFS{}
	for _, dir := range []struct {
		name  string
		names map[string]*inode
	}{{"old names", m.durable}, {"new names", m.names}} {
		for name, content := range map[string]func(*inode) []byte{
			"synced bytes": func(n *inode) []byte { return n.durable },
			"all bytes": func(n *inode) []byte {
				data := append([]byte{}, n.cached...)
				for _, l := range n.lost {
					clear(data[l[0]:l[1]])
				}
				return data
			},
			"half the rest": func(n *inode) []byte { return n.cached[:(len(n.durable)+len(n.cached)+1)/2] },
			"a hole before the rest": func(n *inode) []byte {
				data := append([]byte{}, n.cached...)
				clear(data[len(n.durable) : (len(n.durable)+len(data)+1)/2])
				return data
			},
		} {
			img := newMemFS()
			for path, n := range dir.names {
				data := append([]byte{}, content(n)...)
				img.names[path] = &inode{cached: data, durable: data}
			}
			maps.Copy(img.durable, img.names)
			all[dir.name+", "+name] = img
		}
	}
	return all
}

// snapshot is a copy of what programs see.
func (m *memFS) snapshot() *memFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := newMemFS()
	for path, n := range m.names {
		data := append([]byte{}, n.cached...)
		c.names[path] = &inode{cached: data, durable: data}
	}
	maps.Copy(c.durable, c.names)
	return c
}

func (m *memFS) file(t *testing.T, dir, name string) *inode {
	t.Helper()
	n, ok := m.names[join(dir, name)]
	if !ok {
		t.Fatalf("no file %s", name)
	}
	return n
}

// entriesOf reads a log back whole.
func (m *memFS) entriesOf(dir string) ([]string, error) {
	var all []string
	r, err := newReader(m, dir, 0, func(index uint64, payload []byte) error {
		if index != uint64(len(all)) {
			return fmt.Errorf("index %d after %d entries", index, len(all))
		}
		all = append(all, string(payload))
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = r.drain()
	return all, err
}
