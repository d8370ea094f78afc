//go:build !unix

package identity

import (
	"io/fs"
	"os"
)

// Elsewhere files have other rights, and no flock.

func lockDirectory(string) (unlock func(), err error) { return func() {}, nil }

func inherit(*os.File, fs.FileInfo) error { return nil }

func syncDirectory(string) error { return nil }

func writable(fs.FileInfo) bool { return false }
