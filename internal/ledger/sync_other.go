//go:build !linux

package ledger

import "os"

// datasync is the strongest sync that the os package has; on macOS it is
// F_FULLFSYNC.
func datasync(f *os.File) error { return f.Sync() }
