package ledger

import (
	"os"
	"testing"
)

// torture is how many rounds a test makes: short ones in every run, all with
// OSTIARY_TORTURE=1.
func torture(t *testing.T, short, whole int) int {
	t.Helper()
	if os.Getenv("OSTIARY_TORTURE") == "1" {
		return whole
	}
	t.Logf("NOT CHECKED: %d of %d rounds; OSTIARY_TORTURE=1 makes all", whole-short, whole)
	return short
}
