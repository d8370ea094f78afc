package ledger

import (
	"maps"
	"os"
	"slices"
	"testing"
)

// torture is how many rounds a test makes: short ones in every run, all with
// OSTIARY_TORTURE=1.
func torture(t *testing.T, short, whole int) int {
	t.Helper()
	if tortured() {
		return whole
	}
	t.Logf("NOT CHECKED: %d of %d rounds; OSTIARY_TORTURE=1 makes all", whole-short, whole)
	return short
}

// anyImage calls check with what a power loss may leave of a file system, and
// with it as it is: in the short form with one of these, which goes by turns.
func (m *memFS) anyImage(turn int, check func(how string, img *memFS)) {
	images := m.images()
	images["as it is"] = m
	for i, how := range slices.Sorted(maps.Keys(images)) {
		if tortured() || i == turn%len(images) {
			check(how, images[how])
		}
	}
}

func tortured() bool { return os.Getenv("OSTIARY_TORTURE") == "1" }
