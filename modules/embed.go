// Package modules holds the Terraform modules and stacks, as they lie in this
// directory, for the binary to unpack.
package modules

import "embed"

// Files are the modules at their paths, tests left out: each directory is a
// module usable alone, and stacks/ is what `ostiary deploy` applies.
//
//go:embed */*.tf audit/calls.kql portal/cloud-init.yaml.tftpl stacks/*/*.tf
var Files embed.FS
