// Package docs holds the documentation inside the binary, so that the emulator
// can answer from the same text that people read.
package docs

import "embed"

// Files are the documents of this directory, by name. The decision records in
// adr/ are left out: they explain choices, not the product.
//
//go:embed *.md
var Files embed.FS
