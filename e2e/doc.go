// Package e2e holds whole-product tests: every part in one process, on
// loopback, behind its real door.
package e2e
