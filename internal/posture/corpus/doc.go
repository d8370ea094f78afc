// Package corpus holds the estates that the posture checks are proved on:
// good ones of many shapes, mutants of them with one fault each, and the
// examples of the sources as they were published. It is support for tests and
// is part of no program.
//
// It guarantees that what it gives is the same on every run, that each good
// estate is private in truth, and that each mutant differs from its parent by
// one fault, named and explained, with the findings that must tell of it.
//
// It knows nothing of the decoder, the topology or the checks: it writes what
// ARM returns and what is true of it. What it takes for true where the
// sources are silent stands in testdata/estates/README.md.
package corpus
