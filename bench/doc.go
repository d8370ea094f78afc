// Package bench measures the built binaries, and Ostiary beside its peers.
// Nothing here is asserted: machines differ, so docs/benchmarks.md keeps the
// numbers with what they were measured on.
package bench
