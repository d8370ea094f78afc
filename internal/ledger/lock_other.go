//go:build !unix

package ledger

import (
	"io"

	"github.com/ostiary/ostiary/internal/fault"
)

// lockDirectory refuses: without flock two writers could share a directory.
func lockDirectory(dir string) (io.Closer, error) {
	return nil, fault.New(fault.Unavailable, "a log can be written only where the system has flock").At(dir).
		Fix("run this service on Linux")
}

func writerAt(string) bool { return false }
