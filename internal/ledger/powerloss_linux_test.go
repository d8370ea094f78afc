package ledger

import (
	"bytes"
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// drive is a file system of one directory that a kernel mounts by FUSE. Until
// the power goes it does what it is told. Then it refuses everything, and
// restart gives what a disk may hold: all that was synced, and of the rest any
// sector of any file, and any creation, renaming and removal.
type drive struct {
	mu    sync.Mutex
	names map[string]*plate // as programs see them
	safe  map[string]*plate // as they are on the disk
	since []change          // of names, since the directory was synced
	ino   uint64
	left  int           // changing calls until the power goes
	dead  chan struct{} // closed then
}

// plate is a file's content.
type plate struct {
	id     uint64
	cached []byte // as programs see it
	synced []byte // as it is on the disk
	low    int    // no byte before it has changed since
}

// change is one of the directory: a plate gets a name, or a name goes.
type change struct {
	name  string
	plate *plate // nil if the name goes
}

func newDrive() *drive {
	d := &drive{names: map[string]*plate{}, safe: map[string]*plate{}}
	d.powerFor(1 << 30)
	return d
}

// powerFor cuts the power at the n-th changing call from now.
func (d *drive) powerFor(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left, d.dead = n, make(chan struct{})
}

// on says that there is power.
func (d *drive) on() bool { return d.left > 0 }

// do makes a changing call, unless the power is gone or goes now.
func (d *drive) do(call func() syscall.Errno) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.on() {
		return syscall.EIO
	}
	if d.left--; !d.on() {
		close(d.dead)
		return syscall.EIO
	}
	return call()
}

// look makes a call that changes nothing.
func (d *drive) look(call func() syscall.Errno) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.on() {
		return syscall.EIO
	}
	return call()
}

func (d *drive) change(c change) {
	d.since = append(d.since, c)
	c.apply(d.names)
}

func (c change) apply(names map[string]*plate) {
	if c.plate == nil {
		delete(names, c.name)
	} else {
		names[c.name] = c.plate
	}
}

// restart puts into the drive what is left after a power loss.
func (d *drive) restart(rng *rand.Rand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := maps.Clone(d.safe)
	for _, c := range d.since {
		if rng.IntN(2) == 0 {
			c.apply(names)
		}
	}
	left := map[*plate]*plate{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		p := names[name]
		if left[p] == nil {
			d.ino++
			left[p] = p.torn(rng, d.ino)
		}
		names[name] = left[p]
	}
	d.names, d.safe, d.since = names, maps.Clone(names), nil
	d.left = 1 << 30
}

// torn is what a disk may hold of a file: any of the sectors that were not
// synced, and any size between.
func (p *plate) torn(rng *rand.Rand, id uint64) *plate {
	size := []int{len(p.synced), len(p.cached), len(p.cached)}[rng.IntN(3)]
	if low, high := min(len(p.synced), len(p.cached)), max(len(p.synced), len(p.cached)); rng.IntN(4) == 0 {
		size = low + rng.IntN(high-low+1)
	}
	data := make([]byte, size)
	for at := 0; at < size; at += sector {
		end := min(at+sector, size)
		from := p.synced
		if end > p.low && rng.IntN(2) == 0 {
			from = p.cached
		}
		if at < len(from) {
			copy(data[at:end], from[at:])
		}
	}
	return &plate{id: id, cached: data, synced: bytes.Clone(data), low: size}
}

// root is the directory, for the kernel.
type root struct {
	fs.Inode
	*drive
}

// file is a file of it.
type file struct {
	fs.Inode
	*drive
	*plate
}

func (r *root) node(ctx context.Context, p *plate, out *fuse.EntryOut) *fs.Inode {
	out.Size, out.Mode = uint64(len(p.cached)), 0o600
	return r.NewInode(ctx, &file{drive: r.drive, plate: p}, fs.StableAttr{Mode: syscall.S_IFREG, Ino: p.id})
}

func (r *root) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (node *fs.Inode, errno syscall.Errno) {
	errno = r.look(func() syscall.Errno {
		p, ok := r.names[name]
		if !ok {
			return syscall.ENOENT
		}
		node = r.node(ctx, p, out)
		return 0
	})
	return node, errno
}

func (r *root) Readdir(context.Context) (stream fs.DirStream, errno syscall.Errno) {
	errno = r.look(func() syscall.Errno {
		var all []fuse.DirEntry
		for name, p := range r.names {
			all = append(all, fuse.DirEntry{Name: name, Ino: p.id, Mode: syscall.S_IFREG})
		}
		stream = fs.NewListDirStream(all)
		return 0
	})
	return stream, errno
}

func (r *root) Create(ctx context.Context, name string, _, _ uint32, out *fuse.EntryOut) (node *fs.Inode, _ fs.FileHandle, flags uint32, errno syscall.Errno) {
	errno = r.do(func() syscall.Errno {
		r.ino++
		p := &plate{id: r.ino}
		r.change(change{name, p})
		node = r.node(ctx, p, out)
		return 0
	})
	return node, nil, fuse.FOPEN_DIRECT_IO, errno
}

func (r *root) Rename(_ context.Context, from string, _ fs.InodeEmbedder, to string, _ uint32) syscall.Errno {
	return r.do(func() syscall.Errno {
		p := r.names[from]
		r.change(change{to, p})
		r.change(change{from, nil})
		return 0
	})
}

func (r *root) Unlink(_ context.Context, name string) syscall.Errno {
	return r.do(func() syscall.Errno {
		r.change(change{name, nil})
		return 0
	})
}

// Fsync is that of the directory.
func (r *root) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	return r.do(func() syscall.Errno {
		r.safe, r.since = maps.Clone(r.names), nil
		return 0
	})
}

func (f *file) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

func (f *file) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return f.look(func() syscall.Errno {
		out.Size, out.Mode = uint64(len(f.cached)), 0o600
		return 0
	})
}

func (f *file) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (res fuse.ReadResult, errno syscall.Errno) {
	errno = f.look(func() syscall.Errno {
		data := f.cached[min(int(off), len(f.cached)):]
		res = fuse.ReadResultData(dest[:copy(dest, data)])
		return 0
	})
	return res, errno
}

func (f *file) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	return uint32(len(data)), f.do(func() syscall.Errno {
		if end := int(off) + len(data); end > len(f.cached) {
			f.cached = append(f.cached, make([]byte, end-len(f.cached))...)
		}
		copy(f.cached[off:], data)
		f.low = min(f.low, int(off))
		return 0
	})
}

func (f *file) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	return f.do(func() syscall.Errno {
		f.synced = append(f.synced[:f.low], f.cached[f.low:]...)
		f.low = len(f.synced)
		return 0
	})
}
