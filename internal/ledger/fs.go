package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FS is what a log asks of a file system. Tests put one in between that fails,
// writes short or keeps the order of calls. Paths are as os takes them.
type FS interface {
	MkdirAll(dir string) error // what it makes is durable
	ReadDir(dir string) ([]fs.DirEntry, error)
	// ReadFile reads from offset to the end; over limit bytes is an error.
	ReadFile(path string, offset, limit int64) ([]byte, error)
	// ReadPart reads up to n bytes from offset, fewer where the file ends.
	ReadPart(path string, offset int64, n int) ([]byte, error)
	Stat(path string) (fs.FileInfo, error)
	// Create makes a file for writing, readable by its owner alone. It fails
	// if the file exists.
	Create(path string) (File, error)
	// Append opens an existing file for writing at its end.
	Append(path string) (File, error)
	Rename(from, to string) error
	Remove(path string) error
	// SyncDir makes the creations and renames in a directory durable.
	SyncDir(dir string) error
}

// File is a file being written. Sync is fdatasync: it returns when the data,
// and the size needed to read it back, are on stable storage.
type File interface {
	io.WriteCloser
	Sync() error
}

// disk is the operating system's file system.
type disk struct{}

type diskFile struct{ *os.File }

func (f diskFile) Sync() error { return datasync(f.File) }

func (disk) ReadDir(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }
func (disk) Stat(path string) (fs.FileInfo, error)     { return os.Stat(path) }
func (disk) Rename(from, to string) error              { return os.Rename(from, to) }
func (disk) Remove(path string) error                  { return os.Remove(path) }

func (d disk) MkdirAll(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := d.MkdirAll(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.SyncDir(parent)
}

func (disk) Create(path string) (File, error) {
	return openDisk(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
}

func (disk) Append(path string) (File, error) {
	return openDisk(path, os.O_WRONLY|os.O_APPEND)
}

func openDisk(path string, flag int) (File, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

func (disk) ReadFile(path string, offset, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := max(info.Size()-offset, 0)
	if size > limit {
		return nil, fmt.Errorf("%s: %d bytes, over the bound of %d", path, size, limit)
	}
	data := make([]byte, size)
	n, err := f.ReadAt(data, offset)
	if errors.Is(err, io.EOF) {
		err = nil // it shrank since Stat
	}
	return data[:n], err
}

func (disk) ReadPart(path string, offset int64, n int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data := make([]byte, n)
	n, err = f.ReadAt(data, offset)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return data[:n], err
}

func (disk) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}

// create writes a file under a temporary name, syncs it and gives it its own,
// so that it is there whole or not at all. The file stays open for appending.
func create(fsys FS, dir, name string, content []byte) (File, error) {
	tmp := join(dir, name+temporary)
	f, err := fsys.Create(tmp)
	if err != nil {
		return nil, err
	}
	err = writeFull(f, content)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = fsys.Rename(tmp, join(dir, name))
	}
	if err == nil {
		err = fsys.SyncDir(dir)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// install is create for a file that is complete as it is.
func install(fsys FS, dir, name string, content []byte) error {
	f, err := create(fsys, dir, name, content)
	if err != nil {
		return err
	}
	return f.Close()
}

func writeFull(w io.Writer, data []byte) error {
	n, err := w.Write(data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	return err
}
