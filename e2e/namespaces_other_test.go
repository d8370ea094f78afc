//go:build !linux

package e2e

// inside is for Linux, which has network namespaces.
func inside() {}
