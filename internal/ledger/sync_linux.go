package ledger

import (
	"os"
	"syscall"
)

// datasync is fdatasync(2), tried again when a signal interrupts it before it
// began. Any other failure is final: Linux reports it once and marks the pages
// clean, so that a second call would lie.
func datasync(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var syncErr error
	err = conn.Control(func(fd uintptr) {
		for {
			if syncErr = syscall.Fdatasync(int(fd)); syncErr != syscall.EINTR {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("fdatasync", syncErr)
}
