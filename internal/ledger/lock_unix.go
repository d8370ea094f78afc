//go:build unix

package ledger

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// lockDirectory takes the writer's lock, which the kernel drops with the
// process. A reader's probe holds it for an instant, so a few tries are made.
func lockDirectory(dir string) (io.Closer, error) {
	path := join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unavailable("cannot open the lock file", path, err)
	}
	for range 20 {
		if err = flock(f, syscall.LOCK_EX); !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fault.New(fault.Conflict, "another process writes this log").At(dir).
			Fix("stop that process, or give this one a directory of its own")
	}
	return nil, unavailable("cannot lock the log's directory", path, err)
}

// writerAt says whether a process holds the writer's lock.
func writerAt(dir string) bool {
	f, err := os.Open(join(dir, lockName))
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	return errors.Is(flock(f, syscall.LOCK_SH), syscall.EWOULDBLOCK)
}

func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); err != syscall.EINTR {
			return err
		}
	}
}
