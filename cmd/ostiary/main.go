// Command ostiary is the whole of Ostiary in one binary.
package main

import (
	"os"

	"github.com/ostiary/ostiary/internal/cli"
)

// version is stamped by the build.
var version = "unknown"

func main() { os.Exit(cli.Main(version, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
